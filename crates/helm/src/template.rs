//! Go's `text/template`: lexer, parser, evaluator and `fmt`.
//!
//! A [`TemplateSet`] holds the functions and the named templates that see one another. [`TemplateSet::parse`] adds
//! a text, [`TemplateSet::execute`] runs a template by name. Texts of errors, positions and all, are Go's.
//!
//! ```
//! use std::sync::Arc;
//!
//! use airlock_helm::{
//!     call::{Budget, Call, World},
//!     template::{Functions, MissingKey, TemplateSet},
//!     value::Value,
//! };
//!
//! let mut set = TemplateSet::new("gotpl", Arc::new(Functions::new([], [])));
//! set.missing_key = MissingKey::Zero;
//! set.parse("hello", "Hello, {{ .name | printf \"%q\" }}{{ range .list }} {{ . }}{{ end }}!")?;
//!
//! let data = Value::map([("name", Value::from("you")), ("list", Value::list([Value::int(1), Value::int(2)]))]);
//! let mut budget = Budget::new(1_000_000, 1 << 20);
//! let mut world = World::new((0, 0), 0);
//! let call = Call { budget: &mut budget, world: &mut world };
//! assert_eq!(set.execute("hello", &data, call, &mut ())?, b"Hello, \"you\" 1 2!");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Functions that need the evaluator itself, such as Helm's `include` and `tpl`, are [`EngineFunction`]s: they get
//! the running [`Execution`].

mod builtin;
mod exec;
pub mod fmt;
mod functions;
mod lex;
mod node;
mod parse;
mod quote;
mod set;
#[cfg(test)]
mod tests;
pub(crate) mod unicode;

pub use exec::Execution;
pub use functions::{EngineFunction, Functions};
pub use parse::ParseError;
pub(crate) use set::Parsed;
pub use set::{MissingKey, Template, TemplateSet};
