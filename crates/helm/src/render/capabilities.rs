//! `.Capabilities`: what Kubernetes and Helm can do.

use std::any::Any;

use super::api_versions;
use crate::call::{Call, FunctionError, Param};
use crate::chart::Profile;
use crate::value::{Kind, List, ListType, Method, Object, Str, Value};

/// What a cluster can do, without asking one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// The version of Kubernetes.
    pub kube: KubeVersion,
    /// The API versions that `.Capabilities.APIVersions.Has` finds.
    pub api_versions: Vec<String>,
    /// The version of Helm that templates see, such as `v4.2.3`.
    pub helm: String,
}

/// A version of Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubeVersion {
    version: String,
    normalized: String,
    major: String,
    minor: String,
}

/// Text that is no version of Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid kube version '{text}': {problem}")]
pub struct KubeVersionError {
    text: String,
    problem: String,
}

impl Capabilities {
    /// What Helm assumes of a cluster that it does not ask: the Kubernetes version it was built for, and every API
    /// version that its client library knows.
    pub fn new(profile: Profile) -> Self {
        let (kube, helm) = match profile {
            Profile::Helm3 => ("v1.34.0", "v3.19.0"),
            Profile::Helm4 => ("v1.36.0", "v4.2.3"),
        };
        Self {
            kube: KubeVersion::plain(kube),
            api_versions: api_versions::known(profile).map(str::to_owned).collect(),
            helm: helm.to_owned(),
        }
    }

    pub(super) fn value(&self, profile: Profile) -> Value {
        Value::object(CapabilitiesObject {
            all: self.clone(),
            profile,
        })
    }
}

impl KubeVersion {
    fn plain(version: &str) -> Self {
        let mut parts = version.trim_start_matches('v').split('.');
        let mut part = || parts.next().unwrap_or_default().to_owned();
        Self {
            version: version.to_owned(),
            normalized: version.to_owned(),
            major: part(),
            minor: part(),
        }
    }

    /// Reads a version as `--kube-version` takes it (`k8s.io/apimachinery`, `version.ParseGeneric`): two numbers or
    /// more, and then anything. Helm 4 keeps the text for templates, Helm 3 keeps the numbers.
    pub fn parse(text: &str, profile: Profile) -> Result<Self, KubeVersionError> {
        let refuse = |problem: String| KubeVersionError {
            text: text.to_owned(),
            problem,
        };
        let trimmed = text.trim_start();
        let mut parts = Vec::new();
        let mut rest = trimmed.strip_prefix('v').unwrap_or(trimmed);
        loop {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let (digits, after) = rest.split_at_checked(end).unwrap_or_default();
            if digits.is_empty() {
                break;
            }
            parts.push(digits);
            match after.strip_prefix('.') {
                Some(after) => rest = after,
                None => break,
            }
        }
        let Some(first) = parts.first() else {
            return Err(refuse(format!("could not parse {text:?} as version")));
        };
        if parts.len() < 2 {
            return Err(refuse(format!("illegal version string {text:?}")));
        }
        if first.len() > 1 && first.starts_with('0') {
            return Err(refuse(format!(
                "illegal zero-prefixed version component {first:?} in {text:?}"
            )));
        }
        let mut numbers = Vec::new();
        for part in parts {
            let number: u64 = part.parse().map_err(|_| {
                refuse(format!(
                    "illegal non-numeric version component {part:?} in {text:?}: strconv.ParseUint: parsing {part:?}: value out of range"
                ))
            })?;
            numbers.push(number.to_string());
        }
        let normalized = format!("v{}", numbers.join("."));
        let version = match profile {
            Profile::Helm3 => normalized.clone(),
            Profile::Helm4 if text.starts_with('v') => text.to_owned(),
            Profile::Helm4 => format!("v{text}"),
        };
        let part = |at: usize| numbers.get(at).cloned().unwrap_or_default();
        Ok(Self {
            version,
            normalized,
            major: part(0),
            minor: part(1),
        })
    }

    /// The whole version, such as `v1.33.4-gke.1245000`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The version that ranges are compared with: without what follows the numbers.
    pub(super) fn normalized(&self) -> &str {
        &self.normalized
    }

    fn plain_value(&self) -> Value {
        Value::map([
            ("Major", Value::from(self.major.as_str())),
            ("Minor", Value::from(self.minor.as_str())),
            ("Version", Value::from(self.version.as_str())),
        ])
    }
}

fn named(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Vec<(Str, Value)> {
    let fields = fields.into_iter();
    fields.map(|(name, value)| (Str::from(name), value)).collect()
}

#[derive(Debug)]
struct CapabilitiesObject {
    all: Capabilities,
    profile: Profile,
}

impl CapabilitiesObject {
    fn versions(&self) -> Value {
        Value::object(VersionSet {
            name: match self.profile {
                Profile::Helm3 => "chartutil.VersionSet",
                Profile::Helm4 => "common.VersionSet",
            },
            versions: List::new(
                ListType::String,
                self.all
                    .api_versions
                    .iter()
                    .map(|text| Value::from(text.as_str())),
            ),
        })
    }

    fn kube(&self) -> KubeVersionObject {
        KubeVersionObject {
            version: self.all.kube.clone(),
            profile: self.profile,
        }
    }

    fn helm(&self) -> BuildInfo {
        BuildInfo {
            version: self.all.helm.clone(),
            client: (self.profile == Profile::Helm4).then_some(CLIENT),
        }
    }

    /// The struct behind the pointer, as `%v` prints it.
    fn shown(&self) -> String {
        let versions = self.all.api_versions.join(" ");
        format!("{{{} [{versions}] {}}}", self.kube().all(), self.helm().all())
    }
}

impl Object for CapabilitiesObject {
    fn type_name(&self) -> &'static str {
        match self.profile {
            Profile::Helm3 => "*chartutil.Capabilities",
            Profile::Helm4 => "*common.Capabilities",
        }
    }

    fn kind(&self) -> Kind {
        Kind::Ptr
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "KubeVersion" => Some(Value::object(self.kube())),
            "APIVersions" => Some(self.versions()),
            "HelmVersion" => Some(Value::object(self.helm())),
            _ => None,
        }
    }

    fn plain(&self) -> Value {
        Value::map([
            ("APIVersions", self.versions()),
            ("HelmVersion", Value::object(self.helm())),
            ("KubeVersion", self.all.kube.plain_value()),
        ])
    }

    fn json_fields(&self) -> Option<Vec<(Str, Value)>> {
        Some(named([
            ("KubeVersion", Value::object(self.kube())),
            ("APIVersions", self.versions()),
            ("HelmVersion", Value::object(self.helm())),
        ]))
    }

    fn print(&self) -> Option<Str> {
        Some(Str::from(format!("&{}", self.shown())))
    }

    fn print_in_place(&self) -> Option<Str> {
        Some(Str::from(self.shown()))
    }
}

#[derive(Debug)]
struct KubeVersionObject {
    version: KubeVersion,
    profile: Profile,
}

fn kube(object: &dyn Object, pick: fn(&KubeVersionObject) -> &str) -> Result<Value, FunctionError> {
    match object.as_any().downcast_ref::<KubeVersionObject>() {
        Some(object) => Ok(Value::from(pick(object))),
        None => Err(FunctionError::new("it is no version of Kubernetes")),
    }
}

impl KubeVersionObject {
    /// Every field, as `%v` prints a struct.
    fn all(&self) -> String {
        let KubeVersion {
            version,
            normalized,
            major,
            minor,
        } = &self.version;
        match self.profile {
            Profile::Helm3 => format!("{{{version} {major} {minor}}}"),
            Profile::Helm4 => format!("{{{version} {normalized} {major} {minor}}}"),
        }
    }

    fn shown(&self) -> &str {
        match self.profile {
            Profile::Helm3 => &self.version.version,
            Profile::Helm4 => &self.version.normalized,
        }
    }
}

impl Object for KubeVersionObject {
    fn type_name(&self) -> &'static str {
        match self.profile {
            Profile::Helm3 => "chartutil.KubeVersion",
            Profile::Helm4 => "common.KubeVersion",
        }
    }

    fn kind(&self) -> Kind {
        Kind::Struct
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn field(&self, name: &str) -> Option<Value> {
        let text = match name {
            "Version" => &self.version.version,
            "Major" => &self.version.major,
            "Minor" => &self.version.minor,
            _ => return None,
        };
        Some(Value::from(text.as_str()))
    }

    fn method(&self, name: &str) -> Option<Method> {
        let call: fn(&dyn Object, &mut Call<'_>, &[Value]) -> Result<Value, FunctionError> = match name {
            "String" => |object, _, _| kube(object, KubeVersionObject::shown),
            "GitVersion" => |object, _, _| kube(object, |object| &object.version.version),
            _ => return None,
        };
        Some(Method {
            params: &[],
            variadic: None,
            call,
        })
    }

    fn plain(&self) -> Value {
        self.version.plain_value()
    }

    fn json_fields(&self) -> Option<Vec<(Str, Value)>> {
        let KubeVersion {
            version,
            major,
            minor,
            ..
        } = &self.version;
        let fields = [("Version", version), ("Major", major), ("Minor", minor)];
        Some(named(
            fields.map(|(name, text)| (name, Value::from(text.as_str()))),
        ))
    }

    /// The struct as it is: `String` has a pointer for its receiver, so functions do not find it.
    fn print(&self) -> Option<Str> {
        Some(Str::from(self.all()))
    }

    fn print_in_place(&self) -> Option<Str> {
        Some(Str::from(self.shown()))
    }
}

#[derive(Debug)]
struct VersionSet {
    name: &'static str,
    versions: List,
}

impl Object for VersionSet {
    fn type_name(&self) -> &'static str {
        self.name
    }

    fn kind(&self) -> Kind {
        Kind::Slice
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn method(&self, name: &str) -> Option<Method> {
        (name == "Has").then_some(Method {
            params: &[Param::String],
            variadic: None,
            call: |object, call, arguments| {
                let set = object.as_any().downcast_ref::<VersionSet>();
                let (Some(set), Some(Value::String(wanted))) = (set, arguments.first()) else {
                    return Ok(Value::Bool(false));
                };
                call.budget.step(1 + set.versions.len() as u64 / 32)?;
                let same = |version: &Value| matches!(version, Value::String(text) if text == wanted);
                Ok(Value::Bool(set.versions.iter().any(same)))
            },
        })
    }

    fn plain(&self) -> Value {
        Value::List(self.versions.clone())
    }

    fn truth(&self) -> bool {
        !self.versions.is_empty()
    }
}

/// The version of Helm, with the version of Go that releases of it are built with.
#[derive(Debug)]
struct BuildInfo {
    version: String,
    client: Option<&'static str>,
}

/// The Go that the releases of Helm which are followed here were built with.
const GO: &str = "go1.26.8";
/// The Kubernetes of its client library, which only Helm 4 tells.
const CLIENT: &str = "v1.36";

impl BuildInfo {
    /// Every field, as `%v` prints a struct.
    fn all(&self) -> String {
        let client = self.client.map(|text| format!(" {text}"));
        format!("{{{}   {GO}{}}}", self.version, client.unwrap_or_default())
    }
}

impl Object for BuildInfo {
    fn type_name(&self) -> &'static str {
        "version.BuildInfo"
    }

    fn kind(&self) -> Kind {
        Kind::Struct
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "Version" => Some(Value::from(self.version.as_str())),
            "GitCommit" | "GitTreeState" => Some(Value::from("")),
            "GoVersion" => Some(Value::from(GO)),
            "KubeClientVersion" => self.client.map(Value::from),
            _ => None,
        }
    }

    fn plain(&self) -> Value {
        Value::map(self.json_fields().unwrap_or_default())
    }

    /// Those that are empty are left out.
    fn json_fields(&self) -> Option<Vec<(Str, Value)>> {
        let client = self.client.map(|text| ("kube_client_version", text));
        let entries = [("version", self.version.as_str()), ("go_version", GO)];
        let entries = entries.into_iter().chain(client);
        Some(named(entries.map(|(key, text)| (key, Value::from(text)))))
    }

    fn print(&self) -> Option<Str> {
        Some(Str::from(self.all()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `helm template --kube-version` says of them.
    #[test]
    fn versions_are_read_as_helm_reads_them() {
        for (text, four, three) in [
            ("1.30", "v1.30 v1.30 1 30", "v1.30"),
            ("v1.30.1-gke.5", "v1.30.1-gke.5 v1.30.1 1 30", "v1.30.1"),
            ("1.2.3.4", "v1.2.3.4 v1.2.3.4 1 2", "v1.2.3.4"),
            ("1.02", "v1.02 v1.2 1 2", "v1.2"),
            ("1.30.", "v1.30. v1.30 1 30", "v1.30"),
            ("1.30.1+k3s1", "v1.30.1+k3s1 v1.30.1 1 30", "v1.30.1"),
        ] {
            let version = KubeVersion::parse(text, Profile::Helm4).unwrap();
            let all = [
                &version.version,
                &version.normalized,
                &version.major,
                &version.minor,
            ];
            assert_eq!(all.map(String::as_str).join(" "), four, "{text}");
            let version = KubeVersion::parse(text, Profile::Helm3).unwrap();
            assert_eq!(version.version, three, "{text}");
        }
        for (text, problem) in [
            ("x", "could not parse \"x\" as version"),
            ("vv1.2", "could not parse \"vv1.2\" as version"),
            ("1", "illegal version string \"1\""),
            ("v1.x", "illegal version string \"v1.x\""),
            (
                "1.99999999999999999999",
                "illegal non-numeric version component \"99999999999999999999\" in \"1.99999999999999999999\": strconv.ParseUint: parsing \"99999999999999999999\": value out of range",
            ),
        ] {
            let error = KubeVersion::parse(text, Profile::Helm4).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("invalid kube version '{text}': {problem}")
            );
        }
    }
}
