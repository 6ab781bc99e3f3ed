//! The `airlock` command: arguments become settings, settings become one function per command.

mod apt;
mod args;
mod bundles;
mod charts;
mod clock;
mod cluster;
mod commands;
mod failure;
mod files;
mod importer;
mod interrupt;
mod keys;
mod logs;
mod manifests;
mod opened;
mod print;
mod progress;
mod repository_key;
mod sites;
mod sources;
mod tls;
mod upstreams;
mod values;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, ColorMode};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // clap prints help and version as "errors" with exit code 0.
            let code = if error.use_stderr() { 2 } else { 0 };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    logs::start(&cli.global);
    match commands::run(cli.command, &cli.global) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            print::failure(
                &failure,
                cli.global.color != ColorMode::Never,
                cli.global.color == ColorMode::Always,
            );
            ExitCode::from(failure.exit as u8)
        }
    }
}
