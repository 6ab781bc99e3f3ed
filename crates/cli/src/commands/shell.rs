//! `airlock completions` and `airlock man`: made from the same definition as `--help`.

use std::path::Path;

use anyhow::Context;
use clap::CommandFactory;

use crate::args::Cli;
use crate::failure::Result;
use crate::print;

pub(crate) fn completions(shell: clap_complete::Shell) -> Result {
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "airlock", &mut out);
    print::out(&String::from_utf8_lossy(&out))
}

pub(crate) fn man(dir: &Path) -> Result {
    let about = || format!("the manual pages could not be written: {}", dir.display());
    std::fs::create_dir_all(dir).with_context(about)?;
    clap_mangen::generate_to(Cli::command(), dir).with_context(about)?;
    Ok(())
}
