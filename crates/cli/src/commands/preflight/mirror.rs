//! Asks the mirror as nodes will.

use std::path::Path;
use std::time::{Duration, SystemTime};

use airlock_preflight::{Answer, Mirror, Refusal, RefusalKind};
use airlock_spec::site::Site;
use airlock_types::Host;
use airlock_upstream::{Config, Knocked, NoAnswer, Secret, knock};
use url::Url;
use zeroize::Zeroizing;

use crate::failure::{Failure, Result};
use crate::files;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(8);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(10);
/// How long all of it may take, with a token service.
const ALL: Duration = Duration::from_secs(25);

/// The mirror of a site, or one that was named.
pub(super) struct SiteMirror {
    url: Url,
    authority: Option<Vec<u8>>,
    credentials: Option<(String, Secret)>,
}

impl SiteMirror {
    /// What is known of the mirror, if there is one. Files that cannot be read are an error at once.
    pub(super) fn new(url: Option<&Url>, ca: Option<&Path>, site: Option<&Site>) -> Result<Option<Self>> {
        let of_site = site.and_then(|site| site.mirror.as_ref());
        let Some(url) = url.or(of_site.map(|mirror| &mirror.url)) else {
            return Ok(None);
        };
        if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none_or(str::is_empty) {
            return Err(anyhow::anyhow!(
                "the mirror's address is https://HOST[:PORT], or http:// without TLS"
            )
            .into());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                Failure::from(anyhow::anyhow!("the mirror's address holds credentials"))
                    .hint("write them into site.yaml: `mirror.auth` with `username` and `passwordFile`"),
            );
        }
        // Credentials are those of the site's mirror, and go nowhere else.
        let is_of_site = of_site.is_some_and(|mirror| mirror.url.origin() == url.origin());
        let authority = ca
            .or_else(|| of_site.and_then(|mirror| mirror.ca.as_deref()))
            .map(|path| files::read("the certificate authority", path, 4 << 20))
            .transpose()?;
        let auth = of_site
            .filter(|_| is_of_site)
            .and_then(|mirror| mirror.auth.as_ref());
        let credentials = match auth {
            Some(auth) => {
                let text = files::read_text("the mirror's password", &auth.password_file, 1 << 16)?;
                let text = Zeroizing::new(text);
                let password = text.strip_suffix('\n').unwrap_or(&text);
                let password = password.strip_suffix('\r').unwrap_or(password);
                Some((auth.username.clone(), Secret::new(password)))
            }
            None => None,
        };
        Ok(Some(Self {
            url: url.clone(),
            authority,
            credentials,
        }))
    }

    fn config(&self) -> Config {
        let mut config = Config {
            authorities: self.authority.iter().cloned().collect(),
            connect_timeout: CONNECT,
            stall_timeout: ANSWER,
            ..Config::default()
        };
        if self.url.scheme() == "http" {
            let host = self.url.host_str().map(|host| match self.url.port() {
                Some(port) => format!("{host}:{port}"),
                None => host.to_owned(),
            });
            config
                .insecure
                .extend(host.and_then(|host| host.parse::<Host>().ok()));
        }
        config
    }
}

impl Mirror for SiteMirror {
    fn address(&self) -> String {
        self.url.as_str().trim_end_matches('/').to_owned()
    }

    fn ask(&self) -> Result<Answer, Refusal> {
        let refusal = |kind: RefusalKind, detail: String| Refusal { kind, detail };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| refusal(RefusalKind::Settings, error.to_string()))?;
        let credentials = self
            .credentials
            .as_ref()
            .map(|(user, password)| (user.as_str(), password));
        let asked = runtime.block_on(async {
            tokio::time::timeout(ALL, knock(self.config(), &self.url, credentials)).await
        });
        let here = SystemTime::now();
        // A name service that hangs would hold up the end.
        runtime.shutdown_background();
        match asked {
            Err(_) => Err(refusal(RefusalKind::TimedOut, String::new())),
            Ok(Err(error)) => {
                let kind = match (&error, error.reason()) {
                    (airlock_upstream::KnockError::Config(_), _) => RefusalKind::Settings,
                    (_, reason) => kind(reason),
                };
                Err(refusal(kind, error.detail()))
            }
            Ok(Ok(knocked)) => self.judge(&knocked, here),
        }
    }
}

impl SiteMirror {
    fn judge(&self, knocked: &Knocked, here: SystemTime) -> Result<Answer, Refusal> {
        let who = self.credentials.as_ref().map_or_else(
            || "nobody was named".to_owned(),
            |(user, _)| format!("the user was {user}"),
        );
        let refusal = |kind: RefusalKind, detail: String| Err(Refusal { kind, detail });
        match knocked.status {
            200 if knocked.is_registry => Ok(Answer {
                date: knocked.date,
                here: Some(here),
                is_secure: self.url.scheme() == "https",
                has_credentials: self.credentials.is_some(),
            }),
            401 => refusal(RefusalKind::Unauthorized, format!("status 401, {who}")),
            403 => refusal(RefusalKind::Forbidden, format!("status 403, {who}")),
            200 => refusal(RefusalKind::NotARegistry, "it sends a page".to_owned()),
            status => refusal(RefusalKind::NotARegistry, format!("status {status} for /v2/")),
        }
    }
}

fn kind(reason: NoAnswer) -> RefusalKind {
    match reason {
        NoAnswer::Refused => RefusalKind::Refused,
        NoAnswer::UnknownName => RefusalKind::UnknownName,
        NoAnswer::TimedOut => RefusalKind::TimedOut,
        NoAnswer::NoRoute => RefusalKind::NoRoute,
        NoAnswer::UnknownAuthority => RefusalKind::UnknownAuthority,
        NoAnswer::WrongName => RefusalKind::WrongName,
        NoAnswer::Expired => RefusalKind::Expired,
        NoAnswer::NotYetValid => RefusalKind::NotYetValid,
        NoAnswer::NotTls => RefusalKind::NotTls,
        NoAnswer::Other => RefusalKind::Other,
    }
}
