use std::io;
use std::path::Path;

use airlock_content::{HashError, SourceError, SourceErrorKind};

/// For `map_err` at a file operation: names the file and what can be done about the usual causes.
pub(crate) fn local(message: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SourceError {
    let what = path.display().to_string();
    move |cause| {
        let error = SourceError::new(SourceErrorKind::Local, message, what);
        let error = match cause.kind() {
            io::ErrorKind::NotFound => {
                error.hint("check the path; relative paths start at the folder of the manifest")
            }
            io::ErrorKind::PermissionDenied => error.hint("run airlock as a user who may read it"),
            _ => error,
        };
        error.caused_by(cause)
    }
}

/// Content that is not what it promised to be.
pub(crate) fn corrupt(message: impl Into<String>, what: impl std::fmt::Display) -> SourceError {
    SourceError::new(SourceErrorKind::Corrupt, message, what)
}

/// Something sound that is not supported here.
pub(crate) fn unsupported(message: impl Into<String>, what: impl std::fmt::Display) -> SourceError {
    SourceError::new(SourceErrorKind::Unsupported, message, what)
}

/// What was asked for does not exist in a source that can be read.
pub(crate) fn not_found(message: impl Into<String>, what: impl std::fmt::Display) -> SourceError {
    SourceError::new(SourceErrorKind::NotFound, message, what)
}

/// Content whose hash or length is wrong.
pub(crate) fn mismatch(what: impl std::fmt::Display, cause: HashError) -> SourceError {
    corrupt("the content is not what its descriptor says", what)
        .hint("the file is damaged or was changed: make it again, or copy it again from where it came from")
        .caused_by(cause)
}

/// Names for a hint: few, short and printable, whatever a foreign file holds.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 20;
    let mut names = names.into_iter();
    let mut out: Vec<String> = names.by_ref().take(SHOWN).map(clip).collect();
    let more = names.count();
    if more > 0 {
        out.push(format!("and {more} more"));
    }
    out.join(", ")
}

/// Foreign text for a message: at most 200 characters, control characters escaped.
pub(crate) fn clip(text: &str) -> String {
    text.chars().take(200).flat_map(char::escape_debug).collect()
}
