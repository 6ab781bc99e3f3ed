//! Semantic versions and their ranges as Masterminds/semver 3.5 has them.
//!
//! This is not [`crate::VersionRange`], which is for the versions of charts and stricter with what it takes.

mod constraint;
mod version;

pub(crate) use constraint::Constraints;
pub(crate) use version::Version;

use super::args::{Outcome, boolean_value, functions, string};
use crate::{
    call::{Call, FunctionError},
    value::Value,
};

functions! {
    "semver" (String) semver;
    "semverCompare" (String, String) compare;
}

fn semver(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    Version::parse(string(args, 0)?)
        .map(Value::object)
        .map_err(|error| FunctionError::new(error.to_string()))
}

fn compare(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let (constraint, version) = (string(args, 0)?, string(args, 1)?);
    call.budget.step(1 + constraint.len() as u64 / 16)?;
    let constraints = Constraints::parse(constraint).map_err(FunctionError::new)?;
    let version = Version::parse(version).map_err(|error| FunctionError::new(error.to_string()))?;
    boolean_value(constraints.check(&version))
}
