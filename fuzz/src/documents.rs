//! Parsers of texts and documents.

use std::collections::BTreeMap;
use std::fmt::{Debug, Display};
use std::io;
use std::path::Path;
use std::str::FromStr;

use airlock_helm::{ChartMetadata, IgnoreRules, LooseVersion, VersionRange};
use airlock_spec::deployment::Deployment;
use airlock_spec::index::BundleIndex;
use airlock_spec::inventory::Inventory;
use airlock_spec::k3s::K3sRelease;
use airlock_spec::lock::{self as locks, Lock};
use airlock_spec::manifest::{Inputs, load};
use airlock_spec::receipt::Receipt;
use airlock_spec::site::{Addresses, Site};
use airlock_trust::{PublicKey, SecretKey, SigstoreBundle};
use airlock_types::{
    Digest, Host, Manifest, Platform, Reference, Repository, RepositoryName, Tag, media_type,
};
use airlock_upstream::{AuthFile, fuzzing};

/// A value that was accepted must be accepted in its own words, as the same value.
fn same_again<T: FromStr + Display + PartialEq + Debug>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        let shown = value.to_string();
        let again = shown.parse::<T>().ok();
        assert_eq!(again.as_ref(), Some(&value), "{shown:?}");
    }
}

/// Image references and their parts.
pub fn reference(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    same_again::<Reference>(text);
    same_again::<Repository>(text);
    same_again::<RepositoryName>(text);
    same_again::<Tag>(text);
    same_again::<Host>(text);
    same_again::<Platform>(text);
    if let Ok(reference) = text.parse::<Reference>() {
        assert!(!reference.to_string().contains(['\0', '\n', ' ']));
    }
}

/// Digests.
pub fn digest(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    same_again::<Digest>(text);
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.to_string(), text, "there is one way to write a digest");
    }
}

/// `airlock.yaml`; further files that it may import follow after a line of `--`.
pub fn manifest(input: &[u8]) {
    let files: Vec<&[u8]> = crate::parts(input).collect();
    let mut read = |path: &Path| {
        let at = path
            .file_stem()
            .and_then(|stem| stem.to_str()?.parse::<usize>().ok())
            .unwrap_or(0);
        let bytes = files.get(at).ok_or(io::ErrorKind::NotFound)?;
        String::from_utf8(bytes.to_vec()).map_err(io::Error::other)
    };
    if let Err(errors) = load(Path::new("site/airlock.yaml"), &Inputs::default(), &mut read) {
        assert!(!errors.to_string().is_empty());
    }
}

/// `site.yaml`. What it says of networks holds, and no problem shows what stands where a secret would.
pub fn site(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    match Site::read(text, Path::new("site/site.yaml")) {
        Ok(site) => {
            let cluster = &site.cluster;
            for pods in &cluster.cluster_cidr {
                same_again::<Addresses>(&pods.to_string());
                assert!(
                    !cluster
                        .service_cidr
                        .iter()
                        .any(|services| services.overlaps(pods))
                );
            }
            assert!(cluster.data_dir.is_absolute());
            assert!(cluster.server.iter().all(|server| server.password().is_none()));
        }
        Err(errors) => assert!(!errors.to_string().is_empty() && !errors.render().is_empty()),
    }
}

/// `airlock.lock` and the views of it; the change to a second one after a line of `--`.
pub fn lock(input: &[u8]) {
    let locks: Vec<Lock> = crate::parts(input)
        .take(2)
        .filter_map(|part| Lock::from_bytes(part).ok())
        .collect();
    for lock in &locks {
        let bytes = lock.to_bytes();
        let again = Lock::from_bytes(&bytes).ok();
        assert_eq!(again.as_ref(), Some(lock));
        let _ = (
            locks::tree(lock),
            locks::why(lock, "busybox"),
            lock.distinct_pins(),
            lock.totals(),
        );
        if let Ok(plan) = airlock_bundle::Plan::new(lock, airlock_bundle::Extras::default()) {
            assert_eq!(
                BundleIndex::from_bytes(plan.index_bytes()).ok().as_ref(),
                Some(plan.index())
            );
        }
    }
    if let [from, to] = &locks[..] {
        assert!(locks::diff(from, from).is_empty());
        let _ = locks::diff(from, to);
    }
}

/// `airlock.json`, receipts, inventories, deployments and k3s releases, as documents.
pub fn index(input: &[u8]) {
    if let Ok(index) = BundleIndex::from_bytes(input) {
        assert_eq!(BundleIndex::from_bytes(&index.to_bytes()).ok(), Some(index));
    }
    if let Ok(receipt) = Receipt::from_bytes(input) {
        let bytes = receipt.to_bytes();
        assert!(Receipt::from_bytes(&bytes).is_ok_and(|again| again.to_bytes() == bytes));
    }
    if let Ok(inventory) = Inventory::from_bytes(input) {
        let status = inventory.to_status();
        // No package says anything of another one, or is two.
        let found = airlock_ospkg::deb::control::paragraphs(status.as_bytes()).map_while(Result::ok);
        assert_eq!(found.count(), inventory.packages.len());
        let text = inventory.to_text().unwrap();
        assert_eq!(Inventory::from_bytes(text.as_bytes()).ok(), Some(inventory));
    }
    if let Ok(release) = K3sRelease::from_bytes(input) {
        assert_eq!(
            K3sRelease::from_bytes(&release.to_bytes()).ok().as_ref(),
            Some(&release)
        );
        for path in release.files().keys() {
            let plain = path.split('/').all(|word| !matches!(word, "" | "." | ".."));
            assert!(plain, "{path:?}");
        }
    }
    if let Ok(deployment) = Deployment::from_bytes(input) {
        let again = Deployment::from_bytes(&deployment.to_bytes()).ok();
        assert_eq!(again.as_ref(), Some(&deployment));
        assert!(airlock_closure::open(&deployment).images.len() <= deployment.images.len());
        // Nothing is held, so everything that is carried is missing, and nothing can be rendered.
        let carried = deployment
            .images
            .iter()
            .filter(|image| image.decision.is_carried());
        let held = airlock_closure::Held::default();
        assert_eq!(
            airlock_closure::missing(&held, &deployment).len(),
            carried.count()
        );
        let contents = BTreeMap::<Digest, bytes::Bytes>::new();
        let rendered = airlock_closure::again(&contents, &deployment, &[]);
        assert_eq!(
            rendered.is_ok(),
            deployment.charts.is_empty() && deployment.manifests.is_empty()
        );
    }
    let _ = airlock_content::Generation::from_index(input);
}

/// Image manifests and indexes.
pub fn oci_manifest(input: &[u8]) {
    let sniffed = Manifest::sniff(input);
    let kinds = [
        media_type::OCI_MANIFEST,
        media_type::OCI_INDEX,
        media_type::DOCKER_MANIFEST,
        media_type::DOCKER_MANIFEST_LIST,
    ];
    for kind in kinds.into_iter().chain(sniffed.as_deref()) {
        if let Ok(manifest) = Manifest::parse(kind, input) {
            let _ = (
                manifest.children().count(),
                manifest.subject(),
                manifest.annotations(),
            );
        }
    }
}

/// Sigstore bundles and keys.
pub fn signature(input: &[u8]) {
    if let Ok(bundle) = SigstoreBundle::parse(input) {
        let again = SigstoreBundle::parse(&bundle.to_json());
        assert!(again.is_ok_and(|again| again.der_signature() == bundle.der_signature()));
    }
    if let Ok(key) = PublicKey::from_pem(input) {
        assert!(
            PublicKey::from_pem(key.to_pem().as_bytes()).is_ok_and(|again| again.key_id() == key.key_id())
        );
    }
    // With a password, scrypt would take its time, as it should.
    let _ = airlock_trust::needs_password(input);
    let _ = SecretKey::from_pem(input, None);
}

/// `.tgz` of a chart.
pub fn chart(input: &[u8]) {
    let _ = airlock_helm::inspect(input);
}

/// `Chart.yaml`, `.helmignore` and version ranges.
pub fn chart_yaml(input: &[u8]) {
    if let Ok(metadata) = ChartMetadata::parse(input) {
        // Longer ones than a tag can be are refused when the chart is named.
        assert!(metadata.version.len() > 128 || metadata.tag().parse::<Tag>().is_ok());
        assert!(serde_json::from_slice::<serde_json::Value>(&airlock_helm::config_json(&metadata)).is_ok());
    }
    if let Ok(rules) = IgnoreRules::parse(input) {
        let _ = rules.with_defaults().ignores("templates/deployment.yaml");
    }
    if let Ok(text) = std::str::from_utf8(input) {
        let version: Option<LooseVersion> = text.parse().ok();
        if let Ok(range) = text.parse::<VersionRange>() {
            let _ = range.best(version.iter());
        }
    }
}

/// `index.yaml` of a chart repository.
pub fn chart_index(input: &[u8]) {
    if let Ok(versions) = airlock_helm::chart_versions(input, "app") {
        assert!(versions.windows(2).all(|pair| pair[0].version >= pair[1].version));
    }
}

/// Headers of answers: `WWW-Authenticate`, `Retry-After` and its `Date`, `Link`; a line each.
pub fn challenge(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input) {
        let lines: Vec<&str> = text.lines().collect();
        fuzzing::challenge(&lines);
        fuzzing::retry_after(lines.first().unwrap_or(&""), lines.get(1).copied());
        fuzzing::link(lines.first().unwrap_or(&""));
    }
}

/// Credential files of podman and docker.
pub fn auth_file(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input)
        && let Err(error) = AuthFile::parse(text)
    {
        // What is wrong is said without showing what is secret; a registry's name is not, whatever it is.
        let registries = serde_json::from_str::<serde_json::Value>(text).unwrap_or_default();
        let named_so = ["auths", "credHelpers"].iter().any(|part| {
            let entries = registries[part].as_object();
            entries.is_some_and(|entries| entries.keys().any(|name| name.contains("hunter2")))
        });
        assert!(named_so || !error.to_string().contains("hunter2"), "{error}");
    }
}
