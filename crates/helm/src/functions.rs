//! The functions that Sprig and Helm add to Go's own.
//!
//! Here is every function of Sprig 3.3.0's `TxtFuncMap` that Helm 3.19 and 4.2 leave in (they remove `env` and
//! `expandenv`), except for those that write or read JSON, which are in [`crate::format`]. The names are the same
//! in both; those of which Helm 3 has an older release are in [`helm3_functions`]. `fail` is the engine's.
//!
//! What fails in Go with an error or a panic fails here with the text of it; what a template sees otherwise is
//! the same value of the same type. Differences, all of them on purpose:
//!
//! - Nothing is random and nothing is read from the machine: `now` and what counts from it take the time of
//!   [`World`](crate::call::World), the `rand*` and `gen*` functions draw from its seed, the local time zone is
//!   UTC, and `getHostByName` gives "" as it does in Helm unless told otherwise.
//! - A secret made here is as secret as the seed. One RSA key of each size is made for a
//!   [`World`](crate::call::World) and its clones and used wherever Sprig would make a new one, since making one
//!   takes longer than rendering a chart. Charts that must not share a key need worlds of different seeds.
//! - Charts see a machine in UTC whose paths have slashes; time zones are those built in.
//! - `keys` and `values` are in the order of the keys, where Go's order changes from run to run.
//! - Whatever grows draws on the [`Budget`](crate::call::Budget), and so does every loop.

mod args;
mod convert;
mod crypto;
mod dates;
mod defaults;
mod dicts;
mod equal;
#[cfg(test)]
mod hostile;
mod keys;
mod lists;
mod math;
mod merge;
mod paths;
mod primes;
mod random;
mod reflect;
mod regex;
#[cfg(test)]
mod replay;
mod semver;
mod strings;
mod text;
pub(crate) mod unicode;
mod urls;

use std::sync::LazyLock;

pub(crate) use dates::{Time, Zone};
pub use keys::Keys;
pub(crate) use regex::is_match;
pub(crate) use semver::{Constraints, Version};

use crate::call::Function;

/// The functions, ordered by name.
pub fn functions() -> &'static [Function] {
    static ALL: LazyLock<Vec<Function>> = LazyLock::new(|| {
        let mut all = [
            strings::FUNCTIONS,
            lists::FUNCTIONS,
            dicts::FUNCTIONS,
            defaults::FUNCTIONS,
            convert::FUNCTIONS,
            math::FUNCTIONS,
            reflect::FUNCTIONS,
            semver::FUNCTIONS,
            regex::FUNCTIONS,
            dates::FUNCTIONS,
            paths::FUNCTIONS,
            urls::FUNCTIONS,
            crypto::FUNCTIONS,
            random::FUNCTIONS,
        ]
        .concat();
        all.sort_by_key(|function| function.name);
        all
    });
    &ALL
}

/// The functions that say something else in Helm 3.
pub fn helm3_functions() -> &'static [Function] {
    semver::HELM3
}

/// The function of this name.
pub fn function(name: &str) -> Option<&'static Function> {
    let all = functions();
    let at = all.binary_search_by_key(&name, |function| function.name).ok()?;
    all.get(at)
}
