//! The receipt: what was checked, and with which result.

use airlock_bundle::Bundle;
use airlock_content::{PublishStore, StoreError};
use airlock_spec::index::BundleIndex;
use airlock_spec::receipt::{Check, FORMAT, Outcome, Receipt, Written};
use airlock_trust::{Outcome as SignatureOutcome, sign_blob};
use airlock_types::{ByteSize, Digest};

use crate::ImportOptions;

pub(crate) const RECEIPT: &str = "receipt.json";

fn check(check: &str, result: Outcome, evidence: impl Into<String>) -> Check {
    Check {
        check: check.to_owned(),
        result,
        evidence: Some(evidence.into()),
    }
}

/// What the signatures came to.
pub(crate) fn signature_checks(bundle: &Bundle) -> Vec<Check> {
    let verdict = bundle.verdict();
    let keys: Vec<String> = verdict.established().map(|key| key.to_string()).collect();
    let mut checks = vec![check(
        "the bundle index is signed by trusted keys",
        Outcome::Established,
        format!(
            "{} of {} required: {}",
            keys.len(),
            verdict.threshold(),
            keys.join(", ")
        ),
    )];
    for finding in verdict.findings() {
        if !matches!(finding.outcome, SignatureOutcome::Established { .. }) {
            checks.push(check(
                "a further signature",
                Outcome::NotEstablished,
                finding.to_string(),
            ));
        }
    }
    checks
}

/// What reading the bundle came to.
pub(crate) fn content_checks(checked: u64, held: u64, roots: usize, total: u64) -> Vec<Check> {
    let mut checks = vec![check(
        "every file read is what the signed index says",
        Outcome::Established,
        format!("{checked} files, of a bundle of {}", ByteSize(total)),
    )];
    if held > 0 {
        checks.push(check(
            "blobs that the store held before are what their names say",
            Outcome::Skipped,
            format!("{held} blobs, checked when they came; `airlock scrub` reads them again"),
        ));
    }
    checks.push(check(
        "everything that the roots need is in the store",
        Outcome::Established,
        format!("{roots} roots"),
    ));
    checks
}

/// The receipt of an import that made, or found, `generation`.
pub(crate) fn receipt(
    index: &BundleIndex,
    digest: Digest,
    generation: Digest,
    checks: Vec<Check>,
    written: Written,
    options: &ImportOptions<'_>,
) -> Receipt {
    Receipt {
        format: FORMAT,
        name: index.name.clone(),
        version: index.version.clone(),
        channel: index.channel.clone(),
        sequence: index.sequence,
        index: digest,
        lock: index.lock,
        generation,
        time: options.time.clone(),
        tool: options.tool.clone(),
        checks,
        written,
    }
}

/// The name of a record: the number of the move, and what was imported. File names end at 255 bytes.
pub(crate) fn record_name(number: u64, index: &BundleIndex) -> String {
    let mut name = format!("{number:06}-{}-{}", index.name, index.version);
    name.truncate(200);
    name
}

/// Keeps the receipt beside what it is about.
pub(crate) fn keep<S: PublishStore>(
    store: &S,
    name: &str,
    receipt: &Receipt,
    index: Vec<u8>,
    signatures: &[(String, Vec<u8>)],
    documents: Vec<(String, Vec<u8>)>,
    options: &ImportOptions<'_>,
) -> Result<(), StoreError> {
    let bytes = receipt.to_bytes();
    let mut files = vec![("airlock.json".to_owned(), index)];
    files.extend(documents);
    for (path, signature) in signatures {
        let file = path.rsplit('/').next().unwrap_or(path);
        files.push((file.to_owned(), signature.clone()));
    }
    if let Some(key) = options.sign {
        let signature = sign_blob(key, &bytes).to_json();
        files.push(("receipt.sigstore.json".to_owned(), signature));
    }
    files.push((RECEIPT.to_owned(), bytes));
    store.keep_record(name, &files)
}

/// A receipt kept before.
pub(crate) fn read<S: PublishStore>(store: &S, name: &str) -> Result<Option<Receipt>, StoreError> {
    Ok(store
        .read_record(name, RECEIPT)?
        .and_then(|bytes| Receipt::from_bytes(&bytes).ok()))
}
