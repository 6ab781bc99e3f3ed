//! The lines of a journal.

use std::path::PathBuf;

use airlock_types::Digest;
use serde::{Deserialize, Serialize};

use crate::{FirewallRules, PackageManager, ServiceManager};

/// The format that this version writes.
pub(crate) const VERSION: u32 = 1;

/// A line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub(crate) enum Record {
    /// The first line.
    Begin {
        version: u32,
        /// Folders that were made for the journal itself, outermost first.
        made: Vec<PathBuf>,
    },
    /// A change is about to be made; what it replaces is kept.
    Change {
        number: u64,
        by: String,
        title: String,
        undo: Undo,
    },
    /// It is made.
    Made {
        number: u64,
        /// Packages that came with it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        added: Vec<String>,
    },
    /// It is undone.
    Undone { number: u64 },
}

/// How a change is undone. Doing so twice does no harm. Paths are those of the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub(crate) enum Undo {
    /// Nothing was there.
    Remove {
        path: PathBuf,
        made: Option<Digest>,
        /// Where the link leads to that is made.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        link: Option<PathBuf>,
    },
    /// What was there is kept.
    PutBack {
        path: PathBuf,
        made: Option<Digest>,
        /// Where the link leads to that is made.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        link: Option<PathBuf>,
    },
    /// Everything below came with a service; removed only when that is asked for.
    RemoveAll {
        path: PathBuf,
    },
    RemoveFolder {
        path: PathBuf,
    },
    Mode {
        path: PathBuf,
        mode: u32,
    },
    /// What was there is kept, for the case that nobody else has written since.
    Lines {
        path: PathBuf,
        name: String,
        was: Vec<String>,
        is_new: bool,
        made: Digest,
    },
    /// The same, for lines that became comments.
    Comment {
        path: PathBuf,
        lines: Vec<String>,
        made: Digest,
    },
    UnloadModule {
        name: String,
    },
    Sysctl {
        name: String,
        value: String,
    },
    SwapOn {
        devices: Vec<String>,
    },
    /// The list of packages before is kept.
    Packages {
        manager: PackageManager,
        names: Vec<String>,
    },
    Service {
        manager: ServiceManager,
        unit: String,
        fingerprint: String,
        was_active: bool,
    },
    Firewall {
        rules: FirewallRules,
    },
    /// Run again when the files are back.
    Refresh {
        program: String,
        args: Vec<String>,
        fingerprint: String,
    },
    Nothing,
}

impl Undo {
    /// The file that it is about.
    pub(crate) fn path(&self) -> Option<&PathBuf> {
        match self {
            Self::Remove { path, .. }
            | Self::PutBack { path, .. }
            | Self::Lines { path, .. }
            | Self::Comment { path, .. } => Some(path),
            _ => None,
        }
    }
}
