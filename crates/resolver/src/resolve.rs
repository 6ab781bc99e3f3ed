use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use airlock_content::{Event, MetadataSource, Reporter, Silent, digest_of};
use airlock_spec::lock::{Artifact, Kind, Lock, REVISION, VERSION};
use airlock_spec::manifest::Effective;
use airlock_spec::packages::DebSet;
use airlock_types::{Digest, Reference};
use futures::{StreamExt, stream};
use jiff::Timestamp;

use crate::ask::Asker;
use crate::deploy::{self, Around, installs};
use crate::error::{Cause, Failure, ResolveErrors, What};
use crate::packages::{self, AptConfiguration};
use crate::request::{Ask, Request, found, plan};
use crate::{chart, files, image, k3s};

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
    // A set of packages is chosen as a whole, whichever of them is named.
    let holds = |artifact: &Artifact| {
        let set = DebSet::of(artifact).into_iter();
        set.flat_map(|set| set.packages)
            .any(|package| package.field("Package") == Some(name))
    };
    request.name == name
        || request.kind == Kind::K3s && name == "k3s"
        || previous.is_some_and(holds)
        || request.components.iter().any(below)
        || reference
            .as_ref()
            .is_some_and(|reference| is_reference(reference, name))
}

fn is_reference(reference: &Reference, name: &str) -> bool {
    let repository = reference.repository.name.as_str();
    reference.to_string() == name
        || reference.repository.to_string() == name
        || repository == name
        || repository.rsplit('/').next() == Some(name)
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
    let before = by_request(previous);
    failures.extend(unknown_updates(update, &requests, previous, &before));
    // What cannot be carried out at all is said before anyone is asked anything.
    if !failures.is_empty() {
        let wanted = requests.len();
        return Err(ResolveErrors { failures, wanted });
    }
    reporter.event(Event::Phase {
        name: "locking",
        artifacts: requests.len() as u64,
        bytes: 0,
    });
    let asker = Asker::new(source, options, reporter);
    let job = Job {
        manifest,
        previous,
        before: &before,
        update,
        options,
        asker: &asker,
        reporter,
    };
    // A release of k3s says which images it needs, and then they are wanted like all others.
    let (releases, others): (Vec<_>, Vec<_>) = requests
        .into_iter()
        .partition(|request| request.kind == Kind::K3s);
    let mut resolved = job.answers(&releases, &mut failures).await;
    let offset = releases.len();
    let requests = releases.into_iter().chain(others).collect();
    let requests = k3s::with_images(
        manifest,
        requests,
        resolved.iter().map(|(_, artifact)| artifact),
        options.referrers,
    );
    let wanted = requests.len();
    let others = requests.get(offset..).unwrap_or_default();
    let more = job.answers(others, &mut failures).await;
    resolved.extend(more.into_iter().map(|(at, artifact)| (at + offset, artifact)));
    let found = job.deployments(&requests, &mut resolved, &mut failures).await;
    let all = wanted + found.requests.len();
    let images = job.answers(&found.requests, &mut failures).await;
    failures.extend(conflicts(
        &resolved
            .iter()
            .map(|(at, artifact)| (&requests[*at], artifact))
            .chain(
                images
                    .iter()
                    .map(|(at, artifact)| (&found.requests[*at], artifact)),
            )
            .collect::<Vec<_>>(),
    ));
    if !failures.is_empty() {
        return Err(ResolveErrors {
            failures,
            wanted: all,
        });
    }
    let mut artifacts: Vec<Artifact> = resolved
        .into_iter()
        .chain(images)
        .map(|(_, artifact)| artifact)
        .chain(found.deployments)
        .collect();
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

/// What the manifest itself asks for, with every answer that `lock` has: a source that reads local files is enough.
pub(crate) async fn requested<S: MetadataSource>(
    manifest: &Effective,
    requests: &[Request],
    lock: &Lock,
    options: &Options,
    source: &S,
) -> Result<Vec<(usize, Artifact)>, ResolveErrors> {
    let before = by_request(Some(lock));
    let asker = Asker::new(source, options, &Silent);
    let job = Job {
        manifest,
        previous: Some(lock),
        before: &before,
        update: &Update::None,
        options,
        asker: &asker,
        reporter: &Silent,
    };
    let mut failures = Vec::new();
    let answers = job.answers(requests, &mut failures).await;
    if failures.is_empty() {
        return Ok(answers);
    }
    Err(ResolveErrors {
        failures,
        wanted: requests.len(),
    })
}

/// What a lock has, by what was asked.
fn by_request(lock: Option<&Lock>) -> BTreeMap<Digest, &Artifact> {
    let artifacts = lock.into_iter().flat_map(|lock| &lock.artifacts);
    artifacts.map(|artifact| (artifact.request, artifact)).collect()
}

/// What the steps of a lock share.
struct Job<'a, S> {
    manifest: &'a Effective,
    previous: Option<&'a Lock>,
    /// What was locked before, by what was asked.
    before: &'a BTreeMap<Digest, &'a Artifact>,
    update: &'a Update,
    options: &'a Options,
    asker: &'a Asker<'a, S>,
    reporter: &'a dyn Reporter,
}

/// What components install.
struct Deployments {
    deployments: Vec<Artifact>,
    /// Images that they need and nobody else has asked for.
    requests: Vec<Request>,
}

impl<S: MetadataSource> Job<'_, S> {
    /// Asks for everything at once; the answers are in the order of the requests.
    async fn answers(&self, requests: &[Request], failures: &mut Vec<Failure>) -> Vec<(usize, Artifact)> {
        let mut answers: Vec<_> = stream::iter(requests.iter().enumerate().map(|(at, request)| {
            let previous = match request.kind {
                // Files are kept one by one, so their artifact counts although its request has changed.
                Kind::Files => files_of(self.previous, &request.name),
                _ => self.before.get(&request.fingerprint).copied(),
            };
            let previous = previous.filter(|previous| !self.update.covers(request, Some(previous)));
            async move {
                self.reporter.event(Event::Start {
                    name: &request.name,
                    bytes: None,
                });
                let answer = one(self.asker, request, previous).await;
                self.reporter.event(match &answer {
                    Ok(artifact) => Event::Done {
                        name: &request.name,
                        digest: Some(artifact.root.digest),
                    },
                    Err(_) => Event::Failed { name: &request.name },
                });
                (at, answer)
            }
        }))
        .buffer_unordered(self.options.concurrency.max(1) * 4)
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
        artifacts
    }

    /// Finds the images of everything that is installed. Who needs one that is asked for anyway is told there.
    async fn deployments(
        &self,
        requests: &[Request],
        resolved: &mut [(usize, Artifact)],
        failures: &mut Vec<Failure>,
    ) -> Deployments {
        let installing = self
            .manifest
            .components
            .iter()
            .filter(|component| installs(component));
        let cluster = k3s::cluster(self.manifest, resolved.iter().map(|(_, artifact)| artifact));
        let mut deployed = Vec::new();
        for component in installing {
            let around = Around {
                manifest: self.manifest,
                cluster: cluster.clone(),
                artifacts: resolved,
                requests,
            };
            let previous = deployment_of(self.previous, &component.name);
            match deploy::resolve(self.asker, &around, component, previous).await {
                Ok(found) => deployed.extend(found.map(|found| (component, found))),
                Err(more) => failures.extend(more),
            }
        }
        let mut wanted = Vec::new();
        let mut deployments = Vec::new();
        for (component, found) in deployed {
            for idle in found.idle {
                self.asker.note(&format!(
                    "nothing that {} installs is meant by: {idle}",
                    component.name
                ));
            }
            for image in &found.images {
                let asked = resolved
                    .iter_mut()
                    .filter(|(_, artifact)| artifact.kind == Kind::Image);
                let known = asked.map(|(_, artifact)| artifact).find(|artifact| {
                    airlock_spec::deployment::resolve([&**artifact], &image.reference).is_some()
                });
                match known {
                    Some(artifact) => artifact.why.extend(deploy::why(&component.name, image)),
                    None => wanted.push(deploy::request(self.manifest, component, image)),
                }
            }
            deployments.push(found.artifact);
        }
        Deployments {
            deployments,
            requests: found(wanted, self.options.referrers),
        }
    }
}

/// What a component installs, as a lock has it.
pub(crate) fn deployment_of<'a>(lock: Option<&'a Lock>, component: &str) -> Option<&'a Artifact> {
    let mut artifacts = lock?.artifacts.iter();
    artifacts.find(|artifact| artifact.kind == Kind::Deployment && artifact.name == component)
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
        Ask::Image {
            source,
            platforms,
            served,
        } => image::resolve(asker, request, source, platforms, served.as_ref()).await,
        Ask::Chart(source) => chart::resolve(asker, request, source).await,
        Ask::Files {
            component,
            version,
            files,
        } => files::resolve(asker, request, component, version, files, previous).await,
        Ask::Packages { wanted, platforms } => packages::resolve(asker, request, wanted, platforms).await,
        Ask::K3s {
            component,
            wanted,
            platforms,
        } => k3s::resolve(asker, request, component, wanted, platforms).await,
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

/// Two things under one reference, or two sizes for one digest.
fn conflicts(artifacts: &[(&Request, &Artifact)]) -> Vec<Failure> {
    let mut failures = Vec::new();
    let mut references = BTreeMap::new();
    let mut sizes = BTreeMap::new();
    for (request, artifact) in artifacts {
        let reference = artifact.reference.to_string();
        if let Some(other) = references.insert(reference.clone(), &artifact.name) {
            failures.push(request.failure(Cause::SameReference {
                reference,
                other: other.clone(),
            }));
        }
        for pin in artifact.pins() {
            if sizes
                .insert(pin.digest, pin.size)
                .is_some_and(|size| size != pin.size)
            {
                failures.push(request.failure(Cause::Sizes(pin.digest)));
                break;
            }
        }
    }
    failures
}

fn unknown_updates(
    update: &Update,
    requests: &[Request],
    previous: Option<&Lock>,
    before: &BTreeMap<Digest, &Artifact>,
) -> Vec<Failure> {
    let Update::Names(names) = update else {
        return Vec::new();
    };
    let names: BTreeSet<&String> = names.iter().collect();
    // Images of charts are asked for when it is known which these are.
    let found = |name: &str| {
        let mut artifacts = previous.iter().flat_map(|lock| &lock.artifacts);
        artifacts.any(|artifact| artifact.kind == Kind::Image && is_reference(&artifact.reference, name))
    };
    names
        .into_iter()
        .filter(|name| !found(name))
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
