//! The configuration of an artifact of OS packages: what a site needs to know to make a repository of it.

use std::collections::{BTreeMap, BTreeSet};

use airlock_types::{Descriptor, Digest, annotation, json, media_type};
use serde::{Deserialize, Serialize};

use crate::lock::Artifact;

/// The format that this version writes and reads.
pub const VERSION: u32 = 1;

/// The largest list that is read, in bytes; a thousand packages have one MB of it.
pub const MAX_LIST: u64 = 64 << 20;

/// Whether a root of a bundle or generation says that it is a set of packages.
pub fn is_set(root: &Descriptor) -> bool {
    root.annotations
        .get(annotation::KIND)
        .is_some_and(|kind| kind == "packages")
}

/// Debian packages for one distribution, closed under what they need. The package files are the layers of the
/// artifact, titled with their path below the site's repository (`pool/…`); so is the evidence (`evidence/…`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DebSet {
    /// The format, [`VERSION`].
    pub version: u32,
    /// The distribution, `debian-12`.
    pub distro: String,
    /// The codename that its clients use, `bookworm`.
    pub codename: String,
    /// Debian's names of the architectures, in order.
    pub architectures: Vec<String>,
    /// What was asked for, as written.
    pub wanted: Vec<String>,
    /// Whether what is only recommended was wanted, too.
    pub recommends: bool,
    /// The files of the builder that the choice depends on, in order of their path.
    pub inputs: Vec<Input>,
    /// What the nodes are taken to have already, in order of architecture and name.
    pub base: Vec<Installed>,
    /// The packages, in order of name, version and architecture.
    pub packages: Vec<DebPackage>,
    /// Where they come from, and how that was established.
    pub repositories: Vec<DebRepository>,
}

/// A file beside the manifest, as it was when the lock was made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Input {
    /// Its path, as written in the manifest.
    pub path: String,
    /// What it was.
    pub digest: Digest,
}

/// A package that is taken to be installed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Installed {
    /// The architecture of the node.
    pub architecture: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// A package that is carried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DebPackage {
    /// Its paragraph in the signed index, as it stands there.
    pub control: String,
    /// The component that it belongs to, `main`.
    pub component: String,
    /// Its place in [`DebSet::repositories`].
    pub repository: usize,
    /// Why it is here: `wanted`, or `nginx Depends libc6 (>= 2.34)`.
    pub why: Vec<String>,
}

/// A signed release of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DebRepository {
    /// Its address.
    pub uri: String,
    /// The suite, as asked for.
    pub suite: String,
    /// Its `Label`, `Debian-Security`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The `Date` of its Release file, in seconds since 1970.
    pub date: i64,
    /// The fingerprints of the keys that signed it.
    pub signers: Vec<String>,
    /// Their keys, as the one who locked had them. An auditor who has a keyring of a source that they trust does without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyring: Option<Digest>,
    /// The files that establish it, by their path below `dists/SUITE/`.
    pub evidence: Vec<EvidenceFile>,
}

/// A file of the chain from the signature to the packages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EvidenceFile {
    /// Its path: `InRelease`, `main/binary-amd64/Packages.xz`.
    pub path: String,
    /// The blob that it is.
    pub digest: Digest,
}

/// Why bytes are no configuration of packages.
#[derive(Debug, thiserror::Error)]
pub enum DebSetError {
    /// Not JSON, or not of the right shape.
    #[error("the list of packages is not valid")]
    Json(#[from] json::JsonError),
    /// Written by a later version.
    #[error("the list of packages has a format that this version cannot read: {0}")]
    Version(u32),
    /// It names a repository that it does not list.
    #[error("the list of packages names a repository that it does not list: {0}")]
    Repository(usize),
}

impl DebSet {
    /// Canonical JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        json::to_canonical(self)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DebSetError> {
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }
        let head: Head = json::from_slice(bytes)?;
        if head.version != VERSION {
            return Err(DebSetError::Version(head.version));
        }
        let set: Self = json::from_slice(bytes)?;
        match set
            .packages
            .iter()
            .find(|package| package.repository >= set.repositories.len())
        {
            Some(package) => Err(DebSetError::Repository(package.repository)),
            None => Ok(set),
        }
    }

    /// What a locked artifact says of its packages; none if it holds no Debian packages.
    pub fn of(artifact: &Artifact) -> Option<Self> {
        let mut pins = artifact.blobs.iter();
        let config = pins.find(|pin| pin.media_type == media_type::AIRLOCK_DEB_SET)?;
        Self::from_bytes(artifact.inline.get(&config.digest)?.as_bytes()).ok()
    }

    /// Whether a package comes from a repository of security updates, as they are called: `bookworm-security` with the
    /// label `Debian-Security`.
    fn is_security(&self, name: &str, architecture: &str) -> bool {
        self.packages.iter().any(|package| {
            let field = |name| package.field(name).unwrap_or_default();
            let own = field("Package") == name && field("Architecture") == architecture;
            let repository = self.repositories.get(package.repository);
            own && repository.is_some_and(DebRepository::is_security)
        })
    }

    /// Versions by name and architecture.
    fn versions(&self) -> BTreeMap<(&str, &str), BTreeSet<&str>> {
        let mut versions: BTreeMap<_, BTreeSet<&str>> = BTreeMap::new();
        for package in &self.packages {
            let field = |name| package.field(name).unwrap_or_default();
            let name = (field("Package"), field("Architecture"));
            versions.entry(name).or_default().insert(field("Version"));
        }
        versions
    }
}

impl DebRepository {
    fn is_security(&self) -> bool {
        let label = self.label.as_deref().unwrap_or_default();
        self.suite.contains("security") || label.to_ascii_lowercase().contains("security")
    }
}

impl DebPackage {
    /// The digest of its file, as its paragraph says.
    pub fn digest(&self) -> Option<Digest> {
        format!("sha256:{}", self.field("SHA256")?).parse().ok()
    }

    /// A field of its paragraph, as far as it stands on one line.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.control.lines().find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// A package that is not in both of two sets in the same versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PackageChange {
    /// Its name.
    pub name: String,
    /// Its architecture.
    pub architecture: String,
    /// The versions before, mostly one; none if it is new.
    pub from: Vec<String>,
    /// The versions now; none if it is gone.
    pub to: Vec<String>,
    /// Whether one of them comes from a repository of security updates.
    pub security: bool,
}

/// What has changed from one set to another, in order of name and architecture.
pub fn changes(from: &DebSet, to: &DebSet) -> Vec<PackageChange> {
    let (before, after) = (from.versions(), to.versions());
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let versions = |of: Option<&BTreeSet<&str>>| -> Vec<String> {
        of.into_iter()
            .flatten()
            .map(|&version| version.to_owned())
            .collect()
    };
    names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name))
        .map(|name| PackageChange {
            name: name.0.to_owned(),
            architecture: name.1.to_owned(),
            from: versions(before.get(name)),
            to: versions(after.get(name)),
            security: to.is_security(name.0, name.1),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_and_refusals() {
        let mut set = DebSet {
            version: VERSION,
            distro: "debian-12".into(),
            codename: "bookworm".into(),
            architectures: vec!["amd64".into()],
            wanted: vec!["chrony".into()],
            recommends: true,
            inputs: Vec::new(),
            base: Vec::new(),
            packages: vec![DebPackage {
                control: "Package: chrony\nVersion: 4.3-2\n".into(),
                component: "main".into(),
                repository: 0,
                why: vec!["wanted".into()],
            }],
            repositories: vec![DebRepository {
                uri: "https://deb.example.org/debian".into(),
                suite: "bookworm".into(),
                label: None,
                date: 1,
                signers: vec!["AB".into()],
                keyring: None,
                evidence: Vec::new(),
            }],
        };
        assert_eq!(DebSet::from_bytes(&set.to_bytes()).unwrap(), set);
        assert_eq!(set.packages[0].field("version"), Some("4.3-2"));
        let mut later = set.clone();
        assert_eq!(changes(&set, &later), []);
        later.packages[0].control = "Package: chrony\nVersion: 4.5-1\n".into();
        let changed = changes(&set, &later);
        assert_eq!(
            (&changed[0].from[..], &changed[0].to[..]),
            (&["4.3-2".to_owned()][..], &["4.5-1".to_owned()][..])
        );
        assert!(!changed[0].security);
        later.repositories[0].suite = "bookworm-security".into();
        assert!(changes(&set, &later)[0].security);
        later.repositories[0].suite = "stable".into();
        later.repositories[0].label = Some("Debian-Security".into());
        assert!(changes(&set, &later)[0].security);
        later.packages.clear();
        assert_eq!(changes(&set, &later)[0].to.len(), 0);
        set.packages[0].repository = 1;
        assert!(matches!(
            DebSet::from_bytes(&set.to_bytes()),
            Err(DebSetError::Repository(1))
        ));
        set.version = 2;
        assert!(matches!(
            DebSet::from_bytes(&set.to_bytes()),
            Err(DebSetError::Version(2))
        ));
        assert!(DebSet::from_bytes(b"{}").is_err());
    }
}
