//! The API of a cluster, asked with what a kubeconfig says: small answers over HTTPS, and nothing else.

use std::fmt;
use std::time::Duration;

use airlock_content::{SourceError, SourceErrorKind};
use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use reqwest::{Certificate, Client, Identity};
use url::Url;

use crate::client::builder;
use crate::error::is_certificate;
use crate::{Config, ConfigError, Secret};

/// How long a whole answer may take.
const TIMEOUT: Duration = Duration::from_mins(2);

/// Who is asked, and as whom. Plain data: the caller reads files.
#[derive(Clone, Default)]
pub struct ApiAccess {
    /// The authorities of the server's certificate, a PEM bundle; those of the system where there is none.
    pub authority: Option<Vec<u8>>,
    /// Whether the server's certificate is not checked.
    pub insecure: bool,
    /// Certificate and key of the client, PEM.
    pub identity: Option<Secret>,
    /// A bearer token.
    pub token: Option<Secret>,
}

impl fmt::Debug for ApiAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiAccess")
            .field("insecure", &self.insecure)
            .finish_non_exhaustive()
    }
}

/// Why an API cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The authority is not a PEM bundle of certificates.
    #[error("the certificate authority of the cluster is not a PEM certificate")]
    Authority,
    /// The client's certificate and key cannot be used. What is wrong with a key is not repeated.
    #[error("the client's certificate and key cannot be used")]
    Identity,
    /// The token is no header value.
    #[error("the token holds characters that cannot be sent")]
    Token,
    /// The client cannot be set up.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// A small answer.
#[derive(Clone, Debug)]
pub struct ApiAnswer {
    /// The status code.
    pub status: u16,
    /// The body; empty for anything but success, since servers repeat what they were told.
    pub body: Bytes,
}

/// One API server. It follows no redirect, tries nothing again, and logs nothing.
pub struct Api {
    client: Client,
    token: Option<HeaderValue>,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Api")
    }
}

impl Api {
    /// Sets up the client; `config` gives proxies and timeouts.
    pub fn new(config: &Config, access: &ApiAccess) -> Result<Self, ApiError> {
        let mut builder = builder(config)?
            .timeout(TIMEOUT)
            .read_timeout(config.stall_timeout);
        if let Some(authority) = &access.authority {
            let found = Certificate::from_pem_bundle(authority).map_err(|_| ApiError::Authority)?;
            if found.is_empty() {
                return Err(ApiError::Authority);
            }
            builder = builder.tls_certs_only(found);
        }
        if access.insecure {
            builder = builder.tls_danger_accept_invalid_certs(true);
        }
        if let Some(identity) = &access.identity {
            let identity =
                Identity::from_pem(identity.expose().as_bytes()).map_err(|_| ApiError::Identity)?;
            builder = builder.identity(identity);
        }
        let token = access.token.as_ref().map(|token| {
            let mut value =
                HeaderValue::from_str(&format!("Bearer {}", token.expose())).map_err(|_| ApiError::Token)?;
            value.set_sensitive(true);
            Ok::<_, ApiError>(value)
        });
        let client = builder
            .build()
            .map_err(|error| match (&access.identity, &access.authority) {
                // A key that does not belong to its certificate shows only here.
                (Some(_), _) => ApiError::Identity,
                (None, Some(_)) => ApiError::Authority,
                (None, None) => ConfigError::Client(error).into(),
            })?;
        Ok(Self {
            client,
            token: token.transpose()?,
        })
    }

    /// Asks for JSON of at most `limit` bytes. The error names nothing but the host.
    pub async fn get(&self, url: &Url, limit: usize) -> Result<ApiAnswer, SourceError> {
        let host = match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (host, _) => host.unwrap_or_default().to_owned(),
        };
        let what = url.path();
        let mut request = self.client.get(url.clone()).header(ACCEPT, "application/json");
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token.clone());
        }
        let mut response = request
            .send()
            .await
            .map_err(|error| no_answer(error, what, &host))?;
        let status = response.status();
        if !status.is_success() {
            return Ok(ApiAnswer {
                status: status.as_u16(),
                body: Bytes::new(),
            });
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| no_answer(error, what, &host))?
        {
            if body.len() + chunk.len() > limit {
                let message = format!("{host} answers with more than {limit} bytes");
                return Err(SourceError::new(SourceErrorKind::Unsupported, message, what));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(ApiAnswer {
            status: status.as_u16(),
            body: body.freeze(),
        })
    }
}

fn no_answer(error: reqwest::Error, what: &str, host: &str) -> SourceError {
    let (message, hint) = if is_certificate(&error) {
        (
            format!("the certificate of {host} is not trusted"),
            "check `certificate-authority` and `server` of the kubeconfig",
        )
    } else if error.is_timeout() {
        (format!("{host} does not answer in time"), REACH)
    } else if error.is_connect() {
        (format!("{host} cannot be reached"), REACH)
    } else {
        (format!("the connection to {host} broke"), REACH)
    };
    SourceError::new(SourceErrorKind::Unreachable, message, what)
        .hint(hint)
        .caused_by(error.without_url())
}

const REACH: &str = "check `server` and the client's certificate in the kubeconfig, the network and the proxy; or make a dump where kubectl works: kubectl get pods,deployments,daemonsets,statefulsets,jobs,cronjobs -A -o json";
