//! A small disk that nobody else sees: a mount in a namespace of its own, reached by way of `/proc`.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use tempfile::TempDir;

use crate::peer;

/// Mounts a disk, then mounts it again with each line of options, until standard input ends.
const KEEPER: &str = r#"
mount -t tmpfs -o "$1" none "$0" || exit 1
echo mounted
while read -r options; do
  mount -o "remount,$options" "$0" && echo mounted || echo failed
done
"#;

/// The unit in which it fills up.
pub const PAGE: u64 = 4096;

/// A mounted disk; gone when dropped, and when the test process ends in any other way.
#[derive(Debug)]
pub struct Disk {
    keeper: Child,
    options: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    path: PathBuf,
    _mount_point: TempDir,
}

impl Disk {
    /// Mounted with these options ("size=1m"). `None`, and the test listed as skipped, where that is not possible.
    pub fn new(options: &str) -> Option<Self> {
        let mount_point = tempfile::Builder::new()
            .prefix("airlock-disk-")
            .tempdir()
            .unwrap();
        // A namespace of its own also lets those make mounts who are not root.
        let keeper = Command::new("unshare")
            .args(["--map-root-user", "--mount", "sh", "-c", KEEPER])
            .arg(mount_point.path())
            .arg(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut keeper) = keeper else {
            peer::skip("no mount can be made here");
            return None;
        };
        let root = PathBuf::from(format!("/proc/{}/root", keeper.id()));
        let inside = mount_point.path().strip_prefix("/").unwrap();
        let mut disk = Self {
            options: keeper.stdin.take(),
            answers: BufReader::new(keeper.stdout.take().expect("piped above")),
            path: root.join(inside),
            keeper,
            _mount_point: mount_point,
        };
        if disk.answer() != "mounted\n" {
            peer::skip("no mount can be made here");
            return None;
        }
        Some(disk)
    }

    /// A path on it.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }

    /// Mounts it again with other options ("ro").
    pub fn remount(&mut self, options: &str) {
        writeln!(
            self.options.as_mut().expect("open until it is dropped"),
            "{options}"
        )
        .unwrap();
        assert_eq!(self.answer(), "mounted\n", "remount,{options}");
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line
    }

    /// Fills the disk with a file of this name until so many bytes are free.
    pub fn fill(&self, name: &str, free: u64) {
        let path = self.path(name);
        let mut file = OpenOptions::new().create(true).append(true).open(&path).unwrap();
        let zeros = vec![0; 1 << 20];
        let mut piece = zeros.len();
        // Ever smaller pieces, since one that does not fit may be written in part or not at all.
        while piece > 0 {
            if file.write_all(&zeros[..piece]).is_err() {
                piece /= 2;
            }
        }
        let length = file.metadata().unwrap().len();
        assert!(length >= free, "the disk has only {length} bytes");
        // The last page may be filled in part.
        file.set_len(length / PAGE * PAGE - free.next_multiple_of(PAGE))
            .unwrap();
    }

    /// Takes the file away again.
    pub fn empty(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(self.options.take());
        let _ = self.keeper.wait();
    }
}

/// Copies a folder of files and folders.
pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
    // As durable as what was copied.
    File::open(to).unwrap().sync_all().unwrap();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_fills_up_to_the_page_and_can_be_mounted_again() {
        let Some(mut disk) = Disk::new("size=1m") else {
            return;
        };
        fs::write(disk.path("a"), "a").unwrap();
        disk.fill("filler", 2 * PAGE);
        let room = vec![0; usize::try_from(2 * PAGE).unwrap()];
        fs::write(disk.path("b"), &room).unwrap();
        let full = fs::write(disk.path("c"), "c").unwrap_err();
        assert_eq!(full.raw_os_error(), Some(28), "{full}");
        disk.empty("filler");
        fs::write(disk.path("c"), "c").unwrap();
        disk.remount("ro");
        let read_only = fs::write(disk.path("d"), "d").unwrap_err();
        assert_eq!(read_only.raw_os_error(), Some(30), "{read_only}");
    }
}
