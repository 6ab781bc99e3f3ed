//! `airlock verify`: is this bundle what trusted keys signed, to the last byte?

use std::path::Path;
use std::sync::Arc;

use airlock_bundle::{BundleFile, EntrySink, Take};
use airlock_content::{BlobWriter, Event, Reporter, StoreError};
use airlock_spec::lock::Lock;
use airlock_spec::receipt::{Check, Outcome};
use airlock_trust::Policy;
use airlock_types::ByteSize;
use serde::Serialize;

use crate::args::{Global, VerifyArgs};
use crate::bundles::{self, Facts};
use crate::failure::Result;
use crate::{keys, print, progress};

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
    let verified = verify(&args.bundle, &policy, &progress::reporter(global))?;
    print::result(global, &verified, || verified.text())
}

/// Verifies signatures, form and content. A file is hashed by all processors, a stream as it comes.
pub(crate) fn verify(path: &Path, policy: &Policy, reporter: &Arc<dyn Reporter>) -> Result<Verified> {
    bundles::must_exist(path)?;
    let refused = |error| bundles::refused(path, error);
    if path.is_file() {
        let bundle = BundleFile::open(path, policy).map_err(refused)?;
        let bytes = bundle.index().total_size();
        reporter.event(Event::Phase {
            name: "verifying",
            artifacts: 1,
            bytes,
        });
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        bundle
            .check_content(threads, &|bytes| {
                reporter.event(Event::Progress {
                    name: "bundle",
                    bytes,
                })
            })
            .map_err(refused)?;
        reporter.event(Event::Done {
            name: "bundle",
            digest: None,
        });
        let facts = Facts::of(bundle.index().index(), bundle.index_bytes());
        return Ok(Verified::new(facts, bundle.verdict(), bundle.lock()));
    }
    let bundle = bundles::open(path)?.verify(policy).map_err(refused)?;
    let facts = Facts::of(bundle.index().index(), bundle.index_bytes());
    let (check, ignored) = (
        bundles::signature_check(bundle.verdict()),
        bundles::ignored(bundle.verdict()),
    );
    let bytes = bundle.index().total_size();
    reporter.event(Event::Phase {
        name: "verifying",
        artifacts: 1,
        bytes,
    });
    let streamed = bundle.stream(&mut Watch(reporter)).map_err(refused)?;
    reporter.event(Event::Done {
        name: "bundle",
        digest: None,
    });
    Ok(Verified::assemble(facts, check, ignored, &streamed.lock))
}

impl Verified {
    fn new(facts: Facts, verdict: &airlock_trust::Verdict, lock: &Lock) -> Self {
        Self::assemble(
            facts,
            bundles::signature_check(verdict),
            bundles::ignored(verdict),
            lock,
        )
    }

    fn assemble(facts: Facts, signature: Check, ignored: Vec<String>, lock: &Lock) -> Self {
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

/// Asks for checks and reports how far they are.
struct Watch<'a>(&'a Arc<dyn Reporter>);

/// A writer that cannot exist.
enum NoWriter {}

impl BlobWriter for NoWriter {
    fn write(&mut self, _: &[u8]) -> std::result::Result<(), StoreError> {
        match *self {}
    }

    fn commit(self) -> std::result::Result<(), StoreError> {
        match self {}
    }
}

impl EntrySink for Watch<'_> {
    type Writer = NoWriter;

    fn take(&mut self, _: &airlock_bundle::Entry) -> std::result::Result<Take<NoWriter>, StoreError> {
        Ok(Take::Verify)
    }

    fn progress(&mut self, bytes: u64) {
        self.0.event(Event::Progress {
            name: "bundle",
            bytes,
        });
    }
}
