//! Recorded answers, and how two answers differ.

use std::collections::BTreeMap;
use std::fs;

use crate::scenario::{folder, sections};

/// What a rendering gave.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Files(BTreeMap<String, String>),
    /// The text of Helm's error.
    Error(String),
}

/// The answers of a scenario, by case.
#[derive(Default)]
pub(crate) struct Expected {
    cases: BTreeMap<String, Answer>,
}

/// An error that repeats itself a thousand times is recorded by its beginning and its end.
const LONGEST_ERROR: usize = 2000;

const NO_NEWLINE: &str = " (no newline at the end)";

impl Expected {
    pub(crate) fn insert(&mut self, case: &str, answer: Answer) {
        self.cases.insert(case.to_owned(), answer.shortened());
    }

    pub(crate) fn read(scenario: &str) -> Option<Self> {
        let text = fs::read_to_string(folder().join(format!("expected/{scenario}.txt"))).ok()?;
        let mut cases = BTreeMap::new();
        for section in sections(&text).1 {
            let mut text = section.text.replace("\n\\-- ", "\n-- ");
            if let Some(rest) = text.strip_prefix("\\-- ") {
                text = format!("-- {rest}");
            }
            let title = match section.title.strip_suffix(NO_NEWLINE) {
                Some(title) => {
                    text.pop();
                    title
                }
                None => &section.title,
            };
            let (case, path) = title.split_once(": ").unwrap();
            if path == "error" {
                cases.insert(case.to_owned(), Answer::Error(text));
                continue;
            }
            let answer = cases
                .entry(case.to_owned())
                .or_insert_with(|| Answer::Files(BTreeMap::new()));
            if let (Answer::Files(files), false) = (answer, path == "nothing") {
                files.insert(path.to_owned(), text);
            }
        }
        Some(Self { cases })
    }

    pub(crate) fn write(&self, scenario: &str) {
        let mut out = String::new();
        for (case, answer) in &self.cases {
            match answer {
                Answer::Error(text) => section(&mut out, &format!("{case}: error"), text),
                Answer::Files(files) if files.is_empty() => {
                    section(&mut out, &format!("{case}: nothing"), "\n");
                }
                Answer::Files(files) => {
                    for (path, text) in files {
                        section(&mut out, &format!("{case}: {path}"), text);
                    }
                }
            }
        }
        let folder = folder().join("expected");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{scenario}.txt")), out).unwrap();
    }

    /// How another's answers differ from these, in words.
    pub(crate) fn differences(&self, other: &Self, scenario: &str) -> Vec<String> {
        let mut all = Vec::new();
        for (case, answer) in &other.cases {
            let place = format!("{scenario} ({case})");
            match self.cases.get(case) {
                None => all.push(format!("{place}: nothing is recorded")),
                Some(recorded) => all.extend(recorded.difference(answer, &place)),
            }
        }
        all
    }
}

fn section(out: &mut String, title: &str, text: &str) {
    let ends = text.ends_with('\n');
    out.push_str(&format!("-- {title}{} --\n", if ends { "" } else { NO_NEWLINE }));
    for line in text.split_inclusive('\n') {
        out.push_str(if line.starts_with("-- ") { "\\" } else { "" });
        out.push_str(line);
    }
    if !ends {
        out.push('\n');
    }
}

impl Answer {
    /// The same with what a recording keeps of it.
    pub(crate) fn shortened(self) -> Self {
        match self {
            Self::Error(text) if text.len() > LONGEST_ERROR => {
                let start: String = text.chars().take(LONGEST_ERROR / 2).collect();
                let skip = text.chars().count().saturating_sub(LONGEST_ERROR / 4);
                let end: String = text.chars().skip(skip).collect();
                Self::Error(format!("{start}\n… {} bytes in all …\n{end}", text.len()))
            }
            other => other,
        }
    }

    /// How another answer to the same question differs from this one.
    pub(crate) fn difference(&self, other: &Self, place: &str) -> Vec<String> {
        match (self, other) {
            (Self::Files(ours), Self::Files(theirs)) => {
                let mut all = Vec::new();
                for (path, text) in ours {
                    match theirs.get(path) {
                        None => all.push(format!("{place}: {path} is not rendered")),
                        Some(other) if other != text => {
                            all.push(format!("{place}: {path}{}", lines(text, other)));
                        }
                        Some(_) => {}
                    }
                }
                let more = theirs.keys().filter(|path| !ours.contains_key(*path));
                all.extend(more.map(|path| format!("{place}: {path} is rendered")));
                all
            }
            (Self::Error(one), Self::Error(other)) if one == other => Vec::new(),
            (Self::Error(one), Self::Error(other)) => vec![format!("{place}: error{}", lines(one, other))],
            (Self::Files(_), Self::Error(text)) => vec![format!("{place}: fails\n    + {text}")],
            (Self::Error(text), Self::Files(_)) => vec![format!("{place}: does not fail\n    - {text}")],
        }
    }
}

/// The first lines in which two texts differ.
fn lines(one: &str, other: &str) -> String {
    let mut out = String::new();
    let (mut one, mut other) = (one.split_inclusive('\n'), other.split_inclusive('\n'));
    let mut shown = 0;
    for number in 1.. {
        let pair = (one.next(), other.next());
        if pair == (None, None) || shown == 3 {
            break;
        }
        if pair.0 == pair.1 {
            continue;
        }
        shown += 1;
        for (sign, line) in [('-', pair.0), ('+', pair.1)] {
            if let Some(line) = line {
                out.push_str(&format!("\n    {sign}{number}: {line:?}"));
            }
        }
    }
    out
}
