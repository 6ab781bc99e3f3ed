//! `.Chart`: a map in Helm 4, a struct in Helm 3.

use std::any::Any;

use super::tree::Node;
use crate::chart::{Profile, of_json};
use crate::value::{Kind, List, ListType, Map, MapType, Object, Str, Value};
use crate::{Dependency, Maintainer};

/// The metadata of a chart as templates see it.
pub(super) fn value(node: &Node<'_>, root: bool, profile: Profile) -> Value {
    match profile {
        Profile::Helm3 => structure(node, root),
        Profile::Helm4 => map(node, root),
    }
}

fn text(text: &str) -> Value {
    Value::from(text)
}

/// The fields that are not lists of structs, in Go's order, with their names in JSON.
fn fields(node: &Node<'_>, list: fn(&[String]) -> Value) -> Vec<(&'static str, &'static str, Value)> {
    let metadata = &node.metadata;
    let annotations = if metadata.annotations.is_empty() {
        Map::nil(MapType::String)
    } else {
        let entries = metadata.annotations.iter();
        Map::new(
            MapType::String,
            entries.map(|(key, value)| (Str::from(key.as_str()), text(value))),
        )
    };
    vec![
        ("Name", "name", text(&metadata.name)),
        ("Home", "home", text(&metadata.home)),
        ("Sources", "sources", list(&metadata.sources)),
        ("Version", "version", text(&metadata.version)),
        ("Description", "description", text(&metadata.description)),
        ("Keywords", "keywords", list(&metadata.keywords)),
        ("Maintainers", "maintainers", Value::Nil),
        ("Icon", "icon", text(&metadata.icon)),
        ("APIVersion", "apiVersion", text(&metadata.api_version)),
        ("Condition", "condition", text(&metadata.condition)),
        ("Tags", "tags", text(&metadata.tags)),
        ("AppVersion", "appVersion", text(&metadata.app_version)),
        ("Deprecated", "deprecated", Value::Bool(metadata.deprecated)),
        ("Annotations", "annotations", Value::Map(annotations)),
        ("KubeVersion", "kubeVersion", text(&metadata.kube_version)),
        ("Dependencies", "dependencies", Value::Nil),
        ("Type", "type", text(&metadata.kind)),
    ]
}

fn maintainer(maintainer: &Maintainer) -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("Name", "name", text(&maintainer.name)),
        ("Email", "email", text(&maintainer.email)),
        ("URL", "url", text(&maintainer.url)),
    ]
}

fn dependency(
    dependency: &Dependency,
    list: fn(&[String]) -> Value,
) -> Vec<(&'static str, &'static str, Value)> {
    let imports = dependency.import_values.iter().map(|import| match import {
        serde_json::Value::Object(entries) => Value::Map(Map::new(
            MapType::String,
            entries
                .iter()
                .map(|(key, value)| (Str::from(key.as_str()), of_json(value))),
        )),
        other => of_json(other),
    });
    vec![
        ("Name", "name", text(&dependency.name)),
        ("Version", "version", text(&dependency.version)),
        ("Repository", "repository", text(&dependency.repository)),
        ("Condition", "condition", text(&dependency.condition)),
        ("Tags", "tags", list(&dependency.tags)),
        ("Enabled", "enabled", Value::Bool(dependency.enabled)),
        ("ImportValues", "import-values", Value::list(imports)),
        ("Alias", "alias", text(&dependency.alias)),
    ]
}

fn plain_list(items: &[String]) -> Value {
    Value::list(items.iter().map(|item| text(item)))
}

fn string_list(items: &[String]) -> Value {
    if items.is_empty() {
        return Value::List(List::nil(ListType::String));
    }
    Value::strings(items.iter().map(String::as_str))
}

fn map(node: &Node<'_>, root: bool) -> Value {
    let go = |fields: Vec<(&'static str, &'static str, Value)>| {
        Map::new(
            MapType::Any,
            fields
                .into_iter()
                .map(|(name, _, value)| (Str::from(name), value)),
        )
    };
    let out = go(fields(node, plain_list));
    let metadata = &node.metadata;
    let maintainers = metadata.maintainers.iter();
    let maintainers = maintainers.map(|one| Value::Map(go(maintainer(one))));
    out.insert("Maintainers", Value::list(maintainers));
    let dependencies = metadata.dependencies.iter();
    let dependencies = dependencies.map(|one| Value::Map(go(dependency(one, plain_list))));
    out.insert("Dependencies", Value::list(dependencies));
    out.insert("IsRoot", Value::Bool(root));
    Value::Map(out)
}

fn structure(node: &Node<'_>, root: bool) -> Value {
    let metadata = &node.metadata;
    let mut all = fields(node, string_list);
    for (name, _, value) in &mut all {
        match *name {
            "Maintainers" => {
                let records = metadata.maintainers.iter().map(maintainer);
                *value = pointers("[]*chart.Maintainer", "*chart.Maintainer", records, &[]);
            }
            "Dependencies" => {
                let records = metadata.dependencies.iter();
                let records = records.map(|one| dependency(one, string_list));
                let always = &["name", "repository"];
                *value = pointers("[]*chart.Dependency", "*chart.Dependency", records, always);
            }
            _ => {}
        }
    }
    let record = |name, fields, always, embedded| {
        Value::object(Record {
            name,
            kind: Kind::Struct,
            fields,
            always,
            embedded,
        })
    };
    let inner = record("chart.Metadata", all.clone(), &[][..], None);
    all.push(("IsRoot", "IsRoot", Value::Bool(root)));
    record(
        "struct { chart.Metadata; IsRoot bool }",
        all,
        &["IsRoot"][..],
        Some(inner),
    )
}

fn pointers(
    name: &'static str,
    element: &'static str,
    all: impl Iterator<Item = Vec<(&'static str, &'static str, Value)>>,
    always: &'static [&'static str],
) -> Value {
    let items: Vec<Value> = all
        .map(|fields| {
            Value::object(Record {
                name: element,
                kind: Kind::Ptr,
                fields,
                always,
                embedded: None,
            })
        })
        .collect();
    if items.is_empty() {
        return Value::List(List::nil(ListType::Other(name)));
    }
    Value::List(List::new(ListType::Other(name), items))
}

/// A struct of Go with plain fields, or a pointer to one.
#[derive(Debug)]
struct Record {
    name: &'static str,
    kind: Kind,
    fields: Vec<(&'static str, &'static str, Value)>,
    /// What JSON has even if it is empty.
    always: &'static [&'static str],
    /// The struct that most fields belong to, which is a field as well.
    embedded: Option<Value>,
}

impl Object for Record {
    fn type_name(&self) -> &'static str {
        self.name
    }

    fn kind(&self) -> Kind {
        self.kind
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn field(&self, name: &str) -> Option<Value> {
        if name == "Metadata" {
            return self.embedded.clone();
        }
        let field = self.fields.iter().find(|(field, _, _)| *field == name);
        field.map(|(_, _, value)| value.clone())
    }

    fn plain(&self) -> Value {
        Value::map(self.json_fields().unwrap_or_default())
    }

    fn json_fields(&self) -> Option<Vec<(Str, Value)>> {
        let fields = self.fields.iter();
        let kept = fields.filter(|(_, json, value)| value.truth() || self.always.contains(json));
        Some(
            kept.map(|(_, json, value)| (Str::from(*json), value.clone()))
                .collect(),
        )
    }

    fn print(&self) -> Option<Str> {
        if self.kind == Kind::Ptr {
            // Go prints an address, which no two runs have in common.
            return Some(Str::from("0xc000000000"));
        }
        let mut out = String::from("{");
        for (at, (_, json, value)) in self.fields.iter().enumerate() {
            let end = *json == "IsRoot";
            if at > 0 && !end {
                out.push(' ');
            }
            if end {
                out.push_str("} ");
            }
            shown(&mut out, value);
        }
        out.push('}');
        Some(Str::from(if self.embedded.is_some() {
            format!("{{{out}")
        } else {
            out
        }))
    }
}

/// What `%v` prints of the kinds of values that metadata have.
fn shown(out: &mut String, value: &Value) {
    match value {
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::String(text) => out.push_str(&text.text()),
        Value::Object(object) => {
            if let Some(text) = object.print() {
                out.push_str(&text.text());
            }
        }
        Value::List(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(' ');
                }
                shown(out, item);
            }
            out.push(']');
        }
        Value::Map(map) => {
            out.push_str("map[");
            for (at, (key, value)) in map.entries().iter().enumerate() {
                if at > 0 {
                    out.push(' ');
                }
                out.push_str(&key.text());
                out.push(':');
                shown(out, value);
            }
            out.push(']');
        }
        _ => {}
    }
}
