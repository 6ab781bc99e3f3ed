//! Pulls with the clients of the field, through the configuration that `client_config` writes for them.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use airlock_registry::Config;
use airlock_registry::client_config::{self, Files, Mirror};
use airlock_types::media_type;
use common::{Memory, Running, config, start_with};
use serde_json::json;

const IMAGE: &str = "docker.io/library/airlock-hello:1";
const GREETING: &str = "hello from the mirror";

fn installed(program: &str) -> bool {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()));
    if !found {
        // A handle of its own, since the output of `eprintln!` is kept back when the test passes.
        let mut stderr = std::io::stderr();
        writeln!(stderr, "SKIPPED a pull: peer {program} is not installed").unwrap();
    }
    found
}

fn run(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(
        output.status.success(),
        "{command:?} failed\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// A static program, where a C compiler is there to make one.
fn program(folder: &Path) -> Option<Vec<u8>> {
    if !installed("gcc") {
        return None;
    }
    let source = folder.join("hello.c");
    fs::write(
        &source,
        format!("#include <stdio.h>\nint main(void) {{ puts(\"{GREETING}\"); return 0; }}\n"),
    )
    .unwrap();
    let binary = folder.join("hello");
    run(Command::new("gcc")
        .arg("-static")
        .arg("-Os")
        .arg("-o")
        .arg(&binary)
        .arg(&source));
    Some(fs::read(binary).unwrap())
}

/// An archive of one executable file.
fn tar(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = [0_u8; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..108].copy_from_slice(b"0000755\0");
    header[108..116].copy_from_slice(b"0000000\0");
    header[116..124].copy_from_slice(b"0000000\0");
    header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
    header[136..148].copy_from_slice(b"00000000000\0");
    header[148..156].copy_from_slice(b"        ");
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut out = header.to_vec();
    out.extend(content);
    out.resize(out.len().next_multiple_of(512) + 1024, 0);
    out
}

/// A mirror that holds one index of one image, and notes what it is asked.
struct Site {
    server: Running,
    mirror: Mirror,
    folder: tempfile::TempDir,
    digest: String,
    can_run: bool,
    asked: Arc<Mutex<Vec<String>>>,
}

fn site() -> Site {
    site_with(config())
}

fn site_with(mut config: Config) -> Site {
    let folder = tempfile::tempdir().unwrap();
    let binary = program(folder.path());
    let can_run = binary.is_some();
    let layer = tar("hello", &binary.unwrap_or_else(|| b"no program".to_vec()));
    let store = Arc::new(Memory::default());
    let layer_digest = store.file_blob(&layer);
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let image_config = json!({
        "architecture": architecture, "os": "linux", "config": {"Cmd": ["/hello"]},
        "rootfs": {"type": "layers", "diff_ids": [layer_digest]},
    })
    .to_string();
    let image = store.image(
        &[(media_type::OCI_LAYER_TAR, layer_digest, layer.len())],
        &json!({"config": {"mediaType": media_type::OCI_CONFIG, "digest": store.blob(image_config.as_bytes()), "size": image_config.len()}}),
    );
    let index = store.manifest(
        media_type::OCI_INDEX,
        &json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": [
            {"mediaType": media_type::OCI_MANIFEST, "digest": image.digest, "size": image.size,
             "platform": {"os": "linux", "architecture": architecture}},
            {"mediaType": media_type::OCI_MANIFEST, "digest": airlock_content::digest_of(b"left out"), "size": 8,
             "platform": {"os": "linux", "architecture": "s390x"}}]}),
    );
    store.root(IMAGE, index.clone());
    store.publish();

    let asked = Arc::new(Mutex::new(Vec::new()));
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let note = Arc::clone(&asked);
    config.access_log = Some(Arc::new(move |record| {
        note.lock()
            .unwrap()
            .push(format!("{} {} {}", record.status, record.method, record.target));
    }));
    let server = start_with(store, config);
    let mirror = format!("{scheme}://{}", server.address).parse().unwrap();
    Site {
        server,
        mirror,
        folder,
        digest: index.digest.to_string(),
        can_run,
        asked,
    }
}

impl Site {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, below: &str, files: Files) -> PathBuf {
        let root = self.path(below);
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    fn asked(&self) -> String {
        self.asked.lock().unwrap().join("\n")
    }

    fn registries_conf(&self) -> PathBuf {
        let files = client_config::podman(&self.mirror, &["docker.io".parse().unwrap()], None);
        self.write("containers", files)
            .join("registries.conf.d/airlock.conf")
    }
}

#[test]
fn skopeo_copies() {
    if !installed("skopeo") {
        return;
    }
    let site = site();
    let conf = site.registries_conf();
    for (at, source) in [
        format!("docker://{}/{IMAGE}", site.server.address),
        format!("docker://{}/library/airlock-hello:1", site.server.address),
        format!("docker://{IMAGE}"),
        "docker://docker.io/airlock-hello:1".to_owned(),
        format!("docker://docker.io/airlock-hello@{}", site.digest),
    ]
    .iter()
    .enumerate()
    {
        let layout = site.path(&format!("layout{at}"));
        run(Command::new("skopeo")
            .arg("--registries-conf")
            .arg(&conf)
            .args(["--insecure-policy", "copy", "--src-tls-verify=false", source])
            .arg(format!("oci:{}:x", layout.display())));
        assert!(layout.join("index.json").is_file(), "{source}\n{}", site.asked());
    }
    let inspected = run(Command::new("skopeo")
        .args([
            "--insecure-policy",
            "inspect",
            "--tls-verify=false",
            "--format",
            "{{.Digest}} {{.RepoTags}}",
        ])
        .arg(format!("docker://{}/{IMAGE}", site.server.address)));
    assert_eq!(
        String::from_utf8_lossy(&inspected.stdout).trim(),
        format!("{} [1]", site.digest)
    );
}

#[test]
fn podman_pulls_and_runs() {
    if !installed("podman") {
        return;
    }
    let site = site();
    let containers_conf = site.path("containers.conf");
    fs::write(
        &containers_conf,
        "[containers]\ndefault_ulimits = [\"nofile=4096:4096\", \"nproc=4096:4096\"]\n\
         [engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n",
    )
    .unwrap();
    let conf = site.registries_conf();
    let podman = || {
        let mut command = Command::new("podman");
        command
            .arg("--root")
            .arg(site.path("root"))
            .arg("--runroot")
            .arg(site.path("runroot"))
            .arg("--tmpdir")
            .arg(site.path("tmp"))
            .args(["--storage-driver", "vfs"])
            .env("CONTAINERS_REGISTRIES_CONF", &conf)
            .env("CONTAINERS_CONF", &containers_conf)
            .env_remove("XDG_RUNTIME_DIR");
        command
    };
    run(podman().args(["pull", "-q", IMAGE]));
    let digest = run(podman().args(["image", "inspect", "--format", "{{.RepoDigests}}", IMAGE]));
    assert!(
        String::from_utf8_lossy(&digest.stdout).contains(&site.digest),
        "{digest:?}"
    );
    if site.can_run && installed("runc") {
        let output = run(podman().args(["run", "--rm", "--network", "none", IMAGE]));
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), GREETING);
    }
    // What the mirror lacks is its own answer, not a time-out of the upstream registry.
    let output = podman()
        .args(["pull", "-q", "docker.io/library/none:1"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        text.contains("no imported bundle holds this repository"),
        "{text}"
    );
}

/// A containerd of our own, stopped when dropped.
struct Containerd {
    child: Child,
    socket: PathBuf,
}

impl Containerd {
    fn start(site: &Site) -> Self {
        let socket = site.path("containerd.sock");
        let conf = site.path("containerd.toml");
        fs::write(
            &conf,
            format!(
                "version = 2\nroot = \"{0}/cd-root\"\nstate = \"{0}/cd-state\"\n\
                 disabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\naddress = \"{0}/containerd.sock\"\n\
                 [plugins.\"io.containerd.internal.v1.opt\"]\npath = \"{0}/cd-opt\"\n",
                site.folder.path().display()
            ),
        )
        .unwrap();
        let log = fs::File::create(site.path("containerd.log")).unwrap();
        let child = Command::new("containerd")
            .arg("--config")
            .arg(&conf)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let this = Self { child, socket };
        let end = Instant::now() + Duration::from_secs(15);
        while !this
            .ctr()
            .arg("version")
            .output()
            .is_ok_and(|output| output.status.success())
        {
            let log = || fs::read_to_string(site.path("containerd.log")).unwrap();
            assert!(Instant::now() < end, "containerd does not answer\n{}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
        this
    }

    fn ctr(&self) -> Command {
        let mut command = Command::new("ctr");
        command.arg("--address").arg(&self.socket);
        command
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        // SIGTERM lets it unmount what it has mounted.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

#[test]
fn containerd_pulls_and_runs() {
    if !installed("containerd") || !installed("ctr") {
        return;
    }
    let site = site();
    let files = client_config::containerd(&site.mirror, &["docker.io".parse().unwrap()], None);
    let hosts = site.write("containerd", files).join("certs.d");
    let containerd = Containerd::start(&site);
    run(containerd
        .ctr()
        .args(["images", "pull", "--snapshotter", "native", "--hosts-dir"])
        .arg(&hosts)
        .arg(IMAGE));
    let asked = site.asked();
    assert!(
        asked.contains("200 HEAD /v2/library/airlock-hello/manifests/1?ns=docker.io"),
        "{asked}"
    );
    let listed = run(containerd.ctr().args(["images", "ls"]));
    assert!(
        String::from_utf8_lossy(&listed.stdout).contains(&site.digest),
        "{listed:?}"
    );
    if site.can_run && installed("runc") {
        let output = run(containerd
            .ctr()
            .args(["run", "--rm", "--snapshotter", "native", IMAGE, "hello"]));
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), GREETING);
    }

    // Over TLS, with the site's own authority.
    let (certificate, tls) = common::tls("127.0.0.1");
    let mut config = config();
    config.tls = Some(tls);
    let secure = site_with(config);
    let ca = secure.path("ca.pem");
    fs::write(&ca, certificate.pem()).unwrap();
    for (below, ca, works) in [("with-ca", Some(ca.as_path()), true), ("without-ca", None, false)] {
        let files = client_config::containerd(&secure.mirror, &["docker.io".parse().unwrap()], ca);
        let output = containerd
            .ctr()
            .args(["images", "pull", "--snapshotter", "native", "--hosts-dir"])
            .arg(secure.write(below, files).join("certs.d"))
            .arg(IMAGE)
            .output()
            .unwrap();
        assert_eq!(output.status.success(), works, "{output:?}");
    }

    // The mirror's 404 is the last word, for hosts that are known and for others.
    for missing in ["docker.io/library/none:1", "registry.example/library/none:1"] {
        let output = containerd
            .ctr()
            .args(["images", "pull", "--hosts-dir"])
            .arg(&hosts)
            .arg(missing)
            .output()
            .unwrap();
        assert!(!output.status.success());
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains("not found"), "{text}");
    }
    assert!(
        site.asked()
            .contains("404 HEAD /v2/library/none/manifests/1?ns=registry.example"),
        "{}",
        site.asked()
    );
}
