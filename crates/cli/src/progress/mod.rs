//! How progress looks: bars on a terminal, plain lines in a log, JSON for programs.
//!
//! Everything goes to standard error, so that standard output stays data.

mod bars;
mod json;
mod lines;
mod rate;

use std::io::IsTerminal;
use std::sync::Arc;

use airlock_content::{Reporter, Silent};

use crate::args::{Global, ProgressMode};

/// The reporter that the flags ask for.
pub(crate) fn reporter(global: &Global) -> Arc<dyn Reporter> {
    let mode = if global.quiet || global.no_progress {
        ProgressMode::None
    } else {
        global.progress
    };
    match mode {
        ProgressMode::None => Arc::new(Silent),
        ProgressMode::Json => Arc::new(json::Json::default()),
        ProgressMode::Bars => Arc::new(bars::Bars::new()),
        ProgressMode::Auto if std::io::stderr().is_terminal() => Arc::new(bars::Bars::new()),
        ProgressMode::Auto | ProgressMode::Lines => Arc::new(lines::Lines::new(global.verbose > 0)),
    }
}
