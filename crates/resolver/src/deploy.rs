//! What components install: charts rendered with their values, manifests, and the images that both need.

mod inputs;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use airlock_closure::{Entry, Limits, Needs, chart_needs, decide, gather, manifests};
use airlock_content::{MetadataSource, digest_of};
use airlock_spec::deployment::{DeployedChart, Deployment, NeededImage, resolve as lead};
use airlock_spec::lock::{Artifact, Kind, Lock, MAX_WHY, Pin};
use airlock_spec::manifest::{Component, Effective, ImageSource, KubernetesRequest, Place};
use airlock_types::{Descriptor, Platform, Reference, annotation, json, media_type};
use serde_json::json;

use self::inputs::{Inputs, inputs};
use crate::ask::Asker;
use crate::content;
use crate::error::{Cause, Failure, What};
use crate::names;
use crate::pins::sorted;
use crate::request::{Ask, Asked, Request};

/// The configuration of nothing.
const EMPTY: &str = "{}";

pub(crate) use self::inputs::MAX_FILE;

/// What a component installs, and the images that are wanted for it.
pub(crate) struct Deployed {
    pub(crate) artifact: Artifact,
    /// The images that the bundle has to hold.
    pub(crate) images: Vec<NeededImage>,
    /// Decisions that were about nothing.
    pub(crate) idle: Vec<String>,
}

/// What is the same for all components.
pub(crate) struct Around<'a> {
    pub(crate) manifest: &'a Effective,
    /// The cluster that charts are rendered for.
    pub(crate) cluster: KubernetesRequest,
    /// What the manifest itself asks for, resolved.
    pub(crate) artifacts: &'a [(usize, Artifact)],
    pub(crate) requests: &'a [Request],
}

/// Whether a component installs anything.
pub(crate) fn installs(component: &Component) -> bool {
    !component.charts.is_empty() || !component.manifests.is_empty()
}

impl Around<'_> {
    /// The artifact of a chart; none if it could not be resolved.
    fn chart(&self, component: &Component, at: usize) -> Option<&Artifact> {
        let why = format!("{} → charts[{at}]", component.name);
        let wanted = |(request, _): &&(usize, Artifact)| {
            let request = self.requests.get(*request);
            request.is_some_and(|request| request.kind == Kind::Chart && request.why.contains(&why))
        };
        self.artifacts.iter().find(wanted).map(|(_, artifact)| artifact)
    }

    /// What the manifest asks for by itself under a reference, with its platforms if they are its own.
    fn wanted(&self, reference: &Reference) -> Option<Vec<Platform>> {
        let images = self
            .artifacts
            .iter()
            .filter(|(_, artifact)| artifact.kind == Kind::Image);
        let found = lead(images.map(|(_, artifact)| artifact), reference)?;
        let (at, _) = self
            .artifacts
            .iter()
            .find(|(_, artifact)| artifact.reference == found.reference)?;
        match &self.requests.get(*at)?.ask {
            Ask::Image { platforms, .. } if !same(platforms, &self.manifest.platforms) => {
                Some(platforms.clone())
            }
            _ => Some(Vec::new()),
        }
    }
}

fn same(a: &[Platform], b: &[Platform]) -> bool {
    let set = |platforms: &[Platform]| platforms.iter().cloned().collect::<BTreeSet<_>>();
    set(a) == set(b)
}

/// Resolves what a component installs. Nothing is rendered if all that is rendered is what it was in `previous`.
///
/// `None` if a chart of it could not be resolved, which is told already.
pub(crate) async fn resolve<S: MetadataSource>(
    asker: &Asker<'_, S>,
    around: &Around<'_>,
    component: &Component,
    previous: Option<&Artifact>,
) -> Result<Option<Deployed>, Vec<Failure>> {
    let Some(inputs) = inputs(asker, around, component).await? else {
        return Ok(None);
    };
    let known = previous.filter(|previous| previous.request == inputs.fingerprint);
    let known = known.and_then(|previous| Deployment::of(previous).ok());
    let (mut images, mut gaps) = match known {
        Some(document) => (document.images, document.gaps),
        None => gather(&search(asker, &inputs).await?),
    };
    let idle = decide(&mut images, &mut gaps, &component.decisions, &|reference| {
        around.wanted(reference)
    });
    let document = Deployment {
        images,
        gaps,
        ..inputs.document.clone()
    };
    let artifact = make(around, &inputs, &document)
        .map_err(|cause| vec![failure(component, &component.place, cause)])?;
    let images = document.images.into_iter();
    Ok(Some(Deployed {
        artifact,
        images: images.filter(|image| image.decision.is_carried()).collect(),
        idle,
    }))
}

/// Whether what a component installs is still what it was, without rendering anything.
pub(crate) async fn is_unchanged<S: MetadataSource>(
    asker: &Asker<'_, S>,
    around: &Around<'_>,
    component: &Component,
    previous: Option<&Artifact>,
) -> Result<bool, Vec<Failure>> {
    let inputs = inputs(asker, around, component).await?;
    Ok(inputs.is_none_or(|inputs| previous.is_some_and(|previous| previous.request == inputs.fingerprint)))
}

fn failure(component: &Component, place: &Place, cause: Cause) -> Failure {
    Failure {
        kind: What::Artifact(Kind::Deployment),
        name: component.name.clone(),
        needed_by: Vec::new(),
        place: Some(place.clone()),
        cause,
    }
}

/// Renders everything that a component installs, and finds what it needs.
async fn search<S: MetadataSource>(
    asker: &Asker<'_, S>,
    inputs: &Inputs<'_>,
) -> Result<Vec<Entry>, Vec<Failure>> {
    let mut entries = Vec::new();
    let mut failures = Vec::new();
    let component = inputs.component;
    for ((chart, artifact), request) in inputs
        .document
        .charts
        .iter()
        .zip(&inputs.charts)
        .zip(&component.charts)
    {
        match of_chart(asker, inputs, chart, artifact).await {
            Ok(needs) => entries.push(Entry {
                name: chart.entry.clone(),
                needs,
            }),
            Err(cause) => failures.push(Failure {
                kind: What::Artifact(Kind::Chart),
                name: chart.name.clone(),
                needed_by: vec![format!("{} → {}", component.name, chart.entry)],
                place: Some(request.place.clone()),
                cause,
            }),
        }
    }
    for (at, file) in inputs.document.manifests.iter().enumerate() {
        let bytes = inputs.contents.get(&file.digest).cloned().unwrap_or_default();
        let files = vec![(file.path.clone(), bytes.to_vec())];
        let needs = away(move || manifests(&files, Limits::default())).await;
        entries.push(Entry {
            name: format!("manifests[{at}]"),
            needs,
        });
    }
    if failures.is_empty() {
        Ok(entries)
    } else {
        Err(failures)
    }
}

async fn of_chart<S: MetadataSource>(
    asker: &Asker<'_, S>,
    inputs: &Inputs<'_>,
    chart: &DeployedChart,
    artifact: &Artifact,
) -> Result<Needs, Cause> {
    let mut contents = inputs.contents.clone();
    contents.insert(chart.archive, content::archive(asker, artifact).await?);
    let (document, chart) = (inputs.document.clone(), chart.clone());
    away(move || chart_needs(&contents, &document, &chart, &[]))
        .await
        .map_err(|error| Cause::Render(Arc::new(error)))
}

/// Computes where that keeps nobody waiting.
pub(crate) async fn away<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// The artifact: the document as its configuration, the files as its layers.
fn make(around: &Around<'_>, inputs: &Inputs<'_>, document: &Deployment) -> Result<Artifact, Cause> {
    let component = inputs.component;
    let text = document.to_bytes();
    let config = Descriptor::new(
        media_type::AIRLOCK_DEPLOYMENT,
        digest_of(&text),
        text.len() as u64,
    );
    let mut inline = BTreeMap::from([(config.digest, String::from_utf8_lossy(&text).into_owned())]);
    let mut pins = sorted(inputs.pins.iter().cloned())?;
    let titles = document.files();
    let mut layers: Vec<Descriptor> = pins
        .iter()
        .map(|pin| {
            let mut layer = pin.descriptor();
            if let Some(file) = titles.get(&pin.digest) {
                layer
                    .annotations
                    .insert(annotation::TITLE.to_owned(), file.path.clone());
            }
            layer
        })
        .collect();
    if layers.is_empty() {
        let empty = Descriptor::new(
            media_type::OCI_EMPTY,
            digest_of(EMPTY.as_bytes()),
            EMPTY.len() as u64,
        );
        inline.insert(empty.digest, EMPTY.to_owned());
        pins.push(Pin::of(&empty));
        layers.push(empty);
    }
    let manifest = json::to_canonical(&json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "artifactType": media_type::AIRLOCK_DEPLOYMENT_SET,
        "config": config,
        "layers": layers,
    }));
    let root = Descriptor::new(
        media_type::OCI_MANIFEST,
        digest_of(&manifest),
        manifest.len() as u64,
    );
    inline.insert(root.digest, String::from_utf8_lossy(&manifest).into_owned());
    pins.push(Pin::of(&config));
    // Files have sources of their own, and all else is in the lock.
    let source = pins.iter().find_map(|pin| pin.source.clone());
    let source = source.or_else(|| inputs.charts.first().map(|chart| chart.source.clone()));
    Ok(Artifact {
        kind: Kind::Deployment,
        name: component.name.clone(),
        reference: names::of_deployment(&component.name, around.manifest.metadata.version.as_str())?,
        version: None,
        source: source.ok_or_else(|| Cause::Reference(component.name.clone()))?,
        root: Pin::of(&root),
        platforms: Vec::new(),
        left_out: Vec::new(),
        manifests: Vec::new(),
        blobs: sorted(pins)?,
        inline,
        referrers: Vec::new(),
        why: vec![component.name.clone()],
        request: inputs.fingerprint,
    })
}

/// Why an image is in a lock: the places that need it, up to some.
pub(crate) fn why(component: &str, image: &NeededImage) -> Vec<String> {
    let places = image.needs.iter();
    let mut out: Vec<String> = places
        .take(MAX_WHY)
        .map(|need| format!("{component} → {need}"))
        .collect();
    if let Some(more) = image.needs.len().checked_sub(MAX_WHY).filter(|more| *more > 0) {
        out.push(format!("{component} → {more} more places"));
    }
    out
}

/// What is asked for an image that was found.
pub(crate) fn request(manifest: &Effective, component: &Component, image: &NeededImage) -> Request {
    let upstream = &component.decisions.upstream;
    let upstream = upstream.iter().find_map(|entry| entry.apply(&image.reference));
    let served = upstream.is_some().then(|| image.reference.clone());
    let entry = image.needs.first().map(|need| need.entry.as_str());
    let chart = component.charts.iter().enumerate();
    let chart = chart.filter(|(at, _)| entry == Some(format!("charts[{at}]").as_str()));
    let place = chart
        .map(|(_, chart)| &chart.place)
        .next()
        .unwrap_or(&component.place);
    Request {
        kind: Kind::Image,
        name: image.reference.to_string(),
        why: why(&component.name, image),
        components: vec![component.name.clone()],
        place: place.clone(),
        ask: Ask::Image {
            source: ImageSource::Registry {
                reference: upstream.unwrap_or_else(|| image.reference.clone()),
            },
            platforms: manifest.platforms.clone(),
            served,
        },
        asked: Asked::Found,
        fingerprint: digest_of(b""),
    }
}

/// What was asked for the images that were found, as a lock has them.
pub(crate) fn requests(manifest: &Effective, lock: &Lock) -> Vec<Request> {
    let mut out = Vec::new();
    for artifact in &lock.artifacts {
        let Ok(deployment) = Deployment::of(artifact) else {
            continue;
        };
        let mut components = manifest.components.iter();
        let Some(component) = components.find(|component| component.name == deployment.component) else {
            continue;
        };
        let carried = deployment
            .images
            .iter()
            .filter(|image| image.decision.is_carried());
        out.extend(carried.map(|image| request(manifest, component, image)));
    }
    out
}
