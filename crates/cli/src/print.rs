//! Standard output and standard error. Nothing else in the command prints.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::args::{Global, Output};
use crate::failure::{Exit, Failure, Result};

/// Writes data to standard output.
///
/// A closed pipe ends the command with a failure: `airlock verify | head` must not read as success.
pub(crate) fn out(text: &str) -> Result {
    bytes(text.as_bytes())
}

/// The same for what need not be text.
pub(crate) fn bytes(bytes: &[u8]) -> Result {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(bytes)
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure {
            exit: Exit::Trouble,
            error: anyhow::Error::new(error).context("standard output could not be written"),
            hint: None,
        })
}

/// Prints `value` as JSON, or the text that `text` makes, as the flags ask.
pub(crate) fn result<T: Serialize>(global: &Global, value: &T, text: impl FnOnce() -> String) -> Result {
    match global.output {
        Output::Json => {
            let mut json = serde_json::to_string_pretty(value)?;
            json.push('\n');
            out(&json)
        }
        Output::Text => out(&text()),
    }
}

/// A line for people on standard error, unless they asked for quiet.
pub(crate) fn note(global: &Global, line: &str) {
    if !global.quiet {
        let _ = writeln!(io::stderr().lock(), "{line}");
    }
}

/// A line for people on standard error, whatever they asked for.
pub(crate) fn line(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// The bad end of a command.
pub(crate) fn failure(failure: &Failure, colours: bool, always: bool) {
    let mut stderr = io::stderr().lock();
    let terminal = stderr.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let mut text = failure.render();
    if always || (colours && terminal) {
        text = text.replacen("error:", "\x1b[1;31merror:\x1b[0m", 1).replacen(
            "\nhint:",
            "\n\x1b[1;36mhint:\x1b[0m",
            1,
        );
    }
    let _ = stderr.write_all(text.as_bytes());
}
