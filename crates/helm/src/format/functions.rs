//! The functions of templates that read and write YAML, JSON and TOML.

use super::{
    JsonStyle, TomlDialect, from_json, from_toml, from_yaml_list, from_yaml_map,
    json::{mismatch, read},
    to_json, to_toml, to_yaml, to_yaml_pretty,
    toml::{Refusal, write},
};
use crate::{
    call::{Call, Function, FunctionError, Param},
    value::{List, ListType, Map, MapType, Value},
};

type Result = std::result::Result<Value, FunctionError>;

/// The functions by name, Helm's where Helm and Sprig have one of the same name.
pub fn functions() -> &'static [Function] {
    &FUNCTIONS
}

/// The functions that are another in Helm 3, whose TOML is older.
pub fn helm3_functions() -> &'static [Function] {
    &HELM3_FUNCTIONS
}

/// A function of one argument.
const fn one(
    name: &'static str,
    params: &'static [Param; 1],
    call: fn(&mut Call<'_>, &[Value]) -> Result,
) -> Function {
    Function {
        name,
        params,
        variadic: None,
        call,
    }
}

const ANY: &[Param; 1] = &[Param::Any];
const STRING: &[Param; 1] = &[Param::String];

static FUNCTIONS: [Function; 17] = [
    one("toYaml", ANY, |call, args| quiet(yaml(call, args))),
    one("mustToYaml", ANY, yaml),
    one("toYamlPretty", ANY, |call, args| quiet(yaml_pretty(call, args))),
    one("fromYaml", STRING, from_yaml),
    one("fromYamlArray", STRING, from_yaml_array),
    one("toJson", ANY, |call, args| {
        quiet(json(call, args, JsonStyle::COMPACT))
    }),
    one("mustToJson", ANY, |call, args| {
        json(call, args, JsonStyle::COMPACT)
    }),
    one("toPrettyJson", ANY, |call, args| {
        quiet(json(call, args, JsonStyle::PRETTY))
    }),
    one("mustToPrettyJson", ANY, |call, args| {
        json(call, args, JsonStyle::PRETTY)
    }),
    // Sprig lets these two fail.
    one("toRawJson", ANY, |call, args| json(call, args, JsonStyle::RAW)),
    one("mustToRawJson", ANY, |call, args| {
        json(call, args, JsonStyle::RAW)
    }),
    one("fromJson", STRING, from_json_map),
    one("mustFromJson", STRING, |call, args| {
        from_json(bytes(args), call.budget)
    }),
    one("fromJsonArray", STRING, from_json_array),
    one("toToml", ANY, |call, args| {
        toml_or_error(call, args, TomlDialect::Helm4)
    }),
    one("mustToToml", ANY, |call, args| {
        toml(call, args, TomlDialect::Helm4)
    }),
    one("fromToml", STRING, |call, args| {
        from_toml_map(call, args, TomlDialect::Helm4)
    }),
];

static HELM3_FUNCTIONS: [Function; 3] = [
    one("toToml", ANY, |call, args| {
        toml_or_error(call, args, TomlDialect::Helm3)
    }),
    one("mustToToml", ANY, |call, args| {
        toml(call, args, TomlDialect::Helm3)
    }),
    one("fromToml", STRING, |call, args| {
        from_toml_map(call, args, TomlDialect::Helm3)
    }),
];

/// The argument.
fn value(args: &[Value]) -> &Value {
    args.first().unwrap_or(&Value::Nil)
}

/// The argument, which the evaluator made sure is a string.
fn bytes(args: &[Value]) -> &[u8] {
    match args.first() {
        Some(Value::String(text)) => text,
        _ => b"",
    }
}

/// What cannot be written is an empty string.
fn quiet(result: Result) -> Result {
    match result {
        Err(FunctionError::Failed(_)) => Ok("".into()),
        other => other,
    }
}

/// One line feed less at the end.
fn trimmed(mut text: String) -> Value {
    if text.ends_with('\n') {
        text.pop();
    }
    text.into()
}

fn yaml(call: &mut Call<'_>, args: &[Value]) -> Result {
    to_yaml(value(args), call.budget).map(trimmed)
}

fn yaml_pretty(call: &mut Call<'_>, args: &[Value]) -> Result {
    to_yaml_pretty(value(args), call.budget).map(trimmed)
}

fn json(call: &mut Call<'_>, args: &[Value], style: JsonStyle) -> Result {
    to_json(value(args), style, call.budget).map(Value::from)
}

/// A map with the error in it, as Helm gives it to templates.
fn error_map(map: &Map, problem: String) -> Value {
    map.insert("Error", problem.into());
    Value::Map(map.clone())
}

fn from_yaml(call: &mut Call<'_>, args: &[Value]) -> Result {
    match from_yaml_map(bytes(args), call.budget) {
        Ok(map) => Ok(Value::Map(map)),
        Err(FunctionError::Failed(problem)) => Ok(error_map(&Map::new(MapType::Any, []), problem)),
        Err(limit) => Err(limit),
    }
}

fn from_yaml_array(call: &mut Call<'_>, args: &[Value]) -> Result {
    match from_yaml_list(bytes(args), call.budget) {
        Ok(list) => Ok(Value::List(list)),
        Err(FunctionError::Failed(problem)) => Ok(Value::list([problem.into()])),
        Err(limit) => Err(limit),
    }
}

fn from_json_map(call: &mut Call<'_>, args: &[Value]) -> Result {
    match read(bytes(args), call.budget) {
        Ok((Value::Map(map), None)) => Ok(Value::Map(map)),
        Ok((Value::Map(map), Some(problem))) => Ok(error_map(&map, problem)),
        // `null` makes the map nil.
        Ok((Value::Nil, None)) => Ok(Value::Map(Map::nil(MapType::Any))),
        Ok((other, _)) => {
            let problem = mismatch(&other, MapType::Any.name()).to_string();
            Ok(error_map(&Map::new(MapType::Any, []), problem))
        }
        Err(FunctionError::Failed(problem)) => Ok(error_map(&Map::new(MapType::Any, []), problem)),
        Err(limit) => Err(limit),
    }
}

fn from_json_array(call: &mut Call<'_>, args: &[Value]) -> Result {
    let problem = match read(bytes(args), call.budget) {
        Ok((Value::List(list), None)) => return Ok(Value::List(list)),
        Ok((Value::Nil, None)) => return Ok(Value::List(List::nil(ListType::Any))),
        Ok((Value::List(_), Some(problem))) | Err(FunctionError::Failed(problem)) => problem,
        Ok((other, _)) => mismatch(&other, ListType::Any.name()).to_string(),
        Err(limit) => return Err(limit),
    };
    Ok(Value::list([problem.into()]))
}

fn toml(call: &mut Call<'_>, args: &[Value], dialect: TomlDialect) -> Result {
    to_toml(value(args), dialect, call.budget).map(Value::string)
}

/// TOML, or the text of the error; what Go panics with stays an error.
fn toml_or_error(call: &mut Call<'_>, args: &[Value], dialect: TomlDialect) -> Result {
    match write(value(args), dialect, call.budget) {
        Ok(text) => Ok(Value::string(text)),
        Err(Refusal::Error(text)) => Ok(text.into()),
        Err(Refusal::Panic(text)) => Err(FunctionError::Failed(text)),
        Err(Refusal::Limit(limit)) => Err(FunctionError::Limit(limit)),
    }
}

fn from_toml_map(call: &mut Call<'_>, args: &[Value], dialect: TomlDialect) -> Result {
    match from_toml(bytes(args), dialect, call.budget) {
        Ok(map) => Ok(Value::Map(map)),
        Err(FunctionError::Failed(problem)) => Ok(error_map(&Map::new(MapType::Any, []), problem)),
        Err(limit) => Err(limit),
    }
}
