//! What a check is, and what it finds.

use airlock_node::Change;
use serde::Serialize;

use crate::Context;

/// One check.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Its name, which stays: `net.default-route`.
    pub id: &'static str,
    /// What is checked, in a few words.
    pub title: &'static str,
    /// What goes wrong otherwise.
    pub why: &'static str,
    pub(crate) run: fn(&Context) -> Outcome,
}

impl Check {
    /// The part of the name before the dot: the group that it is shown in.
    pub fn group(&self) -> &'static str {
        airlock_finding::group(self.id)
    }
}

/// What one check has found.
pub(crate) type Outcome = airlock_finding::Outcome<Repair>;

/// A check with what it has found.
pub type Finding = airlock_finding::Finding<Repair>;

/// What `--fix` does about a finding.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Repair {
    /// Whether there is anything that it can do.
    pub fixable: bool,
    /// What that is.
    #[serde(skip)]
    pub changes: Vec<Change>,
}

impl From<Vec<Change>> for Repair {
    fn from(changes: Vec<Change>) -> Self {
        Self {
            fixable: !changes.is_empty(),
            changes,
        }
    }
}
