//! What is known at a value.

use crate::images::Rule;

/// What kind of document is walked over, which decides how sure a rule makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::images) enum Trust {
    /// An object of Kubernetes.
    Object,
    /// An object that holds values for a chart or a program.
    Soft,
    /// A document inside a string.
    Embedded,
    /// The values of a chart.
    Values,
    /// The schema of a CRD.
    Schema,
}

/// What is known at a value.
#[derive(Clone, Copy, Debug)]
pub(in crate::images) struct Scope {
    pub(in crate::images) trust: Trust,
    /// How many strings are around it that hold documents.
    pub(in crate::images) strings: u8,
    /// It is a container of a list of containers.
    pub(super) container: bool,
    /// It lies directly below a key that names an image.
    pub(super) below_image: bool,
    /// It lies directly below a key that names several.
    pub(super) below_images: bool,
}

/// How many documents may lie in each other.
pub(in crate::images) const MAX_STRINGS: u8 = 4;

impl Scope {
    pub(in crate::images) const fn new(trust: Trust) -> Self {
        Self {
            trust,
            strings: 0,
            container: false,
            below_image: false,
            below_images: false,
        }
    }

    /// The scope of a document inside a string.
    pub(in crate::images) fn embedded(self) -> Self {
        let trust = match self.trust {
            Trust::Object | Trust::Soft | Trust::Embedded => Trust::Embedded,
            other => other,
        };
        Self {
            strings: self.strings + 1,
            ..Self::new(trust)
        }
    }
}

impl Trust {
    /// The rule that is told when a rule for objects applies in such a document.
    pub(super) const fn rule(self, rule: Rule) -> Rule {
        match (self, rule) {
            (Self::Values, _) => Rule::Values,
            (Self::Schema, _) => Rule::SchemaDefault,
            (Self::Object, rule) => rule,
            (
                _,
                Rule::PodSpec
                | Rule::PodVolume
                | Rule::Container
                | Rule::ImageKey
                | Rule::ImageWord
                | Rule::ImageStream,
            ) => Rule::EmbeddedKey,
            (_, Rule::ImageMap) => Rule::EmbeddedMap,
            (_, Rule::Reference) => Rule::EmbeddedReference,
            (_, rule) => rule,
        }
    }
}
