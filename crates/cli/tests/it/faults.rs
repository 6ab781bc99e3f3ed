//! Every fault of an upstream at the command line: the build completes, or ends with the exact list.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Deref;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use airlock_testkit::{self as testkit, Action, Auth, Fault, Hold, Listener, Logged, Options};
use airlock_types::Digest;
use bytes::Bytes;

use crate::desk::{Desk, Said, Serving, finish, manifest_of_images, start, wait};

/// Large enough to break in the middle and go on.
const LARGE: usize = 16 << 20;
/// Where its answer is held.
const HELD: u64 = 5 << 20;

/// A desk with a manifest, a key, and the upstream.
struct Session {
    desk: Desk,
    server: Serving,
    large: Bytes,
}

impl Deref for Session {
    type Target = Desk;

    fn deref(&self) -> &Desk {
        &self.desk
    }
}

impl Session {
    /// One image with a large layer and two small ones, another image, and a file.
    fn new(options: Options) -> Self {
        Self::with_layer_of(LARGE, options)
    }

    fn with_layer_of(size: usize, options: Options) -> Self {
        let large = testkit::noise("large", size);
        let layers = [large, testkit::noise("b", 70_000), testkit::noise("c", 50_000)];
        let layers = layers.map(|bytes| bytes.to_vec());
        let image = testkit::image_with_layers(testkit::Format::Oci, "linux/amd64", &layers);
        let mut content = testkit::Upstream::new();
        content.push("team/app", "1", &image);
        content.push("team/other", "1", &testkit::image("other", "linux/amd64"));
        content.file("/tool.bin", testkit::noise("tool", 200_000));
        let large = image
            .blobs
            .iter()
            .max_by_key(|blob| blob.bytes.len())
            .unwrap()
            .bytes
            .clone();
        let session = Self {
            desk: Desk::new(),
            server: Serving::start(content, options),
            large,
        };
        let host = session.server.host();
        let images = ["app", "other"].map(|name| format!("{host}/team/{name}:1"));
        let files = format!("  files: [{{url: \"{}\"}}]\n", session.server.url("/tool.bin"));
        session.write("airlock.yaml", &manifest_of_images(&images, &files));
        assert_eq!(session.run(&["keygen"]).0, 0);
        session
    }

    /// The same with everything locked.
    fn locked(options: Options) -> Self {
        Self::new(options).and_locked()
    }

    fn and_locked(self) -> Self {
        let (code, text) = self.lock(&[]);
        assert_eq!(code, 0, "{text}");
        self.server.clear_log();
        self
    }

    fn lock(&self, more: &[&str]) -> Said {
        let host = self.server.host();
        self.run(
            &[
                &["lock", "--insecure", &host, "--retries", "3", "--timeout", "5"],
                more,
            ]
            .concat(),
        )
    }

    /// The command that packs the lock into `out`, with the cache there or none.
    fn pack_command(&self, out: &str, more: &[&str]) -> Command {
        let host = self.server.host();
        let mut command = self.command(&[
            "pack",
            "--key",
            "airlock.key",
            "--no-importer",
            "--insecure",
            &host,
        ]);
        command.args(["--out", out, "--retries", "3"]).args(more);
        if !more.contains(&"--cache") {
            command.arg("--no-cache");
        }
        command
    }

    fn pack(&self, out: &str, more: &[&str]) -> Said {
        finish(self.pack_command(out, more))
    }

    /// The blob requests for the large layer.
    fn asked_for_large(&self) -> Vec<Logged> {
        self.server
            .requests(&format!("/blobs/{}", self.large_digest()))
            .into_iter()
            .filter(|logged| logged.method == "GET")
            .collect()
    }

    /// The path of the large layer.
    fn large_path(&self) -> String {
        format!("*/blobs/{}", self.large_digest())
    }

    fn large_digest(&self) -> Digest {
        Digest::Sha256(airlock_hash::sha256(&self.large))
    }

    /// There is a bundle, and it is whole.
    fn is_whole(&self, out: &str) {
        let path = self.path(out).join("edge-1.0.0.airlock.tar");
        let (code, text) = self.run(&["verify", path.to_str().unwrap(), "--key", "airlock.pub"]);
        assert_eq!(code, 0, "{text}");
    }
}

fn token() -> Options {
    Options {
        auth: Auth::Token {
            credentials: None,
            identity_token: None,
            expires_in: None,
        },
        ..Options::default()
    }
}

/// What passes is waited out or gone around, by `lock` and by `pack`.
#[test]
fn passing_faults_are_overcome() {
    let seconds = vec![("retry-after", "1".to_owned())];
    let date = vec![
        ("date", "Sun, 06 Nov 1994 08:49:37 GMT".to_owned()),
        ("retry-after", "Sun, 06 Nov 1994 08:49:38 GMT".to_owned()),
    ];
    let faults: Vec<(&str, Vec<Action>, u32)> = vec![
        (
            "429 in seconds",
            vec![Action::StatusWith(429, seconds.clone())],
            2,
        ),
        ("429 until a date", vec![Action::StatusWith(429, date)], 2),
        ("500", vec![Action::Status(500)], 1),
        ("502", vec![Action::Status(502)], 1),
        ("503 in seconds", vec![Action::StatusWith(503, seconds)], 1),
        ("503", vec![Action::Status(503)], 1),
        ("504", vec![Action::Status(504)], 1),
        ("close", vec![Action::Close], 1),
        ("reset", vec![Action::Reset(200)], 2),
        ("stall", vec![Action::Stall(200)], 1),
        (
            "drip",
            vec![Action::Drip(512 * 1024, Duration::from_millis(2))],
            1000,
        ),
        ("gzip'd manifests", vec![], 0),
        (
            "HTTP/1.0",
            vec![
                Action::Http10,
                Action::IgnoreRange,
                Action::WithoutHeader("content-length"),
            ],
            1000,
        ),
        (
            "HTTP/1.0, cut short",
            vec![
                Action::Http10,
                Action::IgnoreRange,
                Action::WithoutHeader("content-length"),
            ],
            1,
        ),
    ];
    for (name, actions, times) in faults {
        let session = Session::new(Options::default());
        let set = |path: &str| {
            for action in &actions {
                session.server.fault(Fault::on(path, action.clone()).times(times));
            }
        };
        let cut = name.ends_with("cut short");
        if name.starts_with("gzip") {
            session.server.fault(Fault::on("*/manifests/*", Action::Gzip));
        } else {
            set("*/manifests/*");
        }
        let (code, text) = session.lock(&[]);
        assert_eq!(code, 0, "{name}: {text}");
        if !actions.is_empty() {
            set("*/blobs/*");
        }
        if cut {
            session
                .server
                .fault(Fault::on("*/blobs/*", Action::Truncate(10_000)).times(1));
        }
        let (code, text) = session.pack("out", &["--timeout", "5"]);
        assert_eq!(code, 0, "{name}: {text}");
        session.is_whole("out");
    }
}

/// A token that ends in the middle is replaced; a redirect to another host is followed without credentials.
#[test]
fn tokens_end_and_hosts_change() {
    let options = Options {
        redirect_blobs: true,
        ..token()
    };
    let session = Session::locked(options);
    let hold = Hold::new();
    session.server.fault(
        Fault::on("*/manifests/*", Action::Hold(hold.clone()))
            .after(1)
            .times(1),
    );
    let child = start(session.pack_command("out", &["--jobs", "1"]));
    hold.held_blocking(1);
    session.server.revoke_tokens();
    hold.open();
    let (code, text) = wait(child);
    assert_eq!(code, 0, "{text}");
    session.is_whole("out");
    assert!(session.server.log().iter().any(|logged| logged.status == 401));
    let cdn: Vec<Logged> = session
        .server
        .log()
        .into_iter()
        .filter(|logged| logged.listener == Listener::Cdn)
        .collect();
    assert!(!cdn.is_empty() && cdn.iter().all(|logged| logged.header("authorization").is_empty()));
}

/// What lasts ends with exit 3, names what it is about, and nothing else.
#[test]
fn lasting_faults_are_listed() {
    let session = Session::locked(Options::default());
    let (large, path) = (session.large_digest(), session.large_path());
    let faults = [
        ("404", Action::Status(404)),
        ("403", Action::Status(403)),
        ("500", Action::Status(500)),
        ("too short", Action::Truncate(1000)),
        ("too long", Action::Append("more".into())),
        ("wrong", Action::Corrupt),
        ("circles", Action::RedirectLoop),
        ("early end", Action::Reset(10)),
        (
            "too long a pause",
            Action::StatusWith(429, vec![("retry-after", "86400".into())]),
        ),
    ];
    for (name, action) in faults {
        session.server.heal();
        session.server.clear_log();
        session.server.fault(Fault::on(&path, action));
        let out = name.replace(' ', "-");
        let (code, text) = session.pack(&out, &["--quiet"]);
        assert_eq!(code, 3, "{name}: {text}");
        assert!(text.contains("1 of its blobs could not be had"), "{name}: {text}");
        let named: BTreeSet<&str> = text
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == ':'))
            .filter(|word| word.starts_with("sha256:") && word.len() == 71)
            .collect();
        // With wrong content, its own digest is told as well.
        let expected = if name == "wrong" { 2 } else { 1 };
        assert!(
            named.contains(&*large.to_string()) && named.len() == expected,
            "{name}: {text}"
        );
        assert!(
            text.contains("/team/app:1") && !text.contains("/team/other:1"),
            "{name}: {text}"
        );
        assert!(!session.path(&out).join("edge-1.0.0.airlock.tar").exists());
        if matches!(name, "wrong" | "too short" | "too long") {
            // Wrong content is not asked for until it is right.
            assert_eq!(session.asked_for_large().len(), 1, "{name}");
        }
        // What has arrived is not fetched again, and then it is complete.
        session.server.heal();
        session.server.clear_log();
        let (code, text) = session.pack(&out, &[]);
        assert_eq!(code, 0, "{name}: {text}");
        let fetched: Vec<String> = session
            .server
            .log()
            .into_iter()
            .map(|logged| logged.path)
            .collect();
        assert!(
            fetched
                .iter()
                .all(|path| path.ends_with(&large.to_string()) || path == "/v2/"),
            "{name}: {fetched:?}"
        );
        session.is_whole(&out);
    }
}

/// Broken, stalled, and killed: no more than a tenth comes twice.
#[test]
fn a_resumed_blob_costs_little() {
    // Each break loses what is in the buffers of both ends, a megabyte or two, whatever the size.
    const SIZE: usize = 64 << 20;
    let session = || Session::with_layer_of(SIZE, Options::default()).and_locked();
    let costs_little = |session: &Session, breaks: usize| {
        let asked = session.asked_for_large();
        assert_eq!(asked.len(), breaks + 1);
        let sent: u64 = asked.iter().map(|logged| logged.sent).sum();
        assert!(sent * 10 <= SIZE as u64 * 11, "{sent} bytes for {SIZE}");
    };

    for (action, more) in [
        (Action::Reset(8 << 20), &[][..]),
        (Action::Stall(8 << 20), &["--timeout", "2"]),
    ] {
        let session = session();
        session
            .server
            .fault(Fault::on(session.large_path(), action).times(2));
        let (code, text) = session.pack("out", more);
        assert_eq!(code, 0, "{text}");
        costs_little(&session, 2);
    }

    // With and without a cache, and into a pipe, where only the cache can help.
    let ways: [(&str, &[&str]); 3] = [
        ("out", &[]),
        ("out", &["--cache", "cache"]),
        ("-", &["--cache", "cache"]),
    ];
    for (out, more) in ways {
        let session = session();
        for kill in 1..=2 {
            let hold = Hold::new();
            session.server.fault(Fault::on(
                session.large_path(),
                Action::HoldAt(8 << 20, hold.clone()),
            ));
            let mut child = start(session.pack_command(out, more));
            hold.held_blocking(1);
            settled(&session, &hold, kill * (7 << 20));
            child.kill().unwrap();
            child.wait().unwrap();
            session.server.heal();
            hold.open();
        }
        let mut command = session.pack_command(out, more);
        command.stdout(Stdio::null());
        let (code, text) = wait(command.stderr(Stdio::piped()).spawn().unwrap());
        assert_eq!(code, 0, "{out} {more:?}: {text}");
        costs_little(&session, 2);
    }
}

/// Waits until what the server has sent is on the disk, as far as it is written in whole pieces.
fn settled(session: &Session, hold: &Hold, at_least: u64) {
    use std::os::unix::fs::MetadataExt;
    for _ in 0..10_000 {
        let mut files = Vec::new();
        for folder in ["out", "cache/airlock/tmp"] {
            files.extend(fs::read_dir(session.path(folder)).into_iter().flatten());
        }
        let most = files
            .into_iter()
            .filter_map(|entry| entry.ok()?.metadata().ok())
            .map(|metadata| metadata.len().min(metadata.blocks() * 512))
            .max();
        if most.is_some_and(|bytes| bytes >= at_least) && hold.waiting() == 1 {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("nothing arrives");
}

/// Two processes over one cache: every blob comes once, the second one waits and says so.
#[test]
fn two_builds_fetch_each_blob_once() {
    let session = Session::locked(Options::default());
    let hold = Hold::new();
    session.server.fault(Fault::on(
        session.large_path(),
        Action::HoldAt(HELD, hold.clone()),
    ));
    let more = ["--cache", "cache", "--progress", "json"];
    let first = start(session.pack_command("first", &more));
    hold.held_blocking(1);
    let mut second = start(session.pack_command("second", &more));
    let said = until_said(&mut second, "waiting for another airlock process");
    assert!(said.contains("\"event\":\"note\""), "{said}");
    // It has everything else by now, from the first one or from upstream.
    assert_eq!(hold.waiting(), 1);
    hold.open();
    for child in [first, second] {
        let (code, text) = wait(child);
        assert_eq!(code, 0, "{text}");
    }
    let mut seen = BTreeSet::new();
    for logged in session.server.log() {
        let twice = !seen.insert(logged.path.clone()) && logged.path != "/v2/";
        assert!(!twice, "{} came twice", logged.path);
    }
    assert!(
        seen.iter().filter(|path| path.contains("/blobs/")).count() >= 6,
        "{seen:?}"
    );
    session.is_whole("first");
    session.is_whole("second");
}

/// The one who fetches is killed in the middle: the one who waits goes on from there.
#[test]
fn a_killed_build_holds_nobody_up() {
    let session = Session::locked(Options::default());
    let hold = Hold::new();
    session
        .server
        .fault(Fault::on(session.large_path(), Action::HoldAt(HELD, hold.clone())).times(1));
    let more = ["--cache", "cache", "--progress", "json"];
    let mut first = start(session.pack_command("first", &more));
    hold.held_blocking(1);
    settled(&session, &hold, HELD - (400 << 10));
    let mut second = start(session.pack_command("second", &more));
    until_said(&mut second, "waiting for another airlock process");
    first.kill().unwrap();
    first.wait().unwrap();
    let (code, text) = wait(second);
    assert_eq!(code, 0, "{text}");
    session.is_whole("second");
    let asked = session.asked_for_large();
    assert_eq!(asked.len(), 2);
    let range = asked[1].header("range");
    let start: Option<u64> = range
        .strip_prefix("bytes=")
        .and_then(|rest| rest.strip_suffix('-')?.parse().ok());
    assert!(start.is_some_and(|start| start >= HELD / 2), "{range:?}");
    hold.open();
}

/// Reads lines from standard error until one has the text; the rest stays to be read.
fn until_said(child: &mut Child, text: &str) -> String {
    use std::io::Read;
    let from = child.stderr.as_mut().unwrap();
    let (mut line, mut byte) = (Vec::new(), [0]);
    while from.read(&mut byte).unwrap() == 1 {
        if byte[0] != b'\n' {
            line.push(byte[0]);
            continue;
        }
        let said = String::from_utf8(std::mem::take(&mut line)).unwrap();
        if said.contains(text) {
            return said;
        }
    }
    panic!("it never said {text:?}");
}

/// A mirror that cannot help is passed over, and that is said.
#[test]
fn a_dead_mirror_is_told() {
    let session = Session::new(Options::default());
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let host = session.server.host();
    let manifest = fs::read_to_string(session.path("airlock.yaml")).unwrap();
    let text = manifest
        .replace(&format!("{host}/team"), "registry.example/team")
        .lines()
        .filter(|line| !line.contains("files:"))
        .collect::<Vec<_>>()
        .join("\n");
    session.write("airlock.yaml", &(text + "\n"));
    let dead = format!("registry.example={free}");
    let alive = format!("registry.example={host}");
    let (code, text) = session.lock(&["--mirror", &dead, "--mirror", &alive, "--no-referrers"]);
    assert_eq!(code, 0, "{text}");
    let wanted = format!("warning: {free} cannot be reached; {host} is asked instead");
    assert_eq!(text.matches(&wanted).count(), 1, "{text}");
    // A mirror that has not got it is passed over as well.
    let empty = format!("registry.example={host}/nothing");
    let (code, text) = session.pack(
        "out",
        &["--mirror", &empty, "--mirror", &alive, "--progress", "json"],
    );
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("\"event\":\"warning\"") && text.contains("has no such thing"),
        "{text}"
    );
}

/// Everything that is there is named as done, and not asked for again.
#[test]
fn one_of_thirty_leaves_twenty_nine_done() {
    let session = Session::new(Options::default());
    let names: Vec<String> = (0..30).map(|at| format!("team/app-{at:02}")).collect();
    session.server.update(|content| {
        for name in &names {
            content.push(name, "1", &testkit::image(name, "linux/amd64"));
        }
    });
    let host = session.server.host();
    let images: Vec<String> = names.iter().map(|name| format!("{host}/{name}:1")).collect();
    session.write("airlock.yaml", &manifest_of_images(&images, ""));
    let (code, text) = session.lock(&[]);
    assert_eq!(code, 0, "{text}");
    let lost = &names[17];
    for more in [&[][..], &["--cache", "cache"]] {
        let out = format!("out-{}", more.len());
        session
            .server
            .fault(Fault::on(format!("/v2/{lost}/*"), Action::Status(404)));
        let (code, text) = session.pack(&out, &[&["--progress", "json"], more].concat());
        assert_eq!(code, 3, "{text}");
        let events = |kind: &str| -> BTreeSet<&String> {
            let kind = format!("\"event\":\"{kind}\"");
            let lines: Vec<&str> = text.lines().filter(|line| line.contains(&kind)).collect();
            names
                .iter()
                .filter(|name| lines.iter().any(|line| line.contains(&format!("/{name}:1"))))
                .collect()
        };
        let others: BTreeSet<&String> = names.iter().filter(|name| *name != lost).collect();
        assert_eq!(events("failed"), BTreeSet::from([lost]), "{text}");
        assert!(events("done").is_superset(&others), "{text}");
        session.server.heal();
        session.server.clear_log();
        let (code, text) = session.pack(&out, more);
        assert_eq!(code, 0, "{text}");
        let asked = session.server.log();
        assert!(
            asked
                .iter()
                .all(|logged| logged.path.contains(lost.as_str()) || logged.path == "/v2/"),
            "{:?}",
            asked.iter().map(|logged| &logged.path).collect::<Vec<_>>()
        );
    }
}

/// Too many requests slow down every worker, and the build completes.
#[test]
fn a_rate_limit_is_kept_by_all_workers() {
    let session = Session::locked(Options::default());
    let seconds = Action::StatusWith(429, vec![("retry-after", "2".into())]);
    session.server.fault(Fault::on("*/blobs/*", seconds).times(1));
    let start = std::time::Instant::now();
    let (code, text) = session.pack("out", &["--jobs", "2"]);
    assert_eq!(code, 0, "{text}");
    assert!(start.elapsed() >= Duration::from_secs(2));
    assert!(session.server.peak() <= 2);
}
