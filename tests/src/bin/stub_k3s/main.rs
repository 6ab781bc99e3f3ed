//! What looks like k3s to an installer, and runs no cluster.
//!
//! It reads the configuration of k3s and refuses what k3s would refuse or pass over, reads the archives of images, makes the files that
//! k3s makes, tells systemd that it is ready, and answers a little of the API. Every start is written down in
//! `/run/stub-k3s/starts`, every other command in `/run/stub-k3s/calls`. The file `/run/stub-k3s/fail` makes it fail: `exit` at
//! once, `hang` before it is ready, `crash` after; `/run/stub-k3s/down` names a deployment that does not run. What becomes of charts is in `helm.rs`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a program of tests: it talks as k3s does, and fails by panic"
)]

mod api;
mod archives;
mod helm;
mod record;
mod registries;
mod settings;
mod state;

use std::process::ExitCode;
use std::time::Duration;

use record::FOLDER;
use settings::{Role, Settings};

fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().collect();
    let program = words.remove(0);
    // One binary under several names, as k3s is.
    let name = program.rsplit('/').next().unwrap_or_default();
    if ["kubectl", "crictl", "ctr"].contains(&name) {
        words.insert(0, name.to_owned());
    }
    let command = words.first().cloned().unwrap_or_default();
    match command.as_str() {
        "server" => run(Role::Server, &words[1..]),
        "agent" => run(Role::Agent, &words[1..]),
        "--version" | "-v" => {
            println!("k3s version {} (stub)\ngo version go1.24.9", record::version());
            ExitCode::SUCCESS
        }
        "kubectl" | "crictl" | "ctr" | "certificate" | "token" | "etcd-snapshot" | "secrets-encrypt"
        | "check-config" => other(&words),
        _ => {
            eprintln!("No help topic for '{command}'");
            ExitCode::from(3)
        }
    }
}

fn fatal(message: &str) -> ExitCode {
    eprintln!("time=\"2026-01-01T00:00:00Z\" level=fatal msg={message:?}");
    ExitCode::FAILURE
}

fn info(message: &str) {
    eprintln!("time=\"2026-01-01T00:00:00Z\" level=info msg={message:?}");
}

/// What k3s would run: the service itself.
fn run(role: Role, words: &[String]) -> ExitCode {
    let fail = std::fs::read_to_string(format!("{FOLDER}/fail")).unwrap_or_default();
    info(&format!("Starting k3s {}", record::version()));
    let settings = match Settings::read(role, words) {
        Ok(settings) => settings,
        Err(message) => return fatal(&message),
    };
    record::start(role, words, &settings);
    if fail.trim() == "exit" {
        return fatal("starting kubernetes: preparing server: the stub was told to fail");
    }
    if let Err(message) = registries::check(&settings.registries) {
        return fatal(&message);
    }
    let images = match archives::read(&settings.data.join("agent/images")) {
        Ok(images) => images,
        Err(message) => return fatal(&message),
    };
    record::images(&images);
    info(&format!("Imported {} images", images.len()));
    if let Err(message) = state::write(role, &settings) {
        return fatal(&message);
    }
    if role == Role::Server
        && let Err(message) = api::serve(&settings)
    {
        return fatal(&message);
    }
    state::shim(&settings);
    if fail.trim() == "hang" {
        info("Waiting for API server to become available");
        loop {
            std::thread::sleep(Duration::from_secs(1));
        }
    }
    record::ready();
    info("k3s is up and running");
    if fail.trim() == "crash" {
        std::thread::sleep(Duration::from_millis(300));
        return fatal("the stub was told to crash");
    }
    loop {
        std::thread::sleep(Duration::from_mins(1));
    }
}

/// Commands besides the service.
fn other(words: &[String]) -> ExitCode {
    record::call(words);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["crictl", "images", ..] => println!("{}", record::crictl_images()),
        ["certificate", "check", ..] => println!("{}", record::certificates()),
        ["secrets-encrypt", "status", ..] => println!("Encryption Status: Enabled"),
        ["etcd-snapshot", ..] => println!("Snapshot on-demand saved."),
        _ => {}
    }
    ExitCode::SUCCESS
}
