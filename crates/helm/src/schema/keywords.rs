//! The keywords of one schema.

use crate::value::{Map, Value};

/// A schema that is asked for dozens of keywords, few of which it has.
pub(super) struct Keywords<'a> {
    map: &'a Map,
    /// A bit for each key, so that most keywords that are not there are known without looking for them.
    present: u64,
}

impl<'a> Keywords<'a> {
    pub(super) fn of(map: &'a Map) -> Self {
        let mut present = 0;
        map.each_key(|key| present |= bit(key));
        Self { map, present }
    }

    /// What the keyword holds.
    pub(super) fn get(&self, keyword: &str) -> Option<Value> {
        if self.present & bit(keyword.as_bytes()) == 0 {
            return None;
        }
        self.map.get(keyword.as_bytes())
    }

    /// The text that the keyword holds.
    pub(super) fn text(&self, keyword: &str) -> Option<String> {
        match self.get(keyword) {
            Some(Value::String(text)) => Some(text.text().into_owned()),
            _ => None,
        }
    }

    /// What tells this schema from every other one that lives.
    pub(super) fn address(&self) -> usize {
        self.map.address()
    }
}

fn bit(key: &[u8]) -> u64 {
    let end = |byte: Option<&u8>| usize::from(byte.copied().unwrap_or_default());
    1 << ((key.len() * 11 + end(key.first()) * 5 + end(key.last())) % 64)
}
