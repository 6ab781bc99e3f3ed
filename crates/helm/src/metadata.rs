use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::{ChartError, LooseVersion};

/// `Chart.yaml` (Helm, "The Chart.yaml File"), with the fields and their order of Helm's own type.
///
/// Fields that Helm does not know are dropped, as Helm drops them when it packages a chart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ChartMetadata {
    /// The chart's name.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_empty")]
    pub name: String,
    /// The address of the project.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_empty")]
    pub home: String,
    /// Addresses of its source code.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_empty")]
    pub sources: Vec<String>,
    /// The chart's version, SemVer 2.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_empty")]
    pub version: String,
    /// One sentence about it.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_empty")]
    pub description: String,
    /// Words to find it by.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_empty")]
    pub keywords: Vec<String>,
    /// Who looks after it.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_empty")]
    pub maintainers: Vec<Maintainer>,
    /// The address of a picture.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_empty")]
    pub icon: String,
    /// `v1` or `v2`.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_empty")]
    pub api_version: String,
    /// The value that switches the chart on.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_empty")]
    pub condition: String,
    /// The tags that switch the chart on.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_empty")]
    pub tags: String,
    /// The version of the application in it.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_empty")]
    pub app_version: String,
    /// Whether it is no longer looked after.
    #[serde(skip_serializing_if = "std::ops::Not::not", deserialize_with = "or_empty")]
    pub deprecated: bool,
    /// Free-form facts.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "or_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The Kubernetes versions it runs on.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_empty")]
    pub kube_version: String,
    /// The charts it needs.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_empty")]
    pub dependencies: Vec<Dependency>,
    /// `application` or `library`.
    #[serde(
        rename = "type",
        skip_serializing_if = "String::is_empty",
        deserialize_with = "or_empty"
    )]
    pub kind: String,
}

/// Who looks after a chart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Maintainer {
    /// A person or organisation.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_empty")]
    pub name: String,
    /// Where to write to.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_empty")]
    pub email: String,
    /// Where to read about them.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_empty")]
    pub url: String,
}

/// A chart that another one needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dependency {
    /// Its name.
    #[serde(deserialize_with = "or_empty")]
    pub name: String,
    /// The versions that will do.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_empty")]
    pub version: String,
    /// The repository that holds it.
    #[serde(deserialize_with = "or_empty")]
    pub repository: String,
    /// The value that switches it on.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_empty")]
    pub condition: String,
    /// The tags that switch it on.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_empty")]
    pub tags: Vec<String>,
    /// Whether it is on.
    #[serde(skip_serializing_if = "std::ops::Not::not", deserialize_with = "or_empty")]
    pub enabled: bool,
    /// Which of its values go to the parent.
    #[serde(
        rename = "import-values",
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "or_empty"
    )]
    pub import_values: Vec<serde_json::Value>,
    /// The name it goes by in the parent.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_empty")]
    pub alias: String,
}

/// Go leaves a field at its zero value for `null`.
fn or_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl ChartMetadata {
    /// Reads a `Chart.yaml` and checks what Helm checks before it packages or pushes a chart.
    pub fn parse(bytes: &[u8]) -> Result<Self, ChartError> {
        let metadata: Self = crate::yaml::parse(bytes).map_err(ChartError::Yaml)?;
        metadata.validate()?;
        Ok(metadata)
    }

    fn validate(&self) -> Result<(), ChartError> {
        let field = |field, problem: String| Err(ChartError::Field { field, problem });
        match self.api_version.as_str() {
            "v1" | "v2" => {}
            "" => return field("apiVersion", "it is missing".to_owned()),
            other => return field("apiVersion", format!("it must be v1 or v2: {other:?}")),
        }
        // The name becomes a folder, a file name and a part of a reference.
        let good_name = self
            .name
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || b"._-".contains(&c))
            && self
                .name
                .bytes()
                .next()
                .is_some_and(|c| c.is_ascii_alphanumeric())
            && self.name.len() <= 128;
        if !good_name {
            return field(
                "name",
                format!("it must be letters, digits, '.', '_' or '-': {:?}", self.name),
            );
        }
        if self.version.parse::<LooseVersion>().is_err() {
            return field(
                "version",
                format!("it must be a semantic version: {:?}", self.version),
            );
        }
        if !matches!(self.kind.as_str(), "" | "application" | "library") {
            return field(
                "type",
                format!("it must be application or library: {:?}", self.kind),
            );
        }
        Ok(())
    }

    /// The chart's version as a tag: `+` is not allowed there, so Helm writes `_`.
    pub fn tag(&self) -> String {
        self.version.replace('+', "_")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_helm_requires() {
        let problem = |text: &str| ChartMetadata::parse(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(
            problem("name: a\nversion: 1.0.0\n"),
            "the Chart.yaml is not valid: apiVersion: it is missing"
        );
        assert_eq!(
            problem("apiVersion: v2\nname: ../a\nversion: 1.0.0\n"),
            "the Chart.yaml is not valid: name: it must be letters, digits, '.', '_' or '-': \"../a\""
        );
        assert_eq!(
            problem("apiVersion: v2\nname: a\nversion: one\n"),
            "the Chart.yaml is not valid: version: it must be a semantic version: \"one\""
        );
        assert!(problem("- a\n").starts_with("the Chart.yaml is not valid: "));
        let long = "a".repeat(129);
        for (field, text) in [
            ("apiVersion", "apiVersion: v3\nname: a\nversion: 1.0.0\n"),
            ("name", "apiVersion: v2\nname: .a\nversion: 1.0.0\n"),
            ("name", "apiVersion: v2\nversion: 1.0.0\n"),
            ("name", &format!("apiVersion: v2\nname: {long}\nversion: 1.0.0\n")),
            ("type", "apiVersion: v2\nname: a\nversion: 1.0.0\ntype: plugin\n"),
        ] {
            let start = format!("the Chart.yaml is not valid: {field}: ");
            assert!(problem(text).starts_with(&start), "{}", problem(text));
        }
    }

    #[test]
    fn nulls_unknown_fields_and_bare_numbers_are_taken_as_helm_users_write_them() {
        let chart = ChartMetadata::parse(
            b"apiVersion: v2\nname: a\nversion: 1.10\nappVersion: 1.20\nhome:\nkeywords: null\nengine: gotpl\n",
        )
        .unwrap();
        assert_eq!(
            (chart.version.as_str(), chart.app_version.as_str()),
            ("1.10", "1.20")
        );
    }

    /// Helm takes the last of two equal keys, so this must as well.
    #[test]
    fn a_key_twice_is_read_as_helm_reads_it_and_depth_is_refused() {
        let chart =
            ChartMetadata::parse(b"apiVersion: v2\nname: a\nversion: 1.0.0\nname: b\nName: c\n").unwrap();
        assert_eq!(chart.name, "b");
        for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", ""), ("? ", "")] {
            let deep = open.repeat(100_000) + &close.repeat(100_000);
            let text = format!("apiVersion: v2\nname: a\nversion: 1.0.0\nx:\n  {deep}\n");
            assert!(ChartMetadata::parse(text.as_bytes()).is_err(), "{open:?}");
        }
    }

    #[test]
    fn aliases_cannot_blow_up() {
        let mut bomb = String::from("apiVersion: v2\nname: a\nversion: 1.0.0\nx0: &x0 [lol]\n");
        for level in 1..20 {
            let previous = format!("*x{}, ", level - 1).repeat(10);
            bomb.extend([
                "x".to_owned(),
                level.to_string(),
                ": &x".to_owned(),
                level.to_string(),
                format!(" [{previous}]\n"),
            ]);
        }
        assert!(ChartMetadata::parse(bomb.as_bytes()).is_err());
        // One and the same scalar as often as goes into a document of the length allowed; and fewer, longer ones.
        for (times, length) in [(1_300_000, 1), (17, 1 << 20)] {
            let (scalar, aliases) = ("a".repeat(length), "*x,".repeat(times));
            let text =
                format!("apiVersion: v2\nname: a\nversion: 1.0.0\nx: &x {scalar}\nsources: [{aliases}]\n");
            let error = ChartMetadata::parse(text.as_bytes()).unwrap_err();
            assert!(matches!(error, ChartError::Yaml(_)), "{error}");
        }
        let many = format!(
            "apiVersion: v2\nname: a\nversion: 1.0.0\nsources: [{}]\n",
            "a,".repeat(100_000)
        );
        let error = ChartMetadata::parse(many.as_bytes()).unwrap_err();
        assert!(matches!(error, ChartError::Yaml(_)), "{error}");
    }

    #[test]
    fn a_document_has_a_limit() {
        let of_length = |length: usize| {
            let mut text = b"apiVersion: v2\nname: a\nversion: 1.0.0\n#".to_vec();
            text.resize(length, b'#');
            ChartMetadata::parse(&text)
        };
        of_length(4 << 20).unwrap();
        let error = of_length((4 << 20) + 1).unwrap_err().to_string();
        assert!(error.contains("longer than the 4194304 bytes"), "{error}");
    }
}
