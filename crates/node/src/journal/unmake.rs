//! Changes undone, the last one first.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use airlock_types::Digest;

use super::make::refresh;
use super::record::{Record, Undo};
use super::{Event, FOLDER, Journal, Observer, Saved, told};
use crate::files::{self, Found};
use crate::{NodeError, RunError, ServiceManager, kernel, lines};

/// How long a service that ran before may take to run again.
const START_AGAIN: Duration = Duration::from_mins(5);

impl Journal {
    /// Stops the services that were started in the name of `by`, and undoes nothing else: what they still have open
    /// can be cleared away before their files go.
    pub fn stop_services(&mut self, by: &str, observer: &mut Observer<'_>) -> Result<(), NodeError> {
        if !self.node.is_machine() {
            return Ok(());
        }
        let services: Vec<_> = self
            .entries
            .iter()
            .filter(|entry| !entry.is_undone && entry.by == by)
            .filter_map(|entry| match &entry.undo {
                Undo::Service { manager, unit, .. } => Some((*manager, unit.clone())),
                _ => None,
            })
            .collect();
        let mut seen = Vec::new();
        for (manager, unit) in services.into_iter().rev() {
            if seen.contains(&unit) || !manager.exists(&unit) {
                continue;
            }
            let title = format!("service {unit} running");
            told(observer, Event::Undoing(&title))?;
            manager.stop(&unit)?;
            seen.push(unit);
        }
        Ok(())
    }

    /// Undoes what was made in the name of `by`, or everything, and puts back what was there. An error leaves what is
    /// undone until then; the same call goes on from there. What services have made themselves stays, and is told.
    /// Without anything left, the journal is gone too.
    pub fn undo(&mut self, by: Option<&str>, observer: &mut Observer<'_>) -> Result<(), NodeError> {
        self.undo_those(by, false, observer)
    }

    /// Undoes everything, and deletes what services have made themselves since: all of their data.
    pub fn undo_and_delete_data(&mut self, observer: &mut Observer<'_>) -> Result<(), NodeError> {
        self.undo_those(None, true, observer)
    }

    fn undo_those(
        &mut self,
        by: Option<&str>,
        delete_data: bool,
        observer: &mut Observer<'_>,
    ) -> Result<(), NodeError> {
        if self.entries.is_empty() && self.open.is_none() {
            return Ok(());
        }
        self.take()?;
        let entries: Vec<_> = self
            .entries
            .iter()
            .filter(|entry| !entry.is_undone && by.is_none_or(|by| entry.by == by))
            .cloned()
            .collect();
        let mut kept: Vec<PathBuf> = Vec::new();
        for entry in entries.iter().rev() {
            if let Undo::RemoveAll { path } = &entry.undo
                && !delete_data
                && files::look(&self.node.path(path)?)? != Found::Nothing
            {
                told(observer, Event::Left(&entry.title, "it was to be kept"))?;
                kept.push(path.clone());
                continue;
            }
            // The folders above stay as long as that does, and go when it goes.
            if let Undo::RemoveFolder { path } = &entry.undo
                && kept.iter().any(|kept| kept.starts_with(path))
            {
                continue;
            }
            told(observer, Event::Undoing(&entry.title))?;
            self.unmake(&entry.undo, entry.number, &entry.added, &entry.title, observer)?;
            self.append(&Record::Undone { number: entry.number })?;
            if let Some(entry) = self.entry(entry.number) {
                entry.is_undone = true;
            }
            told(observer, Event::Undone(&entry.title))?;
        }
        if self.node.is_machine() {
            self.settle(by)?;
        }
        if self.is_empty() {
            self.remove()?;
        }
        Ok(())
    }

    /// Makes the system see that its files are those of before. All of it can be done again, so that a run that was
    /// killed here is followed by one that does it: entries that were undone earlier count as well.
    fn settle(&self, by: Option<&str>) -> Result<(), NodeError> {
        let mut refreshed = BTreeSet::new();
        // The earliest record of a service, which comes last, says whether it ran before all of this.
        let mut ran: BTreeMap<&str, (ServiceManager, bool)> = BTreeMap::new();
        let undone = |entry: &&super::Entry| entry.is_undone && by.is_none_or(|by| entry.by == by);
        for entry in self.entries.iter().rev().filter(undone) {
            match &entry.undo {
                Undo::Refresh { program, args, .. } if refreshed.insert(program) => {
                    match refresh(program, args) {
                        // It went with its package, and what it made with it.
                        Err(NodeError::Command {
                            source: RunError::Missing(_),
                            ..
                        }) => {}
                        result => result?,
                    }
                }
                Undo::Service {
                    manager,
                    unit,
                    was_active,
                    ..
                } => {
                    ran.insert(unit, (*manager, *was_active));
                }
                _ => {}
            }
        }
        for (unit, (manager, was_active)) in ran {
            manager.reload()?;
            if was_active && manager.exists(unit) && !manager.is_active(unit)? {
                manager.restart(unit, START_AGAIN, self.stop.clone())?;
            }
        }
        Ok(())
    }

    fn unmake(
        &self,
        undo: &Undo,
        number: u64,
        added: &[String],
        title: &str,
        observer: &mut Observer<'_>,
    ) -> Result<(), NodeError> {
        match undo {
            Undo::Remove { path, .. } => {
                let real = self.node.path(path)?;
                files::remove(&files::temporary(&real, number))?;
                match files::look(&real)? {
                    Found::Nothing => {}
                    found @ (Found::File { .. } | Found::Link { .. }) => {
                        if !self.save(&real, &found, number, observer)? {
                            files::remove(&real)?;
                            files::sync_parent(&real)?;
                        }
                    }
                    found => told(observer, Event::Left(title, found.is()))?,
                }
            }
            Undo::PutBack { path, .. } => {
                let real = self.node.path(path)?;
                let temporary = files::temporary(&real, number);
                files::remove(&temporary)?;
                let found = files::look(&real)?;
                if found != Found::Nothing && files::look(&self.former(number))? != Found::Nothing {
                    self.save(&real, &found, number, observer)?;
                }
                files::put_back(&self.former(number), &real, &temporary)?;
                self.unmake_earlier(path, number)?;
            }
            Undo::RemoveFolder { path } => {
                if !files::remove_folder(&self.node.path(path)?)? {
                    told(observer, Event::Left(title, "there is something in it"))?;
                }
            }
            Undo::RemoveAll { path } => files::remove_all(&self.node.path(path)?)?,
            Undo::Mode { path, mode } => {
                let real = self.node.path(path)?;
                if let Found::Directory { .. } = files::look(&real)? {
                    fs::set_permissions(&real, fs::Permissions::from_mode(*mode))
                        .map_err(NodeError::io("setting the permissions of", real))?;
                }
            }
            Undo::Lines {
                path, is_new, made, ..
            } => self.unmake_text(undo, path, *made, *is_new, number)?,
            Undo::Comment { path, made, .. } => self.unmake_text(undo, path, *made, false, number)?,
            _ if !self.node.is_machine() => {}
            Undo::UnloadModule { name } => kernel::unload(name),
            // What only the running machine has may not be there any more: after a restart without the module, without
            // the disk, without the firewall. Everything else is still undone.
            Undo::Sysctl { name, value } => left(title, kernel::set_parameter(name, value), observer)?,
            Undo::SwapOn { devices } => {
                let on = kernel::swaps()?;
                for device in devices.iter().filter(|device| !on.contains(device)) {
                    left(title, kernel::swap_on(device), observer)?;
                }
            }
            Undo::Packages { manager, names } => {
                let installed = manager.installed()?;
                let all: Vec<String> = if added.is_empty() { names } else { added }
                    .iter()
                    .filter(|name| installed.contains(name.as_str()))
                    .cloned()
                    .collect();
                // Others may need them by now; then they stay.
                left(title, manager.remove(&all), observer)?;
            }
            Undo::Service { manager, unit, .. } => {
                if manager.exists(unit) {
                    manager.stop(unit)?;
                }
            }
            Undo::Firewall { rules } => {
                if !rules.is_empty() {
                    left(title, rules.remove(), observer)?;
                }
            }
            // Once its files are back.
            Undo::Refresh { .. } | Undo::Nothing => {}
        }
        Ok(())
    }

    /// Takes out of a file that was put back what earlier changes had written into it that are undone already: those of
    /// somebody whose changes were undone before all others.
    fn unmake_earlier(&self, path: &PathBuf, number: u64) -> Result<(), NodeError> {
        let earlier = self.entries.iter().filter(|entry| {
            let is_text = matches!(&entry.undo, Undo::Lines { path: of, .. } | Undo::Comment { path: of, .. } if of == path);
            is_text && entry.is_undone && entry.number < number
        });
        for entry in earlier.rev() {
            let Some(text) = self.text(path)? else {
                return Ok(());
            };
            if let Some(without) = without(&entry.undo, &text).filter(|without| *without != text) {
                self.write_text(path, without, number)?;
            }
        }
        Ok(())
    }

    /// Puts a text back that is still as it was `made`, and takes what is ours out of one that others went on with.
    fn unmake_text(
        &self,
        undo: &Undo,
        path: &PathBuf,
        made: Digest,
        is_new: bool,
        number: u64,
    ) -> Result<(), NodeError> {
        let Some(text) = self.text(path)? else {
            return Ok(());
        };
        let real = self.node.followed(path)?;
        if !is_new && Digest::sha256(airlock_hash::sha256(text.as_bytes())) == made {
            return files::put_back(&self.former(number), &real, &files::temporary(&real, number));
        }
        match without(undo, &text) {
            Some(without) if without.is_empty() && is_new => files::remove(&real),
            Some(without) if without != text => self.write_text(path, without, number),
            _ => Ok(()),
        }
    }

    /// Moves something aside that is neither what Airlock made nor what was there before; whether it did.
    fn save(
        &self,
        real: &Path,
        found: &Found,
        number: u64,
        observer: &mut Observer<'_>,
    ) -> Result<bool, NodeError> {
        let former = self.former(number);
        let was = files::look(&former)?;
        // What an earlier or a later record made counts as well: that is not somebody's change.
        let is_known = match found {
            Found::Nothing => true,
            Found::File { .. } => {
                let is = files::digest(real)?;
                let is_ours = self.entries.iter().any(|entry| match &entry.undo {
                    Undo::Remove { made, .. } | Undo::PutBack { made, .. } => *made == Some(is),
                    Undo::Lines { made, .. } | Undo::Comment { made, .. } => *made == is,
                    _ => false,
                });
                is_ours || (matches!(was, Found::File { .. }) && files::digest(&former)? == is)
            }
            Found::Link { target } => {
                let is_ours = self.entries.iter().any(|entry| match &entry.undo {
                    Undo::Remove { link, .. } | Undo::PutBack { link, .. } => link.as_ref() == Some(target),
                    _ => false,
                });
                is_ours || was == *found
            }
            Found::Directory { .. } | Found::Other => false,
        };
        if is_known {
            return Ok(false);
        }
        let saved = Saved {
            path: real.to_owned(),
            copy: files::saved(real),
        };
        files::rename(real, &saved.copy)?;
        told(observer, Event::Saved(&saved))?;
        Ok(true)
    }

    /// Removes the journal itself, and the folders that were made for it.
    fn remove(&mut self) -> Result<(), NodeError> {
        let former = self.folder.join("former");
        match fs::remove_dir_all(&former) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(NodeError::io("removing", former)(error));
            }
            _ => {}
        }
        files::remove(&self.folder.join("journal"))?;
        files::remove(&self.folder.join("lock"))?;
        self.open = None;
        self.entries.clear();
        // A kill between making them and the first line leaves no trace of who made these two.
        let own = [Path::new(FOLDER), Path::new("/var/lib/airlock")];
        for path in own.into_iter().chain(self.made.iter().rev().map(AsRef::as_ref)) {
            files::remove_folder(&self.node.path(path)?)?;
        }
        self.made.clear();
        Ok(())
    }
}

/// Tells what could not be undone, and goes on.
fn left(title: &str, result: Result<(), NodeError>, observer: &mut Observer<'_>) -> Result<(), NodeError> {
    match result {
        Ok(()) => Ok(()),
        Err(error) => {
            let why = std::error::Error::source(&error).map_or(error.to_string(), ToString::to_string);
            told(observer, Event::Left(title, &why))
        }
    }
}

/// A text without what a change has written into it; none where it writes no lines.
fn without(undo: &Undo, text: &str) -> Option<String> {
    match undo {
        Undo::Lines { name, was, .. } => Some(lines::with(text, name, was)),
        Undo::Comment { lines, .. } => Some(lines::uncommented(text, lines)),
        _ => None,
    }
}
