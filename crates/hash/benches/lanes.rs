//! How fast each engine hashes streams that are in memory, against aws-lc-rs on one stream at a time:
//! `cargo bench -p airlock-hash`. Medians of rounds in which every engine has its turn; on one thread.
//!
//! A processor with SHA instructions makes aws-lc-rs fast; `OPENSSL_ia32cap=:~0x20000000` hides them from it.

use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

use airlock_hash::{Bytes, Engine, Sha256, hash_many};

const ROUNDS: usize = 7;

fn main() {
    // `cargo test --benches` asks whether it runs, not how fast.
    let measured = std::env::args().any(|argument| argument == "--bench");
    let (rounds, length) = if measured { (ROUNDS, 8 << 20) } else { (1, 1 << 12) };
    println!(
        "best here: {:?}; available: {:?}",
        Engine::best(),
        Engine::available()
    );
    for count in [1, 2, 3, 4, 5, 8, 12, 16, 32] {
        run(count, length, rounds);
    }
    run(2000, length / 500, rounds);
    if measured {
        openssl();
    }
}

/// `count` streams of `length` bytes.
fn run(count: usize, length: usize, rounds: usize) {
    let data: Vec<u8> = (0..=250).cycle().take(count * length).collect();
    let streams = || data.chunks(length);
    let mut times = vec![Vec::new(); 1 + Engine::available().len()];
    for _ in 0..rounds {
        times[0].push(timed(|| {
            for stream in streams() {
                let mut hasher = Sha256::new();
                stream.chunks(1 << 16).for_each(|chunk| hasher.update(chunk));
                black_box(hasher.finish());
            }
        }));
        for (engine, times) in Engine::available().into_iter().zip(&mut times[1..]) {
            times.push(timed(|| {
                let mut waiting = streams();
                hash_many(
                    engine,
                    1 << 16,
                    || waiting.next().map(Bytes),
                    |_, hash| {
                        black_box(hash.is_ok());
                    },
                );
            }));
        }
    }
    let medians: Vec<f64> = times.iter_mut().map(|times| median(times)).collect();
    print!(
        "{count:5} x {length:8} bytes: aws-lc-rs {:6.0} MB/s",
        rate(data.len(), medians[0])
    );
    for (engine, time) in Engine::available().iter().zip(&medians[1..]) {
        print!(
            "; {engine:?} {:6.0} ({:.2} x)",
            rate(data.len(), *time),
            medians[0] / time
        );
    }
    println!();
}

/// What the foreign command says of itself, where there is one.
fn openssl() {
    match Command::new("openssl")
        .args(["speed", "-bytes", "65536", "-seconds", "1", "sha256"])
        .output()
    {
        Ok(output) if output.status.success() => {
            let text = String::from_utf8_lossy(&output.stdout);
            println!("openssl speed: {}", text.lines().last().unwrap_or_default());
        }
        _ => println!("openssl speed: not installed"),
    }
}

fn timed(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn rate(bytes: usize, seconds: f64) -> f64 {
    bytes as f64 / seconds / 1e6
}
