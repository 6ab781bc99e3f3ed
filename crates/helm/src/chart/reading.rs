//! Values from YAML: one document or several that are merged.

use crate::value::{Map, MapType, Value};

use super::{Plain, Profile};

/// Reads one document as Helm does everywhere: YAML 1.1 to JSON to Go.
pub(crate) fn read_yaml(bytes: &[u8]) -> Result<Value, String> {
    let json: serde_json::Value = crate::yaml::parse(bytes)?;
    Ok(of_json(&json))
}

/// The value that Go's JSON gives: every number is a `float64`.
pub(crate) fn of_json(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Nil,
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(value) => Value::Float(value.as_f64().unwrap_or_default()),
        serde_json::Value::String(value) => Value::string(value.as_str()),
        serde_json::Value::Array(items) => Value::list(items.iter().map(of_json)),
        serde_json::Value::Object(entries) => {
            Value::map(entries.iter().map(|(key, value)| (key.as_str(), of_json(value))))
        }
    }
}

/// Reads values: Helm 4 merges the documents of a file, Helm 3 takes the first.
pub(crate) fn read_values(bytes: &[u8], profile: Profile) -> Result<Map, String> {
    if profile == Profile::Helm3 {
        return table(bytes);
    }
    let mut all = Map::new(MapType::Any, []);
    for document in documents(bytes)? {
        let one = table(document).map_err(|problem| format!("cannot unmarshal yaml document: {problem}"))?;
        all = merged(&all, &one);
    }
    Ok(all)
}

/// The same for what a chart keeps.
pub(super) fn read_defaults(bytes: &[u8], profile: Profile) -> Result<Plain, String> {
    read_values(bytes, profile).map(|map| Plain::of(&Value::Map(map)))
}

fn table(bytes: &[u8]) -> Result<Map, String> {
    let kind = match read_yaml(bytes)? {
        Value::Map(map) => return Ok(map),
        Value::Nil => return Ok(Map::new(MapType::Any, [])),
        other => json_kind(&other),
    };
    Err(format!(
        "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"
    ))
}

/// What `encoding/json` calls the kind of a value.
pub(super) fn json_kind(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "bool",
        Value::Int(..) | Value::Uint(..) | Value::Float(_) => "number",
        Value::List(_) => "array",
        Value::Map(_) => "object",
        Value::Nil => "null",
        _ => "string",
    }
}

/// Splits a stream into documents at lines that begin with `---` (`k8s.io/apimachinery`, `YAMLReader`).
pub(crate) fn documents(bytes: &[u8]) -> Result<Vec<&[u8]>, String> {
    let mut all = Vec::new();
    let (mut start, mut at) = (0, 0);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if let Some(rest) = line.strip_prefix(b"---") {
            let rest = rest.trim_ascii();
            if !rest.is_empty() && !rest.starts_with(b"#") {
                return Err(format!(
                    "error reading yaml document: invalid Yaml document separator: {}",
                    String::from_utf8_lossy(rest)
                ));
            }
            if at > start {
                all.extend(bytes.get(start..at));
            }
            start = at + line.len();
        }
        at += line.len();
    }
    if at > start {
        all.extend(bytes.get(start..at));
    }
    Ok(all)
}

/// Both maps in one: of a key that both have, the second's value, or both merged if both are maps
/// (`loader.MergeMaps`).
pub(crate) fn merged(first: &Map, second: &Map) -> Map {
    let out = Map::new(MapType::Any, first.entries());
    for (key, value) in second.entries() {
        let value = match (out.get(&key), value) {
            (Some(Value::Map(old)), Value::Map(new)) => Value::Map(merged(&old, &new)),
            (_, value) => value,
        };
        out.insert(key, value);
    }
    out
}
