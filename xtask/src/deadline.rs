//! An end for whatever hangs, and its name.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};

/// Twice and more of what the longest step takes on two cores from nothing.
const LIMIT: Duration = Duration::from_mins(25);

/// Waits for the child while `read` takes in what it says. A child that takes too long is ended together with every
/// process below it, and these are named.
pub(crate) fn wait(child: &mut Child, read: impl FnOnce(&mut Child) -> Result<()>) -> Result<ExitStatus> {
    wait_for(LIMIT, child, read)
}

fn wait_for(
    limit: Duration,
    child: &mut Child,
    read: impl FnOnce(&mut Child) -> Result<()>,
) -> Result<ExitStatus> {
    let root = child.id();
    let (done, end) = mpsc::channel::<()>();
    let watcher = thread::spawn(move || match end.recv_timeout(limit) {
        Err(RecvTimeoutError::Timeout) => Some(end_all(root)),
        Ok(()) | Err(RecvTimeoutError::Disconnected) => None,
    });
    let status = read(child).and_then(|()| Ok(child.wait()?));
    drop(done);
    let ended = watcher.join().unwrap_or_default();
    if let Some(names) = ended {
        bail!(
            "still running after {} s, and ended:\n  {}",
            limit.as_secs(),
            names.join("\n  ")
        );
    }
    status
}

/// Ends a process and all below it; returns their command lines, children after their parents.
fn end_all(root: u32) -> Vec<String> {
    let parents = parents();
    let mut found = vec![root];
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        found.extend(
            parents
                .iter()
                .filter(|(_, of)| **of == parent)
                .map(|(process, _)| *process),
        );
        at += 1;
    }
    let names = found.iter().map(|process| command_line(*process)).collect();
    let numbers: Vec<String> = found.iter().map(u32::to_string).collect();
    // All at once, so that nobody starts something new because of the first one's end.
    let _ = Command::new("kill").arg("-KILL").args(numbers).status();
    names
}

/// The parent of each process (proc(5)); nothing where there is no `/proc`.
fn parents() -> BTreeMap<u32, u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten();
    processes
        .filter_map(|entry| {
            let process = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
            let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
            Some((process, parent.trim().parse().ok()?))
        })
        .collect()
}

fn command_line(process: u32) -> String {
    let words = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&words)
        .replace('\0', " ")
        .trim_end()
        .chars()
        .take(300)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;

    #[test]
    fn what_hangs_is_named_and_ended_with_its_children() {
        let mut child = Command::new("sh")
            .args(["-c", "sleep 1234; true"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // Its output ends only with the last process that holds it.
        let read = |child: &mut Child| {
            std::io::copy(&mut child.stdout.take().unwrap(), &mut std::io::sink())?;
            Ok(())
        };
        let error = wait_for(Duration::from_millis(500), &mut child, read).unwrap_err();
        assert!(error.to_string().contains("sleep 1234"), "{error}");
    }

    #[test]
    fn what_ends_is_not_touched() {
        let mut child = Command::new("true").spawn().unwrap();
        assert!(wait(&mut child, |_| Ok(())).unwrap().success());
    }
}
