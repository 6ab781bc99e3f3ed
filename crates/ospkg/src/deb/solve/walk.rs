//! From each package to those it needs, as apt does: at once and never back.

use std::cmp::Reverse;

use super::search::Found;
use super::{Candidates, Chosen, Solution, Why};
use crate::deb::universe::{Atom, Kind, PackageId, Priority, RecordId, Target, Universe};

/// What is to become of a package.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct State {
    installed: Option<RecordId>,
    mode: Mode,
    /// Asked for, or the only way to what is: this is not changed any more.
    protected: bool,
    /// Not asked for.
    automatic: bool,
    /// What it needs is being looked for: nothing of that may be in its way.
    busy: bool,
    why: Option<(RecordId, u32)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mode {
    #[default]
    Keep,
    Install,
    Remove,
}

/// How deep relations are followed. Debian's deepest chains have some hundred.
const DEEPEST: usize = 1000;

pub(super) struct Walk<'a> {
    pub(super) universe: &'a Universe,
    candidates: Candidates,
    recommends: bool,
    pub(super) states: Vec<State>,
    /// What was marked, in order; some of it more than once or taken back.
    order: Vec<PackageId>,
    pub(super) wanted: Vec<PackageId>,
}

/// The alternatives of a relation, and the place of the first one.
pub(in crate::deb) fn groups(atoms: &[Atom]) -> impl Iterator<Item = (u32, &[Atom])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at;
        let rest = atoms.get(start..).filter(|rest| !rest.is_empty())?;
        let alternatives = rest.iter().take_while(|atom| atom.or()).count() + 1;
        at = (start + alternatives).min(atoms.len());
        Some((u32::try_from(start).unwrap_or(u32::MAX), &atoms[start..at]))
    })
}

impl<'a> Walk<'a> {
    pub(super) fn new(universe: &'a Universe, candidates: Candidates, recommends: bool) -> Self {
        let mut states = vec![State::default(); universe.package_count()];
        for record in &candidates.installed {
            states[universe.package_of_record(*record).0 as usize].installed = Some(*record);
        }
        Self {
            universe,
            candidates,
            recommends,
            states,
            order: Vec::new(),
            wanted: Vec::new(),
        }
    }

    fn state(&self, package: PackageId) -> &State {
        &self.states[package.0 as usize]
    }

    fn state_mut(&mut self, package: PackageId) -> &mut State {
        &mut self.states[package.0 as usize]
    }

    /// The version that will be there.
    pub(super) fn future(&self, package: PackageId) -> Option<RecordId> {
        let state = self.state(package);
        match state.mode {
            Mode::Keep => state.installed,
            Mode::Install => self.candidates.of(package),
            Mode::Remove => None,
        }
    }

    pub(super) fn will_be(&self, record: RecordId) -> bool {
        self.future(self.universe.package_of_record(record)) == Some(record)
    }

    /// Marks a package that was asked for, without what it needs.
    pub(super) fn want(&mut self, package: PackageId) {
        self.wanted.push(package);
        let candidate = self.candidates.of(package);
        let state = self.state_mut(package);
        state.protected = true;
        state.automatic = false;
        if candidate.is_some() && candidate != state.installed {
            state.mode = Mode::Install;
            self.order.push(package);
        }
    }

    /// Marks what a package that was asked for needs.
    pub(super) fn follow_wanted(&mut self, package: PackageId) {
        if let Some(record) = self.future(package) {
            self.follow(record, true, 0);
        }
    }

    /// Marks a package and what it needs. False: it cannot be installed.
    fn mark(&mut self, package: PackageId, why: (RecordId, u32), protect: bool, depth: usize) -> bool {
        let Some(candidate) = self.candidates.of(package) else {
            return false;
        };
        let is_new = self.future(package) != Some(candidate);
        let state = self.state_mut(package);
        if !is_new && (!protect || state.protected) {
            return true;
        }
        if depth > DEEPEST || state.protected && state.mode == Mode::Remove {
            return false;
        }
        state.protected |= protect;
        let protect = state.protected;
        if is_new {
            state.mode = Mode::Install;
            state.automatic = true;
            state.why = Some(why);
            self.order.push(package);
        }
        let was_busy = std::mem::replace(&mut self.state_mut(package).busy, true);
        let good = self.follow(candidate, protect, depth);
        self.state_mut(package).busy = was_busy;
        if good {
            return true;
        }
        if is_new {
            self.state_mut(package).mode = Mode::Keep;
            self.discard(package);
        }
        false
    }

    fn discard(&mut self, package: PackageId) {
        let installed = self.state(package).installed;
        self.candidates.of[package.0 as usize] = installed;
    }

    /// Marks what a version needs, and takes away what it cannot be with.
    fn follow(&mut self, record: RecordId, protect: bool, depth: usize) -> bool {
        let universe = self.universe;
        let atoms = universe.atoms(record);
        for atom in atoms.iter().filter(|atom| atom.kind().is_negative()) {
            if !self.make_room(record, *atom, protect) {
                return false;
            }
        }
        for (place, group) in groups(atoms) {
            let needed = match group[0].kind() {
                Kind::PreDepends | Kind::Depends => true,
                Kind::Recommends if self.recommends && self.is_news(record, group) => false,
                _ => continue,
            };
            if !self.install_one_of(record, place, group, protect && needed, depth) && needed {
                return false;
            }
        }
        true
    }

    /// Whether a recommendation is followed: always for what is not there yet. Of an installed package only what its
    /// installed version did not speak of, or had.
    fn is_news(&self, record: RecordId, group: &[Atom]) -> bool {
        let universe = self.universe;
        let package = universe.package_of_record(record);
        let Some(old) = self.state(package).installed else {
            return true;
        };
        let owner = universe.architecture_id(package);
        let is_there = |atom: &Atom| {
            universe.targets(*atom, owner).any(|it| {
                let package = universe.package_of_record(it.record);
                self.state(package).installed == Some(it.record)
            })
        };
        groups(universe.atoms(old))
            .find(|(_, before)| {
                let positive = !before[0].kind().is_negative() && before[0].kind() != Kind::Suggests;
                positive && before[0].name == group[0].name
            })
            .is_none_or(|(_, before)| before.iter().any(is_there))
    }

    pub(super) fn is_other(&self, one: RecordId, other: RecordId) -> bool {
        let universe = self.universe;
        let name = |it| universe.name_id(universe.package_of_record(it));
        name(one) != name(other)
    }

    fn make_room(&mut self, record: RecordId, atom: Atom, protect: bool) -> bool {
        let universe = self.universe;
        let owner = universe.architecture_id(universe.package_of_record(record));
        for target in universe.targets(atom, owner) {
            if !self.is_other(record, target.record) {
                continue;
            }
            let package = universe.package_of_record(target.record);
            if self.will_be(target.record) {
                if self.state(package).protected || self.state(package).busy {
                    return false;
                }
                self.take_back(package);
            }
            if protect
                && self.candidates.of(package) == Some(target.record)
                && self.state(package).installed.is_none()
            {
                self.candidates.of[package.0 as usize] = None;
            }
        }
        true
    }

    /// Does not install a package after all, or takes it away if it is there.
    pub(super) fn take_back(&mut self, package: PackageId) {
        let has = self.state(package).installed.is_some();
        self.state_mut(package).mode = if has { Mode::Remove } else { Mode::Keep };
    }

    /// Whether a relation holds in the end.
    pub(super) fn holds(&self, group: &[Atom], owner: u8) -> bool {
        let universe = self.universe;
        let holds = |atom: &Atom| universe.targets(*atom, owner).any(|it| self.will_be(it.record));
        group.iter().any(holds)
    }

    fn install_one_of(
        &mut self,
        record: RecordId,
        place: u32,
        group: &[Atom],
        protect: bool,
        depth: usize,
    ) -> bool {
        let universe = self.universe;
        let owner = universe.architecture_id(universe.package_of_record(record));
        let holds = self.holds(group, owner);
        if holds && !protect {
            return true;
        }
        let mut all: Vec<RecordId> = Vec::new();
        let mut ends: Vec<usize> = Vec::new();
        for atom in group {
            let mut here: Vec<Target> = universe
                .targets(*atom, owner)
                .filter(|it| {
                    let package = universe.package_of_record(it.record);
                    self.candidates.of(package) == Some(it.record) && self.is_other(record, it.record)
                })
                .collect();
            here.sort_by_key(|it| self.rank(*it));
            for it in here {
                if !all.contains(&it.record) {
                    all.push(it.record);
                }
            }
            ends.push(all.len());
        }
        let protect = protect && all.len() == 1;
        // What is installed and will do is not upgraded for that.
        if holds && !(protect && self.will_be(all[0])) {
            return true;
        }
        for candidate in all {
            let package = universe.package_of_record(candidate);
            if self.mark(package, (record, place), protect, depth + 1) {
                return true;
            }
        }
        false
    }

    /// What apt takes first: the package of the name itself, what a system needs more, and of equals the one
    /// whose name it saw first.
    fn rank(&self, target: Target) -> (bool, bool, bool, Reverse<bool>, Priority, u8, Reverse<u32>) {
        let universe = self.universe;
        let package = universe.package_of_record(target.record);
        (
            target.provides,
            self.state(package).installed.is_none(),
            !universe.is_essential(target.record),
            Reverse(universe.is_protected(target.record)),
            universe.priority(target.record),
            universe.architecture_id(package),
            Reverse(universe.name_id(package)),
        )
    }

    /// Begins with packages that are known to fit together, and follows what they recommend.
    pub(super) fn begin_with(&mut self, found: &[Found]) {
        let universe = self.universe;
        for (record, why) in found {
            let package = universe.package_of_record(*record);
            self.want(package);
            let state = self.state_mut(package);
            state.why = *why;
            state.automatic = why.is_some();
        }
        for (record, _) in found {
            self.follow(*record, true, 0);
        }
    }

    /// Repairs and tidies. None: something is wrong all the same.
    pub(super) fn finish(mut self) -> Option<Solution> {
        self.sweep();
        if self.is_broken() {
            if !self.repair() || self.is_broken() {
                return None;
            }
            self.sweep();
        }
        Some(self.solution())
    }

    /// Takes back what nothing needs any more.
    fn sweep(&mut self) {
        let universe = self.universe;
        let mut used = vec![false; self.states.len()];
        let mut open: Vec<PackageId> = Vec::new();
        for package in &self.order {
            let state = self.state(*package);
            let essential = self
                .future(*package)
                .is_some_and(|it| universe.is_essential(it) || universe.is_protected(it));
            if !state.automatic || essential {
                open.push(*package);
            }
        }
        open.extend(&self.wanted);
        open.extend(
            self.candidates
                .installed
                .iter()
                .map(|it| universe.package_of_record(*it)),
        );
        while let Some(package) = open.pop() {
            if std::mem::replace(&mut used[package.0 as usize], true) {
                continue;
            }
            let Some(record) = self.future(package) else {
                continue;
            };
            let owner = universe.architecture_id(package);
            for atom in universe
                .atoms(record)
                .iter()
                .filter(|it| !it.kind().is_negative())
            {
                for target in universe.targets(*atom, owner) {
                    if self.will_be(target.record) {
                        open.push(universe.package_of_record(target.record));
                    }
                }
            }
        }
        for package in &self.order {
            let at = package.0 as usize;
            if !used[at] && self.states[at].mode == Mode::Install && !self.states[at].protected {
                self.states[at].mode = Mode::Keep;
            }
        }
    }

    pub(super) fn futures(&self) -> Vec<RecordId> {
        let universe = self.universe;
        let kept = self
            .candidates
            .installed
            .iter()
            .map(|it| universe.package_of_record(*it));
        let mut all: Vec<RecordId> = kept
            .chain(self.order.iter().copied())
            .filter_map(|it| self.future(it))
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Whether something that will be there lacks what it needs, or is with what it cannot be with.
    fn is_broken(&self) -> bool {
        let universe = self.universe;
        if self.wanted.iter().any(|it| self.future(*it).is_none()) {
            return true;
        }
        self.futures().iter().any(|record| {
            let owner = universe.architecture_id(universe.package_of_record(*record));
            groups(universe.atoms(*record)).any(|(_, group)| match group[0].kind() {
                Kind::PreDepends | Kind::Depends => !self.holds(group, owner),
                Kind::Conflicts | Kind::Breaks => universe
                    .targets(group[0], owner)
                    .any(|it| self.is_other(*record, it.record) && self.will_be(it.record)),
                Kind::Recommends | Kind::Suggests => false,
            })
        })
    }

    fn solution(&self) -> Solution {
        let universe = self.universe;
        let mut seen = vec![false; self.states.len()];
        let mut solution = Solution::default();
        for package in &self.order {
            let state = self.state(*package);
            if state.mode != Mode::Install || std::mem::replace(&mut seen[package.0 as usize], true) {
                continue;
            }
            let Some(record) = self.candidates.of(*package) else {
                continue;
            };
            let why = match state.why {
                None => Why::Wanted,
                Some((by, place)) => {
                    let atoms = universe.atoms(by);
                    let (_, group) = groups(&atoms[place as usize..]).next().unwrap_or((0, &[]));
                    let texts: Vec<String> = group.iter().map(|it| universe.atom_text(*it)).collect();
                    Why::Needed {
                        by,
                        kind: group.first().map_or(Kind::Depends, |it| it.kind()),
                        relation: texts.join(" | "),
                    }
                }
            };
            solution.install.push(Chosen { record, why });
        }
        let installed = self.candidates.installed.iter();
        solution.remove = installed
            .filter(|it| self.state(universe.package_of_record(**it)).mode == Mode::Remove)
            .copied()
            .collect();
        solution
    }
}
