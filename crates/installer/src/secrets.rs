//! Secrets, which are never shown.

use std::fmt;

use zeroize::Zeroizing;

/// A text that is written to files for root alone, and nowhere else.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a secret as it was read from a file: one line end behind it is not part of it.
    pub fn new(text: &str) -> Self {
        let text = text.strip_suffix('\n').unwrap_or(text);
        Self(Zeroizing::new(text.strip_suffix('\r').unwrap_or(text).to_owned()))
    }

    /// Takes a secret as it is, its last line end too.
    pub fn whole(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A file of the cluster's own authorities, `server-ca.key` or `etcd/peer-ca.crt`.
#[derive(Clone, Debug)]
pub struct AuthorityFile {
    /// Its path below the folder.
    pub name: String,
    /// Its PEM text.
    pub text: Secret,
}

/// What the files named in a `site.yaml` hold.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    /// The token of servers.
    pub token: Option<Secret>,
    /// The token of agents.
    pub agent_token: Option<Secret>,
    /// The password for the mirror.
    pub mirror_password: Option<Secret>,
    /// The certificate of the mirror's authority, in PEM; not secret.
    pub mirror_ca: Option<String>,
    /// The certificate of the site's own authority, in PEM; not secret.
    pub site_ca: Option<String>,
    /// Its key, where it issues certificates.
    pub site_ca_key: Option<Secret>,
    /// The cluster's own authorities.
    pub authorities: Vec<AuthorityFile>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown_and_has_no_line_end() {
        let secret = Secret::new("K10abc::server:xyz\r\n");
        assert_eq!(secret.expose(), "K10abc::server:xyz");
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert_eq!(Secret::new("a\n\n").expose(), "a\n");
    }
}
