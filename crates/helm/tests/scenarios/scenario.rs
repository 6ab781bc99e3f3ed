//! Scenario files: a chart and its cases in one text.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

/// A chart and the ways in which it is rendered.
pub(crate) struct Scenario {
    pub(crate) name: String,
    /// What the file says before its first section.
    pub(crate) about: String,
    /// The files of the chart.
    pub(crate) files: Vec<(String, String)>,
    pub(crate) cases: Vec<Case>,
}

/// One rendering.
pub(crate) struct Case {
    pub(crate) name: String,
    /// The text of the values file, unless there is none.
    pub(crate) values: Option<String>,
    /// Name, namespace and the like, by the oracle's words.
    pub(crate) options: Map<String, Value>,
}

/// A part of a text that stands below a line `-- title --`.
pub(crate) struct Section {
    pub(crate) title: String,
    pub(crate) text: String,
}

/// Where the scenarios are.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

/// All scenarios, by name.
pub(crate) fn all() -> Vec<Scenario> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder().join("charts"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths.iter().map(|path| Scenario::read(path)).collect()
}

/// The text before the first section, and the sections.
pub(crate) fn sections(text: &str) -> (String, Vec<Section>) {
    let mut about = String::new();
    let mut sections: Vec<Section> = Vec::new();
    for line in text.split_inclusive('\n') {
        let title = line
            .strip_prefix("-- ")
            .and_then(|rest| rest.strip_suffix(" --\n"));
        match (title, sections.last_mut()) {
            (Some(title), _) => sections.push(Section {
                title: title.to_owned(),
                text: String::new(),
            }),
            (None, Some(section)) => section.text.push_str(line),
            (None, None) => about.push_str(line),
        }
    }
    (about, sections)
}

impl Scenario {
    fn read(path: &Path) -> Self {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let (about, sections) = sections(&fs::read_to_string(path).unwrap());
        let mut files = Vec::new();
        let mut cases = vec![Case::new("default", None)];
        for section in &sections {
            if let Some(case) = section.title.strip_prefix("@values ") {
                cases.push(Case::new(case, Some(section.text.clone())));
            } else if !section.title.starts_with('@') {
                files.push((section.title.clone(), section.text.clone()));
            }
        }
        for section in &sections {
            let Some(of) = section.title.strip_prefix("@options ") else {
                continue;
            };
            let case = cases.iter_mut().find(|case| case.name == of).unwrap();
            case.options
                .extend(serde_json::from_str::<Map<String, Value>>(&section.text).unwrap());
        }
        if !files.iter().any(|(path, _)| path == "Chart.yaml") {
            let text = format!("apiVersion: v2\nname: {name}\nversion: 0.1.0\n");
            files.push(("Chart.yaml".to_owned(), text));
        }
        Self {
            name,
            about,
            files,
            cases,
        }
    }

    /// The chart as a folder, which lives as long as what is returned.
    pub(crate) fn write(&self) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in &self.files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }
}

impl Case {
    fn new(name: &str, values: Option<String>) -> Self {
        let mut options = Map::new();
        options.insert("name".to_owned(), "rel".into());
        options.insert("namespace".to_owned(), "space".into());
        Self {
            name: name.to_owned(),
            values,
            options,
        }
    }
}
