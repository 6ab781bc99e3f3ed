//! An API server on loopback: TLS with an authority of its own, a token or a client's certificate, lists in pages.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use airlock_tests::https::{Https, Identity, Request};
use serde_json::{Value, json};

/// What the server does besides answering.
#[derive(Clone, Default)]
pub(crate) struct Rules {
    /// The token that opens it.
    pub(crate) token: Option<String>,
    /// Whether a certificate of its authority opens it.
    pub(crate) wants_certificate: bool,
    /// The items of lists by their paths; other paths are not known.
    pub(crate) lists: BTreeMap<&'static str, (&'static str, Vec<Value>)>,
    /// Whole answers by their paths.
    pub(crate) bodies: BTreeMap<&'static str, String>,
    /// Paths that nobody may see.
    pub(crate) denied: Vec<&'static str>,
    /// How many items one answer has at most.
    pub(crate) page: usize,
    /// Answers of this status to the first requests that go on with a list.
    pub(crate) gone: usize,
    /// Whether every list goes on for ever.
    pub(crate) is_endless: bool,
}

struct Shared {
    rules: Rules,
    asked: Mutex<Vec<String>>,
    gone: Mutex<usize>,
}

pub(crate) struct ApiServer {
    /// Its address, its authority, and a client's certificate.
    pub(crate) https: Https,
    shared: Arc<Shared>,
}

impl ApiServer {
    pub(crate) fn start(rules: Rules) -> Self {
        let shared = Arc::new(Shared {
            gone: Mutex::new(rules.gone),
            rules,
            asked: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        let https = Https::start(&Identity::default(), move |mut connection| {
            while let Some(request) = connection.request()? {
                let (status, body) = answer(&request, &serving);
                connection.answer(&request, status, "application/json", &body)?;
            }
            Ok(())
        });
        Self { https, shared }
    }

    pub(crate) fn url(&self) -> String {
        self.https.url()
    }

    /// The paths with their queries, in order, and whether a certificate was shown.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap().clone()
    }
}

fn answer(request: &Request, shared: &Shared) -> (u16, String) {
    let (target, head) = (&request.target, &request.head);
    let shown = if request.has_certificate {
        " with a certificate"
    } else {
        ""
    };
    shared.asked.lock().unwrap().push(format!("{target}{shown}"));
    let rules = &shared.rules;
    let authorization = request.header("authorization");
    let by_token = rules
        .token
        .as_ref()
        .is_some_and(|token| authorization == Some(&format!("Bearer {token}")));
    let by_certificate = rules.wants_certificate && request.has_certificate;
    if !by_token && !by_certificate {
        // As unkind as a server can be: it repeats what it was told.
        return (401, json!({"kind": "Status", "message": head}).to_string());
    }
    let (path, query) = (request.path(), request.query());
    if rules.denied.contains(&path) {
        return (403, json!({"kind": "Status", "message": head}).to_string());
    }
    if let Some(body) = rules.bodies.get(path) {
        return (200, body.clone());
    }
    let Some((kind, items)) = rules.lists.get(path) else {
        return (404, json!({"kind": "Status", "message": head}).to_string());
    };
    let parameter = |name: &str| {
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs
            .into_iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    let from: usize =
        parameter("continue").map_or(0, |token| token.trim_start_matches("more/").parse().unwrap());
    if from > 0 {
        let mut gone = shared.gone.lock().unwrap();
        if *gone > 0 {
            *gone -= 1;
            return (410, json!({"kind": "Status", "message": head}).to_string());
        }
    }
    let limit: usize = parameter("limit").map_or(usize::MAX, |limit| limit.parse().unwrap());
    let to = items.len().min(from.saturating_add(limit.min(rules.page.max(1))));
    let mut metadata = json!({"resourceVersion": "1"});
    if to < items.len() || rules.is_endless {
        // A token with a character that must be escaped.
        metadata["continue"] = format!("more/{}", if rules.is_endless { 1 } else { to }).into();
    }
    let version = if path.starts_with("/apis/apps") {
        "apps/v1"
    } else if path.starts_with("/apis/batch") {
        "batch/v1"
    } else {
        "v1"
    };
    let page = json!({"kind": kind, "apiVersion": version, "metadata": metadata, "items": items.get(from..to).unwrap_or_default()});
    (200, page.to_string())
}
