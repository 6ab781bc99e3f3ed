//! The order in which Helm takes values: files, then `--set-json`, `--set`, `--set-string`, `--set-file` and
//! `--set-literal` (`pkg/cli/values`).

use super::set::{self, Reading};
use crate::call::{Budget, FunctionError};
use crate::chart::{Profile, merged, of_json, read_values};
use crate::render::RenderError;
use crate::value::{Map, MapType, Value};

/// What a user gives besides the values of the chart; in each list the later counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValueSources {
    /// `--values`: the name of each file, for errors, and its content.
    pub files: Vec<(String, Vec<u8>)>,
    /// `--set-json`: `key=JSON`, or an object.
    pub json: Vec<String>,
    /// `--set`: `a.b[0]=c,d={1,2}`.
    pub set: Vec<String>,
    /// `--set-string`: the same, and every value is a string.
    pub strings: Vec<String>,
    /// `--set-file`: the same, and every value is the name of a file.
    pub set_files: Vec<String>,
    /// `--set-literal`: one key, and everything after `=` is its value.
    pub literals: Vec<String>,
    /// Files that count more than all of these, which Helm has no flag for: what is tried on top of what is given.
    pub on_top: Vec<(String, Vec<u8>)>,
}

/// Why values cannot be read, in Helm's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SetError(String);

impl ValueSources {
    /// Merges everything to what Helm hands to a chart, without the values of the chart itself. `read` is asked for the
    /// files of `--set-file`; its error is one clause.
    pub fn merge(
        &self,
        profile: Profile,
        budget: &mut Budget,
        read: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
    ) -> Result<Map, RenderError> {
        let mut all = Map::new(MapType::Any, []);
        let mut file = |all: &mut Map, (name, bytes): &(String, Vec<u8>)| {
            let one = read_values(bytes, profile, budget).map_err(|problem| match problem {
                FunctionError::Limit(limit) => limit.into(),
                problem => RenderError::from(SetError(format!("failed to parse {name}: {problem}"))),
            })?;
            *all = merged(all, &one);
            Ok::<(), RenderError>(())
        };
        for one in &self.files {
            file(&mut all, one)?;
        }
        for text in &self.json {
            let trimmed = text.trim();
            if profile == Profile::Helm4 && trimmed.starts_with('{') {
                let Ok(json) = serde_json::from_str(trimmed) else {
                    let problem = format!("failed parsing --set-json data JSON: {text}");
                    return Err(SetError(problem).into());
                };
                if let Value::Map(object) = of_json(&json) {
                    all = merged(&all, &object);
                }
            } else {
                set::apply(text, &all, &mut Reading::Json, profile)
                    .map_err(|_| SetError(format!("failed parsing --set-json data {text}")))?;
            }
        }
        let each = |texts: &[String], option: &str, reading: &mut Reading<'_>| {
            texts.iter().try_for_each(|text| {
                set::apply(text, &all, reading, profile)
                    .map_err(|problem| SetError(format!("failed parsing {option} data: {problem}")))
            })
        };
        each(&self.set, "--set", &mut Reading::Typed)?;
        each(&self.strings, "--set-string", &mut Reading::Text)?;
        each(&self.set_files, "--set-file", &mut Reading::File(read))?;
        each(&self.literals, "--set-literal", &mut Reading::Literal)?;
        for one in &self.on_top {
            file(&mut all, one)?;
        }
        Ok(all)
    }
}
