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
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(colours)
        .without_time();
    // Fails only where somebody has set another subscriber, which is nobody.
    let _ = tracing_subscriber::registry()
        .with(filter(level))
        .with(lines)
        .try_init();
}

fn filter(level: LevelFilter) -> Targets {
    Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target("airlock", level)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn others_say_no_more_than_warnings() {
        let loud = filter(LevelFilter::TRACE);
        for ours in ["airlock", "airlock_upstream", "airlock_store::lock"] {
            assert!(loud.would_enable(ours, &Level::TRACE));
        }
        for other in ["hyper", "reqwest::connect", "rustls"] {
            assert!(loud.would_enable(other, &Level::WARN));
            assert!(!loud.would_enable(other, &Level::INFO));
        }
        let quiet = filter(LevelFilter::ERROR);
        for any in ["airlock", "hyper"] {
            assert!(!quiet.would_enable(any, &Level::WARN));
        }
    }
}
