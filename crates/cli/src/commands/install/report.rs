//! What was done, or would be.

use std::fmt::Write as _;

use airlock_health::Summary;
use airlock_node::{Change, Outcome};
use serde::Serialize;

/// The result of `airlock install`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    what: String,
    dry_run: bool,
    /// How many changes were made.
    made: usize,
    changes: Vec<Line>,
    /// How the cluster is afterwards, where it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    health: Option<Summary>,
}

/// A change.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    change: String,
    outcome: &'static str,
}

impl Line {
    pub(super) fn new(change: &Change, outcome: Outcome) -> Self {
        Self {
            change: change.title(),
            outcome: super::outcome(outcome),
        }
    }
}

impl Report {
    pub(super) fn planned(what: &str, changes: &[Change], outcomes: &[Outcome]) -> Self {
        let lines = changes
            .iter()
            .zip(outcomes)
            .map(|(change, outcome)| Line::new(change, *outcome));
        Self {
            dry_run: true,
            ..Self::done(what, lines.collect(), None)
        }
    }

    pub(super) fn done(what: &str, changes: Vec<Line>, health: Option<Summary>) -> Self {
        Self {
            what: what.to_owned(),
            dry_run: false,
            made: changes.iter().filter(|line| line.outcome == "made").count(),
            changes,
            health,
        }
    }

    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        if self.dry_run {
            for line in &self.changes {
                let mark = match line.outcome {
                    "made" => '+',
                    "already so" => '=',
                    _ => '~',
                };
                // Writing to a string cannot fail.
                let _ = writeln!(out, "  {mark} {}", line.change);
            }
        }
        let later = self
            .changes
            .iter()
            .filter(|line| line.outcome == "on the machine")
            .count();
        let verb = if self.dry_run { "would be made" } else { "made" };
        let _ = writeln!(
            out,
            "{}: {} {} {verb}, {} already so{}",
            self.what,
            self.made,
            if self.made == 1 { "change" } else { "changes" },
            self.changes.len() - self.made - later,
            if later == 0 {
                String::new()
            } else {
                format!(", {later} only on a running machine")
            }
        );
        if let Some(health) = &self.health {
            let _ = writeln!(out, "health: {health}");
        }
        out
    }
}
