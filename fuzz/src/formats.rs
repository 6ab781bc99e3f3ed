//! YAML, JSON and TOML as templates of Helm read and write them.

use airlock_helm::{
    call::{Budget, FunctionError, LimitReached},
    format::{self, JsonStyle, TomlDialect},
    value::Value,
};

/// Enough for every input that a fuzzer makes; what needs more is refused, which is an answer too.
fn budget() -> Budget {
    Budget::new(2_000_000, 64 << 20)
}

/// What was done, unless a limit was reached: a failure of what must work is a finding.
fn within_limits<T>(result: Result<T, FunctionError>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(FunctionError::Limit(LimitReached { .. })) => None,
        Err(error) => panic!("what was read cannot be written and read: {error}"),
    }
}

/// What is written of a value is the value again.
fn round_trip(value: &Value) {
    let Some(json) = within_limits(format::to_json(value, JsonStyle::RAW, &mut budget())) else {
        return;
    };
    if let Some(read) = within_limits(format::from_json(json.as_bytes(), &mut budget())) {
        let again = within_limits(format::to_json(&read, JsonStyle::RAW, &mut budget()));
        assert!(again.is_none_or(|again| again == json));
    }
    // Go's YAML may fail where JSON does not: keys of more than a line, and characters that it forbids.
    let Ok(yaml) = format::to_yaml(value, &mut budget()) else {
        return;
    };
    // Go writes a key `<<` as it is, and reads it as a merge.
    if yaml.contains("<<:") {
        return;
    }
    let Ok(read) = format::from_yaml(yaml.as_bytes(), &mut budget()) else {
        return;
    };
    if let Ok(again) = format::to_yaml(&read, &mut budget()) {
        assert_eq!(again, yaml);
    }
}

/// YAML: values, documents, and what `toYaml` makes of them.
pub fn helm_yaml(input: &[u8]) {
    if let Ok(value) = format::from_yaml(input, &mut budget()) {
        round_trip(&value);
        let _ = format::to_yaml_pretty(&value, &mut budget());
        let _ = format::to_toml(&value, TomlDialect::Helm4, &mut budget());
    }
    let _ = format::yaml_documents(input, &mut budget());
}

/// TOML of both generations, and JSON.
pub fn helm_toml(input: &[u8]) {
    for dialect in [TomlDialect::Helm4, TomlDialect::Helm3] {
        let Ok(map) = format::from_toml(input, dialect, &mut budget()) else {
            continue;
        };
        let value = Value::Map(map);
        let Some(text) = within_limits(format::to_toml(&value, dialect, &mut budget())) else {
            continue;
        };
        // Dates before the common era and empty names in names are not what they were.
        if let Ok(read) = format::from_toml(&text, dialect, &mut budget()) {
            let again = within_limits(format::to_toml(&Value::Map(read), dialect, &mut budget()));
            assert!(again.is_none_or(|again| again == text));
        }
    }
    if let Ok(value) = format::from_json(input, &mut budget()) {
        round_trip(&value);
    }
}
