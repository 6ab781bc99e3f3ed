use airlock_types::Digest;

/// Something happened that a person waiting may want to see.
///
/// Libraries report; how it looks (bars, lines, JSON) is the business of who listens.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A piece of work with a known total begins: "locking", "packing", "importing".
    Phase {
        /// What is being done, in one word.
        name: &'static str,
        /// How many artifacts or blobs it covers: as many `Done` or `Failed` follow.
        artifacts: u64,
        /// How many bytes it will move, 0 where that is not known.
        bytes: u64,
    },
    /// Work on one artifact or blob begins.
    Start {
        /// A name for people: a reference, a path, a short digest.
        name: &'a str,
        /// Its length in bytes, where known.
        bytes: Option<u64>,
    },
    /// Bytes of it have moved.
    Progress {
        /// The name given at its start.
        name: &'a str,
        /// How many more.
        bytes: u64,
    },
    /// It is done.
    Done {
        /// The name given at its start.
        name: &'a str,
        /// What it turned out to be, where that was in question.
        digest: Option<Digest>,
    },
    /// It failed; the error follows on its own way.
    Failed {
        /// The name given at its start.
        name: &'a str,
    },
    /// It will be tried again.
    Retry {
        /// The name given at its start, or the address.
        name: &'a str,
        /// Why, in one clause.
        reason: &'a str,
        /// How long the wait is.
        after: std::time::Duration,
    },
    /// Something went another way than it should have, and the work goes on.
    Warning {
        /// The line.
        text: &'a str,
    },
    /// A fact worth a line that is neither progress nor an error.
    Note {
        /// The line.
        text: &'a str,
    },
}

/// Who listens to [`Event`]s. Called from many threads.
pub trait Reporter: Send + Sync {
    /// Takes note of an event; must not block for long.
    fn event(&self, event: Event<'_>);
}

/// Listens to nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Reporter for Silent {
    fn event(&self, _: Event<'_>) {}
}

impl<R: Reporter + ?Sized> Reporter for std::sync::Arc<R> {
    fn event(&self, event: Event<'_>) {
        (**self).event(event);
    }
}
