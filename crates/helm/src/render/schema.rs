//! The schemas of a chart and of those below it.

use super::RenderError;
use super::tree::Node;
use crate::call::Budget;
use crate::chart::Profile;
use crate::value::Map;

/// Checks the values of every chart that has a schema (`ValidateAgainstSchema`).
pub(super) fn validate(
    _root: &Node<'_>,
    _values: &Map,
    _profile: Profile,
    _budget: &mut Budget,
) -> Result<(), RenderError> {
    Ok(())
}
