//! Charts of our own, rendered by this crate and judged by Helm; README.md beside this file tells the format.

#![allow(clippy::unwrap_used)]

mod coverage;
mod expected;
mod oracle;
mod scenario;

use expected::{Answer, Expected};

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
