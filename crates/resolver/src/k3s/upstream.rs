//! Where the files of a release lie, and what they must hash to.

use airlock_closure::Limits;
use airlock_content::{MetadataSource, Origin, digest_of};
use airlock_helm::images::Class;
use airlock_spec::k3s::{FileNames, IMAGE_LIST, NodeFiles, ReleaseFile};
use airlock_spec::manifest::{Checksum, ImageForm, UpgradeManifest};
use airlock_types::{Digest, Platform, Reference};
use url::Url;

use super::artifact::{EXECUTABLE, PLAIN, Parts};
use super::{K3sError, below};
use crate::ask::Asker;
use crate::checksums;
use crate::deploy::away;
use crate::error::Cause;

/// The largest list: checksums, images.
const MAX_LIST: u64 = 4 << 20;
/// The largest manifest of the upgrade controller.
const MAX_MANIFEST: u64 = 16 << 20;

/// One release, at one place.
pub(super) struct Upstream<'a, 's, S> {
    asker: &'a Asker<'s, S>,
    base: Url,
}

impl<'a, 's, S: MetadataSource> Upstream<'a, 's, S> {
    pub(super) fn new(asker: &'a Asker<'s, S>, releases: &Url, release: &str) -> Result<Self, K3sError> {
        let base = below(releases, &[release])?;
        Ok(Self { asker, base })
    }

    /// The address that its files are below.
    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    /// What a node of a platform gets, by the checksums that upstream publishes.
    pub(super) async fn node(
        &self,
        parts: &mut Parts,
        platform: &Platform,
        images: ImageForm,
    ) -> Result<NodeFiles, Cause> {
        let names = FileNames::of(platform).ok_or_else(|| K3sError::Platform(platform.clone()))?;
        let sums = names.checksums();
        let text = self.list(parts, &sums).await?;
        let expected = |name: &str| checksums::find(&text, name);
        let address = below(&self.base, &[&sums])?;
        let not_listed = |name: String| Cause::NotListed {
            name,
            url: address.to_string(),
        };
        let digest = expected(names.binary).ok_or_else(|| not_listed(names.binary.to_owned()))?;
        let binary = self
            .file(parts, names.binary, digest, &address, EXECUTABLE)
            .await?;
        let archive = if images.is_archive() {
            let all = names.archives();
            let mut listed = all.iter().filter_map(|name| Some((name, expected(name)?)));
            let (name, digest) = listed.next().ok_or_else(|| not_listed(all[0].clone()))?;
            Some(self.file(parts, name, digest, &address, PLAIN).await?)
        } else {
            None
        };
        Ok(NodeFiles {
            platform: platform.clone(),
            binary,
            archive,
        })
    }

    /// The images that every node needs, in order.
    pub(super) async fn images(&self, parts: &mut Parts) -> Result<Vec<Reference>, Cause> {
        let text = self.list(parts, IMAGE_LIST).await?;
        let mut images = Vec::new();
        for (at, line) in text.lines().map(str::trim).enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let image: Reference = line.parse().map_err(|_| K3sError::List {
                line: at + 1,
                text: line.chars().take(200).collect(),
            })?;
            images.push(image.with_default_tag());
        }
        images.sort();
        images.dedup();
        if images.is_empty() {
            let address = below(&self.base, &[IMAGE_LIST])?;
            return Err(K3sError::EmptyList(address.to_string()).into());
        }
        Ok(images)
    }

    /// A list of upstream, which becomes part of the artifact as it is.
    async fn list(&self, parts: &mut Parts, name: &str) -> Result<String, Cause> {
        let url = below(&self.base, &[name])?;
        let bytes = self.asker.shared_document(&url, MAX_LIST).await?;
        let text = std::str::from_utf8(&bytes).map_err(|_| K3sError::NotText(url.to_string()))?;
        parts.list(name, text);
        Ok(text.to_owned())
    }

    /// A file of upstream that a list vouches for.
    async fn file(
        &self,
        parts: &mut Parts,
        name: &str,
        expected: Digest,
        announced_by: &Url,
        mode: &'static str,
    ) -> Result<ReleaseFile, Cause> {
        let url = below(&self.base, &[name])?;
        let facts = self
            .asker
            .file(&Origin::Http(url.clone()), Some(&expected))
            .await?;
        if facts.digest != expected {
            return Err(Cause::Digest {
                expected,
                announced_by: announced_by.to_string(),
                actual: facts.digest,
            });
        }
        let file = ReleaseFile {
            name: name.to_owned(),
            digest: facts.digest,
            size: facts.size,
        };
        parts.file(name, &file, url, mode);
        Ok(file)
    }
}

/// A file by its address.
pub(super) async fn pinned<S: MetadataSource>(
    asker: &Asker<'_, S>,
    parts: &mut Parts,
    title: &str,
    url: &Url,
    expected: Option<Digest>,
) -> Result<ReleaseFile, Cause> {
    let facts = asker.file(&Origin::Http(url.clone()), expected.as_ref()).await?;
    if let Some(expected) = expected.filter(|expected| *expected != facts.digest) {
        return Err(Cause::Digest {
            expected,
            announced_by: "manifest".to_owned(),
            actual: facts.digest,
        });
    }
    let file = ReleaseFile {
        name: file_name(url).to_owned(),
        digest: facts.digest,
        size: facts.size,
    };
    parts.file(title, &file, url.clone(), PLAIN);
    Ok(file)
}

/// A manifest of the upgrade controller, and the images in it.
pub(super) async fn manifest<S: MetadataSource>(
    asker: &Asker<'_, S>,
    parts: &mut Parts,
    wanted: &UpgradeManifest,
) -> Result<(ReleaseFile, Vec<Reference>), Cause> {
    let url = &wanted.url;
    let name = file_name(url).to_owned();
    let bytes = asker.shared_document(url, MAX_MANIFEST).await?;
    let actual = digest_of(&bytes);
    let expected = match &wanted.checksum {
        Checksum::Sha256 { digest } => Some((*digest, "manifest".to_owned())),
        Checksum::Published { url } => {
            let text = asker.shared_document(url, MAX_LIST).await?;
            let text = String::from_utf8_lossy(&text);
            let digest = checksums::find(&text, &name).ok_or_else(|| Cause::NotListed {
                name: name.clone(),
                url: url.to_string(),
            })?;
            Some((digest, url.to_string()))
        }
        Checksum::Unknown => {
            asker.note(&format!(
                "there is no checksum for {url}; the lock pins what is there now"
            ));
            None
        }
    };
    if let Some((expected, announced_by)) = expected.filter(|(expected, _)| *expected != actual) {
        return Err(Cause::Digest {
            expected,
            announced_by,
            actual,
        });
    }
    let file = ReleaseFile {
        name: name.clone(),
        digest: actual,
        size: bytes.len() as u64,
    };
    parts.file(&format!("upgrade/{name}"), &file, url.clone(), PLAIN);
    let files = vec![(name, bytes.to_vec())];
    let needs = away(move || airlock_closure::manifests(&files, Limits::default())).await;
    let images = needs.images().into_iter();
    let images = images
        .filter(|image| image.class != Class::Possible)
        .map(|image| image.reference.clone().with_default_tag());
    Ok((file, images.collect()))
}

/// The last word of an address.
pub(super) fn file_name(url: &Url) -> &str {
    url.path_segments()
        .and_then(|mut parts| parts.next_back())
        .unwrap_or_default()
}
