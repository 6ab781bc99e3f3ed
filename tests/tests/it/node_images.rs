//! Images for nodes: one archive, imported into a real containerd, has the references and digests of the lock.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use airlock_tests::command::succeed;
use airlock_tests::images::GREETING;
use airlock_tests::{Airlock, Containerd, Image, Podman, Served, Skopeo, digest, peer};
use serde_json::Value;

use crate::cri;
use crate::systemd::release::Release;
use crate::world::World;

const PLATFORM: &str = "linux/amd64";

/// What a node of [`PLATFORM`] can make use of: all but what is no image, and what is big.
fn usable(world: &World) -> Vec<&'static Image> {
    let images = world.images.iter().copied();
    images
        .filter(|image| !image.is_large() && image.repository != "hand/artifact")
        .collect()
}

/// The reference of an image in the lock.
fn reference<'w>(world: &'w World, image: &Image) -> &'w str {
    world.artifact(image)["reference"].as_str().unwrap()
}

/// The names that containerd must have for a reference of the lock: one by its tag, one by its digest.
fn names(reference: &str) -> Vec<String> {
    let Some((tagged, digest)) = reference.split_once('@') else {
        return vec![reference.to_owned()];
    };
    let (path, tag) = match tagged.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
        _ => (tagged, None),
    };
    let tagged = tag.map(|tag| format!("{path}:{tag}"));
    tagged.into_iter().chain([format!("{path}@{digest}")]).collect()
}

/// Every name that must be there, with the digest of the lock's root.
fn expected(world: &World, images: &[&Image]) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    // A tag alone means more than one beside a digest, so these come last.
    let mut sorted: Vec<&str> = images.iter().map(|image| reference(world, image)).collect();
    sorted.sort_by_key(|reference| !reference.contains('@'));
    for reference in sorted {
        let artifact = world
            .artifacts("image")
            .into_iter()
            .find(|artifact| artifact["reference"] == reference)
            .unwrap();
        let digest = artifact["root"]["digest"].as_str().unwrap();
        out.extend(names(reference).into_iter().map(|name| (name, digest.to_owned())));
    }
    out
}

/// Exports images of the bundle.
fn export(world: &World, file: &str, images: &[&Image], more: &[&str]) -> (PathBuf, Value) {
    let out = world.airlock.path(file);
    let mut words = vec!["export".into(), world.bundle.clone()];
    words.extend(images.iter().map(|image| reference(world, image).into()));
    words.extend([
        "--key".into(),
        world.public_key.clone(),
        "--out".into(),
        out.clone(),
    ]);
    words.extend(["--output", "json", "--quiet"].map(PathBuf::from));
    words.extend(more.iter().map(PathBuf::from));
    let said = world.airlock.run(&words);
    let report = serde_json::from_str(&said.succeeds().stdout).unwrap();
    (out, report)
}

#[test]
fn containerd_has_the_references_and_digests_of_the_lock() {
    let Some(world) = World::full() else { return };
    if !peer::require(&["containerd", "ctr"]) {
        return;
    }
    if std::env::var_os("AIRLOCK_TEST_CONTAINERD").is_none() {
        peer::not_asked("another containerd than Debian's, whose folder AIRLOCK_TEST_CONTAINERD would be");
    }
    let images = usable(world);
    let (archive, report) = export(world, "node.tar", &images, &["--platform", PLATFORM]);
    let expected = expected(world, &images);
    assert!(expected.len() >= images.len());
    // The report says beforehand what will be there.
    let told: BTreeSet<&str> = report["images"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|image| image["names"].as_array().unwrap())
        .map(|name| name.as_str().unwrap())
        .collect();
    assert_eq!(told, expected.keys().map(String::as_str).collect());

    let containerd = Containerd::start();
    let output = containerd.import(&archive, &[]);
    assert!(output.status.success(), "{}", output.stderr());
    assert_eq!(containerd.images(), expected);
    assert_eq!(containerd.incomplete(), Vec::<String>::new());
    for image in images.iter().filter(|image| image.runs) {
        for name in names(reference(world, image)) {
            assert_eq!(containerd.run(&name), GREETING, "{}: {name}", image.form);
        }
    }
    // Whoever imports it twice has the same.
    assert!(containerd.import(&archive, &[]).status.success());
    assert_eq!(containerd.images(), expected);
}

/// The index under a reference is the lock's, although the archive has one platform of it.
#[test]
fn one_platform_of_an_index_keeps_its_digest() {
    let Some(world) = World::small() else { return };
    if !peer::require(&["containerd", "ctr"]) {
        return;
    }
    let image = world.suite.image("built/multi-docker");
    let sizes = ["linux/amd64", "linux/arm64"].map(|platform| {
        let file = format!("{}.tar", platform.replace('/', "-"));
        let (archive, _) = export(world, &file, &[image], &["--platform", platform]);
        (platform, archive)
    });
    let (both, _) = export(world, "both.tar", &[image], &[]);
    for (platform, archive) in &sizes {
        let containerd = Containerd::start();
        let flags = ["--platform", platform, "--no-unpack"];
        let output = containerd.import(archive, &flags);
        assert!(output.status.success(), "{platform}: {}", output.stderr());
        assert_eq!(containerd.images(), expected(world, &[image]));
        // What is not there is not pretended to be: this is what old importers run into.
        let output = containerd.import(archive, &["--all-platforms", "--no-unpack"]);
        assert!(!output.status.success());
        assert!(output.stderr().contains("not found"), "{}", output.stderr());
        let length = |path: &Path| std::fs::metadata(path).unwrap().len();
        assert!(length(archive) < length(&both));
    }
}

/// A store and the bundle that it was imported from give the same archive, today and tomorrow.
#[test]
fn the_same_images_are_the_same_archive() {
    let Some(world) = World::small() else { return };
    let images = usable(world);
    let (first, report) = export(world, "first.tar", &images, &["--platform", PLATFORM]);
    let first = std::fs::read(first).unwrap();
    assert_eq!(report["bytes"], first.len());
    let store = world.airlock.path("export-store");
    world.import(&store);
    let second = world.airlock.path("second.tar");
    let mut words = vec!["export".into(), store, "--out".into(), second.clone()];
    words.extend(["--platform", PLATFORM].map(PathBuf::from));
    // In another order, and one of them twice.
    words.extend(images.iter().rev().map(|image| reference(world, image).into()));
    words.push(reference(world, images[0]).into());
    world.airlock.run(&words).succeeds();
    assert!(std::fs::read(second).unwrap() == first, "the archives differ");
}

#[test]
fn what_cannot_be_exported_is_told() {
    let Some(world) = World::full() else { return };
    let fails = |image: &str, platform: &str, code: i32, expected: &str| {
        let words = [
            "export".as_ref(),
            world.bundle.as_os_str(),
            image.as_ref(),
            "--key".as_ref(),
            world.public_key.as_os_str(),
            "--platform".as_ref(),
            platform.as_ref(),
            "--out".as_ref(),
            "never.tar".as_ref(),
        ];
        let said = world.airlock.run(words);
        assert!(said.exits(code).stderr.contains(expected), "{}", said.stderr);
        assert!(!world.airlock.path("never.tar").exists());
    };
    let artifact = reference(world, world.suite.image("hand/artifact"));
    fails(artifact, PLATFORM, 1, "is no image");
    let only = usable(world).into_iter().find(|image| image.is_amd64_only());
    let only = reference(world, only.unwrap());
    fails(only, "linux/arm64", 1, "is for linux/amd64 only");
    fails(
        "quay.io/no/such:1",
        PLATFORM,
        2,
        "there is no such image: quay.io/no/such:1",
    );
}

#[test]
fn skopeo_reads_every_image_of_the_archive() {
    let Some(world) = World::small() else { return };
    let images = usable(world);
    let (archive, _) = export(world, "skopeo.tar", &images, &["--platform", PLATFORM]);
    let skopeo = Skopeo::new();
    // Its reader of layouts passes over roots with Docker's media types.
    let oci: Vec<&Image> = images
        .iter()
        .copied()
        .filter(|image| image.root.media_type.contains(".oci."))
        .collect();
    assert!(!oci.is_empty());
    for (name, root) in expected(world, &oci) {
        let place = format!("oci-archive:{}:{name}", archive.display());
        let mut command = skopeo.command("inspect");
        let raw = succeed(command.args(["--raw", &place])).stdout;
        assert_eq!(digest(&raw), root, "{name}");
    }
    // `manifest.json` beside it is what docker reads; skopeo checks configuration and layers on the way.
    for image in images.iter().filter(|image| image.runs_in_podman()) {
        let place = format!(
            "docker-archive:{}:{}",
            archive.display(),
            names(reference(world, image))[0]
        );
        let folder = skopeo.folder().join("copy");
        let mut command = skopeo.command("copy");
        succeed(command.args(["--quiet", &place, &format!("dir:{}", folder.display())]));
        std::fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn podman_loads_and_runs() {
    let Some(world) = World::small() else { return };
    if !peer::require(&["podman"]) {
        return;
    }
    let images: Vec<&Image> = usable(world)
        .into_iter()
        .filter(|image| image.runs_in_podman())
        .collect();
    let (archive, _) = export(world, "podman.tar", &images, &["--platform", PLATFORM]);
    let podman = Podman::new(&[]);
    let mut command = podman.command("load");
    succeed(command.arg("--quiet").arg("--input").arg(&archive));
    for image in images {
        let name = &names(reference(world, image))[0];
        assert_eq!(podman.run(name), GREETING, "{name}");
    }
}

/// A certificate for 127.0.0.1 and the authority behind it, made by openssl.
fn certificate(folder: &Path) {
    let openssl = |words: &[&str]| succeed(Command::new("openssl").args(words).current_dir(folder));
    let new = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ];
    let authority = [
        "req", "-x509", "-subj", "/CN=site", "-days", "2", "-keyout", "ca.key", "-out", "ca.pem",
    ];
    openssl(&[&authority[..], &new].concat());
    let leaf = [
        "req",
        "-x509",
        "-subj",
        "/CN=mirror",
        "-days",
        "2",
        "-keyout",
        "leaf.key",
        "-out",
        "leaf.pem",
    ];
    let signed = [
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
    ];
    openssl(&[&leaf[..], &new, &signed].concat());
}

/// What k3s makes of a `registries.yaml` when the default endpoint is switched off.
struct Configured {
    /// A `hosts.toml` for each mirror, and `_default` for `"*"`. The form is that of files which k3s wrote, in reports of
    /// its users.
    hosts: PathBuf,
    /// User and password, which k3s puts into containerd's own configuration.
    user: Option<String>,
}

/// Reads a `registries.yaml` with one endpoint for each mirror; `root` is where the node's paths are.
fn configured(registries: &str, root: &Path, folder: &Path) -> Configured {
    let document: Value = serde_saphyr::from_str(registries).unwrap();
    let certs = folder.join("certs.d");
    let mut user = None;
    for (host, mirror) in document["mirrors"].as_object().unwrap() {
        let [endpoint] = &mirror["endpoint"].as_array().unwrap()[..] else {
            panic!("{host} has no single endpoint: {registries}");
        };
        let endpoint = endpoint.as_str().unwrap();
        let own = &document["configs"][endpoint.split_once("://").unwrap().1];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        if let (Some(name), Some(password)) = (text(&own["auth"]["username"]), text(&own["auth"]["password"]))
        {
            user = Some(format!("{name}:{password}"));
        }
        let ca = text(&own["tls"]["ca_file"]).map(|path| root.join(path.trim_start_matches('/')));
        let ca = ca
            .map(|path| format!("ca = [\"{}\"]\n", path.display()))
            .unwrap_or_default();
        let toml = format!(
            "server = \"{endpoint}/v2\"\ncapabilities = [\"pull\", \"resolve\"]\n{ca}\n[host]\n[host.\"{endpoint}/v2\"]\n  \
             capabilities = [\"pull\", \"resolve\"]\n  {ca}"
        );
        let host = if host == "*" { "_default" } else { host };
        std::fs::create_dir_all(certs.join(host)).unwrap();
        std::fs::write(certs.join(host).join("hosts.toml"), toml).unwrap();
    }
    Configured { hosts: certs, user }
}

/// A mirror with TLS and a password, whose store is in the same folder as its certificate.
fn mirror(airlock: &Airlock, store: &Path) -> Served {
    let path = |name: &str| airlock.path(name).into_os_string();
    let flags = [
        "--tls-cert".into(),
        path("leaf.pem"),
        "--tls-key".into(),
        path("leaf.key"),
        "--username".into(),
        "node".into(),
        "--password-file".into(),
        path("password"),
    ];
    airlock.serve_when(store, flags, |address| {
        std::net::TcpStream::connect(address).is_ok()
    })
}

/// Pulls with the password, once it was refused without; containerd then has the digest, and forgets it.
fn pulls(containerd: &Containerd, hosts: &Path, user: &str, name: &str, digest: &str) {
    let refused = containerd.pull_as(hosts, name, "node:wrong");
    assert!(
        !refused.status.success(),
        "{name} was pulled with a wrong password"
    );
    let pulled = containerd.pull_as(hosts, name, user);
    assert!(pulled.status.success(), "{name}: {}", pulled.stderr());
    assert_eq!(containerd.digest(name), digest, "{name}");
    let mut forget = containerd.ctr();
    succeed(forget.args(["images", "rm", "--sync", name]));
}

/// A node pulls everything from the mirror over TLS with the site's authority and a password, and from nowhere else: the
/// registries of the references do not exist.
#[test]
fn a_node_pulls_by_its_registries_yaml() {
    let Some(world) = World::small() else { return };
    if !peer::require(&["containerd", "ctr", "openssl"]) {
        return;
    }
    let airlock = Airlock::new();
    let folder = airlock.path("");
    certificate(&folder);
    airlock.write("password", "correct horse\n");
    let store = airlock.path("store");
    airlock
        .run(world.import_arguments(&world.bundle, &store))
        .succeeds();
    let mirror = mirror(&airlock, &store);
    let url = format!("https://{}", mirror.address());
    let ca = airlock.path("ca.pem");
    let config = |registry: &str| {
        let words = ["config", "k3s", "--url", &url, "--registry", registry, "--ca"];
        let words = words.iter().map(|word| (*word).into()).chain([
            ca.clone().into_os_string(),
            "--write".into(),
            path_of(registry),
        ]);
        airlock.run(words.collect::<Vec<std::ffi::OsString>>()).succeeds();
        std::fs::read_to_string(airlock.path(path_of(registry)).join("registries.yaml")).unwrap()
    };
    let containerd = Containerd::start();
    // Once by an entry for the registry, once by the one for all others.
    for registry in [world.host.as_str(), "docker.io"] {
        let node = airlock.path(path_of(registry)).join("node");
        let node = configured(&config(registry), Path::new("/"), &node);
        assert_eq!(node.user, None);
        // The other one has a layer without a byte, which no client fetches.
        for image in usable(world).into_iter().filter(|image| image.runs) {
            let name = image.at(&world.host);
            pulls(
                &containerd,
                &node.hosts,
                "node:correct horse",
                &name,
                &image.root.digest,
            );
        }
    }
    // Without the authority, TLS fails; that it is asked for at all proves that the check above could fail.
    let bare = configured(
        &config(&world.host).replace("ca_file", "no_file"),
        Path::new("/"),
        &airlock.path("bare"),
    );
    let name = usable(world)[0].at(&world.host);
    let refused = containerd.pull_as(&bare.hosts, &name, "node:correct horse");
    assert!(!refused.status.success());
    assert!(refused.stderr().contains("x509"), "{}", refused.stderr());
}

/// Pulls by the interface that the kubelet uses: user and password are containerd's own matter, as k3s arranges it.
fn as_the_kubelet_does(containerd: &Containerd, images: &BTreeMap<String, String>) {
    // See below.
    let images = images.iter().filter(|(name, _)| !name.contains("hand/nested"));
    for (name, digest) in images {
        cri::pull(&containerd.socket(), name)
            .unwrap_or_else(|problem| panic!("{name}: {problem}\n{}", containerd.log()));
        let (tags, digests) = cri::names(&containerd.socket(), name).unwrap();
        assert_eq!(tags, std::slice::from_ref(name));
        let repository = name.rsplit_once(':').unwrap().0;
        assert_eq!(digests, [format!("{repository}@{digest}")]);
    }
}

/// containerd counts the size of an image over what comes first in its index, an index last: where that is for another
/// platform, which it has not pulled, the kubelet gets no such image from any registry, its own included.
#[test]
fn an_index_beside_another_platform_is_beyond_the_kubelet() {
    let Some(world) = World::small() else { return };
    if !peer::require(&["containerd", "ctr"]) {
        return;
    }
    let airlock = Airlock::new();
    let containerd = Containerd::for_kubelet(&airlock.path(""), "registry.site", "nobody", "nothing");
    let host = world.suite.registry.host();
    let pull = |repository: &str| {
        let image = world.suite.image(repository);
        cri::pull(&containerd.socket(), &image.at(&host))
    };
    pull("hand/signed").unwrap();
    let problem = pull("hand/nested").unwrap_err();
    assert!(
        problem.contains("get image compressed resource size") && problem.contains("not found"),
        "{problem}"
    );
}

/// Where the configuration for a registry is written.
fn path_of(registry: &str) -> std::ffi::OsString {
    format!("config-{registry}").into()
}

/// The tree of a node that `airlock install` writes for a site with this mirror.
fn installed(airlock: &Airlock, release: &Release, name: &str, mirror: &str) -> PathBuf {
    let site = airlock.write(
        &format!("{name}.yaml"),
        format!(
            "apiVersion: airlock.dev/v1\nkind: Site\nmetadata: {{name: edge}}\nmirror:\n  ca: ca.pem\n  \
             auth: {{username: node, passwordFile: password}}\n{mirror}"
        ),
    );
    let root = airlock.path(name);
    let store = release.path("store");
    let mut words: Vec<&Path> = vec!["install".as_ref(), &store, "--config".as_ref(), &site];
    words.extend(["--root".as_ref(), root.as_path()]);
    words.extend(["--role", "server", "--init", "systemd"].map(Path::new));
    airlock.run(words).succeeds();
    root
}

/// The same with the file that `airlock install` itself writes: address, authority and password are those of the site.
#[test]
fn a_node_that_was_installed_pulls_by_its_registries_yaml() {
    let Some(world) = World::small() else { return };
    if !peer::require(&["containerd", "ctr", "openssl"]) {
        return;
    }
    let release = Release::shared();
    let airlock = Airlock::new();
    certificate(&airlock.path(""));
    airlock.write("password", "correct horse\n");
    let store = airlock.path("store");
    airlock
        .run(world.import_arguments(&world.bundle, &store))
        .succeeds();
    let containerd = Containerd::start();
    let images: BTreeMap<String, String> = usable(world)
        .into_iter()
        .filter(|image| image.runs)
        .map(|image| (image.at(&world.host), image.root.digest.clone()))
        .collect();
    let host = &world.host;
    // What a node is installed from is what the mirror serves; then images of another bundle, whose registry has an entry
    // of its own by the site's word, and has none.
    for (name, store, more, images) in [
        ("own", &release.path("store"), String::new(), &release.images),
        ("named", &store, format!("  hosts: [{host}]\n"), &images),
        ("others", &store, String::new(), &images),
    ] {
        assert!(!images.is_empty());
        let mirror = mirror(&airlock, store);
        let url = format!("  url: https://{}\n", mirror.address());
        let root = installed(&airlock, release, name, &(url + &more));
        let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
        let registries = read("etc/rancher/k3s/registries.yaml");
        assert!(read("etc/rancher/k3s/config.yaml").contains("disable-default-registry-endpoint: true\n"));
        let node = configured(&registries, &root, &airlock.path(format!("{name}-node")));
        assert!(node.hosts.join("docker.io").exists());
        assert_eq!(node.hosts.join(host).exists(), name == "named");
        assert_eq!(node.user.as_deref(), Some("node:correct horse"));
        let user = node.user.unwrap();
        for (reference, digest) in images {
            pulls(&containerd, &node.hosts, &user, reference, digest);
        }
        let (login, password) = user.split_once(':').unwrap();
        let address = mirror.address().to_string();
        let kubelet = |password| Containerd::for_kubelet(&node.hosts, &address, login, password);
        as_the_kubelet_does(&kubelet(password), images);
        let (reference, _) = images.first_key_value().unwrap();
        let refused = cri::pull(&kubelet("wrong").socket(), reference).unwrap_err();
        assert!(refused.contains("401 Unauthorized"), "{refused}");
        // Another authority than the mirror's is not trusted, and with the mirror gone nobody else is asked.
        let ca = root.join("etc/rancher/k3s/airlock-ca.pem");
        let other = registries.replace("/etc/rancher/k3s/airlock-ca.pem", "/other.pem");
        assert!(ca.exists() && other != registries);
        let other = configured(&other, &root, &airlock.path(format!("{name}-other")));
        succeed(
            Command::new("openssl")
                .args([
                    "req",
                    "-x509",
                    "-newkey",
                    "ed25519",
                    "-nodes",
                    "-subj",
                    "/CN=other",
                ])
                .args(["-keyout", "other.key", "-out"])
                .arg(root.join("other.pem"))
                .current_dir(&root),
        );
        let refused = containerd.pull_as(&other.hosts, reference, &user);
        assert!(!refused.status.success());
        assert!(refused.stderr().contains("x509"), "{}", refused.stderr());
        drop(mirror);
        let refused = containerd.pull_as(&node.hosts, reference, &user);
        assert!(!refused.status.success());
        let said = refused.stderr();
        assert!(said.contains(&address) && said.contains("refused"), "{said}");
    }
}
