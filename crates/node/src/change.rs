//! What is wanted of a node.

use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use airlock_types::Digest;

use crate::{FirewallRules, Packages, Service};

/// One thing that should be so. Paths are those of the node, from `/`.
#[derive(Clone, Debug)]
pub enum Change {
    /// A folder.
    Directory {
        /// Where.
        path: PathBuf,
        /// Its permissions; those of a folder that is there are set to these.
        mode: u32,
    },
    /// A file. Parent folders that are missing are made with 0755.
    File {
        /// Where.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
        /// What is in it.
        content: Content,
        /// Whether it must never be shown.
        secret: bool,
    },
    /// A symbolic link.
    Link {
        /// Where.
        path: PathBuf,
        /// Where it leads to.
        target: PathBuf,
        /// Whether something else there is left as it is.
        keep: bool,
    },
    /// Lines in a file that others write too, between two comments with a name.
    Lines {
        /// The file; it is made if there is none.
        path: PathBuf,
        /// The name of the block.
        name: String,
        /// The lines, without line ends.
        lines: Vec<String>,
    },
    /// Lines of a file of others that do not count any more: each becomes a comment, and a line again when it is undone.
    Comment {
        /// The file.
        path: PathBuf,
        /// The lines, as they stand there, without line ends.
        lines: Vec<String>,
    },
    /// No file or link.
    Absent {
        /// Where.
        path: PathBuf,
    },
    /// A path that a service makes and fills by itself. Nothing is made; where there is nothing yet, it is remembered that
    /// all of it came with the service.
    Grown {
        /// Where.
        path: PathBuf,
    },
    /// A module of the kernel, loaded now.
    Module {
        /// `br_netfilter`
        name: String,
    },
    /// A parameter of the kernel, set now.
    Sysctl {
        /// `net.ipv4.ip_forward`
        name: String,
        /// `1`
        value: String,
    },
    /// No swap, now.
    SwapOff,
    /// OS packages, installed.
    Packages(Packages),
    /// A service, running with the configuration that is there now.
    Service(Service),
    /// Ports and networks that a firewall lets in.
    Firewall(FirewallRules),
    /// Something of the system that is made from files, made anew: `update-ca-certificates`.
    Refresh {
        /// The command.
        program: String,
        /// Its arguments.
        args: Vec<String>,
        /// Its arguments when the files are gone again.
        undo_args: Vec<String>,
        /// Stands for the files that it reads: with another one it is run again.
        fingerprint: String,
    },
    /// SELinux labels of paths, as the policy wants them; nothing where there is no SELinux.
    Relabel {
        /// What is labelled, with everything below.
        paths: Vec<PathBuf>,
        /// What below them is not even looked at.
        except: Vec<PathBuf>,
    },
}

impl Change {
    /// A file that anyone may be shown.
    pub fn file(path: impl Into<PathBuf>, mode: u32, content: impl Into<Content>) -> Self {
        Self::File {
            path: path.into(),
            mode,
            content: content.into(),
            secret: false,
        }
    }

    /// A file for root alone, which must never be shown.
    pub fn secret_file(path: impl Into<PathBuf>, content: impl Into<Content>) -> Self {
        Self::File {
            path: path.into(),
            mode: 0o600,
            content: content.into(),
            secret: true,
        }
    }

    /// One line for people and for the journal, without any content.
    pub fn title(&self) -> String {
        match self {
            Self::Directory { path, mode } => format!("folder {} {mode:04o}", path.display()),
            Self::File {
                path, mode, content, ..
            } => format!("file {} {mode:04o}, {} bytes", path.display(), content.size()),
            Self::Link { path, target, .. } => format!("link {} → {}", path.display(), target.display()),
            Self::Lines { path, name, lines } => {
                format!("{} lines for {name} in {}", lines.len(), path.display())
            }
            Self::Comment { path, lines } => {
                format!("{} lines as comments in {}", lines.len(), path.display())
            }
            Self::Absent { path } => format!("no {}", path.display()),
            Self::Grown { path } => format!("data in {}", path.display()),
            Self::Module { name } => format!("module {name}"),
            Self::Sysctl { name, value } => format!("sysctl {name} = {value}"),
            Self::SwapOff => "swap off".to_owned(),
            Self::Packages(packages) => format!("packages {}", packages.names.join(" ")),
            Self::Service(service) => format!("service {} running", service.unit),
            Self::Firewall(rules) => {
                format!("firewall ({}) lets in {}", rules.tool.as_str(), rules.listed())
            }
            Self::Refresh { program, .. } => format!("{program} has run"),
            Self::Relabel { paths, .. } => {
                let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
                format!("SELinux labels of {}", paths.join(" "))
            }
        }
    }

    /// The path of a change of files.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Directory { path, .. }
            | Self::File { path, .. }
            | Self::Link { path, .. }
            | Self::Lines { path, .. }
            | Self::Comment { path, .. }
            | Self::Absent { path } => Some(path),
            _ => None,
        }
    }
}

/// What is in a file.
#[derive(Clone)]
pub enum Content {
    /// These bytes.
    Bytes(Arc<[u8]>),
    /// Bytes of a bundle or store.
    Blob(Blob),
}

/// Bytes that are read when they are needed.
#[derive(Clone)]
pub struct Blob {
    digest: Digest,
    size: u64,
    open: Arc<dyn Fn() -> io::Result<Box<dyn Read + Send>> + Send + Sync>,
}

impl Blob {
    /// Bytes with this SHA-256 and length; they are checked while they are written.
    pub fn new(
        digest: Digest,
        size: u64,
        open: impl Fn() -> io::Result<Box<dyn Read + Send>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            digest,
            size,
            open: Arc::new(open),
        }
    }
}

impl Content {
    /// Its length in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Blob(blob) => blob.size,
        }
    }

    /// Its SHA-256.
    pub fn digest(&self) -> Digest {
        match self {
            Self::Bytes(bytes) => Digest::sha256(airlock_hash::sha256(bytes)),
            Self::Blob(blob) => blob.digest,
        }
    }

    /// Reads it from its first byte.
    pub fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        match self {
            Self::Bytes(bytes) => Ok(Box::new(io::Cursor::new(Arc::clone(bytes)))),
            Self::Blob(blob) => (blob.open)(),
        }
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Self::Bytes(text.as_bytes().into())
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Self::Bytes(text.into_bytes().into())
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

/// Never the bytes: they may be secret.
impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({} bytes)", self.size())
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({}, {} bytes)", self.digest, self.size)
    }
}
