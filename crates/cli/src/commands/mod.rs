//! One file for each command, or for a few that belong together.

mod audit;
mod build;
mod care;
mod check;
mod cluster;
mod config;
mod config_apt;
mod demo;
mod export;
mod generations;
mod health;
mod images;
mod import;
mod inspect;
mod install;
mod inventory;
mod keygen;
mod lock;
mod ls;
mod node_name;
mod outdated;
mod preflight;
mod receipts;
mod sbom;
mod serve;
mod shell;
mod template;
mod uninstall;
pub(crate) mod verify;
mod views;

use crate::args::{Command, Document, Global};
use crate::failure::Result;
use crate::print;

/// Runs the command that was asked for.
pub(crate) fn run(command: Command, global: &Global) -> Result {
    match command {
        Command::Images(args) => images::run(&args, global),
        Command::Lock(args) => lock::run(&args, global),
        Command::Outdated(args) => outdated::run(&args, global),
        Command::Why(args) => views::run_why(&args, global),
        Command::Tree(args) => views::run_tree(&args, global),
        Command::Diff(args) => views::run_diff(&args, global),
        Command::Build(args) => build::build(&args, global),
        Command::Pack(args) => build::pack_lock(&args, global),
        Command::Keygen(args) => keygen::run(&args, global),
        Command::Verify(args) => verify::run(&args, global),
        Command::Audit(args) => audit::run(&args, global),
        Command::Check(args) => check::run(&args, global),
        Command::Sbom(args) => sbom::run(&args, global),
        Command::Inspect(args) => inspect::run(&args, global),
        Command::Ls(args) => ls::run(&args, global),
        Command::Import(args) => import::run(&args, global),
        Command::Serve(args) => serve::run(&args, global),
        Command::Export(args) => export::run(&args, global),
        Command::Config(args) => config::run(&args, global),
        Command::Install(args) => install::run(&args, global),
        Command::Uninstall(args) => uninstall::run(&args, global),
        Command::Generations(args) => generations::run(&args, global),
        Command::Rollback(args) => generations::rollback(&args, global),
        Command::Gc(args) => care::gc(&args, global),
        Command::Scrub(args) => care::scrub(&args, global),
        Command::Inventory(args) => inventory::run(&args, global),
        Command::Receipts(args) => receipts::run(&args, global),
        Command::Preflight(args) => preflight::run(&args, global),
        Command::Cluster(command) => cluster::run(&command, global),
        Command::Health(args) => health::run(&args, global),
        Command::Template(args) => template::run(&args, global),
        Command::Demo(args) => demo::run(&args, global),
        Command::Schema { of } => schema(of),
        Command::Completions { shell } => shell::completions(shell),
        Command::Man { dir } => shell::man(&dir),
    }
}

fn schema(of: Document) -> Result {
    let schema = match of {
        Document::Manifest => airlock_spec::manifest::schema(),
        Document::Site => airlock_spec::site::schema(),
    };
    let mut text = serde_json::to_string_pretty(&schema)?;
    text.push('\n');
    print::out(&text)
}
