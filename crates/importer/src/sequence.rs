//! Releases count upwards: an old bundle, however well signed, must not come back by itself.

use airlock_content::{Cause, Move};
use airlock_spec::index::BundleIndex;
use airlock_spec::receipt::{Check, Outcome};
use airlock_types::Digest;

use crate::{ImportError, Reason};

const CHECK: &str = "the sequence is not lower than any imported before";

/// Compares a bundle with everything that was ever imported under its name and channel.
pub(crate) fn check(
    history: &[Move],
    index: &BundleIndex,
    digest: Digest,
    allow: Option<&Reason>,
) -> Result<Check, ImportError> {
    let imports: Vec<(u64, Digest)> = history
        .iter()
        .filter_map(|made| match &made.cause {
            Cause::Import {
                name,
                channel,
                sequence,
                index: imported,
                ..
            } if name == index.name.as_str() && channel == index.channel.as_str() => {
                Some((*sequence, *imported))
            }
            _ => None,
        })
        .collect();
    let highest = imports.iter().map(|(sequence, _)| *sequence).max();
    let error = match highest {
        Some(highest) if index.sequence < highest => Some(ImportError::Downgrade {
            name: index.name.to_string(),
            version: index.version.to_string(),
            channel: index.channel.to_string(),
            sequence: index.sequence,
            highest,
        }),
        Some(highest) if highest > 0 && index.sequence == highest => {
            let mut same = imports.iter().filter(|(sequence, _)| *sequence == highest);
            if same.clone().any(|(_, imported)| *imported == digest) {
                None
            } else {
                same.next_back().map(|(_, imported)| ImportError::SameSequence {
                    name: index.name.to_string(),
                    sequence: highest,
                    imported: *imported,
                })
            }
        }
        _ => None,
    };
    let (result, evidence) = match (error, allow) {
        (Some(error), None) => return Err(error),
        (Some(error), Some(reason)) => (
            Outcome::NotEstablished,
            format!("{error}; allowed, for this reason: {reason}"),
        ),
        (None, _) if index.sequence == 0 => (Outcome::Skipped, "the bundle counts no sequence".to_owned()),
        (None, _) => (
            Outcome::Established,
            match highest {
                Some(highest) => format!("sequence {}, the highest before is {highest}", index.sequence),
                None => format!("sequence {}, the first of its channel", index.sequence),
            },
        ),
    };
    Ok(Check {
        check: CHECK.to_owned(),
        result,
        evidence: Some(evidence),
    })
}
