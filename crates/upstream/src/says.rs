//! What servers write beside a status, made safe to show.

use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;
use zeroize::Zeroizing;

use crate::Secret;
use crate::error::ServerSays;

/// The longest text that is shown.
const LONGEST: usize = 200;
/// Parts of a redirect's query that are shorter are no signatures.
const SHORTEST_SIGNATURE: usize = 8;

/// Every secret that was sent anywhere, since some servers repeat what they are told.
#[derive(Default)]
pub(crate) struct Known(Mutex<Vec<Secret>>);

impl Known {
    /// A secret as it is.
    pub(crate) fn learn(&self, secret: &Secret) {
        if !secret.is_empty() {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if !known.contains(secret) {
                known.push(secret.clone());
            }
        }
    }

    /// What an `Authorization` header holds: `Bearer TOKEN`, or `Basic` with name and password.
    pub(crate) fn learn_header(&self, header: &Secret) {
        let Some((scheme, value)) = header.expose().split_once(' ') else {
            return self.learn(header);
        };
        self.learn(&Secret::new(value));
        if scheme == "Basic"
            && let Ok(pair) = STANDARD.decode(value).map(Zeroizing::new)
            && let Ok(pair) = std::str::from_utf8(&pair)
            && let Some((_, password)) = pair.split_once(':')
        {
            self.learn(&Secret::new(password));
        }
    }

    /// The first error of a registry's error document, without secrets: those known, and those in the query of
    /// the address that gave it.
    pub(crate) fn server_says(&self, body: &[u8], asked: &Url) -> Option<ServerSays> {
        let text = first_error(body)?;
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let signed = asked.query_pairs().map(|(_, value)| value.into_owned());
        let signed = signed.filter(|value| value.len() >= SHORTEST_SIGNATURE);
        let raw = asked.query().into_iter().flat_map(|query| query.split('&'));
        let raw = raw.filter_map(|pair| Some(pair.split_once('=')?.1.to_owned()));
        let raw = raw.filter(|value| value.len() >= SHORTEST_SIGNATURE);
        let mut secrets = known.clone();
        secrets.extend(signed.chain(raw).map(Secret::new));
        // A secret that holds another goes first.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
        let mut text = text;
        for secret in &secrets {
            text = text.replace(secret.expose(), "***");
        }
        let text: String = text.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
        (!text.is_empty()).then_some(ServerSays(text))
    }
}

fn first_error(body: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Document {
        errors: Vec<One>,
    }
    #[derive(serde::Deserialize)]
    struct One {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }
    let document: Document = serde_json::from_slice(body).ok()?;
    let one = document.errors.into_iter().next()?;
    Some(if one.message.is_empty() || one.message == one.code {
        one.code
    } else {
        format!("{} ({})", one.message, one.code)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_not_repeated() {
        let known = Known::default();
        // `user:hunter2`
        known.learn_header(&Secret::new("Basic dXNlcjpodW50ZXIy"));
        known.learn_header(&Secret::new("Bearer a-token"));
        known.learn(&Secret::new("a-token-that-is-longer"));
        known.learn(&Secret::new(""));
        let url = Url::parse("https://cdn.example/blob?n=1&X-Amz-Signature=abc%2Fdef%3D%3D").unwrap();
        let says = |text: &str| {
            let body = serde_json::json!({"errors": [{"code": "DENIED", "message": text}]}).to_string();
            known.server_says(body.as_bytes(), &url).unwrap().0
        };
        assert_eq!(says("no hunter2 here"), "no *** here (DENIED)");
        assert_eq!(says("Basic dXNlcjpodW50ZXIy?"), "Basic ***? (DENIED)");
        assert_eq!(says("a-token-that-is-longer, a-token"), "***, *** (DENIED)");
        assert_eq!(says("abc/def== abc%2Fdef%3D%3D"), "*** *** (DENIED)");
        assert_eq!(says("1 DENIED"), "1 DENIED (DENIED)");
        // Nor does it write to the terminal, or without end.
        assert_eq!(says("a\u{1b}[2J\nb"), "a[2Jb (DENIED)");
        assert_eq!(says(&"a".repeat(300)), "a".repeat(200));
        assert_eq!(known.server_says(b"<html>", &url).map(|says| says.0), None);
    }
}
