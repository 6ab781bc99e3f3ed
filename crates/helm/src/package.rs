use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::archive::is_plain;
use crate::stored;
use crate::{ChartError, ChartMetadata, Dependency, IgnoreRules};

/// One file of a chart folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChartFile {
    /// Its path inside the folder, with `/` between components: `templates/service.yaml`.
    pub path: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Packages a chart folder as `helm package` lays it out, but always into the same bytes: entries in
/// order of path below `<name>/`, mode 0644, no times, no owners, no names in the gzip header, no compression,
/// whose outcome would depend on the version of the compressor.
///
/// `.helmignore` is applied. As with Helm, the dependencies named in `Chart.yaml` must be in `charts/`.
pub fn package(files: impl IntoIterator<Item = ChartFile>) -> Result<Vec<u8>, ChartError> {
    let mut entries = BTreeMap::new();
    for file in files {
        if !is_plain(&file.path) {
            return Err(ChartError::Path(file.path));
        }
        if let Some((path, _)) = entries.remove_entry(&file.path) {
            return Err(ChartError::Duplicate(path));
        }
        entries.insert(file.path, file.bytes);
    }
    let rules = match entries.get(".helmignore") {
        Some(bytes) => IgnoreRules::parse(bytes)?,
        None => IgnoreRules::default(),
    }
    .with_defaults();
    entries.retain(|path, _| !rules.ignores(path));

    let metadata = ChartMetadata::parse(entries.get("Chart.yaml").ok_or(ChartError::NoMetadata)?)?;
    check_dependencies(&metadata, &entries)?;
    write(&metadata.name, &entries).map_err(ChartError::Archive)
}

fn write(name: &str, entries: &BTreeMap<String, Vec<u8>>) -> std::io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, bytes) in entries {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, format!("{name}/{path}"), bytes.as_slice())?;
    }
    Ok(stored::gzip(&tar.into_inner()?))
}

fn check_dependencies(
    metadata: &ChartMetadata,
    entries: &BTreeMap<String, Vec<u8>>,
) -> Result<(), ChartError> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Requirements {
        dependencies: Option<Vec<Dependency>>,
    }
    let mut wanted: BTreeSet<String> = metadata.dependencies.iter().map(|d| d.name.clone()).collect();
    // Charts of `apiVersion: v1` keep the list in a file of its own.
    if let Some(bytes) = entries.get("requirements.yaml") {
        let requirements: Requirements = crate::yaml::parse(bytes).map_err(|problem| ChartError::Field {
            field: "requirements.yaml",
            problem,
        })?;
        wanted.extend(
            requirements
                .dependencies
                .unwrap_or_default()
                .into_iter()
                .map(|d| d.name),
        );
    }
    for (path, bytes) in entries {
        let Some(inside) = path.strip_prefix("charts/") else {
            continue;
        };
        match inside.split('/').collect::<Vec<_>>().as_slice() {
            [_, "Chart.yaml"] => {
                wanted.remove(&ChartMetadata::parse(bytes)?.name);
            }
            [file] if file.rsplit_once('.').is_some_and(|(_, end)| end == "tgz") => {
                wanted.remove(&crate::inspect(bytes)?.name);
            }
            _ => {}
        }
    }
    if wanted.is_empty() {
        Ok(())
    } else {
        Err(ChartError::MissingDependencies(wanted.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use proptest::prelude::*;

    use super::*;

    const CHART: &str = "apiVersion: v2\nname: site\nversion: 1.2.3\n";

    fn file(path: &str, text: &str) -> ChartFile {
        ChartFile {
            path: path.to_owned(),
            bytes: text.as_bytes().to_vec(),
        }
    }

    fn listing(archive: &[u8]) -> Vec<(String, String)> {
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(archive));
        tar.entries()
            .unwrap()
            .map(|entry| {
                let mut entry = entry.unwrap();
                assert_eq!(entry.header().mode().unwrap(), 0o644);
                assert_eq!(entry.header().mtime().unwrap(), 0);
                let path = entry.path().unwrap().to_string_lossy().into_owned();
                let mut text = String::new();
                entry.read_to_string(&mut text).unwrap();
                (path, text)
            })
            .collect()
    }

    #[test]
    fn sorted_below_the_name_and_without_what_is_ignored() {
        let deep = format!("files/{}", ["folder-with-a-long-name"; 12].join("/"));
        let archive = package([
            file("values.yaml", "a: 1\n"),
            file("Chart.yaml", CHART),
            file(".helmignore", "*.bak\n"),
            file("templates/x.bak", ""),
            file("templates/.swp", ""),
            file("templates/x.yaml", "kind: List\n"),
            file(&deep, "deep"),
        ])
        .unwrap();
        let listing = listing(&archive);
        let paths: Vec<&str> = listing.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "site/.helmignore",
                "site/Chart.yaml",
                &format!("site/{deep}"),
                "site/templates/x.yaml",
                "site/values.yaml"
            ]
        );
        assert_eq!(listing[1].1, CHART);
        assert_eq!(
            archive[4..10],
            [0, 0, 0, 0, 0, 255],
            "no time and no system in the gzip header"
        );
        assert_eq!(crate::inspect(&archive).unwrap().name, "site");
    }

    #[test]
    fn refuses_what_is_no_chart() {
        assert!(matches!(
            package([file("values.yaml", "")]),
            Err(ChartError::NoMetadata)
        ));
        let long = "a".repeat(4097);
        for path in ["../x", "/x", "a//b", "a/./b", "a\\b", "a\0b", "", "a/", &long] {
            let result = package([file("Chart.yaml", CHART), file(path, "")]);
            assert!(matches!(result, Err(ChartError::Path(_))), "{path:?}");
        }
        let twice = package([file("Chart.yaml", CHART), file("Chart.yaml", CHART)]);
        assert!(matches!(twice, Err(ChartError::Duplicate(_))));
    }

    #[test]
    fn dependencies_must_be_there() {
        let parent = format!("{CHART}dependencies:\n- {{name: db, version: 1.x, repository: ''}}\n");
        let child = "apiVersion: v2\nname: db\nversion: 1.0.0\n";
        let missing = package([file("Chart.yaml", &parent)]).unwrap_err();
        assert_eq!(
            missing.to_string(),
            "the chart names dependencies that its charts folder does not hold: db"
        );
        package([
            file("Chart.yaml", &parent),
            file("charts/other-folder/Chart.yaml", child),
        ])
        .unwrap();
        let packed = package([file("Chart.yaml", child)]).unwrap();
        let packed = ChartFile {
            path: "charts/db-1.0.0.tgz".into(),
            bytes: packed,
        };
        package([file("Chart.yaml", &parent), packed]).unwrap();
    }

    proptest! {
        #[test]
        fn order_of_arrival_does_not_matter(seed in any::<u64>(), names in proptest::collection::btree_set("[a-z]{1,8}(/[a-z]{1,8}){0,2}x", 1..8)) {
            let mut files: Vec<ChartFile> = names.iter().map(|name| file(&format!("files/{name}.txt"), name)).collect();
            files.push(file("Chart.yaml", CHART));
            let expected = package(files.clone()).unwrap();
            let count = files.len() as u64;
            files.rotate_left(usize::try_from(seed % count).unwrap());
            files.reverse();
            prop_assert_eq!(package(files).unwrap(), expected);
        }
    }
}
