//! From files to charts (Helm, `pkg/chart/loader`).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::metadata::{self, Draft};
use super::{Chart, LoadError, Plain, Profile, read_values};
use crate::call::{Budget, FunctionError};
use crate::format::from_yaml_kept;
use crate::value::Value;
use crate::{ChartFile, ChartMetadata, IgnoreRules, archive};

/// How deep charts may stand in charts, and how many of them there may be; Helm has no bounds.
const MAX_DEPTH: u64 = 32;
const MAX_CHARTS: u64 = 2_000;
/// How much the archives within an archive may hold together; Helm allows each of them 100 MiB.
const MAX_NESTED: u64 = 256 << 20;
const MAX_STEPS: u64 = 100_000_000;
const MAX_MEMORY: u64 = 2 << 30;

impl Chart {
    /// Loads the chart that these files of a folder are, with paths relative to it; `.helmignore` is applied.
    pub fn from_files(
        files: impl IntoIterator<Item = ChartFile>,
        profile: Profile,
    ) -> Result<Self, LoadError> {
        let mut files: Vec<ChartFile> = files.into_iter().collect();
        if let Some(file) = files.iter().find(|file| !archive::is_plain(&file.path)) {
            return Err(LoadError::NotPlain(file.path.clone()));
        }
        let rules = match files.iter().find(|file| file.path == ".helmignore") {
            Some(file) => IgnoreRules::parse(&file.bytes)?,
            None => IgnoreRules::default(),
        }
        .with_defaults();
        files.retain(|file| !rules.ignores(&file.path));
        // The order in which Helm walks a folder: that of the names in each, one after the other.
        files.sort_by(|a, b| a.path.split('/').cmp(b.path.split('/')));
        for file in &mut files {
            if file.bytes.len() as u64 > archive::MAX_FILE {
                return Err(LoadError::FileTooLarge {
                    path: file.path.clone(),
                    limit: archive::MAX_FILE,
                });
            }
            archive::strip_mark(&mut file.bytes);
        }
        Loader::new(profile).chart(files, 0)
    }

    /// Loads a packaged chart (`.tgz`). As with Helm, its `.helmignore` was applied when it was packaged.
    pub fn from_archive(bytes: &[u8], profile: Profile) -> Result<Self, LoadError> {
        Loader::new(profile).archive(bytes, 0)
    }
}

struct Loader {
    profile: Profile,
    charts: u64,
    nested: u64,
    /// What reading YAML may cost: aliases multiply.
    budget: Budget,
}

impl Loader {
    const fn new(profile: Profile) -> Self {
        Self {
            profile,
            charts: 0,
            nested: 0,
            budget: Budget::new(MAX_STEPS, MAX_MEMORY),
        }
    }

    fn archive(&mut self, bytes: &[u8], depth: u64) -> Result<Chart, LoadError> {
        let archive::Unpacked { files, size } = archive::read(bytes)?;
        if depth > 0 {
            self.nested += size;
            if self.nested > MAX_NESTED {
                return Err(LoadError::Limit {
                    what: "bytes in archives within the archive",
                    limit: MAX_NESTED,
                });
            }
        }
        self.chart(files, depth)
    }

    fn chart(&mut self, files: Vec<ChartFile>, depth: u64) -> Result<Chart, LoadError> {
        self.charts += 1;
        for (what, count, limit) in [
            ("charts within charts", depth, MAX_DEPTH),
            ("charts", self.charts, MAX_CHARTS),
        ] {
            if count > limit {
                return Err(LoadError::Limit { what, limit });
            }
        }
        let mut draft = Draft::default();
        let mut there = false;
        for file in files.iter().filter(|file| file.path == "Chart.yaml") {
            there = true;
            self.apply(&mut draft, &file.bytes, "Chart.yaml")?;
            if draft.metadata.api_version.is_empty() {
                "v1".clone_into(&mut draft.metadata.api_version);
            }
        }
        let mut chart = Chart {
            metadata: ChartMetadata::default(),
            locked: Vec::new(),
            templates: Vec::new(),
            files: Vec::new(),
            values: Plain::empty(),
            schema: None,
            dependencies: Vec::new(),
        };
        let mut below: BTreeMap<String, Vec<ChartFile>> = BTreeMap::new();
        for mut file in files {
            match file.path.as_str() {
                "Chart.yaml" => {}
                "Chart.lock" => chart.locked = self.locked(&file.bytes, "Chart.lock")?,
                "values.yaml" => {
                    let values = read_values(&file.bytes, self.profile, &mut self.budget);
                    let values = values.map_err(document("values.yaml"))?;
                    chart.values = Plain::of(&Value::Map(values));
                }
                "values.schema.json" => chart.schema = Some(Arc::new(file)),
                "requirements.yaml" => {
                    there = true;
                    self.apply(&mut draft, &file.bytes, "requirements.yaml")?;
                    if draft.metadata.api_version == "v1" {
                        chart.files.push(Arc::new(file));
                    }
                }
                "requirements.lock" => {
                    chart.locked = self.locked(&file.bytes, "requirements.lock")?;
                    if draft.metadata.api_version == "v1" {
                        chart.files.push(Arc::new(file));
                    }
                }
                path if path.starts_with("templates/") => chart.templates.push(Arc::new(file)),
                path if path.starts_with("charts/") && extension(path) != ".prov" => {
                    file.path.drain(.."charts/".len());
                    let name = file.path.split('/').next().unwrap_or_default().to_owned();
                    below.entry(name).or_default().push(file);
                }
                _ => chart.files.push(Arc::new(file)),
            }
        }
        if !there {
            return Err(LoadError::NoMetadata);
        }
        chart.metadata = draft.finish(self.profile)?;
        for (name, files) in below {
            // Helm passes over what begins like a partial or a hidden file.
            if !name.starts_with(['_', '.']) {
                let child = self.child(&name, files, &chart.metadata.name, depth + 1)?;
                chart.dependencies.push(child);
            }
        }
        Ok(chart)
    }

    fn child(
        &mut self,
        name: &str,
        mut files: Vec<ChartFile>,
        parent: &str,
        depth: u64,
    ) -> Result<Chart, LoadError> {
        let loaded = if extension(name) == ".tgz" {
            match files.first() {
                Some(file) if file.path == name => self.archive(&file.bytes, depth),
                other => {
                    return Err(LoadError::SubchartPath {
                        name: name.to_owned(),
                        parent: parent.to_owned(),
                        found: other.map(|file| file.path.clone()).unwrap_or_default(),
                    });
                }
            }
        } else {
            files.retain_mut(|file| match file.path.split_once('/') {
                Some((_, inside)) => {
                    file.path = inside.to_owned();
                    true
                }
                None => false,
            });
            self.chart(files, depth)
        };
        loaded.map_err(|problem| match problem {
            limit @ LoadError::Limit { .. } => limit,
            problem => LoadError::Subchart {
                name: name.to_owned(),
                parent: parent.to_owned(),
                problem: Box::new(problem),
            },
        })
    }

    fn apply(&mut self, draft: &mut Draft, bytes: &[u8], file: &'static str) -> Result<(), LoadError> {
        let value = from_yaml_kept(bytes, &mut self.budget).map_err(document(file))?;
        let applied = draft.apply(&value, self.profile);
        applied.map_err(|problem| LoadError::Document { file, problem })
    }

    fn locked(&mut self, bytes: &[u8], file: &'static str) -> Result<Vec<crate::Dependency>, LoadError> {
        let value = from_yaml_kept(bytes, &mut self.budget).map_err(document(file))?;
        let locked = metadata::locked(&value, self.profile);
        locked.map_err(|problem| LoadError::Document { file, problem })
    }
}

fn document(file: &'static str) -> impl Fn(FunctionError) -> LoadError {
    move |problem| match problem {
        FunctionError::Limit(limit) => LoadError::Limit {
            what: limit.what,
            limit: limit.limit,
        },
        problem => LoadError::Document {
            file,
            problem: problem.to_string(),
        },
    }
}

/// What `filepath.Ext` gives: from the last dot of the last component on.
pub(crate) fn extension(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rfind('.').and_then(|at| name.get(at..)).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHART: &str = "apiVersion: v2\nname: a\nversion: 1.0.0\n";

    fn files(all: &[(&str, &str)]) -> Vec<ChartFile> {
        let file = |(path, text): &(&str, &str)| ChartFile {
            path: (*path).to_owned(),
            bytes: text.as_bytes().to_vec(),
        };
        all.iter().map(file).collect()
    }

    fn problem(all: &[(&str, &str)], profile: Profile) -> String {
        Chart::from_files(files(all), profile).unwrap_err().to_string()
    }

    /// The words of Helm 4.2.3 and 3.19.0.
    #[test]
    #[expect(clippy::too_many_lines, reason = "it is a table")]
    fn what_helm_refuses_is_refused_in_its_words() {
        let json = "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal";
        let cases = [
            (
                "maintainers: 5",
                format!(
                    "cannot load Chart.yaml: {json} number into Go struct field Metadata.maintainers of type []*v2.Maintainer"
                ),
            ),
            (
                "maintainers: [null]",
                "validation: maintainers must not contain empty or null nodes".to_owned(),
            ),
            (
                "maintainers: [{name: [a]}]",
                format!(
                    "cannot load Chart.yaml: {json} array into Go struct field Maintainer.maintainers.name of type string"
                ),
            ),
            (
                "dependencies: [null]",
                "validation: dependencies must not contain empty or null nodes".to_owned(),
            ),
            (
                "dependencies: [{name: a, alias: x y}]",
                "validation: dependency \"a\" has disallowed characters in the alias".to_owned(),
            ),
            (
                "dependencies: [{name: a},{name: a}]",
                "validation: more than one dependency with name or alias \"a\"".to_owned(),
            ),
            (
                "dependencies: [{name: a, import-values: 5}]",
                format!(
                    "cannot load Chart.yaml: {json} number into Go struct field Dependency.dependencies.import-values of type []interface {{}}"
                ),
            ),
            (
                "type: x",
                "validation: chart.metadata.type must be application or library".to_owned(),
            ),
            (
                "keywords: a",
                format!(
                    "cannot load Chart.yaml: {json} string into Go struct field Metadata.keywords of type []string"
                ),
            ),
            (
                "annotations: {a: [b]}",
                format!(
                    "cannot load Chart.yaml: {json} array into Go struct field Metadata.annotations of type string"
                ),
            ),
            (
                "annotations: [b]",
                format!(
                    "cannot load Chart.yaml: {json} array into Go struct field Metadata.annotations of type map[string]string"
                ),
            ),
            (
                "deprecated: x",
                format!(
                    "cannot load Chart.yaml: {json} string into Go struct field Metadata.deprecated of type bool"
                ),
            ),
            (
                "version: one",
                "validation: chart.metadata.version \"one\" is invalid".to_owned(),
            ),
            (
                "name: a/b",
                "validation: chart.metadata.name \"a/b\" is invalid".to_owned(),
            ),
            (
                "name: ''",
                "validation: chart.metadata.name is required".to_owned(),
            ),
            (
                "version: ''",
                "validation: chart.metadata.version is required".to_owned(),
            ),
        ];
        for (line, expected) in cases {
            let text = format!("{CHART}{line}\n");
            assert_eq!(
                problem(&[("Chart.yaml", &text)], Profile::Helm4),
                expected,
                "{line}"
            );
            let three = expected.replace("v2.", "chart.");
            assert_eq!(problem(&[("Chart.yaml", &text)], Profile::Helm3), three, "{line}");
        }
        assert_eq!(
            problem(&[("values.yaml", "")], Profile::Helm4),
            "Chart.yaml file is missing"
        );
        assert_eq!(
            problem(
                &[("Chart.yaml", CHART), ("values.yaml", "a: 1\n--- x\nb: 2\n")],
                Profile::Helm4
            ),
            "cannot load values.yaml: error reading yaml document: invalid Yaml document separator: x"
        );
        assert_eq!(
            problem(&[("Chart.yaml", CHART), ("charts/README.md", "")], Profile::Helm4),
            "error unpacking subchart README.md in a: Chart.yaml file is missing"
        );
        assert_eq!(
            problem(&[("Chart.yaml", CHART), ("charts/b.tgz/x", "")], Profile::Helm4),
            "error unpacking subchart tar in a: expected b.tgz, got b.tgz/x"
        );
    }

    #[test]
    fn scalars_become_texts_as_yaml_has_them() {
        let text = "apiVersion: v2\nname: a\nversion: 1.10\nappVersion: 20240101\nkubeVersion: true\n";
        let chart = Chart::from_files(files(&[("Chart.yaml", text)]), Profile::Helm4).unwrap();
        let metadata = chart.metadata();
        assert_eq!(
            (
                metadata.version.as_str(),
                metadata.app_version.as_str(),
                metadata.kube_version.as_str()
            ),
            ("1.1", "20240101", "true")
        );
    }

    #[test]
    fn every_file_finds_its_place() {
        let child = "apiVersion: v2\nname: child\nversion: 1.0.0\n";
        let all = files(&[
            ("Chart.yaml", "name: a\nversion: 1.0.0\n"),
            (".helmignore", "*.bak\n"),
            ("x.bak", ""),
            (
                "requirements.yaml",
                "dependencies:\n- {name: child, version: 1.x.x}\n",
            ),
            ("values.yaml", "\u{feff}a: 1\n"),
            ("values.schema.json", "{}"),
            ("templates/x.yaml", ""),
            ("templates/.hidden", ""),
            ("crds/x.yaml", ""),
            ("charts/child/Chart.yaml", child),
            ("charts/child/deep/file.txt", ""),
            ("charts/_off/x", ""),
            ("charts/.off/x", ""),
            ("charts/child.prov", ""),
        ]);
        let chart = Chart::from_files(all, Profile::Helm4).unwrap();
        let paths = |files: &mut dyn Iterator<Item = &ChartFile>| {
            files.map(|file| file.path.clone()).collect::<Vec<_>>()
        };
        assert_eq!(paths(&mut chart.templates()), ["templates/x.yaml"]);
        assert_eq!(
            paths(&mut chart.files()),
            [
                ".helmignore",
                "charts/child.prov",
                "crds/x.yaml",
                "requirements.yaml"
            ]
        );
        assert_eq!(chart.dependencies().len(), 1);
        assert_eq!(paths(&mut chart.dependencies()[0].files()), ["deep/file.txt"]);
        assert_eq!(chart.metadata().api_version, "v1");
        assert!(chart.missing().is_empty() && chart.schema().is_some());
    }

    #[test]
    fn an_archive_gives_the_chart_that_its_folder_gives() {
        let child = crate::package(files(&[(
            "Chart.yaml",
            "apiVersion: v2\nname: child\nversion: 1.0.0\n",
        )]))
        .unwrap();
        let mut all = files(&[
            ("Chart.yaml", CHART),
            ("templates/x.yaml", "x"),
            ("values.yaml", "a: {b: [1]}\n"),
        ]);
        all.push(ChartFile {
            path: "charts/child-1.0.0.tgz".to_owned(),
            bytes: child,
        });
        let archive = crate::package(all.clone()).unwrap();
        let one = Chart::from_files(all, Profile::Helm4).unwrap();
        let other = Chart::from_archive(&archive, Profile::Helm4).unwrap();
        assert_eq!(format!("{one:?}"), format!("{other:?}"));
        assert_eq!(one.dependencies()[0].metadata().name, "child");
    }

    #[test]
    fn charts_in_charts_without_end_are_refused() {
        let mut archive = crate::package(files(&[("Chart.yaml", CHART)])).unwrap();
        for _ in 0..40 {
            let mut all = files(&[("Chart.yaml", CHART)]);
            all.push(ChartFile {
                path: "charts/a.tgz".to_owned(),
                bytes: archive,
            });
            archive = crate::package(all).unwrap();
        }
        let result = Chart::from_archive(&archive, Profile::Helm4);
        assert!(
            matches!(
                &result,
                Err(LoadError::Limit {
                    what: "charts within charts",
                    ..
                })
            ),
            "{result:?}"
        );
        let many: Vec<(String, &str)> = (0..3000)
            .map(|n| (format!("charts/c{n}/Chart.yaml"), CHART))
            .collect();
        let mut all: Vec<(&str, &str)> = many.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        all.push(("Chart.yaml", CHART));
        let result = Chart::from_files(files(&all), Profile::Helm4);
        assert!(
            matches!(&result, Err(LoadError::Limit { what: "charts", .. })),
            "{result:?}"
        );
    }
}
