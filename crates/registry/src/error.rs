use http::{HeaderValue, Method, StatusCode, header};

use crate::reply::{Content, Reply};

/// The error codes of the distribution-spec that a read-only registry has use for, and what
/// other registries have established beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    BlobUnknown,
    DigestInvalid,
    ManifestUnknown,
    NameInvalid,
    NameUnknown,
    PaginationNumberInvalid,
    RangeInvalid,
    Unauthorized,
    Unavailable,
    Unknown,
    Unsupported,
}

impl Code {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::BlobUnknown => "BLOB_UNKNOWN",
            Self::DigestInvalid => "DIGEST_INVALID",
            Self::ManifestUnknown => "MANIFEST_UNKNOWN",
            Self::NameInvalid => "NAME_INVALID",
            Self::NameUnknown => "NAME_UNKNOWN",
            Self::PaginationNumberInvalid => "PAGINATION_NUMBER_INVALID",
            Self::RangeInvalid => "RANGE_INVALID",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Unavailable => "UNAVAILABLE",
            Self::Unknown => "UNKNOWN",
            Self::Unsupported => "UNSUPPORTED",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::BlobUnknown | Self::ManifestUnknown | Self::NameUnknown => StatusCode::NOT_FOUND,
            Self::DigestInvalid | Self::NameInvalid | Self::PaginationNumberInvalid => {
                StatusCode::BAD_REQUEST
            }
            Self::RangeInvalid => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unknown => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unsupported => StatusCode::METHOD_NOT_ALLOWED,
        }
    }
}

/// What a client is told when it cannot have what it asked for.
#[derive(Debug)]
pub(crate) struct ApiError {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) detail: serde_json::Value,
    /// Differs from the code's own where the code is only the nearest one.
    pub(crate) status: StatusCode,
}

impl ApiError {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            detail: serde_json::Value::Null,
            status: code.status(),
        }
    }

    pub(crate) fn detail(mut self, detail: serde_json::Value) -> Self {
        self.detail = detail;
        self
    }

    pub(crate) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// For a path that means nothing here.
    pub(crate) fn no_such_path(path: &str) -> Self {
        Self::new(
            Code::NameUnknown,
            format!("there is nothing at this address: {path}"),
        )
    }

    pub(crate) fn read_only(method: &Method) -> Self {
        Self::new(
            Code::Unsupported,
            format!("this registry is read-only; content comes in with `airlock import`: {method}"),
        )
    }

    /// The cause goes to the log, where its paths are nobody else's business.
    pub(crate) fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(next) = cause {
            text.push_str(": ");
            text.push_str(&next.to_string());
            cause = next.source();
        }
        tracing::error!(error = text, "reading the store failed");
        Self::new(
            Code::Unknown,
            "the store behind this registry could not be read; the server's log says why",
        )
    }

    pub(crate) fn into_reply(self) -> Reply {
        let mut error = serde_json::json!({"code": self.code.as_str(), "message": self.message});
        if !self.detail.is_null() {
            error["detail"] = self.detail;
        }
        let body = serde_json::json!({"errors": [error]}).to_string();
        let mut reply = crate::reply::bytes(
            self.status,
            HeaderValue::from_static("application/json"),
            body.into(),
        );
        let headers = reply.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self.code {
            Code::Unsupported => {
                headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            }
            Code::Unauthorized => {
                headers.insert(
                    header::WWW_AUTHENTICATE,
                    HeaderValue::from_static(r#"Basic realm="airlock", charset="UTF-8""#),
                );
            }
            Code::Unavailable => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            _ => {}
        }
        debug_assert!(!matches!(reply.body(), Content::Empty));
        reply
    }
}
