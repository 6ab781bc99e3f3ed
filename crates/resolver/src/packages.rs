//! OS packages: the closure of what is wanted, from signed repositories, as one artifact for each request.
//!
//! [`repositories`] says where packages come from and who may sign them, [`fetch`] brings the signed releases with their
//! indexes, [`closure`] chooses, and [`artifact`] pins what was chosen together with the evidence for it.

mod artifact;
mod closure;
mod fetch;
mod inputs;
mod repositories;

use airlock_content::MetadataSource;
use airlock_ospkg::deb::chain::ChainError;
use airlock_ospkg::openpgp::{Override, Policy};
use airlock_spec::lock::Artifact;
use airlock_spec::manifest::{PackageException, PackagesRequest};
use airlock_types::Platform;
use jiff::Timestamp;

use crate::ask::Asker;
use crate::error::Cause;
use crate::request::Request;

pub(crate) use inputs::changed;
pub use repositories::{AptConfiguration, AptFile};

/// Why packages could not be pinned.
#[derive(Debug, thiserror::Error)]
pub enum PackagesError {
    /// Only Debian and what comes of it.
    #[error("packages of this distribution cannot be carried yet: {0}")]
    Distro(String),
    /// None of the platforms is one that the distribution has packages for.
    #[error("no architecture of {0} is among the platforms")]
    NoArchitecture(String),
    /// A name for an architecture that is not asked for.
    #[error("the package is wanted for an architecture that is not: {0}")]
    OtherArchitecture(String),
    /// A lock is read by many.
    #[error("the address of a repository holds credentials, which would stand in the lock: {0}")]
    Secret(String),
    /// No repositories are given, and the builder's own are not for this distribution.
    #[error("there is no repository for {wanted}, and {own}")]
    NoRepository {
        /// The distribution.
        wanted: String,
        /// What there is instead.
        own: String,
    },
    /// A list of sources cannot be read.
    #[error("the list of sources cannot be used: {name}")]
    Sources {
        /// Which.
        name: String,
        /// Why.
        #[source]
        source: airlock_ospkg::deb::sources::SourcesError,
    },
    /// An address that cannot be asked.
    #[error("only repositories at http and https addresses can be used: {0}")]
    Address(String),
    /// A keyring cannot be read.
    #[error("the keyring cannot be used: {name}")]
    Keyring {
        /// Which.
        name: String,
        /// Why.
        #[source]
        source: airlock_ospkg::openpgp::KeyringError,
    },
    /// A keyring is named that is not there.
    #[error("the keyring that the list of sources names is not there: {0}")]
    NoKeyring(String),
    /// Nobody may sign the repository.
    #[error("no key is given that may sign the repository: {0}")]
    Unsigned(String),
    /// The chain of signatures and checksums is broken.
    #[error("the repository cannot be trusted: {address}")]
    Chain {
        /// Which release.
        address: String,
        /// Why.
        #[source]
        source: airlock_ospkg::deb::chain::ChainError,
    },
    /// A component or an architecture that the repository has not.
    #[error("the repository {address} has no packages of component {component} for {architecture}")]
    NoIndex {
        /// Which release.
        address: String,
        /// The component.
        component: String,
        /// The architecture.
        architecture: String,
    },
    /// An index or a status file cannot be read.
    #[error("the list of packages cannot be read: {name}")]
    Packages {
        /// Which.
        name: String,
        /// Why.
        #[source]
        source: airlock_ospkg::deb::packages::PackagesError,
    },
    /// The inventory of a node cannot be read.
    #[error("the inventory cannot be used: {name}")]
    Inventory {
        /// Which.
        name: String,
        /// Why.
        #[source]
        source: airlock_spec::inventory::InventoryError,
    },
    /// The inventory is of another sort of node.
    #[error("the inventory is of a node with {found}, and packages are wanted of {wanted}")]
    OtherNode {
        /// What the node has.
        found: String,
        /// What is wanted.
        wanted: String,
    },
    /// A pin is not understood.
    #[error("the pin cannot be used: {pin}")]
    Pin {
        /// Which.
        pin: String,
        /// Why.
        #[source]
        source: airlock_ospkg::deb::pins::PinError,
    },
    /// Nothing is called so.
    #[error("there is no package for {architecture} of this name: {name}")]
    NoPackage {
        /// What was asked for.
        name: String,
        /// For which architecture.
        architecture: String,
        /// What may have been meant.
        meant: Option<String>,
    },
    /// A name that stands for no version, or for several packages.
    #[error("the package cannot be had for {architecture}: {name}")]
    Word {
        /// What was asked for.
        name: String,
        /// For which architecture.
        architecture: String,
        /// Why not.
        #[source]
        source: airlock_ospkg::deb::solve::WordError,
    },
    /// They do not fit together.
    #[error("the packages cannot be installed on {architecture}")]
    Unsolvable {
        /// For which architecture.
        architecture: String,
        /// Why.
        #[source]
        source: airlock_ospkg::deb::solve::SolveError,
    },
    /// Something that was chosen cannot be pinned.
    #[error("the package cannot be pinned, its index gives no SHA256: {0}")]
    NoDigest(String),
    /// A document that cannot stand in a lock.
    #[error("the file is not text: {0}")]
    NotText(String),
}

/// Resolves an entry of `packages`.
pub(crate) async fn resolve<S: MetadataSource>(
    asker: &Asker<'_, S>,
    request: &Request,
    wanted: &PackagesRequest,
    platforms: &[Platform],
) -> Result<Artifact, Cause> {
    let architectures = architectures(wanted, platforms)?;
    let policy = policy(wanted, asker.now);
    let repositories = repositories::of(asker, wanted).await?;
    let releases = repositories
        .iter()
        .map(|repository| fetch::release(asker, repository, &architectures, &policy));
    let releases = futures::future::try_join_all(releases).await?;
    let installed = closure::installed(asker, wanted, &architectures).await?;
    let inputs = inputs::of(asker, wanted).await?;
    let (request, wanted) = (request.clone(), wanted.clone());
    blocking(move || {
        let chosen = closure::choose(&wanted, &architectures, &releases, installed.as_deref())?;
        artifact::pin(&request, &wanted, &architectures, inputs, &releases, &chosen)
    })
    .await
}

/// Runs what takes a second or more where it holds up nobody.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        // It is never cancelled, so it panicked; so does whoever waits for it.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

impl PackagesError {
    /// What to do about it, where there is something to do.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::NoRepository { wanted, .. } => Some(format!(
                "give it repos, for example [{{uri: \"https://deb.example.org/debian\", suites: [CODENAME], components: [main], \
                 signed-by: KEYRING}}], or lock on a machine with {wanted}"
            )),
            Self::NoIndex { .. } => Some(
                "name architectures that it has, or give the packages repos of their own".to_owned(),
            ),
            Self::NoArchitecture(_) => {
                Some("add linux/amd64 to platforms, or architectures to the packages".to_owned())
            }
            Self::OtherArchitecture(_) => {
                Some("add its platform, or name it in architectures".to_owned())
            }
            Self::Secret(_) => Some(
                "take them out; give them with --authfile, or in the file that podman login writes".to_owned(),
            ),
            Self::Unsigned(_) => {
                Some("add signed-by to the repository, or keyrings to the packages".to_owned())
            }
            Self::Chain {
                source: ChainError::Size { .. } | ChainError::Checksum { .. },
                ..
            } => Some(
                "a mirror in the middle of its own update does that; try again in some minutes, or use another".to_owned(),
            ),
            Self::Chain { source, .. } => {
                let lifted = source.accepted_by().and_then(exception);
                let allow = lifted.map(|word| format!("if that is known and accepted, add `allow: [{word}]`"));
                let other = match source {
                    ChainError::Release(error) => error.hint().map(str::to_owned),
                    _ => None,
                };
                let hints: Vec<String> = other.into_iter().chain(allow).collect();
                (!hints.is_empty()).then(|| hints.join("; "))
            }
            Self::OtherNode { .. } => Some(
                "make one with `airlock inventory` on such a node; give each architecture packages of its own, with \
                 architectures: [NAME]"
                    .to_owned(),
            ),
            Self::Keyring { source, .. } => source.hint().map(str::to_owned),
            Self::Unsolvable { .. } => Some(
                "name a version that fits, pin a release, or describe the nodes in base".to_owned(),
            ),
            Self::NoPackage { meant: Some(meant), .. } => Some(format!("did you mean {meant}?")),
            _ => None,
        }
    }
}

/// The word of the manifest that lifts a defence, where there is one.
fn exception(lifted: Override) -> Option<&'static str> {
    Some(match lifted {
        Override::WeakKey => "weak-key",
        Override::WeakDigest | Override::WeakChecksum => "weak-digest",
        Override::ExpiredRelease | Override::ExpiredKey => "expired-release",
        _ => return None,
    })
}

/// Distributions whose packages are not Debian's, by how their names begin.
const RPM: [&str; 11] = [
    "alma",
    "amzn",
    "centos",
    "fedora",
    "ol-",
    "openeuler",
    "opensuse",
    "rhel",
    "rocky",
    "sle",
    "suse",
];

/// Debian's names of the architectures of the platforms, or those that the request names.
fn architectures(wanted: &PackagesRequest, platforms: &[Platform]) -> Result<Vec<String>, PackagesError> {
    if RPM.iter().any(|name| wanted.distro.starts_with(name)) {
        return Err(PackagesError::Distro(wanted.distro.clone()));
    }
    let mut all: Vec<String> = if wanted.architectures.is_empty() {
        platforms
            .iter()
            .filter_map(debian_name)
            .map(str::to_owned)
            .collect()
    } else {
        wanted.architectures.clone()
    };
    all.sort();
    all.dedup();
    if all.is_empty() {
        return Err(PackagesError::NoArchitecture(wanted.distro.clone()));
    }
    // `curl:arm64` is for nodes of one architecture; without such nodes it would be left out without a word.
    let lost = wanted.names.iter().find(|name| {
        let name = name.split(['=', '/']).next().unwrap_or_default();
        let of = name.split_once(':').map(|(_, of)| of);
        of.is_some_and(|of| !["any", "native"].contains(&of) && !all.iter().any(|known| known == of))
    });
    match lost {
        Some(name) => Err(PackagesError::OtherArchitecture(name.clone())),
        None => Ok(all),
    }
}

fn debian_name(platform: &Platform) -> Option<&'static str> {
    if platform.os() != "linux" {
        return None;
    }
    Some(match (platform.architecture(), platform.variant()) {
        ("amd64", _) => "amd64",
        ("arm64", _) => "arm64",
        ("arm", Some("v7")) => "armhf",
        ("arm", _) => "armel",
        ("386", _) => "i386",
        ("ppc64le", _) => "ppc64el",
        ("s390x", _) => "s390x",
        ("riscv64", _) => "riscv64",
        ("mips64le", _) => "mips64el",
        _ => return None,
    })
}

fn policy(wanted: &PackagesRequest, now: Timestamp) -> Policy {
    let mut policy = Policy::at(now);
    for exception in &wanted.allow {
        let lifted: &[Override] = match exception {
            PackageException::ExpiredRelease => &[Override::ExpiredRelease, Override::ExpiredKey],
            PackageException::WeakDigest => &[Override::WeakDigest, Override::WeakChecksum],
            PackageException::WeakKey => &[Override::WeakKey],
        };
        for lifted in lifted {
            policy = policy.with_override(*lifted);
        }
    }
    policy
}

#[cfg(test)]
mod tests {
    use airlock_spec::manifest::{PackageBase, Place};

    use super::*;

    fn wanted(distro: &str, names: &[&str]) -> PackagesRequest {
        PackagesRequest {
            distro: distro.to_owned(),
            names: names.iter().map(|&name| name.to_owned()).collect(),
            architectures: Vec::new(),
            recommends: true,
            target: None,
            pins: Vec::new(),
            base: PackageBase::Minimal,
            repos: Vec::new(),
            keyrings: Vec::new(),
            allow: Vec::new(),
            place: Place::default(),
        }
    }

    #[test]
    fn architectures_are_those_of_the_platforms_unless_named() {
        let platforms: Vec<Platform> = ["linux/arm64", "linux/amd64", "linux/arm/v7", "windows/amd64"]
            .map(|platform| platform.parse().unwrap())
            .into();
        let of =
            |request: &PackagesRequest| architectures(request, &platforms).map_err(|error| error.to_string());
        let mut request = wanted("debian-12", &["curl", "vim:any", "nano:arm64=1:2"]);
        assert_eq!(of(&request).unwrap(), ["amd64", "arm64", "armhf"]);
        request.architectures = vec!["riscv64".to_owned()];
        assert_eq!(
            of(&request).unwrap_err(),
            "the package is wanted for an architecture that is not: nano:arm64=1:2"
        );
        assert!(
            of(&wanted("rocky-9", &["curl"]))
                .unwrap_err()
                .ends_with("yet: rocky-9")
        );
        let none = architectures(&wanted("debian-12", &[]), &platforms[3..]);
        assert!(matches!(none, Err(PackagesError::NoArchitecture(_))));
    }

    #[test]
    fn hints_name_only_what_helps() {
        assert_eq!(exception(Override::WeakChecksum), Some("weak-digest"));
        // The clock is wrong, and no exception would put that right.
        assert_eq!(exception(Override::FutureRelease), None);
        let future = airlock_ospkg::deb::release::ReleaseError::Future(Timestamp::UNIX_EPOCH);
        let error = PackagesError::Chain {
            address: "https://deb.example.org/".to_owned(),
            source: future.into(),
        };
        assert_eq!(error.hint().as_deref(), Some("look at this machine's clock"));
    }
}
