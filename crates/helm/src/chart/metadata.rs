//! `Chart.yaml` and `requirements.yaml` as Go's JSON decoder fills Helm's struct.

use std::collections::{BTreeMap, HashSet};
use std::str::FromStr;

use crate::value::{Str, Value};
use crate::{ChartMetadata, Dependency, LooseVersion, Maintainer};

use super::{LoadError, Profile, json_kind};

/// Metadata on its way: lists may hold nulls until they are checked.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) metadata: ChartMetadata,
    null_maintainer: bool,
    null_dependency: bool,
}

/// Where a value stands, for the words of Go's errors.
struct Place<'a> {
    structure: &'static str,
    path: String,
    profile: Profile,
    document: &'a str,
}

type Problem = String;
type Entries = [(Str, Value)];

impl Draft {
    /// Sets what a document says, and leaves the rest.
    pub(super) fn apply(&mut self, document: &Value, profile: Profile) -> Result<(), Problem> {
        let entries = match document {
            Value::Nil => return Ok(()),
            Value::Map(map) => map.entries(),
            other => {
                let package = package(profile);
                return Err(wrong(other, &format!("value of type {package}.Metadata")));
            }
        };
        let metadata = &mut self.metadata;
        for (key, value) in entries {
            let key = key.text().to_ascii_lowercase();
            let at = |name: &str| Place {
                structure: "Metadata",
                path: name.to_owned(),
                profile,
                document: "",
            };
            match key.as_str() {
                "name" => text(&value, &mut metadata.name, &at("name"))?,
                "home" => text(&value, &mut metadata.home, &at("home"))?,
                "sources" => texts(&value, &mut metadata.sources, &at("sources"))?,
                "version" => text(&value, &mut metadata.version, &at("version"))?,
                "description" => text(&value, &mut metadata.description, &at("description"))?,
                "keywords" => texts(&value, &mut metadata.keywords, &at("keywords"))?,
                "icon" => text(&value, &mut metadata.icon, &at("icon"))?,
                "apiversion" => text(&value, &mut metadata.api_version, &at("apiVersion"))?,
                "condition" => text(&value, &mut metadata.condition, &at("condition"))?,
                "tags" => text(&value, &mut metadata.tags, &at("tags"))?,
                "appversion" => text(&value, &mut metadata.app_version, &at("appVersion"))?,
                "deprecated" => flag(&value, &mut metadata.deprecated, &at("deprecated"))?,
                "kubeversion" => text(&value, &mut metadata.kube_version, &at("kubeVersion"))?,
                "type" => text(&value, &mut metadata.kind, &at("type"))?,
                "annotations" => annotations(&value, &mut metadata.annotations, &at("annotations"))?,
                "maintainers" => {
                    let place = at("maintainers");
                    let (all, null) = structs(&value, &place, "Maintainer", maintainer)?;
                    (metadata.maintainers, self.null_maintainer) = (all, null);
                }
                "dependencies" => {
                    let place = at("dependencies");
                    let (all, null) = structs(&value, &place, "Dependency", dependency)?;
                    (metadata.dependencies, self.null_dependency) = (all, null);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Checks what Helm checks when it loads a chart, and cleans every text as Helm does.
    pub(super) fn finish(self, profile: Profile) -> Result<ChartMetadata, LoadError> {
        let refuse = |problem: String| Err(LoadError::Invalid(problem));
        let mut metadata = self.metadata;
        for text in [
            &mut metadata.name,
            &mut metadata.description,
            &mut metadata.home,
            &mut metadata.icon,
            &mut metadata.condition,
            &mut metadata.tags,
            &mut metadata.app_version,
            &mut metadata.kube_version,
        ]
        .into_iter()
        .chain(&mut metadata.sources)
        .chain(&mut metadata.keywords)
        {
            clean(text);
        }
        let name = &metadata.name;
        if metadata.api_version.is_empty() {
            return refuse("chart.metadata.apiVersion is required".to_owned());
        }
        if name.is_empty() {
            return refuse("chart.metadata.name is required".to_owned());
        }
        if profile == Profile::Helm4 && matches!(name.as_str(), "." | "..") {
            return refuse(format!("chart.metadata.name {name:?} is not allowed"));
        }
        if name.contains('/') {
            return refuse(format!("chart.metadata.name {name:?} is invalid"));
        }
        if metadata.version.is_empty() {
            return refuse("chart.metadata.version is required".to_owned());
        }
        if LooseVersion::from_str(&metadata.version).is_err() {
            return refuse(format!(
                "chart.metadata.version {:?} is invalid",
                metadata.version
            ));
        }
        if !matches!(metadata.kind.as_str(), "" | "application" | "library") {
            return refuse("chart.metadata.type must be application or library".to_owned());
        }
        if self.null_maintainer {
            return refuse("maintainers must not contain empty or null nodes".to_owned());
        }
        for maintainer in &mut metadata.maintainers {
            clean(&mut maintainer.name);
            clean(&mut maintainer.email);
            clean(&mut maintainer.url);
        }
        if self.null_dependency {
            return refuse("dependencies must not contain empty or null nodes".to_owned());
        }
        check_dependencies(&mut metadata.dependencies)?;
        Ok(metadata)
    }
}

fn check_dependencies(dependencies: &mut [Dependency]) -> Result<(), LoadError> {
    let mut seen = HashSet::new();
    for dependency in dependencies {
        clean(&mut dependency.name);
        clean(&mut dependency.version);
        clean(&mut dependency.repository);
        clean(&mut dependency.condition);
        dependency.tags.iter_mut().for_each(clean);
        let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-');
        if !dependency.alias.bytes().all(plain) {
            return Err(LoadError::Invalid(format!(
                "dependency {:?} has disallowed characters in the alias",
                dependency.name
            )));
        }
        let key = if dependency.alias.is_empty() {
            &dependency.name
        } else {
            &dependency.alias
        };
        if !seen.insert(key.clone()) {
            return Err(LoadError::Invalid(format!(
                "more than one dependency with name or alias {key:?}"
            )));
        }
    }
    Ok(())
}

/// The dependencies that a lock file lists.
pub(super) fn locked(document: &Value, profile: Profile) -> Result<Vec<Dependency>, Problem> {
    let entries = match document {
        Value::Nil => return Ok(Vec::new()),
        Value::Map(map) => map.entries(),
        other => return Err(wrong(other, &format!("value of type {}.Lock", package(profile)))),
    };
    for (key, value) in entries {
        if key.text().eq_ignore_ascii_case("dependencies") {
            let place = Place {
                structure: "Lock",
                path: "dependencies".to_owned(),
                profile,
                document: "",
            };
            return Ok(structs(&value, &place, "Dependency", dependency)?.0);
        }
    }
    Ok(Vec::new())
}

fn package(profile: Profile) -> &'static str {
    match profile {
        Profile::Helm3 => "chart",
        Profile::Helm4 => "v2",
    }
}

fn wrong(value: &Value, target: &str) -> Problem {
    format!(
        "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {} into Go {target}",
        json_kind(value)
    )
}

impl Place<'_> {
    fn wrong(&self, value: &Value, kind: &str) -> Problem {
        let (structure, path) = (self.structure, &self.path);
        wrong(
            value,
            &format!("struct field {}{structure}.{path} of type {kind}", self.document),
        )
    }
}

/// A `string`; the step from YAML to JSON makes strings of other scalars.
fn text(value: &Value, target: &mut String, place: &Place<'_>) -> Result<(), Problem> {
    match value {
        Value::Nil => {}
        Value::String(value) => *target = value.text().into_owned(),
        Value::Bool(value) => *target = value.to_string(),
        Value::Int(_, value) => *target = value.to_string(),
        Value::Uint(_, value) => *target = value.to_string(),
        Value::Float(value) => *target = value.to_string(),
        other => return Err(place.wrong(other, "string")),
    }
    Ok(())
}

fn flag(value: &Value, target: &mut bool, place: &Place<'_>) -> Result<(), Problem> {
    match value {
        Value::Nil => Ok(()),
        Value::Bool(value) => {
            *target = *value;
            Ok(())
        }
        other => Err(place.wrong(other, "bool")),
    }
}

fn texts(value: &Value, target: &mut Vec<String>, place: &Place<'_>) -> Result<(), Problem> {
    target.clear();
    match value {
        Value::Nil => {}
        Value::List(items) => {
            for item in items.iter() {
                let mut one = String::new();
                text(item, &mut one, place)?;
                target.push(one);
            }
        }
        other => return Err(place.wrong(other, "[]string")),
    }
    Ok(())
}

fn annotations(
    value: &Value,
    target: &mut BTreeMap<String, String>,
    place: &Place<'_>,
) -> Result<(), Problem> {
    match value {
        Value::Nil => target.clear(),
        Value::Map(map) => {
            for (key, value) in map.entries() {
                let mut one = String::new();
                text(&value, &mut one, place)?;
                target.insert(key.text().into_owned(), one);
            }
        }
        other => return Err(place.wrong(other, "map[string]string")),
    }
    Ok(())
}

/// A list of pointers to structs, and whether one of them is null.
fn structs<T>(
    value: &Value,
    place: &Place<'_>,
    structure: &'static str,
    read: fn(&Entries, &Place<'_>) -> Result<T, Problem>,
) -> Result<(Vec<T>, bool), Problem> {
    let full = format!("{}.{structure}", package(place.profile));
    let items = match value {
        Value::Nil => return Ok((Vec::new(), false)),
        Value::List(items) => items,
        other => return Err(place.wrong(other, &format!("[]*{full}"))),
    };
    let (mut all, mut null) = (Vec::new(), false);
    for item in items.iter() {
        match item {
            Value::Nil => null = true,
            Value::Map(map) => {
                let place = Place {
                    structure,
                    path: place.path.clone(),
                    profile: place.profile,
                    document: place.document,
                };
                all.push(read(&map.entries(), &place)?);
            }
            other => return Err(place.wrong(other, &full)),
        }
    }
    Ok((all, null))
}

fn inside<'a>(place: &Place<'a>, name: &str) -> Place<'a> {
    Place {
        structure: place.structure,
        path: format!("{}.{name}", place.path),
        profile: place.profile,
        document: place.document,
    }
}

fn maintainer(entries: &Entries, place: &Place<'_>) -> Result<Maintainer, Problem> {
    let mut out = Maintainer::default();
    for (key, value) in entries {
        match key.text().to_ascii_lowercase().as_str() {
            "name" => text(value, &mut out.name, &inside(place, "name"))?,
            "email" => text(value, &mut out.email, &inside(place, "email"))?,
            "url" => text(value, &mut out.url, &inside(place, "url"))?,
            _ => {}
        }
    }
    Ok(out)
}

fn dependency(entries: &Entries, place: &Place<'_>) -> Result<Dependency, Problem> {
    let mut out = Dependency::default();
    for (key, value) in entries {
        match key.text().to_ascii_lowercase().as_str() {
            "name" => text(value, &mut out.name, &inside(place, "name"))?,
            "version" => text(value, &mut out.version, &inside(place, "version"))?,
            "repository" => text(value, &mut out.repository, &inside(place, "repository"))?,
            "condition" => text(value, &mut out.condition, &inside(place, "condition"))?,
            "tags" => texts(value, &mut out.tags, &inside(place, "tags"))?,
            "enabled" => flag(value, &mut out.enabled, &inside(place, "enabled"))?,
            "alias" => text(value, &mut out.alias, &inside(place, "alias"))?,
            "import-values" => {
                out.import_values = match value {
                    Value::Nil => Vec::new(),
                    Value::List(items) => items.iter().map(json).collect(),
                    other => return Err(inside(place, "import-values").wrong(other, "[]interface {}")),
                }
            }
            _ => {}
        }
    }
    Ok(out)
}

fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Bool(value) => (*value).into(),
        Value::Int(_, value) => (*value).into(),
        Value::Float(value) => (*value).into(),
        Value::String(value) => value.text().into_owned().into(),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(map) => map
            .entries()
            .iter()
            .map(|(key, value)| (key.text().into_owned(), json(value)))
            .collect(),
        _ => serde_json::Value::Null,
    }
}

/// Every white space becomes a space, and what cannot be printed goes (`chart.sanitizeString`).
fn clean(text: &mut String) {
    let invisible = |c: char| {
        c.is_control()
            || matches!(c, '\u{ad}' | '\u{600}'..='\u{605}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e000}'..='\u{f8ff}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..)
    };
    if text
        .chars()
        .any(|c| (c.is_whitespace() && c != ' ') || invisible(c))
    {
        *text = text
            .chars()
            .filter_map(|c| match c {
                c if c.is_whitespace() => Some(' '),
                c if invisible(c) => None,
                c => Some(c),
            })
            .collect();
    }
}
