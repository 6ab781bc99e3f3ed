use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use airlock_ospkg::openpgp::RepositoryKey;
use airlock_types::Host;
use tokio_rustls::rustls;

/// Decides whether a user's password is right. Called on a blocking thread for every request, so it may
/// compute a slow password hash, and should remember its answers if it does.
pub type VerifyPassword = Arc<dyn Fn(&str, &str) -> bool + Send + Sync>;

/// Takes note of a finished request. Called on the server's own threads, so it must not block.
pub type AccessLog = Arc<dyn Fn(&AccessRecord<'_>) + Send + Sync>;

/// Gives the key that signs repositories of OS packages, or says why there is none. Called on a blocking thread for every
/// generation that holds packages.
pub type KeySource = Arc<dyn Fn() -> Result<Arc<RepositoryKey>, String> + Send + Sync>;

/// How a server listens, and within which bounds.
#[derive(Clone)]
pub struct Config {
    /// Where to listen; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Certificate and key, for HTTPS.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Asks for a user name and password on every request but `/healthz` and `/readyz`.
    pub verify: Option<VerifyPassword>,
    /// Hears of every finished request; without one, they are `tracing` events of level INFO.
    pub access_log: Option<AccessLog>,
    /// Names under which clients know this server, so that `?ns=` with one of them means "any registry".
    pub own_names: Vec<Host>,
    /// Signs the repositories of OS packages; without it they are not served.
    pub repository_key: Option<KeySource>,
    /// Bounds.
    pub limits: Limits,
}

impl Config {
    /// Plain HTTP for everybody, with the default limits.
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            tls: None,
            verify: None,
            access_log: None,
            own_names: Vec::new(),
            repository_key: None,
            limits: Limits::default(),
        }
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("listen", &self.listen)
            .field("tls", &self.tls.is_some())
            .field("verify", &self.verify.is_some())
            .field("own_names", &self.own_names)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// The bounds of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at one time; further clients wait in the system's queue.
    pub connections: usize,
    /// How long a client may take for a request's header, idle time between requests included.
    pub header_timeout: Duration,
    /// How long a TLS handshake may take.
    pub handshake_timeout: Duration,
    /// How long a client may take nothing of what is sent to it.
    pub stall_timeout: Duration,
    /// How long running downloads may go on after the shutdown signal.
    pub drain: Duration,
    /// How old the server's knowledge of the current generation may be.
    pub refresh: Duration,
    /// Bytes of manifests kept in memory.
    pub manifest_cache: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            header_timeout: Duration::from_mins(1),
            handshake_timeout: Duration::from_secs(15),
            stall_timeout: Duration::from_mins(1),
            drain: Duration::from_secs(10),
            refresh: Duration::from_millis(20),
            manifest_cache: 64 << 20,
        }
    }
}

/// One finished request.
#[derive(Clone, Copy, Debug)]
pub struct AccessRecord<'a> {
    /// The client's address.
    pub peer: SocketAddr,
    /// The method, `GET`.
    pub method: &'a str,
    /// Path and query as sent.
    pub target: &'a str,
    /// The status of the answer.
    pub status: u16,
    /// Bytes of its body that were handed to the connection.
    pub bytes: u64,
    /// Whether that was all of it; `false` when the client left early, or when `failed`.
    pub complete: bool,
    /// Whether the answer broke off because its content could not be read any more.
    pub failed: bool,
    /// From the request's header to the end of the answer.
    pub duration: Duration,
}
