//! YAML as `sigs.k8s.io/yaml` over `go.yaml.in/yaml/v2` has it; `toYamlPretty` as `go.yaml.in/yaml/v3` has it.
//!
//! Reading: [`scan`] makes tokens of bytes, [`build`] makes values of tokens, with [`resolve`] telling what a plain
//! scalar is. Writing: [`emit`] lays out, [`write`] decides what is laid out.

mod build;
mod documents;
mod emit;
mod order;
mod reader;
mod resolve;
mod scalar;
mod scan;
mod show;
mod write;

pub use documents::yaml_documents;
pub use write::{to_yaml, to_yaml_pretty};

use crate::{
    call::{Budget, FunctionError},
    value::{List, ListType, Map, MapType, Value},
};

/// The first document, as `yaml.Unmarshal` reads it into an `interface{}`: every number a float64, every key a
/// string.
pub fn from_yaml(text: &[u8], budget: &mut Budget) -> Result<Value, FunctionError> {
    build::load(text, build::Numbers::Float, budget)
        .map_err(|error| prefixed("error converting YAML to JSON: ", error))
}

/// The first document as YAML itself has it: whole numbers stay whole, which tells when they become strings.
pub(crate) fn from_yaml_kept(text: &[u8], budget: &mut Budget) -> Result<Value, FunctionError> {
    build::load(text, build::Numbers::Kept, budget)
        .map_err(|error| prefixed("error converting YAML to JSON: ", error))
}

/// The first document, as `yaml.Unmarshal` reads it into a `map[string]interface{}`; nothing at all is an empty map.
pub fn from_yaml_map(text: &[u8], budget: &mut Budget) -> Result<Map, FunctionError> {
    match from_yaml(text, budget)? {
        Value::Map(map) => Ok(map),
        Value::Nil => Ok(Map::new(MapType::Any, [])),
        other => Err(mismatch(&other, MapType::Any.name())),
    }
}

/// The first document, as `yaml.Unmarshal` reads it into an `[]interface{}`; nothing at all is an empty list.
pub fn from_yaml_list(text: &[u8], budget: &mut Budget) -> Result<List, FunctionError> {
    match from_yaml(text, budget)? {
        Value::List(list) => Ok(list),
        Value::Nil => Ok(List::new(ListType::Any, [])),
        other => Err(mismatch(&other, ListType::Any.name())),
    }
}

/// What is said of a document that is no map, or no list.
fn mismatch(value: &Value, wanted: &str) -> FunctionError {
    prefixed(
        "error unmarshaling JSON: while decoding JSON: ",
        super::json::mismatch(value, wanted),
    )
}

/// Puts a text in front of an error; a limit stays what it is.
fn prefixed(prefix: &str, error: FunctionError) -> FunctionError {
    match error {
        FunctionError::Failed(text) => FunctionError::Failed(format!("{prefix}{text}")),
        other => other,
    }
}
