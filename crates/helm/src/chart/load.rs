//! From files to charts (Helm, `pkg/chart/loader`).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::metadata::{self, Draft};
use super::reading::{read_defaults, read_yaml};
use super::{Chart, LoadError, Plain, Profile};
use crate::{ChartFile, ChartMetadata, IgnoreRules, archive};

/// How deep charts may stand in charts, and how many of them there may be; Helm has no bounds.
const MAX_DEPTH: u64 = 32;
const MAX_CHARTS: u64 = 2_000;
/// How much the archives within an archive may hold together: what Helm allows each of them.
const MAX_NESTED: u64 = 400 << 20;

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
}

impl Loader {
    const fn new(profile: Profile) -> Self {
        Self {
            profile,
            charts: 0,
            nested: 0,
        }
    }

    fn archive(&mut self, bytes: &[u8], depth: u64) -> Result<Chart, LoadError> {
        let files = archive::read(bytes)?;
        if depth > 0 {
            self.nested += files.iter().map(|file| file.bytes.len() as u64).sum::<u64>();
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
                    chart.values =
                        read_defaults(&file.bytes, self.profile).map_err(document("values.yaml"))?;
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

    fn apply(&self, draft: &mut Draft, bytes: &[u8], file: &'static str) -> Result<(), LoadError> {
        let value = read_yaml(bytes).map_err(document(file))?;
        draft.apply(&value, self.profile).map_err(document(file))
    }

    fn locked(&self, bytes: &[u8], file: &'static str) -> Result<Vec<crate::Dependency>, LoadError> {
        let value = read_yaml(bytes).map_err(document(file))?;
        metadata::locked(&value, self.profile).map_err(document(file))
    }
}

fn document(file: &'static str) -> impl Fn(String) -> LoadError {
    move |problem| LoadError::Document { file, problem }
}

/// What `filepath.Ext` gives: from the last dot of the last component on.
pub(crate) fn extension(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rfind('.').and_then(|at| name.get(at..)).unwrap_or("")
}
