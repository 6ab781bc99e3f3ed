use jiff::Timestamp;

/// A defence that an operator may lift, knowingly and by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Override {
    /// RSA keys of less than 2048 bits, and DSA keys.
    WeakKey,
    /// SHA-1 in signatures. MD5 and RIPEMD-160 stay refused.
    WeakDigest,
    /// Keys and signatures that have expired: what an archive of the past is signed with.
    ExpiredKey,
    /// Indexes with no checksums but SHA-1 and MD5.
    WeakChecksum,
    /// A release past its `Valid-Until`.
    ExpiredRelease,
    /// A release whose `Date` is yet to come.
    FutureRelease,
}

impl Override {
    /// The name under which settings and messages know it.
    pub fn name(self) -> &'static str {
        match self {
            Self::WeakKey => "weak-key",
            Self::WeakDigest => "weak-digest",
            Self::ExpiredKey => "expired-key",
            Self::WeakChecksum => "weak-checksum",
            Self::ExpiredRelease => "expired-release",
            Self::FutureRelease => "future-release",
        }
    }
}

/// When signatures and what they are about are judged, and what is let pass.
#[derive(Clone, Debug)]
pub struct Policy {
    now: i64,
    tolerance: i64,
    overrides: Vec<Override>,
}

impl Policy {
    /// How far a signer's clock may be ahead, unless [`with_tolerance`](Self::with_tolerance) says otherwise.
    const TOLERANCE: i64 = 300;

    /// Judges at this time, with five minutes for clocks that differ and no override.
    pub fn at(now: Timestamp) -> Self {
        Self {
            now: now.as_second(),
            tolerance: Self::TOLERANCE,
            overrides: Vec::new(),
        }
    }

    /// Accepts signatures and keys that were made up to so many seconds after [`at`](Self::at).
    #[must_use]
    pub fn with_tolerance(mut self, seconds: u32) -> Self {
        self.tolerance = i64::from(seconds);
        self
    }

    /// Lifts a defence.
    #[must_use]
    pub fn with_override(mut self, lifted: Override) -> Self {
        self.overrides.push(lifted);
        self
    }

    /// Whether a defence was lifted.
    pub fn allows(&self, what: Override) -> bool {
        self.overrides.contains(&what)
    }

    pub(crate) fn now(&self) -> i64 {
        self.now
    }

    /// Later than this is the future.
    pub(crate) fn latest(&self) -> i64 {
        self.now.saturating_add(self.tolerance)
    }
}
