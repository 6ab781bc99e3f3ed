//! Charts as Helm loads them: from the files of a folder, from a packaged archive, with every chart below.
//!
//! Pure: the caller reads disks and networks, and hands over bytes. What Helm refuses is refused in its words.

mod complete;
mod error;
mod load;
mod metadata;
mod plain;
mod reading;

use std::sync::Arc;

pub use complete::{Fetch, FetchError, Fetched, FetchedContent, Wanted};
pub use error::LoadError;
pub(crate) use load::extension;
pub(crate) use plain::Plain;
pub(crate) use reading::{json_kind, merged, of_json, read_values};

use crate::{ChartFile, ChartMetadata, Dependency};

/// The generation of Helm whose behaviour is wanted, where generations differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Profile {
    /// Helm 3.19.
    Helm3,
    /// Helm 4.2.3.
    #[default]
    Helm4,
}

/// A chart with the charts below it; rendering does not change it, so that one can be rendered often, and from
/// many threads.
#[derive(Clone, Debug)]
pub struct Chart {
    pub(crate) metadata: ChartMetadata,
    pub(crate) locked: Vec<Dependency>,
    pub(crate) templates: Vec<Arc<ChartFile>>,
    pub(crate) files: Vec<Arc<ChartFile>>,
    pub(crate) values: Plain,
    pub(crate) schema: Option<Arc<ChartFile>>,
    pub(crate) dependencies: Vec<Chart>,
}

impl Chart {
    /// What its `Chart.yaml` says.
    pub const fn metadata(&self) -> &ChartMetadata {
        &self.metadata
    }

    /// The charts in its `charts/` folder, in order of their folders' names, and those that were fetched.
    pub fn dependencies(&self) -> &[Self] {
        &self.dependencies
    }

    /// The files in its `templates/` folder, partials among them.
    pub fn templates(&self) -> impl Iterator<Item = &ChartFile> {
        self.templates.iter().map(AsRef::as_ref)
    }

    /// Every other file that has no meaning of its own: what `.Files` finds, and what is in `crds/`.
    pub fn files(&self) -> impl Iterator<Item = &ChartFile> {
        self.files.iter().map(AsRef::as_ref)
    }

    /// The text of its `values.schema.json`.
    pub fn schema(&self) -> Option<&[u8]> {
        self.schema.as_ref().map(|file| file.bytes.as_slice())
    }

    /// The charts that `Chart.yaml` names and that are not there
    /// (`action.CheckDependencies`, which compares names alone).
    pub fn missing(&self) -> Vec<&Dependency> {
        let there = |wanted: &&Dependency| {
            !self
                .dependencies
                .iter()
                .any(|chart| chart.metadata.name == wanted.name)
        };
        self.metadata.dependencies.iter().filter(there).collect()
    }

    /// Whether its templates are only there to be included by others.
    pub(crate) fn is_library(&self) -> bool {
        self.metadata.kind.eq_ignore_ascii_case("library")
    }
}
