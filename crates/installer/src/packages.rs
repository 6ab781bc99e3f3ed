//! Where a machine's package manager finds the packages of a bundle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use airlock_node::{Change, Content, Node, NodeError};
use airlock_spec::site::Mirror;

use crate::{PlanError, Secret};

/// Where packages are that do not come from a server.
pub(crate) const FOLDER: &str = "/var/lib/airlock/packages";
/// What apt knows of users and passwords (apt_auth.conf(5)).
const PASSWORDS: &str = "/etc/apt/auth.conf.d/airlock.conf";

/// A repository of the bundle's packages, for the package manager of one machine.
#[derive(Clone, Debug, Default)]
pub struct PackageSource {
    /// What names it, and what it is made of where it is on the machine itself.
    pub(crate) files: Vec<Change>,
    /// The lists that are read anew before anything is installed.
    pub(crate) refresh: Vec<PathBuf>,
}

impl PackageSource {
    /// For apt, the repository that a mirror serves. `files` are those below `/etc/apt` that name it.
    pub fn apt_mirror(
        files: BTreeMap<PathBuf, String>,
        mirror: &Mirror,
        password: Option<&Secret>,
    ) -> Result<Self, PlanError> {
        let mut source = Self::default();
        if let (Some(auth), Some(password)) = (&mirror.auth, password) {
            // There is no way to write them so that apt reads them whole.
            if [auth.username.as_str(), password.expose()]
                .iter()
                .any(|word| word.is_empty() || word.contains(char::is_whitespace))
            {
                return Err(PlanError::MirrorPassword);
            }
            let text = format!(
                "# Written by Airlock from site.yaml.\nmachine {} login {} password {}\n",
                mirror.url.as_str().trim_end_matches('/'),
                auth.username,
                password.expose()
            );
            source.files.push(Change::secret_file(PASSWORDS, text));
        }
        for (path, text) in files {
            source.configure(&path, text);
        }
        Ok(source)
    }

    /// For apt, a repository in a folder of the machine. `contents` are its files by their paths in the folder,
    /// `list` is the text of its `.sources`, to be made of the address of the folder. What an earlier bundle left in
    /// the folder goes.
    pub fn apt_folder(
        node: &Node,
        distro: &str,
        contents: BTreeMap<String, Content>,
        list: impl FnOnce(&str) -> String,
    ) -> Result<Self, NodeError> {
        let folder = Path::new(FOLDER).join(distro);
        let mut source = Self::default();
        let mut wanted = BTreeSet::new();
        for (path, content) in contents {
            let path = folder.join(path);
            wanted.insert(path.clone());
            source.files.push(Change::file(path, 0o644, content));
        }
        let stale = held(node, &folder)?
            .into_iter()
            .filter(|path| !wanted.contains(path));
        source.files.extend(stale.map(|path| Change::Absent { path }));
        let address = format!("file:{}", folder.display());
        source.configure(
            Path::new(&format!("sources.list.d/airlock-{distro}.sources")),
            list(&address),
        );
        Ok(source)
    }

    fn configure(&mut self, path: &Path, text: String) {
        let path = Path::new("/etc/apt").join(path);
        if path.extension().is_some_and(|ending| ending == "sources") {
            self.refresh.push(path.clone());
        }
        self.files.push(Change::file(path, 0o644, text));
    }
}

/// The files in a folder of the node, in all depths.
fn held(node: &Node, folder: &Path) -> Result<Vec<PathBuf>, NodeError> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(at) = open.pop() {
        // Where there is no such folder there is nothing old in it.
        let Ok(entries) = std::fs::read_dir(node.path(&at)?) else {
            continue;
        };
        for entry in entries.flatten() {
            let path = at.join(entry.file_name());
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}
