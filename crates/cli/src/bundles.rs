//! Bundles as the user names them: a file, an unpacked folder, or `-` for standard input.

use std::path::Path;

use airlock_bundle::{BundleError, CheckedIndex, Unverified};
use airlock_spec::receipt::{Check, Outcome};
use airlock_trust::{Outcome as Signature, Verdict};
use airlock_types::ByteSize;
use anyhow::Context;
use serde::Serialize;

use crate::failure::{Exit, Failure, Result};

/// Opens a bundle and reads no more than its index and signatures.
pub(crate) fn open(path: &Path) -> Result<Unverified> {
    if path == Path::new("-") {
        return Unverified::from_reader(std::io::stdin()).map_err(|error| refused(path, error));
    }
    Unverified::open(path).map_err(|error| refused(path, error))
}

/// A bundle that is refused is the answer "no"; a bundle that cannot be read is trouble.
pub(crate) fn refused(path: &Path, error: BundleError) -> Failure {
    let exit = if matches!(error, BundleError::Io { .. } | BundleError::Sink { .. }) {
        Exit::Trouble
    } else {
        Exit::No
    };
    let hint = error.hint();
    let message = match exit {
        Exit::No => format!("the bundle is refused: {}", path.display()),
        _ => format!("the bundle could not be read: {}", path.display()),
    };
    Failure {
        exit,
        error: anyhow::Error::new(error).context(message),
        hint,
    }
}

/// What a command found out about a bundle.
#[derive(Debug, Serialize)]
pub(crate) struct Facts {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) channel: String,
    pub(crate) sequence: u64,
    pub(crate) index: String,
    pub(crate) lock: String,
    pub(crate) files: usize,
    pub(crate) bytes: u64,
    pub(crate) roots: usize,
}

impl Facts {
    /// From an index, verified or not; the caller says which.
    pub(crate) fn of(checked: &CheckedIndex) -> Self {
        let index = checked.index();
        Self {
            name: index.name.to_string(),
            version: index.version.to_string(),
            channel: index.channel.to_string(),
            sequence: index.sequence,
            index: checked.digest().to_string(),
            lock: index.lock.to_string(),
            files: checked.entries().len(),
            bytes: checked.total_size(),
            roots: index.roots.len(),
        }
    }

    /// Lines for people.
    pub(crate) fn text(&self) -> String {
        format!(
            "bundle    {} {} (channel {}, sequence {})\nindex     {}\nlock      {}\ncontent   {} files, {}, {} roots\n",
            self.name,
            self.version,
            self.channel,
            self.sequence,
            self.index,
            self.lock,
            self.files,
            ByteSize(self.bytes),
            self.roots
        )
    }
}

/// The check that the signatures came out as.
pub(crate) fn signature_check(verdict: &Verdict) -> Check {
    let keys: Vec<String> = verdict.established().map(|key| key.to_string()).collect();
    Check {
        check: format!("signed by {} of the trusted keys", verdict.threshold()),
        result: Outcome::Established,
        evidence: Some(keys.join(", ")),
    }
}

/// Lines for people, one a check.
pub(crate) fn checks_text(checks: &[Check]) -> String {
    let mut out = String::new();
    for check in checks {
        out.push_str(&format!("{:16}  {}", check.result, check.check));
        if let Some(evidence) = &check.evidence {
            out.push_str(&format!(" ({evidence})"));
        }
        out.push('\n');
    }
    out
}

/// Lines about signatures that do not count, for people who wonder.
pub(crate) fn ignored(verdict: &Verdict) -> Vec<String> {
    verdict
        .findings()
        .iter()
        .filter(|finding| !matches!(finding.outcome, Signature::Established { .. }))
        .map(ToString::to_string)
        .collect()
}

/// Fails unless `path` exists, so that a wrong name is not taken for a bad bundle.
pub(crate) fn must_exist(path: &Path) -> Result {
    if path != Path::new("-") {
        std::fs::metadata(path)
            .with_context(|| format!("the bundle could not be read: {}", path.display()))?;
    }
    Ok(())
}
