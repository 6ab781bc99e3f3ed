use base64::{Engine as _, engine::general_purpose::STANDARD};
use proptest::prelude::*;

use super::*;
use crate::{
    call::{Budget, Call, World},
    value::{List, ListType, Map, MapType, Value},
};

fn budget() -> Budget {
    Budget::new(10_000_000, 100_000_000)
}

#[test]
fn nesting_is_limited_everywhere() {
    for depth in [MAX_DEPTH - 2, MAX_DEPTH + 2, 100_000] {
        let texts = [
            format!("{}{}", "[".repeat(depth), "]".repeat(depth)),
            "{a: ".repeat(depth) + &"}".repeat(depth),
            "- ".repeat(depth),
            (0..depth.min(2000)).fold(String::new(), |text, level| text + &" ".repeat(level) + "a:\n"),
            "? ".repeat(depth),
        ];
        for text in texts {
            let read = from_yaml(text.as_bytes(), &mut budget());
            let limited = matches!(read, Err(crate::call::FunctionError::Limit(_)));
            assert_eq!(limited, depth > MAX_DEPTH, "{depth} {}", &text[..8]);
        }
        let json = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let read = from_json(json.as_bytes(), &mut budget());
        assert_eq!(
            matches!(read, Err(crate::call::FunctionError::Limit(_))),
            depth > MAX_DEPTH
        );
        let toml = format!("a = {json}");
        let read = from_toml(toml.as_bytes(), TomlDialect::Helm4, &mut budget());
        assert_eq!(
            matches!(read, Err(crate::call::FunctionError::Limit(_))),
            depth > MAX_DEPTH
        );
        let toml = format!("a{} = 1", ".a".repeat(depth));
        let read = from_toml(toml.as_bytes(), TomlDialect::Helm4, &mut budget());
        assert_eq!(
            matches!(read, Err(crate::call::FunctionError::Limit(_))),
            depth > MAX_DEPTH
        );
        let toml = format!("a = {}{}", "{a = ".repeat(depth), "}".repeat(depth));
        assert!(from_toml(toml.as_bytes(), TomlDialect::Helm4, &mut budget()).is_err());
    }
}

#[test]
fn a_map_in_itself_is_refused() {
    let map = Map::new(MapType::Any, []);
    map.insert("self", Value::Map(map.clone()));
    let value = Value::Map(map.clone());
    assert!(to_yaml(&value, &mut budget()).is_err());
    assert!(to_yaml_pretty(&value, &mut budget()).is_err());
    assert!(to_json(&value, JsonStyle::COMPACT, &mut budget()).is_err());
    assert!(to_toml(&value, TomlDialect::Helm4, &mut budget()).is_err());
    map.remove(b"self");
}

#[test]
fn exploding_aliases_are_refused() {
    let mut text = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, before) in ('b'..='z').zip('a'..='y') {
        let items = vec![format!("*{before}"); 9].join(", ");
        text += &format!("{name}: &{name} [{items}]\n");
    }
    let error = from_yaml(text.as_bytes(), &mut budget()).unwrap_err().to_string();
    assert_eq!(
        error,
        "error converting YAML to JSON: yaml: document contains excessive aliasing"
    );
}

#[test]
fn budgets_end_what_is_too_large() {
    let text = "a: 1\n".repeat(100_000);
    let mut small = Budget::new(10_000, 1_000_000);
    assert!(matches!(
        from_yaml(text.as_bytes(), &mut small),
        Err(crate::call::FunctionError::Limit(_))
    ));
    let value = Value::list(std::iter::repeat_n(Value::string("x".repeat(1000)), 1000));
    let mut small = Budget::new(1_000_000, 100_000);
    assert!(matches!(
        to_yaml(&value, &mut small),
        Err(crate::call::FunctionError::Limit(_))
    ));
}

/// What Go's libraries answered, three lines for each case: the function, what it was given and what it gave, the
/// latter two as JSON. Values are given in a form that tells all types of Go apart; see [`typed`].
const CASES: &str = include_str!("cases.txt");

fn bytes(json: &str) -> Vec<u8> {
    match serde_json::from_str(json).unwrap() {
        serde_json::Value::String(text) => text.into_bytes(),
        other => STANDARD.decode(other["base64"].as_str().unwrap()).unwrap(),
    }
}

/// A value of Go: strings in base64, numbers by their type, maps as lists of pairs.
fn typed(json: &serde_json::Value) -> Value {
    use serde_json::Value as Json;
    let decoded = |json: &Json| STANDARD.decode(json.as_str().unwrap()).unwrap();
    match json {
        Json::Null => Value::Nil,
        Json::Bool(value) => Value::Bool(*value),
        Json::Array(items) => Value::list(items.iter().map(typed)),
        Json::Object(object) => {
            let (kind, content) = object.iter().next().unwrap();
            let text = content.as_str().unwrap_or_default();
            match kind.as_str() {
                "s" => Value::string(decoded(content)),
                "b" => Value::Bytes(decoded(content).into()),
                "f" => Value::Float(match text {
                    "NaN" => f64::NAN,
                    "+Inf" => f64::INFINITY,
                    "-Inf" => f64::NEG_INFINITY,
                    digits => digits.parse().unwrap(),
                }),
                "i" => Value::int(text.parse().unwrap()),
                "u" => Value::uint64(text.parse().unwrap()),
                "nl" => Value::List(List::nil(ListType::Any)),
                "nm" => Value::Map(Map::nil(MapType::Any)),
                _ => Value::map(
                    content
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|pair| (decoded(&pair[0]), typed(&pair[1]))),
                ),
            }
        }
        other => panic!("{other}"),
    }
}

/// What a function of templates gives, in the form of the cases.
fn called(name: &str, argument: Value) -> Vec<u8> {
    let mut budget = budget();
    let mut world = World::new((0, 0), 0);
    let function = functions().iter().find(|function| function.name == name).unwrap();
    let mut call = Call {
        budget: &mut budget,
        world: &mut world,
    };
    match (function.call)(&mut call, &[argument]) {
        Ok(Value::String(text)) => text.as_bytes().to_vec(),
        Ok(value) => to_json(&value, JsonStyle::COMPACT, &mut budget)
            .unwrap_or_else(|error| format!("!{error}"))
            .into_bytes(),
        Err(error) => format!("!{error}").into_bytes(),
    }
}

#[test]
fn every_case_is_as_in_go() {
    let mut lines = CASES.lines();
    let mut wrong = Vec::new();
    let mut count = 0;
    while let (Some(name), Some(given), Some(wanted)) = (lines.next(), lines.next(), lines.next()) {
        let (given, wanted) = (bytes(given), bytes(wanted));
        let mut budget = budget();
        let got = match name {
            "roundYaml" => from_yaml(&given, &mut budget)
                .and_then(|value| to_yaml(&value, &mut budget))
                .unwrap_or_else(|error| format!("!{error}"))
                .into_bytes(),
            "roundToml" => from_toml(&given, TomlDialect::Helm4, &mut budget)
                .and_then(|map| to_toml(&Value::Map(map), TomlDialect::Helm4, &mut budget))
                .unwrap_or_else(|error| format!("!{error}").into_bytes()),
            name if name.starts_with("from") => called(name, Value::string(given.clone())),
            name => called(name, typed(&serde_json::from_slice(&given).unwrap())),
        };
        if got != wanted {
            wrong.push(format!(
                "{name} of {}\n{}\nnot\n{}\n",
                String::from_utf8_lossy(&given),
                String::from_utf8_lossy(&got),
                String::from_utf8_lossy(&wanted)
            ));
        }
        count += 1;
    }
    let shown: String = wrong.iter().take(10).map(String::as_str).collect();
    assert!(wrong.is_empty(), "{} of {count}:\n{shown}", wrong.len());
    assert!(count > 1500);
}

#[test]
fn toml_of_helm_3_is_older() {
    let read = |text: &str| from_toml(text.as_bytes(), TomlDialect::Helm3, &mut budget());
    for (text, error) in [
        (
            "a = {b = 1,\n}",
            "toml: line 1 (last key \"a.b\"): newlines not allowed within inline tables",
        ),
        (
            "a = {b = 1,}",
            "toml: line 1 (last key \"a.b\"): trailing comma not allowed in inline tables",
        ),
        (
            r#"a = "\e""#,
            r#"toml: line 1 (last key "a"): invalid escape in string '\e'"#,
        ),
    ] {
        assert_eq!(read(text).unwrap_err().to_string(), error);
    }
    let value = Value::map([("a", Value::Float(1e21))]);
    let written = |dialect| String::from_utf8(to_toml(&value, dialect, &mut budget()).unwrap()).unwrap();
    assert_eq!(written(TomlDialect::Helm3), "a = 1000000000000000000000.0\n");
    assert_eq!(written(TomlDialect::Helm4), "a = 1e+21\n");
}

#[test]
fn documents_are_split_by_lines() {
    let documents = |text: &str| yaml_documents(text.as_bytes(), &mut budget());
    let shown = |text: &str| {
        let maps = documents(text).unwrap().into_iter().map(Value::Map);
        to_json(&Value::list(maps), JsonStyle::COMPACT, &mut budget()).unwrap()
    };
    assert_eq!(shown(""), "[]");
    assert_eq!(shown("a: 1\n---\nb: 2\n"), r#"[{"a":1},{"b":2}]"#);
    assert_eq!(shown("---\na: 1\n--- # next\r\nb: 2"), r#"[{"a":1},{"b":2}]"#);
    assert_eq!(shown("# nothing\n---\n---\na: 1\n"), r#"[{},{"a":1}]"#);
    let error = documents("a: 1\n--- b: 2\n").unwrap_err().to_string();
    assert_eq!(
        error,
        "error reading yaml document: invalid Yaml document separator: b: 2"
    );
}

/// Any value that JSON can say.
fn values() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "[ -~\n\t]{0,40}",
        "\\PC{0,12}",
        "[a-z0-9:#'\"\\[\\]{}&*!|>%@`,? \n-]{0,90}"
    ];
    let leaf = prop_oneof![
        Just(Value::Nil),
        any::<bool>().prop_map(Value::Bool),
        any::<f64>()
            .prop_filter("JSON has no others", |value| value.is_finite())
            .prop_map(Value::Float),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::list),
            prop::collection::vec((text.clone(), inner), 0..6).prop_map(Value::map),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back(value in values()) {
        let json = to_json(&value, JsonStyle::RAW, &mut budget()).unwrap();
        let read = from_json(json.as_bytes(), &mut budget()).unwrap();
        prop_assert_eq!(to_json(&read, JsonStyle::RAW, &mut budget()).unwrap(), json.clone());
        let pretty = to_json(&value, JsonStyle::PRETTY, &mut budget()).unwrap();
        let read = from_json(pretty.as_bytes(), &mut budget()).unwrap();
        prop_assert_eq!(to_json(&read, JsonStyle::RAW, &mut budget()).unwrap(), json);
        // Go's own YAML loses some: what JSON cannot escape, and `-0`.
        if let Ok(yaml) = to_yaml(&value, &mut budget()) {
            let read = from_yaml(yaml.as_bytes(), &mut budget()).unwrap();
            prop_assert_eq!(to_yaml(&read, &mut budget()).unwrap(), yaml);
        }
    }
}
