//! Semantic versions and their ranges as Masterminds/semver has them: 3.4 in Helm 3, 3.5 in Helm 4.
//!
//! The two find the same versions in the same ranges. The newer one refuses what is too long, and puts what it
//! refuses in quotes.

mod constraint;
mod version;

pub(crate) use constraint::Constraints;
pub(crate) use version::Version;

use super::args::{Outcome, boolean_value, functions, string};
use crate::{
    call::{Call, Function, FunctionError, Param},
    chart::Profile,
    value::Value,
};

functions! {
    "semver" (String) |call, a| semver(call, a, Profile::Helm4);
    "semverCompare" (String, String) |call, a| compare(call, a, Profile::Helm4);
}

/// The same with what Helm 3 says of errors.
pub(super) const HELM3: &[Function] = &[
    Function {
        name: "semver",
        params: &[Param::String],
        variadic: None,
        call: |call, a| semver(call, a, Profile::Helm3),
    },
    Function {
        name: "semverCompare",
        params: &[Param::String, Param::String],
        variadic: None,
        call: |call, a| compare(call, a, Profile::Helm3),
    },
];

fn version(call: &mut Call<'_>, text: &[u8], profile: Profile) -> Result<Version, FunctionError> {
    call.budget.step(1 + text.len() as u64 / 16)?;
    Version::parse(text, profile).map_err(|error| FunctionError::new(error.to_string()))
}

fn semver(call: &mut Call<'_>, args: &[Value], profile: Profile) -> Outcome {
    version(call, string(args, 0)?, profile).map(Value::object)
}

fn compare(call: &mut Call<'_>, args: &[Value], profile: Profile) -> Outcome {
    let (range, text) = (string(args, 0)?, string(args, 1)?);
    // Helm 3 takes ranges of any length, in which the search for hyphens starts anew at every character.
    let cost = range.len().saturating_mul(range.len() + text.len()) / 256;
    call.budget.step(1 + cost as u64)?;
    let constraints =
        Constraints::parse(range, profile).map_err(|error| FunctionError::new(error.text(profile)))?;
    let version = version(call, text, profile)?;
    boolean_value(constraints.check(&version))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A range, a version, and what the two releases of Masterminds/semver made of them.
    #[derive(serde::Deserialize)]
    struct Case {
        #[serde(rename = "c")]
        range: String,
        #[serde(rename = "v")]
        version: String,
        /// Why it is no range in 3.4, and in 3.5.
        e3: Option<String>,
        e4: Option<String>,
        /// Why it is no version.
        ve: Option<String>,
        /// The version in full.
        #[serde(rename = "s")]
        text: Option<String>,
        #[serde(rename = "m")]
        matches: Option<bool>,
    }

    #[test]
    fn ranges_and_versions_are_those_of_masterminds() {
        let cases = include_str!("../../tests/data/ranges.jsonl");
        let mut matching = 0;
        for line in cases.lines() {
            let case: Case = serde_json::from_str(line).unwrap();
            for (profile, error) in [(Profile::Helm3, &case.e3), (Profile::Helm4, &case.e4)] {
                let range = Constraints::parse(case.range.as_bytes(), profile);
                let version = Version::parse(case.version.as_bytes(), profile);
                let refused = range.as_ref().err().map(|error| error.text(profile));
                assert_eq!(refused, *error, "{profile:?} {line}");
                let refused = version.as_ref().err().map(ToString::to_string);
                assert_eq!(refused, case.ve, "{profile:?} {line}");
                assert_eq!(version.as_ref().ok().map(Version::text), case.text, "{line}");
                if let (Ok(range), Ok(version)) = (range, version) {
                    assert_eq!(Some(range.check(&version)), case.matches, "{profile:?} {line}");
                    matching += usize::from(case.matches == Some(true));
                }
            }
        }
        assert!(matching > 1000, "hardly a version is in its range");
    }
}
