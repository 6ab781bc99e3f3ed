//! The OS packages of a generation as repositories for apt, signed with the site's own key.
//!
//! Indexes are made anew for each generation and kept in memory; packages are blobs like any other. What clients see
//! changes in one step, from one signed release to the next, and three things keep that from breaking any of them:
//!
//! - A client in the middle of an update goes on with the release that it has begun with: the indexes and packages of the
//!   generation before are still there, under their digests and names.
//! - apt passes over a release that is older than the one it has, without a word. So after a roll-back the date does not
//!   go back: it is the newest of all generations that the store holds.
//! - apt refuses a release from the future, and so would every client whose clock is late. So the date is upstream's, and
//!   [`BACKDATED`] on top of that.

mod sets;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use airlock_content::{Generation, GenerationView};
use airlock_ospkg::deb::repository::{RepositoryError, Unsigned, write};
use airlock_ospkg::openpgp::RepositoryKey;
use airlock_types::{Digest, media_type};
use bytes::Bytes;
use http::{HeaderValue, header};
use jiff::{SignedDuration, Timestamp};

use crate::app::{App, Request};
use crate::catalog::Catalog;
use crate::config::KeySource;
use crate::error::{ApiError, Code};
use crate::manifests::ReadError;
use crate::reply::{self, Reply};
use sets::{Gathered, Held, gather};

pub use sets::{Offer, UnsignedError, offers, unsigned};

/// How far a release is dated back: more than a client's clock is ever late.
const BACKDATED: SignedDuration = SignedDuration::from_hours(36);

/// The repositories by distribution.
#[derive(Default)]
pub(crate) struct Apt {
    repositories: BTreeMap<String, Repository>,
}

/// What clients of one distribution see, or why they see nothing.
enum Repository {
    Signed {
        /// By path below the repository: indexes and their signatures.
        files: BTreeMap<String, Bytes>,
        /// Packages, in the same way.
        pool: BTreeMap<String, Digest>,
    },
    Refused(String),
}

impl Apt {
    /// Makes the repositories of a generation.
    pub(crate) fn read<V: GenerationView + ?Sized>(
        view: &V,
        generation: &Generation,
        key: Option<&KeySource>,
    ) -> Result<Self, ReadError> {
        let sets = sets::of(view, generation)?;
        if sets.is_empty() {
            return Ok(Self::default());
        }
        let now = gather(sets.values());
        let past = Past::read(view, generation, sets);
        let key = match key {
            Some(key) => key(),
            None => Err("there is no key to sign packages with".to_owned()),
        };
        let repositories = now
            .into_iter()
            .map(|(distro, mut now)| {
                let date = now.description.date;
                now.description.date = past.newest(&distro).unwrap_or(date);
                let made = match &key {
                    Ok(key) => make(now, past.before(&distro), key),
                    Err(problem) => Err(problem.clone()),
                };
                let repository = made.unwrap_or_else(|problem| {
                    tracing::warn!(distro, problem, "packages cannot be served");
                    Repository::Refused(problem)
                });
                (distro, repository)
            })
            .collect();
        Ok(Self { repositories })
    }
}

/// What was there before a generation.
#[derive(Default)]
struct Past {
    /// Every set of packages that is held.
    sets: BTreeMap<Digest, Held>,
    /// For each distribution, the sets that it had before those that it has now.
    previous: BTreeMap<String, BTreeSet<Digest>>,
}

impl Past {
    /// Adds what earlier generations had to what is there now.
    fn read<V: GenerationView + ?Sized>(
        view: &V,
        generation: &Generation,
        sets: BTreeMap<Digest, Held>,
    ) -> Self {
        let mut past = Self {
            sets,
            previous: BTreeMap::new(),
        };
        // The present can be served without the past.
        if let Err(error) = past.fill(view, generation) {
            tracing::warn!(%error, "earlier generations cannot be read; clients in the middle of an update may have to begin again");
        }
        past
    }

    fn fill<V: GenerationView + ?Sized>(
        &mut self,
        view: &V,
        generation: &Generation,
    ) -> Result<(), ReadError> {
        let now = self.by_distro(self.sets.keys().copied());
        let mut seen = BTreeSet::from([generation.id]);
        for made in view.moves()?.iter().rev() {
            if !seen.insert(made.id) {
                continue;
            }
            let Some(earlier) = view.earlier(&made.id)? else {
                continue;
            };
            let roots = sets::roots(&earlier);
            for root in &roots {
                if !self.sets.contains_key(&root.digest)
                    && let Some(held) = sets::read(view, root)?
                {
                    self.sets.insert(root.digest, held);
                }
            }
            for (distro, had) in self.by_distro(roots.iter().map(|root| root.digest)) {
                if now.get(&distro).is_some_and(|has| *has != had) {
                    self.previous.entry(distro).or_insert(had);
                }
            }
        }
        Ok(())
    }

    fn by_distro(&self, digests: impl Iterator<Item = Digest>) -> BTreeMap<String, BTreeSet<Digest>> {
        let mut by_distro: BTreeMap<String, BTreeSet<Digest>> = BTreeMap::new();
        for digest in digests {
            if let Some(held) = self.sets.get(&digest) {
                let distro = held.distro().to_owned();
                by_distro.entry(distro).or_default().insert(digest);
            }
        }
        by_distro
    }

    /// The newest date of a distribution in all generations.
    fn newest(&self, distro: &str) -> Option<Timestamp> {
        let own = self.sets.values().filter(|held| held.distro() == distro);
        own.map(Held::date).max()
    }

    /// The packages that a distribution had before.
    fn before(&self, distro: &str) -> Option<Gathered> {
        let digests = self.previous.get(distro)?;
        gather(digests.iter().filter_map(|digest| self.sets.get(digest))).remove(distro)
    }
}

/// The date that clients are shown, whose clocks may be late.
fn backdated(date: Timestamp) -> Timestamp {
    date.saturating_sub(BACKDATED).unwrap_or(date)
}

/// The repository as clients see it, with what those need that have begun with the one before.
fn make(now: Gathered, before: Option<Gathered>, key: &RepositoryKey) -> Result<Repository, String> {
    let description = {
        let mut description = now.description;
        description.date = backdated(description.date);
        description
    };
    let unsigned = write(&description, now.entries).map_err(|error| problem(&error))?;
    // The same generation is the same repository to the last byte, whenever and by whichever server it is signed.
    let at = description.date.max(key.created());
    let mut files = unsigned.sign(key, at).map_err(|error| problem(&error))?;
    let mut pool = pool_of(&unsigned);
    if let Some(before) = before
        && let Ok(before) = write(&before.description, before.entries)
    {
        for (path, digest) in pool_of(&before) {
            pool.entry(path).or_insert(digest);
        }
        for (path, bytes) in before.files() {
            if path.contains("/by-hash/") && !files.contains_key(path) {
                files.insert(path.clone(), bytes.clone());
            }
        }
    }
    Ok(Repository::Signed {
        pool,
        files: files
            .into_iter()
            .map(|(path, bytes)| (path, bytes.into()))
            .collect(),
    })
}

fn pool_of(repository: &Unsigned) -> BTreeMap<String, Digest> {
    let pool = repository.pool().iter();
    pool.map(|(path, pooled)| (path.clone(), pooled.digest)).collect()
}

/// The problem with what to do about it, for the log and for the answer.
fn problem(error: &RepositoryError) -> String {
    match error.hint() {
        Some(hint) => format!("{error} ({hint})"),
        None => error.to_string(),
    }
}

impl<V: GenerationView + 'static> App<V> {
    pub(crate) async fn apt(
        self: &Arc<Self>,
        catalog: &Arc<Catalog>,
        request: &Request<'_>,
        path: &str,
    ) -> Result<Reply, ApiError> {
        let apt = &self.extras(catalog).await?.apt;
        if path.is_empty() {
            let mut text = String::new();
            for distro in apt.repositories.keys() {
                let _ = writeln!(text, "{distro}/");
            }
            return Ok(reply::ok(reply::TEXT, text));
        }
        let unknown = || {
            ApiError::new(
                Code::NameUnknown,
                format!("there is no such file (`/apt/` lists the distributions): {path}"),
            )
        };
        let (distro, rest) = path.split_once('/').unwrap_or((path, ""));
        let (files, pool) = match apt.repositories.get(distro).ok_or_else(unknown)? {
            Repository::Signed { files, pool } => (files, pool),
            Repository::Refused(problem) => {
                return Err(ApiError::new(
                    Code::Unavailable,
                    format!("the packages for {distro} cannot be served: {problem}"),
                ));
            }
        };
        if let Some(digest) = pool.get(rest) {
            let content_type = HeaderValue::from_static(media_type::DEB);
            let mut reply = self
                .content(request, *digest, content_type)
                .await?
                .ok_or_else(unknown)?;
            reply
                .headers_mut()
                .insert(header::CACHE_CONTROL, reply::REVALIDATE);
            return Ok(reply);
        }
        let bytes = files.get(rest).ok_or_else(unknown)?;
        let etag = format!("\"{}\"", airlock_content::digest_of(bytes));
        if crate::conditional::is_fresh(request.headers, &etag) {
            return Ok(reply::not_modified(reply::value(&etag)));
        }
        let mut reply = reply::ok(reply::OCTETS, bytes.clone());
        let headers = reply.headers_mut();
        let cache = if rest.contains("/by-hash/") {
            reply::IMMUTABLE
        } else {
            reply::REVALIDATE
        };
        headers.insert(header::CACHE_CONTROL, cache);
        headers.insert(header::ETAG, reply::value(&etag));
        Ok(reply)
    }
}
