//! Objects of Kubernetes, and what is special about some kinds.

use std::sync::Arc;

use super::super::found::{Content, Gap, Object};
use super::super::sink::{Fact, whole};
use super::super::text::{self, LONGEST};
use super::super::{Rule, embedded};
use super::{HOLDERS, Scope, Trust, Walker, text_of};
use crate::format::deeper;
use crate::value::{Map, Value};

impl Walker<'_> {
    /// An object, or a list of objects of whatever kind.
    pub(super) fn object(&mut self, value: &Value) {
        let Value::Map(map) = value else {
            return self.value(value, Scope::new(self.trust));
        };
        let kind = text_of(map, "kind");
        if kind.ends_with("List")
            && let Some(Value::List(items)) = map.get(b"items")
        {
            for (at, item) in items.iter().enumerate() {
                self.key("items", |walker| {
                    walker.index(at, |walker| deeper(|| walker.object(item)));
                });
            }
            return;
        }
        let outer = self.object.clone();
        let trust = self.trust;
        if !kind.is_empty() && map.contains(b"apiVersion") {
            self.object = Some(Arc::new(identity(map, kind)));
            self.kind(map);
        } else {
            self.value(value, Scope::new(trust));
        }
        self.object = outer;
    }

    /// What is special about objects of a kind.
    pub(super) fn kind(&mut self, map: &Map) {
        let object = self.object.clone().unwrap_or_default();
        let (group, _) = object.api_version.split_once('/').unwrap_or(("", ""));
        self.fact(map, group, &object.kind);
        let mut scope = Scope::new(self.trust);
        match (group, object.kind.as_str()) {
            ("", "ConfigMap") => {
                for name in ["data", "binaryData"] {
                    self.texts(map, name, name == "binaryData");
                }
                self.metadata(map);
            }
            ("", "Secret") => {
                for name in ["data", "stringData"] {
                    self.texts(map, name, name == "data");
                }
                self.metadata(map);
            }
            ("apiextensions.k8s.io", "CustomResourceDefinition") => {
                scope.trust = Trust::Schema;
                self.value(&Value::Map(map.clone()), scope);
            }
            // The system-upgrade-controller runs its images with the version that the plan is for.
            ("upgrade.cattle.io", "Plan") => {
                if let Some(Value::Map(spec)) = map.get(b"spec") {
                    let version = text_of(&spec, "version").replace('+', "-");
                    // It is written as often as there are images in the plan.
                    self.version = Some(version).filter(|version| (1..=LONGEST).contains(&version.len()));
                }
                self.value(&Value::Map(map.clone()), scope);
                self.version = None;
            }
            ("source.toolkit.fluxcd.io", "OCIRepository") => self.flux_source(map),
            // These watch repositories of images, and pull none.
            ("image.toolkit.fluxcd.io", _) => {}
            (_, kind) => {
                if HOLDERS.contains(&kind) {
                    scope.trust = Trust::Soft;
                }
                self.value(&Value::Map(map.clone()), scope);
            }
        }
    }

    pub(super) fn fact(&mut self, map: &Map, group: &str, kind: &str) {
        if !group.contains('.') {
            return;
        }
        let Some(Value::Map(spec)) = map.get(b"spec") else {
            return;
        };
        let fact = Fact {
            place: whole(&self.source, self.object.as_ref()),
            group: group.to_owned(),
            kind: kind.to_owned(),
            version: text_of(&spec, "version"),
            variant: text_of(&spec, "type"),
            has_image: ["image", "imageName", "baseImage"]
                .iter()
                .any(|key| spec.contains(key.as_bytes())),
        };
        if self.sink.facts.len() < self.sink.limits.findings {
            self.sink.facts.push(fact);
        }
    }

    /// The texts of a ConfigMap or Secret.
    pub(super) fn texts(&mut self, map: &Map, name: &str, encoded: bool) {
        let Some(Value::Map(data)) = map.get(name.as_bytes()) else {
            return;
        };
        let data = if encoded {
            let decoded = data.entries().into_iter().filter_map(|(key, value)| match value {
                Value::String(text) if self.sink.take(text.len(), &self.source) => {
                    Some((key, Value::string(embedded::decode(&text)?)))
                }
                _ => None,
            });
            Map::new(data.map_type(), decoded)
        } else {
            data
        };
        self.key(name, |walker| walker.map(&data, Scope::new(Trust::Embedded)));
    }

    pub(super) fn metadata(&mut self, map: &Map) {
        if let Some(metadata) = map.get(b"metadata") {
            let scope = Scope::new(self.trust);
            self.key("metadata", |walker| walker.value(&metadata, scope));
        }
    }

    /// What Flux fetches as an OCI artifact.
    pub(super) fn flux_source(&mut self, map: &Map) {
        let Some(Value::Map(spec)) = map.get(b"spec") else {
            return;
        };
        let url = text_of(&spec, "url");
        let Some(repository) = url.strip_prefix("oci://") else {
            return;
        };
        let (tag, digest, semver) = match spec.get(b"ref") {
            Some(Value::Map(reference)) => (
                text_of(&reference, "tag"),
                text_of(&reference, "digest"),
                text_of(&reference, "semver"),
            ),
            _ => <_>::default(),
        };
        self.key("spec", |walker| {
            walker.key("url", |walker| {
                walker.flux_artifact(repository, &tag, &digest, &semver);
            });
        });
    }

    /// The artifact of a repository, of whose tag, digest and range any may be empty.
    fn flux_artifact(&mut self, repository: &str, tag: &str, digest: &str, semver: &str) {
        let written = match (tag.is_empty(), digest.is_empty()) {
            (_, false) => format!("{repository}@{digest}"),
            (false, _) => format!("{repository}:{tag}"),
            _ => repository.to_owned(),
        };
        if !semver.is_empty() && tag.is_empty() && digest.is_empty() {
            let text = format!("oci://{repository} in the newest version of {semver}");
            self.gap(Gap::Incomplete, &text);
        } else if let Some(read) = text::read(&written) {
            let place = self.place();
            let (content, rule) = (Content::Artifact, Rule::FluxSource);
            self.sink.add(read.reference, content, rule, &written, place);
        } else {
            self.gap(Gap::Unreadable, &format!("oci://{repository}"));
        }
    }

    /// A document that could not be parsed: a notice, and whatever its lines show.
    pub(in crate::images) fn unread(&mut self, document: &str, problem: &str) {
        let text = format!("the document cannot be read: {problem}");
        self.gap(Gap::Unread, &text);
        embedded::lines(self, document, Scope::new(Trust::Embedded));
    }

    /// The defaults of a CRD's schema, by lines: whole references alone.
    pub(in crate::images) fn schema(&mut self, document: &str) {
        if !self.sink.step(1 + document.len() as u64 / 4096, &self.source) {
            return;
        }
        let scope = Scope::new(Trust::Schema);
        for (at, line) in document.lines().enumerate() {
            let Some(value) = line.trim_start().strip_prefix("default:") else {
                continue;
            };
            let value = value.trim().trim_matches(['"', '\'']);
            if let Some(read) = text::read_full(value) {
                self.line(Some(at + 1), |walker| {
                    walker.add(read.reference, Rule::SchemaDefault, value, scope);
                });
            }
        }
    }
}

/// Who an object is.
fn identity(map: &Map, kind: String) -> Object {
    let mut object = Object {
        api_version: text_of(map, "apiVersion"),
        kind,
        ..Object::default()
    };
    if let Some(Value::Map(metadata)) = map.get(b"metadata") {
        object.name = text_of(&metadata, "name");
        if object.name.is_empty() {
            object.name = text_of(&metadata, "generateName");
        }
        object.namespace = text_of(&metadata, "namespace");
        if let Some(Value::Map(annotations)) = metadata.get(b"annotations") {
            object.hook = text_of(&annotations, "helm.sh/hook");
        }
    }
    object
}
