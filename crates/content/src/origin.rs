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
            Self::Http(url) => f.write_str(&without_secrets(url)),
            Self::OciLayout(path) => write!(f, "oci-layout:{}", path.display()),
            Self::OciArchive(path) => write!(f, "oci-archive:{}", path.display()),
            Self::DockerArchive(path) => write!(f, "docker-archive:{}", path.display()),
            Self::ChartFolder(path) => write!(f, "chart folder {}", path.display()),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Credentials and queries (which hold tokens of signed addresses) have no place in a message.
fn without_secrets(url: &Url) -> String {
    let mut url = url.clone();
    // These fail only for addresses that cannot hold credentials.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_secrets() {
        let url = "https://user:secret@host.example/a?token=secret#x"
            .parse()
            .unwrap();
        assert_eq!(Origin::Http(url).to_string(), "https://host.example/a");
    }
}
