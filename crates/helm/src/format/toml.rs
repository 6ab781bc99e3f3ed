//! TOML as `github.com/BurntSushi/toml` has it: 1.6 in Helm 4, 1.5 in Helm 3.

mod key;
mod moment;
mod parse;
mod scan;
mod tree;
mod write;

pub(super) use write::{Refusal, write};

use crate::{
    call::{Budget, FunctionError},
    value::{Map, Value},
};

/// Whose TOML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TomlDialect {
    /// BurntSushi's 1.6, which reads TOML 1.1 and writes large floats with exponents.
    Helm4,
    /// BurntSushi's 1.5, which does neither.
    Helm3,
}

/// The table of a TOML document, or the error's text as Go has it.
pub fn from_toml(text: &[u8], dialect: TomlDialect, budget: &mut Budget) -> Result<Map, FunctionError> {
    parse::parse(text, dialect, budget)
}

/// The value as TOML. The text may hold bytes that are no UTF-8 where the value does.
pub fn to_toml(value: &Value, dialect: TomlDialect, budget: &mut Budget) -> Result<Vec<u8>, FunctionError> {
    write(value, dialect, budget).map_err(|refusal| match refusal {
        Refusal::Error(text) | Refusal::Panic(text) => FunctionError::Failed(text),
        Refusal::Limit(limit) => FunctionError::Limit(limit),
    })
}
