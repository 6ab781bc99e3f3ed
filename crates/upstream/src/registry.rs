//! The pull side of the OCI distribution specification, at one place (an origin or a mirror of it).

use std::io::Read;

use airlock_content::{FetchedManifest, SourceError, SourceErrorKind, digest_of};
use airlock_types::{Algorithm, Descriptor, Digest, Manifest, Repository, Tag, media_type};
use bytes::Bytes;
use reqwest::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue, LINK};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use url::Url;

use crate::error::refused;
use crate::http::{Access, Call, Http, Small, authority_of, same_origin};

/// What registries must accept is 4 MiB; some accept more.
pub(crate) const LARGEST_MANIFEST: u64 = 8 * 1024 * 1024;
/// A page of tags. Registries that know no pages send all at once.
const LARGEST_TAG_LIST: u64 = 64 * 1024 * 1024;
const MOST_PAGES: usize = 10_000;

const MANIFEST_TYPES: [&str; 4] = [
    media_type::OCI_INDEX,
    media_type::OCI_MANIFEST,
    media_type::DOCKER_MANIFEST_LIST,
    media_type::DOCKER_MANIFEST,
];

/// A repository at the place that is asked, with the name that people know it by.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// What was asked for.
    pub(crate) origin: Repository,
    /// Where it is asked for.
    pub(crate) at: Repository,
}

impl Place {
    /// What is asked for, in words: the reference, and the mirror if it is asked for there.
    pub(crate) fn what(&self, suffix: &str) -> String {
        if self.at == self.origin {
            format!("{}{suffix}", self.origin)
        } else {
            format!("{}{suffix} (at {})", self.origin, self.at)
        }
    }
}

impl Http {
    pub(crate) async fn registry_call(
        &self,
        place: &Place,
        path: &str,
        what: String,
    ) -> Result<Call, SourceError> {
        let mut url = self.base(&place.at.host, &what).await?;
        let name = place.at.name.as_str();
        url.set_path(&format!("/v2/{name}/{path}"));
        let scope = format!("repository:{name}:pull");
        Ok(Call {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            access: Access {
                host: place.at.host.clone(),
                path: name.to_owned(),
                group: scope.clone(),
                scope,
                given: None,
            },
            what,
        })
    }

    async fn manifest_call(&self, place: &Place, wanted: &Wanted<'_>) -> Result<Call, SourceError> {
        let what = place.what(&wanted.suffix());
        let mut call = self
            .registry_call(place, &format!("manifests/{}", wanted.reference()), what)
            .await?;
        for accepted in MANIFEST_TYPES {
            call.headers.append(ACCEPT, HeaderValue::from_static(accepted));
        }
        Ok(call)
    }

    /// A manifest, checked against the digest asked for and the one announced.
    pub(crate) async fn manifest_at(
        &self,
        place: &Place,
        wanted: &Wanted<'_>,
    ) -> Result<FetchedManifest, SourceError> {
        let call = self.manifest_call(place, wanted).await?;
        let answer = self.fetch(&call, LARGEST_MANIFEST).await?;
        let host = authority_of(&call.url);
        if answer.status != StatusCode::OK {
            return Err(self.refused_small(&answer, &call));
        }
        let bytes = decoded(&answer, LARGEST_MANIFEST, &call.what)?;
        let corrupt = |message: String| SourceError::new(SourceErrorKind::Corrupt, message, &call.what);

        let asked = match wanted {
            Wanted::Digest(digest) => Some(**digest),
            Wanted::Tag(_) => None,
        };
        let announced = answer
            .header("docker-content-digest")
            .and_then(|value| value.parse::<Digest>().ok());
        for expected in asked.iter().chain(&announced) {
            let actual = match expected.algorithm() {
                Algorithm::Sha256 => digest_of(&bytes),
                Algorithm::Sha512 => Digest::Sha512(airlock_hash::sha512(&bytes)),
            };
            if actual != *expected {
                return Err(corrupt(format!(
                    "{host} sent a manifest that is not {expected} but {actual}"
                ))
                .hint("something between the registry and this machine changes what it passes on; try another network or mirror"));
            }
        }
        let media_type = manifest_type(&answer, &bytes, &host, &call.what)?;
        let digest = asked.unwrap_or_else(|| digest_of(&bytes));
        Ok(FetchedManifest {
            descriptor: Descriptor::new(media_type, digest, bytes.len() as u64),
            bytes,
            name: None,
            generated: false,
        })
    }

    /// Whether a tag is certainly absent. A registry that does not answer HEAD leaves the question open.
    pub(crate) async fn is_absent(&self, place: &Place, tag: &Tag) -> Result<bool, SourceError> {
        let mut call = self.manifest_call(place, &Wanted::Tag(tag)).await?;
        call.method = Method::HEAD;
        let mut attempts = self.attempts(&call.url);
        let reply = self.send(&call, &mut attempts).await?;
        Ok(reply.status() == StatusCode::NOT_FOUND)
    }

    /// All tags, page after page.
    pub(crate) async fn tags_at(&self, place: &Place) -> Result<Vec<Tag>, SourceError> {
        #[derive(Deserialize)]
        struct List {
            #[serde(default)]
            tags: Option<Vec<String>>,
        }
        let mut call = self.registry_call(place, "tags/list", place.what("")).await?;
        call.url.set_query(Some("n=1000"));
        let mut tags = Vec::new();
        self.pages(call, LARGEST_TAG_LIST, |answer, call| {
            if answer.status != StatusCode::OK {
                return Err(self.refused_small(answer, call));
            }
            let list: List = serde_json::from_slice(&decoded(answer, LARGEST_TAG_LIST, &call.what)?)
                .map_err(|error| not_json("list of tags", call, error))?;
            // What breaks the grammar of tags cannot be asked for either.
            tags.extend(list.tags.into_iter().flatten().filter_map(|tag| tag.parse().ok()));
            Ok(true)
        })
        .await?;
        Ok(tags)
    }

    /// What the referrers API lists; `None` where the registry has no such API.
    pub(crate) async fn referrers_at(
        &self,
        place: &Place,
        subject: &Digest,
    ) -> Result<Option<Vec<Descriptor>>, SourceError> {
        let what = place.what(&format!("@{subject}"));
        let mut call = self
            .registry_call(place, &format!("referrers/{subject}"), what)
            .await?;
        call.headers
            .insert(ACCEPT, HeaderValue::from_static(media_type::OCI_INDEX));
        let mut found = Vec::new();
        let mut supported = true;
        self.pages(call, LARGEST_MANIFEST, |answer, call| {
            // 401 and 403 are no word on whether there are referrers.
            if matches!(answer.status.as_u16(), 400 | 404 | 405 | 406 | 415 | 501) {
                supported = false;
                return Ok(false);
            }
            if answer.status != StatusCode::OK {
                return Err(self.refused_small(answer, call));
            }
            let bytes = decoded(answer, LARGEST_MANIFEST, &call.what)?;
            // Registries without the API may answer any path with some page.
            let is_index = Manifest::sniff(&bytes).as_deref() == Some(media_type::OCI_INDEX);
            let listed = match Manifest::parse(media_type::OCI_INDEX, &bytes) {
                Ok(Manifest::Index(index)) if is_index => Some(index.manifests),
                _ => None,
            };
            supported = listed.is_some();
            found.extend(listed.unwrap_or_default());
            Ok(supported)
        })
        .await?;
        Ok(supported.then_some(found))
    }

    /// The error for a small answer of the wrong status.
    pub(crate) fn refused_small(&self, answer: &Small, call: &Call) -> SourceError {
        let says = self.known.server_says(&answer.body, &answer.url);
        refused(answer.status, &call.what, &authority_of(&call.url), says)
    }

    /// Reads an answer and those that its `Link: …; rel="next"` leads to, until there are no more or
    /// `take` says that it has enough.
    async fn pages(
        &self,
        mut call: Call,
        limit: u64,
        mut take: impl FnMut(&Small, &Call) -> Result<bool, SourceError> + Send,
    ) -> Result<(), SourceError> {
        for _ in 0..MOST_PAGES {
            let answer = self.fetch(&call, limit).await?;
            if !take(&answer, &call)? {
                return Ok(());
            }
            let Some(next) = next_page(&answer.headers, &call.url) else {
                return Ok(());
            };
            if !same_origin(&next, &call.url) || next == call.url {
                let message = format!(
                    "{} names a next page that cannot be followed",
                    authority_of(&call.url)
                );
                return Err(SourceError::new(
                    SourceErrorKind::Unsupported,
                    message,
                    &call.what,
                ));
            }
            call.url = next;
        }
        let message = format!("{} has no last page", authority_of(&call.url));
        Err(SourceError::new(
            SourceErrorKind::Unsupported,
            message,
            &call.what,
        ))
    }
}

/// Which manifest of a repository.
pub(crate) enum Wanted<'a> {
    Tag(&'a Tag),
    Digest(&'a Digest),
}

impl Wanted<'_> {
    fn reference(&self) -> String {
        match self {
            Self::Tag(tag) => tag.to_string(),
            Self::Digest(digest) => digest.to_string(),
        }
    }

    fn suffix(&self) -> String {
        match self {
            Self::Tag(tag) => format!(":{tag}"),
            Self::Digest(digest) => format!("@{digest}"),
        }
    }
}

fn not_json(expected: &str, call: &Call, error: serde_json::Error) -> SourceError {
    let message = format!("{} sent no {expected}", authority_of(&call.url));
    SourceError::new(SourceErrorKind::Corrupt, message, &call.what)
        .hint("check that this is a registry and not a proxy's or log-in page")
        .caused_by(error)
}

/// The field by which Docker schema 1 manifests are told.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Old {
    schema_version: u32,
}

/// The media type of a manifest: the header's word, else what the document is.
fn manifest_type(answer: &Small, bytes: &[u8], host: &str, what: &str) -> Result<String, SourceError> {
    let declared = answer.header("content-type").unwrap_or("");
    let declared = declared.split(';').next().unwrap_or("").trim();
    if media_type::is_manifest(declared) {
        return Ok(declared.to_owned());
    }
    if let Some(sniffed) = Manifest::sniff(bytes) {
        return Ok(sniffed);
    }
    let is_old = serde_json::from_slice::<Old>(bytes).is_ok_and(|old| old.schema_version == 1);
    if is_old || declared.starts_with("application/vnd.docker.distribution.manifest.v1+") {
        return Err(SourceError::new(
            SourceErrorKind::Unsupported,
            "the image has a Docker schema 1 manifest",
            what,
        )
        .hint("push the image again with a current client: schema 1 has been out of use since 2017"));
    }
    let message = format!("{host} sent something else than a manifest ({declared:?})");
    Err(SourceError::new(SourceErrorKind::Corrupt, message, what)
        .hint("check that this is a registry and not a proxy's or log-in page"))
}

/// The body without the compression that a proxy may have put around it although it was asked not to.
pub(crate) fn decoded(answer: &Small, limit: u64, what: &str) -> Result<Bytes, SourceError> {
    match answer.header("content-encoding").unwrap_or("").trim() {
        "" | "identity" => Ok(answer.body.clone()),
        "gzip" | "x-gzip" => {
            let mut out = Vec::new();
            flate2::read::MultiGzDecoder::new(&answer.body[..])
                .take(limit + 1)
                .read_to_end(&mut out)
                .map_err(|error| {
                    SourceError::new(
                        SourceErrorKind::Corrupt,
                        "the answer's compression is broken",
                        what,
                    )
                    .caused_by(error)
                })?;
            if out.len() as u64 > limit {
                let message = format!("the answer is larger than the {limit} bytes allowed");
                return Err(SourceError::new(SourceErrorKind::Unsupported, message, what));
            }
            Ok(out.into())
        }
        other => {
            let message = format!("the answer is compressed in a way that was not asked for ({other:?})");
            Err(SourceError::new(SourceErrorKind::Unsupported, message, what))
        }
    }
}

/// The target of `Link: <…>; rel="next"` (RFC 8288), absolute or relative.
pub(crate) fn next_page(headers: &HeaderMap<HeaderValue>, base: &Url) -> Option<Url> {
    let name: HeaderName = LINK;
    headers.get_all(name).iter().find_map(|value| {
        value.to_str().ok()?.split(", <").find_map(|link| {
            let (target, parameters) = link.trim_start().trim_start_matches('<').split_once('>')?;
            let is_next = parameters.split(';').any(|parameter| {
                let parameter = parameter.trim().to_ascii_lowercase();
                matches!(parameter.as_str(), "rel=next" | "rel=\"next\"")
            });
            is_next.then(|| base.join(target).ok()).flatten()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links() {
        let next = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(LINK, HeaderValue::from_str(value).unwrap());
            let base = Url::parse("https://r.example/v2/a/tags/list?n=2").unwrap();
            next_page(&headers, &base).map(|url| url.to_string())
        };
        let expected = Some("https://r.example/v2/a/tags/list?last=b&n=2".to_owned());
        assert_eq!(next(r#"</v2/a/tags/list?last=b&n=2>; rel="next""#), expected);
        assert_eq!(next("<list?last=b&n=2>; foo=1; rel=next"), expected);
        assert_eq!(
            next(r#"<https://r.example/x>; rel="prev", </v2/a/tags/list?last=b&n=2>; rel="next""#),
            expected
        );
        assert_eq!(next(r#"</x>; rel="prev""#), None);
        assert_eq!(next("nonsense"), None);
    }
}
