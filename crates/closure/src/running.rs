//! What runs in a cluster, told by its own objects: pods, what makes pods, and nodes.
//!
//! A [`Running`] is given objects as a cluster's API gives them, or as `kubectl get -o json` or `-o yaml` prints them.
//! Nothing of an object is kept but who it is and which images it names.

mod dump;
mod objects;
mod pods;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;

use airlock_types::{Digest, Reference};
use serde::{Serialize, Serializer};

pub use dump::{DumpError, Listed};

/// How much of a cluster is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunningLimits {
    /// Objects.
    pub objects: usize,
    /// Containers, and other places that name an image.
    pub uses: usize,
    /// Values that are searched for images outside of pods.
    pub steps: u64,
}

/// More than the largest cluster that Kubernetes promises to carry (150,000 pods).
impl Default for RunningLimits {
    fn default() -> Self {
        Self {
            objects: 500_000,
            uses: 1_000_000,
            steps: 100_000_000,
        }
    }
}

/// What an object has to do with an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// A pod runs it.
    Runs,
    /// A pod waits for it, or something will make pods of it.
    Wanted,
    /// A pod or job of it has ended, or a revision was replaced by a later one: nothing pulls it again by itself.
    Ended,
    /// It is named in arguments, variables or settings, and whether something pulls it cannot be told from there.
    Named,
}

/// In words that stand before who it is.
impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Runs => "run by",
            Self::Wanted => "wanted by",
            Self::Ended => "ended in",
            Self::Named => "named in",
        })
    }
}

/// A place that names an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// What the object has to do with the image.
    pub standing: Standing,
    /// The namespace; empty for what is in none.
    pub namespace: String,
    /// The object's kind.
    pub kind: String,
    /// The object's name.
    pub name: String,
    /// The container, or the path of the field for what is none.
    pub place: Place,
    /// What the node says that it runs.
    pub digest: Option<Digest>,
}

/// Where in an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A container, by its name.
    Container(String),
    /// A field, by its path.
    Path(String),
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.kind)?;
        if !self.namespace.is_empty() {
            write!(f, "{}/", self.namespace)?;
        }
        match &self.place {
            Place::Container(name) => write!(f, "{}, container {name}", self.name),
            Place::Path(path) => write!(f, "{}, {path}", self.name),
        }
    }
}

impl Serialize for Use {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("standing", &self.standing)?;
        if !self.namespace.is_empty() {
            map.serialize_entry("namespace", &self.namespace)?;
        }
        map.serialize_entry("kind", &self.kind)?;
        map.serialize_entry("name", &self.name)?;
        match &self.place {
            Place::Container(name) => map.serialize_entry("container", name)?,
            Place::Path(path) => map.serialize_entry("path", path)?,
        }
        if let Some(digest) = &self.digest {
            map.serialize_entry("digest", digest)?;
        }
        map.end()
    }
}

/// What was seen of a cluster.
#[derive(Clone, Debug, Default)]
pub struct Running {
    limits: RunningLimits,
    objects: usize,
    /// Objects that run something or make pods.
    runners: usize,
    nodes: usize,
    uses: usize,
    pub(crate) images: BTreeMap<Reference, BTreeSet<Use>>,
    /// What lies on nodes, each under its tags, or under its digests if it has none.
    pub(crate) on_nodes: BTreeSet<Reference>,
    unread: BTreeSet<String>,
    unread_left_off: usize,
    steps: u64,
    unsearched: usize,
    /// Owners whose pods were searched: the next pod of the same says nothing new.
    searched: HashSet<String>,
}

/// How many notes on what cannot be read are kept.
const MOST_UNREAD: usize = 1000;

impl Running {
    /// Nothing seen yet.
    pub fn new(limits: RunningLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// How many objects were read.
    pub const fn objects(&self) -> usize {
        self.objects
    }

    /// Whether anything was read that runs or makes pods; a cluster without any of that has nothing to compare.
    pub const fn is_any(&self) -> bool {
        self.runners > 0
    }

    /// How many nodes were read.
    pub const fn nodes(&self) -> usize {
        self.nodes
    }

    /// What could not be told, one clause each.
    pub fn unread(&self) -> Vec<String> {
        let mut out: Vec<String> = self.unread.iter().cloned().collect();
        if self.unread_left_off > 0 {
            out.push(format!("{} more places cannot be read", self.unread_left_off));
        }
        if self.unsearched > 0 {
            out.push(format!(
                "of {} objects only the containers were read, since there is too much to search for other images",
                self.unsearched
            ));
        }
        out
    }

    fn use_of(&mut self, reference: Reference, by: Use) -> Result<(), DumpError> {
        if self.images.entry(reference).or_default().insert(by) {
            self.uses += 1;
        }
        self.within_uses()
    }

    fn within_uses(&self) -> Result<(), DumpError> {
        if self.uses > self.limits.uses {
            return Err(DumpError::TooMany {
                what: "places that name images",
                limit: self.limits.uses,
            });
        }
        Ok(())
    }

    fn note(&mut self, text: String) {
        if self.unread.len() < MOST_UNREAD {
            self.unread.insert(text);
        } else if !self.unread.contains(&text) {
            self.unread_left_off += 1;
        }
    }
}

#[cfg(test)]
mod tests;
