//! The charts of one rendering: which are on, under which names, with which values
//! (Helm, `chart/v2/util/dependencies.go`).

use super::RenderError;
use super::values::{Coalescer, copied};
use crate::chart::Chart;
use crate::range::is_compatible;
use crate::value::{Map, MapType, Value};
use crate::{ChartMetadata, Dependency};

/// A chart where it stands in the tree, with what this rendering makes of it.
#[derive(Clone, Debug)]
pub(crate) struct Node<'a> {
    pub(crate) chart: &'a Chart,
    /// Its metadata: the name may be an alias, and dependencies that are off are gone.
    pub(crate) metadata: ChartMetadata,
    pub(crate) values: Map,
    pub(crate) children: Vec<Self>,
}

impl<'a> Node<'a> {
    /// The tree of a chart before anything is decided.
    pub(crate) fn new(chart: &'a Chart) -> Self {
        Self {
            chart,
            metadata: chart.metadata.clone(),
            values: chart.values.table(),
            children: chart.dependencies.iter().map(Self::new).collect(),
        }
    }

    /// Roughly how many bytes of text its metadata have.
    pub(crate) fn text(&self) -> usize {
        let metadata = &self.metadata;
        let dependencies = metadata.dependencies.iter().map(|wanted| {
            let tags: usize = wanted.tags.iter().map(String::len).sum();
            let texts = [
                &wanted.name,
                &wanted.version,
                &wanted.repository,
                &wanted.condition,
                &wanted.alias,
            ];
            let imports = wanted.import_values.iter().map(json_size).sum::<usize>();
            size_of::<Dependency>() + tags + imports + texts.map(String::len).iter().sum::<usize>()
        });
        let annotations = metadata.annotations.iter();
        let lists = metadata.sources.iter().chain(&metadata.keywords);
        let maintainers = metadata.maintainers.iter();
        metadata.description.len()
            + metadata.home.len()
            + metadata.icon.len()
            + dependencies.sum::<usize>()
            + annotations
                .map(|(key, value)| 64 + key.len() + value.len())
                .sum::<usize>()
            + lists.map(|text| 32 + text.len()).sum::<usize>()
            + maintainers
                .map(|one| 96 + one.name.len() + one.email.len() + one.url.len())
                .sum::<usize>()
    }

    pub(crate) fn name(&self) -> &str {
        &self.metadata.name
    }

    /// Switches dependencies on and off, and imports values of those that are on.
    pub(crate) fn process(&mut self, given: &Map, coalescer: &mut Coalescer<'_>) -> Result<(), RenderError> {
        self.enable(given, "", coalescer)?;
        self.import_all(coalescer)
    }

    /// Keeps the charts that are on, under their aliases; `path` is where the chart's values are.
    fn enable(&mut self, given: &Map, path: &str, coalescer: &mut Coalescer<'_>) -> Result<(), RenderError> {
        if self.metadata.dependencies.is_empty() {
            return Ok(());
        }
        let listed = |child: &Self, wanted: &Dependency| {
            child.name() == wanted.name && is_compatible(&wanted.version, &child.metadata.version)
        };
        let all = std::mem::take(&mut self.children);
        let mut kept: Vec<Self> = all
            .iter()
            .filter(|child| !self.metadata.dependencies.iter().any(|d| listed(child, d)))
            .cloned()
            .collect();
        for wanted in &mut self.metadata.dependencies {
            if let Some(child) = all.iter().find(|child| listed(child, wanted)) {
                coalescer.charge(child)?;
                let mut child = child.clone();
                if !wanted.alias.is_empty() {
                    child.metadata.name.clone_from(&wanted.alias);
                }
                kept.push(child);
            }
            if !wanted.alias.is_empty() {
                wanted.name.clone_from(&wanted.alias);
            }
            wanted.enabled = true;
        }
        self.children = kept;
        let values = coalescer.values(self, given, false)?;
        for wanted in &mut self.metadata.dependencies {
            tags(wanted, &values, coalescer);
            conditions(wanted, &values, path, coalescer);
        }
        let off: Vec<String> = self
            .metadata
            .dependencies
            .iter()
            .filter(|wanted| !wanted.enabled)
            .map(|wanted| wanted.name.clone())
            .collect();
        self.children.retain(|child| !off.contains(&child.metadata.name));
        self.metadata
            .dependencies
            .retain(|wanted| !off.contains(&wanted.name));
        for child in &mut self.children {
            let path = format!("{path}{}.", child.name());
            child.enable(&values, &path, coalescer)?;
        }
        Ok(())
    }

    fn import_all(&mut self, coalescer: &mut Coalescer<'_>) -> Result<(), RenderError> {
        for child in &mut self.children {
            child.import_all(coalescer)?;
        }
        self.import(coalescer)
    }

    /// Takes over values of the charts below. Nulls are kept meanwhile (`ProcessDependenciesWithMerge`).
    fn import(&mut self, coalescer: &mut Coalescer<'_>) -> Result<(), RenderError> {
        if self.metadata.dependencies.is_empty() {
            return Ok(());
        }
        let values = coalescer.values(self, &Map::new(MapType::Any, []), true)?;
        let imported = Map::new(MapType::Any, []);
        for wanted in &mut self.metadata.dependencies {
            let mut done = Vec::new();
            for import in std::mem::take(&mut wanted.import_values) {
                let (child, parent) = match &import {
                    serde_json::Value::Object(entries) => {
                        let text = |key: &str| printed(entries.get(key));
                        (text("child"), text("parent"))
                    }
                    serde_json::Value::String(name) => (format!("exports.{name}"), ".".to_owned()),
                    _ => continue,
                };
                let from = table(&values, &format!("{}.{child}", wanted.name));
                let mut entry = serde_json::Map::new();
                entry.insert("child".to_owned(), child.into());
                entry.insert("parent".to_owned(), parent.clone().into());
                done.push(serde_json::Value::Object(entry));
                let Some(from) = from else {
                    coalescer
                        .warnings
                        .push(format!("ImportValues missing table from chart {}", wanted.name));
                    continue;
                };
                let mut from = from;
                if parent != "." {
                    for key in parent.rsplit('.') {
                        from = Map::new(MapType::Any, [(key.into(), Value::Map(from))]);
                    }
                }
                coalescer.tables(&imported, &from, "", true)?;
            }
            wanted.import_values = done;
        }
        let values = copied(&values);
        coalescer.tables(&values, &imported, "", true)?;
        self.values = values;
        Ok(())
    }
}

fn json_size(value: &serde_json::Value) -> usize {
    match value {
        serde_json::Value::Array(items) => 32 + items.iter().map(json_size).sum::<usize>(),
        serde_json::Value::Object(entries) => {
            let entries = entries
                .iter()
                .map(|(key, value)| 64 + key.len() + json_size(value));
            32 + entries.sum::<usize>()
        }
        serde_json::Value::String(text) => 32 + text.len(),
        _ => 32,
    }
}

/// What `%v` prints of what `import-values` holds.
fn printed(value: Option<&serde_json::Value>) -> String {
    match value {
        None | Some(serde_json::Value::Null) => "<nil>".to_owned(),
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// The map at a path of keys with dots between them.
pub(crate) fn table(values: &Map, path: &str) -> Option<Map> {
    let mut map = values.clone();
    for key in path.split('.') {
        match map.get(key.as_bytes()) {
            Some(Value::Map(inner)) => map = inner,
            _ => return None,
        }
    }
    Some(map)
}

fn tags(wanted: &mut Dependency, values: &Map, coalescer: &mut Coalescer<'_>) {
    let Some(Value::Map(tags)) = values.get(b"tags") else {
        return;
    };
    let (mut on, mut off) = (false, false);
    for tag in &wanted.tags {
        match tags.get(tag.as_bytes()) {
            Some(Value::Bool(true)) => on = true,
            Some(Value::Bool(false)) => off = true,
            Some(_) => coalescer.warnings.push(format!(
                "Tag '{tag}' for chart {} returned non-bool value",
                wanted.name
            )),
            None => {}
        }
    }
    wanted.enabled = on || !off;
}

/// The first path that leads to a bool decides, whatever the tags say.
fn conditions(wanted: &mut Dependency, values: &Map, path: &str, coalescer: &mut Coalescer<'_>) {
    for condition in wanted.condition.trim().split(',') {
        if condition.is_empty() {
            continue;
        }
        let full = format!("{path}{condition}");
        let found = match full.rsplit_once('.') {
            Some((folder, key)) => table(values, folder).and_then(|map| map.get(key.as_bytes())),
            None => values.get(full.as_bytes()),
        };
        match found {
            Some(Value::Bool(value)) => {
                wanted.enabled = value;
                return;
            }
            None | Some(Value::Map(_)) => {}
            Some(_) => coalescer.warnings.push(format!(
                "Condition path '{condition}' for chart {} returned non-bool value",
                wanted.name
            )),
        }
    }
}
