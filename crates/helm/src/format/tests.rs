use super::*;
use crate::{
    call::Budget,
    value::{Map, MapType, Value},
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
