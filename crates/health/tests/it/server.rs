//! An API server on loopback: TLS with an authority of its own, opened by a client's certificate or a token.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use airlock_health::{Access, Client};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use crate::world::World;

pub(crate) const TOKEN: &str = "token-hunter2-of-the-cluster";

/// How the server behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As one should.
    Good,
    /// It takes connections and says nothing.
    Silent,
    /// It shakes hands and then says nothing.
    Deaf,
    /// It answers these bytes to everything.
    Says(Vec<u8>),
    /// It answers, and goes on for ever.
    Endless,
}

/// What one connection asks.
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) authority: String,
    pub(crate) identity: String,
    world: Arc<Mutex<World>>,
    asked: Arc<Mutex<Vec<String>>>,
    stops: Arc<AtomicBool>,
}

impl Server {
    pub(crate) fn start(world: World) -> Self {
        Self::with(world, Manner::Good, (2020, 2090))
    }

    /// A server whose certificate is valid from the one year to the other.
    pub(crate) fn with(world: World, manner: Manner, years: (i32, i32)) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let issue = |names: &[&str], years: (i32, i32)| {
            let key = KeyPair::generate().unwrap();
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let mut params = CertificateParams::new(names).unwrap();
            params.not_before = date_time_ymd(years.0, 1, 1);
            params.not_after = date_time_ymd(years.1, 1, 1);
            (params.signed_by(&key, &authority).unwrap(), key)
        };
        let (certificate, key) = issue(&["localhost", "127.0.0.1"], years);
        let (client, client_key) = issue(&["admin"], (2020, 2090));
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
        let server = Self {
            address: listener.local_addr().unwrap(),
            authority: authority.pem(),
            identity: format!("{}\n{}", client.pem(), client_key.serialize_pem()),
            world: Arc::new(Mutex::new(world)),
            asked: Arc::default(),
            stops: Arc::default(),
        };
        let shared = (
            Arc::clone(&server.world),
            Arc::clone(&server.asked),
            Arc::clone(&server.stops),
        );
        let config = Arc::new(config);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (world, asked, stops) = shared.clone();
                if stops.load(Ordering::SeqCst) {
                    return;
                }
                let (config, manner) = (Arc::clone(&config), manner.clone());
                std::thread::spawn(move || {
                    // Clients that give up go away in the middle.
                    let _ = serve(stream?, config, &manner, &world, &asked, &stops);
                    std::io::Result::Ok(())
                });
            }
        });
        server
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// Method and path of everything that was asked.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn access(&self) -> Access {
        Access {
            authority: Some(self.authority.clone().into_bytes()),
            identity: Some(self.identity.clone().into()),
            patience: Duration::from_secs(5),
            ..Access::new(format!("https://{}", self.address).parse().unwrap())
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.access()).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stops.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(
    mut stream: TcpStream,
    config: Arc<ServerConfig>,
    manner: &Manner,
    world: &Mutex<World>,
    asked: &Mutex<Vec<String>>,
    stops: &AtomicBool,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    if *manner == Manner::Silent {
        while !stops.load(Ordering::SeqCst) && stream.read(&mut [0; 1024])? > 0 {}
        return Ok(());
    }
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
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.parse().ok())?
        });
        let mut body = vec![0; length.unwrap_or(0)];
        tls.read_exact(&mut body)?;
        let mut words = head.split(' ');
        let method = words.next().unwrap_or_default().to_owned();
        let target = words.next().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        asked.lock().unwrap().push(format!("{method} {path}"));
        match manner {
            Manner::Deaf => {
                while !stops.load(Ordering::SeqCst) && tls.read(&mut byte)? > 0 {}
                return Ok(());
            }
            Manner::Says(bytes) => {
                tls.write_all(bytes)?;
                tls.flush()?;
                return Ok(());
            }
            Manner::Endless => {
                write!(tls, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
                let chunk = [b"10000\r\n".as_slice(), &vec![b' '; 0x10000], b"\r\n"].concat();
                while !stops.load(Ordering::SeqCst) {
                    tls.write_all(&chunk)?;
                }
                return Ok(());
            }
            Manner::Good | Manner::Silent => {}
        }
        let by_token = head.contains(&format!("Bearer {TOKEN}"));
        let (status, answer) = if by_token || tls.conn.peer_certificates().is_some() {
            let asked = Asked {
                method,
                path: path.to_owned(),
                query: query.to_owned(),
                head,
                body,
            };
            world.lock().unwrap().answer(&asked)
        } else {
            // As unkind as a server can be: it repeats what it was told.
            (
                401,
                serde_json::json!({"kind": "Status", "message": head}).to_string(),
            )
        };
        write!(
            tls,
            "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{answer}",
            answer.len()
        )?;
        tls.flush()?;
    }
}
