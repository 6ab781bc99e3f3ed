//! JSON Schema, drafts 4, 6, 7, 2019-09 and 2020-12, with the texts of `github.com/santhosh-tekuri/jsonschema/v6`,
//! which is what Helm shows.
//!
//! Nothing is fetched: a `$ref` to anything but the schema itself is an error, where Helm asks the network. What is
//! not as there: Go looks at keys in random order and here they are in order; numbers in a schema are shown as numbers,
//! not as they were written; vocabularies of one's own are not known.

mod compile;
mod equal;
mod formats;
mod keywords;
mod meta;
mod number;
mod problem;
mod validate;

pub(crate) use compile::Compiled;

use crate::{
    call::{Budget, FunctionError, LimitReached},
    chart::Profile,
    format,
    value::Value,
};

/// Why values are refused.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The text of Helm's error, with a line feed at the end if it is about the values.
    Text(String),
    /// A limit was reached.
    Limit(LimitReached),
}

impl From<LimitReached> for Refusal {
    fn from(limit: LimitReached) -> Self {
        Self::Limit(limit)
    }
}

impl From<FunctionError> for Refusal {
    fn from(error: FunctionError) -> Self {
        match error {
            FunctionError::Limit(limit) => Self::Limit(limit),
            other => Self::Text(other.to_string()),
        }
    }
}

type Result<T> = std::result::Result<T, Refusal>;

/// What a schema calls itself in errors.
const LOCATION: &str = "file:///values.schema.json";

/// Compiles the text of a schema.
pub(crate) fn compiled(schema: &[u8], profile: Profile, budget: &mut Budget) -> Result<Compiled> {
    let schema = read(schema, budget)?;
    compile::compile(schema, profile, budget)
}

/// Checks values against a schema (`ValidateAgainstSingleSchema`).
pub(crate) fn check(values: &Value, schema: &Compiled, budget: &mut Budget) -> Result<()> {
    match validate::validate(values, schema, budget)? {
        None => Ok(()),
        Some(problem) => Err(Refusal::Text(format!("{}\n", problem.display()))),
    }
}

/// The JSON of a schema; Go reads it from a stream, which has other words for its end.
fn read(schema: &[u8], budget: &mut Budget) -> Result<Value> {
    format::from_json(schema, budget).map_err(|error| match error {
        FunctionError::Failed(text) if text == "unexpected end of JSON input" => {
            let empty = schema.iter().all(u8::is_ascii_whitespace);
            Refusal::Text(if empty { "EOF" } else { "unexpected EOF" }.to_owned())
        }
        FunctionError::Failed(text) if text.ends_with(" after top-level value") => {
            Refusal::Text("invalid character after top-level value".to_owned())
        }
        other => other.into(),
    })
}

#[cfg(test)]
mod tests;
