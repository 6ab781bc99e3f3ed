use super::{Refusal, check, compiled};
use crate::{call::Budget, chart::Profile, format::from_json};

/// Cases with what Go's library said: schema, values, report, each as JSON in a line of its own.
const CASES: &str = include_str!("cases.txt");

fn report(schema: &str, values: &str) -> String {
    let mut budget = Budget::new(1_000_000, 10_000_000);
    let values = from_json(values.as_bytes(), &mut budget).unwrap();
    let verdict = compiled(schema.as_bytes(), Profile::Helm4, &mut budget)
        .and_then(|schema| check(&values, &schema, &mut budget));
    match verdict {
        Ok(()) => String::new(),
        Err(Refusal::Text(text)) => text,
        Err(Refusal::Limit(limit)) => limit.to_string(),
    }
}

#[test]
fn reports_are_those_of_the_library() {
    let mut lines = CASES.lines();
    let mut count = 0;
    let mut wrong = Vec::new();
    while let (Some(schema), Some(values), Some(wanted)) = (lines.next(), lines.next(), lines.next()) {
        let wanted: String = serde_json::from_str(wanted).unwrap();
        let got = report(schema, values);
        if got != wanted {
            wrong.push(format!("schema {schema} of {values}:\n{got}\nnot\n{wanted}\n"));
        }
        count += 1;
    }
    let shown = wrong.iter().take(12).cloned().collect::<String>();
    assert!(wrong.is_empty(), "{} of {count}:\n{shown}", wrong.len());
    assert!(count > 100);
}

#[test]
fn nothing_is_fetched() {
    for schema in [
        r#"{"$ref":"http://127.0.0.1:1/x"}"#,
        r#"{"$ref":"file:///etc/passwd"}"#,
        r#"{"$schema":"http://127.0.0.1:1/x"}"#,
        r#"{"properties":{"a":{"$ref":"other.json"}}}"#,
    ] {
        assert!(
            report(schema, "{}").contains("may not refer to another place"),
            "{schema}"
        );
    }
    assert_eq!(report(r#"{"$ref":"urn:a:b"}"#, "{}"), "");
}

#[test]
fn hostile_schemas_end() {
    let deep = format!(
        "{}{}",
        r#"{"not":"#.repeat(400),
        "{}".to_owned() + &"}".repeat(400)
    );
    report(&deep, "{}");
    let wide = format!(
        r##"{{"$defs":{{{}}},"$ref":"#/$defs/d0"}}"##,
        (0..40)
            .map(|index| {
                let next = (index + 1) % 40;
                format!(
                    r##""d{index}":{{"anyOf":[{{"$ref":"#/$defs/d{next}"}},{{"$ref":"#/$defs/d{next}"}}]}}"##
                )
            })
            .collect::<Vec<_>>()
            .join(",")
    );
    assert!(report(&wide, "{}").contains("allowed"));
}
