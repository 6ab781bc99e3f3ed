use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use airlock_content::GenerationView;
use arc_swap::ArcSwapOption;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header};

use crate::body::{Body, Finish, Pool};
use crate::catalog::{Catalog, Miss};
use crate::config::Config;
use crate::error::{ApiError, Code};
use crate::manifests::{ManifestCache, ReadError};
use crate::metrics::{Metrics, count};
use crate::query::{Query, decode};
use crate::reply::{self, Content, Reply};
use crate::route::Route;
use crate::{auth, page};

/// Everything that requests share.
pub(crate) struct App<V> {
    pub(crate) view: Arc<V>,
    pub(crate) config: Config,
    pub(crate) cache: ManifestCache,
    pub(crate) metrics: Arc<Metrics>,
    pool: Arc<Pool>,
    current: ArcSwapOption<Catalog>,
    /// Held by whoever asks the view for its generation.
    refreshing: tokio::sync::Mutex<()>,
    /// When it was last asked, in microseconds after `started`; 0 before the first time.
    checked: AtomicU64,
    started: Instant,
}

/// A request as the endpoints see it.
pub(crate) struct Request<'r> {
    /// Whether only the head is wanted.
    pub(crate) head: bool,
    pub(crate) query: Query<'r>,
    pub(crate) headers: &'r HeaderMap,
    /// The registry that the client believes it talks to, unless that is this one.
    pub(crate) namespace: Option<&'r str>,
}

/// How current the generation must be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Freshness {
    /// Within [`Limits::refresh`](crate::Limits::refresh).
    Recent,
    /// As of now.
    Now,
}

impl<V: GenerationView + 'static> App<V> {
    pub(crate) fn new(view: Arc<V>, config: Config) -> Self {
        Self {
            view,
            cache: ManifestCache::new(config.limits.manifest_cache),
            config,
            metrics: Arc::default(),
            pool: Arc::default(),
            current: ArcSwapOption::empty(),
            refreshing: tokio::sync::Mutex::default(),
            checked: AtomicU64::new(0),
            started: Instant::now(),
        }
    }

    /// Answers a request, whatever it is.
    pub(crate) async fn handle(
        self: Arc<Self>,
        peer: SocketAddr,
        request: http::request::Parts,
    ) -> Response<Body> {
        let started = Instant::now();
        let head = request.method == Method::HEAD;
        let reply = match self.answer(&request).await {
            Ok(reply) => reply,
            Err(error) => error.into_reply(),
        };
        let (mut parts, content) = reply.into_parts();
        parts.headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        if request.uri.path().starts_with("/v2") {
            parts.headers.insert(
                reply::DOCKER_API_VERSION,
                HeaderValue::from_static("registry/2.0"),
            );
        }
        let content = if head { Content::Empty } else { content };
        let finish = Finish {
            failed: false,
            peer,
            method: request.method,
            target: request.uri,
            status: parts.status.as_u16(),
            expected: content.len(),
            sent: 0,
            started,
            metrics: Arc::clone(&self.metrics),
            log: self.config.access_log.clone(),
        };
        Response::from_parts(parts, Body::new(content, &self.pool, finish))
    }

    async fn answer(self: &Arc<Self>, request: &http::request::Parts) -> Result<Reply, ApiError> {
        let path = decode(request.uri.path())
            .ok_or_else(|| ApiError::no_such_path(request.uri.path()).status(StatusCode::BAD_REQUEST))?;
        let route = Route::of(&path);
        // Whether this server is alive is no secret, and probes have no password.
        match route {
            Route::Health => return Ok(reply::ok(reply::TEXT, "ok\n")),
            Route::Ready => return self.ready().await,
            _ => {}
        }
        if let Some(verify) = &self.config.verify {
            auth::authorize(verify, &request.headers).await?;
        }
        let head = match request.method {
            Method::GET => false,
            Method::HEAD => true,
            _ => return Err(ApiError::read_only(&request.method)),
        };
        if route == Route::Nothing {
            return Err(ApiError::no_such_path(&path));
        }
        let query = Query::parse(request.uri.query());
        let namespace = query.get("ns").filter(|ns| !ns.is_empty()).map(str::to_owned);
        let request = Request {
            head,
            query,
            headers: &request.headers,
            namespace: namespace
                .as_deref()
                .filter(|ns| !self.is_own_name(ns, &request.headers, &request.uri)),
        };
        let catalog = self.catalog(Freshness::Recent).await?;
        let mut result = self.endpoint(&catalog, &request, route).await;
        if matches!(&result, Err(error) if error.status == StatusCode::NOT_FOUND) {
            // What an import has just added must be found, so a miss is not answered from memory.
            let newer = self.catalog(Freshness::Now).await?;
            if !Arc::ptr_eq(&catalog, &newer) {
                result = self.endpoint(&newer, &request, route).await;
            }
        }
        let mut reply = result.unwrap_or_else(ApiError::into_reply);
        if let Some(echo) = namespace.and_then(|ns| HeaderValue::from_str(&ns).ok()) {
            reply.headers_mut().insert(reply::OCI_NAMESPACE, echo);
        }
        Ok(reply)
    }

    async fn endpoint(
        self: &Arc<Self>,
        catalog: &Arc<Catalog>,
        request: &Request<'_>,
        route: Route<'_>,
    ) -> Result<Reply, ApiError> {
        match route {
            Route::Manifest { name, reference } => self.manifest(catalog, request, name, reference).await,
            Route::Blob { name, digest } => self.blob(catalog, request, name, digest).await,
            Route::Tags { name } => self.tags(catalog, request, name),
            Route::Referrers { name, digest } => self.referrers(catalog, request, name, digest).await,
            Route::Catalog => Self::list_repositories(catalog, request),
            Route::File(path) => self.file(catalog, request, path).await,
            Route::K3s(path) => self.k3s(catalog, request, path).await,
            Route::Chart(file) => self.chart(catalog, request, file).await,
            Route::Apt(path) => self.apt(catalog, request, path).await,
            Route::Page => Ok(page::render(
                catalog,
                &self.seen_as(request.headers),
                self.config.tls.is_some(),
            )),
            Route::Base => Ok(reply::ok(reply::JSON, "{}")),
            Route::Metrics => Ok(reply::ok(
                HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
                self.metrics.render(
                    self.cache.bytes(),
                    catalog.generation.roots.len(),
                    catalog.repositories.len(),
                ),
            )),
            // Answered before, without a generation.
            Route::Health | Route::Ready | Route::Nothing => Err(ApiError::no_such_path("/")),
        }
    }

    async fn ready(self: &Arc<Self>) -> Result<Reply, ApiError> {
        let before = self.metrics.refresh_failures.load(Ordering::Relaxed);
        let catalog = self.catalog(Freshness::Now).await?;
        if self.metrics.refresh_failures.load(Ordering::Relaxed) != before {
            return Err(ApiError::new(
                Code::Unavailable,
                "the current generation cannot be read; an earlier one is served",
            ));
        }
        Ok(reply::ok(
            reply::TEXT,
            format!(
                "ready\ngeneration {}\nroots {}\n",
                catalog.generation.id,
                catalog.generation.roots.len()
            ),
        ))
    }

    /// The name that the client reached this server under.
    fn seen_as(&self, headers: &HeaderMap) -> String {
        headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok())
            .map_or_else(|| self.config.listen.to_string(), str::to_owned)
    }

    fn is_own_name(&self, namespace: &str, headers: &HeaderMap, target: &Uri) -> bool {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let addressed = host.or_else(|| target.authority().map(http::uri::Authority::as_str));
        addressed.is_some_and(|host| host.eq_ignore_ascii_case(namespace))
            || self
                .config
                .own_names
                .iter()
                .any(|own| own.as_str().eq_ignore_ascii_case(namespace))
    }

    /// The repository that a name means, or an error that helps.
    pub(crate) fn resolve(catalog: &Catalog, request: &Request<'_>, name: &str) -> Result<usize, ApiError> {
        catalog
            .resolve(request.namespace, name)
            .map_err(|miss| match miss {
                Miss::Ambiguous(candidates) => ApiError::new(
                    Code::NameUnknown,
                    format!(
                        "several registries have a repository of this name here, so name one: {}",
                        candidates.join(", ")
                    ),
                )
                .detail(serde_json::json!({"name": name, "candidates": candidates})),
                Miss::Unknown if !is_name(name) => ApiError::new(
                    Code::NameInvalid,
                    format!(
                        "a repository name is lower-case words separated by '/', '.', '_' or '-': {name}"
                    ),
                ),
                Miss::Unknown => {
                    let wanted = request
                        .namespace
                        .map_or_else(|| name.to_owned(), |ns| format!("{ns}/{name}"));
                    ApiError::new(
                        Code::NameUnknown,
                        format!("no imported bundle holds this repository: {wanted}"),
                    )
                    .detail(serde_json::json!({"name": name}))
                }
            })
    }

    /// Learns the first generation before the first client asks. A store that has none yet, or none
    /// that can be read, is reported and served as soon as it has.
    pub(crate) async fn prepare(self: &Arc<Self>) {
        // The failure was logged where it arose, and every request tries again.
        let _ = self.catalog(Freshness::Now).await;
    }

    async fn catalog(self: &Arc<Self>, freshness: Freshness) -> Result<Arc<Catalog>, ApiError> {
        let asked = self.elapsed();
        let known = self.current.load_full();
        let interval = self.config.limits.refresh;
        if freshness == Freshness::Recent
            && let Some(known) = &known
        {
            let age = asked.saturating_sub(self.checked.load(Ordering::Acquire));
            // Someone else asking already is as good as asking, unless every request must.
            if u128::from(age) < interval.as_micros()
                || (!interval.is_zero() && self.refreshing.try_lock().is_err())
            {
                return Ok(Arc::clone(known));
            }
        }
        let _refreshing = self.refreshing.lock().await;
        let known = self.current.load_full();
        if let Some(known) = &known
            && self.checked.load(Ordering::Acquire) > asked
        {
            return Ok(Arc::clone(known));
        }
        let began = self.elapsed();
        let view = Arc::clone(&self.view);
        let before = known.clone();
        let result = blocking(move || {
            let generation = view.generation()?;
            match before {
                Some(before) if before.generation.id == generation.id => Ok(before),
                _ => Ok(Arc::new(Catalog::new(generation))),
            }
        })
        .await;
        match (result, known) {
            (Ok(catalog), known) => {
                if !known.is_some_and(|known| Arc::ptr_eq(&known, &catalog)) {
                    tracing::info!(generation = %catalog.generation.id, roots = catalog.generation.roots.len(), "serving a generation");
                    count(&self.metrics.generations);
                    self.current.store(Some(Arc::clone(&catalog)));
                }
                self.checked.store(began.max(1), Ordering::Release);
                Ok(catalog)
            }
            (Err(error), Some(known)) => {
                count(&self.metrics.refresh_failures);
                tracing::error!(%error, "the current generation cannot be read; the one before is served on");
                self.checked.store(began.max(1), Ordering::Release);
                Ok(known)
            }
            (Err(error), None) => {
                count(&self.metrics.refresh_failures);
                tracing::error!(%error, "there is no generation to serve");
                Err(ApiError::new(
                    Code::Unavailable,
                    "there is nothing to serve yet: import a bundle first, or see the server's log",
                ))
            }
        }
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// Runs what waits for disks where waiting is allowed.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ReadError> + Send + 'static,
) -> Result<T, ReadError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or(Err(ReadError::Task))
}

/// A repository path, with or without a host that has a port.
fn is_name(name: &str) -> bool {
    name.parse::<airlock_types::RepositoryName>().is_ok() || name.parse::<airlock_types::Repository>().is_ok()
}
