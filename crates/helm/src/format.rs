//! YAML, JSON and TOML to and from [`Value`](crate::value::Value), byte for byte as Helm reads and writes them.
//!
//! Helm's YAML is not YAML 1.2: it is what `sigs.k8s.io/yaml` makes of `go.yaml.in/yaml/v2`, a mixture of 1.1 and 1.2
//! that goes through JSON on its way in and out. So `yes` is a bool, `0777` is 511, every number becomes a float64,
//! and what [`to_yaml`] writes is JSON that was read as YAML again. JSON is what `encoding/json` makes of it, TOML
//! what `github.com/BurntSushi/toml` makes of it.
//!
//! What is known not to be as in Go:
//! - Nesting ends at [`MAX_DEPTH`], not at 10,000.
//! - The order of keys in YAML is no order for some sets of keys (`1day`, `5min`, `10min`); Go then writes another
//!   order each time, and here it is always the same one of them.
//! - The errors that quote a mapping as a key show numbers beyond 2^53, and keys that are no strings, in another form.
//! - Structs are written as maps, with their fields in the order of names.
//!
//! Every reader takes hostile bytes: nesting is limited to [`MAX_DEPTH`], what is read and written draws on a
//! [`Budget`](crate::call::Budget), and aliases are limited as Go limits them.
//!
//! ```
//! use airlock_helm::{call::Budget, format};
//!
//! let mut budget = Budget::new(1_000_000, 1_000_000);
//! let values = format::from_yaml(b"port: 0777\nhost: no\n", &mut budget)?;
//! assert_eq!(format::to_yaml(&values, &mut budget)?, "host: false\nport: 511\n");
//! # Ok::<(), airlock_helm::call::FunctionError>(())
//! ```

mod functions;
mod json;
pub(crate) mod number;
mod text;
mod toml;
mod yaml;

pub use functions::{functions, helm3_functions};
pub use json::{JsonStyle, from_json, to_json};
pub(crate) use text::{lossy, quote};
pub use toml::{TomlDialect, from_toml, to_toml};
pub(crate) use yaml::from_yaml_kept;
pub use yaml::{from_yaml, from_yaml_list, from_yaml_map, to_yaml, to_yaml_pretty, yaml_documents};

use crate::call::{FunctionError, LimitReached};

/// How deep maps and lists may lie in each other. Go allows 10,000, which no chart of any use comes near.
pub const MAX_DEPTH: usize = 512;

/// What is said of anything deeper than [`MAX_DEPTH`].
fn too_deep() -> FunctionError {
    DEPTH_LIMIT.into()
}

/// Runs one level of nesting, with more stack if there is little left.
pub(crate) fn deeper<T>(level: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(128 << 10, 1 << 20, level)
}

const DEPTH_LIMIT: LimitReached = LimitReached {
    what: "levels of nesting",
    limit: MAX_DEPTH as u64,
};

#[cfg(test)]
mod tests;
