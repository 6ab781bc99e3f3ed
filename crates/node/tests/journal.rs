//! Journals of trees: what is made is undone, wherever a run was cut off.
#![allow(clippy::unwrap_used, reason = "tests fail by panic")]

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use airlock_node::{Blob, Change, Content, Event, Journal, Node, NodeError, Outcome, go_on};
use airlock_types::Digest;
use proptest::prelude::*;

/// Every path with kind, permissions, times of files, and content.
fn snapshot(root: &Path) -> BTreeMap<PathBuf, String> {
    fn walk(root: &Path, at: &Path, out: &mut BTreeMap<PathBuf, String>) {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            let facts = fs::symlink_metadata(&path).unwrap();
            let mode = facts.mode() & 0o7777;
            let text = if facts.is_dir() {
                walk(root, &path, out);
                format!("folder {mode:o}")
            } else if facts.is_symlink() {
                format!("link {}", fs::read_link(&path).unwrap().display())
            } else {
                let bytes = fs::read(&path).unwrap();
                format!(
                    "file {mode:o} {} {}",
                    facts.mtime(),
                    String::from_utf8_lossy(&bytes)
                )
            };
            out.insert(path.strip_prefix(root).unwrap().to_owned(), text);
        }
    }
    let mut out = BTreeMap::new();
    walk(root, root, &mut out);
    out
}

fn file(path: &str, mode: u32, text: &str) -> Change {
    Change::File {
        path: path.into(),
        mode,
        content: Content::from(text),
        secret: false,
    }
}

fn lines(path: &str, name: &str, lines: &[&str]) -> Change {
    Change::Lines {
        path: path.into(),
        name: name.to_owned(),
        lines: lines.iter().map(ToString::to_string).collect(),
    }
}

/// A tree with things that are in the way of [`changes`], or nearly as wanted.
fn furnished() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir_all(root.join("etc/rancher")).unwrap();
    fs::create_dir_all(root.join("run/real")).unwrap();
    fs::create_dir(root.join("usr")).unwrap();
    symlink("/run/real", root.join("etc/linked")).unwrap();
    fs::write(root.join("etc/hosts"), "127.0.0.1 localhost\n").unwrap();
    fs::write(root.join("etc/conf"), "theirs").unwrap();
    fs::set_permissions(root.join("etc/conf"), fs::Permissions::from_mode(0o640)).unwrap();
    fs::write(root.join("etc/old"), "old").unwrap();
    fs::write(
        root.join("etc/fstab"),
        "/dev/sda / ext4\n/swap none swap sw 0 0\n",
    )
    .unwrap();
    symlink("elsewhere", root.join("etc/link")).unwrap();
    symlink("kept", root.join("etc/kubectl")).unwrap();
    folder
}

fn changes() -> Vec<Change> {
    let big: &'static [u8] = b"big content";
    vec![
        Change::Directory {
            path: "/etc/rancher".into(),
            mode: 0o700,
        },
        file("/etc/rancher/k3s/config.yaml", 0o600, "a: 1\n"),
        file("/etc/conf", 0o600, "ours"),
        file("/etc/linked/inside", 0o644, "through a link"),
        file("/etc/link", 0o644, "was a link"),
        Change::File {
            path: "/usr/local/bin/k3s".into(),
            mode: 0o755,
            content: Content::Blob(Blob::new(
                Digest::sha256(airlock_hash::sha256(big)),
                big.len() as u64,
                move || Ok(Box::new(big)),
            )),
            secret: false,
        },
        Change::Link {
            path: "/usr/local/bin/ctr".into(),
            target: "k3s".into(),
            keep: true,
        },
        Change::Link {
            path: "/etc/kubectl".into(),
            target: "k3s".into(),
            keep: true,
        },
        lines("/etc/hosts", "site", &["10.0.0.1 registry.site"]),
        lines("/etc/new-hosts", "site", &["10.0.0.1 registry.site"]),
        Change::Comment {
            path: "/etc/fstab".into(),
            lines: vec!["/swap none swap sw 0 0".to_owned()],
        },
        Change::Comment {
            path: "/etc/none".into(),
            lines: vec!["x".to_owned()],
        },
        Change::Absent {
            path: "/etc/old".into(),
        },
        Change::SwapOff,
    ]
}

#[test]
fn a_second_run_changes_nothing_and_undo_puts_everything_back() {
    let folder = furnished();
    let before = snapshot(folder.path());
    let node = Node::tree(folder.path());
    let expected = Journal::read(&node).unwrap().would(&changes()).unwrap();
    assert_eq!(snapshot(folder.path()), before, "looking changes nothing");
    let mut journal = Journal::open(&node).unwrap();
    let first = journal.apply("install", &changes(), &mut go_on).unwrap();
    assert_eq!(first, expected);
    let made = snapshot(folder.path());
    assert_eq!(made[Path::new("etc/conf")].split(' ').nth(1), Some("600"));
    assert_eq!(made[Path::new("etc/kubectl")], "link kept");
    assert!(made[Path::new("run/real/inside")].ends_with("through a link"));
    let again = journal.apply("install", &changes(), &mut go_on).unwrap();
    assert!(again.iter().all(|one| *one != Outcome::Made), "{again:?}");
    assert_eq!(again.last(), Some(&Outcome::Later));
    assert_eq!(snapshot(folder.path()), made, "not even the journal grows");
    drop(journal);
    let mut journal = Journal::open(&node).unwrap();
    assert!(
        journal
            .changes()
            .any(|(by, what)| by == "install" && what.contains("/etc/conf"))
    );
    journal.undo(None, &mut go_on).unwrap();
    assert_eq!(snapshot(folder.path()), before);
}

#[test]
fn data_of_services_is_deleted_only_when_asked_for() {
    let folder = furnished();
    let before = snapshot(folder.path());
    let node = Node::tree(folder.path());
    let grown = |path: &str| Change::Grown { path: path.into() };
    let changes = [
        grown("/var/lib/data"),
        grown("/etc/rancher"),
        file("/var/lib/data/inside", 0o600, "ours"),
    ];
    let mut journal = Journal::open(&node).unwrap();
    let first = journal.apply("install", &changes, &mut go_on).unwrap();
    // What was there before is not all ours.
    assert_eq!(first, [Outcome::Made, Outcome::Already, Outcome::Made]);
    fs::write(folder.path().join("var/lib/data/grown"), "by the service").unwrap();
    let again = journal.apply("install", &changes, &mut go_on).unwrap();
    assert_eq!(again, [Outcome::Already; 3]);
    journal.undo(None, &mut go_on).unwrap();
    assert!(folder.path().join("var/lib/data/grown").exists());
    assert!(!folder.path().join("var/lib/data/inside").exists());
    assert!(!journal.is_empty());
    drop(journal);
    Journal::open(&node)
        .unwrap()
        .undo_and_delete_data(&mut go_on)
        .unwrap();
    assert_eq!(snapshot(folder.path()), before);
}

/// Ends a run at its event number `at`, as a kill at that moment would: what is on the disk then is all there is.
fn cut_off(at: usize) -> impl FnMut(Event<'_>) -> ControlFlow<()> {
    let mut seen = 0;
    move |_| {
        seen += 1;
        if seen > at {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

#[test]
fn a_run_cut_off_anywhere_is_taken_up_or_undone() {
    let whole = {
        let folder = furnished();
        let node = Node::tree(folder.path());
        Journal::open(&node)
            .unwrap()
            .apply("install", &changes(), &mut go_on)
            .unwrap();
        let mut tree = snapshot(folder.path());
        tree.retain(|path, _| !path.starts_with("var"));
        tree
    };
    let mut cuts = 0;
    loop {
        let folder = furnished();
        let before = snapshot(folder.path());
        let node = Node::tree(folder.path());
        let result = Journal::open(&node)
            .unwrap()
            .apply("install", &changes(), &mut cut_off(cuts));
        let is_whole = result.is_ok();
        // Half of the cuts are undone at once, half are gone on with first, and the undoing is cut off too.
        if cuts % 2 == 0 {
            let mut journal = Journal::open(&node).unwrap();
            journal.apply("install", &changes(), &mut go_on).unwrap();
            let mut tree = snapshot(folder.path());
            tree.retain(|path, _| !path.starts_with("var"));
            let shown = |tree: &BTreeMap<PathBuf, String>| -> Vec<String> {
                // The times of what was written differ.
                tree.iter()
                    .map(|(path, text)| {
                        let words: Vec<_> = text.split(' ').enumerate().filter(|(at, _)| *at != 2).collect();
                        format!("{path:?} {words:?}")
                    })
                    .collect()
            };
            assert_eq!(shown(&tree), shown(&whole), "cut at {cuts}");
        }
        for at in 0.. {
            if Journal::open(&node).unwrap().undo(None, &mut cut_off(at)).is_ok() {
                break;
            }
        }
        assert_eq!(snapshot(folder.path()), before, "cut at {cuts}");
        if is_whole {
            break;
        }
        cuts += 1;
    }
    assert!(cuts > 40, "{cuts}");
}

#[test]
fn what_somebody_changed_since_is_saved() {
    let folder = furnished();
    let node = Node::tree(folder.path());
    let mut journal = Journal::open(&node).unwrap();
    journal.apply("install", &changes(), &mut go_on).unwrap();
    fs::write(folder.path().join("etc/conf"), "by hand").unwrap();
    fs::write(folder.path().join("etc/new-hosts"), "by hand too\n").unwrap();
    fs::write(folder.path().join("etc/rancher/k3s/mine"), "mine").unwrap();
    // A table that somebody has gone on with keeps what they wrote.
    let table = fs::read_to_string(folder.path().join("etc/fstab")).unwrap();
    assert_eq!(table, "/dev/sda / ext4\n# airlock: /swap none swap sw 0 0\n");
    fs::write(
        folder.path().join("etc/fstab"),
        format!("{table}/dev/sdb /data xfs\n"),
    )
    .unwrap();
    let mut told = Vec::new();
    journal
        .undo(None, &mut |event| {
            if let Event::Saved(_) | Event::Left(..) = event {
                told.push(format!("{event:?}").replace(&folder.path().display().to_string(), ""));
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("/etc/conf.airlock-saved"), "{told:?}");
    assert!(told[1].contains("folder /etc/rancher/k3s"), "{told:?}");
    let read = |path: &str| fs::read_to_string(folder.path().join(path)).unwrap();
    assert_eq!(read("etc/conf"), "theirs");
    assert_eq!(read("etc/conf.airlock-saved"), "by hand");
    assert_eq!(read("etc/new-hosts"), "by hand too\n");
    assert_eq!(
        read("etc/fstab"),
        "/dev/sda / ext4\n/swap none swap sw 0 0\n/dev/sdb /data xfs\n"
    );
    assert_eq!(read("etc/rancher/k3s/mine"), "mine");
}

/// What somebody put in the place of a link, of a file, or of something that was to be gone, is theirs.
#[test]
fn what_somebody_put_in_its_place_is_saved() {
    let folder = furnished();
    let root = folder.path();
    let node = Node::tree(root);
    let undo = |told: &mut Vec<String>| {
        Journal::open(&node)
            .unwrap()
            .undo(None, &mut |event| {
                if let Event::Saved(_) | Event::Left(..) = event {
                    told.push(format!("{event:?}"));
                }
                ControlFlow::Continue(())
            })
            .unwrap();
    };
    let put = || {
        Journal::open(&node)
            .unwrap()
            .apply("install", &changes(), &mut go_on)
            .unwrap();
        fs::remove_file(root.join("usr/local/bin/ctr")).unwrap();
        fs::write(root.join("usr/local/bin/ctr"), "their own").unwrap();
        fs::remove_file(root.join("usr/local/bin/k3s")).unwrap();
        symlink("/opt/k3s", root.join("usr/local/bin/k3s")).unwrap();
        fs::write(root.join("etc/old"), "new").unwrap();
        fs::remove_file(root.join("etc/conf")).unwrap();
        fs::create_dir(root.join("etc/conf")).unwrap();
        fs::write(root.join("etc/conf/part"), "split up").unwrap();
    };
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    put();
    let mut told = Vec::new();
    undo(&mut told);
    let saved = told.iter().filter(|event| event.starts_with("Saved")).count();
    assert_eq!((saved, told.len()), (4, 6), "{told:?}");
    assert!(told[3].contains("folder /usr/local/bin"), "{told:?}");
    assert_eq!(read("usr/local/bin/ctr.airlock-saved"), "their own");
    assert_eq!(
        fs::read_link(root.join("usr/local/bin/k3s.airlock-saved")).unwrap(),
        Path::new("/opt/k3s")
    );
    assert_eq!(read("etc/old"), "old");
    assert_eq!(read("etc/old.airlock-saved"), "new");
    assert_eq!(read("etc/conf"), "theirs");
    assert_eq!(read("etc/conf.airlock-saved/part"), "split up");
    assert!(!root.join("usr/local/bin/ctr").exists());
    // The second time, what was saved the first time is still there.
    put();
    fs::write(root.join("usr/local/bin/ctr"), "another one").unwrap();
    undo(&mut Vec::new());
    assert_eq!(read("usr/local/bin/ctr.airlock-saved"), "their own");
    assert_eq!(read("usr/local/bin/ctr.airlock-saved-2"), "another one");
}

#[test]
fn lines_are_written_where_a_link_leads_to_and_for_the_same_owner() {
    let folder = furnished();
    let root = folder.path();
    fs::rename(root.join("etc/hosts"), root.join("run/hosts")).unwrap();
    symlink("/run/hosts", root.join("etc/hosts")).unwrap();
    let is_root = rustix::process::geteuid().is_root();
    if is_root {
        std::os::unix::fs::chown(root.join("run/hosts"), Some(12), Some(34)).unwrap();
    }
    let before = snapshot(root);
    let node = Node::tree(root);
    let change = [lines("/etc/hosts", "site", &["10.0.0.1 a"])];
    // A run that is cut off while it writes leaves half a file, which the next one takes away.
    let cut = Journal::open(&node)
        .unwrap()
        .apply("install", &change, &mut cut_off(1));
    assert!(cut.is_err());
    fs::write(root.join("run/.hosts.airlock-1"), "half").unwrap();
    let mut journal = Journal::open(&node).unwrap();
    assert_eq!(journal.changes().count(), 1);
    assert!(!root.join("run/.hosts.airlock-1").exists());
    journal.apply("install", &change, &mut go_on).unwrap();
    let facts = fs::metadata(root.join("run/hosts")).unwrap();
    if is_root {
        assert_eq!((facts.uid(), facts.gid()), (12, 34));
    }
    assert!(fs::symlink_metadata(root.join("etc/hosts")).unwrap().is_symlink());
    journal.undo(None, &mut go_on).unwrap();
    assert_eq!(snapshot(root), before);
}

#[test]
fn changes_by_one_are_undone_without_those_of_another() {
    let folder = furnished();
    let node = Node::tree(folder.path());
    let mut journal = Journal::open(&node).unwrap();
    journal
        .apply(
            "preflight",
            &[lines("/etc/hosts", "fix", &["10.0.0.9 a"])],
            &mut go_on,
        )
        .unwrap();
    let fixed = snapshot(folder.path());
    journal.apply("install", &changes(), &mut go_on).unwrap();
    journal.undo(Some("install"), &mut go_on).unwrap();
    let mut now = snapshot(folder.path());
    now.retain(|path, _| !path.starts_with("var"));
    let mut fixed = fixed;
    fixed.retain(|path, _| !path.starts_with("var"));
    let text = |tree: &BTreeMap<PathBuf, String>| tree.keys().cloned().collect::<Vec<_>>();
    assert_eq!(text(&now), text(&fixed));
    assert!(
        fs::read_to_string(folder.path().join("etc/hosts"))
            .unwrap()
            .contains("10.0.0.9 a")
    );
    assert_eq!(journal.changes().count(), 1);
}

/// Data that are kept keep the journal, and what was undone once comes and goes again.
#[test]
fn a_second_time_after_data_were_kept() {
    let folder = furnished();
    let bytes = [0xff_u8, 0xfe, 0];
    fs::write(folder.path().join("etc/conf"), bytes).unwrap();
    let node = Node::tree(folder.path());
    let data = Change::Grown {
        path: "/var/lib/data".into(),
    };
    let all: Vec<Change> = [data].into_iter().chain(changes()).collect();
    for _ in 0..2 {
        let mut journal = Journal::open(&node).unwrap();
        journal.apply("install", &all, &mut go_on).unwrap();
        fs::create_dir_all(folder.path().join("var/lib/data/inside")).unwrap();
        journal.undo(None, &mut go_on).unwrap();
        assert!(!journal.is_empty());
        assert_eq!(fs::read(folder.path().join("etc/conf")).unwrap(), bytes);
    }
}

/// Repairs are undone while an installation that came after them stays, and that one later.
#[test]
fn what_was_undone_out_of_order_does_not_come_back() {
    let folder = furnished();
    let before = snapshot(folder.path());
    let node = Node::tree(folder.path());
    let mut journal = Journal::open(&node).unwrap();
    let swap = Change::Comment {
        path: "/etc/fstab".into(),
        lines: vec!["/swap none swap sw 0 0".to_owned()],
    };
    let fixes = [lines("/etc/hosts", "fix", &["10.0.0.9 a"]), swap];
    journal.apply("preflight", &fixes, &mut go_on).unwrap();
    let whole = [
        file("/etc/hosts", 0o644, "all of it\n"),
        file("/etc/fstab", 0o644, "all of it\n"),
    ];
    journal.apply("install", &whole, &mut go_on).unwrap();
    journal.undo(Some("preflight"), &mut go_on).unwrap();
    let read = |path: &str| fs::read_to_string(folder.path().join(path)).unwrap();
    assert_eq!(read("etc/hosts"), "all of it\n");
    journal.undo(Some("install"), &mut go_on).unwrap();
    assert_eq!(read("etc/hosts"), "127.0.0.1 localhost\n");
    assert_eq!(read("etc/fstab"), "/dev/sda / ext4\n/swap none swap sw 0 0\n");
    assert_eq!(
        snapshot(folder.path()).keys().collect::<Vec<_>>(),
        before.keys().collect::<Vec<_>>()
    );
}

#[test]
fn only_one_at_a_time_and_only_what_was_announced() {
    let folder = furnished();
    let node = Node::tree(folder.path());
    let mut journal = Journal::open(&node).unwrap();
    journal.apply("install", &changes(), &mut go_on).unwrap();
    assert!(matches!(Journal::open(&node), Err(NodeError::Busy(_))));
    let wrong = Change::File {
        path: "/etc/conf".into(),
        mode: 0o644,
        content: Content::Blob(Blob::new(Digest::sha256([7; 32]), 3, || {
            Ok(Box::new(&b"abc"[..]))
        })),
        secret: false,
    };
    let error = journal.apply("install", &[wrong], &mut go_on).unwrap_err();
    assert!(matches!(error, NodeError::Content(_)), "{error}");
    assert_eq!(
        fs::read_to_string(folder.path().join("etc/conf")).unwrap(),
        "ours"
    );
    let blocked = file("/run/real", 0o644, "x");
    let error = journal.apply("install", &[blocked], &mut go_on).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("a file cannot be put there, since there is a folder already: ")
    );
    let folder = fs::metadata(folder.path().join("var/lib/airlock/node")).unwrap();
    assert_eq!(folder.mode() & 0o777, 0o700);
}

#[test]
fn a_torn_last_line_is_dropped_and_garbage_is_refused() {
    let folder = furnished();
    let before = snapshot(folder.path());
    let node = Node::tree(folder.path());
    Journal::open(&node)
        .unwrap()
        .apply("install", &changes(), &mut go_on)
        .unwrap();
    let path = folder.path().join("var/lib/airlock/node/journal");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}{{\"is\":\"chan")).unwrap();
    let mut journal = Journal::open(&node).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    journal.undo(None, &mut go_on).unwrap();
    assert_eq!(snapshot(folder.path()), before);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "{\"is\":\"begin\",\"version\":1,\"made\":[]}\nnonsense\n").unwrap();
    let error = Journal::open(&node).unwrap_err();
    assert!(matches!(error, NodeError::Journal { line: 2, .. }), "{error}");
    fs::write(&path, "{\"is\":\"begin\",\"version\":9,\"made\":[]}\n").unwrap();
    assert!(matches!(Journal::open(&node), Err(NodeError::Version(9))));
}

fn any_change() -> impl Strategy<Value = Change> {
    let path = prop::sample::select(vec![
        "/etc/conf",
        "/etc/a/b/c",
        "/etc/hosts",
        "/etc/link",
        "/opt/x",
    ]);
    let mode = prop::sample::select(vec![0o600_u32, 0o644, 0o755]);
    prop_oneof![
        (path.clone(), mode, "[a-c]{0,3}").prop_map(|(path, mode, text)| file(path, mode, &text)),
        (path.clone(), "[a-c]{1,3}", any::<bool>()).prop_map(|(path, target, keep)| Change::Link {
            path: path.into(),
            target: target.into(),
            keep,
        }),
        (prop::collection::vec("[a-c]{1,3}", 0..3), "[xy]").prop_map(|(text, name)| {
            let text: Vec<&str> = text.iter().map(String::as_str).collect();
            lines("/etc/hosts", &name, &text)
        }),
        path.prop_map(|path| Change::Absent { path: path.into() }),
        prop::sample::select(vec!["/etc/hosts", "/etc/fstab"]).prop_map(|path| Change::Comment {
            path: path.into(),
            lines: ["127.0.0.1 localhost", "/swap none swap sw 0 0", "a"]
                .map(str::to_owned)
                .into(),
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]
    /// Whatever is wanted, in however many runs, cut off anywhere: undone, everything is as it was.
    #[test]
    fn any_changes_are_undone(
        runs in prop::collection::vec((prop::collection::vec(any_change(), 1..6), 0_usize..24), 1..5),
    ) {
        let folder = furnished();
        let before = snapshot(folder.path());
        let node = Node::tree(folder.path());
        for (changes, at) in &runs {
            let _ = Journal::open(&node).unwrap().apply("install", changes, &mut cut_off(*at));
        }
        Journal::open(&node).unwrap().undo(None, &mut go_on).unwrap();
        prop_assert_eq!(snapshot(folder.path()), before);
    }
}
