//! How a command ends badly: exit code, message, causes, hint.

use std::fmt::Write as _;

use airlock_bundle::BundleError;
use airlock_content::{SourceError, StoreError};
use airlock_trust::KeyError;

/// The exit codes of the design.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// The answer is no: verification failed, drift found, checks failed.
    No = 1,
    /// Usage or environment.
    Trouble = 2,
    /// Partial, with the list of what is missing.
    Partial = 3,
    /// Interrupted by Ctrl-C, as shells report it.
    Interrupted = 130,
}

/// A command's bad end.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What the process exits with.
    pub(crate) exit: Exit,
    /// What happened, with its causes.
    pub(crate) error: anyhow::Error,
    /// What to do, when the error itself does not know.
    pub(crate) hint: Option<String>,
}

/// What a command returns.
pub(crate) type Result<T = (), E = Failure> = std::result::Result<T, E>;

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            exit: Exit::Trouble,
            error: error.into(),
            hint: None,
        }
    }
}

impl Failure {
    /// The answer is no.
    pub(crate) fn no(error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit: Exit::No,
            error: error.into(),
            hint: None,
        }
    }

    /// The same with a hint.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with a hint for the case that what was asked for is not there, and no other.
    pub(crate) fn hint_if_absent(self, hint: impl Into<String>) -> Self {
        let absent = self
            .error
            .chain()
            .filter_map(|error| error.downcast_ref::<std::io::Error>())
            .any(|error| error.kind() == std::io::ErrorKind::NotFound);
        if absent { self.hint(hint) } else { self }
    }

    /// The text for standard error, without colours.
    ///
    /// What is foreign in it (names in an archive, the text of a template) cannot steer a terminal or flood it.
    pub(crate) fn render(&self) -> String {
        tamed(&self.written())
    }

    fn written(&self) -> String {
        let mut out = format!("error: {}\n", self.error);
        let causes: Vec<String> = self.error.chain().skip(1).map(ToString::to_string).collect();
        // A library that wraps transparently repeats its cause word for word; once is enough.
        let mut previous = self.error.to_string();
        let mut shown = Vec::new();
        for cause in causes {
            if !previous.contains(&cause) {
                shown.push(cause.clone());
            }
            previous = cause;
        }
        if !shown.is_empty() {
            out.push_str("\nCaused by:\n");
            for cause in shown {
                let _ = writeln!(out, "  {}", cause.replace('\n', "\n  "));
            }
        }
        if let Some(hint) = self.hint.clone().or_else(|| self.error.chain().find_map(hint_of)) {
            let _ = writeln!(out, "\nhint: {hint}");
        }
        out
    }
}

/// How much of one line is shown at each end of it.
const SHOWN: usize = 1000;

/// The text without control characters, and without the middle of lines that nobody reads: a template that includes
/// itself a thousand times fails with a thousand places.
pub(crate) fn tamed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        let head = line.floor_char_boundary(SHOWN);
        let tail = line.ceil_char_boundary(line.len().saturating_sub(SHOWN));
        let parts = if line.len() > 3 * SHOWN {
            [line.get(..head), line.get(tail..)]
        } else {
            [Some(line), None]
        };
        for (at, part) in parts.into_iter().flatten().enumerate() {
            if at > 0 {
                let _ = write!(out, " … {} bytes … ", tail - head);
            }
            for char in part.chars() {
                if char.is_control() && char != '\t' {
                    out.extend(char.escape_default());
                } else {
                    out.push(char);
                }
            }
        }
        out.push_str(end);
    }
    out
}

/// The hint that an error of one of the libraries carries.
fn hint_of(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref::<SourceError>() {
        return error.hint.clone();
    }
    if let Some(error) = error.downcast_ref::<StoreError>() {
        return error.hint();
    }
    if let Some(error) = error.downcast_ref::<KeyError>() {
        return error.hint();
    }
    if let Some(error) = error.downcast_ref::<BundleError>() {
        return error.hint();
    }
    let error = error.downcast_ref::<std::io::Error>()?;
    airlock_content::io_hint(error).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_neither_steers_nor_floods_the_terminal() {
        let failure = Failure::no(anyhow::anyhow!(
            "a\x1b[2Jb\r\u{9b}c\n  {}é{}",
            "x".repeat(5000),
            "y".repeat(999)
        ));
        let shown = failure.render();
        assert!(
            shown.starts_with("error: a\\u{1b}[2Jb\\r\\u{9b}c\n  xx"),
            "{shown}"
        );
        assert!(
            shown.ends_with(&format!("x … 4004 bytes … {}\n", "y".repeat(999))),
            "{shown}"
        );
        assert!(shown.len() < 2200, "{}", shown.len());
    }
}
