//! Where a node's files are.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use crate::NodeError;

/// As many links as the kernel follows.
const MAX_LINKS: usize = 40;

/// This machine, or a folder that holds the tree of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// None for the machine itself.
    tree: Option<PathBuf>,
}

impl Node {
    /// The machine that this runs on.
    pub fn machine() -> Self {
        Self { tree: None }
    }

    /// The tree of a machine below a folder: only files are changed, and none outside of it.
    pub fn tree(folder: impl Into<PathBuf>) -> Self {
        Self {
            tree: Some(folder.into()),
        }
    }

    /// Whether services, modules and packages can be changed.
    pub fn is_machine(&self) -> bool {
        self.tree.is_none()
    }

    /// The top of the node's files.
    pub fn root(&self) -> &Path {
        self.tree.as_deref().unwrap_or(Path::new("/"))
    }

    /// Where a path of the node really is. In a tree, links to absolute paths stay inside of it, as if it were the
    /// root; the last part of the path is not followed.
    pub fn path(&self, path: impl AsRef<Path>) -> Result<PathBuf, NodeError> {
        self.resolve(path.as_ref(), false)
    }

    /// The content of a file, its links followed inside of the node; none where there is no file. More than `limit`
    /// bytes are an error.
    pub fn read(&self, path: impl AsRef<Path>, limit: u64) -> Result<Option<Vec<u8>>, NodeError> {
        let path = match self.tree {
            Some(_) => self.resolve(path.as_ref(), true)?,
            None => path.as_ref().to_owned(),
        };
        let failed = |error| Err(NodeError::io("reading the file", &path)(error));
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return failed(error),
        };
        let mut bytes = Vec::new();
        match file.take(limit.saturating_add(1)).read_to_end(&mut bytes) {
            Ok(count) if count as u64 > limit => failed(io::ErrorKind::FileTooLarge.into()),
            Ok(_) => Ok(Some(bytes)),
            Err(error) => failed(error),
        }
    }

    /// The same as [`path`](Self::path), the last part followed too.
    pub fn followed(&self, path: impl AsRef<Path>) -> Result<PathBuf, NodeError> {
        self.resolve(path.as_ref(), true)
    }

    fn resolve(&self, path: &Path, follow_last: bool) -> Result<PathBuf, NodeError> {
        if !path.is_absolute() {
            return Err(NodeError::Path(path.to_owned()));
        }
        if self.is_machine() && !follow_last {
            return Ok(path.to_owned());
        }
        let tree = self.root();
        let mut left: VecDeque<OsString> = parts(path);
        let mut inside: Vec<OsString> = Vec::new();
        let mut links = 0;
        while let Some(part) = left.pop_front() {
            if part == ".." {
                inside.pop();
                continue;
            }
            inside.push(part);
            if left.is_empty() && !follow_last {
                break;
            }
            let here = tree.join(inside.iter().collect::<PathBuf>());
            let Ok(target) = fs::read_link(&here) else {
                continue;
            };
            links += 1;
            if links > MAX_LINKS {
                return Err(NodeError::Path(path.to_owned()));
            }
            inside.pop();
            if target.is_absolute() {
                inside.clear();
            }
            for part in parts(&target).into_iter().rev() {
                left.push_front(part);
            }
        }
        Ok(tree.join(inside.iter().collect::<PathBuf>()))
    }
}

fn parts(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_stay_inside_of_the_tree() {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path();
        fs::create_dir_all(tree.join("run/lock")).unwrap();
        fs::create_dir(tree.join("var")).unwrap();
        symlink("/run", tree.join("var/run")).unwrap();
        symlink("../../../../run/lock", tree.join("var/lock")).unwrap();
        symlink("/etc/passwd", tree.join("secret")).unwrap();
        symlink("loop", tree.join("loop")).unwrap();
        let node = Node::tree(tree);
        assert_eq!(node.path("/var/run/x").unwrap(), tree.join("run/x"));
        assert_eq!(node.path("/var/lock/../x").unwrap(), tree.join("run/x"));
        assert_eq!(node.path("/../../x").unwrap(), tree.join("x"));
        // The last part is the link itself, and is followed for reading only, inside.
        assert_eq!(node.path("/secret").unwrap(), tree.join("secret"));
        assert_eq!(node.read("/secret", 10).unwrap(), None);
        assert!(matches!(node.path("/loop/x"), Err(NodeError::Path(_))));
        assert!(matches!(node.path("x"), Err(NodeError::Path(_))));
    }

    #[test]
    fn links_of_the_machine_are_followed_to_their_end() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap();
        fs::create_dir(real.join("static")).unwrap();
        fs::write(real.join("static/hosts"), "a").unwrap();
        symlink("static/hosts", real.join("hosts")).unwrap();
        let node = Node::machine();
        assert_eq!(node.path(real.join("hosts")).unwrap(), real.join("hosts"));
        assert_eq!(
            node.followed(real.join("hosts")).unwrap(),
            real.join("static/hosts")
        );
        assert_eq!(node.followed(real.join("none")).unwrap(), real.join("none"));
        assert_eq!(node.read(real.join("hosts"), 1).unwrap().unwrap(), b"a");
    }

    #[test]
    fn large_files_are_not_read() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "12345").unwrap();
        let node = Node::tree(folder.path());
        assert_eq!(node.read("/a", 5).unwrap().unwrap(), b"12345");
        assert!(node.read("/a", 4).is_err());
    }
}
