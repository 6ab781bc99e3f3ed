//! Every switch that is off, turned on: one at a time, all together, and the few that bring something only together.

use std::collections::{BTreeSet, HashSet, VecDeque};

use airlock_helm::images::{Finding, Found};

use crate::gather::Gathering;
use crate::site::{Bound, Given, Site, Tried};
use crate::switch::{self, Switch};

/// How many switches are looked at; more are in no chart that people keep.
const MAX_SWITCHES: usize = 20_000;

/// How many renderings the search for switches that go together may take, and the search for the few that bring an
/// image together.
const TOGETHER: usize = 200;
const EXPLAIN: usize = 500;

/// How many threads try switches one at a time, and for how few that is not worth it.
const THREADS: usize = 2;
const FEW: usize = 8;

/// What is told of the images for which the few switches were not found.
const ALL: &str = "all switches";

/// Tries every switch, and gathers what that needs.
pub(crate) fn all(site: &mut Site<'_>, gathering: &mut Gathering) {
    let mut search = Search {
        conditions: switch::conditions(site.release.chart),
        site,
        gathering,
        entries: Vec::new(),
        known: HashSet::new(),
        bounds: BTreeSet::new(),
    };
    search.list();
    let together = search.together();
    search.singly();
    search.explain(together);
    for text in search.bounds {
        search.gathering.bound(search.site.release.chart, &text);
    }
}

struct Search<'s, 'r> {
    site: &'s mut Site<'r>,
    gathering: &'s mut Gathering,
    /// The paths that decide whether charts are on.
    conditions: Vec<String>,
    entries: Vec<Entry>,
    known: HashSet<String>,
    /// What was not done, since limits were reached.
    bounds: BTreeSet<String>,
}

struct Entry {
    switch: Switch,
    /// What has to be on so that it exists, by place in the list.
    parents: Vec<usize>,
}

/// What was found with these switches on, and is needed neither anyway nor with one of them.
struct Together {
    set: Vec<usize>,
    findings: Vec<Finding>,
}

impl Search<'_, '_> {
    /// Lists all switches: those of the values as they are, and those of charts that are off.
    fn list(&mut self) {
        if !self.site.options.is_upgrade {
            self.add(Switch::Upgrade, &[]);
        }
        for version in switch::api_versions(self.site.release.chart) {
            if !self.site.options.capabilities.api_versions.contains(&version) {
                self.add(Switch::Api(version), &[]);
            }
        }
        let values = self.site.values().clone();
        self.add_all(switch::off(&values), &[]);
        // A chart that is on brings its own values, and they may hold more switches.
        let mut queue: VecDeque<usize> = (0..self.entries.len()).collect();
        while let Some(at) = queue.pop_front() {
            let decides = |entry: &Entry| entry.switch.is_condition(&self.conditions);
            if !self.entries.get(at).is_some_and(decides) {
                continue;
            }
            let set = self.set(at);
            let values = match self.site.values_with(&switches(&self.entries, &set)) {
                Ok(Ok(values)) => values,
                // It is told when it is rendered.
                Ok(Err(_)) => continue,
                Err(bound) => return self.stop(bound, "the switches of charts that are off"),
            };
            let before = self.entries.len();
            self.add_all(switch::off(&values), &set);
            queue.extend(before..self.entries.len());
        }
    }

    /// Those that decide about charts come first, then those that are named like it, then those that are less deep.
    fn add_all(&mut self, mut switches: Vec<Switch>, parents: &[usize]) {
        switches.sort_by_key(|one| (!one.is_condition(&self.conditions), !one.is_named(), one.depth()));
        for one in switches {
            self.add(one, parents);
        }
    }

    fn add(&mut self, switch: Switch, parents: &[usize]) {
        if self.entries.len() >= MAX_SWITCHES {
            let text = format!("there are more switches than the {MAX_SWITCHES} that are looked at");
            self.bounds.insert(text);
        } else if self.known.insert(switch.id()) {
            self.entries.push(Entry {
                switch,
                parents: parents.to_vec(),
            });
        }
    }

    fn stop(&mut self, bound: Bound, what: &str) {
        self.bounds.insert(format!("{what} were not tried: {bound}"));
    }

    /// A switch with those that it needs.
    fn set(&self, at: usize) -> Vec<usize> {
        let mut set = self
            .entries
            .get(at)
            .map(|entry| entry.parents.clone())
            .unwrap_or_default();
        set.push(at);
        set
    }

    fn name(&self, set: &[usize]) -> String {
        let names = switches(&self.entries, set);
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        names.join(",")
    }

    fn render(&mut self, set: &[usize]) -> Result<Tried, Bound> {
        let switches = switches(&self.entries, set);
        self.site.render(&Given::Switches(&switches))
    }

    fn leniently(&mut self, set: &[usize]) -> Result<Option<Found>, Bound> {
        let switches = switches(&self.entries, set);
        Ok(self.site.leniently(&Given::Switches(&switches))?.ok())
    }

    /// Turns on all that go together, and then the API versions as well.
    fn together(&mut self) -> Vec<Together> {
        let (mut values, mut versions) = (Vec::new(), Vec::new());
        for (at, entry) in self.entries.iter().enumerate() {
            match entry.switch {
                Switch::Value(_) => values.push(at),
                Switch::Api(_) => versions.push(at),
                // It turns off what is rendered on installations alone.
                Switch::Upgrade => {}
            }
        }
        let mut found = Vec::new();
        let mut left = TOGETHER.min(self.site.left() / 2);
        let mut kept = Vec::new();
        for more in [values, versions] {
            if !more.is_empty() {
                self.extend(&mut kept, &more, &mut left, &mut found);
            }
        }
        found
    }

    /// Adds to `kept` as many switches as can be rendered together with it: all, or those of each half that can.
    fn extend(&mut self, kept: &mut Vec<usize>, more: &[usize], left: &mut usize, found: &mut Vec<Together>) {
        let mut stack = vec![more];
        while let Some(more) = stack.pop() {
            let Some(rest) = left.checked_sub(1) else { return };
            *left = rest;
            let mut set = kept.clone();
            set.extend_from_slice(more);
            match self.leniently(&set) {
                Ok(Some(one)) => {
                    let news = one.findings.into_iter();
                    let findings: Vec<Finding> =
                        news.filter(|finding| self.gathering.is_news(finding)).collect();
                    found.push(Together {
                        set: set.clone(),
                        findings,
                    });
                    *kept = set;
                }
                Ok(None) if more.len() > 1 => {
                    let (first, second) = more.split_at(more.len() / 2);
                    stack.push(second);
                    stack.push(first);
                }
                // Alone it is tried all the same.
                Ok(None) => {}
                Err(bound) => return self.stop(bound, "all switches together"),
            }
        }
    }

    /// Turns them on one at a time.
    fn singly(&mut self) {
        let sets: Vec<Vec<usize>> = (0..self.entries.len()).map(|at| self.set(at)).collect();
        let threads = if sets.len() < FEW { 1 } else { THREADS };
        let work = Work {
            entries: &self.entries,
            sets: &sets,
            gathering: self.gathering,
            threads,
        };
        let mut tried = if threads == 1 {
            work.some(self.site, 0)
        } else {
            work.all(self.site)
        };
        tried.sort_by_key(|(at, _)| *at);
        let mut done = 0;
        let mut reached = None;
        for (at, tried) in tried {
            match tried {
                Ok(tried) => {
                    done += 1;
                    if let Some(set) = sets.get(at) {
                        self.gather(tried, set);
                    }
                }
                Err(bound) => reached = reached.or(Some(bound)),
            }
        }
        if let Some(bound) = reached {
            let what = format!("{} of {} switches", sets.len() - done, sets.len());
            self.stop(bound, &what);
        }
    }

    fn gather(&mut self, tried: Tried, set: &[usize]) {
        let name = self.name(set);
        if let Some(found) = tried.found {
            self.gathering.variant(&found, &name);
        }
        if let Some(error) = tried.refused {
            self.gathering.refused(self.site.release.chart, &name, &error);
        }
    }

    /// Finds the few switches that bring what no single one has brought.
    fn explain(&mut self, together: Vec<Together>) {
        let most = self.site.left().saturating_sub(EXPLAIN);
        for one in together {
            let mut tried: BTreeSet<&Finding> = BTreeSet::new();
            for finding in &one.findings {
                if !self.gathering.is_news(finding) || !tried.insert(finding) {
                    continue;
                }
                if self.site.left() > most
                    && let Ok(Some(set)) = self.few(&one.set, finding)
                    && let Ok(tried) = self.render(&set)
                {
                    self.gather(tried, &set);
                }
            }
            let found = Found {
                findings: one.findings,
                notices: Vec::new(),
            };
            self.gathering.variant(&found, ALL);
        }
    }

    /// The least set of switches that brings an image, if more switches never take it away; from the front of the
    /// list, so that charts come before what is in them.
    fn few(&mut self, set: &[usize], wanted: &Finding) -> Result<Option<Vec<usize>>, Bound> {
        let mut few: Vec<usize> = Vec::new();
        let mut rest = set;
        loop {
            let mut with = few.clone();
            with.sort_unstable();
            if !few.is_empty() && self.brings(&with, wanted)? {
                return Ok(Some(with));
            }
            // The shortest start of the rest that is enough.
            let (mut short, mut long) = (0, rest.len());
            while long - short > 1 {
                let middle = short.midpoint(long);
                let mut with = few.clone();
                with.extend_from_slice(rest.get(..middle).unwrap_or_default());
                with.sort_unstable();
                if self.brings(&with, wanted)? {
                    long = middle;
                } else {
                    short = middle;
                }
            }
            let Some((before, last)) = rest
                .get(..long)
                .and_then(|start| start.split_last())
                .map(|(last, before)| (before, *last))
            else {
                return Ok(None);
            };
            few.push(last);
            rest = before;
            if few.len() > 8 {
                return Ok(None);
            }
        }
    }

    fn brings(&mut self, set: &[usize], wanted: &Finding) -> Result<bool, Bound> {
        let found = self.leniently(set)?;
        Ok(found.is_some_and(|found| {
            let mut findings = found.findings.iter();
            findings.any(|one| one.reference == wanted.reference && one.class <= wanted.class)
        }))
    }
}

fn switches<'e>(entries: &'e [Entry], set: &[usize]) -> Vec<&'e Switch> {
    let chosen = set.iter().filter_map(|at| entries.get(*at));
    chosen.map(|entry| &entry.switch).collect()
}

/// One switch after the other.
struct Work<'w> {
    entries: &'w [Entry],
    sets: &'w [Vec<usize>],
    gathering: &'w Gathering,
    threads: usize,
}

/// What became of each set, by its place.
type Results = Vec<(usize, Result<Tried, Bound>)>;

impl Work<'_> {
    /// All of it, on some threads. Which does what is settled beforehand, so that the same comes out each time.
    fn all(&self, site: &mut Site<'_>) -> Results {
        let share = site.share(self.threads);
        let mut out = Vec::new();
        std::thread::scope(|scope| {
            let start = |first| {
                let share = share.clone();
                scope.spawn(move || match share.start() {
                    Ok(mut site) => (self.some(&mut site, first), Some(site.all_spent())),
                    // It went well before, and may cost too much now.
                    Err(_) => (vec![(first, Err(Bound::Share))], None),
                })
            };
            let threads: Vec<_> = (0..self.threads).map(start).collect();
            for thread in threads {
                match thread.join() {
                    Ok((results, spent)) => {
                        out.extend(results);
                        site.add(spent.unwrap_or_default());
                    }
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
        });
        out
    }

    /// The part of one thread, up to a limit.
    fn some(&self, site: &mut Site<'_>, first: usize) -> Results {
        let mut out = Vec::new();
        for (at, set) in self.sets.iter().enumerate().skip(first).step_by(self.threads) {
            let switches = switches(self.entries, set);
            let mut tried = site.render(&Given::Switches(&switches));
            if let Ok(Tried { found, .. }) = &mut tried {
                *found = found.take().map(|found| self.gathering.news(found));
            }
            let is_end = tried.is_err();
            out.push((at, tried));
            if is_end {
                break;
            }
        }
        out
    }
}
