//! The schemas of a chart and of those below it.

use super::RenderError;
use super::tree::Node;
use crate::call::Budget;
use crate::chart::Profile;
use crate::schema::{Refusal, check};
use crate::value::{Map, Value};

/// Checks the values of every chart that has a schema (`ValidateAgainstSchema`).
pub(super) fn validate(
    root: &Node<'_>,
    values: &Map,
    profile: Profile,
    budget: &mut Budget,
) -> Result<(), RenderError> {
    let mut report = String::new();
    chart(root, values, profile, budget, &mut report)?;
    if report.is_empty() {
        Ok(())
    } else {
        Err(RenderError::Schema(report))
    }
}

/// Checks one chart and those below it, and adds what is wrong to the report.
fn chart(
    node: &Node<'_>,
    values: &Map,
    profile: Profile,
    budget: &mut Budget,
    report: &mut String,
) -> Result<(), RenderError> {
    if let Some(schema) = node.chart.schema() {
        match check(&Value::Map(values.clone()), schema, profile, budget) {
            Ok(()) => {}
            Err(Refusal::Text(text)) => {
                report.push_str(node.name());
                report.push_str(":\n");
                report.push_str(&text);
            }
            Err(Refusal::Limit(limit)) => return Err(limit.into()),
        }
    }
    for child in &node.children {
        match values.get(child.name().as_bytes()) {
            None | Some(Value::Nil) => {}
            Some(Value::Map(values)) => chart(child, &values, profile, budget, report)?,
            // Helm 3 panics here; the answer is the same.
            Some(other) => {
                report.push_str(child.name());
                report.push_str(":\ninvalid type for values: expected object (map), got ");
                report.push_str(other.type_name());
                report.push('\n');
            }
        }
    }
    Ok(())
}
