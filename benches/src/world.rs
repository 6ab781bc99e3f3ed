//! Thirty images and a large one, in a registry, in an OCI layout and in bundles.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use airlock_tests::layout::Layout;
use airlock_tests::{Airlock, Pushed, Registry, Skopeo, peer};

use crate::table::Table;

/// How many images.
pub(crate) const IMAGES: usize = 30;
/// The length of the large image's layer.
pub(crate) const LARGE: u64 = 400_000_000;
/// What any one run may take.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);

pub(crate) struct World {
    pub(crate) airlock: Airlock,
    pub(crate) skopeo: Skopeo,
    pub(crate) registry: Registry,
    /// The thirty images, as an OCI layout.
    pub(crate) layout: PathBuf,
    /// The bundle of the thirty images.
    pub(crate) bundle: PathBuf,
    /// The bundle of the large image.
    pub(crate) large_bundle: PathBuf,
    /// The large layer.
    pub(crate) large: Pushed,
    /// The large layer, as a file.
    pub(crate) large_file: PathBuf,
    /// The manifest that is asked for again and again, as a file.
    pub(crate) manifest_file: PathBuf,
    /// What stands at its end of the URL.
    pub(crate) manifest_type: String,
}

/// The name of an image.
pub(crate) fn image(number: usize) -> String {
    format!("bench/image-{number:02}")
}

impl World {
    /// `None` when a peer that everything needs is missing.
    pub(crate) fn build(table: &mut Table) -> Option<Self> {
        for program in ["docker-registry", "skopeo"] {
            if peer::find(program).is_none() {
                table.skip(&format!("all but the start: {program} is not installed"));
                return None;
            }
        }
        eprintln!("making {IMAGES} images and a layer of {} MB …", LARGE / 1_000_000);
        let airlock = Airlock::new();
        let registry = Registry::start();
        let mut layout = Layout::create(&airlock.path("layout"));
        let mut noise = Noise(0x2545_f491_4f6c_dd1d);
        // Six bases that five images share each, as real images do.
        let bases: Vec<Pushed> = (0..6).map(|_| layer(&layout, &mut noise, 4_000_000)).collect();
        let mut manifest = None;
        for number in 0..IMAGES {
            let layers = [
                bases[number / 5].clone(),
                layer(&layout, &mut noise, 6_000_000),
                layer(&layout, &mut noise, 600_000),
                layer(&layout, &mut noise, 20_000),
                layer(&layout, &mut noise, 400),
            ];
            let name = image(number);
            let root = layout.image(&format!("image-{number:02}"), &layers);
            upload(&registry, &layout, &name, &root);
            manifest.get_or_insert(root);
        }
        let manifest = manifest.expect("there are images");
        let manifest_file = layout.blob_path(&manifest.digest);
        let folder = layout.folder().to_owned();
        layout.finish();

        let mut single = Layout::create(&airlock.path("large-layout"));
        let large = single.layer_from(&mut noise.take(LARGE));
        let root = single.image("large", std::slice::from_ref(&large));
        upload(&registry, &single, "bench/large", &root);
        let large_file = single.blob_path(&large.digest);
        single.finish();

        let mut world = Self {
            airlock,
            skopeo: Skopeo::new(),
            registry,
            layout: folder,
            bundle: PathBuf::new(),
            large_bundle: PathBuf::new(),
            large,
            large_file,
            manifest_file,
            manifest_type: manifest.media_type,
        };
        world.airlock.write("password", "only for a benchmark\n");
        world
            .airlock
            .run(["keygen", "--out", "airlock.key", "--password-file", "password"])
            .succeeds();
        let names: Vec<String> = (0..IMAGES).map(image).collect();
        world.manifest("thirty", &names);
        world.manifest("large", &["bench/large".to_owned()]);
        world.bundle = world.built("thirty");
        world.large_bundle = world.built("large");
        Some(world)
    }

    fn manifest(&self, name: &str, images: &[String]) {
        let mut text = format!(
            "apiVersion: airlock.dev/v1\nkind: Manifest\nmetadata: {{name: {name}, version: 1.0.0}}\n\
             platforms: [linux/amd64]\ncomponents:\n- name: images\n  images:\n"
        );
        for image in images {
            text.push_str(&format!("  - {}/{image}:1\n", self.registry.host()));
        }
        self.airlock.write(&format!("{name}/airlock.yaml"), text);
    }

    /// The command that makes a bundle of everything, from nothing.
    pub(crate) fn build_command(&self, name: &str, out: &Path) -> Command {
        let mut command = self
            .airlock
            .command(["build", "--no-cache", "--no-importer", "--quiet"]);
        command
            .arg(self.airlock.path(name).join("airlock.yaml"))
            .arg("--out")
            .arg(out)
            .arg("--key")
            .arg(self.airlock.path("airlock.key"))
            .arg("--password-file")
            .arg(self.airlock.path("password"))
            .args(["--insecure", &self.registry.host()]);
        command
    }

    fn built(&self, name: &str) -> PathBuf {
        let out = self.airlock.path(name).join("bundles");
        airlock_tests::memory::cost_of(&mut self.build_command(name, &out), LIMIT);
        out.join(format!("{name}-1.0.0.airlock.tar"))
    }

    /// The public key.
    pub(crate) fn key(&self) -> PathBuf {
        self.airlock.path("airlock.pub")
    }

    /// The command that brings a bundle into a store.
    pub(crate) fn import_command(&self, bundle: &Path, store: &Path) -> Command {
        let mut command = self.airlock.command(["import", "--quiet"]);
        command
            .arg(bundle)
            .arg("--store")
            .arg(store)
            .arg("--key")
            .arg(self.key());
        command
    }
}

/// A layer as builders push them: gzip, and no smaller for it.
fn layer(layout: &Layout, noise: &mut Noise, size: u64) -> Pushed {
    let mut packed = flate2::read::GzEncoder::new(noise.take(size), flate2::Compression::none());
    layout.layer_from(&mut packed)
}

/// Copies an image into the registry, tagged `1`.
fn upload(registry: &Registry, layout: &Layout, name: &str, root: &Pushed) {
    let manifest = fs::read(layout.blob_path(&root.digest)).unwrap();
    let parsed: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let layers = parsed["layers"].as_array().expect("an image has layers");
    for blob in layers.iter().chain([&parsed["config"]]) {
        let digest = blob["digest"].as_str().expect("a digest");
        let size = blob["size"].as_u64().expect("a size");
        let mut file = fs::File::open(layout.blob_path(digest)).unwrap();
        registry.put_blob_from(name, "", size, &mut file);
    }
    registry.put_manifest(name, Some("1"), &root.media_type, &manifest);
}

/// Bytes that nothing compresses (xorshift64, Marsaglia 2003).
struct Noise(u64);

impl Noise {
    fn take(&mut self, size: u64) -> impl Read + '_ {
        Read::take(self, size)
    }
}

impl Read for &mut Noise {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        for chunk in buffer.chunks_mut(8) {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            chunk.copy_from_slice(&self.0.to_le_bytes()[..chunk.len()]);
        }
        Ok(buffer.len())
    }
}
