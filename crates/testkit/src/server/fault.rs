use std::time::Duration;

use bytes::Bytes;

use super::{Hold, Listener};

/// What goes wrong with an answer.
#[derive(Clone, Debug)]
pub enum Action {
    /// This status instead of the answer, with an empty error document.
    Status(u16),
    /// This status with these headers instead of the answer.
    StatusWith(u16, Vec<(&'static str, String)>),
    /// The connection closes before any answer.
    Close,
    /// The body breaks off after so many bytes and the connection closes.
    Reset(u64),
    /// The body stops after so many bytes and never goes on.
    Stall(u64),
    /// The answer does not begin before the hold lets it.
    Hold(Hold),
    /// The body stops after so many bytes until the hold lets it go on.
    HoldAt(u64, Hold),
    /// The answer of an HTTP/1.0 server: the connection closes after it, and without `content-length`
    /// that is how the body ends.
    Http10,
    /// The body comes in pieces of so many bytes with a pause before each.
    Drip(usize, Duration),
    /// The body ends after so many bytes as if it were complete, with a matching `Content-Length`.
    Truncate(u64),
    /// One bit of the body's last byte is wrong.
    Corrupt,
    /// More follows the body.
    Append(Bytes),
    /// Another body.
    Body(Bytes),
    /// 307 to this address.
    Redirect(String),
    /// 307 to the address asked for.
    RedirectLoop,
    /// The body compressed, with `Content-Encoding: gzip`.
    Gzip,
    /// A header set or replaced.
    Header(&'static str, String),
    /// A header taken away. `content-length` makes the answer chunked.
    WithoutHeader(&'static str),
    /// The request's `Range` is overlooked: 200 with everything.
    IgnoreRange,
}

/// An [`Action`], on which requests and how often.
#[derive(Clone, Debug)]
pub struct Fault {
    pub(super) action: Action,
    method: Option<&'static str>,
    path: String,
    listener: Option<Listener>,
    skip: u32,
    times: u32,
}

impl Fault {
    /// On every request whose path (without the query) matches `path`, where `*` stands for any text.
    pub fn on(path: impl Into<String>, action: Action) -> Self {
        Self {
            action,
            method: None,
            path: path.into(),
            listener: None,
            skip: 0,
            times: u32::MAX,
        }
    }

    /// Only on requests of this method.
    #[must_use]
    pub fn method(mut self, method: &'static str) -> Self {
        self.method = Some(method);
        self
    }

    /// Only on requests to this listener.
    #[must_use]
    pub fn listener(mut self, listener: Listener) -> Self {
        self.listener = Some(listener);
        self
    }

    /// The first `count` matching requests go well.
    #[must_use]
    pub fn after(mut self, count: u32) -> Self {
        self.skip = count;
        self
    }

    /// Only `count` times.
    #[must_use]
    pub fn times(mut self, count: u32) -> Self {
        self.times = count;
        self
    }

    /// Counts a request; says whether the action applies to it.
    pub(super) fn applies(&mut self, listener: Listener, method: &str, path: &str) -> bool {
        let matches = self.method.is_none_or(|wanted| wanted == method)
            && self.listener.is_none_or(|wanted| wanted == listener)
            && glob(&self.path, path);
        if !matches || self.times == 0 {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        if self.times != u32::MAX {
            self.times -= 1;
        }
        true
    }
}

fn glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, rest)) => text.strip_prefix(head).is_some_and(|text| {
            text.char_indices()
                .map(|(at, _)| at)
                .chain([text.len()])
                .any(|at| glob(rest, &text[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        assert!(glob("/v2/*/blobs/*", "/v2/a/b/blobs/sha256:1"));
        assert!(glob("*", ""));
        assert!(!glob("/v2/*/blobs/", "/v2/a/blobs/x"));
        assert!(!glob("/a", "/ab"));
    }

    #[test]
    fn counts() {
        let mut fault = Fault::on("/a", Action::Close).after(1).times(1);
        let mut applies = || fault.applies(Listener::Main, "GET", "/a");
        assert_eq!([applies(), applies(), applies()], [false, true, false]);
    }
}
