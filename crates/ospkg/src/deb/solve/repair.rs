//! Takes back what the walk took too much of, where packages contradict each other.

use super::walk::{Walk, groups};
use crate::deb::universe::{Atom, Kind, PackageId, Priority, RecordId};

/// How much each package is worth keeping: apt's points, found by its `ShowScores`.
pub(super) struct Scores {
    points: Vec<i64>,
    /// Points of `name:any`, which apt counts as a package of its own.
    any: Vec<i64>,
}

impl Scores {
    fn of(&mut self, walk: &Walk<'_>, atom: Atom, owner: u8) -> &mut i64 {
        let target = walk.universe.asked_for(atom, owner);
        let points = if atom.is_any() {
            &mut self.any
        } else {
            &mut self.points
        };
        &mut points[target.0 as usize]
    }

    pub(super) fn new(walk: &Walk<'_>) -> Self {
        let universe = walk.universe;
        let empty = || vec![0i64; walk.states.len()];
        let mut scores = Self {
            points: empty(),
            any: empty(),
        };
        let futures = walk.futures();
        let essential = |it: RecordId| universe.is_essential(it) || universe.is_protected(it);
        for record in &futures {
            let package = universe.package_of_record(*record);
            let points = &mut scores.points[package.0 as usize];
            *points += match universe.priority(*record) {
                Priority::Required => 3,
                Priority::Important => 2,
                Priority::Standard => 1,
                Priority::Optional => -1,
                Priority::Extra => -2,
            };
            if essential(*record) {
                *points += 100;
            }
        }
        for record in &futures {
            let owner = universe.architecture_id(universe.package_of_record(*record));
            for atom in universe.atoms(*record) {
                let points = match atom.kind() {
                    Kind::Depends | Kind::PreDepends | Kind::Recommends => 1,
                    Kind::Conflicts | Kind::Breaks => -1,
                    Kind::Suggests => continue,
                };
                let target = universe.asked_for(*atom, owner);
                if points < 0 && target == universe.package_of_record(*record) {
                    continue;
                }
                let mut is_there = !atom.has_version();
                for it in universe
                    .targets(*atom, owner)
                    .filter(|it| walk.will_be(it.record))
                {
                    let package = universe.package_of_record(it.record);
                    if it.provides || atom.is_any() {
                        if points > 0 {
                            scores.points[package.0 as usize] += 1;
                        }
                    } else {
                        is_there |= package == target;
                    }
                }
                if is_there {
                    *scores.of(walk, *atom, owner) += points;
                }
            }
        }
        let first = scores.points.clone();
        for record in &futures {
            let package = universe.package_of_record(*record);
            let owner = universe.architecture_id(package);
            for atom in universe.atoms(*record) {
                let target = universe.asked_for(*atom, owner);
                if matches!(atom.kind(), Kind::Depends | Kind::PreDepends | Kind::Recommends)
                    && !atom.is_any()
                    && walk.future(target).is_some()
                {
                    scores.points[target.0 as usize] += first[package.0 as usize].abs();
                }
            }
        }
        for package in universe.packages() {
            let has = universe.versions(package);
            if has.iter().any(|it| essential(*it)) {
                scores.points[package.0 as usize] += 5000;
            }
        }
        for package in &walk.wanted {
            scores.points[package.0 as usize] += 10_000;
        }
        scores
    }
}

/// How often all packages are looked at: each time more of them fit together, or nothing changes.
const ROUNDS: usize = 10;

impl Walk<'_> {
    /// Takes packages back until nothing contradicts, the least worth first. False: what was asked for is in
    /// the way itself, or still lacks something.
    pub(super) fn repair(&mut self) -> bool {
        let universe = self.universe;
        let scores = Scores::new(self);
        let points = |package: PackageId| scores.points[package.0 as usize];
        let mut order: Vec<PackageId> = self
            .futures()
            .iter()
            .map(|it| universe.package_of_record(*it))
            .collect();
        order.sort_by_key(|it| (std::cmp::Reverse(points(*it)), universe.name_id(*it)));
        for _ in 0..ROUNDS {
            let mut changed = false;
            for package in &order {
                while let Some(fault) = self.fault(*package) {
                    changed = true;
                    match fault {
                        Fault::With(other)
                            if points(other) < points(*package) && !self.wanted.contains(&other) =>
                        {
                            self.take_back(other);
                        }
                        // What is not there any more was worth less than something else.
                        _ if self.wanted.contains(package) => return false,
                        _ => self.take_back(*package),
                    }
                }
            }
            if !changed {
                return true;
            }
        }
        false
    }

    /// The first relation of a package that does not hold.
    fn fault(&self, package: PackageId) -> Option<Fault> {
        let universe = self.universe;
        let record = self.future(package)?;
        let owner = universe.architecture_id(package);
        groups(universe.atoms(record)).find_map(|(_, group)| match group[0].kind() {
            Kind::PreDepends | Kind::Depends => (!self.holds(group, owner)).then_some(Fault::Lacks),
            Kind::Conflicts | Kind::Breaks => universe
                .targets(group[0], owner)
                .find(|it| self.is_other(record, it.record) && self.will_be(it.record))
                .map(|it| Fault::With(universe.package_of_record(it.record))),
            Kind::Recommends | Kind::Suggests => None,
        })
    }
}

/// What is wrong with a package.
enum Fault {
    /// It needs something that will not be there.
    Lacks,
    /// It cannot be with this one.
    With(PackageId),
}
