//! Percent-encoding and query strings.

use std::borrow::Cow;

/// Undoes percent-encoding; `None` for a broken escape or text that is not UTF-8.
pub(crate) fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut digit = || char::from(bytes.next()?).to_digit(16);
            let value = digit()? * 16 + digit()?;
            out.push(u8::try_from(value).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}

/// Encodes everything that is not unreserved (RFC 3986) or `keep`.
pub(crate) fn encode(text: &str, keep: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || keep.as_bytes().contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The parameters of a request. A `+` stays a plus: media types hold them, and no value here a space.
#[derive(Debug, Default)]
pub(crate) struct Query<'a>(Vec<(&'a str, Cow<'a, str>)>);

impl<'a> Query<'a> {
    pub(crate) fn parse(text: Option<&'a str>) -> Self {
        let pairs = text
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty());
        Self(
            pairs
                .filter_map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    Some((name, decode(value)?))
                })
                .collect(),
        )
    }

    /// The first value of a parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every value of a parameter that may repeat.
    pub(crate) fn all<'s>(&'s self, name: &str) -> impl Iterator<Item = &'s str> {
        self.0
            .iter()
            .filter(move |(key, _)| *key == name)
            .map(|(_, value)| value.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_once() {
        assert_eq!(decode("a%3Ab%2525").unwrap(), "a:b%25");
        for broken in ["%", "%4", "%zz", "%ff", "%+1"] {
            assert_eq!(decode(broken), None, "{broken}");
        }
        assert_eq!(encode("a:b/c d+", "/"), "a%3Ab/c%20d%2B");
    }

    #[test]
    fn parameters_may_repeat_and_keep_their_plus() {
        let query = Query::parse(Some(
            "n=5&artifactType=a/b+json&artifactType=c%2Fd&ns=x.io:5000&flag",
        ));
        assert_eq!(query.get("n"), Some("5"));
        assert_eq!(query.all("artifactType").collect::<Vec<_>>(), ["a/b+json", "c/d"]);
        assert_eq!(query.get("ns"), Some("x.io:5000"));
        assert_eq!(query.get("flag"), Some(""));
        assert_eq!(query.get("last"), None);
    }
}
