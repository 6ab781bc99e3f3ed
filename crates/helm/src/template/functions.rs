//! The functions that the caller supplies.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use rustc_hash::FxHasher;

use super::Execution;
use crate::call::{Function, FunctionError, Param};
use crate::value::Value;

/// A function that needs the evaluator: it executes named templates, or parses new ones.
#[derive(Clone, Copy, Debug)]
pub struct EngineFunction {
    /// The name in templates.
    pub name: &'static str,
    /// The types of the arguments, as for [`Function`].
    pub params: &'static [Param],
    /// The type of each argument after `params`, if there may be any number of them.
    pub variadic: Option<Param>,
    /// The function itself.
    pub call: fn(&mut Execution<'_>, &[Value]) -> Result<Value, FunctionError>,
}

/// The table of functions that templates may call, besides those that Go has built in. A function here goes before
/// one of Go's with the same name, as Sprig's `slice` does.
#[derive(Debug, Default)]
pub struct Functions {
    callees: Vec<Callee>,
    /// Indexes of callees. The names are the program's own, so that nobody can choose them to collide.
    table: HashMap<&'static str, u32, BuildHasherDefault<FxHasher>>,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Callee {
    Plain(Function),
    Engine(EngineFunction),
}

impl Functions {
    /// The table of these functions; of two with one name the later counts, and engine functions last of all.
    pub fn new(
        plain: impl IntoIterator<Item = Function>,
        engine: impl IntoIterator<Item = EngineFunction>,
    ) -> Self {
        let engine = engine.into_iter().map(Callee::Engine);
        let callees: Vec<Callee> = plain.into_iter().map(Callee::Plain).chain(engine).collect();
        let table = (0..).zip(&callees).map(|(index, callee)| (callee.name(), index));
        Self {
            table: table.collect(),
            callees,
        }
    }

    /// Takes a function away: its name is unknown to templates then.
    pub fn remove(&mut self, name: &str) {
        self.table.remove(name);
    }

    /// The index of what a name stands for.
    pub(super) fn find(&self, name: &str) -> Option<u32> {
        self.table.get(name).copied()
    }

    pub(super) fn callee(&self, index: u32) -> &Callee {
        // An index is only ever given out by the table that is asked.
        &self.callees[index as usize]
    }
}

impl Callee {
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Plain(function) => function.name,
            Self::Engine(function) => function.name,
        }
    }

    pub(super) fn signature(&self) -> (&'static [Param], Option<Param>) {
        match self {
            Self::Plain(function) => (function.params, function.variadic),
            Self::Engine(function) => (function.params, function.variadic),
        }
    }
}
