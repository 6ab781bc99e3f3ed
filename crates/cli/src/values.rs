//! Values that are given on the command line.

use std::path::Path;

use airlock_helm::render::ValueSources;

use crate::args::ValueArgs;
use crate::failure::{Failure, Result};
use crate::files;

/// What is enough for values.
const MAX_VALUES: u64 = 64 << 20;

/// What the flags say, files read.
pub(crate) fn sources(args: &ValueArgs) -> Result<ValueSources> {
    let mut all = Vec::new();
    for name in &args.files {
        all.push((name.clone(), file(name)?));
    }
    Ok(ValueSources {
        files: all,
        json: args.set_json.clone(),
        set: args.set.clone(),
        strings: args.set_string.clone(),
        set_files: args.set_file.clone(),
        literals: args.set_literal.clone(),
        on_top: Vec::new(),
    })
}

/// A file of values, or standard input.
pub(crate) fn file(name: &str) -> Result<Vec<u8>> {
    if name.trim() == "-" {
        return files::read_stdin(MAX_VALUES);
    }
    if name.starts_with("http://") || name.starts_with("https://") {
        let failure = Failure::from(anyhow::anyhow!("values are not fetched: {name}"));
        return Err(failure.hint("fetch the file first, and name it"));
    }
    files::read("the values", Path::new(name), MAX_VALUES)
}

/// A file that `--set-file` names.
pub(crate) fn read(name: &str) -> Result<Vec<u8>, String> {
    file(name).map_err(|failure| format!("{:#}", failure.error))
}
