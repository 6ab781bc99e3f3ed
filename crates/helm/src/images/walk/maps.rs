//! Images that several keys of a map make together.

use super::super::compose::{Around, Composed, Part, compose};
use super::super::found::{Content, Gap};
use super::super::text::{self, LONGEST, Strength};
use super::super::words::{self, Key};
use super::super::{Rule, arguments};
use super::{Scope, Trust, Walker, scalar, text_of};
use crate::value::{Map, Str, Value};

impl Walker<'_> {
    /// `{name: …, value: …}`, as in lists of variables and of parameters.
    pub(super) fn named_value(&mut self, entries: &[(Str, Value)], done: &mut [bool], scope: Scope) {
        let named = place_of(entries, "name").and_then(|at| entries.get(at));
        let Some((_, Value::String(name))) = named else {
            return;
        };
        for key in ["value", "default", "defaultValue"] {
            if let Some(at) = place_of(entries, key)
                && let Some((step, Value::String(text))) = entries.get(at)
                && let Some(done) = done.get_mut(at)
            {
                *done = true;
                self.key(step.clone(), |walker| {
                    arguments::variable(walker, name, &text.text(), scope);
                });
            }
        }
    }

    /// `{kind: DockerImage, name: …}`, where OpenShift takes images from.
    pub(super) fn docker_image(&mut self, entries: &[(Str, Value)], done: &mut [bool], scope: Scope) {
        let is = |(name, value): &(Str, Value)| {
            *name == "kind" && matches!(value, Value::String(kind) if *kind == "DockerImage")
        };
        if !entries.iter().any(is) {
            return;
        }
        if let Some(at) = place_of(entries, "name")
            && let Some((step, Value::String(text))) = entries.get(at)
            && let Some(done) = done.get_mut(at)
        {
            *done = true;
            self.key(step.clone(), |walker| {
                walker.image(&Key::image(), &text.text(), scope, Some(Rule::ImageStream));
            });
        }
    }

    /// `{name: app, newName: registry.example/app, newTag: "2"}`, with which kustomize replaces images.
    pub(super) fn replaced_image(&mut self, entries: &[(Str, Value)], done: &mut [bool], scope: Scope) {
        if !scope.below_images {
            return;
        }
        let find = |key: &str| scalar_of(entries, key);
        let (name, tag, digest) = (find("newName"), find("newTag"), find("digest"));
        let Some((at, repository)) = name.or_else(|| find("name")) else {
            return;
        };
        let written = match (tag, digest) {
            (_, Some((_, digest))) => format!("{repository}@{digest}"),
            (Some((_, tag)), _) => format!("{repository}:{tag}"),
            _ => return,
        };
        if let Some(read) = text::read(&written)
            && let Some((step, _)) = entries.get(at)
        {
            self.key(step.clone(), |walker| {
                walker.add(read.reference, Rule::ImageMap, &written, scope);
            });
            done.fill(true);
        }
    }

    /// References that several keys of one map make.
    pub(super) fn composed(&mut self, entries: &[(Str, Value)], done: &mut [bool], scope: Scope) {
        if scope.trust == Trust::Schema {
            return;
        }
        let texts: Vec<(usize, Key, String)> = entries
            .iter()
            .enumerate()
            .filter_map(|(at, (name, value))| Some((at, words::key(name)?, scalar(value)?)))
            .collect();
        let parts: Vec<Part<'_>> = texts
            .iter()
            .map(|(at, key, text)| Part {
                at: *at,
                key: key.clone(),
                text: text.trim(),
            })
            .collect();
        let chart = |(name, value): &(Str, Value)| {
            matches!(&**name, b"chart" | b"chartName" | b"targetRevision")
                && matches!(value, Value::String(text) if !text.is_empty())
        };
        let around = Around {
            below_image: scope.below_image,
            chart: entries.iter().any(chart) || self.below(words::holds_no_images),
        };
        for one in compose(&parts, around) {
            let (at, parts) = match &one {
                Composed::Whole { at, parts, .. } | Composed::Open { at, parts, .. } => (*at, parts.clone()),
            };
            for part in parts {
                if let Some(done) = done.get_mut(part) {
                    *done = true;
                }
            }
            let Some((name, _)) = entries.get(at) else {
                continue;
            };
            self.key(name.clone(), |walker| walker.made(&one, scope));
        }
    }

    /// `{baseImage: quay.io/a/b, version: v1}`, as old objects of prometheus-operator have it; `image` overrides both.
    pub(super) fn base_image(&mut self, entries: &[(Str, Value)], done: &mut [bool], scope: Scope) {
        let find = |key: &str| scalar_of(entries, key);
        let Some((at, base)) = find("baseImage") else {
            return;
        };
        let Some(done @ false) = done.get_mut(at) else {
            return;
        };
        let version = ["tag", "version"]
            .iter()
            .find_map(|name| find(name).filter(|(_, text)| !text.is_empty()));
        if find("image").is_some_and(|(_, image)| image.starts_with(&base)) {
            *done = true;
            return;
        }
        let Some((_, version)) = version else {
            return;
        };
        let written = format!("{base}:{version}");
        if let Some(read) = text::read(&written) {
            *done = true;
            self.key("baseImage", |walker| {
                walker.add(read.reference, Rule::ImageMap, &written, scope);
            });
        }
    }

    /// `{repository: "", image: driver}`, or something that is off: the name of an image whose repository is left open.
    pub(super) fn open_image(&mut self, entries: &[(Str, Value)], done: &mut [bool], scope: Scope) {
        let Some(at) = place_of(entries, "image") else {
            return;
        };
        let beside = |(name, value): &(Str, Value)| {
            let open = matches!(&**name, b"repository" | b"registry" | b"imageRegistry")
                && matches!(value, Value::String(_) | Value::Nil);
            open || (*name == "enabled" && matches!(value, Value::Bool(false)))
        };
        if let Some((step, Value::String(text))) = entries.get(at)
            && let Some(done @ false) = done.get_mut(at)
            && !text.contains(&b'/')
            && entries.iter().any(beside)
            && let Some(read) = text::read(&text.text())
            && read.strength == Strength::Word
        {
            *done = true;
            if scope.trust != Trust::Values {
                self.key(step.clone(), |walker| {
                    walker.gap(Gap::Incomplete, &text.text());
                });
            }
        }
    }

    /// Tells what keys make together.
    pub(in crate::images) fn made(&mut self, composed: &Composed, scope: Scope) {
        match composed {
            Composed::Whole { written, plain, .. } => {
                let rule = if *plain { Rule::ImageMap } else { Rule::Sibling };
                if let Some(read) = text::read(written) {
                    self.add(read.reference, rule, written, scope);
                }
            }
            Composed::Open { repository, .. } => {
                if scope.trust == Trust::Values {
                    if let Some(read) = text::read(repository) {
                        let place = self.place();
                        self.sink.add(
                            read.reference,
                            Content::Image,
                            Rule::ValuesVersion,
                            repository,
                            place,
                        );
                    }
                    return;
                }
                self.gap(Gap::Incomplete, repository);
            }
        }
    }

    /// Remembers hub and tag of a map for what is below it, as Istio's values have them.
    pub(super) fn hub(&mut self, map: &Map) -> bool {
        if !map.contains(b"hub") && !map.contains(b"global") {
            return false;
        }
        // A chart's own hub is empty where that of all charts is meant.
        if text_of(map, "hub").is_empty() {
            return match map.get(b"global") {
                Some(Value::Map(global)) => self.hub_of(&global),
                _ => false,
            };
        }
        self.hub_of(map)
    }

    pub(super) fn hub_of(&mut self, map: &Map) -> bool {
        let hub = text_of(map, "hub");
        let mut tag = map.get(b"tag").and_then(|tag| scalar(&tag)).unwrap_or_default();
        if hub.is_empty() || tag.is_empty() || text::read(&hub).is_none() {
            return false;
        }
        let variant = text_of(map, "variant");
        if !variant.is_empty() && !tag.ends_with(&variant) {
            tag = format!("{tag}-{variant}");
        }
        // It is written as often as there are images below.
        if tag.len() > LONGEST {
            return false;
        }
        self.hubs.push((hub, tag));
        true
    }
}

/// Where a key is.
fn place_of(entries: &[(Str, Value)], key: &str) -> Option<usize> {
    entries.iter().position(|(name, _)| *name == key)
}

/// Where a key is, and the scalar that it holds.
fn scalar_of(entries: &[(Str, Value)], key: &str) -> Option<(usize, String)> {
    let at = place_of(entries, key)?;
    Some((at, scalar(&entries.get(at)?.1)?))
}
