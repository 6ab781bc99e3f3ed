//! OS packages: the closure of what is wanted, from signed repositories, as one artifact for each request.
//!
//! [`repositories`] says where packages come from and who may sign them, [`fetch`] brings the signed releases with their
//! indexes, [`closure`] chooses, and [`artifact`] pins what was chosen together with the evidence for it.

mod artifact;
mod closure;
mod fetch;
mod repositories;

use airlock_content::MetadataSource;
use airlock_ospkg::openpgp::{Override, Policy};
use airlock_spec::lock::Artifact;
use airlock_spec::manifest::{PackageException, PackagesRequest};
use airlock_types::Platform;
use jiff::Timestamp;

use crate::ask::Asker;
use crate::error::Cause;
use crate::request::Request;

pub use repositories::{AptConfiguration, AptFile};

/// Why packages could not be pinned.
#[derive(Debug, thiserror::Error)]
pub enum PackagesError {
    /// Only Debian and what comes of it.
    #[error("packages of this distribution cannot be carried yet: {0}")]
    Distro(String),
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
    #[error("there is no package {name} for {architecture}{meant}")]
    NoPackage {
        /// What was asked for.
        name: String,
        /// For which architecture.
        architecture: String,
        /// What may have been meant.
        meant: String,
    },
    /// There is no such version.
    #[error("there is no version {version} of {name} for {architecture}; there are {}", .known.join(", "))]
    NoVersion {
        /// The package.
        name: String,
        /// The version or release asked for.
        version: String,
        /// For which architecture.
        architecture: String,
        /// The versions that there are.
        known: Vec<String>,
    },
    /// A name that can be several packages.
    #[error("{name} is no package of its own for {architecture}, but provided by {}", .providers.join(", "))]
    Virtual {
        /// The name.
        name: String,
        /// For which architecture.
        architecture: String,
        /// Who provides it.
        providers: Vec<String>,
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
    let architectures = architectures(wanted, platforms);
    let policy = policy(wanted, asker.now);
    let repositories = repositories::of(asker, wanted).await?;
    let mut releases = Vec::new();
    for repository in &repositories {
        releases.push(fetch::release(asker, repository, &architectures, &policy).await?);
    }
    let installed = closure::installed(asker, wanted).await?;
    let (request, wanted) = (request.clone(), wanted.clone());
    blocking(move || {
        let chosen = closure::choose(&wanted, &architectures, &releases, installed.as_deref())?;
        artifact::pin(&request, &wanted, &architectures, &releases, &chosen)
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
                "give it repos, for example [{{uri: \"https://deb.debian.org/debian\", suites: [CODENAME OF {wanted}], components: [main], \
                 signed-by: KEYRING}}], or build on such a machine"
            )),
            Self::Unsigned(_) => {
                Some("add signed-by to the repository, or keyrings to the packages".to_owned())
            }
            Self::Chain { source, .. } => source.accepted_by().map(|lifted| {
                format!(
                    "if that is known and accepted, add `allow: [{}]`",
                    exception(lifted)
                )
            }),
            Self::Virtual { .. } => Some("name one of them".to_owned()),
            _ => None,
        }
    }
}

/// The word of the manifest that lifts a defence.
fn exception(lifted: Override) -> &'static str {
    match lifted {
        Override::WeakKey => "weak-key",
        Override::WeakDigest | Override::WeakChecksum => "weak-digest",
        _ => "expired-release",
    }
}

/// Debian's names of the architectures of the platforms, or those that the request names.
fn architectures(wanted: &PackagesRequest, platforms: &[Platform]) -> Vec<String> {
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
    all
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
