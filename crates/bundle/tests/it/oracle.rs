//! What other tools make of a bundle.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use airlock_bundle::{BundleFile, Extras, Plan, Unverified};

use crate::fixture::{Contents, Fixture, artifact, lock, open_parts, policy, signed};

/// Runs a tool in `folder` and returns what it prints; `None` where it is not installed.
fn run(folder: &Path, tool: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(tool)
        .args(arguments)
        .current_dir(folder)
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .output();
    if let Ok(output) = output {
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{tool} {arguments:?}: {errors}");
        assert_eq!(errors, "", "{tool} {arguments:?}");
        Some(String::from_utf8(output.stdout).unwrap())
    } else {
        eprintln!("SKIPPED oracle {tool}: not installed");
        None
    }
}

#[test]
fn tar_lists_what_the_index_lists() {
    let (fixture, folder) = (Fixture::new(), tempfile::tempdir().unwrap());
    std::fs::write(folder.path().join("b.tar"), &fixture.archive).unwrap();
    let Some(listing) = run(folder.path(), "tar", &["-tvf", "b.tar"]) else {
        return;
    };
    let listed: Vec<String> = listing
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let expected: Vec<String> = fixture
        .layout
        .entries()
        .iter()
        .map(|entry| {
            let mode = if entry.name.starts_with("bin/") {
                "-rwxr-xr-x"
            } else {
                "-rw-r--r--"
            };
            format!("{mode} 0/0 {} 1970-01-01 00:00 {}", entry.size, entry.name)
        })
        .collect();
    assert_eq!(listed, expected);
}

#[test]
fn other_tools_unpack_and_check_it_and_the_folder_is_read_again() {
    let fixture = Fixture::new();
    for (tool, arguments) in [
        ("tar", &["-xf", "../b.tar"][..]),
        ("bsdtar", &["-xf", "../b.tar"]),
        (
            "python3",
            &[
                "-c",
                "import tarfile; tarfile.open('../b.tar').extractall('.', filter='data')",
            ],
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("b.tar"), &fixture.archive).unwrap();
        let unpacked = folder.path().join("unpacked");
        std::fs::create_dir(&unpacked).unwrap();
        if run(&unpacked, tool, arguments).is_none() {
            continue;
        }
        run(&unpacked, "sha256sum", &["-c", "--strict", "SHA256SUMS"]);
        let bundle = Unverified::open(&unpacked)
            .unwrap()
            .verify(&fixture.policy())
            .unwrap();
        assert_eq!(bundle.check(&mut |_| ()).unwrap().lock, fixture.lock);
    }
}

#[test]
fn files_over_8_gib_are_listed_by_tar_and_opened_here() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.tar");
    let mut contents = Contents::new();
    let mut large = artifact(&mut contents, "ghcr.io/acme/large:1", &[b"large".to_vec()]);
    large.blobs[0].size = 9 << 30;
    let fixture = Fixture::new();
    let layout = signed(
        &fixture.key,
        Plan::new(&lock(vec![large]), Extras::default()).unwrap(),
    );
    assert_eq!(open_parts(&layout), 4);
    layout.write_frame(&File::create(&path).unwrap()).unwrap();
    let bundle = BundleFile::open(&path, &policy(&fixture.key)).unwrap();
    assert_eq!(bundle.index().total_size() >> 30, 9);
    // A listing seeks over content, so this reads next to nothing.
    if let Some(listing) = run(folder.path(), "tar", &["-tvf", "b.tar"]) {
        assert!(
            listing.contains(" 9663676416 1970-01-01 00:00 blobs/sha256/"),
            "{listing}"
        );
    }
}

#[test]
fn a_second_implementation_of_the_documented_format_agrees() {
    let (fixture, folder) = (Fixture::new(), tempfile::tempdir().unwrap());
    std::fs::write(folder.path().join("b.tar"), &fixture.archive).unwrap();
    Unverified::open(&folder.path().join("b.tar"))
        .unwrap()
        .verify(&fixture.policy())
        .unwrap()
        .extract_to(&folder.path().join("unpacked"))
        .unwrap();
    let script = include_str!("second_implementation.py");
    if let Some(answer) = run(folder.path(), "python3", &["-c", script, "b.tar", "unpacked"]) {
        assert_eq!(answer, "equal\n");
    }
}
