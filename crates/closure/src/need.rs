//! What is needed, and what cannot be told.

use std::collections::BTreeMap;
use std::fmt;

use airlock_helm::images::{Class, Content, Finding, Notice};
use airlock_types::Reference;

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

/// One image with everything that needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image<'a> {
    /// What is pulled.
    pub reference: &'a Reference,
    /// The surest class of all needs.
    pub class: Class,
    /// What it leads to.
    pub content: Content,
    /// Every need of it: what is deployed as it is before what only a variant needs, the surest first.
    pub needs: Vec<&'a Need>,
}

impl Needs {
    /// The set of what is pulled, each once, in order of the references.
    pub fn images(&self) -> Vec<Image<'_>> {
        let mut images: BTreeMap<&Reference, Vec<&Need>> = BTreeMap::new();
        for need in &self.needs {
            images.entry(&need.finding.reference).or_default().push(need);
        }
        let mut out = Vec::with_capacity(images.len());
        for (reference, mut needs) in images {
            needs.sort_by_key(|need| (need.variant.is_some(), need.finding.class));
            let surest = needs.iter().min_by_key(|need| need.finding.class);
            if let Some(surest) = surest {
                out.push(Image {
                    reference,
                    class: surest.finding.class,
                    content: surest.finding.content,
                    needs,
                });
            }
        }
        out
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.finding.place)?;
        match &self.variant {
            Some(variant) => write!(f, " (with {variant})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}: {}",
            self.notice.gap, self.notice.place, self.notice.text
        )?;
        match &self.variant {
            Some(variant) => write!(f, " (with {variant})"),
            None => Ok(()),
        }
    }
}
