//! The JSON Schema of the manifest, for editors.
//!
//! The types here only describe what [`super::read`] accepts; a test holds the two against each other.
#![expect(dead_code, reason = "the fields are read by the schema's derive only")]

use std::collections::BTreeMap;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;

/// The JSON Schema (draft 2020-12) of `airlock.yaml`.
pub fn schema() -> serde_json::Value {
    let mut schema = SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<Manifest>();
    schema.insert("title".to_owned(), "Airlock manifest".into());
    schema.to_value()
}

/// What an Airlock bundle is made from.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct Manifest {
    /// The format of this file.
    api_version: ApiVersion,
    /// What this file is.
    kind: ManifestKind,
    /// Who the bundle is.
    metadata: Metadata,
    /// The platforms that images are wanted for: os/architecture[/variant].
    #[schemars(length(min = 1))]
    platforms: Vec<Platform>,
    /// Values for ${name} anywhere below; --set NAME=VALUE replaces them.
    variables: Option<BTreeMap<String, Scalar>>,
    /// What is wanted, in named groups.
    components: Vec<Component>,
    /// Upstream signatures that are required.
    policy: Option<Policy>,
    /// The cluster that charts are rendered for.
    kubernetes: Option<Kubernetes>,
}

/// A cluster of Kubernetes.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct Kubernetes {
    /// Its version, v1.34.5; that of k3s, or what Helm assumes, where none is given.
    version: Option<String>,
    /// API versions that it has besides those of Kubernetes: monitoring.coreos.com/v1.
    api_versions: Option<Vec<String>>,
}

#[derive(JsonSchema)]
enum ApiVersion {
    #[schemars(rename = "airlock.dev/v1")]
    V1,
}

#[derive(JsonSchema)]
enum ManifestKind {
    Manifest,
}

/// Who a bundle is.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Metadata {
    /// The name of the bundles made from this manifest.
    name: String,
    /// The version of this manifest, as its author counts.
    version: Scalar,
    /// The line of releases it belongs to; stable where none is given.
    channel: Option<String>,
    /// Counts releases of the channel upwards.
    sequence: Option<u64>,
}

/// A platform.
#[derive(JsonSchema)]
struct Platform(#[schemars(regex(pattern = r"^[^/]+/[^/]+(/[^/]+)?$"), example = "linux/amd64")] String);

/// A text; bare numbers and booleans are taken as they are spelled.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Scalar {
    Text(String),
    Number(f64),
    Boolean(bool),
}

/// A named group of what is wanted, or another manifest.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Component {
    /// Its name, unique in the manifest: lower-case letters and digits with '-', '.' or '_' between.
    #[schemars(regex(pattern = r"^[a-z0-9]+([._-]+[a-z0-9]+)*$"))]
    name: String,
    /// Only if the condition over a variable holds: VAR, VAR == VALUE or VAR != VALUE.
    when: Option<String>,
    /// The path of another manifest, whose components are taken over as NAME/theirs.
    import: Option<String>,
    /// Container images: a list, or a mapping with what is decided about those that charts and manifests need.
    images: Option<Images>,
    /// Helm charts.
    charts: Option<Vec<Chart>>,
    /// The paths of files with objects of Kubernetes.
    manifests: Option<Vec<String>>,
    /// Plain files.
    files: Option<Vec<File>>,
    /// A k3s release.
    k3s: Option<K3s>,
    /// Operating system packages.
    packages: Option<Vec<Packages>>,
}

/// Container images.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Images {
    /// Those that are wanted.
    Wanted(Vec<Image>),
    /// Those that are wanted, and what is decided about those that are found.
    Decided(ImageDecisions),
}

/// What is decided about images.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct ImageDecisions {
    /// Images that are wanted, whether they are found or not.
    add: Option<Vec<Image>>,
    /// What is not needed, although it is found.
    ignore: Option<Vec<Ignore>>,
    /// References, with *, that are needed although it is not sure.
    confirm: Option<Vec<String>>,
    /// Registries, or registries with a path, by those that charts call them: {registry.site.example: docker.io}.
    upstream: Option<BTreeMap<String, String>>,
}

/// What is not needed: match or gap.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Ignore {
    /// References, with *.
    r#match: Option<String>,
    /// The text or the place of what could not be told, with *.
    gap: Option<String>,
    /// Why it is not needed.
    reason: String,
}

/// A container image.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Image {
    /// A reference with tag, digest or both, or oci-layout:PATH[:NAME], oci-archive:PATH[:NAME], docker-archive:PATH[:REFERENCE].
    Reference(String),
    /// The same with platforms of its own.
    Detailed(ImageDetails),
}

/// An image with platforms of its own.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct ImageDetails {
    /// The image.
    r#ref: String,
    /// The platforms wanted of it, instead of those of the manifest.
    platforms: Option<Vec<Platform>>,
}

/// A Helm chart: from a repository (repo and name), a registry (oci) or a folder (path).
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Chart {
    /// Its name in the repository.
    name: Option<String>,
    /// The address of a chart repository.
    repo: Option<String>,
    /// The address of a chart in a registry, oci://HOST/PATH.
    oci: Option<String>,
    /// A folder with a Chart.yaml.
    path: Option<String>,
    /// A version or a range in Helm's syntax; the newest release where none is given.
    version: Option<Scalar>,
    /// The name of the release; that of the chart where none is given.
    release: Option<String>,
    /// Values files for installing it.
    values: Option<Vec<String>>,
    /// The namespace to install it into.
    namespace: Option<String>,
    /// In which variants it is searched for images, besides as it is installed.
    discover: Option<Discover>,
}

/// Variants of a chart.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Discover {
    /// Values files that a site may give on top; each is a variant of its own.
    values: Option<Vec<String>>,
    /// all tries every switch that is off.
    toggles: Option<Toggles>,
}

/// Which switches are tried.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum Toggles {
    /// Every one that is off.
    All,
    /// None.
    None,
}

/// A plain file: from an address (url) or from this machine (path).
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct File {
    /// Its address.
    url: Option<String>,
    /// With url: the path it is served under. Without: the file on this machine.
    path: Option<String>,
    /// The path that a file of this machine is served under; its name where none is given.
    to: Option<String>,
    /// What it must hash to.
    sha256: Option<Sha256>,
    /// The address of a file of checksums, as sha256sum writes it; may be relative to url.
    checksums: Option<String>,
    /// Its permissions in octal, "0644" where none are given.
    mode: Option<Scalar>,
}

/// A SHA-256 checksum.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Sha256 {
    /// 64 hex digits.
    Value(String),
    /// Where it is published.
    Published(Published),
}

/// Where a checksum is published.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Published {
    /// The address of a file of checksums, as sha256sum writes it; may be relative to the file's.
    url: String,
}

/// A k3s release, by version or by channel.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct K3s {
    /// The release, v1.34.5+k3s1.
    version: Option<String>,
    /// A release channel, resolved when the lock is made.
    channel: Option<String>,
    /// The SELinux policy packages and what they need, by distribution.
    selinux: Option<Vec<SelinuxPackage>>,
    /// How its own images are carried; each where nothing is given.
    images: Option<ImageForm>,
    /// What upgrades by the system-upgrade-controller need; nothing of it where this is not given.
    upgrade: Option<Upgrade>,
    /// The address that releases are below; that of k3s where none is given.
    releases: Option<String>,
    /// The address that channels are below; that of k3s where none is given.
    channels: Option<String>,
}

/// A package for nodes with SELinux.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct SelinuxPackage {
    /// The distribution: el8, el9, el10, sle, coreos.
    distro: String,
    /// Its address.
    url: String,
    /// What it must hash to.
    sha256: String,
}

/// How the images of a k3s release are carried.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum ImageForm {
    /// Each by itself, as every other image.
    Each,
    /// As the archives that k3s publishes.
    Archive,
    /// In both ways.
    Both,
}

/// What upgrades need.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Upgrade {
    /// Whether the image that upgrades nodes is carried.
    Switch(bool),
    /// The same, with the controller.
    Detailed(UpgradeDetails),
}

/// What upgrades need, with the controller.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct UpgradeDetails {
    /// The repository of the image that upgrades nodes; docker.io/rancher/k3s-upgrade where none is given.
    image: Option<String>,
    /// The manifests of the controller; images that stand in them come along.
    manifests: Option<Vec<UpgradeManifest>>,
    /// More images of the controller.
    images: Option<Vec<String>>,
}

/// A manifest of the controller.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct UpgradeManifest {
    /// Its address.
    url: String,
    /// What it must hash to.
    sha256: Option<Sha256>,
    /// The address of a file of checksums, as sha256sum writes it; may be relative to url.
    checksums: Option<String>,
}

/// Packages of a distribution.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Packages {
    /// The distribution, debian-12 or rocky-9.
    distro: String,
    /// The packages wanted, as apt-get install takes them; what they need comes along.
    names: Vec<String>,
    /// The distribution's names of the architectures; those of the platforms where nothing is given.
    architectures: Option<Vec<String>>,
    /// Whether packages that are only recommended come along; they do where nothing is given.
    recommends: Option<bool>,
    /// The release whose packages are preferred.
    target: Option<String>,
    /// Which versions are preferred.
    pins: Option<OneOrMore<PackagePin>>,
    /// What the nodes already have; minimal where nothing is given.
    base: Option<Base>,
    /// Where packages come from; the builder's own configuration where nothing is given.
    repos: Option<OneOrMore<PackageRepository>>,
    /// The paths of OpenPGP keys trusted to sign repositories that name none.
    keyrings: Option<OneOrMore<String>>,
    /// What is otherwise refused.
    allow: Option<OneOrMore<PackageException>>,
}

/// One, or a list.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum OneOrMore<T> {
    /// One.
    One(T),
    /// A list.
    More(Vec<T>),
}

/// A paragraph of apt's preferences.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct PackagePin {
    /// The packages, with *.
    package: String,
    /// Which versions: release n=bookworm-backports, version 1.2*, origin example.org.
    pin: String,
    /// How much they are preferred; below 0 never.
    priority: i32,
}

/// What is refused unless it is named.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum PackageException {
    /// A release file whose Valid-Until is over.
    ExpiredRelease,
    /// Signatures and checksums by algorithms that are broken.
    WeakDigest,
    /// Keys that are too short.
    WeakKey,
}

/// What the nodes already have.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Base {
    /// Without a list.
    Named(NamedBase),
    /// A list taken from a node.
    Listed(PackageBase),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum NamedBase {
    /// The distribution's minimal installation.
    Minimal,
    /// Nothing: everything comes along.
    Empty,
}

/// A list taken from a node.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct PackageBase {
    /// The path of a dpkg status file.
    status: Option<String>,
    /// The path of a list of installed packages.
    installed: Option<String>,
}

/// A package repository: uri with suites and components (apt), sources (apt), or id with baseurl (dnf).
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct PackageRepository {
    /// The address above dists and pool.
    uri: Option<String>,
    /// The suites: bookworm, bookworm-updates.
    suites: Option<Vec<String>>,
    /// The components: main.
    components: Option<Vec<String>>,
    /// The path of the OpenPGP keys that may sign it.
    #[schemars(rename = "signed-by")]
    signed_by: Option<String>,
    /// The path of a file as in /etc/apt/sources.list.d.
    sources: Option<String>,
    /// Its name.
    id: Option<String>,
    /// Its address.
    baseurl: Option<String>,
    /// The path of the OpenPGP key that signs it.
    gpgkey: Option<String>,
}

/// Upstream signatures that are required.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Policy {
    /// The rules.
    require: Option<Vec<Require>>,
}

/// Whose signature is required for which references.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Require {
    /// The references, with *.
    r#match: String,
    /// The path of the public key.
    key: String,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::read::known;
    use super::*;

    #[test]
    fn the_schema_has_the_fields_that_the_reader_knows() {
        let schema = schema();
        let fields = |name: &str| -> BTreeSet<String> {
            let node = if name.is_empty() {
                &schema
            } else {
                &schema["$defs"][name]
            };
            assert_eq!(node["additionalProperties"], false, "{name}");
            node["properties"].as_object().unwrap().keys().cloned().collect()
        };
        for (name, known) in [
            ("", known::MANIFEST),
            ("Metadata", known::METADATA),
            ("Component", known::COMPONENT),
            ("Kubernetes", known::KUBERNETES),
            ("ImageDetails", known::IMAGE),
            ("ImageDecisions", known::IMAGES),
            ("Ignore", known::IGNORE),
            ("Discover", known::DISCOVER),
            ("Chart", known::CHART),
            ("File", known::FILE),
            ("Published", known::PUBLISHED),
            ("K3s", known::K3S),
            ("SelinuxPackage", known::SELINUX),
            ("UpgradeDetails", known::UPGRADE),
            ("UpgradeManifest", known::UPGRADE_MANIFEST),
            ("Packages", known::PACKAGES),
            ("PackagePin", known::PACKAGE_PIN),
            ("PackageBase", known::PACKAGE_BASE),
            ("PackageRepository", known::PACKAGE_REPOSITORY),
            ("Policy", known::POLICY),
            ("Require", known::REQUIRE),
        ] {
            let known: BTreeSet<String> = known.iter().map(|field| (*field).to_owned()).collect();
            assert_eq!(fields(name), known, "{name}");
        }
    }

    #[test]
    fn the_schema_in_the_repository_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../manifests/airlock.schema.json");
        let file: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!(file, schema(), "run `cargo xtask schema`");
    }

    #[test]
    fn everything_in_the_schema_is_described() {
        let schema = schema();
        let roots = schema["$defs"].as_object().unwrap().values().chain([&schema]);
        for node in roots {
            for (field, property) in node["properties"].as_object().into_iter().flatten() {
                assert!(
                    property.get("description").is_some(),
                    "{field} has no description"
                );
            }
        }
    }
}
