//! What a schema itself must look like, draft by draft.
//!
//! Written as schemas that only say what a report can come from, in the shape that the published ones have where the
//! report shows it: what draft 2019-09 and later spread over vocabularies is spread here too.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use super::{
    LOCATION, Refusal, Result,
    compile::{Compiled, Draft, compile_trusted},
    validate::validate,
};
use crate::{call::Budget, value::Value};

const SELF: &str = r##"{"$ref":"#"}"##;
const LIST: &str = r##"{"$ref":"#/definitions/list"}"##;
const NAMED: &str = r##"{"type":"object","additionalProperties":{"$ref":"#"}}"##;
const PATTERNS: &str =
    r##"{"type":"object","additionalProperties":{"$ref":"#"},"propertyNames":{"format":"regex"}}"##;
const STRING: &str = r#"{"type":"string"}"#;
const REGEX: &str = r#"{"type":"string","format":"regex"}"#;
const ADDRESS: &str = r#"{"type":"string","format":"uri-reference"}"#;
const BOOLEAN: &str = r#"{"type":"boolean"}"#;
const NUMBER: &str = r#"{"type":"number"}"#;
const ARRAY: &str = r#"{"type":"array"}"#;
const STEP: &str = r#"{"type":"number","exclusiveMinimum":0}"#;
const COUNT: &str = r##"{"$ref":"#/definitions/count"}"##;
/// A count that is 0 where it is left out.
const COUNT_0: &str = r##"{"$ref":"#/definitions/count0"}"##;
const STRINGS: &str = r##"{"$ref":"#/definitions/strings"}"##;
const TYPE: &str = r##"{"anyOf":[{"$ref":"#/definitions/type"},{"type":"array","items":{"$ref":"#/definitions/type"},"minItems":1,"uniqueItems":true}]}"##;
const EITHER: &str = r##"{"anyOf":[{"$ref":"#"},{"$ref":"#/definitions/list"}]}"##;
const DEPENDENCIES: &str =
    r##"{"type":"object","additionalProperties":{"anyOf":[{"$ref":"#"},{"$ref":"#/definitions/strings"}]}}"##;
const REQUIREMENTS: &str = r##"{"type":"object","additionalProperties":{"$ref":"#/definitions/strings"}}"##;

type Table = [(&'static str, &'static str)];

/// What every draft has; in draft 4 and after 2019 some of it is said again.
const VALIDATION: &Table = &[
    ("multipleOf", STEP),
    ("maximum minimum exclusiveMaximum exclusiveMinimum", NUMBER),
    ("maxLength maxItems maxProperties", COUNT),
    ("minLength minItems minProperties", COUNT_0),
    ("pattern", REGEX),
    ("uniqueItems", BOOLEAN),
    ("required", STRINGS),
    ("enum", ARRAY),
    ("type", TYPE),
];

fn properties(tables: &[&Table]) -> String {
    let mut parts = Vec::new();
    for (names, schema) in tables.iter().flat_map(|table| table.iter()) {
        for name in names.split(' ') {
            parts.push(format!("\"{name}\":{schema}"));
        }
    }
    // Where a name is there twice, the last one counts.
    format!("\"properties\":{{{}}}", parts.join(","))
}

/// What the parts above refer to.
fn definitions(draft: Draft, more: &str) -> String {
    let count = r#"{"type":"integer","minimum":0}"#;
    let count_0 = match draft {
        Draft::Four | Draft::Six | Draft::Seven => r##"{"allOf":[{"$ref":"#/definitions/count"},{}]}"##,
        Draft::Nineteen | Draft::Twenty => COUNT,
    };
    let strings = match draft {
        Draft::Four => r#"{"type":"array","items":{"type":"string"},"minItems":1,"uniqueItems":true}"#,
        _ => r#"{"type":"array","items":{"type":"string"},"uniqueItems":true}"#,
    };
    format!(
        r##""definitions":{{"count":{count},"count0":{count_0},"strings":{strings},"list":{{"type":"array","items":{{"$ref":"#"}},"minItems":1}},"type":{{"enum":["array","boolean","integer","null","number","object","string"]}}{more}}}"##
    )
}

fn source(draft: Draft) -> String {
    let early: &Table = &[
        ("items", EITHER),
        ("not", SELF),
        ("allOf anyOf oneOf", LIST),
        ("properties definitions", NAMED),
        ("patternProperties", PATTERNS),
        (
            "additionalItems additionalProperties contains propertyNames",
            SELF,
        ),
        ("dependencies", DEPENDENCIES),
        ("title description format $comment", STRING),
        ("$id $ref", ADDRESS),
        ("$schema", STRING),
    ];
    let start = "{\"$schema\":\"http://json-schema.org/draft-07/schema#\"";
    match draft {
        Draft::Four => {
            let own: &Table = &[
                (
                    "additionalItems additionalProperties",
                    r##"{"anyOf":[{"type":"boolean"},{"$ref":"#"}]}"##,
                ),
                ("contains propertyNames $comment", "{}"),
                ("patternProperties", NAMED),
                ("exclusiveMaximum exclusiveMinimum", BOOLEAN),
                ("id $ref $id", STRING),
                ("enum", r#"{"type":"array","minItems":1,"uniqueItems":true}"#),
                ("format", STRING),
            ];
            format!(
                r#"{start},"type":"object","dependencies":{{"exclusiveMaximum":["maximum"],"exclusiveMinimum":["minimum"]}},{},{}}}"#,
                properties(&[VALIDATION, early, own]),
                definitions(draft, "")
            )
        }
        Draft::Six | Draft::Seven => {
            let own: &Table = if draft == Draft::Seven {
                &[
                    ("if then else", SELF),
                    ("readOnly", BOOLEAN),
                    ("contentMediaType contentEncoding", STRING),
                ]
            } else {
                &[("$comment", "{}")]
            };
            format!(
                r#"{start},"type":["object","boolean"],{},{}}}"#,
                properties(&[VALIDATION, early, own]),
                definitions(draft, "")
            )
        }
        Draft::Nineteen | Draft::Twenty => format!(
            r#"{start},"type":["object","boolean"],"allOf":[{}],{},{}}}"#,
            VOCABULARIES
                .map(|name| format!(r##"{{"$ref":"#/definitions/{name}"}}"##))
                .join(","),
            properties(&[&[("definitions", NAMED), ("dependencies", DEPENDENCIES)]]),
            definitions(draft, &vocabularies(draft))
        ),
    }
}

const VOCABULARIES: [&str; 5] = ["core", "applicator", "unevaluated", "validation", "remarks"];

fn vocabularies(draft: Draft) -> String {
    let applicator: &Table = &[
        ("items", if draft == Draft::Nineteen { EITHER } else { SELF }),
        ("prefixItems allOf anyOf oneOf", LIST),
        ("properties dependentSchemas", NAMED),
        ("patternProperties", PATTERNS),
        (
            "contains additionalProperties propertyNames if then else not",
            SELF,
        ),
    ];
    let validation: &Table = &[
        ("minContains maxContains", COUNT),
        ("dependentRequired", REQUIREMENTS),
    ];
    let parts: [Vec<&Table>; 5] = [
        vec![&[
            ("$id $ref $dynamicRef $recursiveRef", ADDRESS),
            ("$schema $anchor $dynamicAnchor $comment", STRING),
            ("$defs", NAMED),
        ]],
        if draft == Draft::Nineteen {
            vec![
                applicator,
                &[("additionalItems unevaluatedItems unevaluatedProperties", SELF)],
            ]
        } else {
            vec![applicator]
        },
        if draft == Draft::Nineteen {
            vec![]
        } else {
            vec![&[("unevaluatedItems unevaluatedProperties", SELF)]]
        },
        vec![VALIDATION, validation],
        vec![&[
            (
                "title description format contentMediaType contentEncoding",
                STRING,
            ),
            ("deprecated readOnly writeOnly", BOOLEAN),
            ("examples", ARRAY),
        ]],
    ];
    let mut text = String::new();
    for (name, tables) in VOCABULARIES.into_iter().zip(parts) {
        text.push_str(&format!(
            r#","{name}":{{"type":["object","boolean"],{}}}"#,
            properties(&tables)
        ));
    }
    text
}

/// Checks a schema against what its draft allows.
pub(super) fn check(schema: &Value, draft: Draft, budget: &mut Budget) -> Result<()> {
    thread_local! {
        static COMPILED: RefCell<HashMap<Draft, Rc<Compiled>>> = RefCell::default();
    }
    let known = COMPILED.with_borrow(|compiled| compiled.get(&draft).cloned());
    let compiled = if let Some(compiled) = known {
        compiled
    } else {
        let mut own = Budget::new(1_000_000, 1_000_000);
        let value = super::read(source(draft).as_bytes(), &mut own)?;
        let compiled = Rc::new(compile_trusted(value, &mut own)?);
        COMPILED.with_borrow_mut(|all| all.insert(draft, compiled.clone()));
        compiled
    };
    let Some(problem) = validate(schema, &compiled, budget)? else {
        return Ok(());
    };
    let name = match draft {
        Draft::Four => "http://json-schema.org/draft-04/schema",
        Draft::Six => "http://json-schema.org/draft-06/schema",
        Draft::Seven => "http://json-schema.org/draft-07/schema",
        Draft::Nineteen => "https://json-schema.org/draft/2019-09/schema",
        Draft::Twenty => "https://json-schema.org/draft/2020-12/schema",
    };
    Err(Refusal::Text(format!(
        "\"{LOCATION}#\" is not valid against metaschema: jsonschema validation failed with '{name}#'\n{}",
        problem.display()
    )))
}
