//! Why there is no closure, in sentences.

use std::fmt;

use super::solve::Candidates;
use super::solve::search::{Outcome, Search, dead, lacking, needs, options};
use super::universe::{Atom, PackageId, RecordId, Universe};

/// Why there is no closure: sentences, the most telling first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    sentences: Vec<String>,
}

impl Explanation {
    /// The sentences, each without its full stop.
    pub fn sentences(&self) -> &[String] {
        &self.sentences
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentences.join("; "))
    }
}

/// How many searches are made to find out which of the wanted packages are to blame.
const SEARCHES: usize = 40;

/// Why these packages cannot be installed together.
pub(super) fn explain(universe: &Universe, candidates: &Candidates, wanted: &[PackageId]) -> Explanation {
    let dead = dead(universe, candidates, wanted);
    let story = Story {
        universe,
        candidates,
        dead: &dead,
    };
    let mut sentences: Vec<String> = Vec::new();
    for package in wanted.iter().filter(|it| dead[it.0 as usize]) {
        sentences.extend(story.death(*package));
    }
    if sentences.is_empty() {
        sentences = story.contradiction(wanted);
    }
    sentences.dedup();
    Explanation { sentences }
}

struct Story<'a> {
    universe: &'a Universe,
    candidates: &'a Candidates,
    dead: &'a [bool],
}

impl Story<'_> {
    fn name(&self, record: RecordId) -> String {
        let universe = self.universe;
        let package = universe.package_of_record(record);
        format!("{} {}", universe.name(package), universe.version(record))
    }

    fn text(&self, group: &[Atom]) -> String {
        let all: Vec<String> = group.iter().map(|it| self.universe.atom_text(*it)).collect();
        all.join(" or ")
    }

    /// From what was asked for down to the relation that nothing satisfies.
    fn death(&self, package: PackageId) -> Vec<String> {
        let universe = self.universe;
        let Some(mut record) = self.candidates.of(package) else {
            return vec![format!(
                "{} has no version that may be installed",
                universe.name(package)
            )];
        };
        let mut path = vec![record];
        while let Some(group) = lacking(universe, self.candidates, self.dead, record) {
            let mut next = None;
            options(universe, record, group, |it| {
                let is_candidate = self.candidates.of(universe.package_of_record(it)) == Some(it);
                if next.is_none() && is_candidate && !path.contains(&it) {
                    next = Some(it);
                }
            });
            if let Some(it) = next {
                path.push(it);
                record = it;
                continue;
            }
            let mut sentence = format!(
                "{} needs {}, {}",
                self.name(record),
                self.text(group),
                self.whats_there(record, group)
            );
            for pair in path.windows(2).rev() {
                sentence.push_str(&format!(
                    "; {} is needed by {}",
                    self.name(pair[1]),
                    self.name(pair[0])
                ));
            }
            return vec![sentence];
        }
        vec![format!("{} cannot be installed", self.name(record))]
    }

    /// What there is of the packages that a relation names.
    fn whats_there(&self, record: RecordId, group: &[Atom]) -> String {
        let universe = self.universe;
        let owner = universe.architecture_id(universe.package_of_record(record));
        let mut parts = Vec::new();
        for atom in group {
            let package = universe.asked_for(*atom, owner);
            let name = universe.name(package);
            let versions = universe.versions(package);
            let candidate = self.candidates.of(package).filter(|it| versions.contains(it));
            let providers = universe.providers(name);
            parts.push(match (candidate, versions, &providers[..]) {
                (Some(candidate), ..) => {
                    format!("the target release has {name} {}", universe.version(candidate))
                }
                (None, [], []) => format!("no repository has {name}"),
                (None, [], [first, ..]) => {
                    let provider = self.name(*first);
                    format!("{name} is only provided by others ({provider}), without such a version")
                }
                (None, [newest, ..], _) => {
                    format!(
                        "no version of {name} may be installed (there is {})",
                        universe.version(*newest)
                    )
                }
            });
        }
        parts.dedup();
        parts.join(", and ")
    }

    /// Which of the wanted packages cannot be together, and what of them contradicts.
    fn contradiction(&self, wanted: &[PackageId]) -> Vec<String> {
        let universe = self.universe;
        let unsolvable = |set: &[PackageId]| {
            matches!(
                Search::new(universe, self.candidates, self.dead).run(set),
                Outcome::Nothing
            )
        };
        let mut blamed = wanted.to_vec();
        let mut at = 0;
        for _ in 0..SEARCHES {
            if at >= blamed.len() || blamed.len() == 1 {
                break;
            }
            let mut fewer = blamed.clone();
            fewer.remove(at);
            if unsolvable(&fewer) {
                blamed = fewer;
            } else {
                at += 1;
            }
        }
        let names: Vec<&str> = blamed.iter().map(|it| universe.name(*it)).collect();
        let mut sentences = vec![match names[..] {
            [one] => format!("{one} needs packages that cannot be installed together"),
            _ => format!("{} cannot be installed together", names.join(" and ")),
        }];
        sentences.extend(self.clash(&blamed));
        sentences
    }

    /// Two packages that must be there, by relations without a choice, and that exclude each other.
    fn clash(&self, wanted: &[PackageId]) -> Option<String> {
        let universe = self.universe;
        let mut found: Vec<(RecordId, Option<usize>)> = Vec::new();
        let mut seen = vec![false; universe.package_count()];
        for package in wanted {
            if let Some(record) = self.candidates.of(*package) {
                seen[package.0 as usize] = true;
                found.push((record, None));
            }
        }
        let mut at = 0;
        while let Some((record, _)) = found.get(at).copied() {
            for (_, group) in needs(universe, record) {
                let mut all = Vec::new();
                options(universe, record, group, |it| {
                    let package = universe.package_of_record(it);
                    let lives = self.candidates.of(package) == Some(it) && !self.dead[package.0 as usize];
                    if lives && !all.contains(&it) {
                        all.push(it);
                    }
                });
                if let [only] = all[..]
                    && !std::mem::replace(&mut seen[universe.package_of_record(only).0 as usize], true)
                {
                    found.push((only, Some(at)));
                }
            }
            at += 1;
        }
        for (at, (record, _)) in found.iter().enumerate() {
            let package = universe.package_of_record(*record);
            let owner = universe.architecture_id(package);
            for atom in universe
                .atoms(*record)
                .iter()
                .filter(|it| it.kind().is_negative())
            {
                let hit = universe.targets(*atom, owner).find_map(|target| {
                    let other = universe.package_of_record(target.record);
                    let is_other = universe.name_id(other) != universe.name_id(package);
                    found.iter().position(|it| is_other && it.0 == target.record)
                });
                if let Some(other) = hit {
                    let verb = match atom.kind() {
                        super::universe::Kind::Breaks => "breaks",
                        _ => "conflicts with",
                    };
                    return Some(format!(
                        "{} {verb} {}{}{}",
                        self.name(*record),
                        self.name(found[other].0),
                        self.chain(&found, at),
                        self.chain(&found, other),
                    ));
                }
            }
        }
        None
    }

    /// Why one of the packages is there.
    fn chain(&self, found: &[(RecordId, Option<usize>)], mut at: usize) -> String {
        let mut text = String::new();
        while let Some(parent) = found[at].1 {
            text.push_str(&format!(
                "; {} is needed by {}",
                self.name(found[at].0),
                self.name(found[parent].0)
            ));
            at = parent;
        }
        text
    }
}
