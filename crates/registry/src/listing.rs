//! Lists: tags, repositories, referrers (OCI distribution-spec, "Listing Tags", "Listing Referrers").

use std::sync::Arc;

use airlock_content::GenerationView;
use airlock_types::{Descriptor, Tag, media_type};
use http::{HeaderValue, header};
use serde::Serialize;

use crate::app::{App, Request, blocking};
use crate::catalog::Catalog;
use crate::error::{ApiError, Code};
use crate::query::encode;
use crate::reply::{self, Reply};
use crate::v2::parse_digest;

/// The most that one answer lists, so that an answer has a bound.
const MOST: usize = 10_000;

/// A stretch of a sorted list.
struct Page<'a> {
    items: Vec<&'a str>,
    /// Where to go on, and in steps of how many.
    next: Option<(usize, &'a str)>,
}

impl<'a> Page<'a> {
    /// Applies `n` and `last`.
    fn of(items: impl Iterator<Item = &'a str>, request: &Request<'_>) -> Result<Self, ApiError> {
        let n = match request.query.get("n") {
            None | Some("") => MOST,
            Some(text) if text.bytes().all(|c| c.is_ascii_digit()) => text.parse().unwrap_or(MOST).min(MOST),
            Some(text) => {
                return Err(ApiError::new(
                    Code::PaginationNumberInvalid,
                    format!("n is a number of results: {text}"),
                ));
            }
        };
        let last = request.query.get("last").unwrap_or_default();
        let mut rest = items.skip_while(|item| *item <= last);
        let items: Vec<&str> = rest.by_ref().take(n).collect();
        let next = match items.last() {
            Some(last) if rest.next().is_some() => Some((n, *last)),
            _ => None,
        };
        Ok(Self { items, next })
    }

    fn reply(&self, body: impl Serialize, path: &str, namespace: Option<&str>) -> Result<Reply, ApiError> {
        let mut reply = json(reply::JSON, &body)?;
        if let Some((n, last)) = self.next {
            let namespace = namespace.map_or_else(String::new, |ns| format!("&ns={}", encode(ns, "")));
            let link = format!(
                "<{path}?n={n}&last={}{namespace}>; rel=\"next\"",
                encode(last, "")
            );
            reply.headers_mut().insert(header::LINK, reply::value(&link));
        }
        Ok(reply)
    }
}

pub(crate) fn json(content_type: HeaderValue, body: &impl Serialize) -> Result<Reply, ApiError> {
    let bytes = serde_json::to_vec(body).map_err(|error| ApiError::internal(&error))?;
    let mut reply = reply::ok(content_type, bytes);
    reply
        .headers_mut()
        .insert(header::CACHE_CONTROL, reply::REVALIDATE);
    Ok(reply)
}

impl<V: GenerationView + 'static> App<V> {
    #[expect(clippy::unused_self, reason = "an endpoint like the others")]
    pub(crate) fn tags(
        &self,
        catalog: &Catalog,
        request: &Request<'_>,
        name: &str,
    ) -> Result<Reply, ApiError> {
        #[derive(Serialize)]
        struct Tags<'a> {
            name: &'a str,
            tags: &'a [&'a str],
        }
        let at = Self::resolve(catalog, request, name)?;
        let page = Page::of(catalog.repositories[at].tags().map(Tag::as_str), request)?;
        let body = Tags {
            name,
            tags: &page.items,
        };
        let path = format!("/v2/{}/tags/list", encode(name, "/:"));
        page.reply(body, &path, request.query.get("ns"))
    }

    pub(crate) fn list_repositories(catalog: &Catalog, request: &Request<'_>) -> Result<Reply, ApiError> {
        #[derive(Serialize)]
        struct Repositories<'a> {
            repositories: &'a [&'a str],
        }
        let names = catalog.repositories.iter().map(|repo| &*repo.address);
        let page = Page::of(names, request)?;
        let body = Repositories {
            repositories: &page.items,
        };
        page.reply(body, "/v2/_catalog", request.query.get("ns"))
    }

    /// Never 404: a client that gets one falls back to the tag schema, and signatures are not found.
    pub(crate) async fn referrers(
        self: &Arc<Self>,
        catalog: &Arc<Catalog>,
        request: &Request<'_>,
        name: &str,
        digest: &str,
    ) -> Result<Reply, ApiError> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Index {
            schema_version: u8,
            media_type: &'static str,
            manifests: Vec<Descriptor>,
        }
        let subject = parse_digest(digest)?;
        let mut manifests = match catalog.resolve(request.namespace, name) {
            Err(_) => Vec::new(),
            Ok(at) => {
                let (view, catalog) = (Arc::clone(&self.view), Arc::clone(catalog));
                blocking(move || Ok(catalog.reach(at, &*view)?.referrers(&subject).to_vec()))
                    .await
                    .map_err(|error| ApiError::internal(&error))?
            }
        };
        let mut wanted = request
            .query
            .all("artifactType")
            .filter(|wanted| !wanted.is_empty())
            .peekable();
        let filtered = wanted.peek().is_some();
        if filtered {
            let wanted: Vec<&str> = wanted.collect();
            manifests.retain(|referrer| {
                referrer
                    .artifact_type
                    .as_deref()
                    .is_some_and(|artifact_type| wanted.contains(&artifact_type))
            });
        }
        let mut reply = json(
            HeaderValue::from_static(media_type::OCI_INDEX),
            &Index {
                schema_version: 2,
                media_type: media_type::OCI_INDEX,
                manifests,
            },
        )?;
        if filtered {
            reply.headers_mut().insert(
                reply::OCI_FILTERS_APPLIED,
                HeaderValue::from_static("artifactType"),
            );
        }
        Ok(reply)
    }
}
