use std::collections::BTreeMap;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::Credential;
use crate::Secret;

/// Why a text is not a docker or podman credentials file. Says nothing of its content, which is secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthFileError {
    /// Not JSON, or not of the right shape.
    #[error("the credentials file is not valid JSON at line {line}, column {column}")]
    Json {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// An `auth` that is not base64 of `name:password`.
    #[error("the entry in the credentials file is not base64 of name:password: {0}")]
    Entry(String),
    /// A helper whose name could leave the folders of programs. What stands there instead may be secret.
    #[error("a credential helper's name may hold letters, digits, '.', '_' and '-' only: {0}")]
    Helper(String),
}

/// What a docker `config.json` or podman `auth.json` says of credentials.
#[derive(Clone, Debug, Default)]
pub struct AuthFile {
    pub(super) entries: Vec<(String, Credential)>,
    pub(super) helpers: BTreeMap<String, String>,
    pub(super) store: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(default)]
    auths: Option<BTreeMap<String, Entry>>,
    #[serde(default)]
    cred_helpers: Option<BTreeMap<String, String>>,
    #[serde(default)]
    creds_store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<Secret>,
    username: Option<String>,
    password: Option<Secret>,
    identitytoken: Option<Secret>,
}

/// Docker pads, some tools do not.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl AuthFile {
    /// Reads the text of such a file.
    pub fn parse(text: &str) -> Result<Self, AuthFileError> {
        let document: Document = serde_json::from_str(text).map_err(|error| AuthFileError::Json {
            line: error.line(),
            column: error.column(),
        })?;
        let mut file = Self::default();
        for (key, entry) in document.auths.unwrap_or_default() {
            if let Some(credential) = credential(&key, entry)? {
                file.entries.push((normal_key(&key), credential));
            }
        }
        for (host, helper) in document.cred_helpers.unwrap_or_default() {
            let host = normal_key(&host);
            let helper =
                helper_name(helper).ok_or_else(|| AuthFileError::Helper(format!("credHelpers, {host}")))?;
            file.helpers.insert(host, helper);
        }
        file.store = document
            .creds_store
            .filter(|name| !name.is_empty())
            .map(|name| helper_name(name).ok_or_else(|| AuthFileError::Helper("credsStore".to_owned())))
            .transpose()?;
        Ok(file)
    }
}

fn credential(key: &str, entry: Entry) -> Result<Option<Credential>, AuthFileError> {
    if let Some(token) = entry.identitytoken.filter(|token| !token.is_empty()) {
        return Ok(Some(Credential::IdentityToken(token)));
    }
    if let Some(auth) = entry.auth.filter(|auth| !auth.is_empty()) {
        let error = || AuthFileError::Entry(normal_key(key));
        let bytes = Zeroizing::new(LENIENT.decode(auth.expose().trim()).map_err(|_| error())?);
        let text = std::str::from_utf8(&bytes).map_err(|_| error())?;
        let (user, password) = text.split_once(':').ok_or_else(error)?;
        return Ok(Some(Credential::Password {
            user: user.to_owned(),
            // Docker once padded the pair with zero bytes.
            password: Secret::new(password.trim_end_matches('\0')),
        }));
    }
    Ok(match (entry.username, entry.password) {
        (Some(user), Some(password)) if !user.is_empty() => Some(Credential::Password { user, password }),
        // `{}` is what docker leaves where a helper keeps the secret.
        _ => None,
    })
}

fn helper_name(name: String) -> Option<String> {
    let good = !name.is_empty()
        && name
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || b"._-".contains(&c));
    good.then_some(name)
}

/// `https://index.docker.io/v1/` → `docker.io`; `https://host/v2/` → `host`; `host/path` stays.
pub(super) fn normal_key(key: &str) -> String {
    let bare = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"))
        .unwrap_or(key)
        .trim_end_matches('/');
    let bare = bare
        .strip_suffix("/v1")
        .or_else(|| bare.strip_suffix("/v2"))
        .unwrap_or(bare);
    let (host, path) = match bare.split_once('/') {
        Some((host, path)) => (host, Some(path)),
        None => (bare, None),
    };
    let host = host
        .parse::<airlock_types::Host>()
        .map_or_else(|_| host.to_ascii_lowercase(), |host| host.to_string());
    path.map_or_else(|| host.clone(), |path| format!("{host}/{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_all_ages() {
        for (key, expected) in [
            ("https://index.docker.io/v1/", "docker.io"),
            ("registry-1.docker.io", "docker.io"),
            ("https://GHCR.io/v2/", "ghcr.io"),
            ("localhost:5000", "localhost:5000"),
            ("quay.io/acme/app", "quay.io/acme/app"),
        ] {
            assert_eq!(normal_key(key), expected);
        }
    }

    #[test]
    fn errors_do_not_quote_secrets() {
        let secret = "c2VjcmV0LXdpdGhvdXQtYS1jb2xvbg==";
        let error = AuthFile::parse(&format!(
            r#"{{"auths": {{"a.example": {{"auth": "{secret}"}}}}}}"#
        ));
        let text = format!("{error:?} {}", error.as_ref().unwrap_err());
        assert!(
            text.contains("a.example") && !text.contains("c2Vj") && !text.contains("secret-"),
            "{text}"
        );
        let error = AuthFile::parse("{\"auths\": {\"a\": {\"auth\": hunter2}}}").unwrap_err();
        assert_eq!(error, AuthFileError::Json { line: 1, column: 26 });
        assert!(AuthFile::parse(r#"{"credsStore": "../evil"}"#).is_err());
        let file = AuthFile::parse(r#"{"auths": {"a": {"username": "u", "password": "hunter2"}}}"#).unwrap();
        assert!(!format!("{file:?}").contains("hunter2"));
    }

    #[test]
    fn unknown_and_empty_parts_are_fine() {
        let file =
            AuthFile::parse(r#"{"auths": null, "credsStore": "", "psFormat": "x", "HttpHeaders": {}}"#);
        assert!(file.unwrap().entries.is_empty());
    }
}
