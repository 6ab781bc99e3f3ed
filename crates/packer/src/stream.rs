//! The bundle into a pipe.

use std::io::{Cursor, Read, Write};
use std::sync::Arc;

use airlock_bundle::{Layout, LayoutEntry, Part, StreamWriter, WriteError};
use airlock_content::{BlobClaim, BlobSource, ByteStream, Event, SharedStore, SourceError};
use bytes::Bytes;
use futures::{StreamExt, stream};
use tokio::sync::mpsc;

use crate::pack::{Amount, Failure, Packer, blocking, wrong};
use crate::take::CHUNK;
use crate::{PackError, PackReport};

/// How much of a blob is fetched before it is its turn.
const AHEAD: usize = 4 * CHUNK;

/// A blob whose beginning has arrived.
struct Ready {
    entry: LayoutEntry,
    name: String,
    first: Vec<Bytes>,
    rest: Option<ByteStream>,
}

/// Why it goes no further, and where.
struct Stop {
    entry: LayoutEntry,
    failure: Failure,
}

impl<S, C> Packer<'_, S, C>
where
    S: BlobSource,
    C: SharedStore + 'static,
    C::Claim: 'static,
    <C::Claim as BlobClaim>::Writer: 'static,
{
    /// Writes the archive from front to back.
    ///
    /// With a cache, everything is brought there first, so that a failure comes before the first byte of output.
    pub(crate) async fn to_stream(
        &self,
        layout: Layout,
        out: Box<dyn Write + Send>,
        report: &mut PackReport,
    ) -> Result<(), PackError> {
        if let Some(cache) = self.cache {
            self.fill(&layout, None, report).await?;
            self.out_of_cache(layout, out, Arc::clone(cache)).await
        } else {
            self.through(layout, out, &mut report.fetched).await
        }
    }

    /// Content that needs no source: from the lock, or a local file.
    fn local(&self, entry: &LayoutEntry) -> std::io::Result<Option<Box<dyn Read + Send>>> {
        if let Part::Importer(arch) = &entry.part {
            let path = self.importers.get(arch).cloned().unwrap_or_default();
            return Ok(Some(Box::new(std::fs::File::open(path)?)));
        }
        let inline = self.needs.get(&entry.digest).and_then(|need| need.inline.clone());
        Ok(inline.map(|text| Box::new(Cursor::new(text)) as _))
    }

    async fn out_of_cache(
        &self,
        layout: Layout,
        out: Box<dyn Write + Send>,
        cache: Arc<C>,
    ) -> Result<(), PackError> {
        let mut local = Vec::new();
        for entry in layout.entries() {
            let content = self
                .local(entry)
                .map_err(|error| PackError::Stream(error.into()))?;
            local.extend(content.map(|content| (entry.digest, content)));
        }
        blocking(move || {
            let mut local: std::collections::BTreeMap<_, _> = local.into_iter().collect();
            let mut writer = StreamWriter::new(layout, out);
            let mut buffer = vec![0; CHUNK];
            while let Some(entry) = writer.next_entry().map_err(PackError::Stream)? {
                let digest = entry.digest;
                let failed = |error: std::io::Error| PackError::Stream(error.into());
                let mut reader = match local.remove(&digest) {
                    Some(reader) => reader,
                    None => match cache.open(&digest).map_err(PackError::Cache)? {
                        Some(body) => body.into_reader().map_err(failed)?,
                        None => return Err(PackError::Cache(airlock_content::StoreError::Missing(digest))),
                    },
                };
                loop {
                    let count = reader.read(&mut buffer).map_err(failed)?;
                    if count == 0 {
                        break;
                    }
                    writer.content(&buffer[..count]).map_err(PackError::Stream)?;
                }
            }
            Ok(())
        })
        .await?
    }

    /// Straight from the sources: some blobs are begun ahead, one at a time is passed on.
    async fn through(
        &self,
        layout: Layout,
        out: Box<dyn Write + Send>,
        fetched: &mut Amount,
    ) -> Result<(), PackError> {
        let open: Vec<LayoutEntry> = layout
            .entries()
            .iter()
            .filter(|entry| !matches!(entry.part, Part::Bytes(_)))
            .cloned()
            .collect();
        let mut all = Amount::default();
        for entry in &open {
            let fetched = self
                .needs
                .get(&entry.digest)
                .is_some_and(|need| need.inline.is_none());
            if fetched && matches!(entry.part, Part::Blob(_)) {
                all.add(entry.size);
            }
        }
        let all_open = open.clone();
        let (contents, mut turns) = mpsc::channel::<mpsc::Receiver<Bytes>>(1);
        let writer = blocking(move || -> Result<(), WriteError> {
            let mut writer = StreamWriter::new(layout, out);
            while writer.next_entry()?.is_some() {
                // Closed early when the other side failed; it then says why.
                let Some(mut content) = turns.blocking_recv() else {
                    return Err(std::io::Error::from(std::io::ErrorKind::BrokenPipe).into());
                };
                while let Some(bytes) = content.blocking_recv() {
                    writer.content(&bytes)?;
                }
            }
            Ok(())
        });
        let (ready, in_order) = mpsc::channel::<Result<Ready, Box<Stop>>>(self.jobs);
        let fetch = async move {
            let mut begun = stream::iter(open)
                .map(|entry| self.begin(entry))
                .buffered(self.jobs);
            while let Some(item) = begun.next().await {
                if ready.send(item).await.is_err() {
                    break;
                }
            }
        };
        let pass_on = async move {
            // Both channels close when this ends, which lets the other two end.
            let (contents, mut in_order) = (contents, in_order);
            while let Some(item) = in_order.recv().await {
                let item = item?;
                let (sender, receiver) = mpsc::channel(8);
                if contents.send(receiver).await.is_err() {
                    break;
                }
                self.pass_on(item, sender).await?;
            }
            Ok::<_, Box<Stop>>(())
        };
        let (written, (), passed) = futures::join!(writer, fetch, pass_on);
        let written = written?;
        if let Err(stop) = passed {
            return Err(match stop.failure {
                Failure::Fatal(error) => error,
                Failure::Missing(error) => self.incomplete(&stop.entry, error),
            });
        }
        match written {
            Err(WriteError::Content { source, entry: name }) => {
                match all_open.iter().find(|entry| entry.name == name) {
                    Some(entry) => {
                        let error = wrong("the source gave other content than the lock names", name)
                            .caused_by(source);
                        Err(self.incomplete(entry, error))
                    }
                    None => Err(PackError::Stream(WriteError::Content { source, entry: name })),
                }
            }
            Err(error) => Err(PackError::Stream(error)),
            Ok(()) => {
                *fetched = all;
                Ok(())
            }
        }
    }

    fn incomplete(&self, entry: &LayoutEntry, error: SourceError) -> PackError {
        PackError::Incomplete {
            missing: vec![self.missing(entry, error)],
        }
    }

    /// Opens a blob and fetches its beginning.
    async fn begin(&self, entry: LayoutEntry) -> Result<Ready, Box<Stop>> {
        let need = self.needs.get(&entry.digest).cloned().unwrap_or_default();
        let name = need.label(&entry.digest);
        let mut ready = Ready {
            entry,
            name,
            first: Vec::new(),
            rest: None,
        };
        let failed = |ready: Ready, failure| {
            Err(Box::new(Stop {
                entry: ready.entry,
                failure,
            }))
        };
        match self.local(&ready.entry) {
            Ok(Some(mut local)) => {
                let mut content = Vec::new();
                if let Err(error) = local.read_to_end(&mut content) {
                    return failed(ready, Failure::Fatal(PackError::Stream(error.into())));
                }
                ready.first.push(content.into());
                return Ok(ready);
            }
            Ok(None) => {}
            Err(error) => return failed(ready, Failure::Fatal(PackError::Stream(error.into()))),
        }
        let mut first_error = None;
        for (origin, want) in &need.from {
            match self.source.open(origin, want, 0).await {
                Ok(mut rest) => {
                    let mut have = 0;
                    while have < AHEAD {
                        match rest.next().await {
                            Some(Ok(bytes)) => {
                                have += bytes.len();
                                ready.first.push(bytes);
                            }
                            Some(Err(error)) => return failed(ready, Failure::Missing(error)),
                            None => break,
                        }
                    }
                    ready.rest = Some(rest);
                    return Ok(ready);
                }
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        let error = first_error.unwrap_or_else(|| wrong("the lock names no source", &ready.name));
        failed(ready, Failure::Missing(error))
    }

    async fn pass_on(&self, ready: Ready, sender: mpsc::Sender<Bytes>) -> Result<(), Box<Stop>> {
        let Ready {
            entry,
            name,
            first,
            rest,
        } = ready;
        self.reporter.event(Event::Start {
            name: &name,
            bytes: Some(entry.size),
        });
        let mut all =
            stream::iter(first.into_iter().map(Ok)).chain(rest.unwrap_or_else(|| stream::empty().boxed()));
        while let Some(next) = all.next().await {
            let bytes = match next {
                Ok(bytes) => bytes,
                Err(error) => {
                    self.reporter.event(Event::Failed { name: &name });
                    return Err(Box::new(Stop {
                        entry,
                        failure: Failure::Missing(error),
                    }));
                }
            };
            let count = bytes.len() as u64;
            if sender.send(bytes).await.is_err() {
                // The writer has stopped, and says why.
                self.reporter.event(Event::Failed { name: &name });
                return Ok(());
            }
            self.reporter.event(Event::Progress {
                name: &name,
                bytes: count,
            });
        }
        self.reporter.event(Event::Done {
            name: &name,
            digest: None,
        });
        Ok(())
    }
}
