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
    pub(crate) fn render(&self) -> String {
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
