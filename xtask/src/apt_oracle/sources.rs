//! A root for apt of its own, with the indexes of a release.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::cargo::{command, run};
use crate::debian::{KEYRING, Mirrors};

/// A folder in which apt finds all that it otherwise finds in `/`.
pub(super) struct Root {
    pub(super) folder: PathBuf,
    pub(super) architecture: String,
    /// In the order in which apt reads them.
    pub(super) indexes: Vec<Index>,
}

/// A Packages file and the Release file that vouches for it.
pub(super) struct Index {
    pub(super) release: PathBuf,
    pub(super) packages: PathBuf,
}

impl Root {
    /// Writes the configuration and fetches what is not there.
    pub(super) fn prepare(folder: &Path, release: &str, architecture: &str, update: bool) -> Result<Self> {
        for sub in [
            "etc/apt/apt.conf.d",
            "etc/apt/preferences.d",
            "var/lib/apt/lists/partial",
            "var/cache/apt",
        ] {
            fs::create_dir_all(folder.join(sub))?;
        }
        let mirrors = Mirrors::of_this_machine()?;
        let (archive, security) = (signed(&mirrors.archive), signed(&mirrors.security));
        let sources = format!(
            "deb {archive} {release} main\ndeb {archive} {release}-updates main\ndeb {security} {release}-security main\n"
        );
        fs::write(folder.join("etc/apt/sources.list"), sources)?;
        fs::write(folder.join("empty"), "")?;
        let mut root = Self {
            folder: folder.to_owned(),
            architecture: architecture.to_owned(),
            indexes: Vec::new(),
        };
        let configuration = root.configuration(&folder.join("empty"))?;
        if update || !has_lists(folder)? {
            run(command("apt-get")
                .args(["--quiet", "update"])
                .env("APT_CONFIG", &configuration))?;
        }
        let listed = command("apt-get")
            .args(["indextargets", "--format", "$(FILENAME)", "Created-By: Packages"])
            .env("APT_CONFIG", &configuration)
            .output()
            .context("cannot start apt-get")?;
        for line in String::from_utf8(listed.stdout)?.lines() {
            let (start, _) = line.split_once("_main_binary-").context("not an index of main")?;
            let release = PathBuf::from(format!("{start}_InRelease"));
            let packages = PathBuf::from(line);
            if !packages.is_file() || !release.is_file() {
                bail!("apt did not fetch {line}");
            }
            root.indexes.push(Index { release, packages });
        }
        if root.indexes.is_empty() {
            bail!("apt lists no index of {release}");
        }
        Ok(root)
    }

    /// The configuration for a target that has what a status file lists.
    pub(super) fn configuration(&self, status: &Path) -> Result<PathBuf> {
        let name = status
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let folder = self.folder.display();
        let cache = self.folder.join("var/cache").join(&name);
        fs::create_dir_all(cache.join("archives/partial"))?;
        let text = format!(
            "Dir \"{folder}\";\nDir::Cache \"{}\";\nDir::State::status \"{}\";\nAPT::Architecture \"{architecture}\";\n\
             APT::Architectures {{ \"{architecture}\"; }};\nAcquire::Languages \"none\";\nAcquire::GzipIndexes \"false\";\n\
             APT::Sandbox::User \"root\";\n",
            cache.display(),
            status.display(),
            architecture = self.architecture,
        );
        let path = self.folder.join(format!("apt-{name}.conf"));
        fs::write(&path, text)?;
        Ok(path)
    }

    /// The names of all packages.
    pub(super) fn names(&self) -> Result<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        for index in &self.indexes {
            let text = fs::read_to_string(&index.packages)?;
            names.extend(
                text.lines()
                    .filter_map(|line| line.strip_prefix("Package: "))
                    .map(str::to_owned),
            );
        }
        Ok(names)
    }
}

/// An address with the keys that count for it, where they are known.
fn signed(address: &str) -> String {
    if Path::new(KEYRING).is_file() {
        format!("[signed-by={KEYRING}] {address}")
    } else {
        address.to_owned()
    }
}

fn has_lists(folder: &Path) -> Result<bool> {
    let lists = fs::read_dir(folder.join("var/lib/apt/lists"))?;
    Ok(lists
        .flatten()
        .any(|it| it.file_name().to_string_lossy().ends_with("_Packages")))
}
