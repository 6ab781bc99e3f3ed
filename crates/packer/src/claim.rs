//! One builder fetches a blob, the others wait for it.

use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use airlock_content::{
    BlobBody, BlobClaim, BlobRead, BlobStore, Claimed, Event, Reporter, SharedStore, StoreError,
};
use airlock_types::Digest;

use crate::PackError;
use crate::pack::blocking;
use crate::take::Cancel;

/// Between two looks at a blob that somebody else fetches.
const LOOK: Duration = Duration::from_millis(50);

/// Who may fetch a blob.
pub(crate) enum Turn<C> {
    /// Nobody has to.
    Held,
    /// Somebody else is at it.
    Taken,
    /// We may, and nobody else does.
    Ours(C),
    /// We may, but not into the cache: whoever fetches it there has stopped doing so.
    Alone,
}

/// How to wait for somebody else.
pub(crate) struct Waiting<'a> {
    pub(crate) name: &'a str,
    pub(crate) reporter: &'a dyn Reporter,
    pub(crate) cancel: &'a Cancel,
    /// How long somebody may make no headway.
    pub(crate) patience: Duration,
}

/// Asks once.
pub(crate) async fn ask<C: SharedStore + 'static>(
    cache: &Arc<C>,
    digest: Digest,
    size: u64,
) -> Result<Turn<C::Claim>, PackError>
where
    C::Claim: 'static,
{
    let cache = Arc::clone(cache);
    let claimed = blocking(move || cache.claim(digest, size)).await?;
    Ok(match claimed.map_err(PackError::Cache)? {
        Claimed::Held => Turn::Held,
        Claimed::Taken { .. } => Turn::Taken,
        Claimed::Granted(claim) => Turn::Ours(claim),
    })
}

/// Waits until the blob is there, or nobody is at it.
pub(crate) async fn wait<C: SharedStore + 'static>(
    cache: &Arc<C>,
    digest: Digest,
    size: u64,
    waiting: Waiting<'_>,
) -> Result<Turn<C::Claim>, PackError>
where
    C::Claim: 'static,
{
    let text = format!(
        "waiting for another airlock process that is fetching {}",
        waiting.name
    );
    waiting.reporter.event(Event::Note { text: &text });
    let (cache, cancel, patience) = (Arc::clone(cache), waiting.cancel.clone(), waiting.patience);
    let turn = blocking(move || {
        let mut last = (0, Instant::now());
        loop {
            match cache.claim(digest, size)? {
                Claimed::Held => return Ok(Turn::Held),
                Claimed::Granted(claim) => return Ok(Turn::Ours(claim)),
                // Nobody looks at the answer then.
                Claimed::Taken { .. } if cancel.is_set() => return Ok(Turn::Taken),
                Claimed::Taken { arrived } if arrived != last.0 => last = (arrived, Instant::now()),
                Claimed::Taken { .. } if last.1.elapsed() >= patience => return Ok(Turn::Alone),
                Claimed::Taken { .. } => {}
            }
            std::thread::sleep(LOOK);
        }
    })
    .await?
    .map_err(PackError::Cache)?;
    if matches!(turn, Turn::Alone) {
        let text = format!(
            "the other process makes no headway, so this one fetches {} as well",
            waiting.name
        );
        waiting.reporter.event(Event::Note { text: &text });
    }
    Ok(turn)
}

/// Stands for the cache where there is none: `None::<&Arc<NoCache>>`.
#[derive(Debug)]
pub enum NoCache {}

impl BlobRead for NoCache {
    fn size(&self, _: &Digest) -> Result<Option<u64>, StoreError> {
        match *self {}
    }

    fn open(&self, _: &Digest) -> Result<Option<BlobBody>, StoreError> {
        match *self {}
    }
}

impl BlobStore for NoCache {
    type Writer = Self;

    fn create(&self, _: Digest, _: u64) -> Result<Self, StoreError> {
        match *self {}
    }

    fn sync(&self) -> Result<(), StoreError> {
        match *self {}
    }
}

impl SharedStore for NoCache {
    type Claim = Self;

    fn claim(&self, _: Digest, _: u64) -> Result<Claimed<Self>, StoreError> {
        match *self {}
    }

    fn forget(&self, _: &Digest) -> Result<(), StoreError> {
        match *self {}
    }
}

impl BlobClaim for NoCache {
    type Writer = Self;

    fn left(&self) -> Result<u64, StoreError> {
        match *self {}
    }

    fn read_left(&self) -> Result<Box<dyn Read + Send>, StoreError> {
        match *self {}
    }

    fn writer(&self, _: bool) -> Result<Self, StoreError> {
        match *self {}
    }
}

impl airlock_content::BlobWriter for NoCache {
    fn write(&mut self, _: &[u8]) -> Result<(), StoreError> {
        match *self {}
    }

    fn commit(self) -> Result<(), StoreError> {
        match self {}
    }
}
