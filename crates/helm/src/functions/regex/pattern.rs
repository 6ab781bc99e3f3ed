//! Patterns that were read and compiled, of which the last ones are kept.

use crate::format::lossy;
use std::{cell::RefCell, collections::HashMap, rc::Rc};

use super::{
    search::Search,
    translate::{Translated, translate},
};
use crate::{
    call::{Call, FunctionError, LimitReached},
    functions::text::quoted,
    value::Str,
};

/// How large a compiled pattern may be.
const SIZE_LIMIT: usize = 8 << 20;

/// The steps of compiling each part.
const COMPILING: u64 = 4;

/// How many patterns are kept.
const KEPT: usize = 64;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(super) struct Pattern(Rc<Compiled>);

#[derive(Debug)]
struct Compiled {
    regex: regex::Regex,
    /// The names of the groups; the first group has number 1.
    names: Vec<Option<String>>,
    /// How many parts it has, repetitions written out.
    size: u64,
    /// The steps of compiling it.
    cost: u64,
}

thread_local! {
    static COMPILED: RefCell<HashMap<Str, Pattern>> = RefCell::default();
}

impl Pattern {
    /// Go's `regexp.Compile`.
    pub(super) fn new(call: &mut Call<'_>, pattern: &Str) -> Result<Self, FunctionError> {
        let kept = COMPILED.with_borrow(|compiled| compiled.get(pattern).cloned());
        if let Some(kept) = kept {
            // As much as the first time: what a chart may cost does not depend on what was rendered before it.
            call.budget.step(kept.0.cost)?;
            return Ok(kept);
        }
        let reading = 1 + pattern.len() as u64 / 8;
        call.budget.step(reading)?;
        let Translated { text, names, size } =
            translate(pattern).map_err(|error| FunctionError::new(error.to_string()))?;
        let compiling = size.saturating_mul(COMPILING);
        call.budget.step(compiling)?;
        let regex = regex::RegexBuilder::new(&text)
            .size_limit(SIZE_LIMIT)
            .dfa_size_limit(SIZE_LIMIT)
            .nest_limit(1200)
            .build()
            .map_err(|_| {
                FunctionError::Limit(LimitReached {
                    what: "bytes of a compiled regular expression",
                    limit: SIZE_LIMIT as u64,
                })
            })?;
        let made = Self(Rc::new(Compiled {
            regex,
            names,
            size,
            cost: reading.saturating_add(compiling),
        }));
        COMPILED.with_borrow_mut(|compiled| {
            if compiled.len() >= KEPT {
                compiled.clear();
            }
            compiled.insert(pattern.clone(), made.clone());
        });
        Ok(made)
    }

    /// Go's `regexp.MustCompile`, with the text of its panic.
    pub(super) fn must(call: &mut Call<'_>, pattern: &Str) -> Result<Self, FunctionError> {
        Self::new(call, pattern).map_err(|error| match error {
            FunctionError::Failed(text) => {
                FunctionError::new(format!("regexp: Compile({}): {text}", in_quotes(pattern)))
            }
            other => other,
        })
    }

    /// A search in a text.
    pub(super) fn search<'a>(&'a self, text: &'a [u8]) -> Search<'a> {
        Search::new(&self.0.regex, self.0.size, &self.0.names, text)
    }
}

/// In backquotes where Go can do that.
fn in_quotes(pattern: &[u8]) -> String {
    let plain =
        |char: char| !(char == '`' || char == '\u{feff}' || char == '\u{7f}' || char < ' ' && char != '\t');
    match std::str::from_utf8(pattern) {
        Ok(text) if text.chars().all(plain) => format!("`{text}`"),
        _ => lossy(&quoted(pattern)).into_owned(),
    }
}
