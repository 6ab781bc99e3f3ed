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

/// What an address holds that must not be written down where others read it, in the plural.
///
/// Manifests, locks and bundles are passed on; whatever opens a door has no place in them.
pub fn secret_in(address: &Url) -> Option<&'static str> {
    if address.password().is_some() || !address.username().is_empty() {
        return Some("credentials");
    }
    let is_secret = |name: &str| SECRET_PARTS.contains(&name.to_ascii_lowercase().as_str());
    address
        .query_pairs()
        .any(|(name, value)| is_secret(&name) && !value.is_empty())
        .then_some("signatures and tokens")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_opens_doors() {
        let found = |text: &str| secret_in(&Url::parse(text).unwrap());
        assert_eq!(found("https://a.example/b?raw=1&v=2"), None);
        assert_eq!(found("https://a.example/b?token="), None);
        assert_eq!(found("https://ghp_abc@a.example/b"), Some("credentials"));
        for query in ["X-Amz-Date=1&X-Amz-Signature=ab", "sv=1&sig=ab", "TOKEN=ab"] {
            let found = found(&format!("https://a.example/b?{query}"));
            assert_eq!(found, Some("signatures and tokens"), "{query}");
        }
    }
}
