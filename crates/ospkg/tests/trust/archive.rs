//! Packages that dpkg-deb builds, and such as nobody builds.

use std::path::Path;
use std::process::Command;

use airlock_ospkg::deb::archive::{Archive, ArchiveError, CopyrightFile, Limits};
use airlock_tests::peer;

/// A small package, built by dpkg-deb.
pub(crate) fn build(folder: &Path, name: &str, version: &str, fields: &str, compression: &str) -> Vec<u8> {
    let architecture = if fields.contains("Architecture:") {
        ""
    } else {
        "Architecture: amd64\n"
    };
    let root = folder.join(format!("{name}-{}-{compression}", version.replace(':', "_")));
    let docs = root.join("usr/share/doc").join(name);
    std::fs::create_dir_all(root.join("DEBIAN")).unwrap();
    std::fs::create_dir_all(&docs).unwrap();
    let control = format!(
        "Package: {name}\nVersion: {version}\n{architecture}Maintainer: T <t@example.org>\n{fields}Description: a test\n of it\n"
    );
    std::fs::write(root.join("DEBIAN/control"), control).unwrap();
    std::fs::write(docs.join("copyright"), "licence text\n").unwrap();
    let file = root.with_extension("deb");
    let output = Command::new("dpkg-deb")
        .args(["--root-owner-group", &format!("-Z{compression}"), "--build"])
        .arg(&root)
        .arg(&file)
        .env("SOURCE_DATE_EPOCH", "1735689600")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    std::fs::read(file).unwrap()
}

fn archive_of(bytes: &[u8]) -> Archive {
    Archive::read(bytes, Limits::default()).unwrap()
}

#[test]
fn every_compression_of_dpkg_is_read() {
    if !peer::require(&["dpkg-deb"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for compression in ["none", "gzip", "xz", "zstd"] {
        let bytes = build(folder.path(), "hello", "1.0", "", compression);
        let archive = archive_of(&bytes);
        assert_eq!(archive.control().unwrap().get("version"), Some(&b"1.0"[..]));
        assert_eq!(
            archive.copyright,
            CopyrightFile::Text(b"licence text\n".to_vec()),
            "{compression}"
        );
        let archive = Archive::read_control(&bytes[..]).unwrap();
        assert_eq!(archive.copyright, CopyrightFile::NotRead);
        for end in (0..bytes.len()).step_by(7) {
            // Reading ends with what is looked for; before that, an end is noticed.
            if let Ok(cut) = Archive::read(&bytes[..end], Limits::default()) {
                assert_eq!(cut.copyright, archive_of(&bytes).copyright, "{end}");
            }
        }
        let small = Archive::read(&bytes[..], Limits { contents: 700 }).unwrap_err();
        assert!(matches!(small, ArchiveError::TooLarge { .. }), "{small}");
    }
}

#[test]
fn a_link_to_another_package_is_told() {
    if !peer::require(&["dpkg-deb"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("hello-dev-1.0-xz/usr/share/doc");
    std::fs::create_dir_all(&root).unwrap();
    build(folder.path(), "hello-dev", "1.0", "", "xz");
    std::fs::remove_dir_all(root.join("hello-dev")).unwrap();
    std::os::unix::fs::symlink("hello", root.join("hello-dev")).unwrap();
    let deb = folder.path().join("linked.deb");
    let status = Command::new("dpkg-deb")
        .args(["--root-owner-group", "--build"])
        .arg(folder.path().join("hello-dev-1.0-xz"))
        .arg(&deb)
        .stdout(std::process::Stdio::null())
        .status();
    assert!(status.unwrap().success());
    let archive = Archive::read(&std::fs::read(deb).unwrap()[..], Limits::default()).unwrap();
    assert_eq!(archive.copyright, CopyrightFile::OfPackage("hello".to_owned()));
}

fn member(name: &str, contents: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n",
        0,
        0,
        0,
        100_644,
        contents.len()
    )
    .into_bytes();
    bytes.extend_from_slice(contents);
    if contents.len() % 2 == 1 {
        bytes.push(b'\n');
    }
    bytes
}

fn tar_entry(name: &str, kind: u8, contents: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[124..136].copy_from_slice(format!("{:011o}\0", contents.len()).as_bytes());
    header[156] = kind;
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header.extend_from_slice(contents);
    header.resize(header.len().next_multiple_of(512), 0);
    header
}

fn deb(control: &[u8], data: &[u8]) -> Vec<u8> {
    [
        &b"!<arch>\n"[..],
        &member("debian-binary", b"2.0\n"),
        &member("control.tar", control),
        &member("data.tar", data),
    ]
    .concat()
}

const CONTROL: &[u8] = b"Package: x\nVersion: 1\nArchitecture: all\n";

#[test]
fn what_nobody_builds_is_refused() {
    let control = tar_entry("./control", b'0', CONTROL);
    let good = deb(&control, b"");
    Archive::read(&good[..], Limits::default()).unwrap();
    let copyright = tar_entry("./usr/share/doc/x/copyright", b'0', b"L");
    let read = Archive::read(&deb(&control, &copyright)[..], Limits::default()).unwrap();
    assert_eq!(read.copyright, CopyrightFile::Text(b"L".to_vec()));
    // A name of GNU's and a header of pax's; the header's own name is not it.
    for (kind, contents) in [
        (b'L', &b"./usr/share/doc/x/copyright\0"[..]),
        (b'x', b"34 path=usr/share/doc/x/copyright\n"),
    ] {
        let long = [tar_entry("long", kind, contents), tar_entry("short", b'0', b"L")].concat();
        let read = Archive::read(&deb(&control, &long)[..], Limits::default()).unwrap();
        assert_eq!(read.copyright, CopyrightFile::Text(b"L".to_vec()), "{kind}");
    }
    let names = |name: &str| tar_entry("control", b'0', format!("Package: {name}\n").as_bytes());
    let mut wrong_sum = control.clone();
    wrong_sum[0] = b'x';
    for bad in [
        deb(&tar_entry("other", b'0', CONTROL), b""),
        deb(&tar_entry("control", b'2', CONTROL), b""),
        deb(&wrong_sum, b""),
        deb(&names("../../etc"), b""),
        deb(&names(""), b""),
        deb(&tar_entry("control", b'0', b"Package: x\n\nPackage: y\n"), b""),
        deb(&tar_entry("control", b'0', b"what\n"), b""),
        deb(&tar_entry("long", b'L', &vec![b'a'; 100_000]), b""),
        deb(&control[..520], b""),
        good[..8].to_vec(),
        b"!<arch>\n".to_vec(),
        b"PK\x03\x04".to_vec(),
        [&b"!<arch>\n"[..], &member("debian-binary", b"3.0\n")].concat(),
        [
            &b"!<arch>\n"[..],
            &member("debian-binary", b"2.0\n"),
            &member("data.tar", b""),
            &member("control.tar", &control),
        ]
        .concat(),
        [
            &b"!<arch>\n"[..],
            &member("debian-binary", b"2.0\n"),
            &member("control.tar.lzma", &control),
        ]
        .concat(),
        [
            &b"!<arch>\n"[..],
            &member("debian-binary", b"2.0\n"),
            &member("evil", b"x"),
            &member("control.tar", &control),
        ]
        .concat(),
    ] {
        let read = Archive::read(&bad[..], Limits::default());
        assert!(read.is_err(), "{}", String::from_utf8_lossy(&bad));
    }
    let private = [
        &b"!<arch>\n"[..],
        &member("debian-binary", b"2.0\n"),
        &member("_own", b"x"),
        &good[8 + 64..],
    ]
    .concat();
    Archive::read(&private[..], Limits::default()).unwrap();
}

#[test]
fn bombs_stop_at_their_limit() {
    use std::io::Write as _;
    let control = tar_entry("control", b'0', CONTROL);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let header = tar_entry("big", b'0', b"");
    let mut header = header[..512].to_vec();
    header[124..136].copy_from_slice(b"00400000000\0"); // 64 MiB
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    gzip.write_all(&header).unwrap();
    for _ in 0..64 {
        gzip.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let packed = gzip.finish().unwrap();
    let bomb = [
        &b"!<arch>\n"[..],
        &member("debian-binary", b"2.0\n"),
        &member("control.tar", &control),
        &member("data.tar.gz", &packed),
    ]
    .concat();
    let error = Archive::read(&bomb[..], Limits { contents: 8 << 20 }).unwrap_err();
    assert!(matches!(error, ArchiveError::TooLarge { .. }), "{error}");
    Archive::read(&bomb[..], Limits::default()).unwrap();
}
