use std::path::PathBuf;

use airlock_types::Repository;
use url::Url;

/// Where the bytes of an artifact are fetched from.
///
/// A lock records one for every artifact; paths are as resolved against the manifest's folder.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A repository of an OCI registry, by digest.
    Registry(Repository),
    /// One file over HTTP(S).
    Http(Url),
    /// An OCI image layout folder.
    OciLayout(PathBuf),
    /// A tar of an OCI image layout, as `skopeo copy … oci-archive:` writes it.
    OciArchive(PathBuf),
    /// A tar as `docker save` writes it.
    DockerArchive(PathBuf),
    /// A chart folder, packaged deterministically whenever it is read.
    ChartFolder(PathBuf),
    /// A plain file.
    File(PathBuf),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Registry(repository) => write!(f, "{repository}"),
            Self::Http(url) => write!(f, "{url}"),
            Self::OciLayout(path) => write!(f, "oci-layout:{}", path.display()),
            Self::OciArchive(path) => write!(f, "oci-archive:{}", path.display()),
            Self::DockerArchive(path) => write!(f, "docker-archive:{}", path.display()),
            Self::ChartFolder(path) => write!(f, "chart folder {}", path.display()),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}
