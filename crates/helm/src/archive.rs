use std::collections::HashSet;
use std::io::Read;

use flate2::read::MultiGzDecoder;

use crate::chart::LoadError;
use crate::{ChartError, ChartFile, ChartMetadata};

/// How much a chart may hold; for bytes this is Helm's own bound.
const MAX_ENTRIES: u64 = 50_000;
const MAX_TOTAL: u64 = 100 << 20;
/// How long a header may be that only says something of the next: a long name, or PAX records.
const MAX_EXTENSION: u64 = 64 << 10;
/// The largest file that a chart may hold to be rendered; Helm's own bound.
pub(crate) const MAX_FILE: u64 = 5 << 20;
/// The largest `Chart.yaml` that is read.
const MAX_METADATA: u64 = 4 << 20;

/// Whether a path names one file below the chart's folder, and names it the same way for every reader.
pub(crate) fn is_plain(path: &str) -> bool {
    path.len() <= 4096
        && !path.contains(['\\', '\0'])
        && path
            .split('/')
            .all(|component| !matches!(component, "" | "." | ".."))
}

/// The path of an archive's entry as Helm takes it apart: with `\\` between components where a chart was
/// packaged on Windows, and without what says nothing. `None` if it leaves the chart.
fn components(path: &str) -> Option<Vec<&str>> {
    let delimiter = if path.contains('\\') { '\\' } else { '/' };
    let leaves = |component: &&str| *component == ".." || component.contains(['/', ':', '\0']);
    let absolute = path.starts_with(delimiter) || path.is_empty();
    let parts: Vec<&str> = path
        .split(delimiter)
        .filter(|component| !matches!(*component, "" | "."))
        .collect();
    (!absolute && !parts.iter().any(leaves)).then_some(parts)
}

/// Reads the metadata of a packaged chart (`.tgz`), walking the whole archive in memory-bounded steps.
///
/// Refused: paths that leave the chart, a second `Chart.yaml`, more than Helm reads, and an archive that is
/// damaged anywhere. Links are passed over: Helm reads them as empty files, and nothing is unpacked here.
pub fn inspect(archive: &[u8]) -> Result<ChartMetadata, ChartError> {
    check_extensions(archive)?;
    let mut tar = unpacked(archive);
    let mut metadata = None;
    for entry in tar.entries().map_err(archive_error)? {
        let mut entry = entry.map_err(archive_error)?;
        let kind = entry.header().entry_type();
        if kind.is_pax_global_extensions() {
            continue;
        }
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let parts = components(&path).ok_or_else(|| ChartError::Path(path.clone()))?;
        if kind.is_file() && matches!(parts.as_slice(), [_, "Chart.yaml"]) {
            let mut bytes = Vec::new();
            if entry.size() > MAX_METADATA {
                return Err(ChartError::Limit {
                    what: "bytes of Chart.yaml",
                    limit: MAX_METADATA,
                });
            }
            entry.read_to_end(&mut bytes).map_err(archive_error)?;
            if metadata.replace(ChartMetadata::parse(&bytes)?).is_some() {
                return Err(ChartError::Duplicate(path));
            }
        }
    }
    // What follows the tar's end must be sound too: the gzip checksum stands there.
    std::io::copy(&mut tar.into_inner(), &mut std::io::sink()).map_err(archive_error)?;
    metadata.ok_or(ChartError::NoMetadata)
}

/// Reads every file of a packaged chart, with paths below its folder, as Helm does before it renders.
///
/// What Helm refuses is refused in its words (`archive.LoadArchiveFiles`). Refused besides, since nobody packages a
/// chart so: paths that lead elsewhere for whoever unpacks the archive, a file that is there twice, links and devices.
/// Helm passes over the first component of a path whatever it is, takes the last of two files, and has an empty file
/// for a link.
pub(crate) fn read(archive: &[u8]) -> Result<Unpacked, LoadError> {
    check_extensions(archive).map_err(load_error)?;
    let mut tar = unpacked(archive);
    let mut files = Vec::new();
    let mut known = HashSet::new();
    let damaged = |error| load_error(archive_error(error));
    for entry in tar.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let kind = entry.header().entry_type();
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if kind.is_dir() || kind.is_pax_global_extensions() || name.ends_with('/') {
            continue;
        }
        let path = inside(&name)?;
        if !kind.is_file() && !kind.is_contiguous() && !kind.is_gnu_sparse() {
            return Err(LoadError::NotAFile(name));
        }
        if !known.insert(path.clone()) {
            return Err(LoadError::Twice(path));
        }
        if entry.size() > MAX_FILE {
            return Err(LoadError::FileTooLarge {
                path: name,
                limit: MAX_FILE,
            });
        }
        // The limit above keeps a false size small.
        let mut bytes = Vec::with_capacity(usize::try_from(entry.size()).unwrap_or_default());
        entry.read_to_end(&mut bytes).map_err(damaged)?;
        strip_mark(&mut bytes);
        files.push(ChartFile { path, bytes });
    }
    // What follows the tar's end must be sound too: the gzip checksum stands there.
    let mut rest = tar.into_inner();
    std::io::copy(&mut rest, &mut std::io::sink()).map_err(damaged)?;
    if files.is_empty() {
        return Err(LoadError::Empty);
    }
    Ok(Unpacked {
        files,
        size: MAX_TOTAL - rest.left,
    })
}

/// The files of an archive.
pub(crate) struct Unpacked {
    pub(crate) files: Vec<ChartFile>,
    /// What was unpacked for them, headers included.
    pub(crate) size: u64,
}

/// Takes a byte order mark off a text, as Helm does.
pub(crate) fn strip_mark(bytes: &mut Vec<u8>) {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
}

/// The path of an entry below the chart's folder, without `.`, `..` and doubled slashes.
fn inside(name: &str) -> Result<String, LoadError> {
    let refuse = |problem: &str| Err(LoadError::Path(problem.to_owned()));
    let delimiter = if name.contains('\\') { '\\' } else { '/' };
    let (folder, rest) = name.split_once(delimiter).unwrap_or((name, ""));
    // Helm looks only at what is behind the first component.
    if matches!(folder, "" | "..") || folder.ends_with(':') || name.contains('\0') {
        return Err(LoadError::NotPlain(name.to_owned()));
    }
    let rest = rest.replace(delimiter, "/");
    if rest.starts_with('/') {
        return refuse("chart illegally contains absolute paths");
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in rest.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_none_or(|last| *last == "..") => parts.push(part),
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let Some(first) = parts.first() else {
        let problem = format!("chart illegally contains content outside the base directory: {name:?}");
        return Err(LoadError::Path(problem));
    };
    if first.starts_with("..") {
        return refuse("chart illegally references parent directory");
    }
    let drive = first.len() == 2 && first.ends_with(':') && parts.len() > 1;
    if drive && first.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return refuse("chart contains illegally named files");
    }
    if folder == "Chart.yaml" {
        return refuse("chart yaml not in base directory");
    }
    Ok(parts.join("/"))
}

fn load_error(error: ChartError) -> LoadError {
    match error {
        ChartError::Limit { what: "bytes", limit } => LoadError::TooLarge(limit),
        ChartError::Limit { what, limit } => LoadError::Limit { what, limit },
        ChartError::Archive(error) => LoadError::Archive(error),
        other => LoadError::Path(other.to_string()),
    }
}

fn unpacked(archive: &[u8]) -> tar::Archive<Limited<MultiGzDecoder<&[u8]>>> {
    tar::Archive::new(Limited {
        inner: MultiGzDecoder::new(archive),
        left: MAX_TOTAL,
    })
}

/// The tar reader holds the names that extensions give in memory, so their lengths are looked at before.
fn check_extensions(archive: &[u8]) -> Result<(), ChartError> {
    let mut tar = unpacked(archive);
    let mut count = 0;
    for entry in tar.entries().map_err(archive_error)?.raw(true) {
        let entry = entry.map_err(archive_error)?;
        count += 1;
        if count > MAX_ENTRIES {
            return Err(ChartError::Limit {
                what: "entries",
                limit: MAX_ENTRIES,
            });
        }
        let kind = entry.header().entry_type();
        let is_extension = kind.is_gnu_longname()
            || kind.is_gnu_longlink()
            || kind.is_pax_local_extensions()
            || kind.is_pax_global_extensions();
        if is_extension && entry.size() > MAX_EXTENSION {
            return Err(ChartError::Limit {
                what: "bytes of one name",
                limit: MAX_EXTENSION,
            });
        }
    }
    Ok(())
}

/// Ends with an error, not silently, once the limit is reached.
struct Limited<R> {
    inner: R,
    left: u64,
}

/// Marks the limit among other I/O errors.
#[derive(Debug, thiserror::Error)]
#[error("too many bytes")]
struct TooMuch;

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or_else(|| std::io::Error::other(TooMuch))?;
        Ok(count)
    }
}

fn archive_error(error: std::io::Error) -> ChartError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(this) = cause {
        let inner = this
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
            .map(|inner| inner as &(dyn std::error::Error + 'static));
        if this.is::<TooMuch>() || inner.is_some_and(<dyn std::error::Error>::is::<TooMuch>) {
            return ChartError::Limit {
                what: "bytes",
                limit: MAX_TOTAL,
            };
        }
        cause = inner.or_else(|| this.source());
    }
    ChartError::Archive(error)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    const CHART: &[u8] = b"apiVersion: v2\nname: site\nversion: 1.2.3\n";

    fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (path, bytes) in entries {
            let mut header = tar::Header::new_ustar();
            // `set_path` refuses what this must be able to write.
            let raw = header.as_old_mut();
            raw.name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            tar.append(&header, *bytes).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap()
    }

    #[test]
    fn finds_the_metadata_of_the_chart_and_not_of_its_dependencies() {
        let child: &[u8] = b"apiVersion: v2\nname: child\nversion: 9.9.9\n";
        let bytes = archive(&[
            ("any-folder/charts/child/Chart.yaml", child),
            ("any-folder/Chart.yaml", CHART),
        ]);
        assert_eq!(inspect(&bytes).unwrap().name, "site");
    }

    #[test]
    fn damage_is_never_a_panic_and_never_another_chart() {
        use proptest::prelude::*;
        let good = archive(&[("site/Chart.yaml", CHART), ("site/values.yaml", b"a: 1\n")]);
        proptest!(|(at in 0..good.len(), with in any::<u8>(), cut in 0..good.len())| {
            let mut damaged = good.clone();
            damaged[at] = with;
            if let Ok(metadata) = inspect(&damaged) {
                prop_assert_eq!(metadata.name, "site");
            }
            prop_assert!(inspect(&good[..cut]).is_err());
        });
    }

    #[test]
    fn takes_paths_as_helm_takes_them() {
        for path in ["./site/Chart.yaml", "site//./Chart.yaml", "site\\Chart.yaml"] {
            assert_eq!(
                inspect(&archive(&[(path, CHART)])).unwrap().name,
                "site",
                "{path}"
            );
        }
    }

    #[test]
    fn refuses_hostile_archives() {
        let chart = ("site/Chart.yaml", CHART);
        for path in [
            "../x",
            "/etc/passwd",
            "site/../../x",
            "site\\..\\b",
            "site\\a/b",
            "C:\\x",
            "",
        ] {
            let result = inspect(&archive(&[chart, (path, b"x")]));
            assert!(matches!(result, Err(ChartError::Path(_))), "{path}: {result:?}");
        }
        assert!(matches!(
            inspect(&archive(&[chart, chart])),
            Err(ChartError::Duplicate(_))
        ));
        assert!(matches!(
            inspect(&archive(&[("Chart.yaml", CHART)])),
            Err(ChartError::NoMetadata)
        ));
        assert!(matches!(inspect(b"no gzip"), Err(ChartError::Archive(_))));

        let good = archive(&[chart]);
        assert!(inspect(&good[..good.len() - 6]).is_err(), "a cut checksum");
        let mut flipped = good.clone();
        let at = flipped.len() - 6;
        flipped[at] ^= 1;
        assert!(matches!(inspect(&flipped), Err(ChartError::Archive(_))));
    }

    /// An entry as an attacker writes it: nothing is checked.
    fn entry(path: &str, kind: u8, size: u64, content: &[u8]) -> Vec<u8> {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(tar::EntryType::new(kind));
        header.set_size(size);
        header.set_mode(0o644);
        header.set_cksum();
        let mut out = header.as_bytes().to_vec();
        out.extend_from_slice(content);
        out.resize(out.len().next_multiple_of(512), 0);
        out
    }

    fn packed(parts: &[Vec<u8>]) -> Vec<u8> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        for part in parts {
            gzip.write_all(part).unwrap();
        }
        gzip.write_all(&[0; 1024]).unwrap();
        gzip.finish().unwrap()
    }

    #[test]
    fn every_flip_and_every_cut_is_refused_or_harmless() {
        let good = archive(&[("site/Chart.yaml", CHART), ("site/values.yaml", &[b'x'; 300])]);
        let expected = inspect(&good).unwrap();
        let mut refused = 0;
        for at in 0..good.len() {
            assert!(inspect(&good[..at]).is_err(), "cut at {at}");
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                match inspect(&bad) {
                    Ok(metadata) => assert_eq!(metadata, expected, "bit {bit} of byte {at}"),
                    Err(_) => refused += 1,
                }
            }
        }
        assert!(good.len() * 8 > 1000 && refused > good.len() * 7, "{refused}");
    }

    #[test]
    fn only_a_plain_file_is_the_metadata() {
        let chart = || entry("site/Chart.yaml", b'0', CHART.len() as u64, CHART);
        inspect(&packed(&[chart()])).unwrap();
        for kind in [b'1', b'2', b'3', b'4', b'5', b'6', b'S'] {
            for content in [b"", CHART] {
                let other = entry("site/Chart.yaml", kind, content.len() as u64, content);
                let result = inspect(&packed(std::slice::from_ref(&other)));
                assert!(result.is_err(), "type {}: {result:?}", char::from(kind));
                // Beside the file, nothing of it is taken.
                if let Ok(metadata) = inspect(&packed(&[chart(), other])) {
                    assert_eq!(metadata.name, "site");
                }
            }
        }
        let renamed = |records: &str| {
            let body = format!("{} {records}\n", records.len() + 4);
            assert_eq!(body.len(), records.len() + 4, "two digits");
            entry("pax", b'x', body.len() as u64, body.as_bytes())
        };
        for (what, parts) in [
            (
                "a PAX name",
                vec![chart(), renamed("path=site/Chart.yaml"), entry("x", b'0', 0, b"")],
            ),
            (
                "a PAX name with a NUL",
                vec![
                    chart(),
                    renamed("path=site/templates/a\0b"),
                    entry("x", b'0', 0, b""),
                ],
            ),
            (
                "a PAX name that leaves",
                vec![chart(), renamed("path=../../../x"), entry("x", b'0', 0, b"")],
            ),
            (
                "a GNU name",
                vec![
                    chart(),
                    entry("@", b'L', 16, b"site/Chart.yaml\0"),
                    entry("x", b'0', CHART.len() as u64, CHART),
                ],
            ),
            (
                "a size beyond the end",
                vec![entry("site/Chart.yaml", b'0', 1 << 30, CHART)],
            ),
            ("a size of 1 TiB", vec![chart(), entry("x", b'0', 1 << 40, b"")]),
            ("the largest size", vec![chart(), entry("x", b'0', u64::MAX, b"")]),
            ("a PAX size", vec![renamed("size=99999999999"), chart()]),
        ] {
            let result = inspect(&packed(&parts));
            assert!(result.is_err(), "{what}: {result:?}");
        }
    }

    #[test]
    fn claims_are_refused_before_they_are_read() {
        let chart = || entry("site/Chart.yaml", b'0', CHART.len() as u64, CHART);
        let size = 32 << 20;
        let long = vec![b'a'; size];
        for kind in [b'L', b'K', b'x', b'g'] {
            let result = inspect(&packed(&[chart(), entry("@", kind, size as u64, &long)]));
            assert!(
                matches!(
                    result,
                    Err(ChartError::Limit {
                        what: "bytes of one name",
                        ..
                    })
                ),
                "{}: {result:?}",
                char::from(kind)
            );
        }
        let result = inspect(&packed(&[entry("site/Chart.yaml", b'0', size as u64, &long)]));
        assert!(
            matches!(
                result,
                Err(ChartError::Limit {
                    what: "bytes of Chart.yaml",
                    ..
                })
            ),
            "{result:?}"
        );
        let many = entry("site/x", b'0', 0, b"").repeat(60_000);
        let result = inspect(&packed(&[chart(), many]));
        assert!(
            matches!(result, Err(ChartError::Limit { what: "entries", .. })),
            "{result:?}"
        );
        for (bytes, name) in [(&b"\x28\xb5\x2f\xfd\0\xa8"[..], "zstd"), (b"\xfd7zXZ\0", "xz")] {
            assert!(matches!(inspect(bytes), Err(ChartError::Archive(_))), "{name}");
        }
    }

    #[test]
    fn bombs_stop_at_the_limit() {
        let big = vec![0; 6 << 20];
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        let small = archive(&[("site/Chart.yaml", CHART)]);
        let mut plain = Vec::new();
        MultiGzDecoder::new(small.as_slice())
            .read_to_end(&mut plain)
            .unwrap();
        gzip.write_all(&plain).unwrap();
        for _ in 0..20 {
            gzip.write_all(&big).unwrap();
        }
        let trailing = inspect(&gzip.finish().unwrap());
        assert!(
            matches!(trailing, Err(ChartError::Limit { what: "bytes", .. })),
            "{trailing:?}"
        );
    }
}
