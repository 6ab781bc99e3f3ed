//! What most tests start from: a manifest over the suite, locked and built once.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use airlock_tests::{Airlock, Image, Suite, shared};
use serde_json::Value;

/// The name under which the small world asks for the registry, by way of `--mirror`.
pub(crate) const ALIAS: &str = "registry.example.com";
const PASSWORD: &str = "correct horse battery staple\n";

/// One manifest, its lock, a key pair and the signed bundle.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) suite: &'static Suite,
    pub(crate) airlock: Airlock,
    /// The host that references begin with.
    pub(crate) host: String,
    /// The images in it.
    pub(crate) images: Vec<&'static Image>,
    /// The lock as any JSON reader sees it.
    pub(crate) lock: Value,
    pub(crate) bundle: PathBuf,
    pub(crate) public_key: PathBuf,
}

impl World {
    /// Everything in the suite, under the registry's own name.
    pub(crate) fn full() -> Option<&'static Self> {
        static WORLD: OnceLock<Option<World>> = OnceLock::new();
        let suite = Suite::shared()?;
        // The chart is asked for as a chart.
        let choose = |image: &Image| image.repository != "charts/hello";
        Some(shared(&WORLD, "the world", || {
            Self::build(suite, "full", &suite.registry.host(), choose)
        }))
    }

    /// A few small images that have every structure there is, under [`ALIAS`].
    pub(crate) fn small() -> Option<&'static Self> {
        static WORLD: OnceLock<Option<World>> = OnceLock::new();
        const IMAGES: [&str; 5] = [
            "built/zstd",
            "built/multi-docker",
            "hand/nested",
            "hand/signed",
            "hand/zero-bytes",
        ];
        let suite = Suite::shared()?;
        let choose = |image: &Image| IMAGES.contains(&image.repository.as_str());
        Some(shared(&WORLD, "the world", || {
            Self::build(suite, "small", ALIAS, choose)
        }))
    }

    /// Another bundle with other content, for what a site had before.
    pub(crate) fn earlier() -> Option<&'static Self> {
        static WORLD: OnceLock<Option<World>> = OnceLock::new();
        let suite = Suite::shared()?;
        let choose = |image: &Image| image.repository == "built/umoci";
        Some(shared(&WORLD, "the world", || {
            Self::build(suite, "earlier", ALIAS, choose)
        }))
    }

    fn build(suite: &'static Suite, name: &str, host: &str, choose: impl Fn(&Image) -> bool) -> Self {
        let folder = suite.registry.folder().join(name);
        fs::create_dir_all(&folder).unwrap();
        let airlock = Airlock::within(&folder);
        let images: Vec<&Image> = suite.images.iter().filter(|image| choose(image)).collect();
        airlock.write("airlock.yaml", manifest(name, host, &images));
        airlock.write("site.conf", "listen = 127.0.0.1\n");
        let mut world = Self {
            suite,
            airlock,
            host: host.to_owned(),
            images,
            lock: Value::Null,
            bundle: PathBuf::new(),
            public_key: PathBuf::new(),
        };
        world.keygen("airlock");
        world.public_key = world.airlock.path("airlock.pub");
        let upstream = world.upstream();
        let mut arguments = vec!["lock".to_owned(), "airlock.yaml".to_owned()];
        arguments.extend(upstream);
        world.airlock.run(&arguments).succeeds();
        let lock = fs::read(world.airlock.path("airlock.lock")).unwrap();
        world.lock = serde_json::from_slice(&lock).unwrap();
        world.bundle = world.pack(&world.airlock, Path::new("."), &[]);
        world
    }

    /// Makes `NAME.key` and `NAME.pub`, the private one behind a password.
    pub(crate) fn keygen(&self, name: &str) {
        self.airlock.write("password", PASSWORD);
        let key = format!("{name}.key");
        self.airlock
            .run(["keygen", "--out", &key, "--password-file", "password"])
            .succeeds();
    }

    /// The flags that lead to the registry.
    pub(crate) fn upstream(&self) -> Vec<String> {
        let registry = self.suite.registry.host();
        let mut flags = vec!["--insecure".to_owned(), registry.clone()];
        if self.host != registry {
            flags.extend(["--mirror".to_owned(), format!("{}={registry}", self.host)]);
        }
        flags
    }

    /// The command line that packs `LOCK` (in the folder of `airlock`) with the key of this world.
    pub(crate) fn pack_arguments(&self, out: &Path) -> Vec<String> {
        let text = |path: PathBuf| {
            path.to_str()
                .expect("temporary folders have plain names")
                .to_owned()
        };
        let mut arguments = vec![
            "pack".to_owned(),
            "airlock.lock".to_owned(),
            "--no-importer".to_owned(),
        ];
        arguments.extend(["--out".to_owned(), text(out.to_owned())]);
        arguments.extend(["--key".to_owned(), text(self.airlock.path("airlock.key"))]);
        arguments.extend(["--password-file".to_owned(), text(self.airlock.path("password"))]);
        arguments.extend(self.upstream());
        arguments
    }

    /// Packs the lock in the folder of `airlock` and returns the bundle.
    pub(crate) fn pack(&self, airlock: &Airlock, out: &Path, more: &[&str]) -> PathBuf {
        let mut arguments = self.pack_arguments(out);
        arguments.extend(more.iter().map(|&word| word.to_owned()));
        if !more.contains(&"--cache") {
            arguments.push("--no-cache".to_owned());
        }
        airlock.run(&arguments).succeeds();
        only_bundle(&airlock.path(out))
    }

    /// Imports the bundle into a store.
    pub(crate) fn import(&self, store: &Path) {
        self.airlock
            .run(self.import_arguments(&self.bundle, store))
            .succeeds();
    }

    pub(crate) fn import_arguments(&self, bundle: &Path, store: &Path) -> [std::ffi::OsString; 6] {
        [
            "import".into(),
            bundle.into(),
            "--store".into(),
            store.into(),
            "--key".into(),
            (&self.public_key).into(),
        ]
    }

    /// The lock's artifacts of one kind.
    pub(crate) fn artifacts(&self, kind: &str) -> Vec<&Value> {
        let all = self.lock["artifacts"].as_array().expect("a lock has artifacts");
        all.iter().filter(|artifact| artifact["kind"] == kind).collect()
    }

    /// The artifact that was asked for as this image.
    pub(crate) fn artifact(&self, image: &Image) -> &Value {
        let name = image.requested(&self.host);
        self.artifacts("image")
            .into_iter()
            .find(|artifact| artifact["name"] == name.as_str())
            .unwrap_or_else(|| panic!("the lock has no {name}"))
    }
}

fn manifest(name: &str, host: &str, images: &[&Image]) -> String {
    use std::fmt::Write as _;
    let mut text = format!(
        "apiVersion: airlock.dev/v1\nkind: Manifest\nmetadata: {{name: {name}, version: 1.0.0}}\n\
         platforms: [linux/amd64, linux/arm64]\ncomponents:\n\
         - name: extras\n  files: [{{path: ./site.conf}}]\n\
         - name: charts\n  charts: [{{name: hello, oci: oci://{host}/charts/hello, version: 1.2.3}}]\n\
         - name: images\n  images:\n"
    );
    for image in images {
        let reference = image.requested(host);
        if image.is_amd64_only() {
            writeln!(text, "  - {{ref: {reference:?}, platforms: [linux/amd64]}}").unwrap();
        } else {
            writeln!(text, "  - {reference:?}").unwrap();
        }
    }
    text
}

/// The only bundle in a folder.
pub(crate) fn only_bundle(folder: &Path) -> PathBuf {
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(".airlock.tar"))
        .collect();
    assert_eq!(found.len(), 1, "bundles in {}: {found:?}", folder.display());
    found.remove(0)
}
