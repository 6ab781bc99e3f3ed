use std::io;
use std::path::PathBuf;

use crate::RunError;

/// Why a node could not be read or changed. What was made until then is in the journal.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The operating system said no.
    #[error("{doing} failed: {}", path.display())]
    Io {
        /// What was being done, "writing the file".
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Something else is where a file, link or folder should be.
    #[error("{wanted} cannot be put there, since there is {found} already: {}", path.display())]
    InTheWay {
        /// "a file", "a folder", "a link".
        wanted: &'static str,
        /// What is there.
        found: &'static str,
        /// Where.
        path: PathBuf,
    },
    /// A path that does not begin with `/`, or links that go round in circles.
    #[error("the path of a node is not usable: {}", .0.display())]
    Path(PathBuf),
    /// The bytes were not those announced.
    #[error("the content is not what the bundle says it is: {}", .0.display())]
    Content(PathBuf),
    /// Another process changes this node.
    #[error("another airlock is changing this node; its lock is {}", .0.display())]
    Busy(PathBuf),
    /// The journal does not read.
    #[error("the journal of this node cannot be read at line {line}: {}", path.display())]
    Journal {
        /// Its file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A later version wrote the journal.
    #[error("the journal of this node has a format that this version cannot read: {0}")]
    Version(u32),
    /// A system command did not do it.
    #[error("{what} failed")]
    Command {
        /// What was being done, with its object.
        what: String,
        /// How the command ended.
        #[source]
        source: RunError,
    },
    /// A service did not come up.
    #[error("the service did not become ready ({state}): {unit}{}", if log.is_empty() { String::new() } else { format!("\nthe end of its log:\n{log}") })]
    Service {
        /// Its name.
        unit: String,
        /// What the service manager says of it.
        state: String,
        /// The last lines of its log.
        log: String,
        /// How the command ended.
        #[source]
        source: RunError,
    },
    /// A system command did it, it said, but the state is not what was wanted.
    #[error("{what}: {found}")]
    Unchanged {
        /// What was wanted.
        what: String,
        /// What is the case.
        found: String,
    },
    /// The caller asked to stop while a service was being started, which goes on.
    #[error("stopped before the service was ready, and it is still being started: {0}")]
    StillStarting(String),
    /// The caller asked to stop between two changes.
    #[error("stopped before everything was changed")]
    Stopped,
}

impl NodeError {
    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }

    /// What somebody at the node can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied => Some("a node is changed as root"),
                io::ErrorKind::ReadOnlyFilesystem => {
                    Some("the file system is mounted read-only: remount it, or choose another folder")
                }
                io::ErrorKind::StorageFull => Some("make room there, and run the same command again"),
                _ => None,
            },
            Self::InTheWay { .. } => Some("move it away, and run the same command again"),
            Self::Busy(_) => Some("wait until it is done"),
            Self::Version(_) => Some("use the version of airlock that wrote it, or a later one"),
            Self::Service { .. } => Some(
                "mend what its log says and run the same command again, or `airlock uninstall` to go back to what was there",
            ),
            Self::Stopped | Self::StillStarting(_) => Some("run the same command again to go on from here"),
            _ => None,
        }
    }
}
