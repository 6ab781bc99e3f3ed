use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;

use airlock_content::{ManifestSelector, MetadataSource, Origin, SourceError, SourceErrorKind};
use airlock_local::Local;
use proptest::prelude::*;
use serde_json::json;
use tar::{EntryType, Header};

use crate::support::{Layout, config, exhaust, gzip, layer_tar, tar_of, wait};

/// A header as an attacker writes it: nothing is checked.
fn header(name: &[u8], kind: u8, size: u64, link: &[u8]) -> Header {
    let mut header = Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.as_old_mut().linkname[..link.len()].copy_from_slice(link);
    header.set_entry_type(EntryType::new(kind));
    header.set_size(size);
    header.set_mode(0o644);
    header.set_cksum();
    header
}

fn member(name: &str, kind: u8, content: &[u8], link: &str) -> Vec<u8> {
    let mut out = header(name.as_bytes(), kind, content.len() as u64, link.as_bytes())
        .as_bytes()
        .to_vec();
    out.extend_from_slice(content);
    out.resize(out.len().next_multiple_of(512), 0);
    out
}

fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let mut body = String::new();
    for (key, value) in records {
        let rest = format!(" {key}={value}\n");
        // The length counts its own digits.
        let len = (rest.len() + 1..rest.len() + 6).find(|len| len.to_string().len() + rest.len() == *len);
        body += &len.unwrap().to_string();
        body += &rest;
    }
    member("pax", b'x', body.as_bytes(), "")
}

fn good() -> Vec<u8> {
    let mut layout = Layout::default();
    let image = layout.image("x", None);
    layout.root(&image, Some("v1"));
    let mut archive = layout.tar();
    archive.truncate(archive.len() - 1024);
    archive
}

fn ask(archive: &[u8]) -> Result<(), SourceError> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("x.tar"), archive).unwrap();
    ask_file(&folder.path().join("x.tar"))
}

fn ask_file(path: &Path) -> Result<(), SourceError> {
    let origin = Origin::OciArchive(path.to_owned());
    wait(Local::new("/").manifest(&origin, &ManifestSelector::Only)).map(|_| ())
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn archives_that_readers_could_take_for_two_are_refused() {
    ask(&good()).unwrap();
    let trailer = vec![0; 1024];
    for (what, extra, message) in [
        (
            "a name twice",
            member("index.json", b'0', b"{}", ""),
            "two members of one name: index.json",
        ),
        (
            "a name twice, spelt otherwise",
            member("./index.json", b'0', b"{}", ""),
            "two members of one name",
        ),
        (
            "a link over a file",
            member("index.json", b'2', b"", "oci-layout"),
            "two members of one name",
        ),
        (
            "an absolute name",
            member("/etc/passwd", b'0', b"", ""),
            "leads out of it: /etc/passwd",
        ),
        (
            "a climbing name",
            member("a/../../x", b'0', b"", ""),
            "leads out of it",
        ),
        (
            "a name that climbs and stays",
            member("a/../x", b'0', b"", ""),
            "leads out of it",
        ),
        (
            "a link out",
            member("a/l", b'2', b"", "../../x"),
            "leads out of it: ../../x",
        ),
        (
            "an absolute link",
            member("l", b'2', b"", "/etc/passwd"),
            "leads out of it: /etc/passwd",
        ),
        (
            "a hard link out",
            member("a/l", b'1', b"", "../x"),
            "leads out of it: ../x",
        ),
        ("a link to nothing", member("l", b'2', b"", ""), "not usable"),
        (
            "a link with content",
            member("l", b'2', b"content", "x"),
            "no file, folder or link: l",
        ),
        (
            "a folder with content",
            member("d", b'5', b"content", ""),
            "no file, folder or link: d",
        ),
        (
            "a device",
            member("null", b'3', b"", ""),
            "no file, folder or link: null",
        ),
        ("a pipe", member("p", b'6', b"", ""), "no file, folder or link: p"),
        (
            "a sparse file",
            member("s", b'S', b"", ""),
            "no file, folder or link: s",
        ),
        (
            "a PAX sparse file",
            pax(&[("GNU.sparse.major", "1")]),
            "sparse file",
        ),
        (
            "a PAX record without end",
            member("pax", b'x', b"99 path=x\n", ""),
            "damaged header",
        ),
        (
            "a PAX size that is none",
            [pax(&[("size", "-1")]), member("x", b'0', b"", "")].concat(),
            "damaged header",
        ),
        (
            "a PAX size beyond the end",
            [
                pax(&[("size", "18446744073709551615")]),
                member("x", b'0', b"", ""),
            ]
            .concat(),
            "ends inside",
        ),
        (
            "a PAX header for all",
            member("pax", b'g', b"9 path=x\n", ""),
            "one name or size",
        ),
        (
            "a PAX name that climbs",
            [pax(&[("path", "../x")]), member("x", b'0', b"", "")].concat(),
            "leads out of it",
        ),
        (
            "a PAX name with a NUL",
            [pax(&[("path", "index.json\0x")]), member("x", b'0', b"", "")].concat(),
            "not usable",
        ),
        ("two PAX names", pax(&[("path", "x"), ("path", "y")]), "two names"),
        (
            "a PAX and a GNU name",
            [
                pax(&[("path", "x")]),
                member("@", b'L', b"y\0", ""),
                member("z", b'0', b"", ""),
            ]
            .concat(),
            "two names",
        ),
        (
            "two PAX links",
            pax(&[("linkpath", "x"), ("linkpath", "y")]),
            "two names",
        ),
        (
            "two GNU links",
            [member("@", b'K', b"x\0", ""), member("@", b'K', b"y\0", "")].concat(),
            "two names",
        ),
        (
            "two PAX sizes",
            pax(&[("size", "0"), ("size", "512")]),
            "two names or sizes",
        ),
        (
            "a name too long",
            [member("@", b'L', &[b'a'; 2000], ""), member("x", b'0', b"", "")].concat(),
            "too long",
        ),
        (
            "a name extension too long",
            member("@", b'L', &vec![b'a'; 70_000], ""),
            "larger than the 64.0 KiB allowed",
        ),
        (
            "an extension for nothing",
            pax(&[("path", "x")]),
            "ends after an extension header",
        ),
        (
            "a name that is not UTF-8",
            [member("@", b'L', b"\xff\xfe", ""), member("x", b'0', b"", "")].concat(),
            "not usable",
        ),
        ("no name", member("", b'0', b"", ""), "not usable"),
        (
            "a size beyond the end",
            header(b"x", b'0', 1 << 30, b"").as_bytes().to_vec(),
            "ends inside",
        ),
        (
            "a size of many zettabytes",
            header(b"x", b'0', u64::MAX, b"").as_bytes().to_vec(),
            "ends inside",
        ),
        (
            "a wrong check sum",
            {
                let mut block = member("x", b'0', b"", "");
                block[0] = b'y';
                block
            },
            "damaged header",
        ),
        (
            "members after one empty block",
            [vec![0; 512], member("x", b'0', b"", "")].concat(),
            "damaged header",
        ),
    ] {
        let archive = [good(), extra, trailer.clone()].concat();
        let error = ask(&archive).expect_err(what);
        assert!(error.to_string().contains(message), "{what}: {error}");
        assert!(
            matches!(
                error.kind,
                SourceErrorKind::Corrupt | SourceErrorKind::Unsupported
            ),
            "{what}"
        );
    }
}

#[test]
fn unusual_but_honest_archives_are_read() {
    let long = format!("{}x", "folder/".repeat(40));
    for (what, extra) in [
        (
            "folders, twice",
            [member("a/", b'5', b"", ""), member("./a/", b'5', b"", "")].concat(),
        ),
        ("a folder as of old", member("old/", b'\0', b"", "")),
        (
            "a long GNU name",
            [
                member("@", b'L', format!("{long}\0").as_bytes(), ""),
                member("x", b'0', b"", ""),
            ]
            .concat(),
        ),
        (
            "a long PAX name",
            [
                pax(&[("path", &long), ("mtime", "1.5")]),
                member("x", b'0', b"", ""),
            ]
            .concat(),
        ),
        ("a comment for all", member("pax", b'g', b"13 comment=x\n", "")),
        (
            "links",
            [
                member("a/l", b'2', b"", "../index.json"),
                member("h", b'1', b"", "index.json"),
            ]
            .concat(),
        ),
        ("a link to nothing", member("dangling", b'2', b"", "nowhere")),
        (
            "something after the end",
            [vec![0; 1024], b"trailing".to_vec()].concat(),
        ),
    ] {
        ask(&[good(), extra, vec![0; 1024]].concat()).unwrap_or_else(|error| panic!("{what}: {error}"));
    }
    // Names and sizes in PAX records only, as for members of more than 8 GiB.
    let mut layout = Layout::default();
    let image = layout.image("x", None);
    layout.root(&image, None);
    let mut archive = Vec::new();
    for (name, content) in layout.finish() {
        archive.extend(pax(&[("path", &name), ("size", &content.len().to_string())]));
        let mut member = member("other", b'0', &content, "");
        member[..512].copy_from_slice(header(b"other", b'0', 0, b"").as_bytes());
        archive.extend(member);
    }
    ask(&archive).unwrap();
}

#[test]
fn links_in_a_circle_end() {
    let links = [
        member("index.json", b'2', b"", "b"),
        member("b", b'2', b"", "index.json"),
    ]
    .concat();
    let archive = [
        tar_of(&[("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)])[..1024].to_vec(),
        links,
    ]
    .concat();
    assert!(ask(&archive).unwrap_err().to_string().contains("in a circle"));
}

#[test]
fn compressed_archives_say_how_to_unpack_them() {
    let error = ask(&gzip(&good())).unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Unsupported);
    assert_eq!(error.message, "the archive is compressed with gzip");
    assert!(error.hint.unwrap().contains("gunzip --keep /"));
    for (bytes, name) in [
        (&b"\x28\xb5\x2f\xfd...."[..], "zstd"),
        (b"\xfd7zXZ\0..", "xz"),
        (b"BZh9....", "bzip2"),
    ] {
        assert!(ask(bytes).unwrap_err().message.ends_with(name));
    }
    for bytes in [&b""[..], b"x", &[b'x'; 2000]] {
        assert!(ask(bytes).unwrap_err().message.contains("no tar archive"));
    }
}

#[test]
fn claims_without_bounds_are_refused_in_bounded_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.tar");
    let huge = 64 << 30;
    // Sparse files: the sizes are true, and nothing is on the disk.
    for (kind, name, message) in [
        (b'L', "@", "larger than the 64.0 KiB allowed"),
        (b'x', "pax", "larger than the 64.0 KiB allowed"),
        (b'0', "oci-layout", "larger than the 4.0 KiB allowed"),
    ] {
        let file = File::create(&path).unwrap();
        file.write_all_at(header(name.as_bytes(), kind, huge, b"").as_bytes(), 0)
            .unwrap();
        file.set_len(huge + 512 + 1024).unwrap();
        let error = ask_file(&path).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    }

    let mut file = std::io::BufWriter::new(File::create(&path).unwrap());
    let block = header(b"d/", b'5', 0, b"");
    for _ in 0..100_001 {
        file.write_all(block.as_bytes()).unwrap();
    }
    file.into_inner().unwrap();
    let error = ask_file(&path).unwrap_err();
    assert!(
        error.to_string().contains("more than the 100000 entries allowed"),
        "{error}"
    );

    // Names of which none is too long, and which are too long together.
    let mut file = std::io::BufWriter::new(File::create(&path).unwrap());
    let empty = member("x", b'0', b"", "");
    for number in 0..20_000 {
        let name = format!("{number:01000}");
        file.write_all(&member("@", b'L', name.as_bytes(), "")).unwrap();
        file.write_all(&empty).unwrap();
    }
    file.into_inner().unwrap();
    let error = ask_file(&path).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("the names in the archive are too long altogether"),
        "{error}"
    );

    if let Ok(status) = fs::read_to_string("/proc/self/status") {
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        let kib: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(kib < 512 * 1024, "{kib} KiB");
    }
}

fn docker_archive() -> Vec<u8> {
    let (a, b) = (layer_tar("a", b"a"), layer_tar("b", b"b"));
    let list = json!([{"Config": "c.json", "RepoTags": ["x:v1"], "Layers": ["a/layer.tar", "b/layer.tar"]}]);
    let config = config(&[&a, &b]);
    let mut archive = tar_of(&[
        ("a/layer.tar", &a),
        ("c.json", &config),
        ("manifest.json", list.to_string().as_bytes()),
    ]);
    archive.truncate(archive.len() - 1024);
    [
        archive,
        member("real", b'0', &gzip(&b), ""),
        member("b/layer.tar", b'2', b"", "../real"),
        vec![0; 1024],
    ]
    .concat()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damage_is_never_a_panic_and_never_believed(
        flips in proptest::collection::vec((any::<proptest::sample::Index>(), 1u8..), 1..4),
        cut in proptest::option::of(any::<proptest::sample::Index>()),
        docker in any::<bool>(),
    ) {
        let mut archive = if docker { docker_archive() } else { good() };
        for (at, bits) in flips {
            let at = at.index(archive.len());
            archive[at] ^= bits;
        }
        if let Some(cut) = cut {
            archive.truncate(cut.index(archive.len()));
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.tar");
        fs::write(&path, &archive).unwrap();
        let origin = if docker { Origin::DockerArchive(path) } else { Origin::OciArchive(path) };
        exhaust(&Local::new("/"), &origin, "v1");
    }
}

#[test]
fn the_archives_that_are_damaged_above_are_sound() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.tar");
    fs::write(&path, docker_archive()).unwrap();
    assert_eq!(
        exhaust(&Local::new("/"), &Origin::DockerArchive(path.clone()), "x:v1"),
        6
    );
    fs::write(&path, good()).unwrap();
    assert_eq!(exhaust(&Local::new("/"), &Origin::OciArchive(path), "v1"), 4);
}
