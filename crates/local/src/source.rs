use std::path::{Path, PathBuf};
use std::sync::Arc;

use airlock_content::{
    BlobSource, ByteStream, FetchedManifest, FileFacts, HashError, ManifestSelector, MetadataSource, Origin,
    ReferrerFound, SourceError, Verifier,
};
use airlock_types::{ByteSize, Descriptor, Digest, Repository, Tag};
use bytes::Bytes;
use url::Url;

use crate::cache::Cache;
use crate::chart;
use crate::docker::Content;
use crate::error::{corrupt, mismatch, unsupported};
use crate::region::{Region, blocking};

/// The files of this machine as a source. Clones share what they have read.
#[derive(Clone, Debug)]
pub struct Local {
    base: PathBuf,
    cache: Arc<Cache>,
}

impl Local {
    /// Relative paths of origins start at `base`, the folder of the manifest.
    pub fn new(base: impl Into<PathBuf>) -> Self {
        Self {
            base: base.into(),
            cache: Arc::default(),
        }
    }

    /// Where relative paths start.
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// Runs `work` with a copy of this source where file operations may wait.
    async fn run<T: Send + 'static>(
        &self,
        origin: &Origin,
        work: impl FnOnce(&Self, &Origin) -> Result<T, SourceError> + Send + 'static,
    ) -> Result<T, SourceError> {
        let (this, origin) = (self.clone(), origin.clone());
        blocking(move || work(&this, &origin)).await
    }

    fn read_manifest(
        &self,
        origin: &Origin,
        selector: &ManifestSelector,
    ) -> Result<FetchedManifest, SourceError> {
        match origin {
            Origin::OciLayout(path) => self.cache.layout(&self.base.join(path))?.manifest(selector),
            Origin::OciArchive(path) => self.cache.oci_archive(&self.base.join(path))?.manifest(selector),
            Origin::DockerArchive(path) => self
                .cache
                .docker_archive(&self.base.join(path))?
                .manifest(selector),
            Origin::ChartFolder(_) | Origin::File(_) => {
                Err(unsupported("this holds no image manifest", origin))
            }
            Origin::Registry(_) | Origin::Http(_) => Err(not_local(origin)),
        }
    }

    /// The content that `want` names, its length checked and nothing else.
    fn content(&self, origin: &Origin, want: &Descriptor) -> Result<Content, SourceError> {
        let content = match origin {
            Origin::OciLayout(path) => {
                Content::Region(self.cache.layout(&self.base.join(path))?.blob(&want.digest)?)
            }
            Origin::OciArchive(path) => Content::Region(
                self.cache
                    .oci_archive(&self.base.join(path))?
                    .blob(&want.digest)?,
            ),
            Origin::DockerArchive(path) => self.cache.docker_archive(&self.base.join(path))?.open(want)?,
            Origin::ChartFolder(path) => {
                let path = self.base.join(path);
                let archive = chart::package(&path)?;
                verify(&archive, want).map_err(|error| {
                    corrupt("the chart folder changed since the lock", path.display())
                        .hint("run airlock lock again, or bring back the files that were locked")
                        .caused_by(error)
                })?;
                return Ok(Content::Bytes(archive.into()));
            }
            Origin::File(path) => Content::Region(Region::open(&self.base.join(path))?),
            Origin::Registry(_) | Origin::Http(_) => return Err(not_local(origin)),
        };
        if let Content::Region(region) = &content
            && region.len() != want.size
        {
            let (expected, actual, digest) = (want.size, region.len(), want.digest);
            let cause = if actual < expected {
                HashError::TooShort {
                    digest,
                    expected,
                    actual,
                }
            } else {
                HashError::TooLong { digest, expected }
            };
            return Err(match origin {
                Origin::File(_) => corrupt("the file changed since the lock", region.what())
                    .hint("run airlock lock again, or bring back the file that was locked")
                    .caused_by(cause),
                _ => mismatch(region.what(), cause),
            });
        }
        Ok(content)
    }
}

impl MetadataSource for Local {
    async fn manifest(
        &self,
        origin: &Origin,
        selector: &ManifestSelector,
    ) -> Result<FetchedManifest, SourceError> {
        let selector = selector.clone();
        self.run(origin, move |this, origin| this.read_manifest(origin, &selector))
            .await
    }

    async fn referrers(&self, origin: &Origin, subject: &Digest) -> Result<Vec<ReferrerFound>, SourceError> {
        let subject = *subject;
        self.run(origin, move |this, origin| match origin {
            Origin::OciLayout(path) => this.cache.layout(&this.base.join(path))?.referrers(&subject),
            Origin::OciArchive(path) => this.cache.oci_archive(&this.base.join(path))?.referrers(&subject),
            Origin::DockerArchive(_) | Origin::ChartFolder(_) | Origin::File(_) => Ok(Vec::new()),
            Origin::Registry(_) | Origin::Http(_) => Err(not_local(origin)),
        })
        .await
    }

    async fn tags(&self, repository: &Repository) -> Result<Vec<Tag>, SourceError> {
        Err(not_local(&Origin::Registry(repository.clone())))
    }

    async fn blob(&self, origin: &Origin, descriptor: &Descriptor, limit: u64) -> Result<Bytes, SourceError> {
        if descriptor.size > limit {
            let message = format!("the content is larger than the {} allowed", ByteSize(limit));
            return Err(unsupported(message, format!("{} in {origin}", descriptor.digest)));
        }
        let want = descriptor.clone();
        self.run(origin, move |this, origin| match this.content(origin, &want)? {
            Content::Region(region) => region.read_verified(&want, limit),
            Content::Bytes(bytes) => match verify(&bytes, &want) {
                Ok(()) => Ok(bytes),
                Err(error) => Err(mismatch(origin, error)),
            },
        })
        .await
    }

    async fn document(&self, url: &Url, _limit: u64) -> Result<Bytes, SourceError> {
        Err(not_local(&Origin::Http(url.clone())))
    }

    async fn chart_folder(&self, path: &Path) -> Result<Bytes, SourceError> {
        self.run(
            &Origin::ChartFolder(path.to_owned()),
            |this, origin| match origin {
                Origin::ChartFolder(path) => chart::package(&this.base.join(path)).map(Bytes::from),
                _ => Err(not_local(origin)),
            },
        )
        .await
    }

    async fn file(&self, origin: &Origin, expected: Option<&Digest>) -> Result<FileFacts, SourceError> {
        let expected = expected.copied();
        self.run(origin, move |this, origin| match origin {
            Origin::File(path) => Region::open(&this.base.join(path))?.facts(expected.as_ref()),
            Origin::Registry(_) | Origin::Http(_) => Err(not_local(origin)),
            _ => Err(unsupported("this is no plain file", origin)),
        })
        .await
    }
}

impl BlobSource for Local {
    async fn open(&self, origin: &Origin, want: &Descriptor, offset: u64) -> Result<ByteStream, SourceError> {
        if offset > want.size {
            let message = format!("the content ends before byte {offset}");
            return Err(corrupt(message, format!("{} in {origin}", want.digest)));
        }
        let wanted = want.clone();
        match self
            .run(origin, move |this, origin| this.content(origin, &wanted))
            .await?
        {
            Content::Region(region) => Ok(region.stream(offset)),
            Content::Bytes(bytes) => {
                let start = usize::try_from(offset).map_or(bytes.len(), |offset| offset.min(bytes.len()));
                let rest = bytes.slice(start..);
                Ok(Box::pin(futures::stream::iter(
                    (!rest.is_empty()).then_some(Ok(rest)),
                )))
            }
        }
    }
}

fn not_local(origin: &Origin) -> SourceError {
    let message = "this is not on this machine";
    match origin {
        // Without the query and the user information, which may hold a secret.
        Origin::Http(url) => {
            let host = url.host_str().unwrap_or_default();
            unsupported(message, format!("{}://{host}{}", url.scheme(), url.path()))
        }
        _ => unsupported(message, origin),
    }
}

fn verify(bytes: &[u8], want: &Descriptor) -> Result<(), HashError> {
    let mut verifier = Verifier::new(want.digest, want.size);
    verifier.update(bytes)?;
    verifier.finish()
}
