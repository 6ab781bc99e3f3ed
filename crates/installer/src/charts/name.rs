//! Names of files and resources.

use airlock_types::Digest;

use super::ChartsError;

/// The longest name of a release: a job `helm-install-NAME` has 63 characters at most, being a label of its pods.
const MAX_RELEASE: usize = 50;

/// HelmCharts that k3s makes itself, with the component that brings them.
const OF_K3S: [(&str, &str); 2] = [("traefik", "traefik"), ("traefik-crd", "traefik")];

/// The stem of a file: `airlock-` and the parts, as RFC 1123 has labels. What had to be changed is told apart by a digest.
pub(super) fn file(parts: &[&str]) -> String {
    let whole = parts.join("-");
    let mut stem = String::new();
    let mut is_changed = false;
    for c in whole.chars() {
        match c {
            'a'..='z' | '0'..='9' => stem.push(c),
            '-' if !stem.ends_with('-') => stem.push('-'),
            _ => {
                is_changed = true;
                if !stem.ends_with('-') {
                    stem.push('-');
                }
            }
        }
    }
    let mut end = stem.trim_end_matches('-');
    is_changed |= end.len() < stem.len() || whole.len() != stem.len();
    if end.len() > 200 {
        end = end.get(..200).unwrap_or_default().trim_end_matches('-');
        is_changed = true;
    }
    if is_changed {
        // Parts are told apart, so that `a`, `b-c` is not `a-b`, `c`.
        format!("airlock-{end}-{}", short(&digest(parts.join("\n").as_bytes())))
    } else {
        format!("airlock-{end}")
    }
}

/// The digest of some text.
pub(super) fn digest(bytes: &[u8]) -> Digest {
    Digest::sha256(airlock_hash::sha256(bytes))
}

/// Eight digits of a digest, which tell apart what people have named alike.
pub(super) fn short(digest: &Digest) -> String {
    let text = digest.to_string();
    let hex = text.rsplit(':').next().unwrap_or_default();
    hex.get(..8).unwrap_or_default().to_owned()
}

/// Whether k3s can install a release of this name.
pub(super) fn check_release(release: &str, disabled: &[String]) -> Result<(), ChartsError> {
    let refuse = |why: String| {
        Err(ChartsError::Name {
            release: release.to_owned(),
            why,
        })
    };
    if release.len() > MAX_RELEASE {
        return refuse(format!("more than {MAX_RELEASE} characters"));
    }
    if !release.split('.').all(is_label) {
        return refuse("only lower case letters, digits, `-` and `.`".to_owned());
    }
    let own = OF_K3S.iter().find(|(name, _)| *name == release);
    if let Some((_, component)) = own
        && !disabled.iter().any(|disabled| disabled == component)
    {
        return refuse(format!(
            "k3s has one of its own, unless `cluster.disable` names {component}"
        ));
    }
    Ok(())
}

/// Whether this is a label of RFC 1123, as names of namespaces are.
pub(super) fn is_label(text: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    text.len() <= 63
        && edge(text.chars().next())
        && edge(text.chars().next_back())
        && text
            .bytes()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_labels_and_told_apart() {
        assert_eq!(
            file(&["chart", "kube-prometheus-stack"]),
            "airlock-chart-kube-prometheus-stack"
        );
        let odd = [
            vec!["chart", "a.b"],
            vec!["chart", "a-b"],
            vec!["chart", "A-b"],
            vec!["chart", "a--b"],
            vec!["chart", "a-b-"],
            vec!["manifest", "edge", "../x/ü.yaml"],
            vec!["manifest", "edge", "x/u.yaml"],
            vec!["manifest", "edge-x", "u.yaml"],
            vec!["manifest", ""],
        ];
        let mut names: Vec<String> = odd.iter().map(|parts| file(parts)).collect();
        names.push(file(&["chart", &"x".repeat(5000)]));
        for name in &names {
            assert!(
                name.len() < 240 && name.split('-').all(|part| part.len() <= 210 && !part.is_empty()),
                "{name}"
            );
            assert!(
                name.bytes()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-'),
                "{name}"
            );
        }
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all, "{names:?}");
    }

    #[test]
    fn names_of_releases_are_those_that_jobs_can_have() {
        let none: &[String] = &[];
        assert!(check_release("shop.one", none).is_ok());
        assert!(check_release(&"a".repeat(50), none).is_ok());
        assert!(check_release("traefik", &["traefik".to_owned()]).is_ok());
        for (name, why) in [
            ("a".repeat(51), "more than 50 characters"),
            ("traefik".to_owned(), "unless `cluster.disable` names traefik"),
            (String::new(), "only lower case"),
            ("Shop".to_owned(), "only lower case"),
            ("a..b".to_owned(), "only lower case"),
            ("-a".to_owned(), "only lower case"),
            ("a/../b".to_owned(), "only lower case"),
        ] {
            let error = check_release(&name, none).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
