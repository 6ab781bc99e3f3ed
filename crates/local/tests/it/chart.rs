use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use airlock_content::{MetadataSource, Origin, SourceError, SourceErrorKind, digest_of};
use airlock_helm::{ChartFile, package};
use airlock_local::Local;
use airlock_types::{Descriptor, media_type};
use bytes::Bytes;

use crate::support::{read, wait};

const CHART: &str = "apiVersion: v2\nname: site\nversion: 1.2.3\n";

fn write(root: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn packed(files: &[(&str, &str)]) -> Vec<u8> {
    package(files.iter().map(|(path, text)| ChartFile {
        path: (*path).into(),
        bytes: (*text).into(),
    }))
    .unwrap()
}

fn ask(root: &Path) -> Result<Bytes, SourceError> {
    wait(Local::new("/").chart_folder(root))
}

#[test]
fn a_folder_is_packaged_and_served_by_its_digest() {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        ("Chart.yaml", CHART),
        ("templates/a.yaml", "kind: List\n"),
        ("values.yaml", "a: 1\n"),
    ];
    write(&folder.path().join("chart"), &files);
    let local = Local::new(folder.path());
    let archive = wait(local.chart_folder(Path::new("chart"))).unwrap();
    assert_eq!(archive, packed(&files));

    let origin = Origin::ChartFolder("chart".into());
    let want = Descriptor::new(media_type::HELM_CHART, digest_of(&archive), archive.len() as u64);
    assert_eq!(wait(read(&local, &origin, &want, 0)).unwrap(), archive);
    assert_eq!(wait(read(&local, &origin, &want, 9)).unwrap(), archive[9..]);
    assert_eq!(wait(read(&local, &origin, &want, want.size)).unwrap(), b"");
    assert_eq!(wait(local.blob(&origin, &want, want.size)).unwrap(), archive);
    let error = wait(local.blob(&origin, &want, want.size - 1)).unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Unsupported);
    assert_eq!(wait(local.referrers(&origin, &want.digest)).unwrap(), []);

    write(&folder.path().join("chart"), &[("values.yaml", "a: 2\n")]);
    let error = wait(read(&local, &origin, &want, 0)).unwrap_err();
    assert_eq!(
        (error.kind, error.message.as_str()),
        (
            SourceErrorKind::Corrupt,
            "the chart folder changed since the lock"
        )
    );
}

#[test]
fn links_inside_are_followed_and_others_refused() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("chart");
    write(&root, &[("Chart.yaml", CHART), ("shared/a.yaml", "kind: List\n")]);
    symlink("shared", root.join("templates")).unwrap();
    symlink("shared/a.yaml", root.join("b.yaml")).unwrap();
    let expected = packed(&[
        ("Chart.yaml", CHART),
        ("b.yaml", "kind: List\n"),
        ("shared/a.yaml", "kind: List\n"),
        ("templates/a.yaml", "kind: List\n"),
    ]);
    assert_eq!(ask(&root).unwrap(), expected);

    write(folder.path(), &[("secret", "secret")]);
    symlink("../secret", root.join("secret.txt")).unwrap();
    let error = ask(&root).unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::LinkLeaves);
    assert!(
        error.to_string().contains("leads out of the chart folder"),
        "{error}"
    );
    write(&root, &[(".helmignore", "secret.txt\n")]);
    assert!(ask(&root).is_ok(), "an ignored link does no harm");

    symlink("..", root.join("shared/up")).unwrap();
    assert!(ask(&root).unwrap_err().to_string().contains("leads in a circle"));
}

#[test]
fn ignored_files_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        &[
            ("Chart.yaml", CHART),
            (".helmignore", ".git/\n*.iso\n"),
            (".git/config", "x"),
        ],
    );
    // Larger than a chart may be, without taking room on the disk.
    fs::File::create(folder.path().join("disk.iso"))
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    let archive = ask(folder.path()).unwrap();
    assert_eq!(
        archive,
        packed(&[(".helmignore", ".git/\n*.iso\n"), ("Chart.yaml", CHART)])
    );
    fs::File::create(folder.path().join("disk.img"))
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    let error = ask(folder.path()).unwrap_err();
    assert!(
        error.to_string().contains("more than the 100.0 MiB allowed"),
        "{error}"
    );
    assert!(error.hint.unwrap().contains(".helmignore"));
}

#[test]
fn what_is_no_chart_is_refused_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let error = ask(folder.path()).unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Corrupt);
    assert!(error.hint.unwrap().contains("Chart.yaml"));
    assert_eq!(
        ask(&folder.path().join("absent")).unwrap_err().kind,
        SourceErrorKind::Local
    );
    write(folder.path(), &[("file", "x")]);
    assert_eq!(
        ask(&folder.path().join("file")).unwrap_err().kind,
        SourceErrorKind::Local
    );
}

#[test]
fn folders_and_files_have_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    let deep = |levels: usize| "d/".repeat(levels) + "file";
    write(folder.path(), &[("Chart.yaml", CHART), (&deep(63), "x")]);
    ask(folder.path()).unwrap();
    write(folder.path(), &[(&deep(64), "x")]);
    let error = ask(folder.path()).unwrap_err();
    assert!(
        error
            .message
            .contains("more than the 64 levels of folders allowed"),
        "{error}"
    );

    // Few files, to which many links lead.
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &[("Chart.yaml", CHART)]);
    fs::create_dir(folder.path().join("files")).unwrap();
    for number in 0..1000 {
        fs::write(folder.path().join(format!("files/{number}")), "").unwrap();
    }
    let link = |from: usize, to: usize| {
        for number in from..to {
            symlink("files", folder.path().join(format!("link-{number}"))).unwrap();
        }
    };
    link(0, 20);
    let error = ask(folder.path()).unwrap_err();
    assert!(
        error.message.contains("more than the 20000 files allowed"),
        "{error}"
    );
    // What is ignored takes time all the same.
    write(folder.path(), &[(".helmignore", "files/\nlink-*/\n")]);
    ask(folder.path()).unwrap();
    link(20, 200);
    let error = ask(folder.path()).unwrap_err();
    assert!(
        error
            .message
            .contains("more than the 200000 files and folders allowed"),
        "{error}"
    );
}
