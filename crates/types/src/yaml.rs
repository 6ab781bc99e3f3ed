//! YAML that is written: JSON values as block-style YAML. Strings are always quoted as JSON quotes them, which YAML reads the
//! same, so that no text can be taken for another type or for structure.

use serde_json::Value;

/// A document.
pub fn render(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(entries) if !entries.is_empty() => mapping(entries, 0, &mut out),
        Value::Array(items) if !items.is_empty() => sequence(items, 0, &mut out),
        other => {
            out.push_str(&scalar(other));
            out.push('\n');
        }
    }
    out
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => quote(text),
        Value::Object(_) => "{}".into(),
        Value::Array(_) => "[]".into(),
        other => other.to_string(),
    }
}

/// A string in double quotes. What YAML 1.1 takes for a line break or refuses, JSON leaves as it is.
pub fn quote(text: &str) -> String {
    Value::from(text)
        .to_string()
        .replace('\u{85}', "\\u0085")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
        .replace('\u{feff}', "\\ufeff")
        .replace('\u{7f}', "\\u007f")
}

fn key(text: &str) -> String {
    let plain = text.bytes().next().is_some_and(|c| c.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || b"-_./".contains(&c))
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null"
        );
    if plain { text.to_owned() } else { quote(text) }
}

fn indent(depth: usize, out: &mut String) {
    out.extend(std::iter::repeat_n("  ", depth));
}

fn mapping(entries: &serde_json::Map<String, Value>, depth: usize, out: &mut String) {
    // Sorted here, since another crate may switch `serde_json` to keep insertion order.
    let mut entries: Vec<_> = entries.iter().collect();
    entries.sort_unstable_by_key(|(name, _)| *name);
    for (at, (name, value)) in entries.into_iter().enumerate() {
        // The first key of a mapping in a list stands behind the dash.
        if at > 0 || depth == 0 || out.ends_with('\n') {
            indent(depth, out);
        }
        out.push_str(&key(name));
        out.push(':');
        nested(value, depth, out);
    }
}

fn sequence(items: &[Value], depth: usize, out: &mut String) {
    for item in items {
        indent(depth, out);
        out.push('-');
        match item {
            Value::Object(entries) if !entries.is_empty() => {
                out.push(' ');
                mapping(entries, depth + 1, out);
            }
            other => nested(other, depth, out),
        }
    }
}

fn nested(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            out.push('\n');
            mapping(entries, depth + 1, out);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            sequence(items, depth + 1, out);
        }
        other => {
            out.push(' ');
            out.push_str(&scalar(other));
            out.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks() {
        let value = serde_json::json!({
            "a": {"list": [{"k": "v", "m": [1, "2"]}, "x", [], {}, [true]], "no": null},
            "weird: key": "line\nbreak\u{2028}",
        });
        let expected = "a:\n  list:\n    - k: \"v\"\n      m:\n        - 1\n        - \"2\"\n    - \"x\"\n    - []\n    - {}\n    -\n      - true\n  \"no\": null\n\"weird: key\": \"line\\nbreak\\u2028\"\n";
        assert_eq!(render(&value), expected);
        assert_eq!(render(&serde_json::json!({})), "{}\n");
    }
}
