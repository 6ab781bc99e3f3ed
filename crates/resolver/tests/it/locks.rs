//! Locks as a whole: failures, kept pins, drift, news, order.

use airlock_content::{ReferrerVia, Silent, digest_of};
use airlock_resolver::{CheckError, Options, Update, check, outdated, resolve};
use airlock_spec::lock::{Artifact, Kind, Lock};
use airlock_spec::manifest::Effective;
use airlock_types::Digest;
use proptest::prelude::*;

use crate::memory::{Memory, manifest};
use crate::support::{APP, WEB, chart, digests, lock_of, multi_arch, oci_chart, one, repository, told};

async fn again(memory: &Memory, manifest: &Effective, previous: &Lock, update: &Update) -> Lock {
    resolve(
        manifest,
        Some(previous),
        update,
        &Options::default(),
        memory,
        &Silent,
    )
    .await
    .unwrap()
}

fn names(names: &[&str]) -> Update {
    Update::Names(names.iter().map(|name| (*name).to_owned()).collect())
}

#[tokio::test]
async fn all_failures_are_told() {
    let mut memory = Memory::default();
    multi_arch(&mut memory, APP, "one");
    let errors = lock_of(
        &memory,
        &manifest("  - {name: a, images: [example.org/acme/app:1, example.org/no/a:1]}\n  - {name: b, images: [example.org/no/a:1, example.org/no/b]}\n"),
    )
    .await
    .unwrap_err();
    assert_eq!(errors.to_string(), "2 of 3 artifacts cannot be locked");
    assert_eq!(
        told(&errors),
        "cannot lock image example.org/no/a:1, needed by a → images[1] and b → images[0]: it does not exist: example.org/no/a Tag(\"1\")\n\
         cannot lock image example.org/no/b, needed by b → images[1]: it does not exist: example.org/no/b Tag(\"latest\")\n"
    );
}

#[tokio::test]
async fn what_later_versions_do_is_refused_by_this_one() {
    let memory = Memory::default();
    let errors = lock_of(
        &memory,
        &manifest("  - name: a\n    images: [a]\npolicy: {require: [{match: \"*\", key: k.pub}]}\n"),
    )
    .await
    .unwrap_err();
    assert_eq!(
        told(&errors),
        "cannot lock policy.require, needed by policy → require[0]: not supported by this version yet: policy.require at line 8\n"
    );
    assert!(memory.questions().is_empty());
}

#[tokio::test]
async fn two_things_under_one_reference_are_refused() {
    let mut memory = Memory::default();
    multi_arch(&mut memory, APP, "one");
    let other = multi_arch(&mut memory, "oci-layout:images", "two");
    memory.tag("oci-layout:images", "example.org/acme/app:1", &other.root);
    let errors = lock_of(
        &memory,
        &one("example.org/acme/app:1, \"oci-layout:images:example.org/acme/app:1\""),
    )
    .await
    .unwrap_err();
    assert!(
        told(&errors)
            .contains("this would be served as example.org/acme/app:1, as example.org/acme/app:1 is"),
        "{}",
        told(&errors)
    );
}

#[tokio::test]
async fn unchanged_requests_keep_their_pins_without_a_question() {
    let mut memory = Memory::default();
    multi_arch(&mut memory, APP, "old");
    multi_arch(&mut memory, "example.org/other", "old");
    repository(&mut memory, &["1.2.0"]);
    memory.document("https://example.org/tool", "old tool");
    memory.document("site.conf", "old conf");
    let body = |image: &str| {
        manifest(&format!(
            "  - name: a\n    images: [{image}]\n    charts: [{WEB}]\n  - name: b\n    images: [example.org/other:1]\n    files: [{{url: \"https://example.org/tool\"}}, {{path: site.conf}}]\n"
        ))
    };
    let first = body("example.org/acme/app:1");
    let before = lock_of(&memory, &first).await.unwrap();
    memory.questions();

    // Everything moves upstream, and on this machine.
    let moved = multi_arch(&mut memory, APP, "new").root.digest;
    let other = multi_arch(&mut memory, "example.org/other", "new").root.digest;
    repository(&mut memory, &["1.2.0", "1.2.1"]);
    memory.document("https://example.org/tool", "new tool");
    let kept = again(&memory, &first, &before, &Update::None).await;
    assert_eq!(kept.to_bytes(), before.to_bytes());
    assert_eq!(
        memory.questions(),
        ["file site.conf asking"],
        "what is local is read again, nothing else"
    );

    memory.document("site.conf", "new conf");
    let local = again(&memory, &first, &before, &Update::None).await;
    let files = |lock: &Lock| {
        lock.artifacts
            .iter()
            .find(|a| a.kind == Kind::Files)
            .unwrap()
            .clone()
    };
    assert!(digests(&files(&local).blobs).contains(&digest_of(b"new conf")));
    assert!(digests(&files(&local).blobs).contains(&digest_of(b"old tool")));

    let root = |lock: &Lock, name: &str| -> Digest {
        let is = |artifact: &&Artifact| artifact.name.contains(name);
        lock.artifacts.iter().find(is).unwrap().root.digest
    };
    for name in [
        "app",
        "acme/app",
        "example.org/acme/app",
        "example.org/acme/app:1",
        "a",
    ] {
        let updated = again(&memory, &first, &before, &names(&[name])).await;
        assert_eq!(root(&updated, "acme/app"), moved, "{name}");
        assert_eq!(root(&updated, "other"), root(&before, "other"), "{name}");
    }
    let chart = again(&memory, &first, &before, &names(&["web"])).await;
    assert_eq!(
        chart
            .artifacts
            .iter()
            .find(|a| a.kind == Kind::Chart)
            .unwrap()
            .version
            .as_deref(),
        Some("1.2.1")
    );
    let all = again(&memory, &first, &before, &Update::All).await;
    assert_eq!((root(&all, "acme/app"), root(&all, "other")), (moved, other));
    assert!(digests(&files(&all).blobs).contains(&digest_of(b"new tool")));

    let errors = resolve(
        &first,
        Some(&before),
        &names(&["absent"]),
        &Options::default(),
        &memory,
        &Silent,
    )
    .await
    .unwrap_err();
    assert!(told(&errors).contains("nothing in the manifest is called \"absent\""));

    // A changed manifest asks for what is new in it alone.
    multi_arch(&mut memory, "example.org/third", "x");
    memory.questions();
    let changed = again(&memory, &body("example.org/third:1"), &before, &Update::None).await;
    assert_eq!(root(&changed, "other"), root(&before, "other"));
    let asked = memory.questions();
    assert!(
        asked
            .iter()
            .all(|q| q.contains("example.org/third") || q.contains("site.conf")),
        "{asked:?}"
    );
}

#[tokio::test]
async fn files_are_kept_one_by_one() {
    let mut memory = Memory::default();
    memory.document("https://example.org/tool", "old tool");
    let files = |list: &str| manifest(&format!("  - name: b\n    files: [{list}]\n"));
    let first = files("{url: \"https://example.org/tool\"}");
    let before = lock_of(&memory, &first).await.unwrap();
    memory.document("https://example.org/tool", "new tool");
    memory.document("https://example.org/more", "more");
    // One more file does not move the others.
    let more = files("{url: \"https://example.org/tool\"}, {url: \"https://example.org/more\"}");
    let more = again(&memory, &more, &before, &Update::None).await;
    assert!(
        digests(&more.artifacts[0].blobs)
            .is_superset(&[b"old tool".as_slice(), b"more"].map(digest_of).into())
    );
    // A checksum that says otherwise does.
    let new_tool = digest_of(b"new tool");
    let stricter = files(&format!(
        "{{url: \"https://example.org/tool\", sha256: {}}}",
        new_tool.hex()
    ));
    let stricter = again(&memory, &stricter, &before, &Update::None).await;
    assert!(digests(&stricter.artifacts[0].blobs).contains(&new_tool));
}

#[tokio::test]
async fn check_finds_what_has_drifted() {
    let mut memory = Memory::default();
    multi_arch(&mut memory, APP, "one");
    multi_arch(&mut memory, "example.org/other", "one");
    memory.document("charts/site", chart("site", "0.1.0"));
    let body = |images: &str| {
        manifest(&format!(
            "  - name: a\n    images: [{images}]\n    charts: [{{path: charts/site}}]\n"
        ))
    };
    let first = body("example.org/acme/app:1");
    let lock = lock_of(&memory, &first).await.unwrap();
    memory.questions();
    check(&first, &lock, &Options::default(), &memory).await.unwrap();
    assert_eq!(
        memory.questions(),
        ["folder charts/site"],
        "nothing but what is local is asked for"
    );

    memory.document("charts/site", chart("site", "0.1.1"));
    let error = check(&first, &lock, &Options::default(), &memory)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the lock is not that of this manifest; changed: charts/site; images to be found anew: a"
    );

    let second = body("example.org/other:1");
    let Err(CheckError::Drift(drift)) = check(&second, &lock, &Options::default(), &memory).await else {
        panic!("no drift")
    };
    assert_eq!(drift.manifest, Some(lock.manifest));
    assert_eq!(drift.missing, ["example.org/other:1"]);
    assert_eq!(drift.surplus, ["example.org/acme/app:1"]);
}

#[tokio::test]
async fn outdated_tells_what_is_newer_and_what_has_moved() {
    let mut memory = Memory::default();
    let image = multi_arch(&mut memory, APP, "one");
    for tag in ["1.0", "1.1", "1.2-alpine", "latest"] {
        memory.tag(APP, tag, &image.root);
    }
    repository(&mut memory, &["1.2.0"]);
    oci_chart(&mut memory, "example.org/charts/app", "1.0.0");
    let manifest = manifest(&format!(
        "  - name: a\n    images: [{APP}:1.0, {APP}:latest]\n    charts: [{WEB}, {{oci: \"oci://example.org/charts/app\", version: ~1.0}}]\n"
    ));
    let lock = lock_of(&memory, &manifest).await.unwrap();
    let before = outdated(&manifest, &lock, &Options::default(), &memory, &Silent)
        .await
        .unwrap();
    assert_eq!(before.len(), 1);
    assert_eq!(before[0].newest.as_deref(), Some("1.1"));

    let moved = multi_arch(&mut memory, APP, "two").root;
    memory.tag(APP, "latest", &moved);
    repository(&mut memory, &["1.2.0", "1.2.4", "2.0.0"]);
    oci_chart(&mut memory, "example.org/charts/app", "1.0.3");
    let after = outdated(&manifest, &lock, &Options::default(), &memory, &Silent)
        .await
        .unwrap();
    let shown: Vec<_> = after
        .iter()
        .map(|o| {
            (
                o.reference.to_string(),
                o.allowed.as_deref(),
                o.newest.as_deref(),
                o.moved,
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("example.org/acme/app:1.0".to_owned(), None, Some("1.1"), None),
            (
                "example.org/acme/app:latest".to_owned(),
                None,
                None,
                Some(moved.digest)
            ),
            (
                "example.org/charts/app:1.0.0".to_owned(),
                Some("1.0.3"),
                None,
                None
            ),
            (
                "example.org/charts/web:1.2.0".to_owned(),
                Some("1.2.4"),
                Some("2.0.0"),
                None
            ),
        ]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_lock_depends_on_the_answers_and_not_on_their_order(shuffle in any::<u64>(), concurrency in 1usize..20) {
        let upstream = |shuffle: u64| {
            let mut memory = Memory::default();
            memory.shuffle = shuffle;
            let image = multi_arch(&mut memory, APP, "one");
            multi_arch(&mut memory, "example.org/other", "two");
            for content in ["a", "b", "c"] {
                let signature = memory.artifact(APP, "x/signature", content);
                memory.refers(image.root.digest, &signature, ReferrerVia::Api);
                memory.refers(image.amd64.digest, &signature, ReferrerVia::Api);
            }
            repository(&mut memory, &["1.2.0", "1.2.1"]);
            memory.document("https://example.org/a", "same");
            memory.document("https://example.org/b", "same");
            memory
        };
        let manifest = manifest(&format!(
            "  - name: a\n    images: [{APP}:1, example.org/other:1]\n    charts: [{WEB}]\n    files: [{{url: \"https://example.org/a\"}}, {{url: \"https://example.org/b\"}}]\n"
        ));
        let run = |memory: &Memory, concurrency: usize| {
            let options = Options { concurrency, ..Options::default() };
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(resolve(&manifest, None, &Update::None, &options, memory, &Silent)).unwrap().to_bytes()
        };
        let shuffled = upstream(shuffle);
        prop_assert_eq!(run(&shuffled, concurrency), run(&upstream(0), 1));
        let busiest = shuffled.busiest.load(std::sync::atomic::Ordering::SeqCst);
        prop_assert!(busiest <= concurrency, "{busiest} questions at once");
    }
}
