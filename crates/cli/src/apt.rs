//! How apt is configured on this machine, for manifests that leave it to that.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use airlock_node::OsRelease;
use airlock_ospkg::deb::sources::{Source, read_named};
use airlock_resolver::{AptConfiguration, AptFile};
use airlock_spec::manifest::Effective;

/// More than any list of sources or keyring.
const LIMIT: u64 = 16 << 20;

/// apt's configuration, if the manifest needs it and this machine has one. What cannot be read is left out, and missed
/// where it is needed.
pub(crate) fn configuration(manifest: &Effective) -> Option<AptConfiguration> {
    let needed = manifest
        .components
        .iter()
        .flat_map(|component| &component.packages)
        .any(|packages| packages.repos.is_empty());
    if !needed {
        return None;
    }
    read(Path::new("/"))
}

fn read(root: &Path) -> Option<AptConfiguration> {
    let distro = OsRelease::parse(&read_text(&root.join("etc/os-release"))?).distro()?;
    let etc = root.join("etc/apt");
    let sources = apt_files(&etc, "sources.list", &["list", "sources"]);
    let mut keyrings = BTreeMap::new();
    for source in sources.iter().flat_map(entries) {
        for path in source.signed_by.paths {
            let file = root.join(path.trim_start_matches('/'));
            if let Some(content) = read_bytes(&file) {
                keyrings.insert(path, content);
            }
        }
    }
    Some(AptConfiguration {
        distro,
        sources,
        keyrings,
        trusted: apt_files(&etc, "trusted.gpg", &["gpg", "asc"]),
    })
}

/// A file of apt's configuration and those in the folder beside it, as far as they can be read.
fn apt_files(etc: &Path, name: &str, endings: &[&str]) -> Vec<AptFile> {
    let mut paths = vec![etc.join(name)];
    paths.extend(files(&etc.join(format!("{name}.d")), endings));
    let read = |path: PathBuf| {
        Some(AptFile {
            name: path.display().to_string(),
            content: read_bytes(&path)?,
        })
    };
    paths.into_iter().filter_map(read).collect()
}

/// The entries of a file of sources; none if it is damaged, which whoever uses it says.
fn entries(file: &AptFile) -> Vec<Source> {
    read_named(&file.name, &file.content).unwrap_or_default()
}

/// The files of a folder with one of these endings, in order.
fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.extension()
                .and_then(|ending| ending.to_str())
                .is_some_and(|ending| endings.contains(&ending))
        })
        .collect();
    found.sort();
    found
}

fn read_bytes(path: &Path) -> Option<Vec<u8>> {
    let facts = std::fs::metadata(path).ok()?;
    if !facts.is_file() || facts.len() > LIMIT {
        return None;
    }
    std::fs::read(path).ok()
}

fn read_text(path: &Path) -> Option<String> {
    String::from_utf8(read_bytes(path)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_with_apt() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        assert_eq!(read(root.path()), None);
        write("etc/os-release", "NAME=x\nID=debian\nVERSION_ID=\"12\"\n");
        write("etc/apt/sources.list", "# nothing\n");
        write(
            "etc/apt/sources.list.d/a.sources",
            "Types: deb\nURIs: http://deb.example.org/debian\nSuites: bookworm\nComponents: main\nSigned-By: /usr/share/keyrings/a.gpg\n",
        );
        write("etc/apt/sources.list.d/a.sources.save", "Types: deb\n");
        write("etc/apt/trusted.gpg.d/b.asc", "b");
        write("usr/share/keyrings/a.gpg", "a");
        let own = read(root.path()).unwrap();
        assert_eq!(own.distro, "debian-12");
        assert_eq!(own.sources.len(), 2);
        assert_eq!(own.keyrings["/usr/share/keyrings/a.gpg"], b"a");
        assert_eq!(own.trusted.len(), 1);
    }
}
