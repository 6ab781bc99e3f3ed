//! What runs, compared with what is held.

use std::collections::{BTreeMap, BTreeSet};

use airlock_types::{Digest, Reference};
use serde::Serialize;

use crate::held::Held;
use crate::prove::Holdings;
use crate::running::{Running, Standing, Use};

/// An image that is not held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unheld {
    /// The image.
    pub reference: Reference,
    /// The same content under another reference, where a node says what it runs; sites rename images.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub held_as: Vec<Reference>,
    /// Who names it, the surest first.
    pub used_by: Vec<Use>,
}

/// An image that is held, and another one of the same name runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Drifted {
    /// The image.
    pub reference: Reference,
    /// What is held.
    pub held: Digest,
    /// Who runs another one, with its digest.
    pub used_by: Vec<Use>,
}

/// What runs and what is held, each image once and in order of reference.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Compared {
    /// How many images run or are wanted.
    pub images: usize,
    /// How many of them are held, and nothing says that another one runs.
    pub held: usize,
    /// Of the held ones, those of which a node has said that exactly this runs.
    pub confirmed: usize,
    /// What runs or is wanted, and is not held.
    pub missing: Vec<Unheld>,
    /// What is held, while something else runs under its name.
    pub drifted: Vec<Drifted>,
    /// What is not held and was only named, or belongs to what has ended.
    pub unjudged: Vec<Unheld>,
    /// What is held, and nothing names it.
    pub idle: Vec<Reference>,
    /// What lies on nodes, is not held, and nothing names it.
    pub on_nodes: Vec<Reference>,
}

impl Compared {
    /// Whether everything that runs or is wanted is held as it runs.
    pub fn is_established(&self) -> bool {
        self.missing.is_empty() && self.drifted.is_empty()
    }
}

/// Compares by exact references: nobody can tell from a name that it is a mirror of another one.
pub fn compare(held: &Held, running: &Running) -> Compared {
    let mut out = Compared::default();
    let mut used = BTreeSet::new();
    let mut contents: BTreeMap<Digest, BTreeSet<&Reference>> = BTreeMap::new();
    for (reference, root) in held.images() {
        for digest in held.below(root) {
            contents.entry(digest).or_default().insert(reference);
        }
    }
    for (reference, uses) in &running.images {
        let judged = uses
            .iter()
            .any(|by| matches!(by.standing, Standing::Runs | Standing::Wanted));
        out.images += usize::from(judged);
        let Some(manifest) = held.manifest(reference) else {
            let unheld = Unheld {
                reference: reference.clone(),
                held_as: elsewhere(&contents, reference, uses),
                used_by: uses.iter().cloned().collect(),
            };
            if judged {
                out.missing.push(unheld);
            } else {
                out.unjudged.push(unheld);
            }
            continue;
        };
        used.insert((&reference.repository, manifest));
        if !judged {
            continue;
        }
        let running = || uses.iter().filter(|by| by.standing == Standing::Runs);
        let differs = |by: &&Use| by.digest.is_some_and(|runs| !held.leads_to(&manifest, &runs));
        let drifted: Vec<Use> = running().filter(differs).cloned().collect();
        if drifted.is_empty() {
            out.held += 1;
            out.confirmed += usize::from(running().any(|by| by.digest.is_some()));
        } else {
            out.drifted.push(Drifted {
                reference: reference.clone(),
                held: manifest,
                used_by: drifted,
            });
        }
    }
    out.idle = held
        .images()
        .filter(|(reference, root)| {
            let below = held.below(root);
            !used
                .iter()
                .any(|(repository, used)| **repository == reference.repository && below.contains(used))
        })
        .map(|(reference, _)| reference.clone())
        .collect();
    out.on_nodes = running
        .on_nodes
        .iter()
        .filter(|name| held.platforms(name).is_none() && !running.images.contains_key(name))
        .cloned()
        .collect();
    out
}

/// Under which references the content is held that runs under this one.
fn elsewhere(
    contents: &BTreeMap<Digest, BTreeSet<&Reference>>,
    reference: &Reference,
    uses: &BTreeSet<Use>,
) -> Vec<Reference> {
    let digests: BTreeSet<Digest> = uses
        .iter()
        .filter_map(|by| by.digest)
        .chain(reference.digest)
        .collect();
    let found: BTreeSet<&Reference> = digests
        .iter()
        .filter_map(|digest| contents.get(digest))
        .flatten()
        .copied()
        .collect();
    found.into_iter().cloned().collect()
}

#[cfg(test)]
mod tests;
