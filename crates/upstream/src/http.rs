use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use airlock_content::{Event, Reporter, SourceError, SourceErrorKind};
use airlock_types::Host;
use bytes::{Bytes, BytesMut};
use reqwest::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, DATE, HeaderMap, HeaderValue, RETRY_AFTER,
    TRANSFER_ENCODING, WWW_AUTHENTICATE,
};
use reqwest::{Client, Method, Response, StatusCode, Version};
use tokio::sync::OnceCell;
use url::Url;

use crate::auth::Tokens;
use crate::challenge::Challenge;
use crate::client::{authorities, builder, verified};
use crate::endpoint::api_host;
use crate::error::{self, Again, Trouble};
use crate::gate::{Gate, Permit, Round};
use crate::redirect::redirect;
use crate::retry_after::retry_after;
use crate::says::Known;
use crate::{Config, ConfigError, Credentials, Secret};

/// More redirects than any honest server sends.
const MOST_REDIRECTS: usize = 10;
/// The longest wait between two tries, unless the host asks for a longer one.
const LONGEST_DELAY: Duration = Duration::from_secs(30);

/// Sends requests: chooses client and credentials, follows redirects, tries again, keeps to the limits.
pub(crate) struct Http {
    pub(crate) config: Config,
    pub(crate) credentials: Credentials,
    pub(crate) reporter: Arc<dyn Reporter>,
    pub(crate) tokens: Tokens,
    pub(crate) known: Known,
    /// The places that were passed over, of which the user was told.
    pub(crate) passed_over: Mutex<HashSet<String>>,
    /// Made when first needed: it reads the system's authorities, of which a bare machine has none.
    verified: OnceLock<Result<Client, Arc<ConfigError>>>,
    /// For plain HTTP and for the hosts named insecure.
    unverified: Client,
    gates: Mutex<HashMap<String, Arc<Gate>>>,
    schemes: Mutex<HashMap<Host, Arc<OnceCell<&'static str>>>>,
    random: AtomicU64,
}

/// One request, as it may be sent several times.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    /// Which credentials open it.
    pub(crate) access: Access,
    /// What is asked for, in words for people.
    pub(crate) what: String,
}

/// Which credentials open a place.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    /// As credentials are filed: `docker.io`, not the host that answers for it.
    pub(crate) host: Host,
    /// The repository, or the path of a file.
    pub(crate) path: String,
    /// The scope of a token for it; empty for plain files.
    pub(crate) scope: String,
    /// For which requests to the host the same header is tried first: those of a scope, or of a folder.
    pub(crate) group: String,
    /// Credentials that stood in the address.
    pub(crate) given: Option<Secret>,
}

/// An answer whose body is still to come. It keeps its place among the host's requests.
pub(crate) struct Reply {
    pub(crate) response: Response,
    /// Given back with the answer.
    _permit: Permit,
}

impl Reply {
    pub(crate) fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// Whether nothing but the end of the connection will say that the body is complete (RFC 9112, section 6.3).
    pub(crate) fn is_open_ended(&self) -> bool {
        let headers = self.response.headers();
        self.response.version() <= Version::HTTP_11
            && !headers.contains_key(CONTENT_LENGTH)
            && !headers.contains_key(TRANSFER_ENCODING)
    }
}

/// A small answer, read to its end.
pub(crate) struct Small {
    /// Where it came from, after all redirects.
    pub(crate) url: Url,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Whether nothing but the end of the connection says that this is all.
    pub(crate) open_ended: bool,
    pub(crate) body: Bytes,
}

impl Small {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Counts how often something was tried.
#[derive(Debug)]
pub(crate) struct Attempts {
    made: u32,
    most: u32,
    /// When the last one was let through.
    round: Round,
}

impl Attempts {
    /// Progress was made: the count begins anew.
    pub(crate) fn reset(&mut self) {
        self.made = 0;
    }
}

impl Http {
    pub(crate) fn new(
        config: Config,
        credentials: Credentials,
        reporter: Arc<dyn Reporter>,
    ) -> Result<Self, ConfigError> {
        // Parsed here too, so that a wrong file is told at once and not at the first TLS connection.
        let given = authorities(&config)?;
        let client = OnceLock::new();
        if !given.is_empty() {
            // A PEM block may hold anything; only this says whether it is a certificate.
            let built = verified(&config).map_err(|error| match error {
                ConfigError::Client(error) => ConfigError::Authority(Some(error)),
                other => other,
            })?;
            client.get_or_init(|| Ok(built));
        }
        let unverified = builder(&config)?
            .tls_danger_accept_invalid_certs(true)
            .build()
            .map_err(ConfigError::Client)?;
        Ok(Self {
            random: AtomicU64::new(config.seed ^ 0x9e37_79b9_7f4a_7c15),
            config,
            credentials,
            reporter,
            tokens: Tokens::default(),
            known: Known::default(),
            passed_over: Mutex::default(),
            verified: client,
            unverified,
            gates: Mutex::default(),
            schemes: Mutex::default(),
        })
    }

    /// The client for an address, by what may be trusted about it.
    pub(crate) fn client(&self, url: &Url, what: &str) -> Result<&Client, SourceError> {
        let insecure = host_of(url).is_some_and(|host| self.config.insecure.contains(&host));
        if url.scheme() == "http" || insecure {
            return Ok(&self.unverified);
        }
        let built = self
            .verified
            .get_or_init(|| verified(&self.config).map_err(Arc::new));
        built.as_ref().map_err(|error| {
            SourceError::new(
                SourceErrorKind::Unreachable,
                "TLS connections cannot be made on this machine",
                what,
            )
            .hint("install the system's certificate authorities (package ca-certificates), or name one with --ca FILE")
            .caused_by(Arc::clone(error))
        })
    }

    /// The limits of an address's host.
    fn gate(&self, url: &Url) -> Arc<Gate> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        let gate = gates
            .entry(authority_of(url))
            .or_insert_with(|| Arc::new(Gate::new(self.config.jobs)));
        Arc::clone(gate)
    }

    /// A fresh count of tries for an address: one only while its host is known to be down.
    pub(crate) fn attempts(&self, url: &Url) -> Attempts {
        let most = if self.gate(url).is_down() {
            0
        } else {
            self.config.retries
        };
        Attempts {
            made: 0,
            most,
            round: Round::default(),
        }
    }

    /// `https://HOST/`, or `http://HOST/` where that is allowed and the host speaks nothing else.
    pub(crate) async fn base(&self, host: &Host, what: &str) -> Result<Url, SourceError> {
        let base = |scheme: &str| {
            Url::parse(&format!("{scheme}://{}/", api_host(host))).map_err(|error| {
                SourceError::new(
                    SourceErrorKind::Unsupported,
                    "the host is not one of an address",
                    what,
                )
                .caused_by(error)
            })
        };
        if !self.config.may_be_plain(host) {
            return base("https");
        }
        let cell = {
            let mut schemes = self.schemes.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(schemes.entry(host.clone()).or_default())
        };
        let scheme = cell
            .get_or_try_init(|| self.find_scheme(base("https"), base("http"), what))
            .await?;
        base(scheme)
    }

    async fn find_scheme(
        &self,
        https: Result<Url, SourceError>,
        http: Result<Url, SourceError>,
        what: &str,
    ) -> Result<&'static str, SourceError> {
        let (https, http) = (https?, http?);
        let mut attempts = self.attempts(&http);
        loop {
            match self.probe(&https, what).await {
                Ok(()) => return Ok("https"),
                // A certificate that is not trusted is no reason to drop encryption altogether.
                Err((trouble, true)) => return Err(trouble.error),
                Err(_) => {}
            }
            match self.probe(&http, what).await {
                Ok(()) => return Ok("http"),
                Err((trouble, _)) => self.back_off(&http, &mut attempts, trouble).await?,
            }
        }
    }

    /// Whether anything answers at an address; an error says whether the certificate is to blame.
    async fn probe(&self, base: &Url, what: &str) -> Result<(), (Trouble, bool)> {
        let client = self.client(base, what).map_err(|error| (error.into(), false))?;
        let mut url = base.clone();
        url.set_path("/v2/");
        let host = authority_of(&url);
        match tokio::time::timeout(self.config.stall_timeout, client.get(url).send()).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(failure)) => {
                let certificate = error::is_certificate(&failure);
                Err((error::no_answer(failure, what, &host), certificate))
            }
            Err(_) => Err((error::stalled(what, &host, self.config.stall_timeout), false)),
        }
    }

    /// Sends until there is an answer that more tries would not change.
    pub(crate) async fn send(&self, call: &Call, attempts: &mut Attempts) -> Result<Reply, SourceError> {
        loop {
            match self.attempt(call, attempts).await {
                Ok(reply) => return Ok(reply),
                Err(trouble) => self.back_off(&call.url, attempts, trouble).await?,
            }
        }
    }

    /// The same, with the body read into memory, of at most `limit` bytes.
    pub(crate) async fn fetch(&self, call: &Call, limit: u64) -> Result<Small, SourceError> {
        let mut attempts = self.attempts(&call.url);
        loop {
            let reply = self.send(call, &mut attempts).await?;
            let (status, headers) = (reply.status(), reply.response.headers().clone());
            let (url, open_ended) = (reply.response.url().clone(), reply.is_open_ended());
            match self.read(reply, call, limit).await {
                Ok(body) => {
                    return Ok(Small {
                        url,
                        status,
                        headers,
                        open_ended,
                        body,
                    });
                }
                Err(trouble) => self.back_off(&call.url, &mut attempts, trouble).await?,
            }
        }
    }

    async fn read(&self, mut reply: Reply, call: &Call, limit: u64) -> Result<Bytes, Trouble> {
        let mut body = BytesMut::new();
        while let Some(chunk) = self.chunk(&mut reply, &call.what).await? {
            body.extend_from_slice(&chunk);
            if body.len() as u64 > limit {
                let message = format!("the answer is larger than the {limit} bytes allowed");
                return Err(SourceError::new(SourceErrorKind::Unsupported, message, &call.what).into());
            }
        }
        Ok(body.freeze())
    }

    /// The next piece of an answer's body.
    pub(crate) async fn chunk(&self, reply: &mut Reply, what: &str) -> Result<Option<Bytes>, Trouble> {
        let host = authority_of(reply.response.url());
        match tokio::time::timeout(self.config.stall_timeout, reply.response.chunk()).await {
            Ok(Ok(chunk)) => Ok(chunk),
            Ok(Err(failure)) => {
                let mut trouble = error::no_answer(failure, what, &host);
                trouble.again = Again::Soon;
                Err(trouble)
            }
            Err(_) => Err(error::stalled(what, &host, self.config.stall_timeout)),
        }
    }

    /// Tells the user that nobody can know whether this was all.
    pub(crate) fn warn_open_ended(&self, call: &Call, bytes: u64) {
        let host = authority_of(&call.url);
        let text = format!(
            "{host} does not say how long the content is, and {bytes} bytes came before it closed the connection: {}",
            call.what
        );
        self.reporter.event(Event::Warning { text: &text });
    }

    /// The error for an answer of the wrong status, with what the server says.
    pub(crate) async fn refused(&self, mut reply: Reply, what: &str) -> SourceError {
        let (status, host) = (reply.status(), authority_of(reply.response.url()));
        let mut body = Vec::new();
        while body.len() < 16 * 1024 {
            match self.chunk(&mut reply, what).await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) | Err(_) => break,
            }
        }
        let says = self.known.server_says(&body, reply.response.url());
        error::refused(status, what, &host, says)
    }

    /// Waits before the next try, or gives up.
    pub(crate) async fn back_off(
        &self,
        url: &Url,
        attempts: &mut Attempts,
        trouble: Trouble,
    ) -> Result<(), SourceError> {
        let Trouble { error, again } = trouble;
        let most = match again {
            Again::No => return Err(error),
            Again::Unlikely => attempts.most.min(2),
            Again::Soon | Again::Fewer | Again::Slower(_) => attempts.most,
        };
        let gate = self.gate(url);
        if matches!(again, Again::Fewer | Again::Slower(_)) {
            gate.slow_down(attempts.round);
        }
        if attempts.made >= most {
            if again == Again::Unlikely {
                gate.gave_up();
            }
            return Err(error);
        }
        let delay = self.delay(attempts.made);
        attempts.made += 1;
        let wait = match again {
            Again::Slower(Some(asked)) if asked > self.config.longest_pause => {
                let hint = format!(
                    "it asks to wait {} s; try again then, or log in for a higher limit",
                    asked.as_secs()
                );
                return Err(error.hint(hint));
            }
            Again::Slower(asked) => delay.max(asked.unwrap_or_default()),
            _ => delay,
        };
        tracing::debug!(error = %error, ?wait, "trying again");
        self.reporter.event(Event::Retry {
            name: &error.what,
            reason: &error.message,
            after: wait,
        });
        if matches!(again, Again::Slower(_)) {
            // Everybody who asks this host waits, this request included.
            gate.pause(wait);
        } else {
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }

    /// Doubles with each try and varies between half and all of that.
    fn delay(&self, made: u32) -> Duration {
        let full = self
            .config
            .retry_delay
            .saturating_mul(1 << made.min(16))
            .min(LONGEST_DELAY);
        let step = self.random.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        let mixed = (step ^ (step >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let part = u32::try_from(mixed >> 48).unwrap_or(0);
        full / 2 + (full / 2).saturating_mul(part) / 65_536
    }

    /// Sends once, with credentials where they are asked for.
    async fn attempt(&self, call: &Call, attempts: &mut Attempts) -> Result<Reply, Trouble> {
        let gate = self.gate(&call.url);
        let permit = gate.enter().await;
        attempts.round = permit.round();
        let presented = self.tokens.current(&call.url, &call.access.group).await;
        let mut response = self.follow(call, presented.as_ref()).await?;
        if response.status() == StatusCode::UNAUTHORIZED && same_origin(response.url(), &call.url) {
            let headers = response.headers().get_all(WWW_AUTHENTICATE);
            let challenge = Challenge::best(headers.iter().filter_map(|value| value.to_str().ok()));
            if let Some(challenge) = challenge
                && let Some(header) = self.authorize(call, challenge, presented).await?
            {
                response = self.follow(call, Some(&header)).await?;
            }
        }
        check_busy(&response, call)?;
        permit.went_well();
        Ok(Reply {
            response,
            _permit: permit,
        })
    }

    /// Where an address leads in one step; the address itself where it answers by itself.
    pub(crate) async fn lead(&self, call: &Call) -> Result<Url, SourceError> {
        let mut attempts = self.attempts(&call.url);
        loop {
            match self.lead_once(call, &mut attempts).await {
                Ok(url) => return Ok(url),
                Err(trouble) => self.back_off(&call.url, &mut attempts, trouble).await?,
            }
        }
    }

    async fn lead_once(&self, call: &Call, attempts: &mut Attempts) -> Result<Url, Trouble> {
        let permit = self.gate(&call.url).enter().await;
        attempts.round = permit.round();
        let presented = self.tokens.current(&call.url, &call.access.group).await;
        let response = self.step(call, &call.url, presented.as_ref()).await?;
        if is_redirect(&response) {
            permit.went_well();
            return Ok(redirect(&call.url, response.headers(), &call.what)?);
        }
        check_busy(&response, call)?;
        permit.went_well();
        if response.status().is_success() {
            return Ok(call.url.clone());
        }
        let reply = Reply {
            response,
            _permit: permit,
        };
        Err(self.refused(reply, &call.what).await.into())
    }

    /// Sends once, to one address.
    async fn step(
        &self,
        call: &Call,
        url: &Url,
        authorization: Option<&Secret>,
    ) -> Result<Response, Trouble> {
        let host = authority_of(url);
        let mut request = self
            .client(url, &call.what)?
            .request(call.method.clone(), url.clone())
            .headers(call.headers.clone())
            .header(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some(secret) = authorization {
            self.known.learn_header(secret);
            request = request.header(AUTHORIZATION, sensitive(secret, &call.what)?);
        }
        let sent = tokio::time::timeout(self.config.stall_timeout, request.send())
            .await
            .map_err(|_| error::stalled(&call.what, &host, self.config.stall_timeout))?;
        sent.map_err(|failure| error::no_answer(failure, &call.what, &host))
    }

    /// Sends, following redirects. Credentials stay with the host that they are for.
    pub(crate) async fn follow(
        &self,
        call: &Call,
        authorization: Option<&Secret>,
    ) -> Result<Response, Trouble> {
        let mut url = call.url.clone();
        let mut authorization = authorization;
        for _ in 0..=MOST_REDIRECTS {
            if !same_origin(&url, &call.url) {
                // For good: a way back through another host is not trusted either.
                authorization = None;
            }
            let response = self.step(call, &url, authorization).await?;
            if !is_redirect(&response) {
                return Ok(response);
            }
            url = redirect(&url, response.headers(), &call.what)?;
        }
        let message = format!("{} redirects in circles", authority_of(&call.url));
        Err(SourceError::new(SourceErrorKind::Unsupported, message, &call.what).into())
    }
}

fn is_redirect(response: &Response) -> bool {
    matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Turns the answers that ask for another try into [`Trouble`].
pub(crate) fn check_busy(response: &Response, call: &Call) -> Result<(), Trouble> {
    let status = response.status();
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let asked = header(RETRY_AFTER).and_then(|value| retry_after(value, header(DATE)));
    let again = match status.as_u16() {
        429 => Again::Slower(asked),
        503 if asked.is_some() => Again::Slower(asked),
        408 | 503 | 504 => Again::Fewer,
        500 | 502 => Again::Soon,
        _ => return Ok(()),
    };
    let host = authority_of(response.url());
    Err(Trouble {
        error: error::refused(status, &call.what, &host, None),
        again,
    })
}

/// `host:port`, without the port where it is the scheme's own.
pub(crate) fn authority_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or("");
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn host_of(url: &Url) -> Option<Host> {
    authority_of(url).parse().ok()
}

pub(crate) fn same_origin(a: &Url, b: &Url) -> bool {
    a.scheme() == b.scheme()
        && a.host_str() == b.host_str()
        && a.port_or_known_default() == b.port_or_known_default()
}

pub(crate) fn sensitive(secret: &Secret, what: &str) -> Result<HeaderValue, SourceError> {
    let mut value = HeaderValue::from_str(secret.expose()).map_err(|_| {
        SourceError::new(
            SourceErrorKind::Denied,
            "the credentials hold characters that HTTP cannot carry",
            what,
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever logs a request, or compresses its headers, is told what must not be shown or kept.
    #[test]
    fn credentials_are_marked_as_such() {
        let header = sensitive(&Secret::new("Basic aHVudGVyMg=="), "w").unwrap();
        assert!(header.is_sensitive());
        assert!(!format!("{header:?}").contains("aHVudGVyMg"));
        assert!(sensitive(&Secret::new("a\nb"), "w").is_err());
    }
}
