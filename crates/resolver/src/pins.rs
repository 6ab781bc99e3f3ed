use std::collections::BTreeMap;

use airlock_spec::lock::{LeftOut, Pin, PlatformPin};
use airlock_types::{Digest, Platform};

use crate::error::Cause;

/// What a walk over manifests has found; parts of it are merged in any order.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) manifests: Vec<Pin>,
    pub(crate) blobs: Vec<Pin>,
    pub(crate) platforms: Vec<PlatformPin>,
    pub(crate) left_out: Vec<LeftOut>,
    /// Platforms that are there, chosen or not.
    pub(crate) available: Vec<Platform>,
    /// Documents that cannot be fetched again.
    pub(crate) inline: BTreeMap<Digest, String>,
}

impl Found {
    pub(crate) fn merge(&mut self, other: Self) {
        self.manifests.extend(other.manifests);
        self.blobs.extend(other.blobs);
        self.platforms.extend(other.platforms);
        self.left_out.extend(other.left_out);
        self.available.extend(other.available);
        self.inline.extend(other.inline);
    }
}

/// Pins in order of digest, each once.
pub(crate) fn sorted(pins: impl IntoIterator<Item = Pin>) -> Result<Vec<Pin>, Cause> {
    let mut out: BTreeMap<Digest, Pin> = BTreeMap::new();
    for pin in pins {
        match out.get(&pin.digest) {
            Some(known) if known.size != pin.size => return Err(Cause::Sizes(pin.digest)),
            // Of two names for one content the lower one stays, whichever was found first.
            Some(known) if *known <= pin => {}
            _ => {
                out.insert(pin.digest, pin);
            }
        }
    }
    Ok(out.into_values().collect())
}
