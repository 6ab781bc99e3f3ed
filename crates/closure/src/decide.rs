//! From what was found to what is carried: the decisions of a manifest over the needs of its charts and manifests.

use std::collections::{BTreeMap, BTreeSet};

use airlock_helm::images::{Class, Finding};
use airlock_spec::deployment::{Certainty, Decision, Gap, Need as Place, NeededImage};
use airlock_spec::manifest::{Ignored, ImageDecisions};
use airlock_types::{Platform, Reference};

use crate::{Need, Needs, Unknown};

/// What one chart or manifest of a component needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Where the component has it, `charts[0]`.
    pub name: String,
    /// What it needs.
    pub needs: Needs,
}

/// What charts and manifests need, each image and each gap once and in order. Nothing is decided yet: everything but the
/// possible is to be carried.
pub fn gather(entries: &[Entry]) -> (Vec<NeededImage>, Vec<Gap>) {
    let mut found: BTreeMap<&Reference, BTreeSet<(Class, Place)>> = BTreeMap::new();
    let mut gaps = BTreeSet::new();
    for entry in entries {
        for need in &entry.needs.needs {
            let Need { finding, variant } = need;
            let places = found.entry(&finding.reference).or_default();
            places.insert((finding.class, place(&entry.name, finding, variant.as_ref())));
        }
        gaps.extend(
            entry
                .needs
                .unknowns
                .iter()
                .map(|unknown| gap(&entry.name, unknown)),
        );
    }
    let images = found.into_iter().map(|(reference, places)| {
        // The surest is the first.
        let certainty = places
            .first()
            .map_or(Certainty::Possible, |(class, _)| certainty(*class));
        NeededImage {
            reference: reference.clone(),
            certainty,
            decision: default_decision(certainty),
            platforms: Vec::new(),
            needs: places.into_iter().map(|(_, place)| place).collect(),
        }
    });
    (images.collect(), gaps.into_iter().collect())
}

/// Decides about everything that was found, whatever was decided before.
///
/// `wanted` knows the images that the manifest asks for by itself, with their platforms where those are not the
/// manifest's: a person has confirmed these.
///
/// Gives the decisions that were about nothing, `confirm docker.io/acme/old`: they may be left from an older version of
/// a chart, or misspelled.
pub fn decide(
    images: &mut [NeededImage],
    gaps: &mut [Gap],
    decisions: &ImageDecisions,
    wanted: &dyn Fn(&Reference) -> Option<Vec<Platform>>,
) -> Vec<String> {
    let mut used = Used::default();
    for image in images {
        let asked = wanted(&image.reference);
        image.decision = used.decision(decisions, image, asked.is_some());
        image.platforms = asked.unwrap_or_default();
    }
    for gap in gaps {
        gap.ignored = used.gap(decisions, gap);
    }
    used.idle(decisions)
}

/// What becomes of an image about which nobody has said anything.
const fn default_decision(certainty: Certainty) -> Decision {
    match certainty {
        Certainty::Sure | Certainty::Probable => Decision::Carried,
        Certainty::Possible => Decision::Open,
    }
}

fn certainty(class: Class) -> Certainty {
    match class {
        Class::Sure => Certainty::Sure,
        Class::Probable => Certainty::Probable,
        Class::Possible => Certainty::Possible,
    }
}

fn place(entry: &str, finding: &Finding, variant: Option<&String>) -> Place {
    Place {
        rule: finding.rule.name().to_owned(),
        entry: entry.to_owned(),
        place: finding.place.to_string().trim().to_owned(),
        variant: variant.cloned(),
    }
}

fn gap(entry: &str, unknown: &Unknown) -> Gap {
    Gap {
        kind: unknown.notice.gap.name().to_owned(),
        text: unknown.notice.text.clone(),
        entry: entry.to_owned(),
        place: unknown.notice.place.to_string().trim().to_owned(),
        variant: unknown.variant.clone(),
        ignored: None,
    }
}

/// Which decisions were about something.
#[derive(Default)]
struct Used {
    ignore: BTreeSet<usize>,
    confirm: BTreeSet<usize>,
}

impl Used {
    /// What becomes of an image: what is ignored is not carried, however sure it is.
    fn decision(&mut self, decisions: &ImageDecisions, image: &NeededImage, wanted: bool) -> Decision {
        let reference = &image.reference;
        let mut confirmed = wanted;
        for (at, confirm) in decisions.confirm.iter().enumerate() {
            if confirm.pattern.matches_reference(reference) {
                self.confirm.insert(at);
                confirmed = true;
            }
        }
        let mut reason = None;
        for (at, ignore) in decisions.ignore.iter().enumerate() {
            if let Ignored::Match(pattern) = &ignore.what
                && pattern.matches_reference(reference)
            {
                self.ignore.insert(at);
                reason.get_or_insert_with(|| ignore.reason.clone());
            }
        }
        match (reason, confirmed) {
            // What the manifest asks for is carried whatever else it says.
            (Some(reason), _) if !wanted => Decision::Ignored { reason },
            (_, true) => Decision::Confirmed,
            (_, false) => default_decision(image.certainty),
        }
    }

    fn gap(&mut self, decisions: &ImageDecisions, gap: &Gap) -> Option<String> {
        let mut reason = None;
        for (at, ignore) in decisions.ignore.iter().enumerate() {
            if let Ignored::Gap(pattern) = &ignore.what
                && (pattern.matches(&gap.text) || pattern.matches(&gap.place))
            {
                self.ignore.insert(at);
                reason.get_or_insert_with(|| ignore.reason.clone());
            }
        }
        reason
    }

    fn idle(&self, decisions: &ImageDecisions) -> Vec<String> {
        let ignored = decisions.ignore.iter().enumerate();
        let ignored = ignored.filter(|(at, _)| !self.ignore.contains(at));
        let ignored = ignored.map(|(_, ignore)| match &ignore.what {
            Ignored::Match(pattern) => format!("ignore {pattern}"),
            Ignored::Gap(pattern) => format!("ignore the gap {pattern}"),
        });
        let confirmed = decisions.confirm.iter().enumerate();
        let confirmed = confirmed.filter(|(at, _)| !self.confirm.contains(at));
        ignored
            .chain(confirmed.map(|(_, confirm)| format!("confirm {}", confirm.pattern)))
            .collect()
    }
}

#[cfg(test)]
mod tests;
