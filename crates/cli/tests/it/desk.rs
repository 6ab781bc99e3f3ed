//! The desk of a release engineer: a folder, the command in it, and an upstream that does what it is told.

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use airlock_testkit::{FakeUpstream, Options, Upstream};
use tempfile::TempDir;

/// An exit code, and everything printed.
pub(crate) type Said = (i32, String);

/// A folder of its own, which is the home as well.
pub(crate) struct Desk(TempDir);

impl Desk {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// The command with nothing in its environment that it was not given here.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_airlock"));
        command
            .args(words)
            .current_dir(self.folder())
            .env_clear()
            .env("HOME", self.folder())
            .env("AIRLOCK_KEY_PASSWORD", "test")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Said {
        finish(self.command(words))
    }
}

pub(crate) fn finish(mut command: Command) -> Said {
    said(command.output().unwrap())
}

pub(crate) fn start(mut command: Command) -> Child {
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

pub(crate) fn wait(child: Child) -> Said {
    said(child.wait_with_output().unwrap())
}

fn said(output: Output) -> Said {
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    (output.status.code().unwrap_or(-1), text.concat())
}

/// A manifest with these components.
pub(crate) fn manifest(components: &str) -> String {
    format!(
        "apiVersion: airlock.dev/v1\nkind: Manifest\nmetadata: {{name: edge, version: 1.0.0}}\nplatforms: [linux/amd64]\ncomponents:\n{components}"
    )
}

/// A manifest of one component with these images, and `more` of it.
pub(crate) fn manifest_of_images(images: &[String], more: &str) -> String {
    let mut text = "- name: app\n  images:\n".to_owned();
    for image in images {
        text.push_str(&format!("  - {image:?}\n"));
    }
    manifest(&(text + more))
}

/// An upstream that runs as long as this lives.
pub(crate) struct Serving {
    server: FakeUpstream,
    _runtime: tokio::runtime::Runtime,
}

impl Serving {
    pub(crate) fn start(content: Upstream, options: Options) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let server = runtime.block_on(FakeUpstream::start(content, options)).unwrap();
        Self {
            server,
            _runtime: runtime,
        }
    }
}

impl Deref for Serving {
    type Target = FakeUpstream;

    fn deref(&self) -> &FakeUpstream {
        &self.server
    }
}
