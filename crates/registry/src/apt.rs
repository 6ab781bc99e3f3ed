//! The OS packages of a generation as repositories for apt, signed with the site's own key.
//!
//! Indexes are made anew for each generation and kept in memory; packages are blobs like any other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use airlock_content::{BlobRead, GenerationView, RootEntry};
use airlock_ospkg::deb::control::paragraphs;
use airlock_ospkg::deb::repository::{Description, Entry, RepositoryError, write};
use airlock_ospkg::openpgp::RepositoryKey;
use airlock_spec::packages::DebSet;
use airlock_types::{Digest, ImageManifest, media_type};
use bytes::Bytes;
use http::{HeaderValue, header};
use jiff::{SignedDuration, Timestamp};

use crate::app::{App, Request};
use crate::catalog::Catalog;
use crate::error::{ApiError, Code};
use crate::manifests::{ReadError, read_whole};
use crate::reply::{self, Reply};

/// A list of packages with all that is known of them; a thousand packages have one MB of it.
const CONFIG_LIMIT: u64 = 64 << 20;
/// How far a release is dated back, so that a client whose clock is a day late does not take it for one of the future.
const BACKDATED: SignedDuration = SignedDuration::from_hours(36);
/// What a pin can name.
const ORIGIN: &str = "Airlock";

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

/// The packages for one distribution, of all artifacts together.
struct Gathered {
    description: Description,
    entries: Vec<Entry>,
}

impl Apt {
    /// Reads the sets of packages.
    pub(crate) fn read<V: BlobRead + ?Sized>(
        view: &V,
        sets: &[(&RootEntry, ImageManifest)],
        key: Option<&RepositoryKey>,
    ) -> Result<Self, ReadError> {
        let mut gathered: BTreeMap<String, Gathered> = BTreeMap::new();
        for (root, image) in sets {
            let Some(bytes) = read_whole(view, &image.config.digest, CONFIG_LIMIT)? else {
                continue;
            };
            match DebSet::from_bytes(&bytes) {
                Ok(set) => gather(&mut gathered, &set, image),
                Err(error) => {
                    tracing::warn!(reference = %root.reference, %error, "a list of packages cannot be read; it is passed over");
                }
            }
        }
        let repositories = gathered
            .into_iter()
            .map(|(distro, gathered)| {
                let repository = sign(gathered, key).unwrap_or_else(|problem| {
                    tracing::warn!(distro, problem, "packages cannot be served");
                    Repository::Refused(problem)
                });
                (distro, repository)
            })
            .collect();
        Ok(Self { repositories })
    }
}

fn gather(gathered: &mut BTreeMap<String, Gathered>, set: &DebSet, image: &ImageManifest) {
    let newest = set.repositories.iter().map(|repository| repository.date).max();
    let date = Timestamp::from_second(newest.unwrap_or_default()).unwrap_or_default();
    let into = gathered.entry(set.distro.clone()).or_insert_with(|| Gathered {
        description: Description {
            suite: set.codename.clone(),
            codename: set.codename.clone(),
            origin: ORIGIN.to_owned(),
            label: set.distro.clone(),
            date,
            architectures: BTreeSet::new(),
        },
        entries: Vec::new(),
    });
    into.description.date = into.description.date.max(date);
    into.description
        .architectures
        .extend(set.architectures.iter().cloned());
    let sizes: BTreeMap<Digest, u64> = image
        .layers
        .iter()
        .filter(|layer| layer.media_type == media_type::DEB)
        .map(|layer| (layer.digest, layer.size))
        .collect();
    for package in &set.packages {
        let entry = paragraphs(package.control.as_bytes())
            .next()
            .and_then(Result::ok)
            .and_then(|paragraph| {
                let digest = std::str::from_utf8(paragraph.get("SHA256")?).ok()?;
                let digest: Digest = format!("sha256:{digest}").parse().ok()?;
                let size = sizes.get(&digest)?;
                Entry::new(paragraph, &package.component, *size, digest).ok()
            });
        if let Some(entry) = entry {
            into.entries.push(entry);
        } else {
            let package = package.control.lines().next().unwrap_or_default();
            tracing::warn!(
                distro = set.distro,
                package,
                "a package cannot be listed; it is passed over"
            );
        }
    }
}

fn sign(gathered: Gathered, key: Option<&RepositoryKey>) -> Result<Repository, String> {
    let key = key.ok_or_else(|| "there is no key to sign the repository with".to_owned())?;
    let mut description = gathered.description;
    description.date = description
        .date
        .saturating_sub(BACKDATED)
        .unwrap_or(description.date);
    let problem = |error: RepositoryError| error.to_string();
    let unsigned = write(&description, gathered.entries).map_err(problem)?;
    // The same generation is the same repository to the last byte, whenever and by whichever server it is signed.
    let files = unsigned.sign(key, description.date).map_err(problem)?;
    Ok(Repository::Signed {
        pool: unsigned
            .pool()
            .iter()
            .map(|(path, pooled)| (path.clone(), pooled.digest))
            .collect(),
        files: files
            .into_iter()
            .map(|(path, bytes)| (path, bytes.into()))
            .collect(),
    })
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
        headers.insert(header::CACHE_CONTROL, reply::REVALIDATE);
        headers.insert(header::ETAG, reply::value(&etag));
        Ok(reply)
    }
}
