//! Looks for any set of candidates that fits together, where the walk found none.

use super::Candidates;
use super::walk::groups;
use crate::deb::universe::{Atom, Kind, PackageId, RecordId, Universe};

/// How many choices are tried before the search gives up.
const CHOICES: usize = 100_000;

/// What is decided about a package.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fate {
    #[default]
    Open,
    In,
    Out,
}

/// A choice that can be taken back.
struct Choice {
    /// How much was decided, and how far the relations were followed, before it.
    decided: usize,
    open: usize,
    /// What is tried next if this does not work.
    others: Vec<RecordId>,
    why: (RecordId, u32),
}

/// A package and why it is there: the package that needs it, and the place of the relation.
pub(in crate::deb) type Found = (RecordId, Option<(RecordId, u32)>);

pub(in crate::deb) struct Search<'a> {
    universe: &'a Universe,
    candidates: &'a Candidates,
    /// Candidates that can be installed under no circumstances.
    dead: &'a [bool],
    fates: Vec<Fate>,
    /// What was decided, in order.
    trail: Vec<PackageId>,
    /// What is in, in order; up to `open` its relations were followed.
    found: Vec<Found>,
    open: usize,
    choices: Vec<Choice>,
    tried: usize,
}

/// What came of a search.
pub(in crate::deb) enum Outcome {
    /// These packages fit together.
    Found(Vec<Found>),
    /// There is no solution.
    Nothing,
    /// There may be one, but too much was tried.
    GaveUp,
}

impl<'a> Search<'a> {
    pub(in crate::deb) fn new(universe: &'a Universe, candidates: &'a Candidates, dead: &'a [bool]) -> Self {
        Self {
            universe,
            candidates,
            dead,
            fates: vec![Fate::Open; universe.package_count()],
            trail: Vec::new(),
            found: Vec::new(),
            open: 0,
            choices: Vec::new(),
            tried: 0,
        }
    }

    /// Searches for a set with all of these packages.
    pub(in crate::deb) fn run(mut self, wanted: &[PackageId]) -> Outcome {
        for package in wanted {
            let candidate = self.candidates.of(*package);
            if !candidate.is_some_and(|it| self.put_in(it, None)) {
                return Outcome::Nothing;
            }
        }
        loop {
            match self.step() {
                Step::Done => return Outcome::Found(self.found),
                Step::On => {}
                Step::Stuck if self.tried >= CHOICES => return Outcome::GaveUp,
                Step::Stuck => {
                    if !self.back() {
                        return Outcome::Nothing;
                    }
                }
            }
        }
    }

    fn fate(&self, record: RecordId) -> Fate {
        self.fates[self.universe.package_of_record(record).0 as usize]
    }

    fn decide(&mut self, package: PackageId, fate: Fate) {
        self.fates[package.0 as usize] = fate;
        self.trail.push(package);
    }

    /// Whether this version is the one that would be there.
    fn is_candidate(&self, record: RecordId) -> bool {
        let package = self.universe.package_of_record(record);
        self.candidates.of(package) == Some(record)
    }

    /// Decides for a candidate, and with it against all that it cannot be with. False: that contradicts.
    fn put_in(&mut self, record: RecordId, why: Option<(RecordId, u32)>) -> bool {
        let universe = self.universe;
        let package = universe.package_of_record(record);
        match self.fate(record) {
            Fate::In => return true,
            Fate::Out => return false,
            Fate::Open => {}
        }
        if self.dead[package.0 as usize] {
            return false;
        }
        self.decide(package, Fate::In);
        self.found.push((record, why));
        let owner = universe.architecture_id(package);
        for atom in universe.atoms(record).iter().filter(|it| it.kind().is_negative()) {
            for target in universe.targets(*atom, owner) {
                let other = universe.package_of_record(target.record);
                if universe.name_id(other) == universe.name_id(package) || !self.is_candidate(target.record) {
                    continue;
                }
                match self.fate(target.record) {
                    Fate::In => return false,
                    Fate::Out => {}
                    Fate::Open => self.decide(other, Fate::Out),
                }
            }
        }
        true
    }

    /// Follows the relations of the next package that is in.
    fn step(&mut self) -> Step {
        let Some((record, _)) = self.found.get(self.open).copied() else {
            return Step::Done;
        };
        let universe = self.universe;
        // All without a choice first: the fewer choices are made, the fewer are wrong.
        let mut choice: Option<(u32, Vec<RecordId>)> = None;
        for (place, group) in groups(universe.atoms(record)) {
            if !matches!(group[0].kind(), Kind::PreDepends | Kind::Depends) {
                continue;
            }
            let mut options = self.options(record, group);
            if options.iter().any(|it| self.fate(*it) == Fate::In) {
                continue;
            }
            options.retain(|it| self.fate(*it) == Fate::Open);
            match options[..] {
                [only] if self.put_in(only, Some((record, place))) => {}
                [] | [_] => return Step::Stuck,
                _ if choice.is_none() => choice = Some((place, options)),
                _ => {}
            }
        }
        let Some((place, mut options)) = choice else {
            self.open += 1;
            return Step::On;
        };
        options.retain(|it| self.fate(*it) != Fate::Out);
        if options.iter().any(|it| self.fate(*it) == Fate::In) {
            return Step::On;
        }
        options.reverse();
        self.choices.push(Choice {
            decided: self.trail.len(),
            open: self.open,
            others: options,
            why: (record, place),
        });
        self.tried += 1;
        if self.try_next() { Step::On } else { Step::Stuck }
    }

    /// The candidates that satisfy a relation, the best first.
    fn options(&self, record: RecordId, group: &[Atom]) -> Vec<RecordId> {
        let mut all = Vec::new();
        options(self.universe, record, group, |it| {
            if self.is_candidate(it) && !self.dead[self.universe.package_of_record(it).0 as usize] {
                all.push(it);
            }
        });
        all
    }

    /// Takes the next option of the last choice that has one.
    fn try_next(&mut self) -> bool {
        let Some(choice) = self.choices.last_mut() else {
            return false;
        };
        let why = choice.why;
        match choice.others.pop() {
            Some(next) => self.put_in(next, Some(why)),
            None => false,
        }
    }

    /// Takes back what followed from the last choice that has another option, and tries that.
    fn back(&mut self) -> bool {
        while let Some(choice) = self.choices.last() {
            let (decided, open) = (choice.decided, choice.open);
            let is_used_up = choice.others.is_empty();
            for package in self.trail.drain(decided..) {
                self.fates[package.0 as usize] = Fate::Open;
            }
            let fates = &self.fates;
            let universe = self.universe;
            let is_in = |it: &Found| fates[universe.package_of_record(it.0).0 as usize] == Fate::In;
            self.found.retain(is_in);
            self.open = open;
            if is_used_up {
                self.choices.pop();
                continue;
            }
            self.tried += 1;
            if self.tried >= CHOICES || self.try_next() {
                return true;
            }
        }
        false
    }
}

enum Step {
    Done,
    On,
    Stuck,
}

/// Every version that satisfies one of the alternatives, in order.
pub(in crate::deb) fn options(
    universe: &Universe,
    record: RecordId,
    group: &[Atom],
    mut each: impl FnMut(RecordId),
) {
    let owner = universe.architecture_id(universe.package_of_record(record));
    for atom in group {
        for target in universe.targets(*atom, owner) {
            each(target.record);
        }
    }
}

/// Which candidates can be installed under no circumstances, of all that these packages may need: something
/// that they need has no candidate, or only such ones.
pub(in crate::deb) fn dead(universe: &Universe, candidates: &Candidates, wanted: &[PackageId]) -> Vec<bool> {
    let mut dead = vec![false; universe.package_count()];
    let mut seen = vec![false; universe.package_count()];
    let mut reached: Vec<RecordId> = Vec::new();
    let mut open: Vec<PackageId> = wanted.to_vec();
    let candidate = |it: RecordId| candidates.of(universe.package_of_record(it)) == Some(it);
    while let Some(package) = open.pop() {
        if std::mem::replace(&mut seen[package.0 as usize], true) {
            continue;
        }
        let Some(record) = candidates.of(package) else {
            dead[package.0 as usize] = true;
            continue;
        };
        reached.push(record);
        for (_, group) in needs(universe, record) {
            options(universe, record, group, |it| {
                if candidate(it) {
                    open.push(universe.package_of_record(it));
                }
            });
        }
    }
    // Backwards, since what is deep was reached late. Each round finds at least one more, and few are needed.
    loop {
        let mut changed = false;
        for record in reached.iter().rev() {
            let package = universe.package_of_record(*record).0 as usize;
            if !dead[package] && lacking(universe, candidates, &dead, *record).is_some() {
                dead[package] = true;
                changed = true;
            }
        }
        if !changed {
            return dead;
        }
    }
}

/// What must be there for a version to be installed.
pub(in crate::deb) fn needs(universe: &Universe, record: RecordId) -> impl Iterator<Item = (u32, &[Atom])> {
    groups(universe.atoms(record))
        .filter(|(_, group)| matches!(group[0].kind(), Kind::PreDepends | Kind::Depends))
}

/// The first relation of a version that no living candidate satisfies.
pub(in crate::deb) fn lacking<'a>(
    universe: &'a Universe,
    candidates: &Candidates,
    dead: &[bool],
    record: RecordId,
) -> Option<&'a [Atom]> {
    let lives = |it: RecordId| {
        let package = universe.package_of_record(it);
        candidates.of(package) == Some(it) && !dead[package.0 as usize]
    };
    let mut found = needs(universe, record).filter(|(_, group)| {
        let mut any = false;
        options(universe, record, group, |it| any |= lives(it));
        !any
    });
    found.next().map(|(_, group)| group)
}
