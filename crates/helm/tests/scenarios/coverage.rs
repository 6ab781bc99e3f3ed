//! Which of Helm's functions the scenarios call.

use std::collections::BTreeSet;

use crate::scenario::Scenario;

/// Every function of Helm 4.2.3 and of Go's templates, one a line.
const FUNCTIONS: &str = include_str!("functions.txt");

/// The functions that no template calls.
pub(crate) fn missing(scenarios: &[Scenario]) -> Vec<&'static str> {
    let mut called = BTreeSet::new();
    for (_, text) in scenarios.iter().flat_map(|scenario| &scenario.files) {
        for action in text.split("{{").skip(1) {
            words(action.split("}}").next().unwrap_or_default(), &mut called);
        }
    }
    FUNCTIONS
        .lines()
        .filter(|function| !called.contains(*function))
        .collect()
}

/// The names in an action that are neither fields nor variables nor inside of a string.
fn words<'a>(action: &'a str, called: &mut BTreeSet<&'a str>) {
    let mut quote = None;
    let mut start = None;
    let mut previous = ' ';
    let mut before = ' ';
    for (at, sign) in action.char_indices().chain([(action.len(), ' ')]) {
        if quote.is_some() {
            if Some(sign) == quote && previous != '\\' {
                quote = None;
            }
        } else if sign.is_alphanumeric() || sign == '_' {
            if start.is_none() {
                start = Some(at);
                before = previous;
            }
        } else {
            if let Some(start) = start.take()
                && before != '.'
                && before != '$'
            {
                called.insert(&action[start..at]);
            }
            if ['"', '`'].contains(&sign) {
                quote = Some(sign);
            }
        }
        previous = sign;
    }
}
