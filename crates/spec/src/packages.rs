//! The configuration of an artifact of OS packages: what a site needs to know to make a repository of it.

use airlock_types::{Digest, json};
use serde::{Deserialize, Serialize};

/// The format that this version writes and reads.
pub const VERSION: u32 = 1;

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
    /// What the nodes are taken to have already, in order of architecture and name.
    pub base: Vec<Installed>,
    /// The packages, in order of name, version and architecture.
    pub packages: Vec<DebPackage>,
    /// Where they come from, and how that was established.
    pub repositories: Vec<DebRepository>,
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
    /// The `Date` of its Release file, in seconds since 1970.
    pub date: i64,
    /// The fingerprints of the keys that signed it.
    pub signers: Vec<String>,
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
                date: 1,
                signers: vec!["AB".into()],
                evidence: Vec::new(),
            }],
        };
        assert_eq!(DebSet::from_bytes(&set.to_bytes()).unwrap(), set);
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
