//! The closure of what is wanted: the packages that `apt-get install` would install, and why.
//!
//! First [`walk`](self) follows each relation to the alternative that apt would take. Where that meets a
//! contradiction, a search looks for any solution.

use super::explain::{Explanation, explain};
use super::pins::Policy;
use super::universe::{Kind, PackageId, RecordId, Universe};

mod repair;
pub(super) mod search;
mod walk;
mod words;

pub use words::{WordError, wanted};

use search::{Outcome, Search};
use walk::Walk;

/// A version of each package that may be installed: chosen once, used for many closures.
#[derive(Clone, Debug)]
pub struct Candidates {
    of: Vec<Option<RecordId>>,
    installed: Vec<RecordId>,
}

impl Candidates {
    /// The candidates by the priorities of a policy, for a target that has these packages.
    pub fn new(universe: &Universe, policy: &Policy<'_>, installed: &[RecordId]) -> Self {
        let mut of = vec![None; universe.package_count()];
        let mut has = vec![None; universe.package_count()];
        for record in installed {
            has[universe.package_of_record(*record).0 as usize] = Some(*record);
        }
        for package in universe.packages() {
            let at = package.0 as usize;
            of[at] = policy.candidate(package, has[at]);
        }
        Self {
            of,
            installed: installed.to_vec(),
        }
    }

    /// The candidate of a package.
    pub fn of(&self, package: PackageId) -> Option<RecordId> {
        self.of[package.0 as usize]
    }

    fn set(&mut self, package: PackageId, record: RecordId) {
        self.of[package.0 as usize] = Some(record);
    }
}

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The packages, in order.
    pub wanted: Vec<(PackageId, Option<RecordId>)>,
    /// Whether recommended packages are installed too.
    pub recommends: bool,
}

/// Why a package is in a closure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It was asked for.
    Wanted,
    /// Another package needs it.
    Needed {
        /// That package.
        by: RecordId,
        /// The field.
        kind: Kind,
        /// The alternatives as written.
        relation: String,
    },
}

/// A package of a closure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// The version.
    pub record: RecordId,
    /// Why it is there.
    pub why: Why,
}

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Solution {
    /// What is installed or upgraded, in the order in which it was found.
    pub install: Vec<Chosen>,
    /// What is taken away.
    pub remove: Vec<RecordId>,
}

/// Why there is no solution.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SolveError {
    /// Nothing that could be installed satisfies everything.
    #[error("no set of packages satisfies everything that is needed: {0}")]
    Unsolvable(Explanation),
    /// There may be a solution, but the search for it took too long.
    #[error(
        "the search for packages that fit together was given up; ask for fewer packages, or for certain versions"
    )]
    GaveUp,
}

/// The closure of a request.
pub fn solve(
    universe: &Universe,
    candidates: &Candidates,
    request: &Request,
) -> Result<Solution, SolveError> {
    let mut candidates = candidates.clone();
    for (package, record) in &request.wanted {
        if let Some(record) = record {
            candidates.set(*package, *record);
        }
    }
    let wanted: Vec<PackageId> = request.wanted.iter().map(|(package, _)| *package).collect();
    let mut walk = Walk::new(universe, candidates.clone(), request.recommends);
    for package in &wanted {
        walk.want(*package);
    }
    for package in &wanted {
        walk.follow_wanted(*package);
    }
    if let Some(solution) = walk.finish() {
        return Ok(solution);
    }
    let dead = search::dead(universe, &candidates, &wanted);
    match Search::new(universe, &candidates, &dead).run(&wanted) {
        Outcome::Found(found) => {
            // What was found is certain; the walk adds what is recommended with it.
            let mut walk = Walk::new(universe, candidates, request.recommends);
            walk.begin_with(&found);
            walk.finish().ok_or(SolveError::GaveUp)
        }
        Outcome::Nothing => Err(SolveError::Unsolvable(explain(universe, &candidates, &wanted))),
        Outcome::GaveUp => Err(SolveError::GaveUp),
    }
}

#[cfg(test)]
mod tests;
