//! The schemas of a chart and of those below it.

use std::rc::Rc;

use super::RenderError;
use super::kept::{Kept, Made};
use super::tree::Node;
use crate::call::Budget;
use crate::chart::Profile;
use crate::schema::{Compiled, Refusal, check, compiled};
use crate::value::{Map, Value};

/// Checks the values of every chart that has a schema (`ValidateAgainstSchema`).
pub(super) fn validate(
    root: &Node<'_>,
    values: &Map,
    kept: &mut Kept<Ready>,
    profile: Profile,
    budget: &mut Budget,
) -> Result<(), RenderError> {
    let mut check = Check {
        kept,
        profile,
        budget,
        report: String::new(),
    };
    check.chart(root, values)?;
    if check.report.is_empty() {
        Ok(())
    } else {
        Err(RenderError::Schema(check.report))
    }
}

/// A schema that is compiled, and what that has cost.
#[derive(Clone, Debug)]
pub(super) struct Ready {
    text: Rc<[u8]>,
    schema: Rc<Compiled>,
    steps: u64,
    bytes: u64,
}

impl Made for Ready {
    fn text(&self) -> &[u8] {
        &self.text
    }
}

struct Check<'a> {
    kept: &'a mut Kept<Ready>,
    profile: Profile,
    budget: &'a mut Budget,
    /// What is wrong.
    report: String,
}

impl Check<'_> {
    /// Checks one chart and those below it.
    fn chart(&mut self, node: &Node<'_>, values: &Map) -> Result<(), RenderError> {
        if let Some(schema) = node.chart.schema() {
            let verdict = self
                .compiled(schema)
                .and_then(|compiled| check(&Value::Map(values.clone()), &compiled, self.budget));
            match verdict {
                Ok(()) => {}
                Err(Refusal::Text(text)) => {
                    self.report.push_str(node.name());
                    self.report.push_str(":\n");
                    self.report.push_str(&text);
                }
                Err(Refusal::Limit(limit)) => return Err(limit.into()),
            }
        }
        for child in &node.children {
            match values.get(child.name().as_bytes()) {
                None | Some(Value::Nil) => {}
                Some(Value::Map(values)) => self.chart(child, &values)?,
                // Helm 3 panics here; the answer is the same.
                Some(other) => {
                    self.report.push_str(child.name());
                    self.report
                        .push_str(":\ninvalid type for values: expected object (map), got ");
                    self.report.push_str(other.type_name());
                    self.report.push('\n');
                }
            }
        }
        Ok(())
    }

    fn compiled(&mut self, schema: &[u8]) -> Result<Rc<Compiled>, Refusal> {
        if let Some(ready) = self.kept.get(self.profile, schema) {
            self.budget.step(ready.steps)?;
            self.budget
                .take(usize::try_from(ready.bytes).unwrap_or(usize::MAX))?;
            return Ok(Rc::clone(&ready.schema));
        }
        let (steps, bytes) = (self.budget.steps(), self.budget.bytes());
        let compiled = Rc::new(compiled(schema, self.profile, self.budget)?);
        let ready = Ready {
            text: schema.into(),
            schema: Rc::clone(&compiled),
            steps: self.budget.steps() - steps,
            bytes: self.budget.bytes() - bytes,
        };
        self.kept.insert(self.profile, ready);
        Ok(compiled)
    }
}
