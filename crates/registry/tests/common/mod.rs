//! What the integration tests share: a generation in memory, a running server, a client that hides nothing.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Seek, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use airlock_content::{
    BlobBody, BlobRead, Cause, Generation, GenerationView, Move, RootEntry, StoreError, digest_of,
};
use airlock_registry::{Config, Server};
use airlock_types::{Descriptor, Digest, annotation, media_type};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio_rustls::rustls;

/// A store in memory; large blobs are stretches of a file, as they are on disk.
#[derive(Default)]
pub(crate) struct Memory {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    blobs: HashMap<Digest, Stored>,
    roots: Vec<RootEntry>,
    current: Option<Arc<Generation>>,
    /// Every generation that was ever current, the last one at the end.
    past: Vec<Arc<Generation>>,
    opened: usize,
    broken: bool,
}

enum Stored {
    Bytes(Bytes),
    File {
        file: std::fs::File,
        offset: u64,
        len: u64,
    },
}

impl Memory {
    pub(crate) fn blob(&self, bytes: &[u8]) -> Digest {
        let digest = digest_of(bytes);
        let bytes = Bytes::copy_from_slice(bytes);
        self.inner
            .lock()
            .unwrap()
            .blobs
            .insert(digest, Stored::Bytes(bytes));
        digest
    }

    /// A blob that is read from a file, with other bytes before and behind it.
    pub(crate) fn file_blob(&self, bytes: &[u8]) -> Digest {
        let digest = digest_of(bytes);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[0xee; 777]).unwrap();
        file.write_all(bytes).unwrap();
        file.write_all(&[0xdd; 99]).unwrap();
        file.rewind().unwrap();
        let stored = Stored::File {
            file,
            offset: 777,
            len: bytes.len() as u64,
        };
        self.inner.lock().unwrap().blobs.insert(digest, stored);
        digest
    }

    /// A blob of zeros that is too large for the system's socket buffers to swallow, and costs no space.
    pub(crate) fn vast_blob(&self) -> (Digest, usize) {
        const LEN: u64 = 400 << 20;
        let file = tempfile::tempfile().unwrap();
        file.set_len(LEN).unwrap();
        let digest = digest_of(b"vast");
        let stored = Stored::File {
            file,
            offset: 0,
            len: LEN,
        };
        self.inner.lock().unwrap().blobs.insert(digest, stored);
        (digest, usize::try_from(LEN).unwrap())
    }

    pub(crate) fn remove(&self, digest: &Digest) {
        self.inner.lock().unwrap().blobs.remove(digest);
    }

    pub(crate) fn manifest(&self, media_type: &str, value: &Value) -> Descriptor {
        let bytes = value.to_string();
        Descriptor::new(media_type, self.blob(bytes.as_bytes()), bytes.len() as u64)
    }

    /// An image of one platform with these layers; `extra` is merged into its manifest.
    pub(crate) fn image(&self, layers: &[(&str, Digest, usize)], extra: &Value) -> Descriptor {
        let config = br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#;
        let mut value = json!({
            "schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST,
            "config": {"mediaType": media_type::OCI_CONFIG, "digest": self.blob(config), "size": config.len()},
            "layers": layers.iter().map(|(kind, digest, size)| json!({"mediaType": kind, "digest": digest, "size": size})).collect::<Vec<_>>(),
        });
        for (key, field) in extra.as_object().into_iter().flatten() {
            value[key] = field.clone();
        }
        self.manifest(media_type::OCI_MANIFEST, &value)
    }

    /// Names a manifest in the next generation.
    pub(crate) fn root(&self, reference: &str, descriptor: Descriptor) {
        self.root_about(reference, descriptor, None);
    }

    pub(crate) fn root_about(&self, reference: &str, descriptor: Descriptor, subject: Option<Digest>) {
        self.inner.lock().unwrap().roots.push(RootEntry {
            descriptor,
            reference: reference.parse().unwrap(),
            subject,
        });
    }

    pub(crate) fn clear_roots(&self) {
        self.inner.lock().unwrap().roots.clear();
    }

    /// Makes the named roots the current generation.
    pub(crate) fn publish(&self) {
        let mut inner = self.inner.lock().unwrap();
        let bytes = Generation::render(&inner.roots);
        let generation = Arc::new(Generation::from_index(&bytes).unwrap());
        inner.past.push(Arc::clone(&generation));
        inner.current = Some(generation);
    }

    /// From now on, the current generation cannot be read; or can again.
    pub(crate) fn set_broken(&self, broken: bool) {
        self.inner.lock().unwrap().broken = broken;
    }

    /// How many blobs were opened so far.
    pub(crate) fn opened(&self) -> usize {
        self.inner.lock().unwrap().opened
    }
}

impl BlobRead for Memory {
    fn size(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        let inner = self.inner.lock().unwrap();
        Ok(inner.blobs.get(digest).map(|stored| match stored {
            Stored::Bytes(bytes) => bytes.len() as u64,
            Stored::File { len, .. } => *len,
        }))
    }

    fn open(&self, digest: &Digest) -> Result<Option<BlobBody>, StoreError> {
        let mut inner = self.inner.lock().unwrap();
        inner.opened += 1;
        Ok(inner.blobs.get(digest).map(|stored| match stored {
            Stored::Bytes(bytes) => BlobBody::Memory(bytes.clone()),
            Stored::File { file, offset, len } => BlobBody::File {
                file: file.try_clone().unwrap(),
                offset: *offset,
                len: *len,
            },
        }))
    }
}

impl GenerationView for Memory {
    fn generation(&self) -> Result<Arc<Generation>, StoreError> {
        let inner = self.inner.lock().unwrap();
        inner
            .current
            .clone()
            .filter(|_| !inner.broken)
            .ok_or_else(|| StoreError::NoGeneration("none".into()))
    }

    fn moves(&self) -> Result<Vec<Move>, StoreError> {
        let inner = self.inner.lock().unwrap();
        let moves = inner.past.iter().zip(1..).map(|(generation, number)| Move {
            number,
            id: generation.id,
            time: String::new(),
            cause: Cause::Unknown,
            held: true,
            current: false,
        });
        Ok(moves.collect())
    }

    fn earlier(&self, id: &Digest) -> Result<Option<Generation>, StoreError> {
        let inner = self.inner.lock().unwrap();
        let mut past = inner.past.iter();
        Ok(past
            .find(|generation| generation.id == *id)
            .map(|found| Generation::clone(found)))
    }
}

/// A chart as Helm pushes it.
pub(crate) fn chart(store: &Memory, name: &str, version: &str, archive: &[u8]) -> Descriptor {
    let config =
        json!({"apiVersion": "v2", "name": name, "version": version, "keywords": ["a: b"]}).to_string();
    let archive_digest = store.blob(archive);
    store.image(
        &[(media_type::HELM_CHART, archive_digest, archive.len())],
        &json!({"config": {"mediaType": media_type::HELM_CONFIG, "digest": store.blob(config.as_bytes()), "size": config.len()}}),
    )
}

/// A tree of files.
pub(crate) fn files(store: &Memory, files: &[(&str, &[u8])]) -> Descriptor {
    let layers: Vec<Value> = files
        .iter()
        .map(|(title, bytes)| {
            json!({"mediaType": media_type::OCTET_STREAM, "digest": store.blob(bytes), "size": bytes.len(),
                "annotations": {annotation::TITLE: title}})
        })
        .collect();
    let empty = json!({"mediaType": media_type::OCI_EMPTY, "digest": store.blob(b"{}"), "size": 2});
    store.image(
        &[],
        &json!({"artifactType": media_type::AIRLOCK_FILES, "config": empty, "layers": layers}),
    )
}

/// A server on a thread of its own, stopped and waited for when dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

pub(crate) fn config() -> Config {
    let mut config = Config::new("127.0.0.1:0".parse().unwrap());
    config.limits.refresh = Duration::ZERO;
    config.limits.drain = Duration::from_secs(5);
    config.access_log = Some(Arc::new(|_| {}));
    config
}

pub(crate) fn start<V: GenerationView + 'static>(view: Arc<V>) -> Running {
    start_with(view, config())
}

pub(crate) fn start_with<V: GenerationView + 'static>(view: Arc<V>, config: Config) -> Running {
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let (told, address) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let server = Server::bind(config).await.unwrap();
            told.send(server.local_addr()).unwrap();
            server
                .serve(view, async {
                    let _ = stopped.await;
                })
                .await;
        });
    });
    Running {
        address: address.recv().unwrap(),
        stop: Some(stop),
        thread: Some(thread),
    }
}

impl Running {
    /// Gives the signal without waiting.
    pub(crate) fn signal(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.thread
            .as_ref()
            .is_none_or(std::thread::JoinHandle::is_finished)
    }

    pub(crate) fn wait(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    pub(crate) fn get(&self, target: &str) -> Answer {
        self.request("GET", target, &[])
    }

    pub(crate) fn head(&self, target: &str) -> Answer {
        self.request("HEAD", target, &[])
    }

    pub(crate) fn request(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
        let mut connection = Connection::open(self.address);
        connection.send(method, target, headers);
        connection.receive(method == "HEAD")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal();
        if let Some(thread) = self.thread.take() {
            let result = thread.join();
            if !std::thread::panicking() {
                result.unwrap();
            }
        }
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The code of an error, after checking its form.
    pub(crate) fn code(&self) -> String {
        let value = self.json();
        assert_eq!(self.header("content-type"), "application/json");
        assert!(!value["errors"][0]["message"].as_str().unwrap().is_empty());
        value["errors"][0]["code"].as_str().unwrap().to_owned()
    }
}

/// One connection, for requests in sequence.
pub(crate) struct Connection<S = TcpStream> {
    pub(crate) stream: S,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self { stream }
    }
}

impl<S: Read + Write> Connection<S> {
    pub(crate) fn send(&mut self, method: &str, target: &str, headers: &[(&str, &str)]) {
        let mut text = format!("{method} {target} HTTP/1.1\r\nHost: mirror.test:5000\r\n").into_bytes();
        for (name, value) in headers {
            write!(text, "{name}: {value}\r\n").unwrap();
        }
        text.extend(b"\r\n");
        self.stream.write_all(&text).unwrap();
    }

    pub(crate) fn receive_head(&mut self) -> Answer {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Answer {
            status,
            headers,
            body: Vec::new(),
        }
    }

    pub(crate) fn receive(&mut self, head_only: bool) -> Answer {
        let mut answer = self.receive_head();
        if !head_only && answer.status != 304 {
            let len = answer.header("content-length").parse().unwrap();
            answer.body = vec![0; len];
            self.stream.read_exact(&mut answer.body).unwrap();
        }
        answer
    }
}

/// A certificate for `name`, which is its own authority, and the server's side of it.
pub(crate) fn tls(name: &str) -> (rcgen::Certificate, Arc<rustls::ServerConfig>) {
    let issued = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(issued.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![issued.cert.der().clone()], key)
        .unwrap();
    (issued.cert, Arc::new(config))
}

/// Bytes without a pattern that a wrong offset would preserve.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .collect()
}
