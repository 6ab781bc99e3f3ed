//! Finding the parts of a schema: its drafts, its names and what its references lead to.

use std::{
    collections::{HashMap, HashSet},
    rc::Rc,
};

use url::Url;

use super::{LOCATION, Refusal, Result};
use crate::{
    call::{Budget, LimitReached},
    chart::Profile,
    format::MAX_DEPTH,
    value::{Map, Value},
};

/// The drafts, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Draft {
    Four,
    Six,
    Seven,
    Nineteen,
    Twenty,
}

/// A schema and the address that references in it are relative to.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) schema: Value,
    pub(super) base: Rc<Url>,
    pub(super) draft: Draft,
}

/// A schema whose references are known to lead somewhere.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(super) root: Part,
    resources: HashMap<String, Part>,
    /// By address and name.
    anchors: HashMap<String, Part>,
    /// Those of `$dynamicAnchor`, by address and name.
    pub(super) dynamic: HashSet<String>,
    profile: Profile,
}

const DEEP: LimitReached = LimitReached {
    what: "levels of nesting in a schema",
    limit: MAX_DEPTH as u64,
};

/// Keywords whose value is a schema.
const ONE: [&str; 13] = [
    "not",
    "additionalProperties",
    "additionalItems",
    "items",
    "contains",
    "propertyNames",
    "if",
    "then",
    "else",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contentSchema",
    "dependencies",
];
/// Keywords whose value is a list of schemas.
const MANY: [&str; 5] = ["allOf", "anyOf", "oneOf", "prefixItems", "items"];
/// Keywords whose value is a map of schemas.
const NAMED: [&str; 6] = [
    "properties",
    "patternProperties",
    "definitions",
    "$defs",
    "dependencies",
    "dependentSchemas",
];

/// Finds everything that can be referred to, and follows every reference once.
pub(super) fn compile(schema: Value, profile: Profile, budget: &mut Budget) -> Result<Compiled> {
    let draft = draft_of(&schema)?.unwrap_or(Draft::Twenty);
    super::meta::check(&schema, draft, budget)?;
    compile_as(schema, draft, profile, budget)
}

/// The same for a schema of this program's own.
pub(super) fn compile_trusted(schema: Value, budget: &mut Budget) -> Result<Compiled> {
    compile_as(schema, Draft::Seven, Profile::Helm4, budget)
}

fn compile_as(schema: Value, draft: Draft, profile: Profile, budget: &mut Budget) -> Result<Compiled> {
    let base = Url::parse(LOCATION).map_err(|error| Refusal::Text(error.to_string()))?;
    let base = Rc::new(base);
    let root = Part { schema, base, draft };
    let mut compiled = Compiled {
        root: root.clone(),
        resources: HashMap::from([(LOCATION.to_owned(), root.clone())]),
        anchors: HashMap::new(),
        dynamic: HashSet::new(),
        profile,
    };
    compiled.collect(&root, 0, budget)?;
    // It may give itself another address.
    let root = compiled.entered(&root, root.schema.clone());
    compiled.root = root.clone();
    compiled.resources.insert(LOCATION.to_owned(), root.clone());
    let mut seen = HashSet::new();
    let mut queue = vec![root];
    while let Some(part) = queue.pop() {
        budget.step(1)?;
        let Value::Map(map) = &part.schema else {
            continue;
        };
        // The same schema under another address leads elsewhere.
        if seen.insert((map.address(), Rc::clone(&part.base))) {
            compiled.follow(&part, map, &mut queue)?;
        }
    }
    Ok(compiled)
}

fn draft_of(schema: &Value) -> Result<Option<Draft>> {
    let Value::Map(map) = schema else {
        return Ok(None);
    };
    let Some(Value::String(name)) = map.get(b"$schema") else {
        return Ok(None);
    };
    let name = name.text();
    let bare = name.trim_end_matches('#');
    let path = bare.strip_prefix("https://").or(bare.strip_prefix("http://"));
    Ok(Some(match path {
        Some("json-schema.org/draft-04/schema") => Draft::Four,
        Some("json-schema.org/draft-06/schema") => Draft::Six,
        Some("json-schema.org/draft-07/schema") => Draft::Seven,
        Some("json-schema.org/draft/2019-09/schema") => Draft::Nineteen,
        Some("json-schema.org/schema" | "json-schema.org/draft/2020-12/schema") => Draft::Twenty,
        _ => return Err(refused(bare)),
    }))
}

/// What is said of an address that would have to be fetched.
fn refused(url: &str) -> Refusal {
    Refusal::Text(format!(
        "failing loading {}: a schema of a chart may not refer to another place",
        crate::format::quote(url.as_bytes())
    ))
}

/// The part of a schema that a keyword holds.
pub(super) fn get(schema: &Map, keyword: &str) -> Option<Value> {
    schema.get(keyword.as_bytes())
}

/// A text that a keyword holds.
pub(super) fn text(schema: &Map, keyword: &str) -> Option<String> {
    match get(schema, keyword) {
        Some(Value::String(text)) => Some(text.text().into_owned()),
        _ => None,
    }
}

/// The address that a schema gives itself; up to draft 7 there is none beside a reference.
fn id_of(schema: &Map, draft: Draft) -> Option<String> {
    if draft < Draft::Nineteen && text(schema, "$ref").is_some() {
        return None;
    }
    text(schema, if draft == Draft::Four { "id" } else { "$id" })
}

impl Compiled {
    /// Remembers the schema's own address and names, and those of all below it.
    fn collect(&mut self, part: &Part, depth: usize, budget: &mut Budget) -> Result<()> {
        budget.step(1)?;
        if depth > MAX_DEPTH {
            return Err(DEEP.into());
        }
        let Value::Map(map) = &part.schema else {
            return Ok(());
        };
        let part = self.named(part, map)?;
        for keyword in ONE {
            if let Some(inner @ Value::Map(_)) = get(map, keyword).filter(|_| keyword != "dependencies") {
                self.below(&part, inner, depth + 1, budget)?;
            }
        }
        for keyword in MANY {
            if let Some(Value::List(items)) = get(map, keyword) {
                for inner in items.iter() {
                    self.below(&part, inner.clone(), depth + 2, budget)?;
                }
            }
        }
        // A name given below a keyword that the draft does not have is none.
        let known = |keyword: &str| keyword != "$defs" || part.draft >= Draft::Nineteen;
        for keyword in NAMED.into_iter().filter(|keyword| known(keyword)) {
            if let Some(Value::Map(inner)) = get(map, keyword) {
                for (_, inner) in inner.entries() {
                    self.below(&part, inner, depth + 2, budget)?;
                }
            }
        }
        Ok(())
    }

    fn below(&mut self, part: &Part, schema: Value, depth: usize, budget: &mut Budget) -> Result<()> {
        let part = Part {
            schema,
            base: Rc::clone(&part.base),
            draft: part.draft,
        };
        stacker::maybe_grow(128 << 10, 1 << 20, || self.collect(&part, depth, budget))
    }

    /// The schema under its own address, if it gives itself one.
    fn named(&mut self, part: &Part, map: &Map) -> Result<Part> {
        let mut part = part.clone();
        if let Some(draft) = draft_of(&part.schema)? {
            part.draft = draft;
        }
        if let Some(id) = id_of(map, part.draft) {
            let (address, name) = id.split_once('#').unwrap_or((&id, ""));
            let base = part.base.join(address).ok().filter(|_| !address.is_empty());
            if let Some(mut base) = base {
                base.set_fragment(None);
                part.base = Rc::new(base);
                self.resources.insert(part.base.to_string(), part.clone());
            }
            if !name.is_empty() && part.draft < Draft::Nineteen {
                self.anchors.insert(format!("{}#{name}", part.base), part.clone());
            }
        }
        for keyword in ["$anchor", "$dynamicAnchor"] {
            if let Some(name) = text(map, keyword).filter(|_| part.draft >= Draft::Nineteen) {
                let key = format!("{}#{name}", part.base);
                if keyword == "$dynamicAnchor" {
                    self.dynamic.insert(key.clone());
                }
                self.anchors.insert(key, part.clone());
            }
        }
        Ok(part)
    }

    /// The parts that this one leads to, by its keywords and its references.
    fn follow(&self, part: &Part, map: &Map, queue: &mut Vec<Part>) -> Result<()> {
        let known = |keyword: &str| match keyword {
            "$recursiveRef" => part.draft == Draft::Nineteen,
            "$dynamicRef" => part.draft == Draft::Twenty,
            _ => true,
        };
        for keyword in ["$ref", "$recursiveRef", "$dynamicRef"] {
            if let Some(reference) = text(map, keyword).filter(|_| known(keyword)) {
                queue.push(self.resolve(part, &reference)?);
            }
        }
        if part.draft < Draft::Nineteen && text(map, "$ref").is_some() {
            return Ok(());
        }
        let mut push = |schema: Value| queue.push(self.entered(part, schema));
        for keyword in ONE {
            match get(map, keyword) {
                Some(inner @ (Value::Map(_) | Value::Bool(_))) if keyword != "dependencies" => {
                    push(inner);
                }
                _ => {}
            }
        }
        for keyword in MANY {
            if let Some(Value::List(items)) = get(map, keyword) {
                for inner in items.iter() {
                    push(inner.clone());
                }
            }
        }
        for keyword in NAMED
            .into_iter()
            .filter(|keyword| !matches!(*keyword, "definitions" | "$defs"))
        {
            if let Some(Value::Map(inner)) = get(map, keyword) {
                for (_, inner) in inner.entries() {
                    if !matches!(inner, Value::List(_)) {
                        push(inner);
                    }
                }
            }
        }
        Ok(())
    }

    /// A part inside another, which may have its own address.
    pub(super) fn entered(&self, outer: &Part, schema: Value) -> Part {
        let mut part = Part {
            schema,
            base: Rc::clone(&outer.base),
            draft: outer.draft,
        };
        let Value::Map(map) = &part.schema else {
            return part;
        };
        if let Some(id) = id_of(map, part.draft) {
            let address = id.split_once('#').map_or(id.as_str(), |(address, _)| address);
            if let Some(known) = outer
                .base
                .join(address)
                .ok()
                .and_then(|base| self.resources.get(base.as_str()))
                .filter(|_| !address.is_empty())
            {
                part.base = Rc::clone(&known.base);
                part.draft = known.draft;
            }
        }
        part
    }

    /// What a reference leads to.
    pub(super) fn resolve(&self, part: &Part, reference: &str) -> Result<Part> {
        let (address, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let base = if address.is_empty() {
            Rc::clone(&part.base)
        } else {
            let joined = part.base.join(address);
            Rc::new(joined.map_err(|error| Refusal::Text(format!("invalid url {reference}: {error}")))?)
        };
        let Some(resource) = self.resources.get(base.as_str()) else {
            if base.scheme() == "urn" && self.profile == Profile::Helm4 {
                // Helm 4 takes what it does not know by this name for a schema that allows everything.
                return Ok(Part {
                    schema: Value::Bool(true),
                    base,
                    draft: part.draft,
                });
            }
            return Err(refused(base.as_str()));
        };
        let fragment = decoded(fragment);
        if fragment.is_empty() {
            return Ok(resource.clone());
        }
        let Some(path) = fragment.strip_prefix('/') else {
            let name = format!("{base}#{fragment}");
            return self.anchors.get(&name).cloned().ok_or_else(|| {
                Refusal::Text(format!(
                    "anchor in {} not found in schema {}",
                    crate::format::quote(name.as_bytes()),
                    crate::format::quote(base.as_str().as_bytes())
                ))
            });
        };
        let mut found = resource.clone();
        for step in path.split('/') {
            let step = step.replace("~1", "/").replace("~0", "~");
            let inner = match &found.schema {
                Value::Map(map) => get(map, &step),
                Value::List(items) => step
                    .parse::<usize>()
                    .ok()
                    .and_then(|index| items.get(index).cloned()),
                _ => None,
            };
            let Some(inner) = inner else {
                let name = format!("{base}#{fragment}");
                return Err(Refusal::Text(format!(
                    "json-pointer in {} not found",
                    crate::format::quote(name.as_bytes())
                )));
            };
            found = self.entered(&found, inner);
        }
        Ok(found)
    }
}

/// A fragment without its percent signs.
fn decoded(fragment: &str) -> String {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        let hex = |digit: Option<&u8>| digit.and_then(|digit| char::from(*digit).to_digit(16));
        match (byte, hex(after.first()), hex(after.get(1))) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'%'));
                rest = after.get(2..).unwrap_or_default();
            }
            _ => bytes.push(*byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
