//! `airlock verify`: is this bundle what trusted keys signed, to the last byte?

use std::path::Path;
use std::sync::Arc;

use airlock_bundle::BundleFile;
use airlock_content::{Event, Reporter};
use airlock_hash::Engine;
use airlock_spec::lock::Lock;
use airlock_spec::receipt::{Check, Outcome};
use airlock_trust::{Policy, Verdict};
use airlock_types::ByteSize;
use serde::Serialize;

use crate::args::{Global, VerifyArgs};
use crate::bundles::{self, Facts};
use crate::failure::Result;
use crate::{keys, print};

/// What a verification established.
#[derive(Debug, Serialize)]
pub(crate) struct Verified {
    established: bool,
    #[serde(flatten)]
    facts: Facts,
    checks: Vec<Check>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ignored_signatures: Vec<String>,
}

pub(crate) fn run(args: &VerifyArgs, global: &Global) -> Result {
    let policy = keys::policy(&args.trust.keys, args.trust.threshold)?;
    let engine = args.hashing.engine()?;
    let verified = verify(&args.bundle, &policy, engine, &crate::progress::reporter(global))?;
    print::result(global, &verified, || verified.text())
}

/// What the bundle is called in progress events.
const NAME: &str = "bundle";

/// Verifies signatures, form and content. A file is hashed by all processors, a stream as it comes.
fn verify(path: &Path, policy: &Policy, engine: Engine, reporter: &Arc<dyn Reporter>) -> Result<Verified> {
    bundles::must_exist(path)?;
    if path.is_file() {
        let bundle = open_checked(path, policy, engine, reporter)?;
        let facts = Facts::of(bundle.index());
        return Ok(Verified::new(facts, signatures(bundle.verdict()), bundle.lock()));
    }
    let refused = |error| bundles::refused(path, error);
    let bundle = bundles::open(path)?.verify(policy).map_err(refused)?;
    let facts = Facts::of(bundle.index());
    let signatures = signatures(bundle.verdict());
    begin(reporter, bundle.index().total_size());
    let streamed = bundle
        .check(&mut |bytes| progress(reporter, bytes))
        .map_err(refused)?;
    end(reporter);
    Ok(Verified::new(facts, signatures, &streamed.lock))
}

/// The signatures that count, as one check, and a line for each that does not.
fn signatures(verdict: &Verdict) -> (Check, Vec<String>) {
    (bundles::signature_check(verdict), bundles::ignored(verdict))
}

/// Opens a bundle file and checks all of it. What is done with it then is done with the file that was
/// checked, whatever becomes of its name.
pub(crate) fn open_checked(
    path: &Path,
    policy: &Policy,
    engine: Engine,
    reporter: &Arc<dyn Reporter>,
) -> Result<BundleFile> {
    let refused = |error| bundles::refused(path, error);
    let bundle = BundleFile::open(path, policy).map_err(refused)?;
    begin(reporter, bundle.index().total_size());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    bundle
        .check_content_with(engine, threads, &|bytes| progress(reporter, bytes))
        .map_err(refused)?;
    end(reporter);
    Ok(bundle)
}

fn begin(reporter: &Arc<dyn Reporter>, bytes: u64) {
    reporter.event(Event::Phase {
        name: "verifying",
        artifacts: 1,
        bytes,
    });
}

fn progress(reporter: &Arc<dyn Reporter>, bytes: u64) {
    reporter.event(Event::Progress { name: NAME, bytes });
}

fn end(reporter: &Arc<dyn Reporter>) {
    reporter.event(Event::Done {
        name: NAME,
        digest: None,
    });
}

impl Verified {
    fn new(facts: Facts, (signature, ignored): (Check, Vec<String>), lock: &Lock) -> Self {
        let established = |check: &str, evidence: String| Check {
            check: check.to_owned(),
            result: Outcome::Established,
            evidence: Some(evidence),
        };
        let skipped = |check: &str, evidence: String| Check {
            check: check.to_owned(),
            result: Outcome::Skipped,
            evidence: Some(evidence),
        };
        let referrers: usize = lock
            .artifacts
            .iter()
            .map(|artifact| artifact.referrers.len())
            .sum();
        let checks = vec![
            signature,
            established(
                "every byte is what was signed",
                format!("{} files, {}", facts.files, ByteSize(facts.bytes)),
            ),
            established(
                "the lock agrees with the index",
                format!("{} artifacts", lock.artifacts.len()),
            ),
            skipped(
                "this is the newest release",
                format!("a store compares sequence {} at import", facts.sequence),
            ),
            skipped(
                "upstream signatures of the content",
                format!("{referrers} signatures, attestations and SBOMs are carried, none was checked"),
            ),
        ];
        Self {
            established: true,
            facts,
            checks,
            ignored_signatures: ignored,
        }
    }

    /// Lines for people.
    pub(crate) fn text(&self) -> String {
        let mut out = self.facts.text();
        out.push('\n');
        out.push_str(&bundles::checks_text(&self.checks));
        for finding in &self.ignored_signatures {
            out.push_str(&format!("{:16}  {finding}\n", "not counted"));
        }
        out.push_str("\nverified\n");
        out
    }
}
