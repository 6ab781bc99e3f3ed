//! The API server, asked for small things in bounded time.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use kube::client::Body;
use serde::de::DeserializeOwned;
use url::Url;
use zeroize::Zeroizing;

use crate::object::{Bare, Page};

/// Objects of one page.
const PAGE: usize = 500;
/// Pages of one list: a cluster of 100,000 pods.
const MAX_PAGES: usize = 200;
/// The longest answer.
const MAX_BODY: usize = 128 << 20;
/// The longest text of a refusal that is told.
const MAX_MESSAGE: usize = 300;

/// Who is asked, and as whom. Plain data: the caller reads the kubeconfig.
#[derive(Clone)]
pub struct Access {
    /// `https://127.0.0.1:6443`.
    pub server: Url,
    /// The authorities of the server's certificate, PEM; those of the system where there is none.
    pub authority: Option<Vec<u8>>,
    /// Whether the server's certificate is not checked.
    pub insecure: bool,
    /// Certificate and key of the client, PEM, in one text.
    pub identity: Option<Zeroizing<String>>,
    /// A bearer token.
    pub token: Option<Zeroizing<String>>,
    /// How long one answer may take.
    pub patience: Duration,
}

impl Access {
    /// Only an address: nobody in particular asks.
    pub fn new(server: Url) -> Self {
        Self {
            server,
            authority: None,
            insecure: false,
            identity: None,
            token: None,
            patience: Duration::from_secs(15),
        }
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("server", &self.server.as_str())
            .field("insecure", &self.insecure)
            .finish_non_exhaustive()
    }
}

/// Why the API server cannot be asked at all. What is wrong with a key is not repeated.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The address is none for this.
    #[error("the address of the API server cannot be used: {0}")]
    Server(Url),
    /// The authority is not a PEM bundle of certificates.
    #[error("the certificate authority of the cluster is not a PEM certificate")]
    Authority,
    /// The client's certificate and key cannot be used.
    #[error("the client's certificate and key cannot be used")]
    Identity,
}

/// Why there is no answer to a question.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// Nobody answers there, or nobody who is trusted.
    #[error("the API server cannot be reached: {0}")]
    Unreachable(String),
    /// It takes too long.
    #[error("the API server does not answer within {} s", .0.as_secs())]
    TooSlow(Duration),
    /// It does not know who asks.
    #[error("the API server does not know who asks (401)")]
    Unknown,
    /// It does not let this one ask for that.
    #[error("the API server denies access (403)")]
    Denied,
    /// There is no such thing.
    #[error("the API server does not know it (404)")]
    Absent,
    /// It refuses, or fails.
    #[error("the API server answers {status}{}", told(.message))]
    Status {
        /// The status code.
        status: u16,
        /// What it says about what was to be made.
        message: String,
    },
    /// An answer longer than anything that is read.
    #[error("the API server answers with more than {MAX_BODY} bytes")]
    TooLong,
    /// Pages that never end.
    #[error("the API server answers without end")]
    Endless,
    /// Not what was asked for.
    #[error("the API server answers something that is no {0}")]
    Garbage(&'static str),
}

fn told(message: &str) -> String {
    if message.is_empty() {
        String::new()
    } else {
        format!(": {message}")
    }
}

/// The API server of one cluster. Follows nothing, tries nothing again, and logs nothing.
#[derive(Clone)]
pub struct Client {
    client: kube::Client,
    pub(crate) access: Access,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.access).finish()
    }
}

impl Client {
    /// Sets up the client; nothing is sent yet. Needs a runtime of tokio.
    pub fn new(access: Access) -> Result<Self, AccessError> {
        let uri = access
            .server
            .as_str()
            .parse()
            .map_err(|_| AccessError::Server(access.server.clone()))?;
        let mut config = kube::Config::new(uri);
        // Every request is bounded as a whole, from here to the end of its answer.
        config.connect_timeout = None;
        config.write_timeout = None;
        config.default_retry = false;
        config.accept_invalid_certs = access.insecure;
        if let Some(authority) = &access.authority {
            config.root_cert = Some(crate::certificate::in_pem(authority).ok_or(AccessError::Authority)?);
        }
        if let Some(identity) = &access.identity {
            let (certificates, key) = split(identity).ok_or(AccessError::Identity)?;
            config.auth_info.client_certificate_data = Some(STANDARD.encode(certificates));
            config.auth_info.client_key_data = Some(STANDARD.encode(key.as_bytes()).into());
        }
        if let Some(token) = &access.token {
            config.auth_info.token = Some(token.as_str().to_owned().into());
        }
        let client = kube::Client::try_from(config).map_err(|_| AccessError::Identity)?;
        Ok(Self { client, access })
    }

    /// One request, with whatever answer comes.
    async fn send(
        &self,
        method: Method,
        path: &str,
        accept: &str,
        body: Vec<u8>,
    ) -> Result<(u16, Bytes), AskError> {
        let builder = Request::builder()
            .method(method)
            .uri(path)
            .header(header::ACCEPT, accept)
            .header(header::CONTENT_TYPE, "application/json");
        let request = builder
            .body(Body::from(body))
            .map_err(|_| AskError::Unreachable("the address is not one".to_owned()))?;
        let all = async {
            let answer = self
                .client
                .send(request)
                .await
                .map_err(|error| unreachable(&error))?;
            let status = answer.status().as_u16();
            let body = Limited::new(answer.into_body(), MAX_BODY).collect().await;
            match body {
                Ok(body) => Ok((status, body.to_bytes())),
                Err(error) if error.is::<LengthLimitError>() => Err(AskError::TooLong),
                Err(error) => Err(AskError::Unreachable(cause(error.as_ref()))),
            }
        };
        tokio::time::timeout(self.access.patience, all)
            .await
            .unwrap_or(Err(AskError::TooSlow(self.access.patience)))
    }

    /// The body of an answer, whether it is a good one, for what is no object.
    pub(crate) async fn text(&self, path: &str) -> Result<(u16, Bytes), AskError> {
        let (status, body) = self.send(Method::GET, path, "*/*", Vec::new()).await?;
        match status {
            401 => Err(AskError::Unknown),
            403 => Err(AskError::Denied),
            404 => Err(AskError::Absent),
            _ => Ok((status, body)),
        }
    }

    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        what: &'static str,
    ) -> Result<T, AskError> {
        self.get_as(path, "application/json", what).await
    }

    async fn get_as<T: DeserializeOwned>(
        &self,
        path: &str,
        accept: &str,
        what: &'static str,
    ) -> Result<T, AskError> {
        let (status, body) = self.send(Method::GET, path, accept, Vec::new()).await?;
        // What a server says about a question may repeat the question, with all that is secret in it.
        good(status, "")?;
        // A list would be read as an object whose fields are all missing.
        if body.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
            return Err(AskError::Garbage(what));
        }
        serde_json::from_slice(&body).map_err(|_| AskError::Garbage(what))
    }

    /// All objects of a list.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        what: &'static str,
    ) -> Result<Vec<T>, AskError> {
        self.pages(path, "application/json", what).await
    }

    /// The metadata of all objects of a list.
    pub(crate) async fn list_bare(&self, path: &str, what: &'static str) -> Result<Vec<Bare>, AskError> {
        let accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
        self.pages(path, accept, what).await
    }

    async fn pages<T: DeserializeOwned>(
        &self,
        path: &str,
        accept: &str,
        what: &'static str,
    ) -> Result<Vec<T>, AskError> {
        let mut all = Vec::new();
        let mut next: Option<String> = None;
        let mut is_again = false;
        for _ in 0..MAX_PAGES {
            let separator = if path.contains('?') { '&' } else { '?' };
            let mut asked = format!("{path}{separator}limit={PAGE}");
            if let Some(next) = &next {
                let query: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
                asked.push_str(&format!("&continue={query}"));
            }
            let page: Page<T> = match self.get_as(&asked, accept, what).await {
                // A list that took too long goes on nowhere; it is read anew once.
                Err(AskError::Status { status: 410, .. }) if next.is_some() && !is_again => {
                    is_again = true;
                    next = None;
                    all.clear();
                    continue;
                }
                page => page?,
            };
            all.extend(page.items.unwrap_or_default());
            match page.metadata.next.filter(|next| !next.is_empty()) {
                None => return Ok(all),
                same if same == next => return Err(AskError::Endless),
                more => next = more,
            }
        }
        Err(AskError::Endless)
    }

    pub(crate) async fn create(&self, path: &str, object: &serde_json::Value) -> Result<(), AskError> {
        let body = object.to_string().into_bytes();
        let (status, body) = self.send(Method::POST, path, "application/json", body).await?;
        good(status, &self.message(&body))
    }

    /// Removes an object, which may be gone already.
    pub(crate) async fn delete(&self, path: &str) -> Result<(), AskError> {
        let options = br#"{"apiVersion":"v1","kind":"DeleteOptions","gracePeriodSeconds":0,"propagationPolicy":"Background"}"#;
        let (status, _) = self
            .send(Method::DELETE, path, "application/json", options.to_vec())
            .await?;
        match good(status, "") {
            Err(AskError::Absent) => Ok(()),
            result => result,
        }
    }

    /// What a `Status` says, without anything that was secret in the question.
    fn message(&self, body: &[u8]) -> String {
        let status: Option<serde_json::Value> = serde_json::from_slice(body).ok();
        let message = status.as_ref().and_then(|status| status.get("message")?.as_str());
        let mut message = message.unwrap_or_default().to_owned();
        if let Some(token) = &self.access.token {
            message = message.replace(token.as_str(), "…");
        }
        message.truncate(message.floor_char_boundary(MAX_MESSAGE));
        message
    }
}

fn good(status: u16, message: &str) -> Result<(), AskError> {
    match status {
        200..=299 => Ok(()),
        401 => Err(AskError::Unknown),
        403 if message.is_empty() => Err(AskError::Denied),
        404 => Err(AskError::Absent),
        _ => Err(AskError::Status {
            status,
            message: message.to_owned(),
        }),
    }
}

/// The innermost reason, which is the one that tells something.
fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

fn unreachable(error: &kube::Error) -> AskError {
    AskError::Unreachable(cause(error))
}

/// Certificates and key of a PEM text.
fn split(pem: &str) -> Option<(String, Zeroizing<String>)> {
    let (mut certificates, mut key) = (String::new(), Zeroizing::new(String::new()));
    let mut rest = pem;
    while let Some(start) = rest.find("-----BEGIN ") {
        let block = rest.get(start..)?;
        let label = block.strip_prefix("-----BEGIN ")?.split("-----").next()?;
        let end_line = format!("-----END {label}-----");
        let end = block.find(&end_line)? + end_line.len();
        let one = block.get(..end)?;
        if label == "CERTIFICATE" {
            certificates.push_str(one);
            certificates.push('\n');
        } else if label.ends_with("PRIVATE KEY") {
            key.push_str(one);
            key.push('\n');
        }
        rest = block.get(end..)?;
    }
    (!certificates.is_empty() && !key.is_empty()).then_some((certificates, key))
}
