//! Tasks of this repository.
//!
//! ```text
//! cargo xtask test                   every check and test, as CI runs them
//! cargo xtask test --only clippy     one step (repeat for more)
//! cargo xtask test --skip deny       all but one step
//! cargo xtask peers                  install the foreign programs that judge Airlock
//! cargo xtask fuzz [--seconds N]     each fuzz target for a while, or the named ones
//! cargo xtask bench [WHAT]           airlock against its peers, as a table
//! cargo xtask apt-oracle             closures of packages, ours against apt's
//! cargo xtask apt-node               packages into real systems of Debian that have no network
//! cargo xtask helm-corpus DIR        every chart below a folder, rendered by Helm and by us
//! cargo xtask image-corpus DIR       the images of every chart below a folder, as Helm and as we render it
//! cargo xtask helm-fuzz              templates made by chance, rendered by both
//! cargo xtask dist                   a static airlock binary
//! cargo xtask schema [--check]       write (or compare) the schemas in manifests/
//! ```
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool for developers"
)]

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

mod apt_node;
mod apt_oracle;
mod bench;
mod cargo;
mod checks;
mod deadline;
mod debian;
mod dist;
mod fuzz;
mod helm;
mod peers;
mod schema;
mod steps;
mod testing;

/// Tasks of this repository
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run every check and test; installs missing test peers on Debian as root
    ///
    /// Steps that cannot run here and tests whose peer is missing are listed by name at the end. With
    /// AIRLOCK_REQUIRE_PEERS=1 they are failures.
    Test(steps::Options),
    /// The same with AIRLOCK_REQUIRE_PEERS=1, as .ci/run does it
    Ci(steps::Options),
    /// Install the missing test peers
    Peers,
    /// Run each fuzz target for a while; needs a C++ compiler, see fuzz/README.md
    Fuzz {
        /// Run only these targets
        targets: Vec<String>,
        /// How long, in seconds
        #[arg(long, value_name = "N", default_value_t = 10)]
        seconds: u64,
    },
    /// Measure airlock against its peers; `cargo xtask bench -- --help` lists what can be chosen
    Bench {
        /// Passed on
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Compare closures of packages with those of apt, in a private root; needs Debian and python3-apt
    AptOracle(apt_oracle::Options),
    /// Install and upgrade in minimal Debian systems that reach nothing but `airlock serve`; needs root and mmdebstrap
    AptNode(apt_node::Options),
    /// Render every chart below a folder with Helm and with airlock, and compare the files
    HelmCorpus(helm::corpus::Options),
    /// Find the images of every chart below a folder, in what Helm renders and in what airlock renders
    ImageCorpus(helm::images::Options),
    /// Render templates made by chance with Helm and with airlock, and compare
    HelmFuzz(helm::fuzz::Options),
    /// Build a static airlock binary, for releases and for carrying in bundles
    Dist,
    /// Write the JSON Schemas of the manifest and of site.yaml into manifests/
    Schema {
        /// Only compare; fail when a file is stale
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Test(options) => steps::run(&options, cargo::peers_are_required()),
        Task::Ci(options) => steps::run(&options, true),
        Task::Peers => peers::install(true),
        Task::Fuzz { targets, seconds } => fuzz::targets(seconds, &targets),
        Task::Bench { arguments } => bench::run(&arguments),
        Task::AptOracle(options) => apt_oracle::compare(&options),
        Task::AptNode(options) => apt_node::start(&options),
        Task::HelmCorpus(options) => helm::corpus::compare(&options),
        Task::ImageCorpus(options) => helm::images::compare(&options),
        Task::HelmFuzz(options) => helm::fuzz::compare(&options),
        Task::Dist => dist::run(),
        Task::Schema { check } => schema(check),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn schema(check: bool) -> Result<()> {
    cargo::build_airlock()?;
    if check { schema::check() } else { schema::write() }
}
