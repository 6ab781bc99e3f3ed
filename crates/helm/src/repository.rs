//! `index.yaml` of a chart repository (Helm, "The Chart Repository Guide").

use airlock_types::Digest;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use url::Url;

use crate::{LooseVersion, VersionRange};

/// The largest index that is read. Public ones have reached 50 MB.
pub const MAX_INDEX: u64 = 128 << 20;

/// Why bytes are not a usable index.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Neither YAML nor JSON, or not of the right shape.
    #[error("the repository index is not valid: {0}")]
    Format(String),
    /// No `apiVersion`: most likely not an index at all.
    #[error("the repository index has no apiVersion; is this a chart repository?")]
    NotAnIndex,
    /// The repository has no chart of this name.
    #[error("the repository has no chart of this name: {name:?}{}", close_names(.close))]
    NoChart {
        /// The name asked for.
        name: String,
        /// Names there that look like it.
        close: Vec<String>,
    },
}

fn close_names(close: &[String]) -> String {
    if close.is_empty() {
        String::new()
    } else {
        format!(" (did you mean {}?)", close.join(", "))
    }
}

/// One version of a chart in a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChartVersion {
    /// Its version.
    pub version: LooseVersion,
    /// Where its archive is, as the index writes it: absolute, or relative to the repository.
    pub urls: Vec<String>,
    /// SHA-256 of the archive, where the index gives one.
    pub digest: Option<Digest>,
}

impl ChartVersion {
    /// The address of the archive, for a repository at `repository`.
    pub fn url(&self, repository: &Url) -> Option<Url> {
        let mut base = repository.clone();
        if !base.path().ends_with('/') {
            let path = format!("{}/", base.path());
            base.set_path(&path);
        }
        let mut url = base.join(self.urls.first()?).ok()?;
        // A token in the repository's query is needed for its archives as well.
        if url.query().is_none() && url.origin() == repository.origin() {
            url.set_query(repository.query());
        }
        Some(url)
    }
}

/// All versions of one chart in an `index.yaml`, newest first; other charts are skipped while reading.
///
/// Versions that are not semantic versions are left out, as Helm leaves them out.
pub fn chart_versions(index: &[u8], chart: &str) -> Result<Vec<ChartVersion>, IndexError> {
    let mut found = Found {
        chart,
        ..Found::default()
    };
    if index.iter().find(|c| !c.is_ascii_whitespace()) == Some(&b'{') {
        let mut json = serde_json::Deserializer::from_slice(index);
        IndexSeed(&mut found)
            .deserialize(&mut json)
            .and_then(|()| json.end())
            .map_err(|error| IndexError::Format(error.to_string()))?;
    } else {
        read_yaml(index, &mut found)?;
    }
    finish(found)
}

fn finish(found: Found<'_>) -> Result<Vec<ChartVersion>, IndexError> {
    if !found.api_version {
        return Err(IndexError::NotAnIndex);
    }
    let Some(entries) = found.entries else {
        return Err(IndexError::NoChart {
            name: found.chart.to_owned(),
            close: found.close,
        });
    };
    let mut versions: Vec<ChartVersion> = entries
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let digest = entry
                .digest
                .filter(|digest| !digest.is_empty())
                .and_then(|digest| {
                    let hex = digest
                        .strip_prefix("sha256:")
                        .unwrap_or(&digest)
                        .to_ascii_lowercase();
                    format!("sha256:{hex}").parse().ok()
                });
            Some(ChartVersion {
                version: entry.version?.parse().ok()?,
                urls: entry.urls.unwrap_or_default(),
                digest,
            })
        })
        .collect();
    versions.sort_by(|a, b| b.version.cmp(&a.version));
    Ok(versions)
}

/// The version that Helm would take: an exact match of the text, else the newest in the range.
pub fn choose<'a>(
    versions: &'a [ChartVersion],
    wanted: &str,
    range: &VersionRange,
) -> Option<&'a ChartVersion> {
    versions
        .iter()
        .find(|candidate| candidate.version.as_str() == wanted)
        .or_else(|| {
            versions
                .iter()
                .find(|candidate| range.matches(&candidate.version))
        })
}

fn read_yaml(index: &[u8], found: &mut Found<'_>) -> Result<(), IndexError> {
    let text = std::str::from_utf8(index).map_err(|error| IndexError::Format(error.to_string()))?;
    if let Some(excerpt) = excerpt(text, found.chart) {
        let mut sliced = Found {
            chart: found.chart,
            ..Found::default()
        };
        if parse_yaml(&excerpt, &mut sliced).is_ok() && sliced.entries.is_some() {
            *found = sliced;
            return Ok(());
        }
    }
    parse_yaml(text, found)
}

/// The lines of a large index that are about one chart, as a small index of its own.
///
/// Parsing 50 MB of YAML takes seconds, finding lines in it does not. In block style, as Helm writes
/// it, a line that is indented as the names below `entries:` are and does not start with `-` can only be
/// such a name. `None` for every other style, and where the chart is not found: then all of it is parsed.
fn excerpt(index: &str, chart: &str) -> Option<String> {
    let mut out = String::new();
    let mut in_entries = false;
    let mut names_at = None;
    let mut wanted = false;
    for line in index.split_inclusive('\n') {
        let text = line.trim_start_matches(' ');
        let indent = line.len() - text.len();
        if text.trim_end().is_empty() || text.starts_with('#') {
            if wanted {
                out.push_str(line);
            }
            continue;
        }
        if indent == 0 && !(in_entries && text.starts_with('-')) {
            wanted = false;
            in_entries = text.trim_end() == "entries:";
            if in_entries || text.starts_with("apiVersion:") {
                out.push_str(line);
            }
            continue;
        }
        if !in_entries {
            continue;
        }
        if indent < *names_at.get_or_insert(indent) {
            return None;
        }
        if names_at == Some(indent) && !text.starts_with('-') {
            wanted = text
                .trim_end()
                .strip_suffix(':')
                .is_some_and(|name| name.trim_matches(['"', '\'']) == chart);
        }
        if wanted {
            out.push_str(line);
        }
    }
    Some(out)
}

fn parse_yaml(text: &str, found: &mut Found<'_>) -> Result<(), IndexError> {
    let limit = usize::try_from(MAX_INDEX).unwrap_or(usize::MAX);
    let options = serde_saphyr::options! {
        with_snippet: false,
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
        budget: serde_saphyr::budget! {
            max_events: limit,
            max_nodes: limit,
            max_total_scalar_bytes: limit,
            max_documents: 2,
            max_aliases: 10_000,
            max_anchors: 10_000,
        },
    };
    serde_saphyr::with_deserializer_from_str_with_options(text, options, |yaml| {
        IndexSeed(found).deserialize(yaml)
    })
    .map_err(|error| IndexError::Format(error.to_string()))
}

#[derive(Default)]
struct Found<'a> {
    chart: &'a str,
    api_version: bool,
    entries: Option<Vec<Option<Entry>>>,
    close: Vec<String>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    urls: Option<Vec<String>>,
    #[serde(default)]
    digest: Option<String>,
}

struct IndexSeed<'f, 'a>(&'f mut Found<'a>);

impl<'de> DeserializeSeed<'de> for IndexSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for IndexSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a chart repository index")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "apiVersion" => {
                    self.0.api_version = map.next_value::<Option<String>>()?.is_some_and(|v| !v.is_empty());
                }
                "entries" => map.next_value_seed(EntriesSeed(self.0))?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

struct EntriesSeed<'f, 'a>(&'f mut Found<'a>);

impl<'de> DeserializeSeed<'de> for EntriesSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EntriesSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the charts by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == self.0.chart {
                self.0.entries = map
                    .next_value::<Option<Vec<Option<Entry>>>>()?
                    .or(Some(Vec::new()));
                continue;
            }
            let close = &mut self.0.close;
            if close.len() < 5 && (key.contains(self.0.chart) || self.0.chart.contains(&key)) {
                close.push(key);
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;
    use std::time::{Duration, Instant};

    use super::*;

    const INDEX: &str = r#"
apiVersion: v1
entries:
  web:
  - {version: 1.9.0, urls: [web-1.9.0.tgz], digest: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae}
  - version: 1.10.0
    created: "2020-01-01T00:00:00Z"
    digest: null
    urls:
    - https://cdn.example.org/web-1.10.0.tgz
  - null
  - {version: not-a-version, urls: [x]}
  web-extra: [{version: 9.0.0, urls: [y]}]
  empty:
generated: "2020-01-01T00:00:00Z"
"#;

    #[test]
    fn newest_first_and_only_the_chart_asked_for() {
        let versions = chart_versions(INDEX.as_bytes(), "web").unwrap();
        let shown: Vec<&str> = versions.iter().map(|v| v.version.as_str()).collect();
        assert_eq!(shown, ["1.10.0", "1.9.0"]);
        assert_eq!(versions[0].digest, None);
        assert!(versions[1].digest.is_some());
        assert_eq!(chart_versions(INDEX.as_bytes(), "empty").unwrap(), []);
        let range = |text: &str| text.parse::<VersionRange>().unwrap();
        assert_eq!(choose(&versions, "~1.9", &range("~1.9")), Some(&versions[1]));
        assert_eq!(choose(&versions, "2", &range("2")), None);
    }

    #[test]
    fn json_is_an_index_too() {
        let json = r#"{"apiVersion":"v1","entries":{"a":[{"version":"1.0.0","urls":["a.tgz"]}],"b":[]}}"#;
        assert_eq!(chart_versions(json.as_bytes(), "a").unwrap().len(), 1);
        assert!(chart_versions(br#"{"apiVersion":"v1""#, "a").is_err());
    }

    #[test]
    fn addresses_are_relative_to_the_repository() {
        let versions = chart_versions(INDEX.as_bytes(), "web").unwrap();
        let url = |at: usize, base: &str| versions[at].url(&base.parse().unwrap()).unwrap().to_string();
        assert_eq!(
            url(0, "https://example.org/charts"),
            "https://cdn.example.org/web-1.10.0.tgz"
        );
        assert_eq!(
            url(1, "https://example.org/charts"),
            "https://example.org/charts/web-1.9.0.tgz"
        );
        assert_eq!(
            url(1, "https://example.org/charts/?t=1"),
            "https://example.org/charts/web-1.9.0.tgz?t=1"
        );
    }

    #[test]
    fn what_is_missing_is_said() {
        let problem =
            |index: &str, chart: &str| chart_versions(index.as_bytes(), chart).unwrap_err().to_string();
        assert_eq!(
            problem(INDEX, "extra"),
            "the repository has no chart of this name: \"extra\" (did you mean web-extra?)"
        );
        assert_eq!(
            problem("entries: {}\n", "a"),
            "the repository index has no apiVersion; is this a chart repository?"
        );
        assert!(problem("<html></html>", "a").starts_with("the repository index is not valid: "));
    }

    fn large(bytes: usize) -> String {
        let mut index = String::from("apiVersion: v1\nentries:\n");
        let mut chart = 0;
        while index.len() < bytes {
            writeln!(index, "  chart-{chart}:").unwrap();
            for version in 0..40 {
                write!(
                    index,
                    "  - apiVersion: v2\n    created: \"2020-01-01T00:00:00.000000000Z\"\n    description: |\n      A chart for {chart}:\n      chart-7:\n    digest: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae\n    home: https://example.org/\n    maintainers:\n    - email: someone@example.org\n      name: someone\n    name: chart-{chart}\n    urls:\n    - https://example.org/charts/chart-{chart}-1.{version}.0.tgz\n    version: 1.{version}.0\n"
                )
                .unwrap();
            }
            chart += 1;
        }
        index
    }

    /// Not a benchmark: the bound is what a quadratic reader would miss by far, in an unoptimised build.
    #[test]
    fn a_large_index_is_read_in_linear_time() {
        let index = large(50 << 20);
        let start = Instant::now();
        assert_eq!(chart_versions(index.as_bytes(), "chart-7").unwrap().len(), 40);
        assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    }

    #[test]
    fn the_excerpt_says_what_the_whole_says() {
        let whole = |index: &str, chart: &str| {
            let mut found = Found {
                chart,
                ..Found::default()
            };
            parse_yaml(index, &mut found).unwrap();
            finish(found).map_err(|error| error.to_string())
        };
        let generated = large(300_000);
        let deeper = INDEX.replace("\n  ", "\n     ");
        for index in [
            INDEX,
            &generated,
            &generated.replace("  chart-7:", "  \"chart-7\":"),
            &deeper,
        ] {
            for chart in ["web", "web-extra", "chart-0", "chart-7", "absent", "empty"] {
                let fast = chart_versions(index.as_bytes(), chart).map_err(|error| error.to_string());
                assert_eq!(fast, whole(index, chart), "{chart}");
            }
        }
    }

    #[test]
    fn any_bytes_are_read_without_panic() {
        use proptest::prelude::*;
        proptest!(|(text in "[a-z0-9:\\-{}\\[\\]\"'&*|>#. \\n\\t]{0,120}", at in 0usize..400)| {
            let at = at.min(INDEX.len());
            let mixed = format!("{}{text}{}", &INDEX[..at], &INDEX[at..]);
            for text in [text, mixed] {
                let _ = chart_versions(text.as_bytes(), "web");
            }
        });
    }

    #[test]
    fn bombs_depth_and_twin_keys_are_refused_or_harmless() {
        let start = Instant::now();
        let mut bomb = String::from("x0: &x0 [lol]\n");
        for level in 1..20 {
            let previous = format!("*x{}, ", level - 1).repeat(10);
            writeln!(bomb, "x{level}: &x{level} [{previous}]").unwrap();
        }
        let head = "apiVersion: v1\nentries:\n";
        assert!(chart_versions(format!("{bomb}{head}  a: [*x19]\n").as_bytes(), "a").is_err());
        for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", "")] {
            let deep = open.repeat(100_000) + &close.repeat(100_000);
            let index = format!("{head}  a:\n  - version: 1.0.0\n    x:\n      {deep}\n");
            assert!(chart_versions(index.as_bytes(), "a").is_err(), "{open:?}");
        }
        let deep = "[".repeat(100_000);
        let json = format!(r#"{{"apiVersion":"v1","entries":{{"a":[{{"version":{deep}"#);
        assert!(chart_versions(json.as_bytes(), "a").is_err());
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
        // The last one counts, as for Helm; whichever it were, the archive is then pinned by its digest.
        for index in [
            "apiVersion: v1\nentries:\n  a:\n  - {version: 1.0.0}\n  a:\n  - {version: 2.0.0}\n",
            r#"{"apiVersion":"v1","entries":{"a":[{"version":"1.0.0"}],"a":[{"version":"2.0.0"}]}}"#,
        ] {
            let versions = chart_versions(index.as_bytes(), "a").unwrap();
            assert_eq!(versions.last().unwrap().version.as_str(), "2.0.0", "{index}");
        }
    }

    #[test]
    fn an_alias_into_another_chart_still_resolves() {
        let index = "apiVersion: v1\nentries:\n  a:\n  - &x {version: 1.0.0, urls: [u]}\n  b:\n  - *x\n";
        assert_eq!(chart_versions(index.as_bytes(), "b").unwrap().len(), 1);
    }
}
