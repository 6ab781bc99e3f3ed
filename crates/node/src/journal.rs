//! The journal of a node: every change with what was there before, written before it is made.
//!
//! A line of JSON for each step, in `/var/lib/airlock/node/journal`, beside a folder with the former content of files.
//! Both are for root alone, since former files may hold secrets; what changes write is never in the journal, only its
//! SHA-256.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rustix::fs::FlockOperation;

use crate::{Change, Node, NodeError, files};

mod make;
mod record;
mod unmake;

use record::{Record, Undo, VERSION};

/// Where the journal of a node is.
const FOLDER: &str = "/var/lib/airlock/node";
/// The largest journal that is read.
const MAX_JOURNAL: u64 = 256 << 20;

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was so already.
    Already,
    /// It was made (or would be, where it is only looked at).
    Made,
    /// Only a running machine can have it, and this is a tree.
    Later,
}

/// What the journal does, as it does it.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A change is looked at.
    Looking(&'a Change),
    /// It is recorded that this will be made.
    Recorded(&'a str),
    /// It is made; that is not recorded yet.
    Effected(&'a str),
    /// It is made, and that is recorded.
    Made(&'a str),
    /// It was so already.
    Already(&'a Change),
    /// It waits for a running machine.
    Later(&'a Change),
    /// It will be undone.
    Undoing(&'a str),
    /// It is undone, and that is recorded.
    Undone(&'a str),
    /// Something that others changed since was moved aside.
    Saved(&'a Saved),
    /// Something could not be undone and stays: what, and why.
    Left(&'a str, &'a str),
}

/// A file that somebody changed after Airlock had written it, and that is not lost when it is undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// Where it was.
    pub path: PathBuf,
    /// Where it is now.
    pub copy: PathBuf,
}

/// Whether to go on after an event.
type Observer<'o> = dyn FnMut(Event<'_>) -> ControlFlow<()> + 'o;

/// An observer that only goes on.
pub fn go_on(_: Event<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn told(observer: &mut Observer<'_>, event: Event<'_>) -> Result<(), NodeError> {
    match observer(event) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(NodeError::Stopped),
    }
}

/// A change in the journal.
#[derive(Clone, Debug)]
struct Entry {
    number: u64,
    by: String,
    title: String,
    undo: Undo,
    added: Vec<String>,
    is_made: bool,
    is_undone: bool,
}

/// The journal of a node, held alone.
#[derive(Debug)]
pub struct Journal {
    node: Node,
    folder: PathBuf,
    /// None until the first change.
    open: Option<Opened>,
    made: Vec<PathBuf>,
    entries: Vec<Entry>,
    /// Set when a service that is being started is not to be waited for any more.
    stop: Option<Arc<AtomicBool>>,
}

#[derive(Debug)]
struct Opened {
    file: File,
    /// Held until dropped.
    _lock: File,
}

impl Journal {
    /// Opens the journal of a node, which has none before its first change. What a killed run left half done is
    /// cleared away; what it had made stays, and is in the journal.
    pub fn open(node: &Node) -> Result<Self, NodeError> {
        let mut journal = Self::read(node)?;
        if files::look(&journal.folder.join("journal"))? != files::Found::Nothing {
            journal.take()?;
            journal.clear_away()?;
        }
        Ok(journal)
    }

    /// Reads the journal of a node to look at it only: nothing is locked, and nothing written.
    pub fn read(node: &Node) -> Result<Self, NodeError> {
        let mut journal = Self {
            node: node.clone(),
            folder: node.path(FOLDER)?,
            open: None,
            made: Vec::new(),
            entries: Vec::new(),
            stop: None,
        };
        journal.load()?;
        Ok(journal)
    }

    /// Ends the wait for a service that is being started when the flag is set; an observer is asked between two changes
    /// only. The same call of [`apply`](Self::apply) starts it again.
    #[must_use]
    pub fn stopped_by(mut self, stop: Arc<AtomicBool>) -> Self {
        self.stop = Some(stop);
        self
    }

    /// Whether nothing is recorded that is not undone.
    pub fn is_empty(&self) -> bool {
        self.entries.iter().all(|entry| entry.is_undone)
    }

    /// What is made and not undone, oldest first: who made it, and what.
    pub fn changes(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.entries
            .iter()
            .filter(|entry| !entry.is_undone)
            .map(|entry| (entry.by.as_str(), entry.title.as_str()))
    }

    /// The fingerprint with which a service was last started, or a command last run, from this journal.
    fn last_fingerprint(&self, name: &str) -> Option<&str> {
        self.entries
            .iter()
            .rev()
            .filter(|entry| entry.is_made && !entry.is_undone)
            .find_map(|entry| match &entry.undo {
                Undo::Service {
                    unit: of,
                    fingerprint,
                    ..
                }
                | Undo::Refresh {
                    program: of,
                    fingerprint,
                    ..
                } if of == name => Some(fingerprint.as_str()),
                _ => None,
            })
    }

    fn load(&mut self) -> Result<usize, NodeError> {
        self.entries.clear();
        let path = self.folder.join("journal");
        let facts = match fs::metadata(&path) {
            Ok(facts) => facts,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(NodeError::io("reading the journal", path)(error)),
        };
        if facts.len() > MAX_JOURNAL {
            let error = io::ErrorKind::FileTooLarge.into();
            return Err(NodeError::io("reading the journal", path)(error));
        }
        let bytes = fs::read(&path).map_err(NodeError::io("reading the journal", &path))?;
        // A line that a kill cut off was never acted on.
        let whole = bytes
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        for (at, line) in bytes[..whole].split(|byte| *byte == b'\n').enumerate() {
            if line.is_empty() {
                continue;
            }
            let record = serde_json::from_slice(line).map_err(|source| NodeError::Journal {
                path: path.clone(),
                line: at + 1,
                source,
            })?;
            self.replay(record)?;
        }
        Ok(whole)
    }

    fn replay(&mut self, record: Record) -> Result<(), NodeError> {
        match record {
            Record::Begin { version, .. } if version > VERSION => return Err(NodeError::Version(version)),
            Record::Begin { made, .. } => self.made = made,
            Record::Change {
                number,
                by,
                title,
                undo,
            } => self.entries.push(Entry {
                number,
                by,
                title,
                undo,
                added: Vec::new(),
                is_made: false,
                is_undone: false,
            }),
            Record::Made { number, added } => {
                if let Some(entry) = self.entry(number) {
                    entry.is_made = true;
                    entry.added = added;
                }
            }
            Record::Undone { number } => {
                if let Some(entry) = self.entry(number) {
                    entry.is_undone = true;
                }
            }
        }
        Ok(())
    }

    fn entry(&mut self, number: u64) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.number == number)
    }

    /// Takes the lock and opens the file for the next line.
    fn take(&mut self) -> Result<(), NodeError> {
        if self.open.is_some() {
            return Ok(());
        }
        let mut made = Vec::new();
        self.make_folder(Path::new(FOLDER), &mut made)?;
        let former = self.folder.join("former");
        match DirBuilder::new().mode(0o700).create(&former) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(NodeError::io("making the folder", former)(error));
            }
            _ => {}
        }
        let lock = private(&self.folder.join("lock"), false)?;
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(NodeError::Busy(self.folder.join("lock"))),
            Err(error) => {
                return Err(NodeError::io("taking the lock", self.folder.join("lock"))(
                    error.into(),
                ));
            }
        }
        // Somebody who has undone everything takes the lock away at the end; one that nobody else can find is none.
        let path = self.folder.join("lock");
        let is_there = match (lock.metadata(), fs::metadata(&path)) {
            (Ok(ours), Ok(there)) => (ours.dev(), ours.ino()) == (there.dev(), there.ino()),
            _ => false,
        };
        if !is_there {
            return Err(NodeError::Busy(path));
        }
        // Somebody else may have written until the lock was ours.
        let whole = self.load()?;
        let path = self.folder.join("journal");
        let file = private(&path, true)?;
        file.set_len(whole as u64)
            .map_err(NodeError::io("writing the journal", &path))?;
        self.open = Some(Opened { file, _lock: lock });
        if whole == 0 {
            self.append(&Record::Begin {
                version: VERSION,
                made: made.clone(),
            })?;
            self.made = made;
            files::sync_parent(&path)?;
        }
        Ok(())
    }

    fn make_folder(&self, path: &Path, made: &mut Vec<PathBuf>) -> Result<(), NodeError> {
        let real = self.node.path(path)?;
        if real.is_dir() {
            return Ok(());
        }
        if let Some(parent) = path.parent() {
            self.make_folder(parent, made)?;
        }
        let mode = if path == Path::new(FOLDER) { 0o700 } else { 0o755 };
        DirBuilder::new()
            .mode(mode)
            .create(&real)
            .map_err(NodeError::io("making the folder", &real))?;
        made.push(path.to_owned());
        files::sync_parent(&real)
    }

    fn append(&mut self, record: &Record) -> Result<(), NodeError> {
        let path = self.folder.join("journal");
        let writing = || NodeError::io("writing the journal", &path);
        let Some(open) = &mut self.open else {
            return Err(writing()(io::ErrorKind::NotConnected.into()));
        };
        let mut line = serde_json::to_vec(record).map_err(|error| writing()(error.into()))?;
        line.push(b'\n');
        open.file.write_all(&line).map_err(writing())?;
        open.file.sync_data().map_err(writing())
    }

    /// Records that something will be made; what it replaces must be kept already.
    fn announce(&mut self, by: &str, title: &str, number: u64, undo: Undo) -> Result<(), NodeError> {
        self.append(&Record::Change {
            number,
            by: by.to_owned(),
            title: title.to_owned(),
            undo: undo.clone(),
        })?;
        self.entries.push(Entry {
            number,
            by: by.to_owned(),
            title: title.to_owned(),
            undo,
            added: Vec::new(),
            is_made: false,
            is_undone: false,
        });
        Ok(())
    }

    fn mark_made(&mut self, number: u64, added: Vec<String>) -> Result<(), NodeError> {
        self.append(&Record::Made {
            number,
            added: added.clone(),
        })?;
        if let Some(entry) = self.entry(number) {
            entry.is_made = true;
            entry.added = added;
        }
        Ok(())
    }

    fn next(&self) -> u64 {
        self.entries.last().map_or(1, |entry| entry.number + 1)
    }

    fn former(&self, number: u64) -> PathBuf {
        self.folder.join("former").join(number.to_string())
    }

    /// After a kill: removes half-written files, and finds out which packages an interrupted installation brought.
    fn clear_away(&mut self) -> Result<(), NodeError> {
        let unmade: Vec<Entry> = self
            .entries
            .iter()
            .filter(|entry| !entry.is_made && !entry.is_undone)
            .cloned()
            .collect();
        for entry in unmade {
            if let Some(path) = entry.undo.path() {
                // Lines are written where a link leads to, if it leads anywhere.
                let followed = self.node.followed(path).ok();
                for real in [Some(self.node.path(path)?), followed].into_iter().flatten() {
                    files::remove(&files::temporary(&real, entry.number))?;
                }
            }
            if let (Undo::Packages { manager, .. }, true) = (&entry.undo, self.node.is_machine()) {
                let before = self.packages_before(entry.number)?;
                let added = manager.installed()?.difference(&before).cloned().collect();
                self.mark_made(entry.number, added)?;
            }
        }
        Ok(())
    }

    fn packages_before(&self, number: u64) -> Result<BTreeSet<String>, NodeError> {
        let path = self.former(number);
        let text = fs::read_to_string(&path).map_err(NodeError::io("reading the packages before", &path))?;
        Ok(text.lines().map(str::to_owned).collect())
    }
}

/// A file for this user alone.
fn private(path: &Path, append: bool) -> Result<File, NodeError> {
    File::options()
        .create(true)
        .append(append)
        .write(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(NodeError::io("opening", path))
}
