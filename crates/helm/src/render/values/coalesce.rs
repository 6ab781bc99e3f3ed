//! How the values of charts and their users come together (Helm, `chart/common/util/coalesce.go`).
//!
//! Two ways: *coalescing* takes a null of a user for "without this", *merging* keeps it for later. Maps are shared
//! as in Go, since templates can change them.

use std::collections::HashSet;

use crate::call::{Budget, LimitReached};
use crate::chart::Profile;
use crate::render::RenderError;
use crate::render::tree::Node;
use crate::value::{Map, MapType, Str, Value};

/// What Helm logs on the way.
pub(crate) type Warnings = Vec<String>;

/// Roughly what an entry of a map takes.
const ENTRY: usize = 64;

/// The key of what every chart sees.
const GLOBAL: &[u8] = b"global";

/// Puts values together for one version of Helm.
#[derive(Debug)]
pub(crate) struct Coalescer<'a> {
    /// Where versions differ in what they do with nulls.
    pub(crate) profile: Profile,
    /// What Helm logs.
    pub(crate) warnings: &'a mut Warnings,
    /// What it may cost: aliases of charts with aliases multiply.
    pub(crate) budget: &'a mut Budget,
}

impl Coalescer<'_> {
    /// The values of a chart and of those below it, with `given` before them. With `merge`, nulls stay.
    pub(crate) fn values(&mut self, chart: &Node<'_>, given: &Map, merge: bool) -> Result<Map, RenderError> {
        let target = self.copied(given)?;
        self.chart(chart, &target, "", merge)?;
        Ok(target)
    }

    /// A map that shares nothing with any other, paid for.
    fn copied(&mut self, map: &Map) -> Result<Map, LimitReached> {
        self.pay(map)?;
        Ok(copied(map))
    }

    fn pay(&mut self, map: &Map) -> Result<(), LimitReached> {
        let count = size(&Value::Map(map.clone()));
        self.budget.step(count as u64)?;
        self.budget.take(count.saturating_mul(ENTRY))
    }

    /// Pays for a copy of a chart and of all below it.
    pub(crate) fn charge(&mut self, chart: &Node<'_>) -> Result<(), LimitReached> {
        self.pay(&chart.values)?;
        self.budget.take(size_of::<Node<'_>>() + chart.text())?;
        self.budget.step(1)?;
        chart.children.iter().try_for_each(|child| self.charge(child))
    }

    fn chart(
        &mut self,
        chart: &Node<'_>,
        target: &Map,
        prefix: &str,
        merge: bool,
    ) -> Result<(), RenderError> {
        self.defaults(chart, target, prefix, merge)?;
        for child in &chart.children {
            let name = child.name();
            let below = match target.get(name.as_bytes()) {
                None => Map::new(MapType::Any, []),
                Some(Value::Map(map)) => map,
                Some(other) => {
                    let text = self.shown(b"%t", other)?;
                    return Err(RenderError::Values(format!("type mismatch on {name}: {text}")));
                }
            };
            target.insert(name, Value::Map(below.clone()));
            let prefix = joined(prefix, chart.name());
            self.globals(&below, target, &prefix)?;
            self.chart(child, &below, &prefix, merge)?;
        }
        Ok(())
    }

    /// Gives a chart's own values to `target` where it has none.
    fn defaults(
        &mut self,
        chart: &Node<'_>,
        target: &Map,
        prefix: &str,
        merge: bool,
    ) -> Result<(), LimitReached> {
        let prefix = joined(prefix, chart.name());
        for (key, value) in self.copied(&chart.values)?.entries() {
            match target.get(&key) {
                Some(Value::Nil) if !merge => {
                    target.remove(&key);
                }
                Some(Value::Map(given)) => match value {
                    Value::Map(own) => {
                        let child = chart.children.iter().any(|child| key == *child.name());
                        let merge = merge || child;
                        if !merge && self.profile == Profile::Helm4 {
                            without_nulls(&own);
                        }
                        self.tables(&given, &own, &joined(&prefix, &key.text()), merge)?;
                    }
                    Value::Nil => {}
                    _ => self.warnings.push(format!(
                        "warning: skipped value for {prefix}.{}: Not a table.",
                        key.text()
                    )),
                },
                Some(_) => {}
                None => {
                    if !merge && self.profile == Profile::Helm4 {
                        match &value {
                            Value::Nil => continue,
                            Value::Map(own) => without_nulls(own),
                            _ => {}
                        }
                    }
                    target.insert(key, value);
                }
            }
        }
        Ok(())
    }

    /// Gives the globals of a parent to a chart below; those of the parent count.
    fn globals(&mut self, target: &Map, source: &Map, prefix: &str) -> Result<(), LimitReached> {
        let mut table = |map: &Map, which: &str| match map.get(GLOBAL) {
            None => Some(Map::new(MapType::Any, [])),
            Some(Value::Map(map)) => Some(map),
            Some(_) => {
                self.warnings.push(format!(
                    "warning: skipping globals because {which} global is not a table."
                ));
                None
            }
        };
        let Some(own) = table(target, "destination") else {
            return Ok(());
        };
        let Some(given) = table(source, "source") else {
            return Ok(());
        };
        for (key, value) in given.entries() {
            match (value, own.get(&key)) {
                (Value::Map(value), old) => {
                    let value = Map::new(MapType::Any, value.entries());
                    match old {
                        None => own.insert(key, Value::Map(value)),
                        Some(Value::Map(old)) => {
                            self.tables(&value, &old, &joined(prefix, &key.text()), true)?;
                            own.insert(key, Value::Map(value));
                        }
                        Some(_) => self.warnings.push(format!(
                            "Conflict: cannot merge map onto non-map for {:?}. Skipping.",
                            key.text()
                        )),
                    }
                }
                (_, Some(Value::Map(_))) => {
                    self.warnings
                        .push(format!("key {} is table. Skipping", key.text()));
                }
                (value, _) => own.insert(key, value),
            }
        }
        target.insert(GLOBAL, Value::Map(own));
        Ok(())
    }

    /// Gives what `source` has to `target`, which counts where both have something.
    pub(crate) fn tables(
        &mut self,
        target: &Map,
        source: &Map,
        prefix: &str,
        merge: bool,
    ) -> Result<(), LimitReached> {
        let mut entries = source.entries();
        self.budget.step(entries.len() as u64)?;
        let mut set: HashSet<Str> = HashSet::new();
        if self.profile == Profile::Helm4 {
            let filled = entries.iter().filter(|(_, value)| !matches!(value, Value::Nil));
            set = filled.map(|(key, _)| key.clone()).collect();
            for (key, value) in target.entries() {
                if matches!(value, Value::Nil) {
                    source.insert(key, Value::Nil);
                }
            }
            entries = source.entries();
        }
        for (key, value) in entries {
            let full = || joined(prefix, &key.text());
            let drops = self.profile == Profile::Helm3 || set.contains(&key);
            match (target.get(&key), value) {
                (Some(Value::Nil), _) if !merge && drops => {
                    target.remove(&key);
                }
                (None, value) => target.insert(key, value),
                (Some(Value::Map(old)), Value::Map(new)) => self.tables(&old, &new, &full(), merge)?,
                (Some(_), Value::Map(new)) => {
                    let text = self.shown(b"%v", Value::Map(new))?;
                    self.warnings.push(format!(
                        "warning: cannot overwrite table with non table for {} ({text})",
                        full()
                    ));
                }
                (Some(Value::Map(_)), value) if !matches!(value, Value::Nil) => {
                    let text = self.shown(b"%v", value)?;
                    self.warnings.push(format!(
                        "warning: destination for {} is a table. Ignoring non-table value ({text})",
                        full()
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What Go's `fmt` prints of a value.
    fn shown(&mut self, format: &[u8], value: Value) -> Result<String, LimitReached> {
        let text = crate::template::fmt::sprintf(self.budget, format, &[value])?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

/// How many values there are in a tree.
fn size(value: &Value) -> usize {
    match value {
        Value::Map(map) => {
            let entries = map.entries();
            entries.iter().fold(1, |sum, (_, value)| sum + size(value))
        }
        Value::List(list) => list.iter().fold(1, |sum, value| sum + size(value)),
        _ => 1,
    }
}

fn joined(first: &str, second: &str) -> String {
    if first.is_empty() {
        second.to_owned()
    } else {
        format!("{first}.{second}")
    }
}

/// A map that shares nothing with any other.
pub(crate) fn copied(map: &Map) -> Map {
    let entries = map.entries();
    Map::new(
        map.map_type(),
        entries.into_iter().map(|(key, value)| (key, copy(value))),
    )
}

fn copy(value: Value) -> Value {
    match value {
        Value::Map(map) => Value::Map(copied(&map)),
        Value::List(list) => Value::list(list.iter().cloned().map(copy)),
        other => other,
    }
}

/// Takes nulls away, in maps of maps as well.
fn without_nulls(map: &Map) {
    for (key, value) in map.entries() {
        match value {
            Value::Nil => {
                map.remove(&key);
            }
            Value::Map(map) => without_nulls(&map),
            _ => {}
        }
    }
}
