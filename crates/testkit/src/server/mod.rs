mod answer;
mod auth;
mod body;
mod fault;
mod hold;
mod routes;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::HeaderMap;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::Upstream;
use auth::Tokens;
use body::Load;

pub use auth::Auth;
pub use fault::{Action, Fault};
pub use hold::Hold;

/// Which of the two addresses a request came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// The registry and the files.
    Main,
    /// The place that blobs are redirected to. It refuses requests with `Authorization`, as object
    /// storage with signed addresses does.
    Cdn,
}

/// How a [`FakeUpstream`] behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// HTTPS with a certificate for `localhost` and `127.0.0.1` by a fresh authority.
    pub tls: bool,
    /// Who may read.
    pub auth: Auth,
    /// Whether there is a referrers API (404 otherwise).
    pub referrers_api: bool,
    /// The most tags on one page.
    pub page_size: usize,
    /// Whether blobs are answered with a redirect to [`Listener::Cdn`].
    pub redirect_blobs: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tls: false,
            auth: Auth::None,
            referrers_api: true,
            page_size: 1000,
            redirect_blobs: false,
        }
    }
}

/// A request that was answered, or is being answered.
#[derive(Clone, Debug)]
pub struct Logged {
    /// Where it came in.
    pub listener: Listener,
    /// Its method.
    pub method: String,
    /// Its path.
    pub path: String,
    /// Its query, without the question mark.
    pub query: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// The status answered, 0 where the connection was closed instead.
    pub status: u16,
    /// How many bytes of body were handed out by now.
    pub sent: u64,
}

impl Logged {
    /// A header of the request as text, empty where it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("")
    }
}

struct Entry {
    logged: Logged,
    sent: Arc<AtomicU64>,
}

/// What all connections share.
struct State {
    options: Options,
    main: SocketAddr,
    cdn: SocketAddr,
    content: Mutex<Upstream>,
    faults: Mutex<Vec<Fault>>,
    log: Mutex<Vec<Entry>>,
    tokens: Mutex<Tokens>,
    load: Arc<Load>,
}

/// A panic in a test while a lock is held must not hide behind a second one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn scheme(&self) -> &'static str {
        if self.options.tls { "https" } else { "http" }
    }
}

/// A registry, chart repository and file server on the loopback interface that fails when told to.
///
/// It lives as long as this value, on the runtime that started it.
pub struct FakeUpstream {
    state: Arc<State>,
    authority: Option<String>,
    tasks: [JoinHandle<()>; 2],
}

impl FakeUpstream {
    /// Serves `content` on two free ports of 127.0.0.1.
    pub async fn start(content: Upstream, options: Options) -> io::Result<Self> {
        let (acceptor, authority) = if options.tls {
            let (acceptor, authority) = tls::acceptor().map_err(io::Error::other)?;
            (Some(acceptor), Some(authority))
        } else {
            (None, None)
        };
        let main = TcpListener::bind(("127.0.0.1", 0)).await?;
        let cdn = TcpListener::bind(("127.0.0.1", 0)).await?;
        let state = Arc::new(State {
            options,
            main: main.local_addr()?,
            cdn: cdn.local_addr()?,
            content: Mutex::new(content),
            faults: Mutex::default(),
            log: Mutex::default(),
            tokens: Mutex::default(),
            load: Arc::default(),
        });
        let serve =
            |socket, listener| tokio::spawn(accept(socket, listener, acceptor.clone(), Arc::clone(&state)));
        let tasks = [serve(main, Listener::Main), serve(cdn, Listener::Cdn)];
        Ok(Self {
            state,
            authority,
            tasks,
        })
    }

    /// `127.0.0.1:PORT`, as it stands before a repository name.
    pub fn host(&self) -> String {
        self.state.main.to_string()
    }

    /// The same for [`Listener::Cdn`].
    pub fn cdn_host(&self) -> String {
        self.state.cdn.to_string()
    }

    /// The full address of an absolute path.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.state.scheme(), self.state.main)
    }

    /// The authority behind the server's certificate as PEM, with [`Options::tls`].
    pub fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    /// Changes what is served from now on.
    pub fn update(&self, change: impl FnOnce(&mut Upstream)) {
        change(&mut lock(&self.state.content));
    }

    /// Adds a fault. Several faults may apply to one request; they act in the order added.
    pub fn fault(&self, fault: Fault) {
        lock(&self.state.faults).push(fault);
    }

    /// Forgets all faults.
    pub fn heal(&self) {
        lock(&self.state.faults).clear();
    }

    /// Makes every token given out so far worthless.
    pub fn revoke_tokens(&self) {
        lock(&self.state.tokens).revoke_all();
    }

    /// Every request so far, in order of arrival.
    pub fn log(&self) -> Vec<Logged> {
        lock(&self.state.log)
            .iter()
            .map(|entry| Logged {
                sent: entry.sent.load(Ordering::Relaxed),
                ..entry.logged.clone()
            })
            .collect()
    }

    /// Every request so far whose path contains `part`.
    pub fn requests(&self, part: &str) -> Vec<Logged> {
        self.log()
            .into_iter()
            .filter(|logged| logged.path.contains(part))
            .collect()
    }

    /// The most requests that were being answered at one time so far.
    pub fn peak(&self) -> usize {
        self.state.load.peak()
    }

    /// Forgets the requests so far.
    pub fn clear_log(&self) {
        lock(&self.state.log).clear();
    }
}

impl Drop for FakeUpstream {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn accept(socket: TcpListener, listener: Listener, tls: Option<TlsAcceptor>, state: Arc<State>) {
    // Dropped with this task, so that no connection outlives the server.
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = socket.accept().await else {
            return;
        };
        while connections.try_join_next().is_some() {}
        connections.spawn(connection(stream, listener, tls.clone(), Arc::clone(&state)));
    }
}

async fn connection(stream: TcpStream, listener: Listener, tls: Option<TlsAcceptor>, state: Arc<State>) {
    let service = service_fn(move |request| {
        let state = Arc::clone(&state);
        async move { routes::handle(&state, listener, request).await }
    });
    // A client that breaks off is no concern of a test's server.
    let server = http1::Builder::new();
    if let Some(tls) = tls {
        if let Ok(stream) = tls.accept(stream).await {
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        }
    } else {
        let _ = server.serve_connection(TokioIo::new(stream), service).await;
    }
}
