//! The tables of a document while it is read.

use std::collections::BTreeMap;

use crate::value::{List, ListType, Map, MapType, Value};

/// A name in a key.
pub(super) type Name = Vec<u8>;

/// A table.
#[derive(Debug, Default)]
pub(super) struct Table(pub(super) BTreeMap<Name, Slot>);

/// What a name stands for.
#[derive(Debug)]
pub(super) enum Slot {
    Leaf(Value),
    Table(Table),
    /// What `[[name]]` adds to.
    Tables(Vec<Table>),
}

impl Table {
    /// The map of it.
    pub(super) fn into_map(self) -> Map {
        Map::new(
            MapType::Any,
            self.0
                .into_iter()
                .map(|(name, slot)| (name.into(), slot.into_value())),
        )
    }
}

impl Slot {
    fn into_value(self) -> Value {
        match self {
            Self::Leaf(value) => value,
            Self::Table(table) => Value::Map(table.into_map()),
            Self::Tables(tables) => Value::List(List::new(
                ListType::Map,
                tables.into_iter().map(|table| Value::Map(table.into_map())),
            )),
        }
    }

    /// The table in which what follows is looked up: of many, the last.
    pub(super) fn table(&mut self) -> Option<&mut Table> {
        match self {
            Self::Leaf(_) => None,
            Self::Table(table) => Some(table),
            Self::Tables(tables) => tables.last_mut(),
        }
    }
}
