//! Media types that Airlock gives a meaning to; all others are carried as they are.

/// OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Docker image manifest, version 2, schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker manifest list.
pub const DOCKER_MANIFEST_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// OCI image configuration.
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// The two-byte configuration `{}` of artifacts that need none (OCI image-spec, "Guidance for an Empty Descriptor").
pub const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// An uncompressed image layer.
pub const OCI_LAYER_TAR: &str = "application/vnd.oci.image.layer.v1.tar";
/// A gzip-compressed image layer.
pub const OCI_LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// Configuration of a Helm chart artifact (Helm, "Registries").
pub const HELM_CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
/// Content of a Helm chart artifact.
pub const HELM_CHART: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
/// Provenance file of a Helm chart artifact.
pub const HELM_PROVENANCE: &str = "application/vnd.cncf.helm.chart.provenance.v1.prov";
/// Artifact type of a tree of plain files.
pub const AIRLOCK_FILES: &str = "application/vnd.airlock.files.v1";
/// Artifact type of a set of OS packages.
pub const AIRLOCK_PACKAGES: &str = "application/vnd.airlock.packages.v1";
/// Configuration of a set of Debian packages.
pub const AIRLOCK_DEB_SET: &str = "application/vnd.airlock.packages.deb.v1+json";
/// Artifact type of a deployment: what a component installs.
pub const AIRLOCK_DEPLOYMENT_SET: &str = "application/vnd.airlock.deployment.v1";
/// Configuration of a deployment.
pub const AIRLOCK_DEPLOYMENT: &str = "application/vnd.airlock.deployment.v1+json";
/// Artifact type of a k3s release.
pub const AIRLOCK_K3S: &str = "application/vnd.airlock.k3s.v1";
/// Configuration of a k3s release.
pub const AIRLOCK_K3S_RELEASE: &str = "application/vnd.airlock.k3s.v1+json";
/// A Debian package.
pub const DEB: &str = "application/vnd.debian.binary-package";
/// A plain file in such a tree.
pub const OCTET_STREAM: &str = "application/octet-stream";

/// Whether content of this type names other content: a manifest or an index, OCI or Docker.
pub fn is_manifest(media_type: &str) -> bool {
    is_index(media_type) || matches!(media_type, OCI_MANIFEST | DOCKER_MANIFEST)
}

/// Whether content of this type lists manifests.
pub fn is_index(media_type: &str) -> bool {
    matches!(media_type, OCI_INDEX | DOCKER_MANIFEST_LIST)
}
