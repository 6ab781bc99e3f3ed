//! What is wrong with a value, and how that is told.

use crate::format::quote;

/// Something that is wrong, with what is wrong below it.
#[derive(Debug)]
pub(super) struct Problem {
    /// The JSON pointer of the value.
    at: String,
    kind: Kind,
    causes: Vec<Problem>,
}

/// What is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Many things, which stand for themselves where that can be.
    Group,
    /// What a reference leads to, which stands for itself if it is one thing.
    Reference,
    /// The keyword says this.
    Text(String),
}

impl Problem {
    pub(super) fn new(at: &[String], kind: Kind, causes: Vec<Self>) -> Self {
        Self {
            at: pointer(at),
            kind,
            causes,
        }
    }

    /// A leaf.
    pub(super) fn text(at: &[String], text: impl Into<String>) -> Self {
        Self::new(at, Kind::Text(text.into()), Vec::new())
    }

    /// One problem, or a group of them.
    pub(super) fn of(at: &[String], mut problems: Vec<Self>) -> Option<Self> {
        match problems.len() {
            0 => None,
            1 => problems.pop(),
            _ => Some(Self::new(at, Kind::Group, problems)),
        }
    }

    /// What is below a reference, for which a group is nothing of its own.
    pub(super) fn under_reference(at: &[String], problem: Self) -> Self {
        let causes = if problem.kind == Kind::Group {
            problem.causes
        } else {
            vec![problem]
        };
        Self::new(at, Kind::Reference, causes)
    }

    /// The same below another text.
    pub(super) fn under(self, at: &[String], text: String) -> Self {
        let causes = if self.kind == Kind::Group {
            self.causes
        } else {
            vec![self]
        };
        Self::new(at, Kind::Text(text), causes)
    }

    /// One line for each, the causes further in, without the line that says which schema it is.
    pub(super) fn display(&self) -> String {
        let mut text = String::new();
        if self.kind == Kind::Group {
            for cause in &self.causes {
                cause.write(&mut text, 0);
            }
        } else {
            self.write(&mut text, 0);
        }
        text
    }

    fn write(&self, text: &mut String, indent: usize) {
        let silent = self.kind == Kind::Reference && self.causes.len() == 1;
        if !silent {
            if !text.is_empty() {
                text.push('\n');
            }
            (0..indent).for_each(|_| text.push_str("  "));
            text.push_str("- at ");
            text.push_str(&quoted(&self.at));
            text.push_str(": ");
            text.push_str(match &self.kind {
                Kind::Group | Kind::Reference => "validation failed",
                Kind::Text(said) => said,
            });
        }
        for cause in &self.causes {
            cause.write(text, indent + usize::from(!silent));
        }
    }
}

/// The JSON pointer of a path.
pub(super) fn pointer(path: &[String]) -> String {
    let mut text = String::new();
    for part in path {
        text.push('/');
        text.push_str(&part.replace('~', "~0").replace('/', "~1"));
    }
    text
}

/// In single quotes.
pub(super) fn quoted(text: &str) -> String {
    let text = quote(text.as_bytes());
    let inner = text.get(1..text.len() - 1).unwrap_or_default();
    format!("'{}'", inner.replace("\\\"", "\"").replace('\'', "\\'"))
}

/// All in single quotes.
pub(super) fn all_quoted<S: AsRef<str>>(texts: &[S]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text.as_ref())).collect();
    texts.join(", ")
}
