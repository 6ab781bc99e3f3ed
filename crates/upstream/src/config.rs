use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use airlock_types::Host;
use url::Url;

use crate::Mirror;

/// How to reach upstreams. Plain data: the caller reads files and environment.
#[derive(Clone, Debug)]
pub struct Config {
    /// Certificate authorities to trust besides the system's, each a PEM bundle.
    pub authorities: Vec<Vec<u8>>,
    /// Hosts whose TLS certificate is not checked and that may be asked over plain HTTP.
    ///
    /// Loopback hosts (`localhost`, `127.0.0.0/8`, `[::1]`) may always be asked over plain HTTP, as
    /// Docker does, but where they speak TLS their certificate is checked unless they stand here.
    pub insecure: BTreeSet<Host>,
    /// Where repositories are looked for instead, in order.
    pub mirrors: Vec<Mirror>,
    /// Proxies.
    pub proxies: Proxies,
    /// The most requests at a time to one host.
    pub jobs: usize,
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
    /// How long to wait for an answer to begin, and for each next piece of it.
    pub stall_timeout: Duration,
    /// How often a request is tried again.
    pub retries: u32,
    /// The wait before the first retry; it doubles with each further one.
    pub retry_delay: Duration,
    /// The longest that an upstream's `Retry-After` is obeyed; above it the request fails.
    pub longest_pause: Duration,
    /// Varies the waits, so that many clients do not come back at once.
    pub seed: u64,
    /// The `User-Agent`.
    pub user_agent: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            authorities: Vec::new(),
            insecure: BTreeSet::new(),
            mirrors: Vec::new(),
            proxies: Proxies::default(),
            jobs: 8,
            connect_timeout: Duration::from_secs(15),
            stall_timeout: Duration::from_mins(1),
            retries: 5,
            retry_delay: Duration::from_millis(500),
            longest_pause: Duration::from_mins(10),
            seed: 0,
            user_agent: concat!("airlock/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

impl Config {
    pub(crate) fn may_be_plain(&self, host: &Host) -> bool {
        host.is_loopback() || self.insecure.contains(host)
    }
}

/// Why a [`Config`] cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A certificate authority is not a PEM bundle of certificates.
    #[error("the certificate authority given is not a PEM certificate")]
    Authority(#[source] Option<reqwest::Error>),
    /// A proxy's address cannot be used.
    #[error("the proxy's address cannot be used: {address}")]
    Proxy {
        /// The address, without credentials.
        address: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The user agent is not a header value, or TLS cannot be set up.
    #[error("the HTTP client cannot be set up")]
    Client(#[source] reqwest::Error),
}

/// Proxies by the scheme of what is asked for. Loopback hosts are always asked directly.
#[derive(Clone, Default)]
pub struct Proxies {
    /// For `http://` addresses.
    pub http: Option<Url>,
    /// For `https://` addresses.
    pub https: Option<Url>,
    /// Hosts asked directly, in the form of the `NO_PROXY` variable.
    pub direct: Option<String>,
}

impl fmt::Debug for Proxies {
    // By hand, since a proxy's address may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |url: &Option<Url>| url.as_ref().map(crate::error::show_url);
        f.debug_struct("Proxies")
            .field("http", &shown(&self.http))
            .field("https", &shown(&self.https))
            .field("direct", &self.direct)
            .finish()
    }
}
