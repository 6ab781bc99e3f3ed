use std::io::Read;

use flate2::read::MultiGzDecoder;

use crate::{ChartError, ChartMetadata};

/// How much a chart may hold; for bytes this is Helm's own bound.
const MAX_ENTRIES: u64 = 50_000;
const MAX_TOTAL: u64 = 100 << 20;

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
    let mut tar = tar::Archive::new(Limited {
        inner: MultiGzDecoder::new(archive),
        left: MAX_TOTAL,
    });
    let mut metadata = None;
    let mut count = 0;
    for entry in tar.entries().map_err(archive_error)? {
        let mut entry = entry.map_err(archive_error)?;
        count += 1;
        if count > MAX_ENTRIES {
            return Err(ChartError::Limit {
                what: "entries",
                limit: MAX_ENTRIES,
            });
        }
        let kind = entry.header().entry_type();
        if kind.is_pax_global_extensions() {
            continue;
        }
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let parts = components(&path).ok_or_else(|| ChartError::Path(path.clone()))?;
        if kind.is_file() && matches!(parts.as_slice(), [_, "Chart.yaml"]) {
            let mut bytes = Vec::new();
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
