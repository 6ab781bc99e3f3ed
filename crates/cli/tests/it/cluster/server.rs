//! An API server on loopback: TLS with an authority of its own, a token or a client's certificate, lists in pages.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

/// What the server does besides answering.
#[derive(Clone, Default)]
pub(crate) struct Rules {
    /// The token that opens it.
    pub(crate) token: Option<String>,
    /// Whether a certificate of its authority opens it.
    pub(crate) wants_certificate: bool,
    /// The items of lists by their paths; other paths are not known.
    pub(crate) lists: BTreeMap<&'static str, (&'static str, Vec<Value>)>,
    /// Whole answers by their paths.
    pub(crate) bodies: BTreeMap<&'static str, String>,
    /// Paths that nobody may see.
    pub(crate) denied: Vec<&'static str>,
    /// How many items one answer has at most.
    pub(crate) page: usize,
    /// Answers of this status to the first requests that go on with a list.
    pub(crate) gone: usize,
    /// Whether every list goes on for ever.
    pub(crate) is_endless: bool,
}

struct Shared {
    rules: Rules,
    asked: Mutex<Vec<String>>,
    gone: Mutex<usize>,
    stops: AtomicBool,
}

pub(crate) struct ApiServer {
    pub(crate) address: SocketAddr,
    /// The certificate of the authority.
    pub(crate) authority: String,
    /// Certificate and key of a client.
    pub(crate) client: (String, String),
    shared: Arc<Shared>,
}

impl ApiServer {
    pub(crate) fn start(rules: Rules) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let issue = |names: &[&str]| {
            let key = KeyPair::generate().unwrap();
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let params = CertificateParams::new(names).unwrap();
            (params.signed_by(&key, &authority).unwrap(), key)
        };
        let (certificate, key) = issue(&["localhost", "127.0.0.1"]);
        let (client, client_key) = issue(&["admin"]);
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
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            gone: Mutex::new(rules.gone),
            rules,
            asked: Mutex::default(),
            stops: AtomicBool::new(false),
        });
        let (config, serving) = (Arc::new(config), Arc::clone(&shared));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.stops.load(Ordering::SeqCst) {
                    return;
                }
                let (config, serving) = (Arc::clone(&config), Arc::clone(&serving));
                std::thread::spawn(move || {
                    // Clients that refuse the certificate go away in the middle.
                    let _ = serve(stream?, config, &serving);
                    std::io::Result::Ok(())
                });
            }
        });
        Self {
            address,
            authority: authority.pem(),
            client: (client.pem(), client_key.serialize_pem()),
            shared,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The paths with their queries, in order, and whether a certificate was shown.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap().clone()
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.shared.stops.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: TcpStream, config: Arc<ServerConfig>, shared: &Shared) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut tls = StreamOwned::new(connection, stream);
    loop {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && head.len() < 65_536 {
            if tls.read(&mut byte)? == 0 {
                return Ok(());
            }
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let has_certificate = tls.conn.peer_certificates().is_some();
        let (status, body) = answer(&head, has_certificate, shared);
        write!(
            tls,
            "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )?;
        tls.flush()?;
        if head.to_lowercase().contains("connection: close") {
            tls.sock.shutdown(Shutdown::Write)?;
            return Ok(());
        }
    }
}

fn answer(head: &str, has_certificate: bool, shared: &Shared) -> (u16, String) {
    let target = head.split(' ').nth(1).unwrap_or_default();
    let shown = if has_certificate {
        " with a certificate"
    } else {
        ""
    };
    shared.asked.lock().unwrap().push(format!("{target}{shown}"));
    let rules = &shared.rules;
    let authorization = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("authorization").then_some(value)
    });
    let by_token = rules
        .token
        .as_ref()
        .is_some_and(|token| authorization == Some(&format!("Bearer {token}")));
    let by_certificate = rules.wants_certificate && has_certificate;
    if !by_token && !by_certificate {
        // As unkind as a server can be: it repeats what it was told.
        return (401, json!({"kind": "Status", "message": head}).to_string());
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if rules.denied.contains(&path) {
        return (403, json!({"kind": "Status", "message": head}).to_string());
    }
    if let Some(body) = rules.bodies.get(path) {
        return (200, body.clone());
    }
    let Some((kind, items)) = rules.lists.get(path) else {
        return (404, json!({"kind": "Status", "message": head}).to_string());
    };
    let parameter = |name: &str| {
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs
            .into_iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    let from: usize =
        parameter("continue").map_or(0, |token| token.trim_start_matches("more/").parse().unwrap());
    if from > 0 {
        let mut gone = shared.gone.lock().unwrap();
        if *gone > 0 {
            *gone -= 1;
            return (410, json!({"kind": "Status", "message": head}).to_string());
        }
    }
    let limit: usize = parameter("limit").map_or(usize::MAX, |limit| limit.parse().unwrap());
    let to = items.len().min(from.saturating_add(limit.min(rules.page.max(1))));
    let mut metadata = json!({"resourceVersion": "1"});
    if to < items.len() || rules.is_endless {
        // A token with a character that must be escaped.
        metadata["continue"] = format!("more/{}", if rules.is_endless { 1 } else { to }).into();
    }
    let version = if path.starts_with("/apis/apps") {
        "apps/v1"
    } else if path.starts_with("/apis/batch") {
        "batch/v1"
    } else {
        "v1"
    };
    let page = json!({"kind": kind, "apiVersion": version, "metadata": metadata, "items": items.get(from..to).unwrap_or_default()});
    (200, page.to_string())
}
