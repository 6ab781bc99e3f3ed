//! Where facts are read: this machine, or a tree of files that stands for one.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use airlock_node::{Node, OsRelease};

/// The most that is read of one file; `/proc/net/tcp` of a busy machine has a few MiB.
const MAX_FILE: u64 = 16 << 20;
/// The most names of one folder that are looked at.
const MAX_NAMES: usize = 100_000;
/// The most processes that are looked at.
const MAX_PROCESSES: usize = 50_000;

/// The machine that is checked.
///
/// Everything that checks read of `/proc`, `/sys`, `/etc` and so on, they read through this, so that a tree of files can
/// stand for a machine. What is tried out (ports, mounts, links) is only tried where [`Host::is_live`].
#[derive(Clone, Debug)]
pub struct Host {
    node: Node,
}

/// A process, as `/proc` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub id: u32,
    /// Its short name.
    pub name: String,
    /// Its words, the first of them the program; empty for threads of the kernel.
    pub words: Vec<String>,
}

impl Process {
    /// The file name of the program, or of the script that an interpreter runs.
    pub fn program(&self) -> &str {
        let first = self.words.first().map_or("", |word| file_name(word));
        let is_interpreter = ["python", "sh", "bash", "perl"]
            .iter()
            .any(|name| first.starts_with(name));
        if is_interpreter && let Some(script) = self.script() {
            return file_name(script);
        }
        if first.is_empty() { &self.name } else { first }
    }

    /// What an interpreter runs: a file or a module, not text of a command line.
    fn script(&self) -> Option<&str> {
        let mut words = self.words.iter().skip(1);
        while let Some(word) = words.next() {
            match word.as_str() {
                "-c" => return None,
                "-m" => return words.next().map(String::as_str),
                option if option.starts_with('-') => {}
                script => return Some(script),
            }
        }
        None
    }

    /// For messages: `kubelet (pid 812)`.
    pub fn shown(&self) -> String {
        format!("{} (pid {})", self.program(), self.id)
    }
}

fn file_name(word: &str) -> &str {
    // systemd and sshd write more than a path there.
    let word = word.split([' ', ':']).next().unwrap_or(word);
    word.rsplit('/').next().unwrap_or(word)
}

impl Host {
    /// The machine that this runs on.
    pub fn machine() -> Self {
        Self {
            node: Node::machine(),
        }
    }

    /// A tree that stands for a machine. Nothing is tried out on it.
    pub fn tree(root: impl Into<PathBuf>) -> Self {
        Self {
            node: Node::tree(root),
        }
    }

    /// Whether this is the machine itself, so that things can be tried out.
    pub fn is_live(&self) -> bool {
        self.node.is_machine()
    }

    /// Where a path of the machine really is. Links in a tree lead to places in the tree.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        // What leads nowhere is not there: nothing has this name.
        self.node.followed(path).unwrap_or_default()
    }

    /// Its distribution.
    pub(crate) fn os(&self) -> Option<OsRelease> {
        let paths = ["/etc/os-release", "/usr/lib/os-release"];
        let text = paths.iter().find_map(|path| self.read(path))?;
        Some(OsRelease::parse(&text))
    }

    /// The text of a file; what is not UTF-8 is replaced. `None` where it cannot be read.
    pub fn read(&self, path: impl AsRef<Path>) -> Option<String> {
        let mut bytes = Vec::new();
        let file = File::open(self.path(path)).ok()?;
        file.take(MAX_FILE).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The first line of a file, without space around it.
    pub fn line(&self, path: impl AsRef<Path>) -> Option<String> {
        let text = self.read(path)?;
        Some(text.lines().next().unwrap_or("").trim().to_owned())
    }

    /// The number in a file.
    pub fn number(&self, path: impl AsRef<Path>) -> Option<u64> {
        self.line(path)?.parse().ok()
    }

    /// Whether something is there.
    pub fn exists(&self, path: impl AsRef<Path>) -> bool {
        self.node
            .path(path)
            .is_ok_and(|path| fs::symlink_metadata(path).is_ok())
    }

    /// The first of several places at which something is.
    pub fn first<'a>(&self, paths: &[&'a str]) -> Option<&'a str> {
        paths.iter().find(|path| self.exists(path)).copied()
    }

    /// The names in a folder, in order; none where there is no such folder.
    pub fn names(&self, path: impl AsRef<Path>) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(path)) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .flatten()
            .take(MAX_NAMES)
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// The numbers of all processes.
    pub fn process_ids(&self) -> Vec<u32> {
        let mut ids: Vec<u32> = self
            .names("/proc")
            .iter()
            .filter_map(|name| name.parse().ok())
            .take(MAX_PROCESSES)
            .collect();
        ids.sort_unstable();
        ids
    }

    /// One process; `None` where it has ended.
    pub fn process(&self, id: u32) -> Option<Process> {
        let name = self.line(format!("/proc/{id}/comm"))?;
        let words = self.read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        Some(Process {
            id,
            name,
            words: words
                .split('\0')
                .filter(|word| !word.is_empty())
                .take(64)
                .map(str::to_owned)
                .collect(),
        })
    }

    /// All processes that run.
    pub fn processes(&self) -> Vec<Process> {
        self.process_ids()
            .into_iter()
            .filter_map(|id| self.process(id))
            .collect()
    }

    /// The folder itself, or the nearest one above it that exists: `None` only where not even `/` does.
    pub fn nearest(&self, path: &Path) -> Option<PathBuf> {
        path.ancestors()
            .find(|path| self.path(path).is_dir())
            .map(Path::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_a_tree_stay_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::tree(folder.path());
        for dir in ["etc", "run/resolve"] {
            fs::create_dir_all(folder.path().join(dir)).unwrap();
        }
        fs::write(
            folder.path().join("run/resolve/resolv.conf"),
            "nameserver 10.0.0.1\n",
        )
        .unwrap();
        for (target, link) in [
            ("/run/resolve/resolv.conf", "etc/absolute"),
            ("../../../../../run/resolve/resolv.conf", "etc/relative"),
            ("/etc/circle", "etc/circle"),
            ("/proc/version", "etc/out"),
        ] {
            std::os::unix::fs::symlink(target, folder.path().join(link)).unwrap();
        }
        assert_eq!(host.line("/etc/absolute").unwrap(), "nameserver 10.0.0.1");
        assert_eq!(host.line("/etc/relative").unwrap(), "nameserver 10.0.0.1");
        assert_eq!(host.read("/etc/circle"), None);
        assert_eq!(host.read("/etc/out"), None);
        assert_eq!(host.read("/../../../etc/hostname"), None);
        assert_eq!(host.nearest(Path::new("/etc/a/b")), Some(PathBuf::from("/etc")));
    }

    #[test]
    fn a_process_is_known_by_its_program() {
        let process = |name: &str, words: &[&str]| Process {
            id: 7,
            name: name.to_owned(),
            words: words.iter().map(|&word| word.to_owned()).collect(),
        };
        assert_eq!(process("kworker", &[]).program(), "kworker");
        assert_eq!(
            process("k3s-server", &["/usr/local/bin/k3s server"]).program(),
            "k3s"
        );
        assert_eq!(
            process(
                "firewalld",
                &["/usr/bin/python3", "-s", "/usr/sbin/firewalld", "--nofork"]
            )
            .program(),
            "firewalld"
        );
        assert_eq!(
            process("python3", &["python3", "-c", "import x"]).program(),
            "python3"
        );
        assert_eq!(
            process("python3", &["python3", "-m", "http.server"]).program(),
            "http.server"
        );
        assert_eq!(process("bash", &["bash"]).program(), "bash");
        assert_eq!(process("sshd", &["sshd: root@pts/0"]).shown(), "sshd (pid 7)");
    }
}
