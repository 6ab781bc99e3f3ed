//! Servers with TLS and an authority of their own, one thread for each connection: what tests take for an API server.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

/// How long a client may say nothing.
const PATIENCE: Duration = Duration::from_secs(20);
/// The longest head of a request.
const MAX_HEAD: usize = 65_536;

/// A server that stops taking connections when it goes.
#[derive(Debug)]
pub struct Https {
    /// Where it listens.
    pub address: SocketAddr,
    /// The certificate of its authority, in PEM.
    pub authority: String,
    /// Certificate and key of a client, of the same authority.
    pub client: (String, String),
    stops: Arc<AtomicBool>,
}

/// What a server is known by.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The names and addresses of its certificate.
    pub names: Vec<String>,
    /// The years in whose first days the certificate begins and ends.
    pub years: (i32, i32),
}

impl Default for Identity {
    fn default() -> Self {
        Self {
            names: vec!["localhost".to_owned(), "127.0.0.1".to_owned()],
            years: (2020, 2090),
        }
    }
}

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`
    pub method: String,
    /// `/api/v1/pods?limit=10`
    pub target: String,
    /// Its first line and headers, as they came.
    pub head: String,
    /// What came with it.
    pub body: Vec<u8>,
    /// Whether the client has shown a certificate of the authority.
    pub has_certificate: bool,
}

/// A connection, before its handshake.
#[derive(Debug)]
pub struct Connection {
    /// What TLS hides: reading or writing shakes hands.
    pub tls: StreamOwned<ServerConnection, TcpStream>,
    stops: Arc<AtomicBool>,
}

impl Https {
    /// A server on a free port of loopback; `serve` has each connection to itself.
    pub fn start(
        identity: &Identity,
        serve: impl Fn(Connection) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), identity, serve)
    }

    /// The same on a listener.
    pub fn on(
        listener: TcpListener,
        identity: &Identity,
        serve: impl Fn(Connection) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let issue = |identity: &Identity| {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(identity.names.clone()).unwrap();
            params.not_before = date_time_ymd(identity.years.0, 1, 1);
            params.not_after = date_time_ymd(identity.years.1, 1, 1);
            (params.signed_by(&key, &authority).unwrap(), key)
        };
        let (certificate, key) = issue(identity);
        let (client, client_key) = issue(&Identity {
            names: vec!["admin".to_owned()],
            ..Identity::default()
        });
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).unwrap();
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients)
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            authority: authority.pem(),
            client: (client.pem(), client_key.serialize_pem()),
            stops: Arc::default(),
        };
        let (config, serve, stops) = (Arc::new(config), Arc::new(serve), Arc::clone(&server.stops));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stops.load(Ordering::SeqCst) {
                    return;
                }
                let (config, serve, stops) = (Arc::clone(&config), Arc::clone(&serve), Arc::clone(&stops));
                thread::spawn(move || {
                    stream.set_nodelay(true)?;
                    stream.set_read_timeout(Some(PATIENCE))?;
                    let session = ServerConnection::new(config).map_err(io::Error::other)?;
                    let tls = StreamOwned::new(session, stream);
                    // Clients that refuse the certificate, or give up, go away in the middle.
                    let _ = serve(Connection { tls, stops });
                    io::Result::Ok(())
                });
            }
        });
        server
    }

    /// `https://127.0.0.1:1234`
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }
}

impl Drop for Https {
    fn drop(&mut self) {
        self.stops.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

impl Request {
    /// The target without its query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// What comes behind `?`.
    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// A header by its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (of, value) = line.split_once(':')?;
        of.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

impl Connection {
    /// Whether the server is gone, so that whoever waits here should go as well.
    pub fn is_over(&self) -> bool {
        self.stops.load(Ordering::SeqCst)
    }

    /// The next request; none when the client has ended.
    pub fn request(&mut self) -> io::Result<Option<Request>> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && head.len() < MAX_HEAD {
            if self.tls.read(&mut byte)? == 0 {
                return Ok(None);
            }
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let length = header(&head, "content-length").and_then(|value| value.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        self.tls.read_exact(&mut body)?;
        let mut words = head.split(' ');
        let mut word = || words.next().unwrap_or_default().to_owned();
        Ok(Some(Request {
            method: word(),
            target: word(),
            body,
            has_certificate: self.tls.conn.peer_certificates().is_some(),
            head,
        }))
    }

    /// Answers the request; an error when the client wanted it to be the last one.
    pub fn answer(&mut self, request: &Request, status: u16, kind: &str, body: &str) -> io::Result<()> {
        write!(
            self.tls,
            "HTTP/1.1 {status} x\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )?;
        self.tls.flush()?;
        if request
            .header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"))
        {
            self.tls.sock.shutdown(Shutdown::Write)?;
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }
}
