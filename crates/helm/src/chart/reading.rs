//! Values from YAML: one document or several that are merged.

use crate::call::{Budget, FunctionError};
use crate::format;
use crate::value::{Map, MapType, Value};

use super::Profile;

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
pub(crate) fn read_values(bytes: &[u8], profile: Profile, budget: &mut Budget) -> Result<Map, FunctionError> {
    if profile == Profile::Helm3 {
        return format::from_yaml_map(bytes, budget);
    }
    let documents = format::yaml_documents(bytes, budget)?;
    let all = documents
        .into_iter()
        .reduce(|all, document| merged(&all, &document));
    Ok(all.unwrap_or_else(|| Map::new(MapType::Any, [])))
}

/// What `encoding/json` calls the kind of a value.
pub(crate) fn json_kind(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "bool",
        Value::Int(..) | Value::Uint(..) | Value::Float(_) => "number",
        Value::List(_) => "array",
        Value::Map(_) => "object",
        Value::Nil => "null",
        _ => "string",
    }
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
