//! Checking a value against a schema, keyword by keyword.

use std::{
    collections::{BTreeSet, HashMap},
    rc::Rc,
};

use smallvec::SmallVec;

use super::{
    Refusal, Result,
    compile::{Compiled, Draft, Part, get, text},
    equal::{equal, shown as shown_value},
    formats,
    keywords::Keywords,
    number,
    problem::{Kind, Problem, all_quoted, quoted},
};
use crate::{
    call::{Budget, Call, LimitReached, World},
    format::MAX_DEPTH,
    functions::is_match,
    value::{List, Map, Str, Value},
};

mod array;

/// What is wrong with the value, if anything is.
pub(super) fn validate(value: &Value, compiled: &Compiled, budget: &mut Budget) -> Result<Option<Problem>> {
    let mut validator = Validator {
        compiled,
        budget,
        world: World::new((0, 0), 0),
        path: Vec::new(),
        same: Vec::new(),
        scope: Vec::new(),
        targets: HashMap::new(),
        depth: 0,
    };
    let (_, problem) = validator.check(&compiled.root, value, false)?;
    Ok(problem)
}

/// The name of a value's type in JSON.
pub(super) fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Nil => "null",
        Value::Bool(_) => "boolean",
        Value::Int(..) | Value::Uint(..) | Value::Float(_) | Value::Complex(..) => "number",
        Value::String(_) | Value::Bytes(_) => "string",
        Value::List(_) => "array",
        Value::Map(_) | Value::Object(_) => "object",
    }
}

/// What was looked at by a schema, which matters to `unevaluatedProperties` and `unevaluatedItems`.
#[derive(Debug, Default)]
struct Seen {
    names: BTreeSet<Str>,
    items: BTreeSet<usize>,
}

impl Seen {
    fn add(&mut self, other: Self) {
        self.names.extend(other.names);
        self.items.extend(other.items);
    }
}

struct Validator<'a> {
    compiled: &'a Compiled,
    budget: &'a mut Budget,
    world: World,
    /// Where the value is.
    path: Vec<String>,
    /// The schemas that are being applied to this very value, so that none is twice.
    same: Vec<Map>,
    /// Every schema from the root to here.
    scope: Vec<Part>,
    /// What `$ref` of a schema leads to, by the address of the schema.
    targets: HashMap<usize, Rc<Part>>,
    depth: usize,
}

/// What one schema says of one value.
struct Findings {
    problems: Vec<Problem>,
    seen: Seen,
    /// Somebody wants to know what was seen.
    wanted: bool,
}

type Verdict = (Seen, Option<Problem>);

/// How much of the stack must be left, and how much more is taken when it is not.
const RED_ZONE: usize = 128 << 10;
const STACK: usize = 1 << 20;

impl Validator<'_> {
    fn text(&self, text: impl Into<String>) -> Problem {
        Problem::text(&self.path, text)
    }

    /// Applies a schema to the value that is being looked at.
    fn check(&mut self, part: &Part, value: &Value, wanted: bool) -> Result<Verdict> {
        self.budget.step(8)?;
        let map = match &part.schema {
            Value::Bool(false) => return Ok((Seen::default(), Some(self.text("false schema")))),
            Value::Map(map) => map.clone(),
            _ => return Ok((Seen::default(), None)),
        };
        if self.same.iter().any(|other| other.is_same(&map)) {
            return Ok((
                Seen::default(),
                Some(self.text("the schema refers to itself, causing reference cycle")),
            ));
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(LimitReached {
                what: "levels of nesting in a schema",
                limit: MAX_DEPTH as u64,
            }
            .into());
        }
        self.same.push(map.clone());
        self.scope.push(part.clone());
        let verdict = stacker::maybe_grow(RED_ZONE, STACK, || {
            self.apply(part, &Keywords::of(&map), value, wanted)
        });
        self.scope.pop();
        self.same.pop();
        self.depth -= 1;
        verdict
    }

    /// Applies a schema to a value below.
    fn check_below(&mut self, part: &Part, value: &Value, step: String) -> Result<Option<Problem>> {
        self.path.push(step);
        let same = std::mem::take(&mut self.same);
        let verdict = self.check(part, value, false);
        self.same = same;
        self.path.pop();
        Ok(verdict?.1)
    }

    fn inner(&self, part: &Part, schema: Value) -> Part {
        self.compiled.entered(part, schema)
    }

    fn apply(&mut self, part: &Part, schema: &Keywords<'_>, value: &Value, wanted: bool) -> Result<Verdict> {
        if part.draft < Draft::Nineteen
            && let Some(Value::String(reference)) = schema.get("$ref")
        {
            // Nothing counts beside a reference, but Go overlooks `const`.
            if let Some(problem) = self.constant(part, schema, value) {
                return Ok((Seen::default(), Some(problem)));
            }
            return self.reference(part, schema, &reference, value, wanted);
        }
        if let Some(problem) = self.first(part, schema, value)? {
            return Ok((Seen::default(), Some(problem)));
        }
        let own = schema.get("unevaluatedProperties").is_some() || schema.get("unevaluatedItems").is_some();
        let mut findings = Findings {
            problems: Vec::new(),
            seen: Seen::default(),
            wanted: wanted || (own && part.draft >= Draft::Nineteen),
        };
        if part.draft >= Draft::Nineteen
            && let Some(Value::String(reference)) = schema.get("$ref")
        {
            let verdict = self.reference(part, schema, &reference, value, findings.wanted)?;
            findings.take(verdict);
        }
        match value {
            Value::Map(object) => self.object(part, schema, object, &mut findings)?,
            Value::List(items) => self.array(part, schema, items, &mut findings)?,
            Value::String(text) => self.string(schema, text, &mut findings)?,
            other => {
                if let Some(value) = number::of(other) {
                    self.number(schema, value, &mut findings);
                }
            }
        }
        if part.draft >= Draft::Nineteen {
            for keyword in ["$recursiveRef", "$dynamicRef"] {
                let used = (keyword == "$dynamicRef") == (part.draft == Draft::Twenty);
                if let Some(reference) = schema.text(keyword).filter(|_| used) {
                    let target = self.dynamic(part, &reference)?;
                    let verdict = self.referred(&target, value, findings.wanted)?;
                    findings.take(verdict);
                }
            }
        }
        self.conditions(part, schema, value, &mut findings)?;
        if part.draft >= Draft::Nineteen {
            self.unevaluated(part, schema, value, &mut findings)?;
        }
        let Findings { problems, seen, .. } = findings;
        Ok((seen, Problem::of(&self.path, problems)))
    }

    /// What ends the check if it fails: the type, the value, the format.
    fn first(&mut self, part: &Part, schema: &Keywords<'_>, value: &Value) -> Result<Option<Problem>> {
        let got = type_of(value);
        let one = |name: &Value| match name {
            Value::String(name) => Some(name.clone()),
            _ => None,
        };
        let names: SmallVec<[Str; 1]> = match schema.get("type") {
            Some(Value::List(names)) => names.iter().filter_map(one).collect(),
            Some(name) => one(&name).into_iter().collect(),
            None => SmallVec::new(),
        };
        let whole = || number::of(value).is_some_and(|number| number.fract() == 0.0);
        if !names.is_empty()
            && !names
                .iter()
                .any(|name| *name == got || (*name == "integer" && whole()))
        {
            // In an order of their own, whatever the order in the schema.
            let order = [
                "null", "boolean", "number", "integer", "string", "array", "object",
            ];
            let wanted: Vec<&str> = order
                .into_iter()
                .filter(|name| names.iter().any(|wanted| wanted == name))
                .collect();
            return Ok(Some(
                self.text(format!("got {got}, want {}", wanted.join(" or "))),
            ));
        }
        if let Some(problem) = self.constant(part, schema, value) {
            return Ok(Some(problem));
        }
        if let Some(Value::List(wanted)) = schema.get("enum") {
            self.budget.step(wanted.len() as u64)?;
            if !wanted.iter().any(|wanted| equal(value, wanted, 0)) {
                return Ok(Some(self.text(not_in(&wanted))));
            }
        }
        // Later drafts take a format for a remark.
        if part.draft < Draft::Nineteen
            && let Some(format) = schema.text("format")
            && let Value::String(value) = value
        {
            let problem = if format == "regex" {
                self.matches(value, b"")?.err()
            } else {
                formats::check(&format, &value.text()).err()
            };
            if let Some(problem) = problem {
                let shown = quoted(&value.text());
                return Ok(Some(
                    self.text(format!("{shown} is not valid {format}: {problem}")),
                ));
            }
        }
        Ok(None)
    }

    fn constant(&self, part: &Part, schema: &Keywords<'_>, value: &Value) -> Option<Problem> {
        let wanted = schema
            .get("const")
            .filter(|wanted| part.draft >= Draft::Six && !equal(value, wanted, 0))?;
        Some(self.text(match wanted {
            Value::List(_) | Value::Map(_) => "'const' failed".to_owned(),
            wanted => format!("value must be {}", shown_value(&wanted)),
        }))
    }

    /// Whether a text matches a pattern; a pattern that is none has Go's text.
    fn matches(&mut self, pattern: &Str, text: &[u8]) -> Result<std::result::Result<bool, String>> {
        let mut call = Call {
            budget: self.budget,
            world: &mut self.world,
        };
        match is_match(&mut call, pattern, text).map_err(Refusal::from) {
            Ok(found) => Ok(Ok(found)),
            Err(Refusal::Text(text)) => Ok(Err(text)),
            Err(limit) => Err(limit),
        }
    }

    /// A pattern of the schema, which is refused where it is none.
    fn pattern(&mut self, pattern: &Str, text: &[u8]) -> Result<bool> {
        self.matches(pattern, text)?.map_err(|problem| {
            let pattern = crate::format::quote(pattern);
            Refusal::Text(format!("invalid regex {pattern} in the schema: {problem}"))
        })
    }

    fn reference(
        &mut self,
        part: &Part,
        schema: &Keywords<'_>,
        reference: &Str,
        value: &Value,
        wanted: bool,
    ) -> Result<Verdict> {
        // The schema that has the reference lives as long as this: nothing else gets its address.
        let at = schema.address();
        let known = self.targets.get(&at).cloned();
        let target = if let Some(target) = known {
            target
        } else {
            let target = Rc::new(self.compiled.resolve(part, &reference.text())?);
            self.targets.insert(at, Rc::clone(&target));
            target
        };
        self.referred(&target, value, wanted)
    }

    fn referred(&mut self, target: &Part, value: &Value, wanted: bool) -> Result<Verdict> {
        let (seen, problem) = self.check(target, value, wanted)?;
        let problem = problem.map(|problem| Problem::under_reference(&self.path, problem));
        Ok((seen, problem))
    }

    /// What `$dynamicRef` or `$recursiveRef` leads to: the outermost schema that offers the name.
    fn dynamic(&self, part: &Part, reference: &str) -> Result<Part> {
        let target = self.compiled.resolve(part, reference)?;
        let Value::Map(map) = &target.schema else {
            return Ok(target);
        };
        if part.draft == Draft::Nineteen {
            let recursive = |part: &Part| matches!(&part.schema, Value::Map(map) if matches!(get(map, "$recursiveAnchor"), Some(Value::Bool(true))));
            if recursive(&target) {
                return Ok(self
                    .scope
                    .iter()
                    .find(|part| recursive(part))
                    .cloned()
                    .unwrap_or(target));
            }
            return Ok(target);
        }
        let name = reference.split_once('#').map_or("", |(_, name)| name);
        if name.is_empty() || name.starts_with('/') || text(map, "$dynamicAnchor").as_deref() != Some(name) {
            return Ok(target);
        }
        let offers = |part: &&Part| self.compiled.dynamic.contains(&format!("{}#{name}", part.base));
        match self.scope.iter().find(offers) {
            Some(outer) => self.compiled.resolve(outer, &format!("#{name}")),
            None => Ok(target),
        }
    }

    fn missing(object: &Map, names: &List) -> Vec<String> {
        names
            .iter()
            .filter_map(|name| match name {
                Value::String(name) if !object.contains(name) => Some(name.text().into_owned()),
                _ => None,
            })
            .collect()
    }

    fn object(
        &mut self,
        part: &Part,
        schema: &Keywords<'_>,
        object: &Map,
        findings: &mut Findings,
    ) -> Result<()> {
        let length = object.len();
        self.bounds(schema, ["minProperties", "maxProperties"], length, findings);
        if let Some(Value::List(names)) = schema.get("required") {
            match Self::missing(object, &names).as_slice() {
                [] => {}
                [one] => findings
                    .problems
                    .push(self.text(format!("missing property {}", quoted(one)))),
                many => findings
                    .problems
                    .push(self.text(format!("missing properties {}", all_quoted(many)))),
            }
        }
        if let Some(Value::Map(dependencies)) = schema.get("dependencies") {
            self.dependencies(part, object, &dependencies, findings)?;
        }
        self.properties(part, schema, object, findings)?;
        if part.draft >= Draft::Six
            && let Some(names) = schema.get("propertyNames")
        {
            let names = self.inner(part, names);
            for name in object.keys() {
                let path = std::mem::take(&mut self.path);
                let same = std::mem::take(&mut self.same);
                let verdict = self.check(&names, &Value::String(name.clone()), false);
                self.same = same;
                let problem = verdict?.1.map(|problem| {
                    problem.under(&[], format!("invalid propertyName {}", quoted(&name.text())))
                });
                self.path = path;
                findings.problems.extend(problem);
            }
        }
        if part.draft >= Draft::Nineteen {
            for keyword in ["dependentSchemas", "dependentRequired"] {
                if let Some(Value::Map(dependencies)) = schema.get(keyword) {
                    self.dependencies(part, object, &dependencies, findings)?;
                }
            }
        }
        Ok(())
    }

    /// What must be there, or hold, if a property is there.
    fn dependencies(
        &mut self,
        part: &Part,
        object: &Map,
        dependencies: &Map,
        findings: &mut Findings,
    ) -> Result<()> {
        for (name, wanted) in dependencies.entries() {
            if !object.contains(&name) {
                continue;
            }
            if let Value::List(names) = wanted {
                let missing = Self::missing(object, &names);
                if !missing.is_empty() {
                    let name = quoted(&name.text());
                    findings.problems.push(self.text(format!(
                        "properties {} required, if {name} exists",
                        all_quoted(&missing)
                    )));
                }
            } else {
                let verdict = self.check(
                    &self.inner(part, wanted),
                    &Value::Map(object.clone()),
                    findings.wanted,
                )?;
                findings.take(verdict);
            }
        }
        Ok(())
    }

    fn properties(
        &mut self,
        part: &Part,
        schema: &Keywords<'_>,
        object: &Map,
        findings: &mut Findings,
    ) -> Result<()> {
        let properties = match schema.get("properties") {
            Some(Value::Map(properties)) => Some(properties),
            _ => None,
        };
        let patterns = match schema.get("patternProperties") {
            Some(Value::Map(patterns)) => patterns.entries(),
            _ => Vec::new(),
        };
        let additional = schema.get("additionalProperties");
        if properties.is_none() && patterns.is_empty() && additional.is_none() {
            return Ok(());
        }
        let mut unknown = Vec::new();
        for (name, value) in object.entries() {
            let step = || name.text().into_owned();
            let mut evaluated = false;
            if let Some(inner) = properties.as_ref().and_then(|properties| properties.get(&name)) {
                evaluated = true;
                let problem = self.check_below(&self.inner(part, inner), &value, step())?;
                findings.problems.extend(problem);
            }
            for (pattern, inner) in &patterns {
                if self.pattern(pattern, &name)? {
                    evaluated = true;
                    let problem = self.check_below(&self.inner(part, inner.clone()), &value, step())?;
                    findings.problems.extend(problem);
                }
            }
            match &additional {
                Some(Value::Bool(allowed)) if !evaluated => {
                    evaluated = true;
                    if !allowed {
                        unknown.push(step());
                    }
                }
                Some(inner @ Value::Map(_)) if !evaluated => {
                    evaluated = true;
                    let problem = self.check_below(&self.inner(part, inner.clone()), &value, step())?;
                    findings.problems.extend(problem);
                }
                _ => {}
            }
            if evaluated && findings.wanted {
                findings.seen.names.insert(name);
            }
        }
        if !unknown.is_empty() {
            findings.problems.push(self.text(format!(
                "additional properties {} not allowed",
                all_quoted(&unknown)
            )));
        }
        Ok(())
    }

    /// A size within its bounds.
    fn bounds(&self, schema: &Keywords<'_>, keywords: [&str; 2], got: usize, findings: &mut Findings) {
        let [least, most] = keywords;
        for (keyword, is_least) in [(least, true), (most, false)] {
            let Some(want) = schema.get(keyword).as_ref().and_then(number::size) else {
                continue;
            };
            if (is_least && got < want) || (!is_least && got > want) {
                let (got, want) = (number::count(got), number::count(want));
                findings
                    .problems
                    .push(self.text(format!("{keyword}: got {got}, want {want}")));
            }
        }
    }

    fn string(&mut self, schema: &Keywords<'_>, text: &Str, findings: &mut Findings) -> Result<()> {
        if schema.get("minLength").is_some() || schema.get("maxLength").is_some() {
            let length = text.text().chars().count();
            self.bounds(schema, ["minLength", "maxLength"], length, findings);
        }
        if let Some(Value::String(pattern)) = schema.get("pattern")
            && !self.pattern(&pattern, text)?
        {
            let (got, want) = (quoted(&text.text()), quoted(&pattern.text()));
            findings
                .problems
                .push(self.text(format!("{got} does not match pattern {want}")));
        }
        Ok(())
    }

    fn number(&self, schema: &Keywords<'_>, value: f64, findings: &mut Findings) {
        let bound = |keyword: &str| schema.get(keyword).as_ref().and_then(number::of);
        let strict = |keyword: &str| matches!(schema.get(keyword), Some(Value::Bool(true)));
        let mut test = |keyword: &str, want: Option<f64>, fits: fn(f64, f64) -> bool| {
            if let Some(want) = want.filter(|want| !fits(value, *want)) {
                let (got, want) = (number::shown(value), number::shown(want));
                findings
                    .problems
                    .push(self.text(format!("{keyword}: got {got}, want {want}")));
            }
        };
        let (mut least, mut most) = (bound("minimum"), bound("maximum"));
        let (mut above, mut below) = (bound("exclusiveMinimum"), bound("exclusiveMaximum"));
        // In draft 4 the exclusive ones say how the others are meant.
        if strict("exclusiveMinimum") {
            (least, above) = (None, least);
        }
        if strict("exclusiveMaximum") {
            (most, below) = (None, most);
        }
        test("minimum", least, |value, want| value >= want);
        test("maximum", most, |value, want| value <= want);
        test("exclusiveMinimum", above, |value, want| value > want);
        test("exclusiveMaximum", below, |value, want| value < want);
        test("multipleOf", bound("multipleOf"), number::is_multiple);
    }

    /// Schemas applied to the same value.
    fn conditions(
        &mut self,
        part: &Part,
        schema: &Keywords<'_>,
        value: &Value,
        findings: &mut Findings,
    ) -> Result<()> {
        if let Some(inner) = schema.get("not")
            && self.check(&self.inner(part, inner), value, false)?.1.is_none()
        {
            findings.problems.push(self.text("'not' failed"));
        }
        if let Some(Value::List(all)) = schema.get("allOf") {
            let mut problems = Vec::new();
            for inner in all.iter() {
                let (seen, problem) = self.check(&self.inner(part, inner.clone()), value, findings.wanted)?;
                match problem {
                    Some(problem) => problems.push(problem),
                    None => findings.seen.add(seen),
                }
            }
            if !problems.is_empty() {
                let failed = Problem::new(&self.path, Kind::Text("'allOf' failed".to_owned()), problems);
                findings.problems.push(failed);
            }
        }
        if let Some(Value::List(any)) = schema.get("anyOf") {
            let mut problems = Vec::new();
            let mut matched = any.is_empty();
            for inner in any.iter() {
                let (seen, problem) = self.check(&self.inner(part, inner.clone()), value, findings.wanted)?;
                if let Some(problem) = problem {
                    problems.push(problem);
                    continue;
                }
                matched = true;
                findings.seen.add(seen);
                if !findings.wanted {
                    break;
                }
            }
            if !matched {
                let failed = Problem::new(&self.path, Kind::Text("'anyOf' failed".to_owned()), problems);
                findings.problems.push(failed);
            }
        }
        self.one_of(part, schema, value, findings)?;
        if part.draft >= Draft::Seven
            && let Some(condition) = schema.get("if")
        {
            let (seen, problem) = self.check(&self.inner(part, condition), value, findings.wanted)?;
            let branch = if problem.is_none() {
                findings.seen.add(seen);
                "then"
            } else {
                "else"
            };
            if let Some(inner) = schema.get(branch) {
                let verdict = self.check(&self.inner(part, inner), value, findings.wanted)?;
                findings.take(verdict);
            }
        }
        Ok(())
    }

    fn one_of(
        &mut self,
        part: &Part,
        schema: &Keywords<'_>,
        value: &Value,
        findings: &mut Findings,
    ) -> Result<()> {
        let Some(Value::List(one)) = schema.get("oneOf") else {
            return Ok(());
        };
        let mut problems = Vec::new();
        let mut matched: Option<usize> = None;
        for (index, inner) in one.iter().enumerate() {
            let (seen, problem) = self.check(&self.inner(part, inner.clone()), value, findings.wanted)?;
            match (problem, matched) {
                (Some(problem), None) => problems.push(problem),
                (Some(_), Some(_)) => {}
                (None, None) => {
                    matched = Some(index);
                    findings.seen.add(seen);
                }
                (None, Some(first)) => {
                    let (first, index) = (number::count(first), number::count(index));
                    findings
                        .problems
                        .push(self.text(format!("'oneOf' failed, subschemas {first}, {index} matched")));
                    break;
                }
            }
        }
        if matched.is_none() && !one.is_empty() {
            let text = Kind::Text("'oneOf' failed, none matched".to_owned());
            findings.problems.push(Problem::new(&self.path, text, problems));
        }
        Ok(())
    }

    /// What no other keyword has looked at.
    fn unevaluated(
        &mut self,
        part: &Part,
        schema: &Keywords<'_>,
        value: &Value,
        findings: &mut Findings,
    ) -> Result<()> {
        match value {
            Value::Map(object) => {
                if let Some(inner) = schema.get("unevaluatedProperties") {
                    let inner = self.inner(part, inner);
                    for (name, value) in object.entries() {
                        if findings.seen.names.insert(name.clone()) {
                            let problem = self.check_below(&inner, &value, name.text().into_owned())?;
                            findings.problems.extend(problem);
                        }
                    }
                }
            }
            Value::List(items) => {
                if let Some(inner) = schema.get("unevaluatedItems") {
                    let inner = self.inner(part, inner);
                    for (index, item) in items.iter().enumerate() {
                        if findings.seen.items.insert(index) {
                            let problem = self.check_below(&inner, item, index.to_string())?;
                            findings.problems.extend(problem);
                        }
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Findings {
    /// What another schema says of the same value.
    fn take(&mut self, (seen, problem): Verdict) {
        match problem {
            Some(problem) => self.problems.push(problem),
            None => self.seen.add(seen),
        }
    }
}

/// What is said of a value that is none of those wanted.
fn not_in(wanted: &List) -> String {
    if wanted
        .iter()
        .any(|wanted| matches!(wanted, Value::List(_) | Value::Map(_)))
    {
        return "'enum' failed".to_owned();
    }
    let texts: Vec<String> = wanted.iter().map(shown_value).collect();
    match texts.as_slice() {
        [one] => format!("value must be {one}"),
        many => format!("value must be one of {}", many.join(", ")),
    }
}
