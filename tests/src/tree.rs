//! A folder as a list of facts, to show that nothing in it changed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Every name below a folder, with mode, size and content; two equal trees are byte-identical.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree(BTreeMap<PathBuf, String>);

impl Tree {
    /// Reads a folder; one that does not exist has no entries.
    pub fn of(folder: &Path) -> Self {
        let mut tree = Self::default();
        if folder.exists() {
            tree.add(folder, folder);
        }
        tree
    }

    fn add(&mut self, root: &Path, folder: &Path) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let facts = fs::symlink_metadata(&path).unwrap();
            let kind = facts.file_type();
            let content = if kind.is_symlink() {
                format!("-> {}", fs::read_link(&path).unwrap().display())
            } else if kind.is_file() {
                format!("{} {}", facts.len(), hash(&path))
            } else if kind.is_dir() {
                self.add(root, &path);
                "folder".to_owned()
            } else {
                "special".to_owned()
            };
            let name = path.strip_prefix(root).unwrap().to_owned();
            self.0.insert(name, format!("{:o} {content}", facts.mode()));
        }
    }

    /// The names in it, sorted.
    pub fn names(&self) -> impl Iterator<Item = &Path> {
        self.0.keys().map(PathBuf::as_path)
    }

    /// The same without anything at or below `name`.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.0.retain(|path, _| !path.starts_with(name));
        self
    }

    /// One line per difference; empty when the trees are equal.
    pub fn diff(&self, now: &Self) -> String {
        let mut text = String::new();
        for (path, facts) in &self.0 {
            match now.0.get(path) {
                None => writeln!(text, "gone: {}", path.display()).unwrap(),
                Some(other) if other != facts => {
                    writeln!(text, "changed: {}: {facts} => {other}", path.display()).unwrap();
                }
                Some(_) => {}
            }
        }
        for path in now.0.keys().filter(|path| !self.0.contains_key(*path)) {
            writeln!(text, "new: {}", path.display()).unwrap();
        }
        text
    }
}

/// The digest of a file, read in pieces.
pub fn hash(path: &Path) -> String {
    let mut file = fs::File::open(path).unwrap();
    let mut hasher = airlock_hash::Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).unwrap() {
            0 => return crate::digest_text(&hasher.finish()),
            read => hasher.update(&buffer[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::Tree;

    #[test]
    fn sees_every_kind_of_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        assert_eq!(Tree::of(&path("absent")), Tree::default());
        fs::create_dir(path("sub")).unwrap();
        for name in ["sub/a", "b", "c"] {
            fs::write(path(name), name).unwrap();
        }
        let before = Tree::of(folder.path());
        assert_eq!(before.diff(&Tree::of(folder.path())), "");
        fs::write(path("sub/a"), "sub/A").unwrap();
        fs::remove_file(path("b")).unwrap();
        fs::write(path("d"), "").unwrap();
        let now = Tree::of(folder.path());
        let diff = before.diff(&now);
        let lines: Vec<&str> = diff.lines().collect();
        assert_eq!(lines.len(), 3, "{diff}");
        assert_eq!(lines[0], "gone: b");
        assert!(lines[1].starts_with("changed: sub/a: "));
        assert_eq!(lines[2], "new: d");
        let rest = before.without("sub");
        assert_eq!(
            rest.names().collect::<Vec<_>>(),
            ["b", "c"].map(std::path::Path::new)
        );
    }
}
