use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use airlock_types::{Digest, media_type};
use http::header::{AUTHORIZATION, ETAG, IF_RANGE, LINK, RANGE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::json;
use url::form_urlencoded;

use super::answer::Answer;
use super::auth::{Auth, is_basic};
use super::body::{ScriptedBody, Underway};
use super::{Action, Entry, Hold, Listener, Logged, State, lock};
use crate::{Repository, Upstream};

const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// What a request asks for.
struct Asked {
    listener: Listener,
    method: Method,
    path: String,
    query: String,
    headers: HeaderMap,
    form: String,
}

impl Asked {
    /// All values of a query or form field.
    fn values(&self, name: &str) -> Vec<String> {
        [&self.query, &self.form]
            .into_iter()
            .flat_map(|text| form_urlencoded::parse(text.as_bytes()))
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
            .collect()
    }

    fn value(&self, name: &str) -> Option<String> {
        self.values(name).into_iter().next()
    }
}

/// Answers one request; an error closes the connection.
pub(super) async fn handle(
    state: &State,
    listener: Listener,
    request: Request<Incoming>,
) -> Result<Response<ScriptedBody>, io::Error> {
    let underway = Underway::new(&state.load);
    let (parts, body) = request.into_parts();
    let form = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let asked = Asked {
        listener,
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or("").to_owned(),
        headers: parts.headers,
        form: String::from_utf8_lossy(&form).into_owned(),
    };
    let actions: Vec<Action> = lock(&state.faults)
        .iter_mut()
        .filter_map(|fault| {
            fault
                .applies(listener, asked.method.as_str(), &asked.path)
                .then(|| fault.action.clone())
        })
        .collect();
    let sent = Arc::new(AtomicU64::new(0));
    let closes = actions.iter().any(|action| matches!(action, Action::Close));
    let ignores_range = actions.iter().any(|action| matches!(action, Action::IgnoreRange));

    let mut answer = route(state, &asked);
    let address = match listener {
        Listener::Main => state.main,
        Listener::Cdn => state.cdn,
    };
    let url = format!("{}://{address}{}", state.scheme(), asked.path);
    // What a fault says of the content's state counts before a range of it is cut out.
    for action in &actions {
        if let Action::Header("etag" | "last-modified", _) | Action::WithoutHeader("etag") = action {
            answer.apply(action.clone(), &url);
        }
    }
    let range = asked.headers.get(RANGE).and_then(|value| value.to_str().ok());
    let changed = asked
        .headers
        .get(IF_RANGE)
        .is_some_and(|named| !answer.is_named_by(named));
    if let Some(range) = range.filter(|_| answer.status == StatusCode::OK && !ignores_range && !changed) {
        answer.apply_range(range);
    }
    let holds: Vec<Hold> = actions
        .iter()
        .filter_map(|action| match action {
            Action::Hold(hold) => Some(hold.clone()),
            _ => None,
        })
        .collect();
    for action in actions {
        answer.apply(action, &url);
    }
    let head = asked.method == Method::HEAD;
    lock(&state.log).push(Entry {
        logged: Logged {
            listener,
            method: asked.method.to_string(),
            path: asked.path,
            query: asked.query,
            headers: asked.headers,
            status: if closes { 0 } else { answer.status.as_u16() },
            sent: 0,
        },
        sent: Arc::clone(&sent),
    });
    for hold in holds {
        hold.pass().await;
    }
    if closes {
        return Err(io::ErrorKind::ConnectionAborted.into());
    }
    Ok(answer.into_response(head, sent, underway))
}

fn route(state: &State, asked: &Asked) -> Answer {
    let not_found = |code: &str| Answer::error(StatusCode::NOT_FOUND, code);
    if asked.path == "/token" {
        return token(state, asked);
    }
    if asked.method != Method::GET && asked.method != Method::HEAD {
        return Answer::error(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED");
    }
    let content = lock(&state.content);
    if asked.listener == Listener::Cdn {
        return cdn(&content, asked);
    }
    let Some(rest) = asked.path.strip_prefix("/v2/") else {
        return file(state, &content, asked);
    };
    if rest.is_empty() {
        return admit(state, asked, None)
            .err()
            .unwrap_or_else(|| Answer::new(StatusCode::OK, "application/json", "{}"));
    }
    let Some((name, kind, item)) = split(rest) else {
        return not_found("NAME_UNKNOWN");
    };
    if let Err(refusal) = admit(state, asked, Some(name)) {
        return refusal;
    }
    let Some(repository) = content.repositories.get(name) else {
        return not_found("NAME_UNKNOWN");
    };
    match kind {
        "manifests" => manifest(repository, item),
        "blobs" => {
            if state.options.redirect_blobs {
                let to = format!(
                    "{}://{}/blobs/{name}/{item}?X-Signature=secret-of-the-cdn",
                    state.scheme(),
                    state.cdn
                );
                return Answer::redirect(&to);
            }
            blob(repository, item)
        }
        "tags" => tags(state, repository, name, asked),
        _ if !state.options.referrers_api => not_found("NOT_FOUND"),
        _ => referrers(repository, item),
    }
}

/// Takes `<name>/<kind>/<item>` apart; names contain slashes.
fn split(rest: &str) -> Option<(&str, &str, &str)> {
    ["manifests", "blobs", "tags", "referrers"]
        .into_iter()
        .find_map(|kind| {
            let (name, item) = rest.rsplit_once(&format!("/{kind}/"))?;
            Some((name, kind, item))
        })
}

fn admit(state: &State, asked: &Asked, repository: Option<&str>) -> Result<(), Answer> {
    let challenge = match &state.options.auth {
        Auth::None => return Ok(()),
        Auth::Basic { user, password } if is_basic(&asked.headers, user, password) => return Ok(()),
        Auth::Basic { .. } => "Basic realm=\"test\"".to_owned(),
        Auth::Token { .. } if lock(&state.tokens).admit(&asked.headers, repository) => return Ok(()),
        Auth::Token { .. } => {
            let scope =
                repository.map_or_else(String::new, |name| format!(",scope=\"repository:{name}:pull\""));
            format!(
                "Bearer realm=\"{}://{}/token\",service=\"test, with a comma\"{scope}",
                state.scheme(),
                state.main
            )
        }
    };
    let mut answer = Answer::error(StatusCode::UNAUTHORIZED, "UNAUTHORIZED");
    answer.set(WWW_AUTHENTICATE, &challenge);
    Err(answer)
}

fn token(state: &State, asked: &Asked) -> Answer {
    let Auth::Token {
        credentials,
        identity_token,
        expires_in,
    } = &state.options.auth
    else {
        return Answer::error(StatusCode::NOT_FOUND, "NOT_FOUND");
    };
    let refresh = asked.value("refresh_token");
    let admitted = match (credentials, refresh) {
        (_, Some(refresh)) => asked.method == Method::POST && Some(&refresh) == identity_token.as_ref(),
        (Some((user, password)), None) => is_basic(&asked.headers, user, password),
        (None, None) => true,
    };
    if !admitted || asked.value("service").as_deref() != Some("test, with a comma") {
        return Answer::error(StatusCode::UNAUTHORIZED, "UNAUTHORIZED");
    }
    let scopes = asked
        .values("scope")
        .iter()
        .flat_map(|scope| scope.split(' ').map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let mut document = json!({"token": lock(&state.tokens).issue(scopes)});
    if let Some(seconds) = expires_in {
        document["expires_in"] = (*seconds).into();
    }
    Answer::new(StatusCode::OK, "application/json", document.to_string())
}

fn manifest(repository: &Repository, item: &str) -> Answer {
    let digest = match item.parse::<Digest>() {
        Ok(digest) => Some(digest),
        Err(_) => repository.tags.get(item).copied(),
    };
    let Some(blob) = digest.and_then(|digest| repository.manifests.get(&digest)) else {
        return Answer::error(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN");
    };
    let mut answer = Answer::new(StatusCode::OK, &blob.media_type, blob.bytes.clone());
    answer.set(DIGEST, &blob.digest.to_string());
    answer
}

fn blob(repository: &Repository, item: &str) -> Answer {
    let digest = item.parse::<Digest>().ok();
    let Some((digest, bytes)) = digest.and_then(|digest| repository.blobs.get_key_value(&digest)) else {
        return Answer::error(StatusCode::NOT_FOUND, "BLOB_UNKNOWN");
    };
    let mut answer = Answer::new(StatusCode::OK, media_type::OCTET_STREAM, bytes.clone());
    answer.set(DIGEST, &digest.to_string());
    answer
}

fn cdn(content: &Upstream, asked: &Asked) -> Answer {
    if asked.headers.contains_key(AUTHORIZATION) {
        return Answer::error(StatusCode::BAD_REQUEST, "ONLY_ONE_AUTH_MECHANISM_ALLOWED");
    }
    asked
        .path
        .strip_prefix("/blobs/")
        .and_then(|rest| rest.rsplit_once('/'))
        .and_then(|(name, digest)| Some(blob(content.repositories.get(name)?, digest)))
        .unwrap_or_else(|| Answer::error(StatusCode::NOT_FOUND, "NOT_FOUND"))
}

fn tags(state: &State, repository: &Repository, name: &str, asked: &Asked) -> Answer {
    let last = asked.value("last").unwrap_or_default();
    let size = asked
        .value("n")
        .and_then(|n| n.parse().ok())
        .unwrap_or(usize::MAX)
        .min(state.options.page_size);
    let rest: Vec<&String> = repository.tags.keys().filter(|tag| **tag > last).collect();
    let page = &rest[..size.min(rest.len())];
    let document = json!({"name": name, "tags": page});
    let mut answer = Answer::new(StatusCode::OK, "application/json", document.to_string());
    if let Some(last) = page.last().filter(|_| page.len() < rest.len()) {
        answer.set(
            LINK,
            &format!("</v2/{name}/tags/list?n={size}&last={last}>; rel=\"next\""),
        );
    }
    answer
}

fn referrers(repository: &Repository, item: &str) -> Answer {
    let Ok(digest) = item.parse() else {
        return Answer::error(StatusCode::BAD_REQUEST, "DIGEST_INVALID");
    };
    let document = json!({
        "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": repository.referrers(&digest),
    });
    Answer::new(StatusCode::OK, media_type::OCI_INDEX, document.to_string())
}

fn file(state: &State, content: &Upstream, asked: &Asked) -> Answer {
    if matches!(state.options.auth, Auth::Basic { .. })
        && let Err(refusal) = admit(state, asked, None)
    {
        return refusal;
    }
    match content.files.get(&asked.path) {
        Some(bytes) => {
            let mut answer = Answer::new(StatusCode::OK, media_type::OCTET_STREAM, bytes.clone());
            let digest = Digest::Sha256(airlock_hash::sha256(bytes));
            answer.set(ETAG, &format!("\"{}\"", &digest.hex()[..16]));
            answer
        }
        None => Answer::error(StatusCode::NOT_FOUND, "NOT_FOUND"),
    }
}
