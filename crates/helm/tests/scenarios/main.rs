//! Charts of our own, rendered by this crate and judged by Helm; README.md beside this file tells the format.

#![allow(clippy::unwrap_used)]

mod coverage;
mod expected;
mod oracle;
mod ours;
mod scenario;

use airlock_helm::render::Renderer;
use expected::Expected;

/// The charts are many and the aims are many: fewer would leave something out.
#[test]
fn scenarios_are_complete() {
    let scenarios = scenario::all();
    assert!(scenarios.len() >= 150, "{} scenarios", scenarios.len());
    for scenario in &scenarios {
        let name = &scenario.name;
        assert!(
            !scenario.about.trim().is_empty(),
            "{name} does not say what it is"
        );
        assert!(scenario.cases.len() >= 2, "{name} has no values of its own");
        assert!(
            Expected::read(name).is_some(),
            "{name} has no recorded answers; AIRLOCK_RECORD=1 asks Helm for them"
        );
    }
}

#[test]
fn every_function_of_helm_occurs() {
    let missing = coverage::missing(&scenario::all());
    assert!(missing.is_empty(), "no scenario calls {}", missing.join(", "));
}

/// What is recorded is what Helm says. With `AIRLOCK_RECORD=1` its answers are written down instead.
#[test]
fn recorded_answers_are_those_of_helm() {
    let Some(python) = oracle::python() else { return };
    let mut oracle = oracle::Oracle::start(&python);
    let record = std::env::var_os("AIRLOCK_RECORD").is_some_and(|value| value == "1");
    let mut differences = Vec::new();
    for scenario in scenario::all() {
        let folder = scenario.write();
        let mut answers = Expected::default();
        for case in &scenario.cases {
            let answer = oracle.ask(folder.path(), &scenario, case);
            answers.insert(&case.name, answer);
        }
        if record {
            answers.write(&scenario.name);
            continue;
        }
        let recorded = Expected::read(&scenario.name).unwrap_or_default();
        differences.extend(recorded.differences(&answers, &scenario.name));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Cases that are not rendered as Helm does, with the reason; `docs/helm-differences.md` says more.
const OPEN: &str = include_str!("open.txt");

/// This crate renders each case as Helm did, but for those that are known to be open; and those are open indeed.
#[test]
fn every_case_is_rendered_as_by_helm() {
    let mut open: Vec<(&str, &str)> = OPEN
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(' '))
        .map(|(scenario, rest)| (scenario, rest.split(' ').next().unwrap_or_default()))
        .collect();
    let (mut differences, mut cases) = (Vec::new(), 0);
    let mut renderer = Renderer::default();
    for scenario in scenario::all() {
        let recorded = Expected::read(&scenario.name).unwrap_or_default();
        for case in &scenario.cases {
            cases += 1;
            let mut answers = Expected::default();
            answers.insert(&case.name, ours::answer(&scenario, case, &mut renderer));
            let found = recorded.differences(&answers, &scenario.name);
            let known = open
                .iter()
                .position(|(name, of)| *name == scenario.name && *of == case.name);
            match known {
                Some(at) if !found.is_empty() => {
                    open.remove(at);
                }
                Some(_) => {}
                None => differences.extend(found),
            }
        }
    }
    assert!(
        differences.is_empty(),
        "{} differences in {cases} cases:\n{}",
        differences.len(),
        differences.join("\n")
    );
    assert!(
        open.is_empty(),
        "no longer open, to be struck from open.txt: {open:?}"
    );
}
