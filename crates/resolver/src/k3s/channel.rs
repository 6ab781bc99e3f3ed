//! Which release a channel is at.

use std::cmp::Ordering;

use airlock_content::MetadataSource;
use airlock_spec::k3s::{compare, is_release};
use airlock_spec::lock::Artifact;
use airlock_spec::manifest::K3sRequest;
use url::Url;

use super::{K3sError, below};
use crate::ask::Asker;
use crate::error::Cause;

/// How many redirects lead from a channel to its release at most; k3s' own needs one.
const MAX_STEPS: usize = 4;
/// The channel of what k3s recommends.
const STABLE: &str = "stable";

/// The release that a channel is at now: the last word of the address that it redirects to.
///
/// That address itself is not asked, since a mirror of channels need not lead to pages that can be reached.
pub(super) async fn release<S: MetadataSource>(
    asker: &Asker<'_, S>,
    channels: &Url,
    channel: &str,
) -> Result<String, Cause> {
    let mut address = below(channels, &[channel])?;
    for _ in 0..MAX_STEPS {
        let next = asker.leads_to(&address).await?;
        if let Some(release) = last_word(&next).filter(|word| is_release(word)) {
            return Ok(release);
        }
        if next == address {
            break;
        }
        address = next;
    }
    Err(K3sError::Channel {
        channel: channel.to_owned(),
        address: address.to_string(),
    }
    .into())
}

/// The last word of an address, with `%2B` as `+`.
fn last_word(url: &Url) -> Option<String> {
    let word = url.path_segments()?.next_back()?;
    Some(word.replace("%2B", "+").replace("%2b", "+"))
}

/// A newer release than the one locked: what `lock --update` takes, and what takes a change of the manifest.
pub(crate) async fn newer<S: MetadataSource>(
    asker: &Asker<'_, S>,
    wanted: &K3sRequest,
    artifact: &Artifact,
) -> Result<(Option<String>, Option<String>), Cause> {
    let current = artifact.version.as_deref().unwrap_or_default();
    if let Some(channel) = &wanted.channel {
        // A channel may go back, too, when a release is withdrawn.
        let now = release(asker, &wanted.channels, channel).await?;
        return Ok((Some(now).filter(|now| now != current), None));
    }
    let minor: Vec<&str> = current.split('.').take(2).collect();
    let mut newest: Option<String> = None;
    for channel in [STABLE, &minor.join(".")] {
        match release(asker, &wanted.channels, channel).await {
            Ok(now) => {
                let known = newest.as_deref().unwrap_or(current);
                if compare(&now, known) == Some(Ordering::Greater) {
                    newest = Some(now);
                }
            }
            Err(cause) => {
                asker.note(&format!(
                    "the channel {channel} of k3s could not be asked: {cause}"
                ));
            }
        }
    }
    Ok((None, newest))
}
