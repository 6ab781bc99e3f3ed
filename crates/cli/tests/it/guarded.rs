//! A session with an upstream that refuses, lacks or guards something.

use std::cell::RefCell;
use std::fs;
use std::ops::Deref;
use std::path::PathBuf;

use airlock_testkit::{Options, Upstream};

use crate::desk::{Desk, Said, Serving, finish, manifest_of_images};

pub(crate) struct Session {
    desk: Desk,
    pub(crate) server: Serving,
    variables: RefCell<Vec<(&'static str, String)>>,
}

impl Deref for Session {
    type Target = Desk;

    fn deref(&self) -> &Desk {
        &self.desk
    }
}

impl Session {
    pub(crate) fn new(content: Upstream, options: Options) -> Self {
        let session = Self {
            desk: Desk::new(),
            server: Serving::start(content, options),
            variables: RefCell::default(),
        };
        assert_eq!(session.run(&["keygen"]).0, 0);
        session
    }

    /// Sets an environment variable of every run from now on.
    pub(crate) fn set(&self, name: &'static str, value: String) {
        self.variables.borrow_mut().push((name, value));
    }

    pub(crate) fn manifest(&self, images: &[String], more: &str) {
        self.write("airlock.yaml", &manifest_of_images(images, more));
    }

    pub(crate) fn run(&self, words: &[&str]) -> Said {
        let mut command = self.command(words);
        if matches!(words[0], "lock" | "build") {
            command.args(["--insecure", &self.server.host(), "--retries", "0"]);
        }
        command.envs(self.variables.borrow().iter().map(|(name, value)| (name, value)));
        finish(command)
    }

    pub(crate) fn lock(&self, more: &[&str]) -> Said {
        self.run(&[&["lock"], more].concat())
    }

    pub(crate) fn build(&self, more: &[&str]) -> Said {
        let words = [
            "build",
            "--locked",
            "--key",
            "airlock.key",
            "--no-importer",
            "--no-cache",
        ];
        self.run(&[&words, more].concat())
    }

    /// Bundles, whole ones, that were built.
    pub(crate) fn bundles(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.path("bundles")) else {
            return Vec::new();
        };
        entries
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.to_string_lossy().ends_with(".airlock.tar"))
            .collect()
    }
}
