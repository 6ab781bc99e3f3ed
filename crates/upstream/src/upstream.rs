use std::path::Path;
use std::sync::{Arc, PoisonError};

use airlock_content::{
    BlobSource, ByteStream, Event, FetchedManifest, FileFacts, ManifestSelector, MetadataSource, Origin,
    ReferrerFound, ReferrerVia, Reporter, SourceError, SourceErrorKind, Verifier,
};
use airlock_hash::{Sha256, Sha512};
use airlock_types::{Algorithm, Descriptor, Digest, Manifest, Repository, Tag, media_type};
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use url::Url;

use crate::auth::given;
use crate::download::{Content, Download};
use crate::endpoint::candidates;
use crate::error::show_url;
use crate::http::{Access, Call, Http, Small, authority_of};
use crate::registry::{Place, Wanted, decoded};
use crate::{Config, ConfigError, Credentials};

/// The suffixes of the tags under which cosign keeps signatures, attestations and SBOMs.
const COSIGN_SUFFIXES: [&str; 3] = ["sig", "att", "sbom"];

/// What makes the bytes of a file the right ones.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// Only the connection that they come over.
    Connection,
    /// A digest or a signature, which somebody checks.
    Content,
}

/// Registries and files over HTTP(S): a [`MetadataSource`] and [`BlobSource`] for [`Origin::Registry`] and
/// [`Origin::Http`]. Cheap to clone; clones share connections, tokens and limits.
///
/// A stream that [`open`](BlobSource::open) returns occupies one of the host's [`Config::jobs`] until it
/// ends or is dropped.
#[derive(Clone)]
pub struct Upstream {
    http: Arc<Http>,
}

impl Upstream {
    /// A client that reports its retries to `reporter`.
    pub fn new(
        config: Config,
        credentials: Credentials,
        reporter: Arc<dyn Reporter>,
    ) -> Result<Self, ConfigError> {
        Http::new(config, credentials, reporter).map(|http| Self { http: Arc::new(http) })
    }

    fn places(&self, repository: &Repository) -> Vec<Place> {
        candidates(&self.http.config.mirrors, repository)
            .into_iter()
            .map(|at| Place {
                origin: repository.clone(),
                at,
            })
            .collect()
    }

    async fn manifest_of(
        &self,
        repository: &Repository,
        wanted: Wanted<'_>,
    ) -> Result<FetchedManifest, SourceError> {
        let mut failures = Failures::default();
        for place in self.places(repository) {
            match self.http.manifest_at(&place, &wanted).await {
                Ok(manifest) => {
                    failures.passed_over(&self.http, &place);
                    return Ok(manifest);
                }
                Err(error) => failures.push(&place, error)?,
            }
        }
        Err(failures.into_error(repository))
    }

    /// The manifest behind a tag that often does not exist. A first HEAD keeps that cheap: Docker Hub
    /// counts GET requests only.
    async fn tag_if_any(
        &self,
        repository: &Repository,
        tag: &Tag,
    ) -> Result<Option<FetchedManifest>, SourceError> {
        let mut failures = Failures::default();
        for place in self.places(repository) {
            let found = match self.http.is_absent(&place, tag).await {
                Ok(true) => {
                    failures.absent(&place);
                    continue;
                }
                Ok(false) => self.http.manifest_at(&place, &Wanted::Tag(tag)).await,
                Err(error) => Err(error),
            };
            match found {
                Ok(manifest) => return Ok(Some(manifest)),
                Err(error) => failures.push(&place, error)?,
            }
        }
        failures.absent_or_error(repository).map(|()| None)
    }

    async fn api_or_fallback(
        &self,
        repository: &Repository,
        subject: &Digest,
    ) -> Result<Vec<ReferrerFound>, SourceError> {
        let mut failures = Failures::default();
        for place in self.places(repository) {
            match self.http.referrers_at(&place, subject).await {
                Ok(Some(found)) => {
                    failures.passed_over(&self.http, &place);
                    let via = |descriptor| ReferrerFound {
                        descriptor,
                        via: ReferrerVia::Api,
                    };
                    return Ok(found.into_iter().map(via).collect());
                }
                // A mirror may lack the API that its origin has.
                Ok(None) => failures.absent(&place),
                Err(error) => failures.push(&place, error)?,
            }
        }
        failures.absent_or_error(repository)?;
        let Ok(tag) = subject.referrers_tag().parse::<Tag>() else {
            // SHA-512 digests are longer than tags may be, so there is no such tag.
            return Ok(Vec::new());
        };
        let Some(fetched) = self.tag_if_any(repository, &tag).await? else {
            return Ok(Vec::new());
        };
        let what = format!("{repository}:{tag}");
        match Manifest::parse(&fetched.descriptor.media_type, &fetched.bytes) {
            Ok(Manifest::Index(index)) => Ok(index
                .manifests
                .into_iter()
                .map(|descriptor| ReferrerFound {
                    descriptor,
                    via: ReferrerVia::FallbackTag(tag.clone()),
                })
                .collect()),
            Ok(Manifest::Image(_)) => Err(SourceError::new(
                SourceErrorKind::Corrupt,
                "the tag that should list referrers is not an index",
                what,
            )),
            Err(error) => Err(SourceError::new(
                SourceErrorKind::Corrupt,
                "the list of referrers cannot be read",
                what,
            )
            .caused_by(error)),
        }
    }

    async fn cosign(
        &self,
        repository: &Repository,
        subject: &Digest,
        suffix: &str,
    ) -> Result<Option<ReferrerFound>, SourceError> {
        let Ok(tag) = format!("{}.{suffix}", subject.referrers_tag()).parse::<Tag>() else {
            return Ok(None);
        };
        let found = self.tag_if_any(repository, &tag).await?;
        Ok(found.map(|manifest| ReferrerFound {
            descriptor: manifest.descriptor,
            via: ReferrerVia::CosignTag(tag),
        }))
    }

    /// Starts a download from the first place that has the content.
    async fn download(
        &self,
        origin: &Origin,
        digest: &Digest,
        size: Option<u64>,
        offset: u64,
    ) -> Result<Download, SourceError> {
        let repository = match origin {
            Origin::Registry(repository) => repository,
            Origin::Http(url) => {
                return Download::start(
                    Arc::clone(&self.http),
                    // What it must be is known by its digest, so it does not matter who could change it underway.
                    self.web_call(url, Trust::Content)?,
                    size,
                    offset,
                    Content::Named,
                )
                .await;
            }
            other => return Err(unsupported(other)),
        };
        let mut failures = Failures::default();
        for place in self.places(repository) {
            let what = place.what(&format!("@{digest}"));
            let started = match self
                .http
                .registry_call(&place, &format!("blobs/{digest}"), what)
                .await
            {
                Ok(call) => {
                    Download::start(Arc::clone(&self.http), call, size, offset, Content::Addressed).await
                }
                Err(error) => Err(error),
            };
            match started {
                Ok(download) => {
                    failures.passed_over(&self.http, &place);
                    return Ok(download);
                }
                Err(error) => failures.push(&place, error)?,
            }
        }
        Err(failures.into_error(repository))
    }

    /// A small file, read to its end.
    async fn small(&self, call: &Call, limit: u64) -> Result<Small, SourceError> {
        let answer = self.http.fetch(call, limit).await?;
        if answer.status == StatusCode::OK {
            Ok(answer)
        } else {
            Err(self.http.refused_small(&answer, call))
        }
    }

    /// A request for a file by address.
    fn web_call(&self, url: &Url, trust: Trust) -> Result<Call, SourceError> {
        let mut url = url.clone();
        let given = given(&mut url);
        url.set_fragment(None);
        let what = show_url(&url);
        let unsupported = |message: &str| SourceError::new(SourceErrorKind::Unsupported, message, &what);
        let host = authority_of(&url)
            .parse()
            .map_err(|_| unsupported("the address names no host that can be asked"))?;
        match url.scheme() {
            "https" => {}
            "http" if trust == Trust::Content || self.http.config.may_be_plain(&host) => {}
            "http" => {
                return Err(unsupported("plain HTTP is refused")
                    .hint(format!("use https, or allow it with --insecure {host}")));
            }
            _ => return Err(unsupported("the address is neither https nor http")),
        }
        Ok(Call {
            method: Method::GET,
            headers: HeaderMap::new(),
            access: Access {
                host,
                path: url.path().trim_start_matches('/').to_owned(),
                scope: String::new(),
                group: url
                    .path()
                    .rsplit_once('/')
                    .map_or("", |(folder, _)| folder)
                    .to_owned(),
                given,
            },
            url,
            what,
        })
    }

    /// The length that the server states for a file; `None` where it does not say.
    async fn stated_length(&self, call: &Call) -> Option<u64> {
        let mut call = call.clone();
        call.method = Method::HEAD;
        let mut attempts = self.http.attempts(&call.url);
        // Whatever goes wrong here is told by the GET that follows.
        let reply = self.http.send(&call, &mut attempts).await.ok()?;
        let header = |name: &str| reply.response.headers().get(name)?.to_str().ok();
        if reply.status() != StatusCode::OK
            || header("content-encoding").is_some_and(|encoding| encoding != "identity")
        {
            return None;
        }
        header("content-length")?.parse().ok()
    }
}

impl MetadataSource for Upstream {
    async fn manifest(
        &self,
        origin: &Origin,
        selector: &ManifestSelector,
    ) -> Result<FetchedManifest, SourceError> {
        let Origin::Registry(repository) = origin else {
            return Err(unsupported(origin));
        };
        match selector {
            ManifestSelector::Tag(tag) => self.manifest_of(repository, Wanted::Tag(tag)).await,
            ManifestSelector::Digest(digest) => self.manifest_of(repository, Wanted::Digest(digest)).await,
            ManifestSelector::Named(_) | ManifestSelector::Only => Err(SourceError::new(
                SourceErrorKind::Unsupported,
                "a registry's manifests have tags and digests only",
                repository,
            )),
        }
    }

    async fn referrers(&self, origin: &Origin, subject: &Digest) -> Result<Vec<ReferrerFound>, SourceError> {
        let repository = match origin {
            Origin::Registry(repository) => repository,
            Origin::Http(_) => return Ok(Vec::new()),
            other => return Err(unsupported(other)),
        };
        let [signature, attestation, sbom] =
            COSIGN_SUFFIXES.map(|suffix| self.cosign(repository, subject, suffix));
        let (mut found, signature, attestation, sbom) = futures::try_join!(
            self.api_or_fallback(repository, subject),
            signature,
            attestation,
            sbom
        )?;
        found.extend([signature, attestation, sbom].into_iter().flatten());
        Ok(found)
    }

    async fn tags(&self, repository: &Repository) -> Result<Vec<Tag>, SourceError> {
        let mut failures = Failures::default();
        for place in self.places(repository) {
            match self.http.tags_at(&place).await {
                Ok(tags) => {
                    failures.passed_over(&self.http, &place);
                    return Ok(tags);
                }
                Err(error) => failures.push(&place, error)?,
            }
        }
        Err(failures.into_error(repository))
    }

    async fn blob(&self, origin: &Origin, descriptor: &Descriptor, limit: u64) -> Result<Bytes, SourceError> {
        let what = format!("{}@{}", Shown(origin), descriptor.digest);
        if descriptor.size > limit {
            let message = format!(
                "the content has {} bytes, and {limit} are allowed here",
                descriptor.size
            );
            return Err(SourceError::new(SourceErrorKind::Unsupported, message, what));
        }
        let mut stream = self.open(origin, descriptor, 0).await?;
        let mut verifier = Verifier::new(descriptor.digest, descriptor.size);
        let corrupt = |error| {
            SourceError::new(
                SourceErrorKind::Corrupt,
                "the content is not what was announced",
                &what,
            )
            .caused_by(error)
        };
        let mut out = BytesMut::new();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk?;
            verifier.update(&chunk).map_err(corrupt)?;
            out.extend_from_slice(&chunk);
        }
        verifier.finish().map_err(corrupt)?;
        Ok(out.freeze())
    }

    async fn document(&self, url: &Url, limit: u64) -> Result<Bytes, SourceError> {
        let call = self.web_call(url, Trust::Connection)?;
        let answer = self.small(&call, limit).await?;
        if answer.open_ended {
            self.http.warn_open_ended(&call, answer.body.len() as u64);
        }
        // Servers label archives as "encoded" that are meant to be kept as they are.
        let path = Path::new(call.url.path());
        let is_archive = path.extension().is_some_and(|extension| {
            extension.eq_ignore_ascii_case("tgz") || extension.eq_ignore_ascii_case("gz")
        });
        if is_archive {
            Ok(answer.body)
        } else {
            decoded(&answer, limit, &call.what)
        }
    }

    async fn signed_document(&self, url: &Url, limit: u64) -> Result<Bytes, SourceError> {
        let call = self.web_call(url, Trust::Content)?;
        // Servers label compressed indexes as "encoded", and it is the compressed bytes that are signed.
        Ok(self.small(&call, limit).await?.body)
    }

    async fn leads_to(&self, url: &Url) -> Result<Url, SourceError> {
        let call = self.web_call(url, Trust::Connection)?;
        self.http.lead(&call).await
    }

    async fn chart_folder(&self, path: &Path) -> Result<Bytes, SourceError> {
        Err(unsupported(&Origin::ChartFolder(path.to_owned())))
    }

    async fn file(&self, origin: &Origin, expected: Option<&Digest>) -> Result<FileFacts, SourceError> {
        let Origin::Http(url) = origin else {
            return Err(unsupported(origin));
        };
        let call = self.web_call(url, Trust::Connection)?;
        if let Some(digest) = expected
            && let Some(size) = self.stated_length(&call).await
        {
            return Ok(FileFacts {
                digest: *digest,
                size,
            });
        }
        let what = call.what.clone();
        let named = match expected {
            Some(_) => Content::Named,
            None => Content::Unknown,
        };
        let mut download = Download::start(Arc::clone(&self.http), call, None, 0, named).await?;
        let mut hasher = match expected.map(Digest::algorithm) {
            None | Some(Algorithm::Sha256) => Hasher::Sha256(Sha256::new()),
            Some(Algorithm::Sha512) => Hasher::Sha512(Sha512::new()),
        };
        let mut size = 0;
        while let Some(chunk) = download.next().await? {
            size += chunk.len() as u64;
            hasher.update(&chunk);
        }
        let digest = hasher.finish();
        if expected.is_none()
            && let Some(bytes) = download.open_ended()
        {
            self.http.warn_open_ended(&download.call, bytes);
        }
        match expected {
            Some(expected) if *expected != digest => {
                let message = format!("the file is not {expected} but {digest}");
                Err(SourceError::new(SourceErrorKind::Corrupt, message, what)
                    .hint("compare the checksum with its publisher's; the file may have been replaced"))
            }
            _ => Ok(FileFacts { digest, size }),
        }
    }
}

impl BlobSource for Upstream {
    async fn open(&self, origin: &Origin, want: &Descriptor, offset: u64) -> Result<ByteStream, SourceError> {
        if let Origin::Registry(repository) = origin
            && media_type::is_manifest(&want.media_type)
        {
            let fetched = self.manifest_of(repository, Wanted::Digest(&want.digest)).await?;
            let start = usize::try_from(offset)
                .unwrap_or(usize::MAX)
                .min(fetched.bytes.len());
            let bytes = fetched.bytes.slice(start..);
            return Ok(Box::pin(futures::stream::once(async { Ok(bytes) })));
        }
        let download = self
            .download(origin, &want.digest, Some(want.size), offset)
            .await?;
        Ok(download.into_stream())
    }
}

enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    fn finish(self) -> Digest {
        match self {
            Self::Sha256(hasher) => Digest::Sha256(hasher.finish()),
            Self::Sha512(hasher) => Digest::Sha512(hasher.finish()),
        }
    }
}

/// An origin without the secrets that an address may hold.
struct Shown<'a>(&'a Origin);

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Origin::Http(url) => f.write_str(&show_url(url)),
            other => other.fmt(f),
        }
    }
}

fn unsupported(origin: &Origin) -> SourceError {
    SourceError::new(
        SourceErrorKind::Unsupported,
        "this is not reached over HTTP",
        Shown(origin),
    )
}

/// What went wrong at the places tried so far.
#[derive(Default)]
struct Failures {
    errors: Vec<(bool, SourceError)>,
    origin_says_no: bool,
}

impl Failures {
    /// A place has answered that it does not have what was asked for.
    fn absent(&mut self, place: &Place) {
        self.origin_says_no |= place.at == place.origin;
    }

    /// Remembers a failure that another place may make good; returns any other.
    fn push(&mut self, place: &Place, error: SourceError) -> Result<(), SourceError> {
        match error.kind {
            SourceErrorKind::NotFound
            | SourceErrorKind::Denied
            | SourceErrorKind::Unreachable
            | SourceErrorKind::RateLimited => {
                if error.kind == SourceErrorKind::NotFound {
                    tracing::debug!(%error, "not found at this place");
                } else {
                    tracing::info!(%error, "this place cannot help");
                }
                self.errors.push((place.at == place.origin, error));
                Ok(())
            }
            SourceErrorKind::Corrupt
            | SourceErrorKind::Unsupported
            | SourceErrorKind::Local
            | SourceErrorKind::LinkLeaves => Err(error),
        }
    }

    /// Says so, once, when a place has helped where others before it could not.
    fn passed_over(&self, http: &Http, instead: &Place) {
        for (_, error) in &self.errors {
            let text = format!("{}; {} is asked instead", error.message, instead.at.host);
            let mut told = http.passed_over.lock().unwrap_or_else(PoisonError::into_inner);
            if told.insert(text.clone()) {
                http.reporter.event(Event::Warning { text: &text });
            }
        }
    }

    /// The failure to tell: the origin's own, else the first one that is more than "not found".
    fn into_error(mut self, repository: &Repository) -> SourceError {
        let at = self
            .errors
            .iter()
            .position(|(is_origin, _)| *is_origin)
            .or_else(|| {
                self.errors
                    .iter()
                    .position(|(_, error)| error.kind != SourceErrorKind::NotFound)
            })
            .unwrap_or(0);
        if self.errors.is_empty() {
            return SourceError::new(SourceErrorKind::NotFound, "there is nowhere to ask", repository);
        }
        self.errors.swap_remove(at).1
    }

    /// Nothing was found: fine, unless somebody who might have known could not be asked.
    fn absent_or_error(self, repository: &Repository) -> Result<(), SourceError> {
        let not_found = |error: &SourceError| error.kind == SourceErrorKind::NotFound;
        if self.origin_says_no
            || self
                .errors
                .iter()
                .any(|(is_origin, error)| *is_origin && not_found(error))
            || self.errors.iter().all(|(_, error)| not_found(error))
        {
            Ok(())
        } else {
            Err(self.into_error(repository))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failures(list: &[(bool, SourceErrorKind)]) -> Failures {
        let errors = list
            .iter()
            .map(|(is_origin, kind)| (*is_origin, SourceError::new(*kind, "m", "w")))
            .collect();
        Failures {
            errors,
            origin_says_no: false,
        }
    }

    #[test]
    fn the_origin_has_the_last_word() {
        use SourceErrorKind::{Denied, NotFound, Unreachable};
        let repository: Repository = "a.example/b".parse().unwrap();
        let told = |list: &[_]| failures(list).into_error(&repository).kind;
        assert_eq!(told(&[(false, Unreachable), (true, NotFound)]), NotFound);
        assert_eq!(told(&[(false, NotFound), (true, Denied)]), Denied);
        assert_eq!(told(&[(false, NotFound), (false, Unreachable)]), Unreachable);
        let absent = |list: &[_]| failures(list).absent_or_error(&repository).is_ok();
        assert!(absent(&[]) && absent(&[(true, NotFound)]));
        assert!(absent(&[(false, Unreachable), (true, NotFound)]));
        assert!(!absent(&[(true, Denied)]));
        assert!(!absent(&[(false, Unreachable), (false, NotFound)]));
    }
}
