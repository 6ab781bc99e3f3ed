//! Threads that take content side by side, while one walks the archive.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver as Inbox, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Scope;

use airlock_content::BlobWriter;

use crate::bundle::{EntrySink, Receiver};
use crate::source::{CHUNK, Stretch};
use crate::{BundleError, Entry};

/// An entry for one thread.
pub(crate) struct Job<W> {
    pub(crate) entry: Entry,
    pub(crate) stretch: Stretch,
    pub(crate) receiver: Receiver<W>,
}

enum Message {
    Progress(u64),
    Done {
        position: usize,
        result: Result<(), BundleError>,
    },
}

/// Threads and what they have to do. Few jobs are out at a time, since each holds an open file.
pub(crate) struct Workers<W> {
    jobs: Sender<(usize, Job<W>)>,
    messages: Inbox<Message>,
    limit: usize,
    out: usize,
    next: usize,
    first: Option<(usize, BundleError)>,
}

impl<W: BlobWriter> Workers<W> {
    /// Starts the threads, which end when this is dropped.
    pub(crate) fn start<'scope>(scope: &'scope Scope<'scope, '_>, threads: usize) -> Self
    where
        W: 'scope,
    {
        let (jobs, queue) = mpsc::channel::<(usize, Job<W>)>();
        let queue = Arc::new(Mutex::new(queue));
        let (report, messages) = mpsc::channel();
        let failed = Arc::new(AtomicUsize::new(usize::MAX));
        for _ in 0..threads {
            let (queue, report, failed) = (Arc::clone(&queue), report.clone(), Arc::clone(&failed));
            scope.spawn(move || {
                let mut buffer = vec![0; CHUNK];
                loop {
                    let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok((position, job)) = job else {
                        break;
                    };
                    // What stands behind a failure is broken off, what stands before it still counts.
                    let goes_on = || position < failed.load(Ordering::Relaxed);
                    let result = take(job, &mut buffer, &report, goes_on);
                    if result.is_err() {
                        failed.fetch_min(position, Ordering::Relaxed);
                    }
                    if report.send(Message::Done { position, result }).is_err() {
                        break;
                    }
                }
            });
        }
        Self {
            jobs,
            messages,
            limit: 2 * threads,
            out: 0,
            next: 0,
            first: None,
        }
    }

    /// Gives a job to a thread, as soon as one has room. Fails when an earlier one has failed.
    pub(crate) fn hand_out<S>(&mut self, job: Job<W>, sink: &mut S) -> Result<(), BundleError>
    where
        S: EntrySink<Writer = W>,
    {
        while self.out >= self.limit {
            self.hear(sink);
        }
        if self.first.is_some() || self.jobs.send((self.next, job)).is_err() {
            return self.drain(sink);
        }
        self.next += 1;
        self.out += 1;
        Ok(())
    }

    /// Waits for everything that was handed out; of several errors, the one that stands first in the archive.
    pub(crate) fn drain<S>(&mut self, sink: &mut S) -> Result<(), BundleError>
    where
        S: EntrySink<Writer = W>,
    {
        while self.out > 0 {
            self.hear(sink);
        }
        self.first.take().map_or(Ok(()), |(_, error)| Err(error))
    }

    fn hear<S: EntrySink>(&mut self, sink: &mut S) {
        match self.messages.recv() {
            Ok(Message::Progress(bytes)) => sink.progress(bytes),
            Ok(Message::Done { position, result }) => {
                self.out -= 1;
                if let Err(error) = result
                    && self.first.as_ref().is_none_or(|(first, _)| position < *first)
                {
                    self.first = Some((position, error));
                }
            }
            // All threads have panicked, which the scope passes on.
            Err(_) => self.out = 0,
        }
    }
}

fn take<W: BlobWriter>(
    job: Job<W>,
    buffer: &mut [u8],
    report: &Sender<Message>,
    goes_on: impl Fn() -> bool,
) -> Result<(), BundleError> {
    let Job {
        entry,
        stretch,
        mut receiver,
    } = job;
    stretch.copy(&entry, buffer, &mut |bytes| {
        if !goes_on() {
            // Nobody sees it: the error before is the one that is reported.
            return Err(BundleError::entry(&entry.path.to_string(), "was not read"));
        }
        receiver.write(&entry, bytes)?;
        // Heard or not, the result of the job is what counts.
        let _ = report.send(Message::Progress(bytes.len() as u64));
        Ok(())
    })?;
    receiver.finish(&entry)
}
