use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use airlock_content::{SourceError, SourceErrorKind};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::Secret;
use crate::challenge::Challenge;
use crate::credentials::Credential;
use crate::error::{Trouble, no_answer, refused, stalled};
use crate::http::{Access, Call, Http, authority_of, check_busy};

/// What tokens are good for when their service does not say (the Docker token specification).
const USUAL_LIFETIME: u64 = 60;
const LARGEST_TOKEN_ANSWER: usize = 1024 * 1024;

/// `Authorization` headers that worked, by host and group. One request at a time fetches a new one; the
/// others wait for it.
#[derive(Default)]
pub(crate) struct Tokens {
    slots: Mutex<HashMap<(String, String), SharedSlot>>,
}

type SharedSlot = Arc<tokio::sync::Mutex<Slot>>;

#[derive(Default)]
struct Slot {
    header: Option<Secret>,
    until: Option<Instant>,
}

impl Slot {
    fn valid(&self) -> Option<&Secret> {
        self.header
            .as_ref()
            .filter(|_| self.until.is_none_or(|until| until > Instant::now()))
    }
}

impl Tokens {
    fn slot(&self, url: &Url, group: &str) -> SharedSlot {
        let key = (url.origin().ascii_serialization(), group.to_owned());
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(key).or_default())
    }

    /// What to send with a request, as far as is known.
    pub(crate) async fn current(&self, url: &Url, group: &str) -> Option<Secret> {
        self.slot(url, group).lock().await.valid().cloned()
    }
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<Secret>,
    access_token: Option<Secret>,
    expires_in: Option<u64>,
}

impl Http {
    /// The header that answers a challenge; `None` where there is nothing (new) to present.
    pub(crate) async fn authorize(
        &self,
        call: &Call,
        challenge: Challenge,
        presented: Option<Secret>,
    ) -> Result<Option<Secret>, Trouble> {
        // What vouches for itself may come over plain HTTP from any host; secrets may not go there.
        if call.url.scheme() == "http" && !self.config.may_be_plain(&call.access.host) {
            return Ok(None);
        }
        let slot = self.tokens.slot(&call.url, &call.access.group);
        let mut slot = slot.lock().await;
        if let Some(header) = slot.valid()
            && Some(header) != presented.as_ref()
        {
            return Ok(Some(header.clone()));
        }
        let credential = self.credential(&call.access, &call.what).await?;
        let (header, until) = match (challenge, credential) {
            (Challenge::Basic, Some(Presentable::Basic(header))) if presented.as_ref() != Some(&header) => {
                (header, None)
            }
            (Challenge::Basic, _) => return Ok(None),
            (
                Challenge::Bearer {
                    realm,
                    service,
                    scope,
                },
                credential,
            ) => {
                let scope = scope.unwrap_or_else(|| call.access.scope.clone());
                let realm = self.realm(&realm, call)?;
                let (token, lifetime) = self.token(call, realm, service, &scope, credential).await?;
                // A little early, so that no token runs out on its way.
                let lifetime = lifetime - (lifetime / 4).min(15);
                (token, Some(Instant::now() + Duration::from_secs(lifetime)))
            }
        };
        slot.header = Some(header.clone());
        slot.until = until;
        Ok(Some(header))
    }

    async fn credential(&self, access: &Access, what: &str) -> Result<Option<Presentable>, SourceError> {
        if let Some(header) = &access.given {
            return Ok(Some(Presentable::Basic(header.clone())));
        }
        let found = self
            .credentials
            .find(&access.host, &access.path)
            .await
            .map_err(|error| {
                SourceError::new(SourceErrorKind::Denied, "the credentials cannot be read", what)
                    .hint("install or repair the helper, or remove it from the credentials file")
                    .caused_by(error)
            })?;
        Ok(found.map(|credential| match credential {
            Credential::Password { user, password } => {
                Presentable::Basic(Credential::basic(&user, &password))
            }
            Credential::IdentityToken(token) => Presentable::Refresh(token),
        }))
    }

    /// The token service's address, if secrets may be sent there.
    fn realm(&self, realm: &str, call: &Call) -> Result<Url, SourceError> {
        let host = authority_of(&call.url);
        let realm = Url::parse(realm).map_err(|error| {
            let message = format!("{host} names a token service that is not an address");
            SourceError::new(SourceErrorKind::Unsupported, message, &call.what).caused_by(error)
        })?;
        let plain_is_fine = || {
            authority_of(&realm)
                .parse()
                .is_ok_and(|host| self.config.may_be_plain(&host))
        };
        match realm.scheme() {
            "https" => Ok(realm),
            "http" if plain_is_fine() => Ok(realm),
            _ => {
                let message = format!(
                    "{host} wants a token from a service without TLS: {}",
                    authority_of(&realm)
                );
                Err(SourceError::new(SourceErrorKind::Denied, message, &call.what)
                    .hint(format!("--insecure {} allows it", authority_of(&realm))))
            }
        }
    }

    async fn token(
        &self,
        call: &Call,
        realm: Url,
        service: Option<String>,
        scope: &str,
        credential: Option<Presentable>,
    ) -> Result<(Secret, u64), Trouble> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let host = authority_of(&realm);
        let has_credential = credential.is_some();
        let mut parameters: Vec<(&str, &str)> = Vec::new();
        parameters.extend(service.as_deref().map(|service| ("service", service)));
        if !scope.is_empty() {
            parameters.push(("scope", scope));
        }
        let (status, body) = if let Some(Presentable::Refresh(refresh)) = credential {
            parameters.push(("grant_type", "refresh_token"));
            parameters.push(("client_id", "airlock"));
            self.known.learn(&refresh);
            parameters.push(("refresh_token", refresh.expose()));
            let form = form_urlencoded::Serializer::new(String::new())
                .extend_pairs(parameters)
                .finish();
            let form = Zeroizing::new(form);
            self.post_form(&realm, call, form).await?
        } else {
            let mut url = realm;
            // A scope may hold several, which go one by one.
            for (name, value) in parameters {
                let values = if name == "scope" {
                    value.split(' ').collect()
                } else {
                    vec![value]
                };
                for value in values {
                    url.query_pairs_mut().append_pair(name, value);
                }
            }
            let header = match credential {
                Some(Presentable::Basic(header)) => Some(header),
                _ => None,
            };
            let ask = Call {
                method: Method::GET,
                url,
                headers,
                access: call.access.clone(),
                what: call.what.clone(),
            };
            let mut response = self.follow(&ask, header.as_ref()).await?;
            check_busy(&response, &ask)?;
            let status = response.status();
            (status, self.read_token(&mut response, call).await?)
        };
        if !status.is_success() {
            let mut error = refused(status, &call.what, &host, None);
            if error.kind == SourceErrorKind::Denied {
                error.message = if has_credential {
                    format!("the token service {host} refuses the credentials")
                } else {
                    format!("the token service {host} wants credentials")
                };
                let registry = &call.access.host;
                error = error.hint(format!(
                    "log in with `podman login {registry}` or name the credentials with --authfile"
                ));
            }
            return Err(error.into());
        }
        let unusable = || {
            let message = format!("the token service {host} gives no token");
            SourceError::new(SourceErrorKind::Unsupported, message, &call.what)
        };
        // The parse error may quote the token, so it is not passed on.
        let answer: TokenAnswer = serde_json::from_slice(&body).map_err(|_| unusable())?;
        let token = answer
            .token
            .or(answer.access_token)
            .filter(|token| !token.is_empty())
            .ok_or_else(unusable)?;
        // A service that says zero means "now"; the request under way needs it still.
        let lifetime = answer.expires_in.unwrap_or(USUAL_LIFETIME).clamp(1, 86_400);
        Ok((Secret::new(format!("Bearer {}", token.expose())), lifetime))
    }

    /// Sends a form that holds a secret: redirects are not followed.
    async fn post_form(
        &self,
        realm: &Url,
        call: &Call,
        form: Zeroizing<String>,
    ) -> Result<(StatusCode, Zeroizing<Vec<u8>>), Trouble> {
        let host = authority_of(realm);
        let request = self
            .client(realm, &call.what)?
            .post(realm.clone())
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.as_bytes().to_vec());
        let mut response = tokio::time::timeout(self.config.stall_timeout, request.send())
            .await
            .map_err(|_| stalled(&call.what, &host, self.config.stall_timeout))?
            .map_err(|failure| no_answer(failure, &call.what, &host))?;
        check_busy(&response, call)?;
        let status = response.status();
        Ok((status, self.read_token(&mut response, call).await?))
    }

    async fn read_token(
        &self,
        response: &mut reqwest::Response,
        call: &Call,
    ) -> Result<Zeroizing<Vec<u8>>, Trouble> {
        let host = authority_of(response.url());
        let mut body = Zeroizing::new(Vec::new());
        while body.len() < LARGEST_TOKEN_ANSWER {
            let chunk = tokio::time::timeout(self.config.stall_timeout, response.chunk())
                .await
                .map_err(|_| stalled(&call.what, &host, self.config.stall_timeout))?
                .map_err(|failure| no_answer(failure, &call.what, &host))?;
            let Some(chunk) = chunk else {
                break;
            };
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// A credential in the form in which it is sent.
enum Presentable {
    /// An `Authorization` header.
    Basic(Secret),
    /// A refresh token for the token service.
    Refresh(Secret),
}

/// Adds credentials that stood in an address to the header of a first request.
pub(crate) fn given(url: &mut Url) -> Option<Secret> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decode = |text: &str| percent_decode(text);
    let header = Credential::basic(
        &decode(url.username()),
        &Secret::new(decode(url.password().unwrap_or(""))),
    );
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some(header)
}

fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = after
            .get(..2)
            .filter(|_| first == b'%')
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        if let Some(byte) = hex {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
