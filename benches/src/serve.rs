//! Sending what is there: `airlock serve`, docker-registry, and nginx with the same bytes as files.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use airlock_tests::memory::cost_of;
use airlock_tests::{Served, peer};

use crate::nginx::Nginx;
use crate::table::{Better, Runner, Sample, Table, Unit, versioned};
use crate::world::{LARGE, LIMIT, World, image};

/// How long each measurement of a rate takes.
const WRK: &str = "2s";

pub(crate) struct Servers<'a> {
    world: &'a World,
    airlock: Served,
    nginx: Option<Nginx>,
}

impl<'a> Servers<'a> {
    pub(crate) fn start(world: &'a World, table: &mut Table) -> Self {
        let store = world.airlock.path("served-store");
        for bundle in [&world.bundle, &world.large_bundle] {
            cost_of(&mut world.import_command(bundle, &store), LIMIT);
        }
        let nginx = if peer::find("nginx").is_some() {
            let files = world.airlock.path("nginx/files");
            fs::create_dir_all(&files).unwrap();
            fs::hard_link(&world.large_file, files.join("blob")).unwrap();
            fs::hard_link(&world.manifest_file, files.join("manifest")).unwrap();
            Nginx::start(&world.airlock.path("nginx"))
        } else {
            None
        };
        if nginx.is_none() {
            table.skip("serving against nginx: it is not installed, or does not start");
        }
        Self {
            world,
            airlock: world.airlock.serve(&store, ["--quiet"]),
            nginx,
        }
    }

    /// The same request to every server.
    fn runners<'b>(
        &'b self,
        target: &'b str,
        file: &'static str,
        run: impl Fn(SocketAddr, &str) -> f64 + Copy + 'b,
    ) -> Vec<Runner<'b>> {
        let registry = &self.world.registry;
        let mut runners = vec![
            Runner::new("airlock serve", move || Sample {
                value: run(self.airlock.address(), target),
                peak: self.airlock.peak_memory().unwrap_or_default(),
            }),
            Runner::new(
                versioned("docker-registry", "docker-registry", "--version"),
                move || Sample {
                    value: run(registry.address(), target),
                    peak: registry.peak_memory().unwrap_or_default(),
                },
            ),
        ];
        if let Some(nginx) = &self.nginx {
            runners.push(Runner::new(versioned("nginx", "nginx", "-v"), move || Sample {
                value: run(nginx.address, file),
                peak: nginx.daemon.peak_memory().unwrap_or_default(),
            }));
        }
        runners
    }

    pub(crate) fn measure_blob(&self, table: &mut Table) {
        const RATE: Unit = Unit {
            name: "GB/s",
            digits: 2,
            better: Better::More,
        };
        let target = format!("/v2/bench/large/blobs/{}", self.world.large.digest);
        let what = format!("A blob of {} MB over HTTP", LARGE / 1_000_000);
        table.compare(&what, RATE, self.runners(&target, "/blob", download));
    }

    pub(crate) fn measure_manifest(&self, table: &mut Table) {
        const RATE: Unit = Unit {
            name: "/s",
            digits: 0,
            better: Better::More,
        };
        if peer::find("wrk").is_none() {
            table.skip("small manifests: wrk is not installed");
            return;
        }
        let target = format!("/v2/{}/manifests/1", image(0));
        let size = fs::metadata(&self.world.manifest_file).unwrap().len();
        let what = format!("A manifest of {size} bytes, 32 connections");
        let accept = format!("Accept: {}", self.world.manifest_type);
        let run = |address: SocketAddr, target: &str| requests(address, target, &accept);
        table.compare(&what, RATE, self.runners(&target, "/manifest", run));
    }
}

/// Gigabytes a second of one download.
fn download(address: SocketAddr, target: &str) -> f64 {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let start = Instant::now();
    write!(
        stream,
        "GET {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut buffer = vec![0; 1 << 20];
    let mut total = 0;
    loop {
        match stream.read(&mut buffer).unwrap() {
            0 => break,
            count => {
                if total == 0 {
                    assert!(buffer.starts_with(b"HTTP/1.1 200"), "{target} is not there");
                }
                total += count as u64;
            }
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    assert!(total > LARGE, "the download broke off after {total} bytes");
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let bytes = total as f64;
    bytes / 1e9 / seconds
}

/// Requests a second, as wrk counts them.
fn requests(address: SocketAddr, target: &str, accept: &str) -> f64 {
    let output = Command::new("wrk")
        .args(["-t2", "-c32", "-H", accept, "-d", WRK])
        .arg(format!("http://{address}{target}"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(!text.contains("Non-2xx"), "{text}");
    text.lines()
        .find_map(|line| line.strip_prefix("Requests/sec:"))
        .and_then(|rate| rate.trim().parse().ok())
        .unwrap_or_else(|| panic!("wrk says nothing: {text}"))
}
