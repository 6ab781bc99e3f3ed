use airlock_content::{SourceError, SourceErrorKind};
use reqwest::header::{HeaderMap, LOCATION};
use url::Url;

use crate::http::authority_of;

/// Where a redirect leads, if one may go there.
pub(crate) fn redirect(from: &Url, headers: &HeaderMap, what: &str) -> Result<Url, SourceError> {
    let host = authority_of(from);
    let unsupported = |message: String| SourceError::new(SourceErrorKind::Unsupported, message, what);
    let mut to = headers
        .get(LOCATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|location| from.join(location).ok())
        .ok_or_else(|| unsupported(format!("{host} redirects to nowhere")))?;
    if from.scheme() == "https" && to.scheme() != "https" {
        return Err(unsupported(format!(
            "{host} redirects from HTTPS to {}, which is refused",
            to.scheme()
        )));
    }
    if to.scheme() != "https" && to.scheme() != "http" {
        return Err(unsupported(format!("{host} redirects to another protocol")));
    }
    // Credentials in a redirect are not ours, and would be sent.
    let _ = to.set_username("");
    let _ = to.set_password(None);
    Ok(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(from: &str, location: &str) -> Result<String, String> {
        let headers = HeaderMap::from_iter([(LOCATION, location.parse().unwrap())]);
        redirect(&Url::parse(from).unwrap(), &headers, "w")
            .map(|url| url.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn where_redirects_may_lead() {
        let from = "https://a.example/x/y?q";
        assert_eq!(to(from, "z"), Ok("https://a.example/x/z".into()));
        assert_eq!(to(from, "//b.example/z"), Ok("https://b.example/z".into()));
        assert_eq!(
            to(from, "https://u:p@b.example/z"),
            Ok("https://b.example/z".into())
        );
        assert_eq!(
            to("http://a.example/", "https://b.example/"),
            Ok("https://b.example/".into())
        );
        assert!(
            to(from, "http://a.example/z")
                .unwrap_err()
                .contains("HTTPS to http")
        );
        assert!(to("http://a.example/", "ftp://a.example/").is_err());
        assert!(to(from, "file:///etc/passwd").is_err());
        assert!(to(from, "https://").is_err());
    }
}
