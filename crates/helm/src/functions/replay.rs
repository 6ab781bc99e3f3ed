//! Calls of every function, answered by the real ones, and replayed here.
//!
//! The cases are in `tests/functions/`, a line of JSON each: the function, its arguments, what Go gave or the text
//! of its error, and the arguments afterwards where the call changed them. Values are written with their types,
//! and maps with numbers, so that it is seen which maps are one and the same.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value as Json, json};

use super::function;
use crate::{
    call::{Budget, Call, FunctionError, World},
    chart::Profile,
    value::{IntType, List, ListType, Map, MapType, Str, UintType, Value},
};

/// A line of a file of cases.
#[derive(serde::Deserialize)]
struct Case {
    #[serde(rename = "f")]
    function: String,
    #[serde(rename = "a")]
    arguments: Vec<Json>,
    #[serde(rename = "r", default)]
    result: Json,
    #[serde(rename = "e")]
    error: Option<Json>,
    #[serde(rename = "z")]
    afterwards: Option<Json>,
}

fn leak(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).unwrap())
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn list_type(name: &str) -> ListType {
    match name {
        "[]interface {}" => ListType::Any,
        "[]string" => ListType::String,
        "[]int" => ListType::Int,
        "[]map[string]interface {}" => ListType::Map,
        name => ListType::Other(leak(name)),
    }
}

fn map_type(name: &str) -> MapType {
    match name {
        "map[string]interface {}" => MapType::Any,
        "map[string]string" => MapType::String,
        "common.Values" => MapType::Values("common.Values"),
        name => MapType::Other(leak(name)),
    }
}

fn text(json: &Json) -> Str {
    match json {
        Json::String(text) => text.as_str().into(),
        json => unhex(json[1].as_str().unwrap()).into(),
    }
}

/// Reads a value.
fn decode(json: &Json, maps: &mut HashMap<i64, Map>) -> Value {
    let Json::Array(parts) = json else {
        return match json {
            Json::Null => Value::Nil,
            json => text(json).into(),
        };
    };
    let name = parts[0].as_str().unwrap();
    let string = |at: usize| parts[at].as_str().unwrap();
    let int = |kind| Value::Int(kind, string(1).parse().unwrap());
    let uint = |kind| Value::Uint(kind, string(1).parse().unwrap());
    match name {
        "x" => text(json).into(),
        "bool" => parts[1].as_bool().unwrap().into(),
        "float64" => f64::from_bits(u64::from_str_radix(string(1), 16).unwrap()).into(),
        "bytes" => Value::Bytes(unhex(string(1)).into()),
        "int" => int(IntType::Int),
        "int8" => int(IntType::Int8),
        "int16" => int(IntType::Int16),
        "int32" => int(IntType::Int32),
        "int64" => int(IntType::Int64),
        "uint" => uint(UintType::Uint),
        "uint8" => uint(UintType::Uint8),
        "uint16" => uint(UintType::Uint16),
        "uint32" => uint(UintType::Uint32),
        "uint64" => uint(UintType::Uint64),
        "l" => match &parts[2] {
            Json::Null => List::nil(list_type(string(1))).into(),
            items => {
                let items: Vec<Value> = items
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|item| decode(item, maps))
                    .collect();
                List::new(list_type(string(1)), items).into()
            }
        },
        "m" => match &parts[3] {
            Json::Null => Map::nil(map_type(string(1))).into(),
            entries => {
                let map = Map::new(map_type(string(1)), []);
                maps.insert(parts[2].as_i64().unwrap(), map.clone());
                for entry in entries.as_array().unwrap() {
                    let value = decode(&entry[1], maps);
                    map.insert(text(&entry[0]), value);
                }
                map.into()
            }
        },
        "v" => Value::object(
            super::semver::Version::parse(string(1).as_bytes(), Profile::Helm4).unwrap_or_default(),
        ),
        "t" => {
            let (seconds, nanoseconds) = (parts[1].as_i64().unwrap(), parts[2].as_u64().unwrap());
            Value::object(super::dates::Time::at(
                seconds,
                nanoseconds,
                string(3),
                parts[4].as_i64().unwrap(),
            ))
        }
        "r" => maps[&parts[2].as_i64().unwrap()]
            .converted(map_type(string(1)))
            .into(),
        name => panic!("a value of type {name}"),
    }
}

fn encode_text(text: &Str) -> Json {
    match std::str::from_utf8(text) {
        Ok(text) => json!(text),
        Err(_) => json!(["x", hex(text)]),
    }
}

/// Writes a value.
fn encode(value: &Value, maps: &mut HashMap<usize, usize>) -> Json {
    match value {
        Value::Nil => Json::Null,
        Value::Bool(value) => json!(["bool", value]),
        Value::Int(kind, value) => json!([kind.name(), value.to_string()]),
        Value::Uint(kind, value) => json!([kind.name(), value.to_string()]),
        Value::Float(value) => json!(["float64", format!("{:016x}", value.to_bits())]),
        Value::Complex(..) => json!("complex"),
        Value::String(text) => encode_text(text),
        Value::Bytes(bytes) => json!(["bytes", hex(bytes)]),
        Value::List(list) if list.is_nil() => json!(["l", list.list_type().name(), null]),
        Value::List(list) => {
            let items: Vec<Json> = list.iter().map(|item| encode(item, maps)).collect();
            json!(["l", list.list_type().name(), items])
        }
        Value::Map(map) if map.is_nil() => json!(["m", map.map_type().name(), -1, null]),
        Value::Map(map) => {
            let count = maps.len();
            if let Some(number) = maps.get(&map.address()) {
                return json!(["r", map.map_type().name(), number]);
            }
            maps.insert(map.address(), count);
            let entries: Vec<Json> = map
                .entries()
                .iter()
                .map(|(key, item)| json!([encode_text(key), encode(item, maps)]))
                .collect();
            json!(["m", map.map_type().name(), count, entries])
        }
        Value::Object(object) => {
            if let Some(version) = object.as_any().downcast_ref::<super::semver::Version>() {
                return json!(["v", version.original(), version.text()]);
            }
            if let Some(time) = object.as_any().downcast_ref::<super::dates::Time>() {
                let text = object.stringer().unwrap_or_default();
                let (seconds, nanoseconds, zone, offset) = time.parts();
                return json!(["t", seconds, nanoseconds, zone, offset, text.text()]);
            }
            json!([object.type_name()])
        }
    }
}

/// NaN has more than one form, which nobody can tell apart.
fn without_nan(json: &mut Json) {
    if let Json::Array(parts) = json {
        if let [Json::String(name), Json::String(bits)] = parts.as_mut_slice() {
            let number = u64::from_str_radix(bits, 16).map_or(0.0, f64::from_bits);
            if name == "float64" && number.is_nan() {
                *bits = "NaN".to_owned();
            }
        }
        parts.iter_mut().for_each(without_nan);
    }
}

/// What is different, if anything is.
fn difference(case: &mut Case) -> Option<String> {
    let Some(function) = function(&case.function) else {
        return Some("there is no such function".to_owned());
    };
    let mut maps = HashMap::new();
    let arguments: Vec<Value> = case
        .arguments
        .iter()
        .map(|json| decode(json, &mut maps))
        .collect();
    let mut budget = Budget::new(10_000_000, 64 << 20);
    let mut world = World::new((0, 0), 0);
    let mut call = Call {
        budget: &mut budget,
        world: &mut world,
    };
    let outcome = (function.call)(&mut call, &arguments);
    let mut maps = HashMap::new();
    let mut afterwards: Json = arguments.iter().map(|value| encode(value, &mut maps)).collect();
    let mut expected = case
        .afterwards
        .take()
        .unwrap_or_else(|| Json::Array(case.arguments.clone()));
    without_nan(&mut expected);
    without_nan(&mut afterwards);
    // Where a call failed halfway, how far it came depends on the order of Go's maps; `merge` gives "" then.
    let failed = case.error.is_some() || case.function.starts_with("merge") && case.result == json!("");
    if !failed && expected != afterwards {
        return Some(format!(
            "the arguments are {afterwards} and not {expected} afterwards"
        ));
    }
    match (outcome, &mut case.error) {
        (Ok(value), None) => {
            let mut value = encode(&value, &mut maps);
            without_nan(&mut value);
            without_nan(&mut case.result);
            (value != case.result).then(|| format!("the result is {value} and not {}", case.result))
        }
        (Err(FunctionError::Failed(error)), Some(expected)) => {
            let expected = text(expected).text().into_owned();
            (error != expected).then(|| format!("the error is {error:?} and not {expected:?}"))
        }
        (outcome, expected) => Some(format!(
            "there is {outcome:?} and not {} {expected:?}",
            case.result
        )),
    }
}

/// All files of cases, and one more if a variable of the environment names one.
fn files() -> Vec<std::path::PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/functions");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "jsonl"))
        .collect();
    files.sort();
    files.extend(std::env::var_os("AIRLOCK_HELM_FUNCTION_CASES").map(Into::into));
    files
}

#[test]
fn functions_answer_as_in_go() {
    let mut cases = 0;
    let mut different = BTreeMap::<String, Vec<String>>::new();
    for file in files() {
        for line in std::fs::read_to_string(&file).unwrap().lines() {
            let mut case: Case = serde_json::from_str(line).unwrap();
            cases += 1;
            if let Some(difference) = difference(&mut case) {
                let arguments = Json::Array(case.arguments);
                different
                    .entry(case.function.clone())
                    .or_default()
                    .push(format!("{} {arguments}: {difference}", case.function));
            }
        }
    }
    let count: usize = different.values().map(Vec::len).sum();
    let mut report = String::new();
    for texts in different.values() {
        report += &format!("{} differences\n", texts.len());
        for text in texts.iter().take(8) {
            report += &format!("  {text}\n");
        }
    }
    assert!(count == 0, "{count} of {cases} cases differ\n{report}");
    assert!(cases > 0, "there are no cases");
}

/// What a template gives, and the text of its error.
#[derive(serde::Deserialize)]
struct TemplateCase {
    #[serde(rename = "t")]
    template: String,
    #[serde(rename = "o", default)]
    output: String,
    #[serde(rename = "e", default)]
    error: String,
}

/// Methods, types and errors as whole templates show them.
#[test]
fn templates_show_what_go_shows() {
    use crate::template::{Functions, MissingKey, TemplateSet};

    let cases = include_str!("../../tests/functions/templates.json");
    let mut report = String::new();
    for line in cases.lines() {
        let case: TemplateCase = serde_json::from_str(line).unwrap();
        let functions = Functions::new(super::functions().iter().copied(), []);
        let mut set = TemplateSet::new("t", std::sync::Arc::new(functions));
        set.missing_key = MissingKey::Zero;
        let mut budget = Budget::new(100_000_000, 64 << 20);
        let mut world = World::new((0, 0), 0);
        let call = Call {
            budget: &mut budget,
            world: &mut world,
        };
        let root = Value::map::<&str>([]);
        let (output, error) = match set.parse("t", &case.template) {
            Err(error) => (None, error.to_string()),
            Ok(_) => match set.execute("t", &root, call, &mut ()) {
                Ok(output) => (Some(String::from_utf8_lossy(&output).into_owned()), String::new()),
                Err(error) => (None, error.to_string()),
            },
        };
        if error != case.error || output.as_ref().is_some_and(|output| *output != case.output) {
            report += &format!(
                "{}\n  {output:?} {error:?}\n  {:?} {:?}\n",
                case.template, case.output, case.error
            );
        }
    }
    assert!(report.is_empty(), "{report}");
}
