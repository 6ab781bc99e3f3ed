//! Switches: what can be turned on in the values of a chart, and beside them.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use airlock_helm::chart::Chart;
use airlock_helm::render::Options;
use airlock_helm::value::Value;

/// How deep switches are looked for; people nest them five deep.
const MAX_DEPTH: usize = 40;

/// How many charts are searched for conditions: aliases of charts with aliases multiply.
const MAX_CHARTS: usize = 10_000;

/// Something that is off.
#[derive(Clone, Debug)]
pub(crate) enum Switch {
    /// A value that is false.
    Value(Path),
    /// An API version that a template asks for and that the cluster lacks.
    Api(String),
    /// An upgrade, for hooks that run on upgrades alone.
    Upgrade,
}

/// The way to a value.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    keys: Vec<Key>,
    /// The first list on the way, as it is: values on top replace lists as a whole.
    list: Option<Arc<serde_json::Value>>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Key {
    Name(Arc<str>),
    At(usize),
}

impl Path {
    /// The keys with dots between them, as conditions of charts are written; none if a list is on the way.
    fn condition(&self) -> Option<String> {
        let mut out = String::new();
        for key in &self.keys {
            let Key::Name(name) = key else { return None };
            if !out.is_empty() {
                out.push('.');
            }
            out.push_str(name);
        }
        Some(out)
    }

    /// The last name on the way.
    fn name(&self) -> &str {
        let names = self.keys.iter().rev().filter_map(|key| match key {
            Key::Name(name) => Some(&**name),
            Key::At(_) => None,
        });
        names.into_iter().next().unwrap_or_default()
    }
}

/// As `--set` takes it.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, key) in self.keys.iter().enumerate() {
            match key {
                Key::Name(name) => {
                    if at > 0 {
                        f.write_str(".")?;
                    }
                    for c in name.chars() {
                        if matches!(c, '.' | ',' | '=' | '[' | ']' | '{' | '}' | '\\') {
                            f.write_str("\\")?;
                        }
                        write!(f, "{c}")?;
                    }
                }
                Key::At(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(path) => write!(f, "{path}=true"),
            Self::Api(version) => write!(f, "api-versions={version}"),
            Self::Upgrade => f.write_str("is-upgrade"),
        }
    }
}

impl Switch {
    /// What tells it from every other one.
    pub(crate) fn id(&self) -> String {
        self.to_string()
    }

    /// Turns on what is no value.
    pub(crate) fn apply(&self, options: &mut Options) {
        match self {
            Self::Value(_) => {}
            Self::Api(version) => options.capabilities.api_versions.push(version.clone()),
            Self::Upgrade => options.is_upgrade = true,
        }
    }

    /// Whether it is called as switches are that bring something.
    pub(crate) fn is_named(&self) -> bool {
        let Self::Value(path) = self else { return true };
        let name = path.name().to_ascii_lowercase();
        [
            "enable", "create", "install", "deploy", "use", "active", "on", "include", "with",
        ]
        .iter()
        .any(|start| name.starts_with(start))
            || name.ends_with("enabled")
            || name.ends_with("enable")
    }

    /// How early it is tried: the fewer keys, the earlier.
    pub(crate) fn depth(&self) -> usize {
        match self {
            Self::Value(path) => path.keys.len(),
            _ => 0,
        }
    }

    /// Whether it decides if a chart is on.
    pub(crate) fn is_condition(&self, conditions: &[String]) -> bool {
        let Self::Value(path) = self else { return false };
        path.condition()
            .is_some_and(|path| conditions.binary_search(&path).is_ok())
    }
}

/// Every value that is false, those that are less deep first.
pub(crate) fn off(values: &Value) -> Vec<Switch> {
    let mut out = Vec::new();
    let mut globals: HashSet<Vec<Key>> = HashSet::new();
    let mut queue = VecDeque::from([(
        values.clone(),
        Path {
            keys: Vec::new(),
            list: None,
        },
    )]);
    while let Some((value, path)) = queue.pop_front() {
        let below = |key: Key| {
            let mut path = path.clone();
            path.keys.push(key);
            path
        };
        match &value {
            Value::Bool(false) => match global(&path) {
                // Charts get the global values of those above them, where they are switched.
                Some(at) if at > 0 && globals.contains(path.keys.get(at..).unwrap_or_default()) => {}
                Some(at) => {
                    globals.insert(path.keys.get(at..).unwrap_or_default().to_vec());
                    out.push(Switch::Value(path));
                }
                None => out.push(Switch::Value(path)),
            },
            Value::Map(map) if path.keys.len() < MAX_DEPTH => {
                for (key, value) in map.entries() {
                    if may_hold(&value) {
                        queue.push_back((value, below(Key::Name(key.text().as_ref().into()))));
                    }
                }
            }
            Value::List(list) if path.keys.len() < MAX_DEPTH => {
                if !list.iter().any(may_hold) {
                    continue;
                }
                let own = match &path.list {
                    Some(own) => Some(Arc::clone(own)),
                    None => json(&value, MAX_DEPTH).map(Arc::new),
                };
                let Some(own) = own else { continue };
                for (at, value) in list.iter().enumerate() {
                    // A list of booleans is data.
                    if matches!(value, Value::Map(_) | Value::List(_)) {
                        let mut path = below(Key::At(at));
                        path.list = Some(Arc::clone(&own));
                        queue.push_back((value.clone(), path));
                    }
                }
            }
            _ => {}
        }
    }
    out
}

/// How many values there are.
pub(crate) fn size(values: &Value) -> u64 {
    let mut count = 0;
    let mut stack = vec![values.clone()];
    while let Some(value) = stack.pop() {
        count += 1;
        match &value {
            Value::Map(map) => stack.extend(map.entries().into_iter().map(|(_, value)| value)),
            Value::List(list) => stack.extend(list.iter().cloned()),
            _ => {}
        }
    }
    count
}

fn may_hold(value: &Value) -> bool {
    matches!(value, Value::Bool(false) | Value::Map(_) | Value::List(_))
}

/// Where `global` stands in a path.
fn global(path: &Path) -> Option<usize> {
    path.keys
        .iter()
        .position(|key| matches!(key, Key::Name(name) if &**name == "global"))
}

/// The paths that decide whether charts are on: conditions and tags of each `Chart.yaml`, in order.
pub(crate) fn conditions(chart: &Chart) -> Vec<String> {
    let mut out = Vec::new();
    let mut stack = vec![(chart, String::new())];
    let mut charts = 0;
    while let Some((chart, prefix)) = stack.pop() {
        charts += 1;
        if charts > MAX_CHARTS {
            break;
        }
        for wanted in &chart.metadata().dependencies {
            for condition in wanted.condition.trim().split(',').filter(|one| !one.is_empty()) {
                out.push(format!("{prefix}{condition}"));
            }
            out.extend(wanted.tags.iter().map(|tag| format!("{prefix}tags.{tag}")));
            let name = if wanted.alias.is_empty() {
                &wanted.name
            } else {
                &wanted.alias
            };
            let below = chart
                .dependencies()
                .iter()
                .filter(|below| below.metadata().name == wanted.name);
            for below in below {
                if stack.len() < MAX_CHARTS {
                    stack.push((below, format!("{prefix}{name}.")));
                }
            }
        }
    }
    out.sort();
    out.dedup();
    out
}

/// The API versions that templates ask for by a text of their own, in order.
pub(crate) fn api_versions(chart: &Chart) -> Vec<String> {
    let mut out = Vec::new();
    let mut stack = vec![chart];
    while let Some(chart) = stack.pop() {
        for template in chart.templates() {
            let text = String::from_utf8_lossy(&template.bytes);
            for rest in text.split("APIVersions.Has").skip(1) {
                let rest = rest.trim_start_matches([' ', '\t', '\n', '\r', '(']);
                let mut chars = rest.chars();
                let Some(quote @ ('"' | '`')) = chars.next() else {
                    continue;
                };
                if let Some((version, _)) = chars.as_str().split_once(quote)
                    && version.len() < 200
                    && !version.contains(['\\', '\n'])
                {
                    out.push(version.to_owned());
                }
            }
        }
        stack.extend(chart.dependencies());
    }
    out.sort();
    out.dedup();
    out
}

/// Values that turn switches on, in JSON, which is YAML.
pub(crate) fn overlay(switches: &[&Switch]) -> Option<Vec<u8>> {
    let mut root = serde_json::Value::Null;
    for switch in switches {
        if let Switch::Value(path) = switch {
            set(&mut root, path);
        }
    }
    if root.is_null() {
        return None;
    }
    let text = root.to_string();
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        // What YAML takes in quotes only when it is escaped can stand nowhere else.
        if matches!(
            c,
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        ) {
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    Some(out.into_bytes())
}

fn set(root: &mut serde_json::Value, path: &Path) {
    let mut at = root;
    for key in &path.keys {
        match key {
            Key::Name(name) => {
                if !at.is_object() {
                    *at = serde_json::Value::Object(serde_json::Map::new());
                }
                let serde_json::Value::Object(map) = at else {
                    return;
                };
                at = map.entry(&**name).or_insert(serde_json::Value::Null);
            }
            Key::At(index) => {
                if at.is_null()
                    && let Some(list) = &path.list
                {
                    *at = serde_json::Value::clone(list);
                }
                match at.get_mut(*index) {
                    Some(below) => at = below,
                    None => return,
                }
            }
        }
    }
    *at = serde_json::Value::Bool(true);
}

/// The value in JSON, if it is not too deep.
fn json(value: &Value, depth: usize) -> Option<serde_json::Value> {
    let depth = depth.checked_sub(1)?;
    Some(match value {
        Value::Nil => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(_, value) => (*value).into(),
        Value::Uint(_, value) => (*value).into(),
        Value::Float(value) => serde_json::Number::from_f64(*value)?.into(),
        Value::String(text) => text.text().into_owned().into(),
        Value::List(list) => list
            .iter()
            .map(|one| json(one, depth))
            .collect::<Option<Vec<_>>>()?
            .into(),
        Value::Map(map) => {
            let mut out = serde_json::Map::new();
            for (key, value) in map.entries() {
                out.insert(key.text().into_owned(), json(&value, depth)?);
            }
            out.into()
        }
        _ => return None,
    })
}
