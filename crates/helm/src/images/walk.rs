//! The walk over a document: every value once, with what is known of the keys above it.

mod maps;
mod objects;
mod path;
mod scope;
mod strings;

use std::sync::Arc;

use super::embedded;
use super::found::{Object, Source};
use super::sink::Sink;
use super::text::{self, Strength};
use super::words::{self, Key, Role};
use super::{Rule, arguments};
use crate::format::{deeper, number};
use crate::value::{List, Map, Str, Value};
use path::Step;
pub(super) use scope::{MAX_STRINGS, Scope, Trust};

/// The fields that only containers have.
const CONTAINER_FIELDS: &[&str] = &[
    "command",
    "args",
    "env",
    "envFrom",
    "ports",
    "resources",
    "volumeMounts",
    "imagePullPolicy",
    "securityContext",
    "livenessProbe",
    "readinessProbe",
    "workingDir",
    "script",
];

/// Kinds whose objects hold values for charts, of which parts may be written elsewhere.
const HOLDERS: &[&str] = &[
    "HelmRelease",
    "HelmChart",
    "HelmChartConfig",
    "Application",
    "ApplicationSet",
    "Kustomization",
];

/// Keys of texts for people, in which an image is an example.
const PROSE: &[&str] = &[
    "description",
    "message",
    "summary",
    "help",
    "title",
    "expr",
    "query",
    "documentation",
    "notes",
    "runbook",
];

/// Keys whose values are lists of words of a command line.
fn holds_arguments(key: &[u8]) -> bool {
    let words = words::words(key);
    matches!(
        words.last().map(String::as_str),
        Some("args" | "arguments" | "command" | "commands" | "cmd" | "argv" | "entrypoint")
    )
}

/// One walk.
pub(super) struct Walker<'s> {
    pub(super) sink: &'s mut Sink,
    source: Source,
    object: Option<Arc<Object>>,
    path: Vec<Step>,
    trust: Trust,
    /// Hub and tag of the maps above.
    hubs: Vec<(String, String)>,
    /// The tag of images without one, where the object says it elsewhere.
    version: Option<String>,
}

impl<'s> Walker<'s> {
    pub(super) fn new(sink: &'s mut Sink, source: &Source, trust: Trust) -> Self {
        Self {
            sink,
            source: source.clone(),
            object: None,
            path: Vec::new(),
            trust,
            hubs: Vec::new(),
            version: None,
        }
    }

    /// A document, or an array of them.
    pub(super) fn document(&mut self, value: &Value) {
        match value {
            Value::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.index(at, |walker| walker.object(item));
                }
            }
            other => self.object(other),
        }
    }

    /// Any value.
    pub(super) fn value(&mut self, value: &Value, scope: Scope) {
        if !self.sink.step(1, &self.source) {
            return;
        }
        match value {
            Value::Map(map) => deeper(|| self.map(map, scope)),
            Value::List(list) => deeper(|| self.list(list, scope)),
            Value::String(text) => self.string_of(&Str::default(), &text.text(), scope),
            _ => {}
        }
    }

    pub(super) fn map(&mut self, map: &Map, scope: Scope) {
        let entries = map.entries();
        let steps = entries.iter().map(|(name, value)| scanned(name) + steps(value));
        if !self.sink.step(steps.sum(), &self.source) {
            return;
        }
        let mut done = vec![false; entries.len()];
        self.named_value(&entries, &mut done, scope);
        self.docker_image(&entries, &mut done, scope);
        self.replaced_image(&entries, &mut done, scope);
        self.composed(&entries, &mut done, scope);
        self.open_image(&entries, &mut done, scope);
        self.base_image(&entries, &mut done, scope);
        let hub = self.hub(map);
        let is_container = scope.container
            || (map.contains(b"image")
                && CONTAINER_FIELDS
                    .iter()
                    .any(|field| map.contains(field.as_bytes())));
        for ((name, value), done) in entries.iter().zip(done) {
            // Settings by image, `images: {docker.io/acme/tool:1: …}`.
            if scope.below_images
                && let Some(read) = text::read_full(&name.text())
            {
                self.key(name.clone(), |walker| {
                    walker.add(read.reference, Rule::Reference, &name.text(), scope);
                });
            }
            if !done {
                self.key(name.clone(), |walker| {
                    walker.entry(name, value, scope, is_container);
                });
            }
        }
        if hub {
            self.hubs.pop();
        }
    }

    /// A key with its value.
    fn entry(&mut self, name: &Str, value: &Value, scope: Scope, is_container: bool) {
        let below = Scope {
            container: false,
            below_image: false,
            below_images: false,
            ..scope
        };
        match value {
            Value::String(text) => {
                let text = text.text();
                if PROSE.contains(&&*name.text()) {
                    return;
                }
                if scope.trust == Trust::Schema && *name != "default" {
                    return;
                }
                if let Some(key) = words::key(name)
                    && matches!(key.role, Role::Image | Role::Images)
                    && scope.trust != Trust::Schema
                {
                    let rule = match (is_container && *name == "image", scope.container) {
                        (true, true) => Some(Rule::PodSpec),
                        (true, false) => Some(Rule::Container),
                        _ => None,
                    };
                    return self.image(&key, &text, scope, rule);
                }
                if scope.below_images
                    && text::read(&text).is_some_and(|read| read.strength >= Strength::Tagged)
                {
                    return self.image(&Key::image(), &text, scope, None);
                }
                if scope.below_image && *name == "reference" && scope.trust == Trust::Object {
                    return self.image(&Key::image(), &text, scope, Some(Rule::PodVolume));
                }
                if embedded::known_artifact(self, name, &text, scope) {
                    return;
                }
                self.string_of(name, &text, scope);
            }
            Value::Map(map) => match &**name {
                b"annotations" if self.parent_is("metadata") => self.annotations(map, scope),
                b"labels" | b"matchLabels" | b"nodeSelector" => {}
                _ => {
                    let role = words::key(name).map(|key| key.role);
                    let below = Scope {
                        below_image: matches!(role, Some(Role::Image | Role::Images)),
                        below_images: role == Some(Role::Images),
                        ..below
                    };
                    self.value(value, below);
                }
            },
            Value::List(list) => match &**name {
                b"containers" | b"initContainers" | b"ephemeralContainers" => {
                    let below = Scope {
                        container: true,
                        ..below
                    };
                    self.list(list, below);
                }
                b"refs" if self.parent_is("install") || self.parent_is("follow") => {
                    embedded::falco_artifacts(self, list, below);
                }
                _ if holds_arguments(name) => arguments::list(self, list, below),
                _ => {
                    let key = words::key(name);
                    let many = key.is_some_and(|key| matches!(key.role, Role::Images | Role::Image));
                    let below = Scope {
                        below_image: many,
                        below_images: many,
                        ..below
                    };
                    self.list(list, below);
                }
            },
            _ => {}
        }
    }

    fn list(&mut self, list: &List, scope: Scope) {
        if !self.sink.step(list.iter().map(steps).sum(), &self.source) {
            return;
        }
        let done = arguments::variables(self, list, scope);
        for (at, item) in list.iter().enumerate() {
            if done.contains(&at) {
                continue;
            }
            self.index(at, |walker| walker.item(item, scope));
        }
    }

    fn item(&mut self, item: &Value, scope: Scope) {
        match item {
            Value::Map(map) if scope.trust == Trust::Embedded && self.parent_is("services") => {
                self.service(map, scope);
            }
            Value::String(text) if scope.below_images => {
                self.image(&Key::image(), &text.text(), scope, None);
            }
            // The objects of a template of OpenShift, or of a bundle: each is an object of its own.
            Value::Map(map)
                if scope.trust == Trust::Object
                    && map.contains(b"apiVersion")
                    && map.contains(b"kind")
                    && map.contains(b"metadata") =>
            {
                deeper(|| self.object(item));
            }
            _ => self.value(item, scope),
        }
    }

    /// What may be a service of a job of GitLab, `services = [{name = "docker:dind"}]`.
    fn service(&mut self, map: &Map, scope: Scope) {
        let text = text_of(map, "name");
        match text::read(&text).filter(|read| read.strength >= Strength::Tagged) {
            Some(read) => self.key("name", |walker| {
                walker.add(read.reference, Rule::EmbeddedKey, &text, scope);
            }),
            None => self.value(&Value::Map(map.clone()), scope),
        }
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// Whether the object is of an API group.
    pub(super) fn is_of(&self, group: &str) -> bool {
        let object = self.object.as_ref();
        object.is_some_and(|object| object.api_version.split('/').next() == Some(group))
    }
}

/// What a value costs where it stands; the same value may stand in very many places.
fn steps(value: &Value) -> u64 {
    match value {
        Value::String(text) => scanned(text),
        _ => 1,
    }
}

fn scanned(text: &Str) -> u64 {
    1 + text.len() as u64 / 16
}

/// The text of a key; empty if there is none.
pub(super) fn text_of(map: &Map, key: &str) -> String {
    match map.get(key.as_bytes()) {
        Some(Value::String(text)) => text.text().into_owned(),
        _ => String::new(),
    }
}

/// The text of a scalar as it would be put into a reference.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.text().into_owned()),
        Value::Int(_, value) => Some(value.to_string()),
        Value::Uint(_, value) => Some(value.to_string()),
        Value::Float(value) => Some(number::general(*value)),
        _ => None,
    }
}
