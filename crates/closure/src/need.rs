//! What is needed, and what cannot be told.

use airlock_helm::images::{Finding, Notice};

/// An image at one place that needs it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// The reference, the rule that found it, how sure that is, and the place.
    pub finding: Finding,
    /// The variant in which it is needed, `grafana.enabled=true`; none for what is deployed as it is.
    pub variant: Option<String>,
}

/// A gap in what is known: a person has to look at it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unknown {
    /// What is missing, and where.
    pub notice: Notice,
    /// The variant in which it is missing; none for what is deployed as it is.
    pub variant: Option<String>,
}

/// Everything that is needed, each once and in order: what is needed in no variant before what is needed in one only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Images.
    pub needs: Vec<Need>,
    /// Gaps.
    pub unknowns: Vec<Unknown>,
}
