//! What the libraries log, on standard error.

use std::io::{self, IsTerminal};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::args::{ColorMode, Global};

/// Shows warnings, and with `-v` more, for as long as this process lives.
///
/// Only our own crates say more than warnings: what others log of a connection may hold what must stay secret.
pub(crate) fn start(global: &Global) {
    let level = match (global.quiet, global.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::WARN,
        (false, 1) => LevelFilter::INFO,
        (false, _) => LevelFilter::TRACE,
    };
    let colours = match global.color {
        ColorMode::Always => true,
        ColorMode::Never => false,
        ColorMode::Auto => io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
    };
    let others = level.min(LevelFilter::WARN);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(colours)
        .without_time();
    let filter = Targets::new().with_default(others).with_target("airlock", level);
    // Fails only where somebody has set another subscriber, which is nobody.
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
}
