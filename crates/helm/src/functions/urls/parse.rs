//! Go's `url.Parse`.

use crate::format::lossy;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::escape::{Mode, escaped, unescaped};
use crate::functions::text::quoted;

/// The parts of a URL, unescaped.
#[derive(Debug, Default)]
pub(super) struct Url {
    pub(super) scheme: Vec<u8>,
    pub(super) opaque: Vec<u8>,
    pub(super) user: Option<User>,
    pub(super) host: Vec<u8>,
    pub(super) path: Vec<u8>,
    pub(super) query: Vec<u8>,
    pub(super) fragment: Vec<u8>,
}

/// What is before the `@`.
#[derive(Debug)]
pub(super) struct User {
    name: Vec<u8>,
    password: Option<Vec<u8>>,
}

impl User {
    /// As it stands in a URL.
    pub(super) fn text(&self) -> Vec<u8> {
        let mut out = escaped(&self.name, Mode::UserPassword);
        if let Some(password) = &self.password {
            out.push(b':');
            out.extend(escaped(password, Mode::UserPassword));
        }
        out
    }

    fn parse(text: &[u8]) -> Result<Self, Vec<u8>> {
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(byte);
        if !text.iter().all(allowed) {
            return Err(b"net/url: invalid userinfo".to_vec());
        }
        let (name, password) =
            match memchr::memchr(b':', text).and_then(|at| Some((text.get(..at)?, text.get(at + 1..)?))) {
                Some((name, password)) => (name, Some(password)),
                None => (text, None),
            };
        Ok(Self {
            name: unescaped(name, Mode::UserPassword)?,
            password: password
                .map(|password| unescaped(password, Mode::UserPassword))
                .transpose()?,
        })
    }
}

type Cut<'a> = (&'a [u8], Option<&'a [u8]>);

/// The text before and after the first such byte.
fn cut(text: &[u8], mark: u8) -> Cut<'_> {
    match memchr::memchr(mark, text) {
        Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..)),
        None => (text, None),
    }
}

/// Takes the scheme off the front.
fn scheme(text: &[u8]) -> Result<(&[u8], &[u8]), Vec<u8>> {
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return Err(b"missing protocol scheme".to_vec()),
            b':' => {
                return Ok((
                    text.get(..at).unwrap_or_default(),
                    text.get(at + 1..).unwrap_or_default(),
                ));
            }
            _ => break,
        }
    }
    Ok((b"", text))
}

/// Whether it is nothing, or a colon and digits.
fn is_port(text: &[u8]) -> bool {
    match text.split_first() {
        None => true,
        Some((colon, digits)) => *colon == b':' && digits.iter().all(u8::is_ascii_digit),
    }
}

fn bad_port(port: &[u8]) -> Vec<u8> {
    [b"invalid port ", quoted(port).as_slice(), b" after host"].concat()
}

fn host(scheme: &[u8], text: &[u8]) -> Result<Vec<u8>, Vec<u8>> {
    if let Some(bracket) = memchr::memrchr(b'[', text) {
        if bracket > 0 {
            return Err(b"invalid IP-literal".to_vec());
        }
        let close = memchr::memrchr(b']', text).ok_or_else(|| b"missing ']' in host".to_vec())?;
        let port = text.get(close + 1..).unwrap_or_default();
        if !is_port(port) {
            return Err(bad_port(port));
        }
        let name = text.get(1..close).unwrap_or_default();
        let zone = memchr::memmem::find(name, b"%25").unwrap_or(name.len());
        let (address, zone) = name.split_at_checked(zone).unwrap_or((name, b""));
        let mut name = unescaped(address, Mode::Host)?;
        name.extend(unescaped(zone, Mode::Zone)?);
        check_address(&name)?;
        return Ok([b"[", name.as_slice(), b"]", port].concat());
    }
    if let Some(first) = memchr::memchr(b':', text) {
        // Only for the web is more than one colon certainly wrong.
        let strict = scheme == b"http" || scheme == b"https";
        let colon = if strict {
            Some(first)
        } else {
            memchr::memrchr(b':', text)
        };
        let port = colon.and_then(|at| text.get(at..)).unwrap_or_default();
        if !is_port(port) {
            return Err(bad_port(port));
        }
    }
    unescaped(text, Mode::Host)
}

/// What is in brackets must be an IPv6 address, which may have a zone.
fn check_address(name: &[u8]) -> Result<(), Vec<u8>> {
    let (address, zone) = cut(name, b'%');
    let address = lossy(address);
    if address.parse::<Ipv6Addr>().is_ok() && zone != Some(b"") {
        return Ok(());
    }
    if address.parse::<Ipv4Addr>().is_ok() && zone.is_none() {
        return Err(b"invalid IP-literal".to_vec());
    }
    Err([
        b"invalid host: ParseAddr(",
        quoted(name).as_slice(),
        b"): unable to parse IP",
    ]
    .concat())
}

impl Url {
    /// The parts, or the text of Go's error.
    pub(super) fn parse(text: &[u8]) -> Result<Self, Vec<u8>> {
        let (before, fragment) = cut(text, b'#');
        let wrapped =
            |text: &[u8], error: Vec<u8>| [b"parse ", quoted(text).as_slice(), b": ", &error].concat();
        let mut url = Self::parse_without_fragment(before).map_err(|error| wrapped(before, error))?;
        if let Some(fragment) = fragment {
            url.fragment = unescaped(fragment, Mode::Fragment).map_err(|error| wrapped(text, error))?;
        }
        Ok(url)
    }

    fn parse_without_fragment(text: &[u8]) -> Result<Self, Vec<u8>> {
        if text.iter().any(u8::is_ascii_control) {
            return Err(b"net/url: invalid control character in URL".to_vec());
        }
        let mut url = Self::default();
        if text == b"*" {
            url.path = text.to_vec();
            return Ok(url);
        }
        let (scheme, rest) = scheme(text)?;
        url.scheme = scheme.to_ascii_lowercase();
        let (mut rest, query) = cut(rest, b'?');
        url.query = query.unwrap_or_default().to_vec();
        if !rest.starts_with(b"/") {
            if !url.scheme.is_empty() {
                url.opaque = rest.to_vec();
                return Ok(url);
            }
            if cut(rest, b'/').0.contains(&b':') {
                return Err(b"first path segment in URL cannot contain colon".to_vec());
            }
        }
        let authority = rest
            .strip_prefix(b"//")
            .filter(|_| !url.scheme.is_empty() || !rest.starts_with(b"///"));
        if let Some(authority) = authority {
            let end = memchr::memchr(b'/', authority).unwrap_or(authority.len());
            let (authority, path) = authority.split_at_checked(end).unwrap_or((authority, b""));
            rest = path;
            match memchr::memrchr(b'@', authority) {
                Some(at) => {
                    url.host = host(&url.scheme, authority.get(at + 1..).unwrap_or_default())?;
                    url.user = Some(User::parse(authority.get(..at).unwrap_or_default())?);
                }
                None => url.host = host(&url.scheme, authority)?,
            }
        }
        url.path = unescaped(rest, Mode::Path)?;
        Ok(url)
    }

    /// The host without its port and brackets.
    pub(super) fn hostname(&self) -> &[u8] {
        let mut host = self.host.as_slice();
        if let Some((name, port)) = memchr::memrchr(b':', host).and_then(|at| host.split_at_checked(at))
            && is_port(port)
        {
            host = name;
        }
        let inner = host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]"));
        inner.unwrap_or(host)
    }
}
