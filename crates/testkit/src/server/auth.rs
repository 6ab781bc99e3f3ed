use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;

/// Who may read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Auth {
    /// Everybody.
    #[default]
    None,
    /// Who sends this name and password with every request. Protects plain files too.
    Basic {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
    /// Who has fetched a token for the repository.
    Token {
        /// What the token service wants to see; `None` gives tokens to everybody.
        credentials: Option<(String, String)>,
        /// A refresh token that is worth as much as the credentials.
        identity_token: Option<String>,
        /// The lifetime that the token service states, in seconds.
        expires_in: Option<u64>,
    },
}

/// The tokens given out, and the scopes they are good for.
#[derive(Default)]
pub(super) struct Tokens {
    issued: BTreeMap<String, Vec<String>>,
    count: u64,
}

impl Tokens {
    pub(super) fn issue(&mut self, scopes: Vec<String>) -> String {
        self.count += 1;
        let token = format!("token-{}", self.count);
        self.issued.insert(token.clone(), scopes);
        token
    }

    pub(super) fn revoke_all(&mut self) {
        self.issued.clear();
    }

    /// Whether the request bears a token for pulling from `repository` (any token where that is `None`).
    pub(super) fn admit(&self, headers: &HeaderMap, repository: Option<&str>) -> bool {
        let bearer = authorization(headers).and_then(|value| value.strip_prefix("Bearer "));
        let scopes = bearer.and_then(|token| self.issued.get(token));
        scopes.is_some_and(|scopes| {
            repository.is_none_or(|name| {
                let wanted = format!("repository:{name}:pull");
                scopes.contains(&wanted)
            })
        })
    }
}

/// Whether the request carries this name and password.
pub(super) fn is_basic(headers: &HeaderMap, user: &str, password: &str) -> bool {
    let expected = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    authorization(headers) == Some(&expected)
}

fn authorization(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()
}
