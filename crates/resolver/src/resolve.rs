use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use airlock_content::{Event, MetadataSource, Origin, Reporter, digest_of};
use airlock_spec::lock::{Artifact, Kind, Lock, REVISION, VERSION};
use airlock_spec::manifest::Effective;
use airlock_spec::packages::DebSet;
use airlock_types::{Digest, Reference};
use futures::{StreamExt, stream};
use jiff::Timestamp;

use crate::ask::Asker;
use crate::error::{Cause, Failure, ResolveErrors, What};
use crate::packages::{self, AptConfiguration};
use crate::request::{Ask, Request, plan};
use crate::{chart, files, image};

/// How a lock is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The manifest's folder, which its paths are relative to.
    pub folder: PathBuf,
    /// Whether signatures, attestations and the like travel with what they are about.
    pub referrers: bool,
    /// How many questions are asked at once.
    pub concurrency: usize,
    /// How apt is configured on this machine: where the packages of manifests come from that name no repositories.
    pub apt: Option<AptConfiguration>,
    /// The time at which signatures of repositories are judged.
    pub now: Timestamp,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            folder: PathBuf::new(),
            referrers: true,
            concurrency: 16,
            apt: None,
            now: Timestamp::UNIX_EPOCH,
        }
    }
}

/// What is asked for anew although its request has not changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Update {
    /// Nothing.
    #[default]
    None,
    /// Everything.
    All,
    /// What is called so: a name as the manifest writes it, a component, a reference, a repository, the last word of a
    /// repository, or an OS package.
    Names(Vec<String>),
}

impl Update {
    fn covers(&self, request: &Request, previous: Option<&Artifact>) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Names(names) => names.iter().any(|name| is_called(request, previous, name)),
        }
    }
}

fn is_called(request: &Request, previous: Option<&Artifact>, name: &str) -> bool {
    let below = |component: &String| {
        component
            .strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let reference = previous
        .map(|artifact| artifact.reference.clone())
        .or_else(|| request.name.parse().ok());
    let by_reference = |reference: &Reference| {
        let repository = reference.repository.name.as_str();
        reference.to_string() == name
            || reference.repository.to_string() == name
            || repository == name
            || repository.rsplit('/').next() == Some(name)
    };
    // A set of packages is chosen as a whole, whichever of them is named.
    let holds = |artifact: &Artifact| {
        let set = DebSet::of(artifact).into_iter();
        set.flat_map(|set| set.packages)
            .any(|package| package.field("Package") == Some(name))
    };
    request.name == name
        || previous.is_some_and(holds)
        || request.components.iter().any(below)
        || reference.as_ref().is_some_and(by_reference)
}

/// Makes the lock of a manifest.
///
/// `previous` is the lock before, where there is one. All failures are collected; the lock is only made
/// when there are none.
pub async fn resolve<S: MetadataSource>(
    manifest: &Effective,
    previous: Option<&Lock>,
    update: &Update,
    options: &Options,
    source: &S,
    reporter: &dyn Reporter,
) -> Result<Lock, ResolveErrors> {
    let (requests, mut failures) = plan(manifest, options.referrers);
    let wanted = requests.len();
    let before: BTreeMap<Digest, &Artifact> = previous
        .iter()
        .flat_map(|lock| &lock.artifacts)
        .map(|artifact| (artifact.request, artifact))
        .collect();
    failures.extend(unknown_updates(update, &requests, &before));
    // What cannot be carried out at all is said before anyone is asked anything.
    if !failures.is_empty() {
        return Err(ResolveErrors { failures, wanted });
    }
    reporter.event(Event::Phase {
        name: "locking",
        artifacts: wanted as u64,
        bytes: 0,
    });
    let asker = Asker::new(source, options, reporter);
    let asker = &asker;
    let mut answers: Vec<_> = stream::iter(requests.iter().enumerate().map(|(at, request)| {
        let previous = match request.kind {
            // Files are kept one by one, so their artifact counts although its request has changed.
            Kind::Files => files_of(previous, &request.name),
            Kind::Image | Kind::Chart | Kind::Packages => before.get(&request.fingerprint).copied(),
        };
        let previous = previous.filter(|previous| !update.covers(request, Some(previous)));
        async move {
            reporter.event(Event::Start {
                name: &request.name,
                bytes: None,
            });
            let answer = one(asker, request, previous).await;
            reporter.event(match &answer {
                Ok(artifact) => Event::Done {
                    name: &request.name,
                    digest: Some(artifact.root.digest),
                },
                Err(_) => Event::Failed { name: &request.name },
            });
            (at, answer)
        }
    }))
    .buffer_unordered(options.concurrency.max(1) * 4)
    .collect()
    .await;
    answers.sort_by_key(|(at, _)| *at);

    let mut artifacts = Vec::new();
    for (at, answer) in answers {
        match answer {
            Ok(artifact) => artifacts.push((at, artifact)),
            Err(cause) => failures.push(requests[at].failure(cause)),
        }
    }
    failures.extend(values(asker, manifest).await);
    failures.extend(conflicts(&requests, &artifacts));
    if !failures.is_empty() {
        return Err(ResolveErrors { failures, wanted });
    }
    let mut artifacts: Vec<Artifact> = artifacts.into_iter().map(|(_, artifact)| artifact).collect();
    artifacts.sort_by_cached_key(|artifact| (artifact.kind, artifact.reference.to_string()));
    let mut platforms = manifest.platforms.clone();
    platforms.sort();
    Ok(Lock {
        version: VERSION,
        revision: REVISION,
        name: manifest.metadata.name.clone(),
        release: manifest.metadata.version.clone(),
        channel: manifest.metadata.channel.clone(),
        sequence: manifest.metadata.sequence,
        manifest: digest_of(&manifest.to_canonical()),
        platforms,
        artifacts,
    })
}

/// The files of a component in a lock.
fn files_of<'a>(lock: Option<&'a Lock>, component: &str) -> Option<&'a Artifact> {
    lock?
        .artifacts
        .iter()
        .find(|artifact| artifact.kind == Kind::Files && artifact.name == component)
}

async fn one<S: MetadataSource>(
    asker: &Asker<'_, S>,
    request: &Request,
    previous: Option<&Artifact>,
) -> Result<Artifact, Cause> {
    if let Some(previous) = previous
        && previous.request == request.fingerprint
        && !request.is_local()
        && !packages_changed(asker, request, previous).await?
    {
        return Ok(Artifact {
            name: request.name.clone(),
            why: request.why.clone(),
            ..previous.clone()
        });
    }
    match &request.ask {
        Ask::Image { source, platforms } => image::resolve(asker, request, source, platforms).await,
        Ask::Chart(source) => chart::resolve(asker, request, source).await,
        Ask::Files {
            component,
            version,
            files,
        } => files::resolve(asker, request, component, version, files, previous).await,
        Ask::Packages { wanted, platforms } => packages::resolve(asker, request, wanted, platforms).await,
    }
}

/// Whether packages depend on files of this machine that are not what they were.
async fn packages_changed<S: MetadataSource>(
    asker: &Asker<'_, S>,
    request: &Request,
    previous: &Artifact,
) -> Result<bool, Cause> {
    let Ask::Packages { wanted, .. } = &request.ask else {
        return Ok(false);
    };
    Ok(!packages::changed(asker, wanted, previous).await?.is_empty())
}

/// Values files are used when a chart is installed; that they are there is checked now.
async fn values<S: MetadataSource>(asker: &Asker<'_, S>, manifest: &Effective) -> Vec<Failure> {
    let mut failures = Vec::new();
    for component in &manifest.components {
        for (at, chart) in component.charts.iter().enumerate() {
            for path in &chart.values {
                if let Err(error) = asker.file(&Origin::File(asker.folder.join(path)), None).await {
                    failures.push(Failure {
                        kind: What::Part,
                        name: path.display().to_string(),
                        needed_by: vec![format!("{} → charts[{at}] → values", component.name)],
                        place: Some(chart.place.clone()),
                        cause: error.into(),
                    });
                }
            }
        }
    }
    failures
}

/// Two things under one reference, or two sizes for one digest.
fn conflicts(requests: &[Request], artifacts: &[(usize, Artifact)]) -> Vec<Failure> {
    let mut failures = Vec::new();
    let mut references = BTreeMap::new();
    let mut sizes = BTreeMap::new();
    for (at, artifact) in artifacts {
        let reference = artifact.reference.to_string();
        if let Some(other) = references.insert(reference.clone(), &artifact.name) {
            failures.push(requests[*at].failure(Cause::SameReference {
                reference,
                other: other.clone(),
            }));
        }
        for pin in artifact.pins() {
            if sizes
                .insert(pin.digest, pin.size)
                .is_some_and(|size| size != pin.size)
            {
                failures.push(requests[*at].failure(Cause::Sizes(pin.digest)));
                break;
            }
        }
    }
    failures
}

fn unknown_updates(
    update: &Update,
    requests: &[Request],
    before: &BTreeMap<Digest, &Artifact>,
) -> Vec<Failure> {
    let Update::Names(names) = update else {
        return Vec::new();
    };
    let names: BTreeSet<&String> = names.iter().collect();
    names
        .into_iter()
        .filter(|name| {
            !requests
                .iter()
                .any(|request| is_called(request, before.get(&request.fingerprint).copied(), name))
        })
        .map(|name| Failure {
            kind: What::Part,
            name: name.clone(),
            needed_by: Vec::new(),
            place: None,
            cause: Cause::UnknownUpdate(name.clone()),
        })
        .collect()
}
