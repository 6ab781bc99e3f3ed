//! How two outputs differ, when chance and the order of Go's maps are left aside.

use std::collections::BTreeSet;

/// A file as two programs rendered it.
pub(super) struct Pair<'a> {
    pub(super) helm: &'a str,
    pub(super) ours: &'a str,
}

impl Pair<'_> {
    /// Whether both are equal outside of the lines in which Helm differs from itself.
    pub(super) fn equal_but_for(&self, random: &BTreeSet<usize>) -> bool {
        if self.helm == self.ours {
            return true;
        }
        let (helm, ours): (Vec<_>, Vec<_>) =
            (self.helm.split('\n').collect(), self.ours.split('\n').collect());
        helm.len() == ours.len()
            && helm
                .iter()
                .zip(&ours)
                .enumerate()
                .all(|(number, (one, other))| one == other || random.contains(&number))
    }

    /// The first lines that differ.
    pub(super) fn show(&self, most: usize) -> String {
        let mut out = String::new();
        let helm: Vec<&str> = self.helm.split('\n').collect();
        let ours: Vec<&str> = self.ours.split('\n').collect();
        let mut shown = 0;
        for number in 0..helm.len().max(ours.len()) {
            let (one, other) = (helm.get(number), ours.get(number));
            if one == other {
                continue;
            }
            for (sign, line) in [('-', one), ('+', other)] {
                if let Some(line) = line {
                    let line: String = line.chars().take(200).collect();
                    out.push_str(&format!("      {sign}{}: {line:?}\n", number + 1));
                }
            }
            shown += 1;
            if shown == most {
                break;
            }
        }
        out
    }
}

/// The lines in which two renderings by Helm differ; `None` when they have not as many lines.
pub(super) fn random_lines(one: &str, other: &str) -> Option<BTreeSet<usize>> {
    let (one, other): (Vec<_>, Vec<_>) = (one.split('\n').collect(), other.split('\n').collect());
    (one.len() == other.len()).then(|| {
        let pairs = one.iter().zip(&other).enumerate();
        pairs
            .filter(|(_, (a, b))| a != b)
            .map(|(number, _)| number)
            .collect()
    })
}

/// A text without what keys and certificates are made of, whose lines are not always as many.
pub(super) fn without_keys(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for line in text.split_inclusive('\n') {
        if line.contains("-----BEGIN ") && !line.contains("-----END ") {
            inside = true;
            out.push_str(line);
        } else if inside {
            if line.contains("-----END ") {
                inside = false;
                out.push_str(line);
            }
        } else {
            match line.find("LS0tLS1CRUdJTi") {
                Some(at) => {
                    let rest = line.get(at..).unwrap_or_default();
                    let end = rest
                        .find(|sign: char| !sign.is_ascii_alphanumeric() && !"+/=".contains(sign))
                        .unwrap_or(rest.len());
                    out.push_str(line.get(..at).unwrap_or_default());
                    out.push_str("(a key in base64)");
                    out.push_str(rest.get(end..).unwrap_or_default());
                }
                None => out.push_str(line),
            }
        }
    }
    out
}

/// Where errors stand: each `file:line` of a text, in order.
pub(super) fn places(text: &str) -> Vec<String> {
    let mut places = Vec::new();
    for word in text.split(|sign: char| sign.is_whitespace() || "()\"".contains(sign)) {
        let mut parts = word.split(':');
        if let (Some(file), Some(line)) = (parts.next(), parts.next())
            && file.contains('/')
            && !line.is_empty()
            && line.bytes().all(|digit| digit.is_ascii_digit())
        {
            places.push(format!("{file}:{line}"));
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::{Pair, places, random_lines, without_keys};

    #[test]
    fn masks_only_the_lines_in_which_helm_differs_from_itself() {
        let random = random_lines("a\nx1\nb", "a\nx2\nb").unwrap();
        let pair = |ours| Pair {
            helm: "a\nx1\nb",
            ours,
        };
        assert!(pair("a\nx3\nb").equal_but_for(&random));
        assert!(!pair("a\nx1\nc").equal_but_for(&random));
        assert!(!pair("a\nx3\nb\n").equal_but_for(&random));
        assert_eq!(random_lines("a", "a\nb"), None);
    }

    #[test]
    fn finds_keys_and_places() {
        assert_eq!(
            without_keys("k: LS0tLS1CRUdJTiBD+/=\" x\n-----BEGIN A-----\nabc\n-----END A-----\nz"),
            "k: (a key in base64)\" x\n-----BEGIN A-----\n-----END A-----\nz"
        );
        assert_eq!(
            places("template: a/b.yaml:3:4: executing \"a/b.yaml\" at <x>: c/d.tpl:5"),
            ["a/b.yaml:3", "c/d.tpl:5"]
        );
        assert_eq!(places("parse error at (a/b.yaml:4): no"), ["a/b.yaml:4"]);
    }
}
