use std::sync::Arc;

use airlock_helm::images::{Content, Gap as Kind, Notice, Place as Found, Rule, Source};
use airlock_spec::manifest::{Confirm, Ignore, Place as Written};

use super::*;

fn need(reference: &str, rule: Rule) -> Need {
    Need {
        finding: Finding {
            reference: reference.parse().unwrap(),
            content: Content::Image,
            class: rule.class(),
            rule,
            place: Found {
                source: Source::file("a.yaml"),
                object: None,
                path: "spec.image".to_owned(),
            },
            written: reference.to_owned(),
        },
        variant: None,
    }
}

fn entry(needs: Vec<Need>) -> Entry {
    Entry {
        name: "charts[0]".to_owned(),
        needs: Needs {
            needs,
            unknowns: vec![Unknown {
                notice: Notice {
                    gap: Kind::Unlisted,
                    text: "images of Calico".to_owned(),
                    place: Found::default(),
                },
                variant: None,
            }],
        },
    }
}

fn written() -> Written {
    Written {
        file: Arc::from("airlock.yaml"),
        line: 1,
        column: 1,
    }
}

fn confirm(pattern: &str) -> Confirm {
    Confirm {
        pattern: pattern.parse().unwrap(),
        place: written(),
    }
}

fn ignore(what: Ignored) -> Ignore {
    Ignore {
        what,
        reason: "not here".to_owned(),
        place: written(),
    }
}

fn all() -> Vec<Entry> {
    vec![entry(vec![
        need("a.example/sure:1", Rule::PodSpec),
        need("a.example/sure:1", Rule::Argument),
        need("a.example/probable:1", Rule::Argument),
        need("a.example/possible:1", Rule::Values),
    ])]
}

/// What was decided.
struct Decided {
    images: Vec<NeededImage>,
    gaps: Vec<Gap>,
    idle: Vec<String>,
}

fn decided(decisions: &ImageDecisions, wanted: &dyn Fn(&Reference) -> Option<Vec<Platform>>) -> Decided {
    let (mut images, mut gaps) = gather(&all());
    let idle = decide(&mut images, &mut gaps, decisions, wanted);
    // Deciding again gives the same, so that a lock can be decided anew without rendering.
    let before = (images.clone(), gaps.clone());
    decide(&mut images, &mut gaps, &ImageDecisions::default(), &|_| None);
    decide(&mut images, &mut gaps, decisions, wanted);
    assert_eq!((&images, &gaps), (&before.0, &before.1));
    Decided { images, gaps, idle }
}

fn decisions_of(decided: &Decided) -> Vec<(String, Decision)> {
    let images = decided.images.iter();
    images
        .map(|image| {
            (
                image.reference.repository.name.to_string(),
                image.decision.clone(),
            )
        })
        .collect()
}

#[test]
fn without_decisions_everything_but_the_possible_is_carried() {
    let decided = decided(&ImageDecisions::default(), &|_| None);
    assert_eq!(
        decisions_of(&decided),
        [
            ("possible".to_owned(), Decision::Open),
            ("probable".to_owned(), Decision::Carried),
            ("sure".to_owned(), Decision::Carried),
        ]
    );
    let sure = decided.images.last().unwrap();
    assert_eq!(sure.certainty, Certainty::Sure);
    assert_eq!(
        sure.needs
            .iter()
            .map(|need| need.rule.as_str())
            .collect::<Vec<_>>(),
        ["pod-spec", "argument"]
    );
    assert_eq!(decided.gaps.len(), 1);
    assert_eq!(decided.gaps.first().unwrap().ignored, None);
}

#[test]
fn decisions_count_and_idle_ones_are_told() {
    let decisions = ImageDecisions {
        ignore: vec![
            ignore(Ignored::Match("*/probable:1".parse().unwrap())),
            ignore(Ignored::Gap("images of *".parse().unwrap())),
            ignore(Ignored::Match("a.example/gone".parse().unwrap())),
            ignore(Ignored::Gap("nothing".parse().unwrap())),
        ],
        confirm: vec![confirm("a.example/possible"), confirm("a.example/old")],
        upstream: Vec::new(),
    };
    let decided = decided(&decisions, &|_| None);
    let ignored = Decision::Ignored {
        reason: "not here".to_owned(),
    };
    assert_eq!(
        decisions_of(&decided),
        [
            ("possible".to_owned(), Decision::Confirmed),
            ("probable".to_owned(), ignored),
            ("sure".to_owned(), Decision::Carried),
        ]
    );
    assert_eq!(decided.gaps.first().unwrap().ignored.as_deref(), Some("not here"));
    assert_eq!(
        decided.idle,
        [
            "ignore a.example/gone",
            "ignore the gap nothing",
            "confirm a.example/old"
        ]
    );
}

#[test]
fn what_the_manifest_asks_for_is_confirmed_with_its_platforms() {
    let platforms = vec!["linux/arm64".parse().unwrap()];
    let decisions = ImageDecisions {
        ignore: vec![ignore(Ignored::Match("*".parse().unwrap()))],
        ..ImageDecisions::default()
    };
    let wanted =
        |reference: &Reference| (reference.repository.name.as_str() == "possible").then(|| platforms.clone());
    let decided = decided(&decisions, &wanted);
    let possible = decided.images.first().unwrap();
    assert_eq!(possible.decision, Decision::Confirmed);
    assert_eq!(possible.platforms, platforms);
    assert!(
        decided
            .images
            .iter()
            .skip(1)
            .all(|image| !image.decision.is_carried())
    );
}
