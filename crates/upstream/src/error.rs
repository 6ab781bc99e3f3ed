use std::error::Error;
use std::io;
use std::time::Duration;

use airlock_content::{SourceError, SourceErrorKind};
use reqwest::StatusCode;
use url::Url;

/// An address as it may be shown: without credentials, and without the query, in which signed addresses
/// carry theirs.
pub(crate) fn show_url(url: &Url) -> String {
    let mut shown = url.clone();
    // Both fail only for addresses that cannot have credentials.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_query(None);
    shown.set_fragment(None);
    shown.to_string()
}

/// Whether and when to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// It would only fail again.
    No,
    /// After the usual wait.
    Soon,
    /// After the usual wait, but not often: nobody seems to be there.
    Unlikely,
    /// After the usual wait, and with fewer requests at a time: the host has more to do than it can.
    Fewer,
    /// The host wants fewer requests, and nobody asks again before the time that it may have given.
    Slower(Option<Duration>),
}

/// A failure of one attempt.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) error: SourceError,
    pub(crate) again: Again,
}

impl From<SourceError> for Trouble {
    fn from(error: SourceError) -> Self {
        Self {
            error,
            again: Again::No,
        }
    }
}

/// The kinds of failure below TLS that deserve words of their own.
pub(crate) fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return Some(tls);
        }
        // `io::Error` hides what it wraps from `source`.
        if let Some(inner) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            return tls_error(inner);
        }
        next = error.source();
    }
    None
}

/// Whether the other side's certificate was refused.
pub(crate) fn is_certificate(error: &reqwest::Error) -> bool {
    matches!(tls_error(error), Some(rustls::Error::InvalidCertificate(_)))
}

/// A request that got no answer.
pub(crate) fn no_answer(error: reqwest::Error, what: &str, host: &str) -> Trouble {
    let kind = SourceErrorKind::Unreachable;
    let check =
        format!("check the name {host}, the network and the proxy; plain HTTP needs --insecure {host}");
    let (message, hint, again) = match tls_error(&error) {
        Some(rustls::Error::InvalidCertificate(_)) => (
            format!("the certificate of {host} is not trusted"),
            format!(
                "trust the authority that signed it with --ca FILE, or do not check it with --insecure {host}"
            ),
            Again::No,
        ),
        Some(rustls::Error::InvalidMessage(_)) => (
            format!("{host} does not speak TLS"),
            format!("plain HTTP needs --insecure {host}"),
            Again::No,
        ),
        Some(_) => (
            format!("no secure connection to {host} is possible"),
            check,
            Again::Unlikely,
        ),
        None if error.is_timeout() => (format!("{host} does not answer in time"), check, Again::Unlikely),
        None if error.is_dns() => (
            format!("the name {host} is not known"),
            format!("check the spelling of {host}, the name service and the proxy"),
            Again::Unlikely,
        ),
        None if error.is_connect() => (format!("{host} cannot be reached"), check, Again::Unlikely),
        None if error.is_builder() => (format!("no request to {host} can be made"), check, Again::No),
        None => (
            format!("the connection to {host} broke"),
            "run the command again; what is complete is kept".to_owned(),
            Again::Soon,
        ),
    };
    let error = SourceError::new(kind, message, what)
        .hint(hint)
        .caused_by(error.without_url());
    Trouble { error, again }
}

/// A host that stopped talking.
pub(crate) fn stalled(what: &str, host: &str, limit: Duration) -> Trouble {
    let message = format!("{host} has sent nothing for {} s", limit.as_secs_f32());
    Trouble {
        error: SourceError::new(SourceErrorKind::Unreachable, message, what)
            .hint("check the network and the proxy"),
        again: Again::Fewer,
    }
}

/// What the server wrote beside a status.
#[derive(Debug, thiserror::Error)]
#[error("the server says: {0}")]
pub(crate) struct ServerSays(pub(crate) String);

/// A status that is not what was hoped for.
pub(crate) fn refused(status: StatusCode, what: &str, host: &str, says: Option<ServerSays>) -> SourceError {
    let log_in = format!(
        "log in with `podman login {host}` or name the credentials with --authfile; some registries answer so for what does not exist, too"
    );
    let new = |kind, message: String| SourceError::new(kind, message, what);
    let error = match status.as_u16() {
        401 => new(SourceErrorKind::Denied, format!("{host} wants credentials")).hint(log_in),
        403 => new(SourceErrorKind::Denied, format!("{host} denies access")).hint(log_in),
        404 | 410 => new(SourceErrorKind::NotFound, format!("{host} has no such thing"))
            .hint("check the name, the tag and the spelling of the registry"),
        407 => new(SourceErrorKind::Denied, "the proxy wants credentials".to_owned())
            .hint("put them into the proxy's address: http://USER:PASSWORD@PROXY"),
        429 => new(
            SourceErrorKind::RateLimited,
            format!("{host} asks for fewer requests"),
        )
        .hint(format!(
            "wait, lower --jobs, or log in with `podman login {host}` for a higher limit"
        )),
        408 | 500..=599 => new(
            SourceErrorKind::Unreachable,
            format!("{host} is in trouble ({status})"),
        )
        .hint("try again later, or use a mirror"),
        _ => new(
            SourceErrorKind::Unsupported,
            format!("{host} gives an unexpected answer ({status})"),
        )
        .hint("check that the address is that of a registry or file"),
    };
    match says {
        Some(says) => error.caused_by(says),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_addresses_keep_no_secrets() {
        let url = Url::parse("https://user:hunter2@a.example/b?X-Signature=hunter2#c").unwrap();
        assert_eq!(show_url(&url), "https://a.example/b");
    }
}
