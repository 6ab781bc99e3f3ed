//! The walk over a document: every value once, with what is known of the keys above it.

mod maps;
mod objects;

use std::sync::Arc;

use super::embedded;
use super::found::{Content, Gap, Object, Place, Source};
use super::sink::Sink;
use super::text::{self, Strength};
use super::words::{self, Key, Role};
use super::{Rule, documents};
use crate::format::{deeper, number};
use crate::value::{List, Map, Str, Value};

/// What kind of document is walked over, which decides how sure a rule makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// An object of Kubernetes.
    Object,
    /// An object that holds values for a chart or a program.
    Soft,
    /// A document inside a string.
    Embedded,
    /// The values of a chart.
    Values,
    /// The schema of a CRD.
    Schema,
}

/// What is known at a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope {
    pub(super) trust: Trust,
    /// How many strings are around it that hold documents.
    pub(super) strings: u8,
    /// It is a container of a list of containers.
    container: bool,
    /// It lies directly below a key that names an image.
    below_image: bool,
    /// It lies directly below a key that names several.
    below_images: bool,
}

/// How many documents may lie in each other.
pub(super) const MAX_STRINGS: u8 = 4;

/// A step of a path.
#[derive(Clone, Debug)]
enum Step {
    Key(Str),
    Index(usize),
    /// Into a document inside a string, or to what is said in words.
    Into(String),
}

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
                    self.path.push(Step::Index(at));
                    self.object(item);
                    self.path.pop();
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
            Value::String(text) => self.string(&text.text(), scope),
            _ => {}
        }
    }

    pub(super) fn map(&mut self, map: &Map, scope: Scope) {
        let entries = map.entries();
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
                self.path.push(Step::Key(name.clone()));
                self.add(read.reference, Rule::Reference, &name.text(), scope);
                self.path.pop();
            }
            if !done {
                self.path.push(Step::Key(name.clone()));
                self.entry(name, value, scope, is_container);
                self.path.pop();
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
                    let key = Key {
                        prefix: String::new(),
                        role: Role::Image,
                    };
                    return self.image(&key, &text, scope, None);
                }
                if scope.below_image && *name == "reference" && scope.trust == Trust::Object {
                    let key = Key {
                        prefix: String::new(),
                        role: Role::Image,
                    };
                    return self.image(&key, &text, scope, Some(Rule::PodVolume));
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
                _ if holds_arguments(name) => super::arguments::list(self, list, below),
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
        let done = super::arguments::variables(self, list, scope);
        for (at, item) in list.iter().enumerate() {
            if done.contains(&at) {
                continue;
            }
            self.path.push(Step::Index(at));
            match item {
                // Services of a job of GitLab, `services = [{name = "docker:dind"}]`.
                Value::Map(map)
                    if scope.trust == Trust::Embedded
                        && self.parent_is("services")
                        && text::read(&text_of(map, "name"))
                            .is_some_and(|read| read.strength >= Strength::Tagged) =>
                {
                    let text = text_of(map, "name");
                    self.enter("name");
                    if let Some(read) = text::read(&text) {
                        self.add(read.reference, Rule::EmbeddedKey, &text, scope);
                    }
                    self.leave();
                }
                Value::String(text) if scope.below_images => {
                    let key = Key {
                        prefix: String::new(),
                        role: Role::Image,
                    };
                    self.image(&key, &text.text(), scope, None);
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
            self.path.pop();
        }
    }

    /// The value of a key that names an image; `rule` where the shape says more than the key.
    pub(super) fn image(&mut self, key: &Key, text: &str, scope: Scope, rule: Option<Rule>) {
        let text = text.trim();
        let plain = scope.trust == Trust::Object && rule.is_some();
        if text.is_empty() {
            if plain {
                self.gap(Gap::Unreadable, "the image is empty");
            }
            return;
        }
        let text = text.strip_prefix("docker://").unwrap_or(text);
        let Some(read) = text::read(text) else {
            return self.not_read(text, scope, plain);
        };
        if read.strength <= Strength::Tagged
            && !text.contains('/')
            && let Some((hub, tag)) = self.hubs.last()
        {
            let tag = if read.strength == Strength::Tagged {
                String::new()
            } else {
                format!(":{tag}")
            };
            let written = format!("{hub}/{text}{tag}");
            if let Some(read) = text::read(&written) {
                self.add(read.reference, Rule::Hub, &written, scope);
            }
            return;
        }
        let weak = read.strength < Strength::Tagged;
        if let Some(version) = &self.version
            && !matches!(read.strength, Strength::Tagged | Strength::Full)
        {
            let written = format!("{text}:{version}");
            if let Some(read) = text::read(&written) {
                self.add(read.reference, Rule::Operator, &written, scope);
                return;
            }
        }
        if rule.is_none()
            && weak
            && (words::shows_no_container(&key.prefix)
                || self.below_parent(words::shows_no_container)
                || key.prefix.split(' ').any(|word| word == "image"))
        {
            return;
        }
        let rule = rule.unwrap_or(if weak { Rule::ImageWord } else { Rule::ImageKey });
        self.add(read.reference, rule, text, scope);
    }

    /// What stands for an image and is no reference: several, a document, or something a person must see.
    fn not_read(&mut self, text: &str, scope: Scope, plain: bool) {
        let before = self.sink.findings.len();
        if !plain && text.contains([',', ';', ' ', '\n', '=', '{', '"']) {
            for (_, token) in text::tokens(text) {
                if let Some(read) = text::read(token)
                    && read.strength >= Strength::Tagged
                {
                    self.add(read.reference, Rule::ImageKey, token, scope);
                }
            }
        }
        if self.sink.findings.len() > before || scope.trust == Trust::Values {
            return;
        }
        let template = text.contains("{{") || text.contains("${") || text.contains("$(");
        let address =
            text.contains("://") || text.starts_with(['/', '.']) || text.contains(char::is_whitespace);
        let path = text.contains('/') && text.contains(':');
        if plain || template || (path && !address) {
            self.gap(Gap::Unreadable, text);
        }
    }

    /// A string of a list, or alone.
    fn string(&mut self, text: &str, scope: Scope) {
        self.string_of(&Str::default(), text, scope);
    }

    /// A string of which the key says nothing.
    pub(super) fn string_of(&mut self, name: &Str, text: &str, scope: Scope) {
        if scope.trust == Trust::Schema {
            if let Some(read) = text::read_full(text) {
                self.add(read.reference, Rule::SchemaDefault, text, scope);
            }
            return;
        }
        if embedded::is_document(name, text) && embedded::document(self, name, text, scope) {
            return;
        }
        self.references(text, scope, Rule::Reference);
    }

    /// The whole references in a text.
    pub(super) fn references(&mut self, text: &str, scope: Scope, rule: Rule) {
        if !text.contains('/') || !text.contains([':', '@']) {
            return;
        }
        let mut place = text::Lines::new(text);
        for (at, token, read) in text::references(text) {
            let (line, comment) = place.line(at);
            if !text.contains('\n') {
                self.add(read.reference, rule, token, scope);
            } else if !comment {
                self.into(&format!("line {line}"), |walker| {
                    walker.add(read.reference, rule, token, scope);
                });
            }
        }
    }

    fn annotations(&mut self, map: &Map, scope: Scope) {
        for (name, value) in map.entries() {
            let Value::String(text) = value else {
                continue;
            };
            let text = text.text();
            let Some(read) = text::read(&text).filter(|read| read.strength >= Strength::Tagged) else {
                continue;
            };
            // What stands behind the domain of the name.
            let last = name.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
            let says_image = words::key(last).is_some_and(|key| key.role == Role::Image);
            let rule = match (says_image, read.strength) {
                (true, _) => Rule::AnnotationKey,
                (false, Strength::Full) => Rule::AnnotationReference,
                _ => continue,
            };
            self.path.push(Step::Key(name));
            self.add(read.reference, rule, &text, scope);
            self.path.pop();
        }
    }

    /// Adds a finding; the class is the rule's, as far as the document allows it.
    pub(super) fn add(
        &mut self,
        reference: airlock_types::Reference,
        rule: Rule,
        written: &str,
        scope: Scope,
    ) {
        let rule = scope.trust.rule(rule);
        let place = self.place();
        self.sink.add(reference, Content::Image, rule, written, place);
    }

    pub(super) fn gap(&mut self, gap: Gap, text: &str) {
        let place = self.place();
        self.sink.notice(gap, text, place);
    }

    pub(super) fn enter(&mut self, name: &str) {
        self.path.push(Step::Key(name.into()));
    }

    pub(super) fn leave(&mut self) {
        self.path.pop();
    }

    pub(super) fn index(&mut self, at: usize, then: impl FnOnce(&mut Self)) {
        self.path.push(Step::Index(at));
        then(self);
        self.path.pop();
    }

    /// Does something inside a document of a string.
    pub(super) fn into(&mut self, what: &str, then: impl FnOnce(&mut Self)) {
        self.path.push(Step::Into(what.to_owned()));
        then(self);
        self.path.pop();
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// Whether the object is of an API group.
    pub(super) fn is_of(&self, group: &str) -> bool {
        let object = self.object.as_ref();
        object.is_some_and(|object| object.api_version.split('/').next() == Some(group))
    }

    /// Whether the key that the walk is at says something.
    fn below(&self, says: fn(&str) -> bool) -> bool {
        matches!(self.path.last(), Some(Step::Key(key)) if says(&words::words(key).join(" ")))
    }

    /// The same of the key above.
    fn below_parent(&self, says: fn(&str) -> bool) -> bool {
        let parent = self.path.len().checked_sub(2).and_then(|at| self.path.get(at));
        matches!(parent, Some(Step::Key(key)) if says(&words::words(key).join(" ")))
    }

    fn parent_is(&self, name: &str) -> bool {
        let parent = self.path.len().checked_sub(2).and_then(|at| self.path.get(at));
        matches!(parent, Some(Step::Key(key)) if *key == name)
    }

    /// Where the walk is.
    pub(super) fn place(&self) -> Place {
        let mut path = String::new();
        for step in &self.path {
            match step {
                Step::Key(key) => {
                    let key = key.text();
                    let simple = key
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
                    if !simple || key.is_empty() {
                        path.push_str(&format!("[{:?}]", clipped(&key)));
                    } else {
                        if !path.is_empty() && !path.ends_with(' ') {
                            path.push('.');
                        }
                        path.push_str(&key);
                    }
                }
                Step::Index(at) => path.push_str(&format!("[{at}]")),
                Step::Into(what) if what.is_empty() => path.push_str(" > "),
                Step::Into(what) => path.push_str(&format!(" > {what} ")),
            }
        }
        let path = path.trim().to_owned();
        Place {
            source: self.source.clone(),
            object: self.object.clone(),
            path,
        }
    }
}

impl Scope {
    pub(super) const fn new(trust: Trust) -> Self {
        Self {
            trust,
            strings: 0,
            container: false,
            below_image: false,
            below_images: false,
        }
    }

    /// The scope of a document inside a string.
    pub(super) fn embedded(self) -> Self {
        let trust = match self.trust {
            Trust::Object | Trust::Soft | Trust::Embedded => Trust::Embedded,
            other => other,
        };
        Self {
            strings: self.strings + 1,
            ..Self::new(trust)
        }
    }
}

impl Trust {
    /// The rule that is told when a rule for objects applies in such a document.
    const fn rule(self, rule: Rule) -> Rule {
        match (self, rule) {
            (Self::Values, _) => Rule::Values,
            (Self::Schema, _) => Rule::SchemaDefault,
            (Self::Object, rule) => rule,
            (
                _,
                Rule::PodSpec
                | Rule::PodVolume
                | Rule::Container
                | Rule::ImageKey
                | Rule::ImageWord
                | Rule::ImageStream,
            ) => Rule::EmbeddedKey,
            (_, Rule::ImageMap) => Rule::EmbeddedMap,
            (_, Rule::Reference) => Rule::EmbeddedReference,
            (_, rule) => rule,
        }
    }
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

/// A key is shown as far as anybody reads it.
fn clipped(key: &str) -> &str {
    match key.char_indices().nth(200) {
        Some((end, _)) => key.get(..end).unwrap_or_default(),
        None => key,
    }
}

/// The documents of a text, for what is inside strings.
pub(super) fn documents_of(text: &str) -> impl Iterator<Item = &str> {
    documents::split(text)
}
