//! The mirror: can this node reach it, and does it let the node in?
//!
//! This crate links no HTTP client, so the caller asks, and tells here what came of it.

use std::time::SystemTime;

use crate::check::Outcome;
use crate::{Context, fixes};

/// Someone who can ask the mirror.
pub trait Mirror: Send + Sync {
    /// Its address, without credentials.
    fn address(&self) -> String;

    /// Asks for `/v2/` once, with TLS and credentials as nodes will, in bounded time.
    fn ask(&self) -> Result<Answer, Refusal>;
}

/// The mirror has answered, and lets the node in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The time that it says it is.
    pub date: Option<SystemTime>,
    /// The time on this machine then.
    pub here: Option<SystemTime>,
    /// Whether the answer came over TLS.
    pub is_secure: bool,
    /// Whether credentials were sent.
    pub has_credentials: bool,
}

/// Why the mirror cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What sort of trouble it is.
    pub kind: RefusalKind,
    /// What was seen, in the words of the one who saw it.
    pub detail: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.kind)?;
        if self.detail.is_empty() {
            return Ok(());
        }
        write!(f, " ({})", self.detail)
    }
}

/// The sorts of trouble that have different remedies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    /// Nobody listens there.
    Refused,
    /// The name has no address.
    UnknownName,
    /// No answer came in time.
    TimedOut,
    /// There is no way to the address.
    NoRoute,
    /// The certificate was signed by somebody who is not trusted.
    UnknownAuthority,
    /// The certificate is for other names.
    WrongName,
    /// The certificate is not valid any more.
    Expired,
    /// The certificate is not valid yet.
    NotYetValid,
    /// The other side does not speak TLS.
    NotTls,
    /// It wants credentials, or other ones.
    Unauthorized,
    /// It knows who asks, and says no.
    Forbidden,
    /// It answers, but not as a registry.
    NotARegistry,
    /// The settings cannot be used: a file that cannot be read, an authority that is no certificate.
    Settings,
    /// Anything else.
    Other,
}

impl std::fmt::Display for RefusalKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Refused => "the connection is refused",
            Self::UnknownName => "the name is not known",
            Self::TimedOut => "no answer in time",
            Self::NoRoute => "there is no route to it",
            Self::UnknownAuthority => "its certificate is signed by an authority that is not trusted",
            Self::WrongName => "its certificate is for other names",
            Self::Expired => "its certificate has expired",
            Self::NotYetValid => "its certificate is not valid yet",
            Self::NotTls => "it does not speak TLS",
            Self::Unauthorized => "it wants credentials",
            Self::Forbidden => "it denies access",
            Self::NotARegistry => "it does not answer as a registry",
            Self::Settings => "it cannot be asked",
            Self::Other => "the connection failed",
        })
    }
}

impl RefusalKind {
    fn remedy(self, address: &str) -> String {
        match self {
            Self::Refused => format!(
                "start `airlock serve` where {address} is, or correct the port; a firewall that rejects looks the same"
            ),
            Self::UnknownName => format!(
                "add the name in {address} to `hosts` in site.yaml (or to /etc/hosts, or to the site's DNS)"
            ),
            Self::TimedOut => {
                format!("check the firewalls on the way to {address}, and that the machine is up")
            }
            Self::NoRoute => format!("add a route to {address}: `ip route get ADDRESS` tells which one is taken"),
            Self::UnknownAuthority => {
                "name the authority's certificate with --ca FILE or `mirror.ca` in site.yaml; `airlock serve` prints where its own is".to_owned()
            }
            Self::WrongName => format!(
                "use a name that is in the certificate, or issue one for {address} (`airlock serve --tls-name`)"
            ),
            Self::Expired => {
                "issue a new certificate for the mirror; if it should be valid, this machine's clock is ahead".to_owned()
            }
            Self::NotYetValid => {
                "set this machine's clock, which is behind; or wait until the certificate is valid".to_owned()
            }
            Self::NotTls => "write http:// in the address if the mirror is meant to have no TLS".to_owned(),
            Self::Unauthorized => {
                "check `mirror.auth` in site.yaml: `username`, and the password in `passwordFile`".to_owned()
            }
            Self::Forbidden => "let this user read in the mirror's own settings".to_owned(),
            Self::NotARegistry => format!("check that {address} is that of a registry, not of a proxy or a page"),
            Self::Settings => "correct the file that is named".to_owned(),
            Self::Other => format!("try `curl -v {address}/v2/` on this machine"),
        }
    }
}

pub(crate) fn reachable(context: &Context) -> Outcome {
    let Some((mirror, asked)) = context.mirror() else {
        return Outcome::skipped("no mirror was named (`mirror.url` in site.yaml, or --mirror URL)");
    };
    let address = mirror.address();
    match asked {
        Ok(answer) => {
            let way = if answer.is_secure {
                "over TLS"
            } else {
                "without TLS"
            };
            let who = if answer.has_credentials {
                "with credentials"
            } else {
                "without credentials"
            };
            Outcome::ok(format!("{address} answers {way}, {who}"))
        }
        Err(refusal) if refusal.kind == RefusalKind::UnknownName => unknown(context, &address, refusal),
        Err(refusal) => Outcome::fail(format!("{address}: {refusal}"), refusal.kind.remedy(&address)),
    }
}

/// A name that only the site's own list has is in `/etc/hosts` as soon as somebody writes it there.
fn unknown(context: &Context, address: &str, refusal: &Refusal) -> Outcome {
    let evidence = format!("{address}: {refusal}");
    let name = address.split_once("://").map_or(address, |(_, rest)| rest);
    let name = name.split([':', '/']).next().unwrap_or(name);
    match fixes::line_of_site(context.site(), name) {
        Some(line) => Outcome::fail(
            format!("{evidence}; `hosts` of site.yaml has it, and /etc/hosts does not yet"),
            format!("`echo '{line}' >> /etc/hosts`; an installation writes it as well"),
        )
        .and(fixes::hosts("mirror", line)),
        None => Outcome::fail(evidence, refusal.kind.remedy(address)),
    }
}
