//! Where the walk is.

use super::Walker;
use crate::format::lossy;
use crate::images::found::Place;
use crate::images::sink::first;
use crate::images::words;
use crate::value::Str;

/// A step of a path.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Key(Str),
    Index(usize),
    /// Into a document inside a string, or to what is said in words.
    Into(String),
}

/// A path, and each key of it, is shown as far as anybody reads: there may be very many below a long one.
const LONGEST: usize = 1000;
const LONGEST_KEY: usize = 200;

impl Walker<'_> {
    /// Does something below a key.
    pub(in crate::images) fn key(&mut self, name: impl Into<Str>, then: impl FnOnce(&mut Self)) {
        self.path.push(Step::Key(name.into()));
        then(self);
        self.path.pop();
    }

    /// The same at an item of a list.
    pub(in crate::images) fn index(&mut self, at: usize, then: impl FnOnce(&mut Self)) {
        self.path.push(Step::Index(at));
        then(self);
        self.path.pop();
    }

    /// The same inside a document of a string.
    pub(in crate::images) fn into(&mut self, what: &str, then: impl FnOnce(&mut Self)) {
        self.path.push(Step::Into(what.to_owned()));
        then(self);
        self.path.pop();
    }

    /// The same in a line of a text, which is told if there are several.
    pub(in crate::images) fn line(&mut self, line: Option<usize>, then: impl FnOnce(&mut Self)) {
        match line {
            Some(line) => self.into(&format!("line {line}"), then),
            None => then(self),
        }
    }

    /// Whether the key that the walk is at says something.
    pub(super) fn below(&self, says: fn(&str) -> bool) -> bool {
        self.last_but(0).is_some_and(|key| words::say(key, says))
    }

    /// The same of the key above.
    pub(super) fn below_parent(&self, says: fn(&str) -> bool) -> bool {
        self.last_but(1).is_some_and(|key| words::say(key, says))
    }

    pub(super) fn parent_is(&self, name: &str) -> bool {
        self.last_but(1).is_some_and(|key| *key == name)
    }

    /// The step that has so many after it, if it is a key.
    fn last_but(&self, count: usize) -> Option<&Str> {
        match self.path.iter().rev().nth(count) {
            Some(Step::Key(key)) => Some(key),
            _ => None,
        }
    }

    /// Where the walk is.
    pub(in crate::images) fn place(&self) -> Place {
        let mut path = String::new();
        for step in &self.path {
            if path.len() > LONGEST {
                path.push('…');
                break;
            }
            match step {
                Step::Key(key) => {
                    let start = key.get(..4 * LONGEST_KEY).unwrap_or(key);
                    let text = lossy(start);
                    let key = first(&text, LONGEST_KEY);
                    let simple = key
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
                    if !simple || key.is_empty() {
                        path.push_str(&format!("[{key:?}]"));
                    } else {
                        if !path.is_empty() && !path.ends_with(' ') {
                            path.push('.');
                        }
                        path.push_str(key);
                    }
                }
                Step::Index(at) => path.push_str(&format!("[{at}]")),
                Step::Into(what) if what.is_empty() => path.push_str(" > "),
                Step::Into(what) => path.push_str(&format!(" > {what} ")),
            }
        }
        let path = path.trim().to_owned();
        Place {
            source: self.source.clone(),
            object: self.object.clone(),
            path,
        }
    }
}
