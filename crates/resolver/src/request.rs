//! What the manifest asks for, each thing once.

use std::collections::BTreeMap;

use airlock_content::digest_of;
use airlock_spec::Version;
use airlock_spec::lock::Kind;
use airlock_spec::manifest::{
    ChartSource, Checksum, Component, Effective, FileRequest, FileSource, ImageSource, K3sRequest,
    PackagesRequest, Place,
};
use airlock_types::{Digest, Platform, Reference, json};
use serde_json::{Value, json};

use crate::error::{Cause, Failure, What};

/// One artifact that is wanted, with everyone who wants it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) kind: Kind,
    /// As the manifest names it first.
    pub(crate) name: String,
    pub(crate) why: Vec<String>,
    pub(crate) components: Vec<String>,
    pub(crate) place: Place,
    pub(crate) ask: Ask,
    pub(crate) asked: Asked,
    /// SHA-256 over everything that decides the answer but the source itself.
    pub(crate) fingerprint: Digest,
}

/// Who asks for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The manifest.
    Written,
    /// What a component installs: nobody wrote it into the manifest.
    Found,
    /// A release of k3s.
    OfK3s,
}

#[derive(Clone, Debug)]
pub(crate) enum Ask {
    Image {
        source: ImageSource,
        platforms: Vec<Platform>,
        /// The name that it is served under, where that is not the one it has upstream.
        served: Option<Reference>,
    },
    Chart(ChartSource),
    Files {
        component: String,
        version: Version,
        files: Vec<FileRequest>,
    },
    Packages {
        wanted: PackagesRequest,
        platforms: Vec<Platform>,
    },
    K3s {
        component: String,
        wanted: K3sRequest,
        platforms: Vec<Platform>,
    },
}

impl Request {
    /// Whether all of it lies on this machine, so that it is read again each time.
    pub(crate) fn is_local(&self) -> bool {
        match &self.ask {
            Ask::Image { source, .. } => !matches!(source, ImageSource::Registry { .. }),
            Ask::Chart(source) => matches!(source, ChartSource::Folder { .. }),
            Ask::Files { files, .. } => files
                .iter()
                .any(|file| matches!(file.source, FileSource::Path { .. })),
            Ask::Packages { .. } | Ask::K3s { .. } => false,
        }
    }

    pub(crate) fn failure(&self, cause: Cause) -> Failure {
        Failure {
            kind: What::Artifact(self.kind),
            name: self.name.clone(),
            needed_by: self.why.clone(),
            place: Some(self.place.clone()),
            cause: match self.asked {
                Asked::Written => cause,
                Asked::Found => Cause::FoundImage(Box::new(cause)),
                Asked::OfK3s => Cause::ImageOfK3s(Box::new(cause)),
            },
        }
    }
}

/// The artifacts that a manifest asks for, in its order; and the parts of it that cannot be carried out.
pub(crate) fn plan(manifest: &Effective, referrers: bool) -> (Vec<Request>, Vec<Failure>) {
    let mut requests = Vec::new();
    let mut failures = Vec::new();
    for component in &manifest.components {
        let path = |field: &str, at: usize| format!("{} → {field}[{at}]", component.name);
        let request = |kind, name, why, place: &Place, ask| Request {
            kind,
            name,
            why: vec![why],
            components: vec![component.name.clone()],
            place: place.clone(),
            ask,
            asked: Asked::Written,
            fingerprint: digest_of(b""),
        };
        for (at, image) in component.images.iter().enumerate() {
            let platforms = if image.platforms.is_empty() {
                &manifest.platforms
            } else {
                &image.platforms
            };
            let ask = Ask::Image {
                source: image.source.clone(),
                platforms: platforms.clone(),
                served: None,
            };
            requests.push(request(
                Kind::Image,
                image.name.clone(),
                path("images", at),
                &image.place,
                ask,
            ));
        }
        for (at, chart) in component.charts.iter().enumerate() {
            let ask = Ask::Chart(chart.source.clone());
            requests.push(request(
                Kind::Chart,
                chart_name(&chart.source),
                path("charts", at),
                &chart.place,
                ask,
            ));
        }
        if let Some(first) = component.files.first() {
            let ask = Ask::Files {
                component: component.name.clone(),
                version: manifest.metadata.version.clone(),
                files: component.files.clone(),
            };
            let why = format!("{} → files", component.name);
            requests.push(request(
                Kind::Files,
                component.name.clone(),
                why,
                &first.place,
                ask,
            ));
        }
        if let Some(k3s) = &component.k3s {
            let ask = Ask::K3s {
                component: component.name.clone(),
                wanted: k3s.clone(),
                platforms: manifest.platforms.clone(),
            };
            requests.push(request(
                Kind::K3s,
                component.name.clone(),
                format!("{} → k3s", component.name),
                &k3s.place,
                ask,
            ));
        }
        for (at, wanted) in component.packages.iter().enumerate() {
            let ask = Ask::Packages {
                wanted: wanted.clone(),
                platforms: manifest.platforms.clone(),
            };
            requests.push(request(
                Kind::Packages,
                packages_name(component, at),
                path("packages", at),
                &wanted.place,
                ask,
            ));
        }
    }
    for (at, rule) in manifest.policy.iter().enumerate() {
        failures.push(unsupported(
            "policy.require",
            &format!("policy → require[{at}]"),
            &rule.place,
        ));
    }
    (ready(requests, referrers), failures)
}

/// Each thing once, and ready to be asked for.
pub(crate) fn ready(requests: Vec<Request>, referrers: bool) -> Vec<Request> {
    let mut requests = unite(requests);
    for request in &mut requests {
        request.fingerprint = fingerprint(request, referrers);
    }
    requests
}

/// The images of charts and manifests that nobody else has asked for.
pub(crate) fn found(images: impl IntoIterator<Item = Request>, referrers: bool) -> Vec<Request> {
    ready(images.into_iter().collect(), referrers)
}

fn unsupported(what: &'static str, why: &str, place: &Place) -> Failure {
    Failure {
        kind: What::Part,
        name: what.to_owned(),
        needed_by: vec![why.to_owned()],
        place: Some(place.clone()),
        cause: Cause::Unsupported {
            what,
            line: place.line,
        },
    }
}

fn chart_name(source: &ChartSource) -> String {
    match source {
        ChartSource::Repository { name, .. } => name.clone(),
        ChartSource::Oci { reference, .. } => format!("oci://{reference}"),
        ChartSource::Folder { path } => path.display().to_string(),
    }
}

/// The component with the distribution, and a number from the second of the same distribution on.
fn packages_name(component: &Component, at: usize) -> String {
    let distro = &component.packages[at].distro;
    let before = component.packages[..at]
        .iter()
        .filter(|other| other.distro == *distro)
        .count();
    match before {
        0 => format!("{}/{distro}", component.name),
        before => format!("{}/{distro}-{}", component.name, before + 1),
    }
}

/// Makes one request of those for the same thing; of an image, for all platforms that anyone wants.
fn unite(requests: Vec<Request>) -> Vec<Request> {
    let mut at = BTreeMap::new();
    let mut out: Vec<Request> = Vec::new();
    for request in requests {
        let key = json::to_canonical(&source_of(&request.ask));
        let Some(known) = at.get(&key).and_then(|at: &usize| out.get_mut(*at)) else {
            at.insert(key, out.len());
            out.push(request);
            continue;
        };
        known.why.extend(request.why);
        known.components.extend(request.components);
        if let (Ask::Image { platforms, .. }, Ask::Image { platforms: more, .. }) =
            (&mut known.ask, request.ask)
        {
            platforms.extend(more);
        }
    }
    for request in &mut out {
        if let Ask::Image { platforms, .. } = &mut request.ask {
            platforms.sort();
            platforms.dedup();
        }
    }
    out
}

fn source_of(ask: &Ask) -> Value {
    match ask {
        Ask::Image {
            source,
            served: Some(served),
            ..
        } => json!({"image": source, "served": served}),
        Ask::Image { source, .. } => json!({"image": source}),
        Ask::Chart(source) => json!({"chart": source}),
        Ask::Files {
            component,
            version,
            files,
        } => {
            json!({"files": files, "component": component, "version": version})
        }
        Ask::Packages { wanted, platforms } => json!({"packages": wanted, "platforms": platforms}),
        Ask::K3s {
            component,
            wanted,
            platforms,
        } => json!({"k3s": wanted, "component": component, "platforms": platforms}),
    }
}

fn fingerprint(request: &Request, referrers: bool) -> Digest {
    let mut value = source_of(&request.ask);
    if let Ask::Image { platforms, .. } = &request.ask {
        value["platforms"] = json!(platforms);
    }
    // Whether signatures and the like are wanted decides nothing for what has none.
    if matches!(request.kind, Kind::Image | Kind::Chart) {
        value["referrers"] = json!(referrers);
    }
    digest_of(&json::to_canonical(&value))
}

/// What a file is expected to hash to, when the manifest says it.
pub(crate) fn written_digest(checksum: &Checksum) -> Option<Digest> {
    match checksum {
        Checksum::Sha256 { digest } => Some(*digest),
        Checksum::Unknown | Checksum::Published { .. } => None,
    }
}
