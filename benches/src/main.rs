//! Airlock against its peers, side by side on one machine: what `cargo xtask bench` runs.
//!
//! Every row is measured in rounds; a round runs Airlock and each peer once, so that whatever else the
//! machine does falls on all of them. The table shows medians. See `docs/performance.md`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a command-line tool for developers, which fails by panic"
)]

use clap::{Parser, ValueEnum};

mod import;
mod nginx;
mod pack;
mod serve;
mod start;
mod table;
mod verify;
mod world;

use table::Table;
use world::World;

/// Measures the airlock that AIRLOCK_BIN names against its peers
#[derive(Parser)]
struct Args {
    /// Measure only this; may be repeated
    #[arg(value_enum)]
    only: Vec<Subject>,
    /// How often everything is measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=20))]
    rounds: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Subject {
    Build,
    Verify,
    Import,
    Blob,
    Manifest,
    Start,
}

fn main() {
    let args = Args::parse();
    let wanted = |subject| args.only.is_empty() || args.only.contains(&subject);
    let mut table = Table::new(usize::from(args.rounds));
    let of_world = [
        Subject::Build,
        Subject::Verify,
        Subject::Import,
        Subject::Blob,
        Subject::Manifest,
    ];
    if of_world.into_iter().any(wanted)
        && let Some(world) = World::build(&mut table)
    {
        if wanted(Subject::Build) {
            pack::measure(&world, &mut table);
        }
        if wanted(Subject::Verify) {
            verify::measure(&world, &mut table);
        }
        if wanted(Subject::Import) {
            import::measure(&world, &mut table);
        }
        if wanted(Subject::Blob) || wanted(Subject::Manifest) {
            let server = serve::Servers::start(&world, &mut table);
            if wanted(Subject::Blob) {
                server.measure_blob(&mut table);
            }
            if wanted(Subject::Manifest) {
                server.measure_manifest(&mut table);
            }
        }
    }
    if wanted(Subject::Start) {
        start::measure(&mut table);
    }
    table.print();
}
