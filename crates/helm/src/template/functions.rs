//! The functions that the caller supplies.

use std::collections::HashMap;

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
    table: HashMap<&'static str, Callee>,
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
        let plain = plain
            .into_iter()
            .map(|function| (function.name, Callee::Plain(function)));
        let engine = engine
            .into_iter()
            .map(|function| (function.name, Callee::Engine(function)));
        Self {
            table: plain.chain(engine).collect(),
        }
    }

    /// Takes a function away: its name is unknown to templates then.
    pub fn remove(&mut self, name: &str) {
        self.table.remove(name);
    }

    pub(super) fn get(&self, name: &str) -> Option<Callee> {
        self.table.get(name).copied()
    }
}

impl Callee {
    pub(super) fn signature(&self) -> (&'static [Param], Option<Param>) {
        match self {
            Self::Plain(function) => (function.params, function.variadic),
            Self::Engine(function) => (function.params, function.variadic),
        }
    }
}
