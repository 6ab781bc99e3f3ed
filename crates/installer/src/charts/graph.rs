//! What is installed after what.

use std::collections::{BTreeMap, BTreeSet};

use super::ChartsError;

/// Names in waves: each after everything that it waits for, and as early as that allows. All names that are waited for
/// are keys.
pub(super) fn waves<'a>(
    after: &BTreeMap<&'a str, BTreeSet<&'a str>>,
) -> Result<Vec<Vec<&'a str>>, ChartsError> {
    let mut waves = Vec::new();
    let mut done: BTreeSet<&str> = BTreeSet::new();
    while done.len() < after.len() {
        let is_next =
            |(name, needs): &(&&str, &BTreeSet<&str>)| !done.contains(**name) && needs.is_subset(&done);
        let wave: Vec<&str> = after.iter().filter(is_next).map(|(name, _)| *name).collect();
        if wave.is_empty() {
            return Err(ChartsError::Cycle(cycle(after, &done)));
        }
        done.extend(&wave);
        waves.push(wave);
    }
    Ok(waves)
}

/// Some way round, from a name back to itself; there is one among what is not done.
fn cycle(after: &BTreeMap<&str, BTreeSet<&str>>, done: &BTreeSet<&str>) -> Vec<String> {
    let mut way: Vec<&str> = Vec::new();
    let mut next = after.keys().find(|name| !done.contains(**name)).copied();
    while let Some(name) = next {
        if let Some(at) = way.iter().position(|seen| *seen == name) {
            way.push(name);
            return way.split_off(at).into_iter().map(str::to_owned).collect();
        }
        way.push(name);
        // Whatever is not done waits for something else that is not done.
        next = after
            .get(name)
            .and_then(|needs| needs.iter().find(|need| !done.contains(**need)).copied());
    }
    way.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(text: &'static str) -> BTreeMap<&'static str, BTreeSet<&'static str>> {
        let lines = text.split(';').map(|line| {
            let mut words = line.split_whitespace();
            (words.next().unwrap(), words.collect())
        });
        lines.collect()
    }

    #[test]
    fn everything_comes_as_early_as_it_can() {
        let order = waves(&said("a b;b c d;c;d;e;f a e")).unwrap();
        assert_eq!(order, [vec!["c", "d", "e"], vec!["b"], vec!["a"], vec!["f"]]);
        assert!(waves(&BTreeMap::new()).unwrap().is_empty());
    }

    #[test]
    fn a_circle_is_shown() {
        for (text, way) in [
            ("a a", "a → a"),
            ("a b;b c;c d;d b;e", "b → c → d → b"),
            ("x;y x z;z y", "y → z → y"),
        ] {
            let error = waves(&said(text)).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("charts of site.yaml wait for each other: {way}")
            );
        }
    }

    proptest! {
        /// Every order keeps what it is asked to keep, and what cannot be ordered shows a circle that is one.
        #[test]
        fn orders_hold(edges in prop::collection::vec((0_usize..8, 0_usize..8), 0..20)) {
            const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
            let mut after: BTreeMap<&str, BTreeSet<&str>> = NAMES.iter().map(|name| (*name, BTreeSet::new())).collect();
            for (from, to) in edges {
                after.get_mut(NAMES[from]).unwrap().insert(NAMES[to]);
            }
            match waves(&after) {
                Ok(order) => {
                    let mut done = BTreeSet::new();
                    for wave in &order {
                        for name in wave {
                            prop_assert!(after[name].is_subset(&done));
                        }
                        done.extend(wave.iter().copied());
                    }
                    prop_assert_eq!(done.len(), 8);
                }
                Err(ChartsError::Cycle(way)) => {
                    prop_assert!(way.len() > 1 && way.first() == way.last());
                    for pair in way.windows(2) {
                        prop_assert!(after[pair[0].as_str()].contains(pair[1].as_str()));
                    }
                }
                Err(other) => prop_assert!(false, "{other}"),
            }
        }
    }
}
