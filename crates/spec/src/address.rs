use std::fmt;

use url::Url;

/// Parts of a query that are as good as a password: signed addresses of object stores, and tokens.
const SECRET_PARTS: [&str; 16] = [
    "x-amz-signature",
    "x-amz-security-token",
    "x-amz-credential",
    "x-goog-signature",
    "x-goog-credential",
    "x-oss-signature",
    "signature",
    "sig",
    "token",
    "access_token",
    "private_token",
    "auth_token",
    "api_key",
    "apikey",
    "password",
    "secret",
];

/// What an address may hold that must not be written down where others read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressSecret {
    /// A user, or one with a password.
    Credentials,
    /// A part of the query that opens the door.
    Token,
}

impl fmt::Display for AddressSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Credentials => "credentials",
            Self::Token => "signatures and tokens",
        })
    }
}

impl AddressSecret {
    /// What to do instead.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Credentials => "leave them out: they are taken from `podman login` or --authfile",
            Self::Token => {
                "they run out, and others can read them here: download the file and name it with `path`"
            }
        }
    }
}

/// Finds a secret in an address.
///
/// Manifests, locks and bundles are passed on; whatever opens a door has no place in them.
pub fn secret_in(address: &Url) -> Option<AddressSecret> {
    if address.password().is_some() || !address.username().is_empty() {
        return Some(AddressSecret::Credentials);
    }
    let is_secret = |name: &str| SECRET_PARTS.contains(&name.to_ascii_lowercase().as_str());
    address
        .query_pairs()
        .any(|(name, value)| is_secret(&name) && !value.is_empty())
        .then_some(AddressSecret::Token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_opens_doors() {
        let found = |text: &str| secret_in(&Url::parse(text).unwrap());
        assert_eq!(found("https://a.example/b?raw=1&v=2"), None);
        assert_eq!(found("https://a.example/b?token="), None);
        assert_eq!(
            found("https://ghp_abc@a.example/b"),
            Some(AddressSecret::Credentials)
        );
        for query in ["X-Amz-Date=1&X-Amz-Signature=ab", "sv=1&sig=ab", "TOKEN=ab"] {
            let found = found(&format!("https://a.example/b?{query}"));
            assert_eq!(found, Some(AddressSecret::Token), "{query}");
        }
    }
}
