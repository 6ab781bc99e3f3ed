//! The smallest HTTP client that can push to a registry: HTTP/1.0 on loopback, one request a connection.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An answer.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Header lines, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of that (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Sends one request. With HTTP/1.0 the answer ends with the connection, so there is no framing to
/// get wrong.
pub fn send(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: Option<(u64, &mut dyn Read)>,
) -> io::Result<Response> {
    let limit = Some(Duration::from_mins(1));
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(limit)?;
    stream.set_write_timeout(limit)?;
    let mut head = Vec::new();
    write!(head, "{method} {target} HTTP/1.0\r\nHost: {address}\r\n")?;
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n")?;
    }
    if let Some((length, _)) = &body {
        write!(head, "Content-Length: {length}\r\n")?;
    }
    head.extend_from_slice(b"\r\n");
    stream.write_all(&head)?;
    if let Some((length, reader)) = body {
        let sent = io::copy(&mut reader.take(length), &mut stream)?;
        assert_eq!(sent, length, "the body ended early");
    }
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    parse(&answer).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not an HTTP answer"))
}

/// `GET` without any header.
pub fn get(address: SocketAddr, target: &str) -> io::Result<Response> {
    send(address, "GET", target, &[], None)
}

fn parse(answer: &[u8]) -> Option<Response> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let mut lines = std::str::from_utf8(&answer[..end]).ok()?.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Some(Response {
        status,
        headers,
        body: answer[end + 4..].to_vec(),
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn splits_an_answer() {
        let answer = super::parse(b"HTTP/1.0 201 Created\r\nLocation: /a:b\r\n\r\nbody").unwrap();
        assert_eq!((answer.status, answer.header("location")), (201, Some("/a:b")));
        assert_eq!(answer.body, b"body");
        assert!(super::parse(b"HTTP/1.0 201").is_none());
    }
}
