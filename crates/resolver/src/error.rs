use std::fmt;
use std::sync::Arc;

use airlock_closure::AgainError;
use airlock_content::SourceError;
use airlock_helm::{ChartError, IndexError, RangeError};
use airlock_spec::lock::Kind;
use airlock_spec::manifest::Place;
use airlock_types::{Digest, ManifestError, Platform};

use crate::k3s::K3sError;
use crate::packages::PackagesError;

/// Why one thing that the manifest asks for could not be pinned.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Cause {
    /// The source could not say.
    #[error(transparent)]
    Source(#[from] Arc<SourceError>),
    /// A manifest that Airlock cannot carry.
    #[error("the manifest cannot be carried: {digest}")]
    Manifest {
        /// Which one.
        digest: Digest,
        /// Why.
        #[source]
        source: Arc<ManifestError>,
    },
    /// The image has no build for a platform that is wanted.
    #[error("there is no build for {}, only for {}", list(.missing), list(.available))]
    Platforms {
        /// What is wanted and not there.
        missing: Vec<Platform>,
        /// What is there.
        available: Vec<Platform>,
    },
    /// Indexes in indexes, deeper than anyone has use for.
    #[error("the index holds indexes more than {0} deep")]
    Depth(usize),
    /// One digest with two sizes.
    #[error("one digest is announced with two sizes: {0}")]
    Sizes(Digest),
    /// The version given is neither a version nor a range.
    #[error("the chart's version cannot be used")]
    Range(#[source] RangeError),
    /// The repository's index cannot be used.
    #[error(transparent)]
    Index(Arc<IndexError>),
    /// No version is in the range.
    #[error("no version is in the range {range}; there are {}", .known.join(", "))]
    NoVersion {
        /// The range.
        range: String,
        /// The newest versions that there are.
        known: Vec<String>,
    },
    /// The archive is not a usable chart.
    #[error(transparent)]
    Chart(Arc<ChartError>),
    /// The chart cannot be rendered as it is deployed, so nobody knows which images it needs.
    #[error("nobody can tell which images the chart needs")]
    Render(#[source] Arc<AgainError>),
    /// An image of a chart or manifest, for which the manifest may not be the right place to look.
    #[error(transparent)]
    FoundImage(Box<Cause>),
    /// The archive holds another chart than the index said.
    #[error("the chart calls itself {0}")]
    OtherChart(String),
    /// The artifact in the registry is something else than a chart.
    #[error("this is not a Helm chart, but an artifact of type {0:?}")]
    NotAChart(String),
    /// The index has no address for the archive, or one that is none.
    #[error("the repository gives no usable address for version {0}")]
    NoAddress(String),
    /// The index has an address that must not be written into a lock.
    #[error("the repository's address for version {version} holds {found}, which do not belong into a lock")]
    SecretAddress {
        /// The version.
        version: String,
        /// What the address holds.
        found: airlock_spec::AddressSecret,
    },
    /// The bytes are not those that were announced.
    #[error("the digest does not match {expected} ({announced_by}): {actual}")]
    Digest {
        /// What was announced.
        expected: Digest,
        /// Where it was announced.
        announced_by: String,
        /// What is there.
        actual: Digest,
    },
    /// The file of checksums does not name the file.
    #[error("the file of checksums does not list {name:?}: {url}")]
    NotListed {
        /// The name looked for.
        name: String,
        /// The address of the file of checksums.
        url: String,
    },
    /// The name under which something would be served is not a reference.
    #[error("no reference can be made from this name: {0:?}")]
    Reference(String),
    /// Two different things would be served under one reference.
    #[error("this would be served as {reference}, as {other} is")]
    SameReference {
        /// The reference.
        reference: String,
        /// The other thing's name.
        other: String,
    },
    /// Part of the manifest that this version cannot carry out.
    #[error("not supported by this version yet: {what} at line {line}")]
    Unsupported {
        /// What it is.
        what: &'static str,
        /// The line of the manifest.
        line: usize,
    },
    /// OS packages that cannot be chosen or trusted.
    #[error(transparent)]
    Packages(Arc<PackagesError>),
    /// A release of k3s that cannot be pinned.
    #[error(transparent)]
    K3s(Arc<K3sError>),
    /// An image that k3s needs on every node.
    #[error(transparent)]
    ImageOfK3s(Box<Cause>),
    /// A name to update that nothing has.
    #[error("nothing in the manifest is called {0:?}")]
    UnknownUpdate(String),
}

impl From<SourceError> for Cause {
    fn from(error: SourceError) -> Self {
        Self::Source(Arc::new(error))
    }
}

impl From<ChartError> for Cause {
    fn from(error: ChartError) -> Self {
        Self::Chart(Arc::new(error))
    }
}

impl From<PackagesError> for Cause {
    fn from(error: PackagesError) -> Self {
        Self::Packages(Arc::new(error))
    }
}

impl From<K3sError> for Cause {
    fn from(error: K3sError) -> Self {
        Self::K3s(Arc::new(error))
    }
}

impl From<IndexError> for Cause {
    fn from(error: IndexError) -> Self {
        Self::Index(Arc::new(error))
    }
}

impl Cause {
    /// What to do about it, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Source(error) => error.hint.clone(),
            Self::Platforms { available, .. } if !available.is_empty() => Some(format!(
                "to take what there is, write {{ref: …, platforms: [{}]}}",
                list(available)
            )),
            Self::Chart(error) if matches!(**error, ChartError::MissingDependencies(_)) => {
                Some("run `helm dependency build` in the chart's folder".to_owned())
            }
            Self::NoVersion { .. } => {
                Some("pre-releases count only if the range names one, such as \">=1.2-0\"".to_owned())
            }
            Self::Packages(error) => error.hint(),
            Self::Render(_) => Some(
                "give the chart the values that it will have on site with `values`; `airlock template` renders it alone"
                    .to_owned(),
            ),
            Self::FoundImage(cause) => Some(match cause.hint() {
                Some(hint) => format!("{hint}\n      {NOT_NEEDED}"),
                None => NOT_NEEDED.to_owned(),
            }),
            Self::K3s(error) => error.hint(),
            Self::ImageOfK3s(cause) if matches!(**cause, Self::Platforms { .. }) => Some(
                "every node of k3s needs it: leave the platform out of the manifest, or carry the archives that k3s \
                 publishes with `images: archive`"
                    .to_owned(),
            ),
            Self::ImageOfK3s(cause) => cause.hint(),
            Self::SameReference { .. } => Some("ask for one of them only".to_owned()),
            _ => None,
        }
    }
}

/// What to do about an image that was found by mistake.
const NOT_NEEDED: &str =
    "an image that is not needed is left out with images: {ignore: [{match: …, reason: …}]} in its component";

fn list(platforms: &[Platform]) -> String {
    if platforms.is_empty() {
        return "no platform at all".to_owned();
    }
    let names: Vec<String> = platforms.iter().map(ToString::to_string).collect();
    names.join(", ")
}

/// One thing that the manifest asks for and that could not be pinned.
#[derive(Clone, Debug, thiserror::Error)]
#[error("cannot lock {kind}{name}{}", needed(.needed_by))]
pub struct Failure {
    /// What sort of thing it is.
    pub kind: What,
    /// As the manifest names it.
    pub name: String,
    /// Who needs it: paths through the manifest.
    pub needed_by: Vec<String>,
    /// Where the manifest asks for it first.
    pub place: Option<Place>,
    /// Why not.
    #[source]
    pub cause: Cause,
}

/// How many places are named in a message.
const MAX_SHOWN: usize = 4;

fn needed(by: &[String]) -> String {
    if by.is_empty() {
        String::new()
    } else {
        // Some images are needed in dozens of places.
        let shown: Vec<&str> = by.iter().take(MAX_SHOWN).map(String::as_str).collect();
        let more = match by.len().saturating_sub(MAX_SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!(", needed by {}{more}", shown.join(" and "))
    }
}

/// What a failure is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// An artifact.
    Artifact(Kind),
    /// A part of the manifest that is no artifact.
    Part,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Artifact(kind) => write!(f, "{kind} "),
            Self::Part => Ok(()),
        }
    }
}

/// How much of what was wanted failed; parts of the manifest that are no artifacts are not counted as such.
fn summary(failures: &[Failure], wanted: usize) -> String {
    let artifacts = failures
        .iter()
        .filter(|failure| matches!(failure.kind, What::Artifact(_)))
        .count();
    match (artifacts, failures.len() - artifacts) {
        (0, 1) => "the manifest asks for something that cannot be locked".to_owned(),
        (0, parts) => format!("the manifest asks for {parts} things that cannot be locked"),
        (_, 0) => format!("{artifacts} of {wanted} artifacts cannot be locked"),
        (_, parts) => format!("{artifacts} of {wanted} artifacts cannot be locked, and {parts} other things"),
    }
}

/// Everything that could not be pinned, in the order of the manifest.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", summary(.failures, *.wanted))]
pub struct ResolveErrors {
    /// One for each.
    pub failures: Vec<Failure>,
    /// How many artifacts the manifest asks for.
    pub wanted: usize,
}
