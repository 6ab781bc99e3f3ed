use std::sync::Arc;

use base64::Engine;
use http::{HeaderMap, header};

use crate::config::VerifyPassword;
use crate::error::{ApiError, Code};

/// Checks `Authorization: Basic` (RFC 7617).
pub(crate) async fn authorize(verify: &VerifyPassword, headers: &HeaderMap) -> Result<(), ApiError> {
    let Some((user, password)) = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| credentials(value.as_bytes()))
    else {
        return Err(ApiError::new(
            Code::Unauthorized,
            "this registry asks for a user name and a password",
        ));
    };
    let verify = Arc::clone(verify);
    let known = tokio::task::spawn_blocking(move || verify(&user, &password)).await;
    if matches!(known, Ok(true)) {
        Ok(())
    } else {
        Err(ApiError::new(
            Code::Unauthorized,
            "the user name or the password is wrong",
        ))
    }
}

fn credentials(value: &[u8]) -> Option<(String, String)> {
    let (scheme, encoded) = std::str::from_utf8(value).ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(encoded.trim())
        .ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_basic_credentials_only() {
        let pair = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        assert_eq!(credentials(b"Basic dTpw"), pair("u", "p"));
        assert_eq!(credentials(b"basic  dTpwOnE="), pair("u", "p:q"));
        for bad in ["", "Basic", "Basic dXA=", "Basic !", "Bearer dTpw", "Basic /w=="] {
            assert_eq!(credentials(bad.as_bytes()), None, "{bad}");
        }
    }
}
