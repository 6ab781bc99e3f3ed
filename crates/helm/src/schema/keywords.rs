//! The keywords of one schema.

use super::compile;
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
        compile::get(self.asked(keyword)?, keyword)
    }

    /// The text that the keyword holds.
    pub(super) fn text(&self, keyword: &str) -> Option<String> {
        compile::text(self.asked(keyword)?, keyword)
    }

    /// The schema, if it may have the keyword.
    fn asked(&self, keyword: &str) -> Option<&'a Map> {
        (self.present & bit(keyword.as_bytes()) != 0).then_some(self.map)
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
