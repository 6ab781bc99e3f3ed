//! The steps of `cargo xtask test`, one after the other.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::{cargo, checks, fuzz, peers, schema, testing};

/// Which steps to run.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Run only this step; may be repeated
    #[arg(long, value_name = "STEP", value_enum)]
    only: Vec<Step>,
    /// Leave this step out; may be repeated
    #[arg(long, value_name = "STEP", value_enum)]
    skip: Vec<Step>,
}

/// A step, in the order in which they run: what fails fastest comes first.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Step {
    /// Install the missing test peers (Debian, root)
    Peers,
    /// cargo fmt --check
    Fmt,
    /// cargo deny: licences, duplicate and forbidden crates, sources, advisories
    Deny,
    /// cargo clippy, warnings denied
    Clippy,
    /// cargo doc, warnings denied
    Doc,
    /// Build the airlock binary
    Build,
    /// Generated files are those in the repository
    Schema,
    /// cargo test --workspace
    Test,
    /// Each fuzz target for five seconds
    Fuzz,
}

impl Step {
    const ALL: [Self; 9] = [
        Self::Peers,
        Self::Fmt,
        Self::Deny,
        Self::Clippy,
        Self::Doc,
        Self::Build,
        Self::Schema,
        Self::Test,
        Self::Fuzz,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Peers => "peers",
            Self::Fmt => "fmt",
            Self::Deny => "deny",
            Self::Clippy => "clippy",
            Self::Doc => "doc",
            Self::Build => "build",
            Self::Schema => "schema",
            Self::Test => "test",
            Self::Fuzz => "fuzz",
        }
    }
}

/// What a run has to report at its end.
#[derive(Default)]
pub(crate) struct Report {
    /// What could not be checked here, by name.
    pub(crate) skipped: Vec<String>,
    /// The result lines of `cargo test`, and of each test that failed.
    pub(crate) results: Vec<String>,
}

impl Report {
    /// Says now and at the end that a step, or part of one, could not run.
    pub(crate) fn skip(&mut self, what: &str) {
        let line = format!("SKIPPED {what}");
        println!("{line}");
        self.skipped.push(line);
    }
}

/// Runs the chosen steps, all of them even after a failure, and reports at the end.
pub(crate) fn run(options: &Options, require: bool) -> Result<()> {
    let chosen = Step::ALL.into_iter().filter(|step| {
        (options.only.is_empty() || options.only.contains(step)) && !options.skip.contains(step)
    });
    let mut report = Report::default();
    let mut done: Vec<Done> = Vec::new();
    for step in chosen {
        println!("\n==> {}", step.name());
        let (start, skipped) = (Instant::now(), report.skipped.len());
        let result = match step {
            Step::Peers => peers::install(require),
            Step::Fmt => checks::fmt(&mut report, require),
            Step::Deny => checks::deny(&mut report, require),
            Step::Clippy => checks::clippy(&mut report, require),
            Step::Doc => checks::doc(),
            Step::Build => cargo::build_airlock(),
            Step::Schema => cargo::build_airlock().and_then(|()| schema::check()),
            Step::Test => testing::run(&mut report, require),
            Step::Fuzz => fuzz::step(&mut report, require),
        };
        if let Err(error) = &result {
            println!("error: {error:#}");
        }
        done.push(Done {
            step,
            time: start.elapsed(),
            failed: result.is_err(),
            skipped: report.skipped.len() > skipped,
        });
    }
    summary(&done, &report);
    let failed: Vec<&str> = done
        .iter()
        .filter(|done| done.failed)
        .map(|done| done.step.name())
        .collect();
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

struct Done {
    step: Step,
    time: Duration,
    failed: bool,
    skipped: bool,
}

fn summary(done: &[Done], report: &Report) {
    println!("\n==> summary");
    for done in done {
        let word = match (done.failed, done.skipped) {
            (true, _) => "FAILED",
            (false, true) => "ok, except for what was skipped",
            (false, false) => "ok",
        };
        println!("{:<8}{:>5} s  {word}", done.step.name(), done.time.as_secs());
    }
    if report.skipped.is_empty() {
        println!("nothing was skipped");
    }
    for line in &report.skipped {
        println!("{line}");
    }
    for line in &report.results {
        println!("{line}");
    }
}
