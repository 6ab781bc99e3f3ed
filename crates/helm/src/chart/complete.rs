//! Dependencies that `charts/` lacks, from whoever can bring them.

use super::{Chart, LoadError, Profile};
use crate::range::is_compatible;
use crate::{ChartFile, Dependency};

/// How deep fetched charts may need more charts, and how many may be fetched: a chart may name itself.
const MAX_DEPTH: usize = 16;
const MAX_FETCHED: usize = 500;

/// Why a dependency cannot be had.
pub type FetchError = Box<dyn std::error::Error + Send + Sync>;

/// Brings the charts that a chart names: from a folder (`file://`), a repository, or a registry (`oci://`).
pub trait Fetch {
    /// Brings one chart.
    fn fetch(&mut self, wanted: &Wanted<'_>) -> Result<Fetched, FetchError>;
}

/// A chart that another one needs.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// What `Chart.yaml` says of it.
    pub dependency: &'a Dependency,
    /// The version that the lock file names, if there is one.
    pub locked: Option<&'a str>,
    /// What the parent's own [`Fetched::origin`] was, for a `file://` that is relative to it; `None` for the chart
    /// itself.
    pub origin: Option<&'a str>,
}

/// A chart that was brought.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Its content.
    pub content: FetchedContent,
    /// Where it comes from, in words that only the caller needs to understand.
    pub origin: Option<String>,
}

/// The form in which a chart was brought.
#[derive(Clone, Debug)]
pub enum FetchedContent {
    /// A packaged chart.
    Archive(Vec<u8>),
    /// The files of a folder.
    Files(Vec<ChartFile>),
}

impl Chart {
    /// Asks for every chart that is named and not there, and for what those name, as `helm dependency build` does
    /// for the first level.
    ///
    /// What is brought must have the name that was asked for, and a version in the range.
    pub fn complete(&mut self, profile: Profile, fetch: &mut dyn Fetch) -> Result<(), LoadError> {
        let mut left = MAX_FETCHED;
        complete(self, None, profile, fetch, 0, &mut left)
    }
}

fn complete(
    chart: &mut Chart,
    origin: Option<&str>,
    profile: Profile,
    fetch: &mut dyn Fetch,
    depth: usize,
    left: &mut usize,
) -> Result<(), LoadError> {
    for (what, limit, reached) in [
        ("levels of fetched charts", MAX_DEPTH, depth > MAX_DEPTH),
        ("fetched charts", MAX_FETCHED, *left == 0),
    ] {
        if reached {
            return Err(LoadError::Limit {
                what,
                limit: limit as u64,
            });
        }
    }
    for child in &mut chart.dependencies {
        complete(child, origin, profile, fetch, depth + 1, left)?;
    }
    let missing: Vec<Dependency> = chart.missing().into_iter().cloned().collect();
    for dependency in missing {
        // Two aliases of one chart need it once, unless they want different versions of it.
        let there = chart.dependencies.iter().any(|child| fits(&dependency, child));
        if there {
            continue;
        }
        *left = left.saturating_sub(1);
        let refuse = |problem: FetchError| LoadError::Fetch {
            name: dependency.name.clone(),
            parent: chart.metadata.name.clone(),
            problem,
        };
        let locked = chart.locked.iter().find(|lock| lock.name == dependency.name);
        let fetched = fetch
            .fetch(&Wanted {
                dependency: &dependency,
                locked: locked.map(|lock| lock.version.as_str()),
                origin,
            })
            .map_err(refuse)?;
        let mut child = match fetched.content {
            FetchedContent::Archive(bytes) => Chart::from_archive(&bytes, profile)?,
            FetchedContent::Files(files) => Chart::from_files(files, profile)?,
        };
        if !fits(&dependency, &child) {
            let found = format!(
                "what came is {} {}, not {} {}",
                child.metadata.name, child.metadata.version, dependency.name, dependency.version
            );
            return Err(refuse(found.into()));
        }
        complete(
            &mut child,
            fetched.origin.as_deref(),
            profile,
            fetch,
            depth + 1,
            left,
        )?;
        chart.dependencies.push(child);
    }
    Ok(())
}

fn fits(dependency: &Dependency, chart: &Chart) -> bool {
    chart.metadata.name == dependency.name
        && (dependency.version.is_empty() || is_compatible(&dependency.version, &chart.metadata.version))
}
