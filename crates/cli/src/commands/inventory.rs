//! `airlock inventory`: what a node has, for manifests whose packages are to fit it.

use std::collections::BTreeMap;
use std::path::Path;

use airlock_node::OsRelease;
use airlock_ospkg::deb::control::paragraphs;
use airlock_ospkg::deb::packages::Stanza;
use airlock_spec::inventory::{FORMAT, Inventory, InventoryPackage};
use anyhow::{Context, anyhow};

use crate::args::{Global, InventoryArgs};
use crate::failure::{Failure, Result};
use crate::{files, print};

/// More than any status file; that of a desktop has 6 MiB.
const LIMIT: u64 = 64 << 20;
/// Where dpkg keeps what is installed.
const STATUS: &str = "var/lib/dpkg/status";
/// Where dpkg keeps the architectures, where there is more than one (dpkg(1), --add-architecture).
const ARCHITECTURES: &str = "var/lib/dpkg/arch";
/// Where rpm keeps what is installed.
const RPM: [&str; 2] = ["var/lib/rpm", "usr/lib/sysimage/rpm"];

pub(crate) fn run(args: &InventoryArgs, global: &Global) -> Result {
    let inventory = read(&args.root)?;
    let text = inventory.to_text()?;
    let Some(path) = &args.out else {
        return print::out(&text);
    };
    files::replace("the inventory", path, text.as_bytes())?;
    print::note(
        global,
        &format!(
            "{}: {} packages of {} ({})",
            path.display(),
            inventory.packages.len(),
            inventory.distro,
            inventory.architecture
        ),
    );
    Ok(())
}

/// The inventory of the system below a folder.
fn read(root: &Path) -> Result<Inventory> {
    let status = root.join(STATUS);
    if !files::exists("the list of installed packages", &status)? {
        return Err(no_dpkg(root));
    }
    let bytes = files::read("the list of installed packages", &status, LIMIT)?;
    let damaged = || format!("the list of installed packages is damaged: {}", status.display());
    let mut packages = Vec::new();
    for paragraph in paragraphs(&bytes) {
        let paragraph = paragraph.with_context(damaged)?;
        // What is left of a package that was removed need not have a version.
        if !is_installed(paragraph.get("Status")) {
            continue;
        }
        packages.push(package(&Stanza::read(&paragraph).with_context(damaged)?));
    }
    // dpkg is a package of the system's own architecture, always (deb-control(5) knows no other way to tell).
    let dpkg = packages.iter().find(|package| package.name == "dpkg");
    let architectures = architectures(root)?;
    let architecture = dpkg
        .map(|dpkg| dpkg.architecture.clone())
        .or_else(|| architectures.first().cloned())
        .ok_or_else(|| {
            anyhow!(
                "the architecture cannot be told, since dpkg is not installed: {}",
                root.display()
            )
        })?;
    Ok(Inventory {
        format: FORMAT,
        distro: distro(root)?,
        foreign_architectures: architectures
            .into_iter()
            .filter(|other| *other != architecture)
            .collect(),
        architecture,
        packages,
    })
}

fn is_installed(status: Option<&[u8]>) -> bool {
    let status = std::str::from_utf8(status.unwrap_or_default()).unwrap_or_default();
    Stanza {
        status,
        ..Stanza::default()
    }
    .is_installed()
}

/// A package with what apt looks at when it chooses others.
fn package(stanza: &Stanza<'_>) -> InventoryPackage {
    let fields = [
        ("Breaks", stanza.breaks),
        ("Conflicts", stanza.conflicts),
        ("Depends", stanza.depends),
        ("Essential", stanza.essential),
        ("Important", stanza.important),
        ("Multi-Arch", stanza.multi_arch),
        ("Pre-Depends", stanza.pre_depends),
        ("Priority", stanza.priority),
        ("Protected", stanza.protected),
        ("Provides", stanza.provides),
        ("Recommends", stanza.recommends),
        ("Replaces", stanza.replaces),
        ("Source", stanza.source),
    ];
    let there = fields.into_iter().filter(|(_, value)| !value.is_empty());
    let line = |value: &str| value.split_whitespace().collect::<Vec<_>>().join(" ");
    InventoryPackage {
        name: stanza.package.to_owned(),
        version: stanza.version.to_owned(),
        architecture: stanza.architecture.to_owned(),
        fields: there
            .map(|(name, value)| (name.to_owned(), line(value)))
            .collect::<BTreeMap<_, _>>(),
    }
}

/// All architectures, where dpkg has written them down.
fn architectures(root: &Path) -> Result<Vec<String>> {
    let path = root.join(ARCHITECTURES);
    if !files::exists("the list of architectures", &path)? {
        return Ok(Vec::new());
    }
    let text = files::read_text("the list of architectures", &path, LIMIT)?;
    Ok(text.split_whitespace().map(str::to_owned).collect())
}

fn distro(root: &Path) -> Result<String> {
    let path = ["etc/os-release", "usr/lib/os-release"]
        .map(|name| root.join(name))
        .into_iter()
        .find(|path| path.is_file())
        .ok_or_else(|| {
            anyhow!(
                "there is no etc/os-release, which names the distribution: {}",
                root.display()
            )
        })?;
    let text = files::read_text("the name of the distribution", &path, LIMIT)?;
    OsRelease::parse(&text).distro().ok_or_else(|| {
        Failure::from(anyhow!(
            "the file names no distribution with a version: {}",
            path.display()
        ))
        .hint("it needs ID, and VERSION_ID or VERSION_CODENAME (os-release(5))")
    })
}

/// Why there is nothing to list.
fn no_dpkg(root: &Path) -> Failure {
    if RPM.iter().any(|name| root.join(name).is_dir()) {
        return Failure::from(anyhow!(
            "the packages of this system are rpm's, of which no inventory can be made yet: {}",
            root.display()
        ));
    }
    Failure::from(anyhow!(
        "dpkg has no list of installed packages here: {}",
        root.join(STATUS).display()
    ))
    .hint("run it on a node, or give the root of its file system: --root DIR")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        root
    }

    const DPKG: &str = "Package: dpkg\nStatus: install ok installed\nVersion: 1\nArchitecture: arm64\n";

    #[test]
    fn what_is_installed_and_nothing_else() {
        let status = format!(
            "{DPKG}Depends: libc6 (>= 2),\n tar\n\nPackage: gone\nStatus: deinstall ok config-files\n\n\
             Package: half\nStatus: install ok half-configured\nVersion: 2\nArchitecture: all\nDescription: x\n"
        );
        let root = system(&[
            (STATUS, &status),
            ("etc/os-release", "ID=debian\nVERSION_CODENAME=forky\n"),
            (ARCHITECTURES, "arm64\narmhf\n"),
        ]);
        let inventory = read(root.path()).unwrap();
        assert_eq!(inventory.distro, "debian-forky");
        assert_eq!(inventory.architecture, "arm64");
        assert_eq!(inventory.foreign_architectures, ["armhf"]);
        let names: Vec<&str> = inventory.packages.iter().map(|package| &*package.name).collect();
        assert_eq!(names, ["dpkg", "half"]);
        assert_eq!(inventory.packages[0].fields["Depends"], "libc6 (>= 2), tar");
        assert!(inventory.packages[1].fields.is_empty());
        let text = inventory.to_text().unwrap();
        assert_eq!(Inventory::from_bytes(text.as_bytes()).unwrap(), inventory);
    }

    #[test]
    fn systems_that_have_none() {
        for (files, words) in [
            (&[("usr/lib/sysimage/rpm/rpmdb.sqlite", "")][..], "are rpm's"),
            (&[("etc/os-release", "ID=x\n")], "--root DIR"),
            (&[(STATUS, DPKG)], "etc/os-release"),
            (
                &[(STATUS, DPKG), ("etc/os-release", "NAME=x\n")],
                "no distribution",
            ),
            (
                &[(STATUS, ""), ("etc/os-release", "ID=a\nVERSION_ID=1\n")],
                "architecture cannot be told",
            ),
            (&[(STATUS, "Package: a\nno field\n")], "is damaged"),
        ] {
            let root = system(files);
            let failure = read(root.path()).unwrap_err().render();
            assert!(failure.contains(words), "{failure}");
        }
    }
}
