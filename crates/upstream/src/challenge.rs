use std::collections::BTreeMap;

/// What a server asks for in `WWW-Authenticate` (RFC 9110, "Authentication"; the Docker token flow).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// Fetch a token at `realm`.
    Bearer {
        realm: String,
        service: Option<String>,
        scope: Option<String>,
    },
    /// Send name and password.
    Basic,
}

impl Challenge {
    /// The best of the challenges in all `WWW-Authenticate` headers of an answer: Bearer before Basic.
    pub(crate) fn best<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut basic = None;
        for (scheme, mut parameters) in headers.into_iter().flat_map(parse) {
            if scheme.eq_ignore_ascii_case("bearer")
                && let Some(realm) = parameters.remove("realm")
            {
                return Some(Self::Bearer {
                    realm,
                    service: parameters.remove("service"),
                    scope: parameters.remove("scope").filter(|scope| !scope.is_empty()),
                });
            }
            if scheme.eq_ignore_ascii_case("basic") {
                basic = Some(Self::Basic);
            }
        }
        basic
    }
}

type Parsed = Vec<(String, BTreeMap<String, String>)>;

/// `Scheme key=value, key="quoted, \"value\"", Scheme2 …`
fn parse(header: &str) -> Parsed {
    let mut out = Parsed::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len());
        if end == 0 {
            return out;
        }
        let (word, after) = rest.split_at(end);
        let after = after.trim_start_matches([' ', '\t']);
        // A word before '=' is a parameter of the scheme before it; `Scheme token68==` is not in use here.
        let Some(value) = after.strip_prefix('=') else {
            out.push((word.to_owned(), BTreeMap::new()));
            rest = after;
            continue;
        };
        let (value, after) = take_value(value.trim_start_matches([' ', '\t']));
        if let Some((_, parameters)) = out.last_mut() {
            parameters.entry(word.to_ascii_lowercase()).or_insert(value);
        }
        rest = after;
    }
}

fn take_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        Challenge::Bearer {
            realm: realm.into(),
            service: service.map(Into::into),
            scope: scope.map(Into::into),
        }
    }

    #[test]
    fn challenges_of_the_field() {
        assert_eq!(
            Challenge::best([
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/busybox:pull,push""#
            ]),
            Some(bearer(
                "https://auth.docker.io/token",
                Some("registry.docker.io"),
                Some("repository:library/busybox:pull,push")
            ))
        );
        assert_eq!(
            Challenge::best([r#"BASIC realm="Registry Realm""#]),
            Some(Challenge::Basic)
        );
        // Two in one header, and in two headers; Bearer wins wherever it stands.
        assert_eq!(
            Challenge::best([r#"Basic realm="x", Bearer realm=https://a/t , service="s \"q\", t""#]),
            Some(bearer("https://a/t", Some("s \"q\", t"), None))
        );
        assert_eq!(
            Challenge::best(["Basic realm=x", "bearer realm=\"r\",scope=\"\""]),
            Some(bearer("r", None, None))
        );
    }

    #[test]
    fn nonsense_is_no_challenge() {
        for bad in [
            "",
            ",",
            "=",
            "Negotiate",
            "Bearer",
            "realm=\"x\"",
            "Bearer realm",
            "\"",
            "Digest a=\"\\",
        ] {
            assert_eq!(Challenge::best([bad]), None, "{bad:?}");
        }
    }
}
