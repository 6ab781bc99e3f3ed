use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use airlock_bundle::{Arch, Document, Extras, Layout, LayoutEntry, Part, Plan};
use airlock_content::{
    BlobClaim, BlobSource, Event, Origin, Reporter, SharedStore, SourceError, SourceErrorKind, Verifier,
    digest_of,
};
use airlock_spec::lock::Lock;
use airlock_types::{ByteSize, Descriptor, Digest};
use bytes::Bytes;
use futures::{StreamExt, stream};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::claim::{self, Turn, Waiting};
use crate::needs::{Need, needs};
use crate::partial::{Left, Partial, left, room};
use crate::take::{Cancel, Take, TakeError};
use crate::{Missing, PackError};

/// What a file in the cache takes beyond its length.
const FILE_OVERHEAD: u64 = 4096;

/// Key id in hex and content of the Sigstore bundle, for each signature over the index.
pub type Signatures = Vec<(String, Vec<u8>)>;

/// Longer than the longest pause that an upstream may ask for.
const PATIENCE: Duration = Duration::from_mins(15);

/// How to pack.
#[derive(Debug)]
pub struct Options {
    /// Where the bundle goes.
    pub output: Output,
    /// How many blobs are fetched at the same time.
    pub jobs: usize,
    /// SHA-256 of the index of the release before.
    pub previous: Option<Digest>,
    /// Documents to carry.
    pub documents: BTreeMap<Document, Vec<u8>>,
    /// Importers to carry.
    pub importers: Vec<Importer>,
    /// The cache's folder, if it is one: where it has no room for what is new, only the bundle is written.
    pub cache_folder: Option<PathBuf>,
    /// How long another process that fetches a blob into the same cache may make no headway, until it is
    /// fetched here as well.
    pub patience: Duration,
}

impl Options {
    /// Eight jobs, and nothing besides what the lock names.
    pub fn new(output: Output) -> Self {
        Self {
            output,
            jobs: 8,
            previous: None,
            documents: BTreeMap::new(),
            importers: Vec::new(),
            cache_folder: None,
            patience: PATIENCE,
        }
    }
}

/// Where a bundle goes.
pub enum Output {
    /// Into a folder, as `NAME-VERSION.airlock.tar`.
    Folder(PathBuf),
    /// To a file of this name.
    File(PathBuf),
    /// To a pipe, from front to back. Nothing can be resumed, and without a cache a failure leaves a piece of an
    /// archive in the pipe.
    Stream(Box<dyn Write + Send>),
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder(path) => f.debug_tuple("Folder").field(path).finish(),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}

/// An importer binary to carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Importer {
    /// What it runs on.
    pub arch: Arch,
    /// The binary.
    pub path: PathBuf,
}

/// What a pack came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackReport {
    /// SHA-256 of the bundle's index.
    pub index: Digest,
    /// The bundle, unless it went to a pipe.
    pub path: Option<PathBuf>,
    /// Its length in bytes.
    pub size: u64,
    /// Everything under `blobs/`.
    pub blobs: Amount,
    /// What was fetched from a source.
    pub fetched: Amount,
    /// What the cache had.
    pub cached: Amount,
    /// What an earlier attempt had left in place.
    pub resumed: Amount,
}

/// Some blobs and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// How many.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Amount {
    pub(crate) fn add(&mut self, bytes: u64) {
        self.blobs += 1;
        self.bytes += bytes;
    }
}

/// Packs the bundle that `lock` describes.
///
/// Relative paths in the lock are taken from `base`. `sign` is asked once, before anything is fetched, to sign the bytes
/// of the index. A blob in `cache` is copied from there, any other is fetched and put there too. What cannot be had does
/// not stop the rest: [`PackError::Incomplete`] lists all of it at the end.
///
/// Must be called within a tokio runtime. A dropped future leaves an unfinished bundle that the next call completes.
pub async fn pack<S, C>(
    lock: &Lock,
    base: &Path,
    source: &S,
    cache: Option<&Arc<C>>,
    sign: impl FnOnce(&[u8]) -> Result<Signatures, Box<dyn std::error::Error + Send + Sync>>,
    options: Options,
    reporter: &dyn Reporter,
) -> Result<PackReport, PackError>
where
    S: BlobSource,
    C: SharedStore + 'static,
    C::Claim: 'static,
    <C::Claim as BlobClaim>::Writer: 'static,
{
    let mut importers = Vec::new();
    for importer in &options.importers {
        importers.push(measure(importer.clone()).await?);
    }
    let plan = Plan::new(
        lock,
        Extras {
            previous: options.previous,
            documents: options.documents,
            importers,
        },
    )?;
    let file_name = plan.file_name();
    let index = digest_of(plan.index_bytes());
    let signatures = sign(plan.index_bytes()).map_err(PackError::Sign)?;
    let layout = plan.layout(&signatures)?;

    let cancel = Cancel::default();
    let _stops_workers = cancel.on_drop();
    let mut packer = Packer {
        source,
        cache,
        fills_cache: true,
        reporter,
        cancel,
        needs: needs(lock, base),
        importers: options
            .importers
            .into_iter()
            .map(|importer| (importer.arch, importer.path))
            .collect(),
        jobs: options.jobs.max(1),
        patience: options.patience,
    };
    let mut report = PackReport {
        index,
        path: None,
        size: layout.len(),
        blobs: Amount::default(),
        fetched: Amount::default(),
        cached: Amount::default(),
        resumed: Amount::default(),
    };
    for entry in layout.entries() {
        if matches!(entry.part, Part::Blob(_)) {
            report.blobs.add(entry.size);
        }
    }
    reporter.event(Event::Phase {
        name: "packing",
        artifacts: report.blobs.blobs,
        bytes: report.blobs.bytes,
    });
    let target = match options.output {
        Output::Folder(folder) => folder.join(file_name),
        Output::File(path) => path,
        Output::Stream(out) => {
            packer.to_stream(layout, out, &mut report).await?;
            return Ok(report);
        }
    };
    let partial = {
        let (layout, cancel) = (layout.clone(), packer.cancel.clone());
        blocking(move || Partial::open(&target, &layout, &cancel)).await??
    };
    if let Some(folder) = options.cache_folder {
        packer.fills_cache = packer.cache_has_room(&layout, &partial, &folder);
    }
    if let Err(error) = packer.fill(&layout, Some(&partial), &mut report).await {
        return Err(partial.explain(error, layout.len()));
    }
    report.path = Some(blocking(move || partial.complete()).await??);
    Ok(report)
}

/// Runs blocking work elsewhere.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, PackError> {
    spawn_blocking(work)
        .await
        .map_err(|error| PackError::io("running a worker thread", "-")(io::Error::other(error)))
}

/// Digest and size of an importer.
async fn measure(importer: Importer) -> Result<airlock_bundle::Importer, PackError> {
    blocking(move || {
        let failed = || PackError::io("reading the importer", &importer.path);
        let content = std::fs::read(&importer.path).map_err(failed())?;
        Ok(airlock_bundle::Importer {
            digest: digest_of(&content),
            size: content.len() as u64,
            arch: importer.arch,
        })
    })
    .await?
}

/// How an entry got into its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// From a source, but for so many bytes that an earlier attempt had left.
    Fetched {
        kept: u64,
    },
    Cached,
    Resumed,
    /// From the lock or a local file.
    Local,
    /// Not yet: somebody else is fetching it.
    Elsewhere,
}

/// Whether to wait for a blob that somebody else is fetching, or to do something else first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    Later,
    Wait,
}

/// What a transfer can go on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Nothing,
    /// So many bytes in the bundle.
    Bundle(u64),
    /// So many bytes in the cache.
    Cache(u64),
}

impl Start {
    fn bytes(self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Bundle(bytes) | Self::Cache(bytes) => bytes,
        }
    }
}

pub(crate) enum Failure {
    /// Goes on the list; the others go on.
    Missing(SourceError),
    /// Stops everything.
    Fatal(PackError),
}

impl From<PackError> for Failure {
    fn from(error: PackError) -> Self {
        Self::Fatal(error)
    }
}

pub(crate) struct Packer<'a, S, C> {
    pub(crate) source: &'a S,
    pub(crate) cache: Option<&'a Arc<C>>,
    /// Whether what is fetched goes into the cache as well.
    pub(crate) fills_cache: bool,
    pub(crate) reporter: &'a dyn Reporter,
    pub(crate) cancel: Cancel,
    pub(crate) needs: BTreeMap<Digest, Need>,
    pub(crate) importers: BTreeMap<Arch, PathBuf>,
    pub(crate) jobs: usize,
    pub(crate) patience: Duration,
}

/// Where a blob's bytes go besides the cache.
type Place = Option<(Arc<std::fs::File>, u64)>;

impl<S, C> Packer<'_, S, C>
where
    S: BlobSource,
    C: SharedStore + 'static,
    C::Claim: 'static,
    <C::Claim as BlobClaim>::Writer: 'static,
{
    /// Whether the cache can take what it does not hold, besides the bundle where both are on one disk. Says so if not.
    fn cache_has_room(&self, layout: &Layout, partial: &Partial, folder: &Path) -> bool {
        let Some(cache) = self.cache else {
            return true;
        };
        let mut needed: u64 = 0;
        for entry in layout.entries() {
            // What is wrong with a cache is told when it is used.
            if matches!(entry.part, Part::Blob(_)) && matches!(cache.size(&entry.digest), Ok(None)) {
                needed = needed.saturating_add(entry.size).saturating_add(FILE_OVERHEAD);
            }
        }
        let shared = partial.lacking_beside(folder, layout.len());
        let Some(available) = room(folder).filter(|room| *room < needed.saturating_add(shared)) else {
            return true;
        };
        let text = format!(
            "the cache has no room for {} more beside the bundle, {} are free: what is fetched goes into the bundle only",
            ByteSize(needed),
            ByteSize(available.saturating_sub(shared))
        );
        self.reporter.event(Event::Note { text: &text });
        false
    }

    /// Brings every blob to its place in the archive, or only into the cache.
    pub(crate) async fn fill(
        &self,
        layout: &Layout,
        partial: Option<&Partial>,
        report: &mut PackReport,
    ) -> Result<(), PackError> {
        let mut open: Vec<&LayoutEntry> = layout
            .entries()
            .iter()
            .filter(|entry| match entry.part {
                Part::Bytes(_) => false,
                Part::Blob(_) => true,
                Part::Importer(_) => partial.is_some(),
            })
            .collect();
        // The longest first, so that none is left alone at the end.
        open.sort_by_key(|entry| std::cmp::Reverse(entry.size));
        let mut missing = Vec::new();
        // What others are fetching comes last: nobody waits who could be doing something.
        for taken in [Taken::Later, Taken::Wait] {
            let mut results = stream::iter(std::mem::take(&mut open))
                .map(|entry| async move { (entry, self.bring(entry, partial, taken).await) })
                .buffer_unordered(self.jobs);
            while let Some((entry, result)) = results.next().await {
                match result {
                    Ok(Fate::Fetched { kept }) => {
                        report.fetched.add(entry.size - kept);
                        report.resumed.bytes += kept;
                    }
                    Ok(Fate::Cached) => report.cached.add(entry.size),
                    Ok(Fate::Resumed) => report.resumed.add(entry.size),
                    Ok(Fate::Local) => {}
                    Ok(Fate::Elsewhere) => open.push(entry),
                    Err(Failure::Missing(error)) => missing.push(self.missing(entry, error)),
                    Err(Failure::Fatal(error)) => return Err(error),
                }
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        missing.sort_by_key(|item| item.digest);
        Err(PackError::Incomplete { missing })
    }

    pub(crate) fn missing(&self, entry: &LayoutEntry, error: SourceError) -> Missing {
        Missing {
            digest: entry.digest,
            size: entry.size,
            needed_by: self
                .needs
                .get(&entry.digest)
                .map(|need| need.by.clone())
                .unwrap_or_default(),
            error,
        }
    }

    async fn bring(
        &self,
        entry: &LayoutEntry,
        partial: Option<&Partial>,
        taken: Taken,
    ) -> Result<Fate, Failure> {
        let need = self.needs.get(&entry.digest).cloned().unwrap_or_default();
        let name = need.label(&entry.digest);
        if taken == Taken::Later {
            self.reporter.event(Event::Start {
                name: &name,
                bytes: Some(entry.size),
            });
        }
        let result = self.bring_named(entry, partial, &need, &name, taken).await;
        self.reporter.event(match &result {
            Ok(Fate::Elsewhere) => return result,
            Ok(_) => Event::Done {
                name: &name,
                digest: None,
            },
            Err(_) => Event::Failed { name: &name },
        });
        result
    }

    /// Tries the ways from the cheapest to the dearest.
    async fn bring_named(
        &self,
        entry: &LayoutEntry,
        partial: Option<&Partial>,
        need: &Need,
        name: &str,
        taken: Taken,
    ) -> Result<Fate, Failure> {
        let path = partial.map_or_else(|| PathBuf::from("-"), |partial| partial.path().to_owned());
        let (mut start, digest) = (0, entry.digest);
        if let Some(partial) = partial.filter(|partial| partial.resumed) {
            let (file, entry, cancel) = (Arc::clone(&partial.file), entry.clone(), self.cancel.clone());
            let found = self
                .watched(name, move |passed| left(&file, &entry, &cancel, passed))
                .await?
                .map_err(PackError::io("reading the unfinished bundle", &path))?;
            match found {
                Left::All => {
                    if let Some(cache) = self.cache {
                        let (cache, digest) = (Arc::clone(cache), digest);
                        blocking(move || cache.forget(&digest))
                            .await?
                            .map_err(PackError::Cache)?;
                    }
                    return Ok(Fate::Resumed);
                }
                Left::Start(bytes) => start = bytes,
                Left::Nothing => {}
            }
        }
        let place: Place = partial.map(|partial| (Arc::clone(&partial.file), entry.content));
        let taker = |verifier| {
            Take::<<C::Claim as BlobClaim>::Writer>::new(verifier, place.clone(), self.cancel.clone())
        };
        let verifier = Verifier::new(entry.digest, entry.size);
        if let Part::Importer(arch) = &entry.part {
            let binary = self.importers.get(arch).cloned().unwrap_or_default();
            let take = taker(verifier);
            let result = self
                .watched(name, move |_| {
                    let file = std::fs::File::open(&binary)?;
                    take.read(file, &mut |_| ())
                })
                .await?;
            return result.map(|()| Fate::Local).map_err(|error| fatal(error, &path));
        }
        if let Some(text) = need.inline.clone() {
            if partial.is_none() {
                return Ok(Fate::Local);
            }
            let take = taker(verifier);
            let result = self
                .watched(name, move |passed| take.read(text.as_bytes(), passed))
                .await?;
            return match result {
                Ok(()) => Ok(Fate::Local),
                Err(TakeError::Wrong(error)) => Err(Failure::Missing(
                    wrong("the lock's own text is not what its digest says", name).caused_by(error),
                )),
                Err(error) => Err(fatal(error, &path)),
            };
        }
        let claim = match self.copy_or_claim(entry, &place, name, taken, &path).await? {
            Cached::Copied => return Ok(Fate::Cached),
            Cached::Elsewhere => return Ok(Fate::Elsewhere),
            Cached::Lacking(claim) => claim,
        };
        let mut first_error = None;
        // What was left of it may be damaged after a power cut, so each source is asked for the whole as well.
        let mut whole = false;
        for (origin, want) in &need.from {
            loop {
                let start = match &claim {
                    _ if whole => Start::Nothing,
                    Some(claim) => {
                        let claim = Arc::clone(claim);
                        let left = blocking(move || claim.left()).await?;
                        best_start(start, left.map_err(PackError::Cache)?)
                    }
                    None => best_start(start, 0),
                };
                match self
                    .fetch(entry, name, (origin, want), start, &place, claim.clone(), &path)
                    .await
                {
                    Ok(()) => return Ok(Fate::Fetched { kept: start.bytes() }),
                    Err(Failure::Missing(error)) => {
                        let again = error.kind == SourceErrorKind::Corrupt && start.bytes() > 0;
                        first_error.get_or_insert(error);
                        if !again {
                            break;
                        }
                        whole = true;
                    }
                    Err(fatal @ Failure::Fatal(_)) => return Err(fatal),
                }
            }
        }
        Err(Failure::Missing(first_error.unwrap_or_else(|| {
            SourceError::new(SourceErrorKind::NotFound, "the lock names no source", name)
        })))
    }

    /// Copies a blob out of the cache, or asks for the right to fetch it there.
    async fn copy_or_claim(
        &self,
        entry: &LayoutEntry,
        place: &Place,
        name: &str,
        taken: Taken,
        path: &Path,
    ) -> Result<Cached<C::Claim>, Failure> {
        let Some(cache) = self.cache else {
            return Ok(Cached::Lacking(None));
        };
        loop {
            let asked = if self.fills_cache {
                claim::ask(cache, entry.digest, entry.size).await?
            } else {
                // Nothing new goes into it; what it holds is used all the same.
                let (cache, digest) = (Arc::clone(cache), entry.digest);
                let held = blocking(move || cache.size(&digest)).await?;
                match held.map_err(PackError::Cache)? {
                    Some(_) => Turn::Held,
                    None => Turn::Alone,
                }
            };
            let turn = match asked {
                Turn::Taken if taken == Taken::Later => return Ok(Cached::Elsewhere),
                Turn::Taken => {
                    let waiting = Waiting {
                        name,
                        reporter: self.reporter,
                        cancel: &self.cancel,
                        patience: self.patience,
                    };
                    claim::wait(cache, entry.digest, entry.size, waiting).await?
                }
                turn => turn,
            };
            match turn {
                Turn::Held => {}
                Turn::Ours(claim) => return Ok(Cached::Lacking(Some(Arc::new(claim)))),
                Turn::Alone | Turn::Taken => return Ok(Cached::Lacking(None)),
            }
            if place.is_none() {
                return Ok(Cached::Copied);
            }
            let (cache, digest) = (Arc::clone(cache), entry.digest);
            let take = Take::<<C::Claim as BlobClaim>::Writer>::new(
                Verifier::new(entry.digest, entry.size),
                place.clone(),
                self.cancel.clone(),
            );
            let copied = self
                .watched(name, move |passed| {
                    let Some(body) = cache.open(&digest)? else {
                        return Ok(false);
                    };
                    take.read(body.into_reader()?, passed)?;
                    Ok(true)
                })
                .await?;
            match copied {
                Ok(true) => return Ok(Cached::Copied),
                // It was removed between the question and the copy.
                Ok(false) => {}
                Err(TakeError::Wrong(_)) => {
                    let text = format!("the cache holds a damaged {name}, which is fetched again");
                    self.reporter.event(Event::Note { text: &text });
                    return Ok(Cached::Lacking(None));
                }
                Err(error) => return Err(fatal(error, path)),
            }
        }
    }

    /// From one source, through a channel, to a thread that hashes and writes. The bytes of `start` are
    /// there already.
    #[expect(
        clippy::too_many_arguments,
        reason = "one call, of the facts about one transfer"
    )]
    async fn fetch(
        &self,
        entry: &LayoutEntry,
        name: &str,
        (origin, want): (&Origin, &Descriptor),
        start: Start,
        place: &Place,
        claim: Option<Arc<C::Claim>>,
        path: &Path,
    ) -> Result<(), Failure> {
        let (digest, size) = (entry.digest, entry.size);
        let (place, cancel) = (place.clone(), self.cancel.clone());
        let take = self
            .watched(name, move |passed| {
                let Some(claim) = claim else {
                    let mut take = Take::new(Verifier::new(digest, size), place, cancel);
                    take.keep(start.bytes(), passed)?;
                    return Ok(take);
                };
                let from_cache = matches!(start, Start::Cache(_));
                let left = claim.read_left()?;
                let mut take = Take::with_cache(claim.writer(from_cache)?, place, cancel);
                match start {
                    Start::Nothing => {}
                    Start::Bundle(bytes) => take.keep(bytes, passed)?,
                    Start::Cache(_) => take.adopt(left, passed)?,
                }
                Ok(take)
            })
            .await?
            .map_err(|error| fatal(error, path))?;
        let mut stream = self
            .source
            .open(origin, want, start.bytes())
            .await
            .map_err(Failure::Missing)?;
        let (sender, receiver) = mpsc::channel::<Bytes>(16);
        let worker = spawn_blocking(move || take.receive(receiver));
        let mut broken = None;
        while let Some(next) = stream.next().await {
            match next {
                Ok(bytes) => {
                    let count = bytes.len() as u64;
                    if sender.send(bytes).await.is_err() {
                        break;
                    }
                    self.reporter.event(Event::Progress { name, bytes: count });
                }
                Err(error) => {
                    broken = Some(error);
                    break;
                }
            }
        }
        drop(sender);
        let taken = worker
            .await
            .map_err(|error| PackError::io("running a worker thread", path)(io::Error::other(error)))?;
        match (taken, broken) {
            (Err(error @ (TakeError::Cache(_) | TakeError::Io(_))), _) => Err(fatal(error, path)),
            (_, Some(error)) => Err(Failure::Missing(error)),
            (Err(TakeError::Wrong(error)), None) => Err(Failure::Missing(
                wrong("the source gave other content than the lock names", origin).caused_by(error),
            )),
            (Ok(()), None) => Ok(()),
        }
    }

    /// Runs blocking work that reports how far it is.
    pub(crate) async fn watched<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce(&mut dyn FnMut(u64)) -> T + Send + 'static,
    ) -> Result<T, PackError> {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let worker = blocking(move || {
            work(&mut |bytes| {
                // Nobody listens any more when the pack was given up.
                let _ = sender.send(bytes);
            })
        });
        let reports = async {
            while let Some(bytes) = receiver.recv().await {
                self.reporter.event(Event::Progress { name, bytes });
            }
        };
        let (result, ()) = futures::join!(worker, reports);
        result
    }
}

/// What the cache has of a blob.
enum Cached<C> {
    /// All of it, and it is in its place.
    Copied,
    /// Somebody else is fetching it.
    Elsewhere,
    /// Nothing that is good; with a claim, it is to be fetched into the cache too.
    Lacking(Option<Arc<C>>),
}

/// Takes the longer one.
fn best_start(in_bundle: u64, in_cache: u64) -> Start {
    match (in_bundle, in_cache) {
        (0, 0) => Start::Nothing,
        (bundle, cache) if bundle > cache => Start::Bundle(bundle),
        (_, cache) => Start::Cache(cache),
    }
}

fn fatal(error: TakeError, path: &Path) -> Failure {
    Failure::Fatal(match error {
        TakeError::Cache(error) => PackError::Cache(error),
        TakeError::Io(error) => PackError::io("writing the bundle", path)(error),
        // Only importers come here with wrong content: they were measured a moment ago.
        TakeError::Wrong(error) => PackError::io("reading the importer", path)(io::Error::other(error)),
    })
}

pub(crate) fn wrong(message: &str, what: impl std::fmt::Display) -> SourceError {
    SourceError::new(SourceErrorKind::Corrupt, message, what)
        .hint("its publisher may have replaced it: lock again, and look at what changed before you pack")
}
