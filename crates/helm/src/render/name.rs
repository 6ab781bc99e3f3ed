//! Names of releases (Helm, `pkg/chart/v2/util/validate_name.go`, `pkg/action/install.go`).

use std::sync::Arc;

use super::{Limits, RenderError};
use crate::call::{Budget, Call, Function, FunctionError, Param, World};
use crate::chart::Profile;
use crate::template::{Functions, TemplateSet, fmt};
use crate::value::Value;

/// The longest name, so that what is made of it fits into the names of Kubernetes.
const MAX_NAME: usize = 53;

/// The functions of charts that Sprig does not have.
const OF_HELM: [&str; 9] = [
    "toYaml",
    "mustToYaml",
    "toYamlPretty",
    "fromYaml",
    "fromYamlArray",
    "toToml",
    "mustToToml",
    "fromToml",
    "fromJsonArray",
];

/// That of Sprig; charts have Helm's.
const FAIL: Function = Function {
    name: "fail",
    params: &[Param::String],
    variadic: None,
    call: |_, arguments| {
        Err(FunctionError::new(match arguments.first() {
            Some(Value::String(text)) => text.text().into_owned(),
            _ => String::new(),
        }))
    },
};

/// The name of a release that a template gives (`--name-template`): Go's template with the functions of Sprig, and
/// nothing as its dot.
///
/// `env` and `expandenv` are no functions here: nothing reads the environment.
pub fn release_name(template: &str, world: &World, limits: &Limits) -> Result<String, RenderError> {
    let plain = crate::functions::functions()
        .iter()
        .chain(crate::format::functions())
        .filter(|function| !OF_HELM.contains(&function.name))
        .copied()
        .chain([FAIL]);
    let mut set = TemplateSet::new("name-template", Arc::new(Functions::new(plain, [])));
    let failed = |text: String| RenderError::Template {
        shown: text.clone(),
        text,
    };
    set.parse("name-template", template)
        .map_err(|error| failed(error.to_string()))?;
    let mut budget = Budget::new(limits.steps, limits.memory);
    let mut world = world.clone();
    let call = Call {
        budget: &mut budget,
        world: &mut world,
    };
    let name = set
        .execute("name-template", &Value::Nil, call, &mut ())
        .map_err(|error| match error {
            FunctionError::Limit(limit) => limit.into(),
            other => failed(other.to_string()),
        })?;
    Ok(String::from_utf8_lossy(&name).into_owned())
}

/// Refuses what Helm refuses as the name of a release.
pub(super) fn check(name: &str, profile: Profile) -> Result<(), RenderError> {
    let problem = if name.is_empty() {
        "no name provided"
    } else if name.len() > MAX_NAME || !name.split('.').all(is_label) {
        "invalid release name, must match regex ^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$ and the length must not be longer than 53"
    } else {
        return Ok(());
    };
    let lead = match profile {
        Profile::Helm3 => "",
        Profile::Helm4 => "release name check failed: ",
    };
    let quoted = fmt::quoted(name.as_bytes()).text().into_owned();
    Err(RenderError::Name(format!(
        "{lead}release name {quoted}: {problem}"
    )))
}

/// What stands between the dots of a name.
fn is_label(label: &str) -> bool {
    let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = label.as_bytes();
    bytes.first().is_some_and(plain)
        && bytes.last().is_some_and(plain)
        && bytes.iter().all(|byte| plain(byte) || *byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answers of `helm template NAME CHART` 4.2.3.
    #[test]
    fn names_are_those_that_helm_takes() {
        for (name, taken) in [
            ("a", true),
            ("a.b", true),
            ("0", true),
            ("a--b.c-d", true),
            (&"a".repeat(53), true),
            (&"a".repeat(54), false),
            ("", false),
            ("A", false),
            ("a_b", false),
            ("-a", false),
            ("a-", false),
            ("a..b", false),
            ("a.", false),
            ("a.-b", false),
            ("é", false),
            ("a\n", false),
        ] {
            for profile in [Profile::Helm3, Profile::Helm4] {
                assert_eq!(check(name, profile).is_ok(), taken, "{name:?}");
            }
        }
    }

    /// The answers of `helm template --name-template TEMPLATE CHART` 4.2.3.
    #[test]
    fn templates_of_names_have_the_functions_of_sprig() {
        for (template, expected) in [
            ("x-{{ 1 | add 2 }}", Ok("x-3")),
            ("{{ upper \"a\" }}{{ dict \"a\" 1 | toJson }}", Ok("A{\"a\":1}")),
            ("{{ .x }}", Ok("<no value>")),
            ("{{ range until 3 }}{{ . }}{{ end }}", Ok("012")),
            (
                "{{ fail \"x\" }}",
                Err(
                    "template: name-template:1:3: executing \"name-template\" at <fail \"x\">: error calling fail: x",
                ),
            ),
            (
                "{{ include \"x\" . }}",
                Err("template: name-template:1: function \"include\" not defined"),
            ),
            (
                "{{ toYaml 1 }}",
                Err("template: name-template:1: function \"toYaml\" not defined"),
            ),
            ("{{ ", Err("template: name-template:1: unclosed action")),
        ] {
            let given = release_name(template, &World::new((0, 0), 0), &Limits::default());
            let given = given.map_err(|error| error.to_string());
            assert_eq!(given.as_deref().map_err(String::as_str), expected, "{template}");
        }
        let endless = release_name(
            "{{ range until 1000000000 }}{{ end }}",
            &World::new((0, 0), 0),
            &Limits::default(),
        );
        assert!(endless.is_err_and(|error| error.is_limit()));
    }
}
