//! Where this machine gets Debian from.

use anyhow::{Context, Result};

use crate::cargo::command;

/// The keys of Debian's releases, where the package of this name is installed.
pub(crate) const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The addresses in this machine's own apt configuration.
pub(crate) struct Mirrors {
    pub(crate) archive: String,
    pub(crate) security: String,
}

impl Mirrors {
    pub(crate) fn of_this_machine() -> Result<Self> {
        let format = "$(LABEL)\t$(REPO_URI)";
        let output = command("apt-get")
            .args([
                "indextargets",
                "--format",
                format,
                "Created-By: Packages",
                "Origin: Debian",
            ])
            .output()
            .context("cannot start apt-get")?;
        let text = String::from_utf8(output.stdout)?;
        let of = |label: &str| {
            let found = text
                .lines()
                .filter_map(|line| line.split_once('\t'))
                .find(|(of, _)| *of == label);
            found
                .map(|(_, address)| address.to_owned())
                .with_context(|| format!("this machine's apt has no repository labelled {label}"))
        };
        Ok(Self {
            archive: of("Debian")?,
            security: of("Debian-Security")?,
        })
    }
}
