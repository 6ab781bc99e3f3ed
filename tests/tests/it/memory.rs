//! What Airlock may take of a machine: 120 MB of memory, and little more disk than the bundle.
//!
//! With `AIRLOCK_TEST_LARGE=1` the large blob has 2 GB, else 1 GB; with `AIRLOCK_TEST_SMALL=1` 300 MB.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use airlock_tests::layout::Layout;
use airlock_tests::memory::{Cost, cost_of};
use airlock_tests::{Airlock, Pushed, Served};

use crate::flag::Raise;

const MEMORY: u64 = 120_000_000;
const LIMIT: Duration = Duration::from_mins(3);
const IMAGES: usize = 1000;

#[test]
fn a_large_blob_goes_through_little_memory() {
    let size = match (is_set("AIRLOCK_TEST_LARGE"), is_set("AIRLOCK_TEST_SMALL")) {
        (true, _) => 2_000_000_000,
        (_, true) => 300_000_000,
        _ => 1_000_000_000,
    };
    let site = Site::new("large");
    let mut layout = Layout::create(&site.airlock.path("images"));
    // A hole with something at its end, so that the test writes little.
    let hole = site.airlock.path("hole");
    let mut file = File::create(&hole).unwrap();
    file.set_len(size - 4).unwrap();
    file.write_all(b"head").unwrap();
    let layer = layout.layer_from(&mut File::open(&hole).unwrap());
    fs::rename(&hole, layout.blob_path(&layer.digest)).unwrap();
    layout.image("large", std::slice::from_ref(&layer));
    layout.finish();

    let bundle = site.build("oci-layout:./images:large\n", size);
    let store = site.verify_and_import(&bundle);
    let allocated = allocated(&store);
    assert!(
        allocated <= with_margin(length(&bundle)),
        "the store takes {allocated} bytes"
    );
    site.export(&store, size);
    site.serve(&store, &[], std::slice::from_ref(&layer));
    let key = site.airlock.path("airlock.pub");
    site.serve(&bundle, &["--key".as_ref(), key.as_os_str()], &[layer]);
}

#[test]
fn a_thousand_images_go_through_little_memory() {
    let site = Site::new("many");
    let mut layout = Layout::create(&site.airlock.path("images"));
    let mut wanted = String::new();
    let (mut layers, mut total) = (Vec::new(), 0);
    for number in 0..IMAGES {
        let content: Vec<u8> = number.to_le_bytes().repeat(4096);
        let layer = layout.layer(&content);
        total += layer.size;
        let tag = format!("n{number}");
        layout.image(&tag, std::slice::from_ref(&layer));
        wanted.push_str(&format!("  - oci-layout:./images:{tag}\n"));
        layers.push(layer);
    }
    layout.finish();
    let bundle = site.build(wanted.trim_start_matches("  - "), total);
    let store = site.verify_and_import(&bundle);
    site.export(&store, total);
    site.serve(&store, &[], &layers[..50]);
    let key = site.airlock.path("airlock.pub");
    site.serve(&bundle, &["--key".as_ref(), key.as_os_str()], &layers[..50]);
}

/// A working folder with a key.
struct Site {
    airlock: Airlock,
    name: &'static str,
}

impl Site {
    fn new(name: &'static str) -> Self {
        let airlock = Airlock::new();
        airlock.write("password", "only for a test\n");
        airlock
            .run(["keygen", "--out", "airlock.key", "--password-file", "password"])
            .succeeds();
        Self { airlock, name }
    }

    /// Locks and packs, without a cache.
    fn build(&self, images: &str, content: u64) -> PathBuf {
        self.airlock.write(
            "airlock.yaml",
            format!(
                "apiVersion: airlock.dev/v1\nkind: Manifest\nmetadata: {{name: {}, version: 1.0.0}}\n\
                 platforms: [linux/amd64]\ncomponents:\n- name: images\n  images:\n  - {images}",
                self.name
            ),
        );
        // The home is the place for temporary files as well.
        let (out, home) = (self.airlock.path("bundles"), self.airlock.path(".home"));
        let before = allocated(&home);
        let mut command = self.airlock.command([
            "build",
            "airlock.yaml",
            "--no-cache",
            "--no-importer",
            "--quiet",
            "--out",
            "bundles",
            "--key",
            "airlock.key",
            "--password-file",
            "password",
        ]);
        let (cost, disk) = watching(
            || allocated(&out) + allocated(&home) - before,
            || cost_of(&mut command, LIMIT),
        );
        modest("build", cost);
        let bundle = out.join(format!("{}-1.0.0.airlock.tar", self.name));
        let size = length(&bundle);
        assert!(size > content, "the bundle has {size} bytes");
        figure(&format!("build: {disk} bytes of disk for a bundle of {size}"));
        assert!(disk > 0, "nothing was seen on the disk");
        assert!(
            disk <= with_margin(size),
            "{disk} bytes of disk for a bundle of {size}"
        );
        bundle
    }

    fn verify_and_import(&self, bundle: &Path) -> PathBuf {
        let store = self.airlock.path("store");
        let run = |name: &str, more: &[&OsStr]| {
            let mut command: Command = self.airlock.command([name, "--quiet", "--key", "airlock.pub"]);
            command.arg(bundle).args(more);
            modest(name, cost_of(&mut command, LIMIT));
        };
        run("verify", &[]);
        // What lies in the store at any moment, temporary files among it.
        let ((), have) = watching(
            || length(&store),
            || run("import", &["--store".as_ref(), store.as_os_str()]),
        );
        let size = length(bundle);
        figure(&format!("import: {have} bytes of disk for a bundle of {size}"));
        assert!(
            have <= with_margin(size),
            "{have} bytes in the store of a bundle of {size}"
        );
        store
    }

    /// Everything as one archive for nodes.
    fn export(&self, store: &Path, content: u64) {
        let mut command: Command = self.airlock.command(["export", "--quiet", "--out", "images.tar"]);
        command.arg(store);
        modest("export", cost_of(&mut command, LIMIT));
        let archive = self.airlock.path("images.tar");
        assert!(length(&archive) > content);
        fs::remove_file(archive).unwrap();
    }

    /// Four clients pull everything at once, while a fifth has stopped reading.
    fn serve(&self, what: &Path, more: &[&OsStr], blobs: &[Pushed]) {
        let served: Served = self.airlock.serve(what, more);
        let repository = repository(served.address());
        let target = |blob: &Pushed| format!("/v2/{repository}/blobs/{}", blob.digest);
        let lazy = ask(served.address(), &target(&blobs[0]));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for blob in blobs {
                        assert_eq!(pull(served.address(), &target(blob)), blob.size);
                    }
                });
            }
        });
        drop(lazy);
        let peak = served.peak_memory().expect("the server runs");
        modest(
            "serve",
            Cost {
                time: Duration::ZERO,
                peak,
            },
        );
    }
}

/// A repository in which everything is.
fn repository(address: SocketAddr) -> String {
    let answer = airlock_tests::http::get(address, "/v2/_catalog?n=10").unwrap();
    let catalog: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let name = catalog["repositories"][0].as_str();
    name.unwrap_or_else(|| panic!("no repository: {catalog}"))
        .to_owned()
}

/// For those who run it with `--nocapture`.
#[expect(clippy::print_stderr, reason = "figures of a test")]
fn figure(line: &str) {
    eprintln!("{line}");
}

#[track_caller]
fn modest(what: &str, cost: Cost) {
    figure(&format!("{what}: {} bytes of memory, {:?}", cost.peak, cost.time));
    assert!(cost.peak > 0, "the memory of {what} was not seen");
    assert!(cost.peak <= MEMORY, "{what} took {} bytes of memory", cost.peak);
}

fn ask(address: SocketAddr, target: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    write!(stream, "GET {target} HTTP/1.0\r\nHost: {address}\r\n\r\n").unwrap();
    stream
}

/// The length of a body that is not kept.
fn pull(address: SocketAddr, target: &str) -> u64 {
    let mut stream = ask(address, target);
    let mut buffer = vec![0; 256 << 10];
    let mut head = Vec::new();
    let start = loop {
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0, "{target}: {}", String::from_utf8_lossy(&head));
        head.extend_from_slice(&buffer[..count]);
        if let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = String::from_utf8_lossy(&head[..start]);
    assert!(text.contains(" 200 "), "{target}: {text}");
    let mut total = (head.len() - start) as u64;
    loop {
        match stream.read(&mut buffer).unwrap() {
            0 => return total,
            count => total += count as u64,
        }
    }
}

/// The result of `work`, and the most that `measure` said meanwhile.
fn watching<T>(measure: impl Fn() -> u64 + Sync, work: impl FnOnce() -> T) -> (T, u64) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut most = 0;
            while !done.load(Ordering::Relaxed) {
                most = most.max(measure());
                thread::sleep(Duration::from_millis(20));
            }
            most.max(measure())
        });
        let raise = Raise(&done);
        let result = work();
        drop(raise);
        (result, watcher.join().unwrap())
    })
}

/// The files at and below a path, as far as they are still there.
fn sum(path: &Path, measure: fn(&fs::Metadata) -> u64) -> u64 {
    let Ok(facts) = fs::symlink_metadata(path) else {
        return 0;
    };
    if !facts.is_dir() {
        return measure(&facts);
    }
    fs::read_dir(path).map_or(0, |entries| {
        entries.flatten().map(|entry| sum(&entry.path(), measure)).sum()
    })
}

fn allocated(path: &Path) -> u64 {
    sum(path, |facts| facts.blocks() * 512)
}

fn length(path: &Path) -> u64 {
    sum(path, fs::Metadata::len)
}

fn with_margin(size: u64) -> u64 {
    size + size / 50
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| value == "1")
}
