//! The definitions of a text by name.

use std::collections::HashMap;

use super::FEW;
use crate::{template::node::NodeId, value::Str};

/// The definitions of a text, in the order in which their names came first.
#[derive(Debug, Default)]
pub(super) struct Trees {
    all: Vec<(Str, NodeId)>,
    /// Where each name is in `all`, where they are many.
    indexes: HashMap<Str, usize>,
}

impl Trees {
    /// The index of a name.
    pub(super) fn get(&self, name: &Str) -> Option<usize> {
        if self.all.len() <= FEW {
            return self.all.iter().position(|(known, _)| known == name);
        }
        self.indexes.get(name).copied()
    }

    pub(super) fn root(&self, index: usize) -> NodeId {
        // An index comes from `get`.
        self.all[index].1
    }

    pub(super) fn replace(&mut self, index: usize, root: NodeId) {
        if let Some(known) = self.all.get_mut(index) {
            known.1 = root;
        }
    }

    /// Adds a name that is not there.
    pub(super) fn push(&mut self, name: Str, root: NodeId) {
        self.all.push((name, root));
        if self.all.len() > FEW {
            let new = self.indexes.len();
            let names = self.all.iter().enumerate().skip(new);
            self.indexes
                .extend(names.map(|(index, (name, _))| (name.clone(), index)));
        }
    }
}

impl IntoIterator for Trees {
    type Item = (Str, NodeId);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.all.into_iter()
    }
}
