mod auth_file;
mod helper;

use std::collections::BTreeMap;
use std::sync::Arc;

use airlock_types::Host;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::sync::Mutex;

use crate::Secret;

pub use auth_file::{AuthFile, AuthFileError};
pub use helper::{CredentialHelper, HelperError, HelperFuture, NoHelpers, ProcessHelper};

/// What opens a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A name and a password.
    Password {
        /// The name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A refresh token, exchanged at the token service (`identitytoken`).
    IdentityToken(Secret),
}

impl Credential {
    /// The `Authorization` header value of a name and password.
    pub(crate) fn basic(user: &str, password: &Secret) -> Secret {
        let pair = zeroize::Zeroizing::new(format!("{user}:{}", password.expose()));
        Secret::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())))
    }
}

type Helped = Arc<Mutex<Option<Option<Credential>>>>;

/// All credentials at hand: given ones first, then those of the files in order.
pub struct Credentials {
    given: Vec<(String, Credential)>,
    files: Vec<AuthFile>,
    helper: Arc<dyn CredentialHelper>,
    /// What helpers said, so that each is asked once for a server.
    helped: Mutex<BTreeMap<(String, String), Helped>>,
}

impl Credentials {
    /// No credentials: everything is asked for anonymously.
    pub fn none() -> Self {
        Self::new(Vec::new(), Arc::new(NoHelpers))
    }

    /// The credentials of `files`; helpers that they name are run through `helper`.
    pub fn new(files: Vec<AuthFile>, helper: Arc<dyn CredentialHelper>) -> Self {
        Self {
            given: Vec::new(),
            files,
            helper,
            helped: Mutex::default(),
        }
    }

    /// Adds one for `HOST` or `HOST/PATH`, which comes before all files.
    #[must_use]
    pub fn with(mut self, place: &str, credential: Credential) -> Self {
        self.given.push((auth_file::normal_key(place), credential));
        self
    }

    /// What opens `path` (a repository, or a path without its first slash) at `host`.
    pub async fn find(&self, host: &Host, path: &str) -> Result<Option<Credential>, HelperError> {
        let place = format!("{host}/{path}");
        if let Some(credential) = longest_match(&self.given, &place) {
            return Ok(Some(credential.clone()));
        }
        for file in &self.files {
            if let Some(helper) = file.helpers.get(host.as_str())
                && let Some(found) = self.ask(helper, host).await?
            {
                return Ok(Some(found));
            }
            if let Some(credential) = longest_match(&file.entries, &place) {
                return Ok(Some(credential.clone()));
            }
            if let Some(helper) = &file.store
                && let Some(found) = self.ask(helper, host).await?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    async fn ask(&self, helper: &str, host: &Host) -> Result<Option<Credential>, HelperError> {
        let server = match host.as_str() {
            "docker.io" => "https://index.docker.io/v1/",
            other => other,
        };
        let key = (helper.to_owned(), server.to_owned());
        let slot = Arc::clone(self.helped.lock().await.entry(key).or_default());
        let mut slot = slot.lock().await;
        if let Some(known) = &*slot {
            return Ok(known.clone());
        }
        let found = self.helper.get(helper, server).await?;
        *slot = Some(found.clone());
        Ok(found)
    }
}

fn longest_match<'a>(entries: &'a [(String, Credential)], place: &str) -> Option<&'a Credential> {
    entries
        .iter()
        .filter(|(key, _)| {
            place
                .strip_prefix(key.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
        .max_by_key(|(key, _)| key.len())
        .map(|(_, credential)| credential)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    struct Counting(AtomicU32);

    impl CredentialHelper for Counting {
        fn get<'a>(&'a self, helper: &'a str, server: &'a str) -> HelperFuture<'a> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Box::pin(async move {
                Ok((server != "other.example").then(|| Credential::Password {
                    user: format!("{helper} for {server}"),
                    password: Secret::new("p"),
                }))
            })
        }
    }

    async fn user(credentials: &Credentials, place: &str) -> Option<String> {
        let (host, path) = place.split_once('/').unwrap();
        match credentials.find(&host.parse().unwrap(), path).await.unwrap()? {
            Credential::Password { user, .. } => Some(user),
            Credential::IdentityToken(token) => Some(format!("token {}", token.expose())),
        }
    }

    fn file(text: &str) -> AuthFile {
        AuthFile::parse(text).unwrap()
    }

    #[tokio::test]
    async fn the_longest_prefix_wins() {
        let auth = |user: &str| STANDARD.encode(format!("{user}:secret"));
        let text = format!(
            r#"{{"auths": {{
                "https://index.docker.io/v1/": {{"auth": "{}"}},
                "ghcr.io": {{"auth": "{}"}},
                "ghcr.io/acme": {{"auth": "{}"}},
                "quay.io": {{"identitytoken": "refresh", "auth": "{}"}},
                "empty.example": {{}}
            }}}}"#,
            auth("hub"),
            auth("all"),
            auth("acme"),
            auth("ignored"),
        );
        let credentials = Credentials::new(vec![file(&text)], Arc::new(NoHelpers));
        let check = async |place, expected: Option<&str>| {
            assert_eq!(user(&credentials, place).await.as_deref(), expected, "{place}");
        };
        check("docker.io/library/busybox", Some("hub")).await;
        check("ghcr.io/acme/app", Some("acme")).await;
        check("ghcr.io/acmecorp/app", Some("all")).await;
        check("quay.io/a/b", Some("token refresh")).await;
        check("empty.example/a", None).await;
        check("ghcr.io.evil.example/acme", None).await;
        let credentials = credentials.with(
            "ghcr.io",
            Credential::Password {
                user: "given".into(),
                password: Secret::new("x"),
            },
        );
        assert_eq!(
            user(&credentials, "ghcr.io/acme/app").await.as_deref(),
            Some("given")
        );
    }

    #[tokio::test]
    async fn helpers_are_asked_once_each() {
        let helper = Arc::new(Counting(AtomicU32::new(0)));
        let text = r#"{"credHelpers": {"ecr.example": "ecr-login", "other.example": "none"}, "credsStore": "desktop"}"#;
        let second = file(r#"{"auths": {"other.example": {"auth": "c2Vjb25kOng="}}}"#);
        let credentials = Credentials::new(vec![file(text), second], Arc::clone(&helper) as _);
        for _ in 0..3 {
            assert_eq!(
                user(&credentials, "ecr.example/a").await.as_deref(),
                Some("ecr-login for ecr.example")
            );
        }
        assert_eq!(helper.0.load(Ordering::Relaxed), 1);
        assert_eq!(
            user(&credentials, "docker.io/a").await.as_deref(),
            Some("desktop for https://index.docker.io/v1/")
        );
        assert_eq!(
            user(&credentials, "other.example/a").await.as_deref(),
            Some("second")
        );
    }
}
