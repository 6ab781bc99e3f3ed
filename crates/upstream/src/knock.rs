//! Whether a registry lets one in, and if not, why exactly: for checks of a machine, which have a remedy for each reason.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use airlock_content::{Silent, SourceError};
use reqwest::Method;
use reqwest::header::{DATE, HeaderMap};
use rustls::CertificateError;
use url::Url;

use crate::error::tls_error;
use crate::http::{Access, Call, Http, authority_of};
use crate::retry_after::http_date;
use crate::{Config, ConfigError, Credential, Credentials, Secret};

/// What is read of an answer.
const LARGEST: u64 = 1 << 20;

/// A registry has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Knocked {
    /// The status of `/v2/`, after credentials where they were asked for: 200 lets one in.
    pub status: u16,
    /// The time that the registry says it is.
    pub date: Option<SystemTime>,
    /// Whether it says that it is a registry.
    pub is_registry: bool,
}

/// Why there was no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoAnswer {
    /// Nobody listens.
    Refused,
    /// The name has no address.
    UnknownName,
    /// Nothing came in time.
    TimedOut,
    /// There is no way to the address.
    NoRoute,
    /// The certificate is signed by somebody who is not trusted.
    UnknownAuthority,
    /// The certificate is for other names.
    WrongName,
    /// The certificate has expired.
    Expired,
    /// The certificate is not valid yet.
    NotYetValid,
    /// The other side does not speak TLS.
    NotTls,
    /// Something else.
    Other,
}

/// There was no answer.
#[derive(Debug, thiserror::Error)]
pub enum KnockError {
    /// The settings cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No answer came.
    #[error(transparent)]
    Source(SourceError),
}

impl KnockError {
    /// The reason.
    pub fn reason(&self) -> NoAnswer {
        match self {
            Self::Config(_) => NoAnswer::Other,
            Self::Source(error) => reason(error),
        }
    }

    /// What the layers below say, in one line.
    pub fn detail(&self) -> String {
        let mut last = self.to_string();
        let mut next = self.source();
        while let Some(error) = next {
            last = error.to_string();
            // `io::Error` hides what it wraps from `source`.
            let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            next = inner
                .map(|inner| inner as &(dyn Error + 'static))
                .or_else(|| error.source());
        }
        last
    }
}

/// Asks for `/v2/` below an address, once, with a name and password where they are asked for.
pub async fn knock(
    config: Config,
    address: &Url,
    credential: Option<(&str, &Secret)>,
) -> Result<Knocked, KnockError> {
    let config = Config { retries: 0, ..config };
    let http = Http::new(config, Credentials::none(), Arc::new(Silent))?;
    let mut url = address.clone();
    url.set_path(&format!("{}/v2/", address.path().trim_end_matches('/')));
    let host = authority_of(&url);
    let call = Call {
        method: Method::GET,
        headers: HeaderMap::new(),
        access: Access {
            host: host.parse().map_err(|error| {
                let unsupported = airlock_content::SourceErrorKind::Unsupported;
                KnockError::Source(
                    SourceError::new(unsupported, "the address has no usable host", &host).caused_by(error),
                )
            })?,
            path: String::new(),
            scope: String::new(),
            group: String::new(),
            given: credential.map(|(user, password)| Credential::basic(user, password)),
        },
        what: host,
        url,
    };
    let answer = http.fetch(&call, LARGEST).await.map_err(KnockError::Source)?;
    let date = answer
        .headers
        .get(DATE)
        .and_then(|value| value.to_str().ok())
        .and_then(http_date)
        .and_then(|seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
    Ok(Knocked {
        status: answer.status.as_u16(),
        date,
        is_registry: answer.header("docker-distribution-api-version").is_some()
            || answer.body.iter().all(u8::is_ascii_whitespace)
            || serde_json::from_slice::<serde_json::Value>(&answer.body).is_ok_and(|body| body.is_object()),
    })
}

fn reason(error: &SourceError) -> NoAnswer {
    let Some(source) = error.source.as_deref() else {
        // A host that stopped talking has no cause.
        return NoAnswer::TimedOut;
    };
    let source: &(dyn Error + 'static) = source;
    match tls_error(source) {
        Some(rustls::Error::InvalidCertificate(fault)) => return certificate(fault),
        Some(rustls::Error::InvalidMessage(_)) => return NoAnswer::NotTls,
        Some(_) => return NoAnswer::Other,
        None => {}
    }
    let mut next = Some(source);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<reqwest::Error>() {
            if error.is_dns() {
                return NoAnswer::UnknownName;
            }
            if error.is_timeout() {
                return NoAnswer::TimedOut;
            }
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            match error.kind() {
                io::ErrorKind::ConnectionRefused => return NoAnswer::Refused,
                io::ErrorKind::TimedOut => return NoAnswer::TimedOut,
                io::ErrorKind::HostUnreachable
                | io::ErrorKind::NetworkUnreachable
                | io::ErrorKind::NetworkDown => {
                    return NoAnswer::NoRoute;
                }
                _ => {}
            }
        }
        next = error.source();
    }
    NoAnswer::Other
}

fn certificate(fault: &CertificateError) -> NoAnswer {
    match fault {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => NoAnswer::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => NoAnswer::NotYetValid,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            NoAnswer::WrongName
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => NoAnswer::UnknownAuthority,
        // The verifier of the platform, or a chain that is wrong in itself.
        _ => {
            let text = fault.to_string();
            if text.contains("UnknownIssuer") || text.contains("CaUsedAsEndEntity") {
                NoAnswer::UnknownAuthority
            } else {
                NoAnswer::Other
            }
        }
    }
}
