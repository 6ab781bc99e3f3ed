//! Changes: whether they are needed, and how they are made.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use airlock_types::Digest;

use super::record::Undo;
use super::{Event, Journal, Observer, Outcome, told};
use crate::files::{self, Found};
use crate::{Change, NodeError, Runner, kernel, lines};

/// The largest file in which a block of lines is kept.
const MAX_LINES_FILE: u64 = 16 << 20;

impl Journal {
    /// What each change would do; nothing is changed.
    pub fn would(&self, changes: &[Change]) -> Result<Vec<Outcome>, NodeError> {
        changes.iter().map(|change| self.look(change)).collect()
    }

    /// Makes what is not so already, in the order given, each recorded in the name of `by` before it is made. An
    /// error, or an observer that breaks, leaves what was made until then; the same call goes on from there.
    pub fn apply(
        &mut self,
        by: &str,
        changes: &[Change],
        observer: &mut Observer<'_>,
    ) -> Result<Vec<Outcome>, NodeError> {
        changes
            .iter()
            .map(|change| self.make(by, change, observer))
            .collect()
    }

    fn make(&mut self, by: &str, change: &Change, observer: &mut Observer<'_>) -> Result<Outcome, NodeError> {
        told(observer, Event::Looking(change))?;
        let outcome = self.look(change)?;
        match outcome {
            Outcome::Already => told(observer, Event::Already(change))?,
            Outcome::Later => told(observer, Event::Later(change))?,
            Outcome::Made => {
                self.take()?;
                if let Some(path) = change.path()
                    && !matches!(change, Change::Absent { .. })
                {
                    self.make_parents(by, path, observer)?;
                }
                // Folders above what grows are recorded before it, so that they are taken away after it. In a tree nothing
                // grows.
                if let (Change::Grown { path }, true) = (change, self.node.is_machine()) {
                    self.make_parents(by, path, observer)?;
                }
                self.make_one(by, change, observer)?;
            }
        }
        Ok(outcome)
    }

    fn make_parents(&mut self, by: &str, path: &Path, observer: &mut Observer<'_>) -> Result<(), NodeError> {
        let Some(parent) = path.parent() else {
            return Ok(());
        };
        let real = self.node.followed(parent)?;
        if real.is_dir() {
            return Ok(());
        }
        self.make_parents(by, parent, observer)?;
        let folder = Change::Directory {
            path: parent.to_owned(),
            mode: 0o755,
        };
        self.make_one(by, &folder, observer)
    }

    fn make_one(&mut self, by: &str, change: &Change, observer: &mut Observer<'_>) -> Result<(), NodeError> {
        let number = self.next();
        let undo = self.undo_of(change, number)?;
        let title = change.title();
        self.announce(by, &title, number, undo)?;
        told(observer, Event::Recorded(&title))?;
        let added = self.effect(change, number)?;
        told(observer, Event::Effected(&title))?;
        self.mark_made(number, added)?;
        told(observer, Event::Made(&title))
    }

    fn look(&self, change: &Change) -> Result<Outcome, NodeError> {
        let is_so = match change {
            Change::Directory { path, mode } => {
                let real = self.node.path(path)?;
                match files::look(&real)? {
                    Found::Directory { mode: is } => is == *mode,
                    Found::Nothing => false,
                    // A link to a folder serves as one, and its permissions are somebody else's.
                    Found::Link { .. } if self.node.followed(path)?.is_dir() => true,
                    found => return Err(in_the_way("a folder", &found, &real)),
                }
            }
            Change::File {
                path, mode, content, ..
            } => {
                let real = self.node.path(path)?;
                match files::look(&real)? {
                    Found::File { mode: is, size } => {
                        is == *mode && size == content.size() && files::digest(&real)? == content.digest()
                    }
                    Found::Nothing | Found::Link { .. } => false,
                    found => return Err(in_the_way("a file", &found, &real)),
                }
            }
            Change::Link { path, target, keep } => {
                let real = self.node.path(path)?;
                match files::look(&real)? {
                    Found::Nothing => false,
                    Found::Link { target: is } if is == *target => true,
                    _ if *keep => true,
                    Found::Link { .. } | Found::File { .. } => false,
                    found => return Err(in_the_way("a link", &found, &real)),
                }
            }
            Change::Lines { path, name, lines } => {
                let text = self.text(path)?.unwrap_or_default();
                lines::with(&text, name, lines) == text
            }
            Change::Comment { path, lines } => {
                let text = self.text(path)?.unwrap_or_default();
                lines::commented(&text, lines) == text
            }
            Change::Absent { path } => {
                let real = self.node.path(path)?;
                match files::look(&real)? {
                    Found::Nothing => true,
                    Found::File { .. } | Found::Link { .. } => false,
                    found => return Err(in_the_way("nothing", &found, &real)),
                }
            }
            Change::Grown { path } => {
                let is_known = self.entries.iter().any(
                    |entry| matches!(&entry.undo, Undo::RemoveAll { path: known } if known == path && !entry.is_undone),
                );
                is_known || files::look(&self.node.path(path)?)? != Found::Nothing
            }
            _ if !self.node.is_machine() => return Ok(Outcome::Later),
            Change::Module { name } => kernel::has_module(name),
            Change::Sysctl { name, value } => {
                kernel::parameter(name)?.is_some_and(|is| is == kernel::spaced(value))
            }
            Change::SwapOff => kernel::swaps()?.is_empty(),
            Change::Packages(packages) => packages.missing()?.is_empty(),
            Change::Service(service) => {
                self.last_fingerprint(&service.unit) == Some(service.fingerprint.as_str())
                    && service.manager.is_active(&service.unit)?
            }
            Change::Firewall(rules) => rules.missing()?.is_empty(),
            Change::Refresh {
                program, fingerprint, ..
            } => self.last_fingerprint(program) == Some(fingerprint.as_str()),
            Change::Relabel { paths, except } => {
                !kernel::has_selinux() || !kernel::wrongly_labelled(paths, except)?
            }
        };
        Ok(if is_so { Outcome::Already } else { Outcome::Made })
    }

    /// How the change will be undone; what it replaces is kept as `number`.
    fn undo_of(&self, change: &Change, number: u64) -> Result<Undo, NodeError> {
        Ok(match change {
            Change::Directory { path, .. } => match files::look(&self.node.path(path)?)? {
                Found::Directory { mode } => Undo::Mode {
                    path: path.clone(),
                    mode,
                },
                _ => Undo::RemoveFolder { path: path.clone() },
            },
            Change::File { path, content, .. } => {
                self.undo_of_file(path, Some(content.digest()), None, number)?
            }
            Change::Link { path, target, .. } => {
                self.undo_of_file(path, None, Some(target.clone()), number)?
            }
            Change::Absent { path } => self.undo_of_file(path, None, None, number)?,
            Change::Lines { path, name, lines } => {
                let text = self.text(path)?;
                if text.is_some() {
                    files::keep(&self.node.followed(path)?, &self.former(number))?;
                }
                let made = lines::with(text.as_deref().unwrap_or_default(), name, lines);
                Undo::Lines {
                    made: Digest::sha256(airlock_hash::sha256(made.as_bytes())),
                    path: path.clone(),
                    name: name.clone(),
                    was: text
                        .as_deref()
                        .and_then(|text| lines::find(text, name))
                        .unwrap_or_default(),
                    is_new: text.is_none(),
                }
            }
            Change::Comment { path, lines } => {
                let text = self.text(path)?.unwrap_or_default();
                files::keep(&self.node.followed(path)?, &self.former(number))?;
                let made = lines::commented(&text, lines);
                Undo::Comment {
                    made: Digest::sha256(airlock_hash::sha256(made.as_bytes())),
                    path: path.clone(),
                    lines: lines.clone(),
                }
            }
            Change::Grown { path } => Undo::RemoveAll { path: path.clone() },
            Change::Module { name } => Undo::UnloadModule { name: name.clone() },
            Change::Sysctl { name, .. } => match kernel::parameter(name)? {
                Some(value) => Undo::Sysctl {
                    name: name.clone(),
                    value,
                },
                None => Undo::Nothing,
            },
            Change::SwapOff => Undo::SwapOn {
                devices: kernel::swaps()?,
            },
            Change::Packages(packages) => {
                let installed = packages.manager.installed()?;
                let before = installed.into_iter().collect::<Vec<_>>().join("\n");
                let kept = self.former(number);
                files::put(&kept, &files::temporary(&kept, number), 0o600, &before.into())?;
                Undo::Packages {
                    manager: packages.manager,
                    names: packages.missing()?,
                }
            }
            Change::Service(service) => Undo::Service {
                manager: service.manager,
                unit: service.unit.clone(),
                fingerprint: service.fingerprint.clone(),
                was_active: service.manager.is_active(&service.unit)?,
            },
            Change::Firewall(rules) => Undo::Firewall {
                rules: rules.missing()?,
            },
            Change::Refresh {
                program,
                undo_args,
                fingerprint,
                ..
            } => Undo::Refresh {
                program: program.clone(),
                args: undo_args.clone(),
                fingerprint: fingerprint.clone(),
            },
            Change::Relabel { .. } => Undo::Nothing,
        })
    }

    fn undo_of_file(
        &self,
        path: &Path,
        made: Option<Digest>,
        link: Option<PathBuf>,
        number: u64,
    ) -> Result<Undo, NodeError> {
        let real = self.node.path(path)?;
        let path = path.to_owned();
        if files::look(&real)? == Found::Nothing {
            return Ok(Undo::Remove { path, made, link });
        }
        files::keep(&real, &self.former(number))?;
        Ok(Undo::PutBack { path, made, link })
    }

    /// Makes a change; returns the packages that came with it.
    fn effect(&self, change: &Change, number: u64) -> Result<Vec<String>, NodeError> {
        match change {
            Change::Directory { path, mode } => make_folder(&self.node.path(path)?, *mode)?,
            Change::File {
                path, mode, content, ..
            } => {
                let real = self.node.path(path)?;
                files::put(&real, &files::temporary(&real, number), *mode, content)?;
            }
            Change::Link { path, target, .. } => {
                let real = self.node.path(path)?;
                let temporary = files::temporary(&real, number);
                files::remove(&temporary)?;
                std::os::unix::fs::symlink(target, &temporary)
                    .map_err(NodeError::io("making the link", &real))?;
                files::rename(&temporary, &real)?;
            }
            Change::Lines { path, name, lines } => {
                let text = self.text(path)?.unwrap_or_default();
                self.write_text(path, lines::with(&text, name, lines), number)?;
            }
            Change::Comment { path, lines } => {
                let text = self.text(path)?.unwrap_or_default();
                self.write_text(path, lines::commented(&text, lines), number)?;
            }
            Change::Absent { path } => {
                let real = self.node.path(path)?;
                files::remove(&real)?;
                files::sync_parent(&real)?;
            }
            Change::Grown { .. } => {}
            Change::Module { name } => {
                kernel::load(name)?;
                if !kernel::has_module(name) {
                    return Err(NodeError::Unchanged {
                        what: format!("the module {name} should be loaded"),
                        found: "modprobe succeeded, but the kernel does not have it".to_owned(),
                    });
                }
            }
            Change::Sysctl { name, value } => {
                kernel::set_parameter(name, value)?;
                let is = kernel::parameter(name)?;
                if is.as_deref() != Some(&kernel::spaced(value)) {
                    return Err(NodeError::Unchanged {
                        what: format!("{name} should be {value}"),
                        found: is.unwrap_or_else(|| "this kernel does not have it".to_owned()),
                    });
                }
            }
            Change::SwapOff => {
                for device in kernel::swaps()? {
                    kernel::swap_off(&device)?;
                }
            }
            Change::Packages(packages) => {
                packages.install(&packages.missing()?)?;
                let missing = packages.missing()?;
                if !missing.is_empty() {
                    return Err(NodeError::Unchanged {
                        what: "packages should be installed".to_owned(),
                        found: format!("still missing: {}", missing.join(" ")),
                    });
                }
                let before = self.packages_before(number)?;
                return Ok(packages
                    .manager
                    .installed()?
                    .difference(&before)
                    .cloned()
                    .collect());
            }
            Change::Service(service) => {
                service.manager.reload()?;
                service
                    .manager
                    .restart(&service.unit, service.wait, self.stop.clone())?;
            }
            Change::Firewall(rules) => rules.missing()?.add()?,
            Change::Refresh { program, args, .. } => refresh(program, args)?,
            Change::Relabel { paths, except } => kernel::relabel(paths, except)?,
        }
        Ok(Vec::new())
    }

    pub(super) fn text(&self, path: &PathBuf) -> Result<Option<String>, NodeError> {
        let Some(bytes) = self.node.read(path, MAX_LINES_FILE)? else {
            return Ok(None);
        };
        String::from_utf8(bytes).map(Some).map_err(|error| {
            NodeError::io("reading the text", path)(std::io::Error::other(error.utf8_error()))
        })
    }

    /// Replaces the text of a file that others write too: with the owner and permissions that it has, and where a link
    /// leads to.
    pub(super) fn write_text(&self, path: &Path, text: String, number: u64) -> Result<(), NodeError> {
        let real = self.node.followed(path)?;
        let facts = fs::symlink_metadata(&real).ok().filter(fs::Metadata::is_file);
        let mode = facts.as_ref().map_or(0o644, |facts| facts.mode() & 0o7777);
        files::put(&real, &files::temporary(&real, number), mode, &text.into())?;
        match facts {
            Some(facts) => files::give(&real, &facts),
            None => Ok(()),
        }
    }
}

fn make_folder(path: &Path, mode: u32) -> Result<(), NodeError> {
    let failed = || NodeError::io("making the folder", path);
    match fs::create_dir(path) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed()(error)),
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(failed())?;
    files::sync_parent(path)
}

/// Runs a command that makes something from files.
pub(super) fn refresh(program: &str, args: &[String]) -> Result<(), NodeError> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    Runner::default()
        .limit(Duration::from_mins(5))
        .succeed(program, &args)
        .map(drop)
        .map_err(|source| NodeError::Command {
            what: format!("running {program}"),
            source,
        })
}

fn in_the_way(wanted: &'static str, found: &Found, path: &Path) -> NodeError {
    NodeError::InTheWay {
        wanted,
        found: found.is(),
        path: path.to_owned(),
    }
}
