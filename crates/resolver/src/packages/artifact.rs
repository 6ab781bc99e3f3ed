//! The artifact: the packages, what a site must know to serve them, and the evidence for both.

use std::collections::BTreeMap;

use airlock_content::digest_of;
use airlock_ospkg::deb::chain::ChainError;
use airlock_ospkg::deb::repository::Entry;
use airlock_spec::lock::{Artifact, Kind, Pin, Source};
use airlock_spec::manifest::PackagesRequest;
use airlock_spec::packages::{DebPackage, DebRepository, DebSet, EvidenceFile, Input, VERSION};
use airlock_types::{Descriptor, Digest, annotation, json, media_type};
use serde_json::json;

use super::PackagesError;
use super::closure::Chosen;
use super::fetch::{Release, below};
use crate::error::Cause;
use crate::names;
use crate::pins::sorted;
use crate::request::Request;

/// The component of packages from a repository that has none.
const MAIN: &str = "main";

/// Everything of the artifact, as it comes together.
#[derive(Default)]
struct Parts {
    layers: BTreeMap<String, Descriptor>,
    pins: BTreeMap<Digest, Pin>,
    inline: BTreeMap<Digest, String>,
}

impl Parts {
    fn fetched(&mut self, title: String, media_type: &str, digest: Digest, size: u64, source: Source) {
        let descriptor = titled(media_type, digest, size, &title);
        let mut pin = Pin::of(&descriptor);
        pin.source = Some(source);
        self.pins.entry(digest).or_insert(pin);
        self.layers.entry(title).or_insert(descriptor);
    }

    fn text(&mut self, title: String, bytes: &[u8]) -> Result<Digest, PackagesError> {
        let text = std::str::from_utf8(bytes).map_err(|_| PackagesError::NotText(title.clone()))?;
        let digest = digest_of(bytes);
        let descriptor = titled(media_type::OCTET_STREAM, digest, bytes.len() as u64, &title);
        self.pins.entry(digest).or_insert_with(|| Pin::of(&descriptor));
        self.inline.insert(digest, text.to_owned());
        self.layers.entry(title).or_insert(descriptor);
        Ok(digest)
    }
}

fn titled(media_type: &str, digest: Digest, size: u64, title: &str) -> Descriptor {
    let mut descriptor = Descriptor::new(media_type, digest, size);
    descriptor
        .annotations
        .insert(annotation::TITLE.to_owned(), title.to_owned());
    descriptor
}

/// Pins what was chosen.
pub(super) fn pin(
    request: &Request,
    wanted: &PackagesRequest,
    architectures: &[String],
    inputs: Vec<Input>,
    releases: &[Release],
    chosen: &Chosen,
) -> Result<Artifact, Cause> {
    let mut parts = Parts::default();
    let mut repositories = Vec::new();
    for (number, release) in releases.iter().enumerate() {
        repositories.push(evidence(&mut parts, number, release)?);
    }
    let packages = packages(&mut parts, releases, chosen)?;
    let set = DebSet {
        version: VERSION,
        distro: wanted.distro.clone(),
        codename: codename(&wanted.distro, releases),
        architectures: architectures.to_vec(),
        wanted: wanted.names.clone(),
        recommends: wanted.recommends,
        inputs,
        base: chosen.base.iter().cloned().collect(),
        packages,
        repositories,
    };
    let config = set.to_bytes();
    let config_descriptor = Descriptor::new(
        media_type::AIRLOCK_DEB_SET,
        digest_of(&config),
        config.len() as u64,
    );
    let manifest = json::to_canonical(&json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "artifactType": media_type::AIRLOCK_PACKAGES,
        "config": config_descriptor,
        "layers": parts.layers.values().collect::<Vec<_>>(),
    }));
    let root = Descriptor::new(
        media_type::OCI_MANIFEST,
        digest_of(&manifest),
        manifest.len() as u64,
    );
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    parts.inline.insert(config_descriptor.digest, text(config));
    parts.inline.insert(root.digest, text(manifest));
    let mut pins: Vec<Pin> = parts.pins.into_values().collect();
    pins.push(Pin::of(&config_descriptor));
    let source = releases.first().map(|release| Source::Http {
        url: release.address.clone(),
    });
    Ok(Artifact {
        kind: Kind::Packages,
        name: request.name.clone(),
        reference: names::of_packages(&request.name)?,
        version: None,
        source: source.ok_or_else(|| PackagesError::Distro(wanted.distro.clone()))?,
        root: Pin::of(&root),
        platforms: Vec::new(),
        left_out: Vec::new(),
        manifests: Vec::new(),
        blobs: sorted(pins)?,
        inline: parts.inline,
        referrers: Vec::new(),
        why: request.why.clone(),
        request: request.fingerprint,
    })
}

/// The files that establish a release. What it is signed in changes daily under one name, so the lock itself keeps it.
fn evidence(parts: &mut Parts, number: usize, release: &Release) -> Result<DebRepository, PackagesError> {
    let mut files = Vec::new();
    let mut add = |path: &str, digest: Digest| {
        files.push(EvidenceFile {
            path: path.to_owned(),
            digest,
        });
    };
    let title = |path: &str| format!("evidence/{number}/{path}");
    for (path, bytes) in &release.texts {
        add(path, parts.text(title(path), bytes)?);
    }
    for index in &release.indexes {
        let digest = index
            .digest
            .ok_or_else(|| PackagesError::NoDigest(index.path.clone()))?;
        parts.fetched(
            title(&index.path),
            media_type::OCTET_STREAM,
            digest,
            index.size,
            Source::Http {
                url: index.location.clone(),
            },
        );
        add(&index.path, digest);
    }
    let keys = release.signed.keys().to_armored();
    let keys = keys.map_err(|source| PackagesError::Keyring {
        name: release.address.to_string(),
        source,
    })?;
    let keyring = parts.text(title("keyring.asc"), keys.as_bytes())?;
    let mut signers: Vec<String> = release
        .signed
        .signers()
        .iter()
        .map(|signer| signer.certificate.clone())
        .collect();
    signers.sort();
    signers.dedup();
    Ok(DebRepository {
        uri: release.root.to_string(),
        suite: release.suite.clone(),
        label: release.signed.release().label.clone(),
        date: release.signed.release().date.as_second(),
        signers,
        keyring: Some(keyring),
        evidence: files,
    })
}

/// The chosen packages with their places, from the first release that lists each.
fn packages(parts: &mut Parts, releases: &[Release], chosen: &Chosen) -> Result<Vec<DebPackage>, Cause> {
    let mut found: BTreeMap<_, DebPackage> = BTreeMap::new();
    for (number, release) in releases.iter().enumerate() {
        for index in &release.indexes {
            let component = if index.component.is_empty() {
                MAIN
            } else {
                &index.component
            };
            for package in index.content.packages() {
                let chain = |source| PackagesError::Chain {
                    address: format!("{}{}", release.address, index.path),
                    source,
                };
                let package = match package {
                    Ok(package) => package,
                    // Somebody else's entry that nobody wants; where it is wanted, it is missed below.
                    Err(ChainError::Entry { .. }) => continue,
                    Err(error) => return Err(chain(error).into()),
                };
                let name = (
                    package.name.to_owned(),
                    package.version.to_owned(),
                    package.architecture.to_owned(),
                );
                let Some(why) = chosen.packages.get(&name).filter(|_| !found.contains_key(&name)) else {
                    continue;
                };
                let digest = package
                    .checksum()
                    .as_sha256()
                    .ok_or_else(|| PackagesError::NoDigest(package.name.to_owned()))?;
                let entry = Entry::from_signed(&package, component)
                    .map_err(|error| PackagesError::NotText(error.to_string()))?;
                let url = below(&release.root, package.path)?;
                parts.fetched(
                    entry.pool_path(),
                    media_type::DEB,
                    digest,
                    package.size,
                    Source::Http { url },
                );
                let control = std::str::from_utf8(package.paragraph().bytes())
                    .map_err(|_| PackagesError::NotText(package.name.to_owned()))?;
                found.insert(
                    name,
                    DebPackage {
                        control: control.to_owned(),
                        component: component.to_owned(),
                        repository: number,
                        why: why.iter().cloned().collect(),
                    },
                );
            }
        }
    }
    if let Some((name, version, _)) = chosen.packages.keys().find(|name| !found.contains_key(*name)) {
        return Err(PackagesError::NoDigest(format!("{name} {version}")).into());
    }
    Ok(found.into_values().collect())
}

/// The codename that clients of a distribution use: that of the release that has the distribution's own version, `12.8` for
/// `debian-12`, and no suffix as updates have; else the shortest that there is.
fn codename(distro: &str, releases: &[Release]) -> String {
    let named = |release: &'_ Release| -> Option<(bool, usize, String)> {
        let said = release.signed.release();
        let codename = said.codename.clone().or_else(|| said.suite.clone())?;
        let number = distro.rsplit('-').next().unwrap_or_default();
        let version = said.version.as_deref().unwrap_or_default();
        let own = version
            .strip_prefix(number)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            && !codename.contains('-');
        Some((!own, codename.len(), codename))
    };
    let best = releases.iter().filter_map(named).min();
    best.map_or_else(|| distro.to_owned(), |(_, _, codename)| codename)
}
