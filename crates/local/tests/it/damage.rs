//! A thousand damaged copies of every kind of input: what is read is what was there, or it is refused.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use airlock_content::{ManifestSelector, MetadataSource, Origin, SourceError, digest_of};
use airlock_local::Local;
use airlock_types::{Descriptor, Digest, Manifest};
use serde_json::json;

use crate::support::{Layout, config, gzip, layer_tar, noise, read, tar_of, wait};

/// Content by digest.
type Contents = BTreeMap<Digest, Vec<u8>>;

/// One image in an input of one kind.
struct Input {
    origin: Origin,
    /// The files that it consists of.
    files: Vec<PathBuf>,
    manifest: Descriptor,
    contents: Contents,
}

impl Input {
    fn new(origin: Origin, files: Vec<PathBuf>) -> Self {
        let local = Local::new("/");
        let manifest = wait(local.manifest(&origin, &ManifestSelector::Only)).unwrap();
        let mut contents = Contents::from([(manifest.descriptor.digest, manifest.bytes.to_vec())]);
        let parsed = Manifest::parse(&manifest.descriptor.media_type, &manifest.bytes).unwrap();
        for child in parsed.children() {
            contents.insert(child.digest, wait(read(&local, &origin, child, 0)).unwrap());
        }
        assert!(contents.len() >= 4, "a manifest, a configuration, two layers");
        Self {
            origin,
            files,
            manifest: manifest.descriptor,
            contents,
        }
    }

    /// What a lock and then a pack read of the input as it is now.
    fn ask(&self) -> Result<(), SourceError> {
        let local = Local::new("/");
        let locked = wait(local.manifest(&self.origin, &ManifestSelector::Only))?;
        assert_eq!(locked.descriptor.digest, self.manifest.digest, "another image");
        let parsed = Manifest::parse(&locked.descriptor.media_type, &locked.bytes).unwrap();
        for child in parsed.children() {
            let bytes = wait(local.blob(&self.origin, child, 1 << 20))?;
            assert_eq!(bytes, self.contents[&child.digest], "other content");
        }
        self.pack()
    }

    /// What a pack reads that follows a lock made before. A stream is checked by who reads it, as the packer does.
    fn pack(&self) -> Result<(), SourceError> {
        let local = Local::new("/");
        let by_digest = ManifestSelector::Digest(self.manifest.digest);
        let packed = wait(local.manifest(&self.origin, &by_digest))?;
        assert_eq!(packed.bytes, self.contents[&self.manifest.digest]);
        for (digest, content) in &self.contents {
            let want = Descriptor::new("", *digest, content.len() as u64);
            if let Ok(streamed) = wait(read(&local, &self.origin, &want, 0)) {
                assert_eq!(streamed.len(), content.len(), "another length");
            }
        }
        Ok(())
    }

    /// Changes one byte at a time, `count` times over all files, as the length of each has it.
    fn flip(&self, count: usize) {
        let sizes: Vec<usize> = self
            .files
            .iter()
            .map(|file| fs::read(file).unwrap().len())
            .collect();
        let total: usize = sizes.iter().sum();
        let (mut refused, mut harmless, mut seen) = (0, 0, 0);
        for (file, size) in self.files.iter().zip(&sizes) {
            let good = fs::read(file).unwrap();
            // Small files are flipped at every byte.
            let step = (total / count).min(size / 40).max(1);
            for at in (0..*size).step_by(step) {
                let mut bad = good.clone();
                bad[at] ^= 1 << (at % 8);
                fs::write(file, &bad).unwrap();
                seen += 1;
                match self.ask() {
                    Err(_) => refused += 1,
                    Ok(()) => harmless += 1,
                }
            }
            fs::write(file, &good).unwrap();
        }
        assert!(seen >= count, "{seen} flips of {total} bytes");
        assert!(refused > harmless / 4, "{refused} refused, {harmless} harmless");
        self.ask().unwrap();
    }
}

fn layout() -> Layout {
    let mut layout = Layout::default();
    let layers = [layer_tar("a", &noise(1, 900)), layer_tar("b", &noise(2, 900))];
    let config = layout.blob(
        airlock_types::media_type::OCI_CONFIG,
        &config(&[&layers[0], &layers[1]]),
    );
    let layers = layers.map(|layer| layout.blob(airlock_types::media_type::OCI_LAYER_GZIP, &gzip(&layer)));
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": layers});
    let manifest = layout.document(airlock_types::media_type::OCI_MANIFEST, &manifest);
    layout.root(&manifest, Some("v1"));
    layout
}

fn folder(root: &Path) -> Input {
    let layout = layout();
    let origin = layout.write_folder(&root.join("layout"));
    let files = layout
        .finish()
        .keys()
        .map(|name| root.join("layout").join(name))
        .collect();
    Input::new(origin, files)
}

fn oci_archive(root: &Path) -> Input {
    let path = root.join("oci.tar");
    Input::new(layout().write_archive(path.clone()), vec![path])
}

/// As `docker save` names its members.
fn docker_tar() -> Vec<u8> {
    let layers = [layer_tar("a", &noise(1, 900)), layer_tar("b", &noise(2, 900))];
    let config = config(&[&layers[0], &layers[1]]);
    let name = format!("{}.json", digest_of(&config).hex());
    let names = layers
        .each_ref()
        .map(|layer| format!("{}.tar", digest_of(layer).hex()));
    let list = json!([{"Config": name, "RepoTags": ["x:v1"], "Layers": names}]);
    tar_of(&[
        (&names[0], &layers[0]),
        (&names[1], &layers[1]),
        (&name, &config),
        ("manifest.json", list.to_string().as_bytes()),
    ])
}

fn docker_archive(root: &Path) -> Input {
    let path = root.join("docker.tar");
    fs::write(&path, docker_tar()).unwrap();
    Input::new(Origin::DockerArchive(path.clone()), vec![path])
}

#[test]
fn a_thousand_flips_in_a_layout_folder_are_refused_or_harmless() {
    let root = tempfile::tempdir().unwrap();
    folder(root.path()).flip(1000);
}

#[test]
fn a_thousand_flips_in_an_oci_archive_are_refused_or_harmless() {
    let root = tempfile::tempdir().unwrap();
    oci_archive(root.path()).flip(1000);
}

#[test]
fn a_thousand_flips_in_a_docker_archive_are_refused_or_harmless() {
    let root = tempfile::tempdir().unwrap();
    docker_archive(root.path()).flip(1000);
}

#[test]
fn a_cut_anywhere_is_refused_or_takes_nothing_away() {
    let root = tempfile::tempdir().unwrap();
    for input in [oci_archive(root.path()), docker_archive(root.path())] {
        let file = &input.files[0];
        let good = fs::read(file).unwrap();
        let mut refused = 0;
        // Every boundary between headers and contents is at a whole block.
        for end in (0..good.len()).step_by(512).chain((0..good.len()).step_by(97)) {
            fs::write(file, &good[..end]).unwrap();
            refused += usize::from(input.ask().is_err());
        }
        assert!(refused > good.len() / 512 / 2, "{refused}");
        // Only the end itself may be missing.
        let content_end = good.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        for end in [content_end - 1, content_end - 512] {
            fs::write(file, &good[..end]).unwrap();
            input.ask().unwrap_err();
        }
        fs::write(file, &good).unwrap();
        input.ask().unwrap();
    }
    let input = folder(root.path());
    for file in &input.files {
        let good = fs::read(file).unwrap();
        for end in (0..good.len()).step_by(good.len() / 20 + 1) {
            fs::write(file, &good[..end]).unwrap();
            input.ask().unwrap_err();
        }
        fs::remove_file(file).unwrap();
        input.ask().unwrap_err();
        fs::write(file, &good).unwrap();
    }
    input.ask().unwrap();
}

#[test]
fn what_is_no_plain_file_in_a_layout_is_refused_at_once() {
    let root = tempfile::tempdir().unwrap();
    let input = folder(root.path());
    for file in &input.files {
        let good = fs::read(file).unwrap();
        let put: [(&str, &dyn Fn()); 4] = [
            ("a pipe", &|| {
                let made = Command::new("mkfifo").arg(file).status();
                assert!(made.is_ok_and(|status| status.success()), "mkfifo of coreutils");
            }),
            ("a device", &|| {
                std::os::unix::fs::symlink("/dev/zero", file).unwrap();
            }),
            ("a folder", &|| fs::create_dir(file).unwrap()),
            ("a hole of 1 TiB", &|| {
                fs::File::create(file).unwrap().set_len(1 << 40).unwrap();
            }),
        ];
        for (what, put) in put {
            fs::remove_file(file).unwrap();
            put();
            let start = Instant::now();
            input.ask().expect_err(what);
            assert!(
                start.elapsed() < Duration::from_secs(5),
                "{what}: {}",
                file.display()
            );
            if file.is_dir() {
                fs::remove_dir(file).unwrap();
            } else {
                fs::remove_file(file).unwrap();
            }
            fs::write(file, &good).unwrap();
        }
    }
    input.ask().unwrap();
}

/// Documents that two readers would read as two, in every place where one stands.
#[test]
fn ambiguous_documents_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let deep = "[".repeat(100_000);
    let changes = |text: &str, key: &str, other: &str| {
        let twice = |spelt: &str| {
            text.replacen(
                &format!("\"{key}\""),
                &format!("\"{spelt}\":{other},\"{key}\""),
                1,
            )
        };
        let escaped = format!("\\u{:04x}{}", u32::from(key.chars().next().unwrap()), &key[1..]);
        vec![
            twice(key),
            twice(&escaped),
            twice(&key.to_uppercase()),
            text.replacen(&format!("\"{key}\""), &format!("\"{}\"", key.to_uppercase()), 1),
            text.replacen(
                &format!("\"{key}\""),
                &format!("\"x\":{{\"a\":1,\"a\":1}},\"{key}\""),
                1,
            ),
            text.replacen(&format!("\"{key}\""), &format!("\"x\":{deep},\"{key}\""), 1),
            format!("{text}{{}}"),
            deep.clone(),
        ]
    };
    let input = folder(root.path());
    for (name, key, other) in [
        ("index.json", "manifests", "[]"),
        ("oci-layout", "imageLayoutVersion", "\"1.0.0\""),
    ] {
        let file = root.path().join("layout").join(name);
        let good = fs::read_to_string(&file).unwrap();
        for changed in changes(&good, key, other) {
            assert_ne!(changed, good);
            fs::write(&file, &changed).unwrap();
            let error = input.ask().unwrap_err();
            assert!(
                error.message.contains("JSON document cannot be read")
                    || error.message.contains("larger than"),
                "{changed:.200}: {error}"
            );
        }
        fs::write(&file, &good).unwrap();
    }

    let path = root.path().join("docker.tar");
    let layer = layer_tar("a", b"a");
    let plain_config = String::from_utf8(config(&[&layer])).unwrap();
    let list = json!([{"Config": "config", "RepoTags": ["x:v1"], "Layers": ["layer"]}]).to_string();
    let ask = |list: &str, config: &str| {
        let archive = tar_of(&[
            ("layer", &layer),
            ("config", config.as_bytes()),
            ("manifest.json", list.as_bytes()),
        ]);
        fs::write(&path, archive).unwrap();
        wait(Local::new("/").manifest(&Origin::DockerArchive(path.clone()), &ManifestSelector::Only))
            .map(drop)
    };
    ask(&list, &plain_config).unwrap();
    for changed in changes(&list, "Layers", "[]")
        .into_iter()
        .chain(changes(&list, "Config", "\"layer\""))
    {
        ask(&changed, &plain_config).expect_err(&changed[..changed.len().min(200)]);
    }
    // A configuration has labels of any name, so there case is not looked at: what is read is checked against the layers.
    let upper = changes(&plain_config, "rootfs", "{}").remove(2);
    ask(&list, &upper).unwrap();
    for changed in changes(&plain_config, "rootfs", "{}") {
        if changed == upper {
            continue;
        }
        ask(&list, &changed).expect_err(&changed[..changed.len().min(200)]);
    }
}

/// Compressed archives are not unpacked, so one that would grow without end costs nothing.
#[test]
fn bombs_are_not_unpacked() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("bomb");
    let gzip = gzip_of_zeros();
    // The header of a frame whose window has 2 GiB (RFC 8878, section 3.1.1), and one block that repeats a byte.
    let zstd = b"\x28\xb5\x2f\xfd\x00\xa8\xfb\xff\xff\x00".to_vec();
    for (bytes, name) in [(gzip, "gzip"), (zstd, "zstd")] {
        fs::write(&path, &bytes).unwrap();
        for origin in [
            Origin::OciArchive(path.clone()),
            Origin::DockerArchive(path.clone()),
        ] {
            let start = Instant::now();
            let error = wait(Local::new("/").manifest(&origin, &ManifestSelector::Only)).unwrap_err();
            assert_eq!(error.message, format!("the archive is compressed with {name}"));
            assert!(
                error
                    .hint
                    .is_some_and(|hint| hint.starts_with("decompress it first: "))
            );
            assert!(start.elapsed() < Duration::from_secs(1));
        }
    }
    // As a layer it is carried as it is, whatever it would become.
    let bomb = gzip_of_zeros();
    let config = config(&[b"what it becomes"]);
    let list = json!([{"Config": "config", "RepoTags": ["x:v1"], "Layers": ["layer"]}]).to_string();
    fs::write(
        &path,
        tar_of(&[
            ("layer", &bomb),
            ("config", &config),
            ("manifest.json", list.as_bytes()),
        ]),
    )
    .unwrap();
    let origin = Origin::DockerArchive(path);
    let manifest = wait(Local::new("/").manifest(&origin, &ManifestSelector::Only)).unwrap();
    let manifest = Manifest::parse(&manifest.descriptor.media_type, &manifest.bytes).unwrap();
    let layer = manifest.children().nth(1).unwrap();
    assert_eq!(wait(read(&Local::new("/"), &origin, layer, 0)).unwrap(), bomb);
}

fn gzip_of_zeros() -> Vec<u8> {
    gzip(&vec![0; 16 << 20])
}
