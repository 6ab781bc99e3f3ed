//! The sets of packages that generations hold.

use std::collections::{BTreeMap, BTreeSet};

use airlock_content::{BlobRead, Generation, GenerationView};
use airlock_ospkg::deb::control::paragraphs;
use airlock_ospkg::deb::repository::{Description, Entry, RepositoryError, Unsigned, write};
use airlock_spec::packages::{DebPackage, DebSet, MAX_LIST, is_set};
use airlock_types::{Descriptor, Digest, ImageManifest, Manifest, media_type};
use jiff::Timestamp;

use super::backdated;
use crate::manifests::{ReadError, read_manifest, read_whole};

/// What a pin can name.
const ORIGIN: &str = "Airlock";

/// A set of packages, and the files that it has.
pub(super) struct Held {
    set: DebSet,
    sizes: BTreeMap<Digest, u64>,
}

/// The roots of a generation that are sets of packages, each once.
pub(super) fn roots(generation: &Generation) -> Vec<&Descriptor> {
    let roots = generation.roots.iter().filter(|root| root.subject.is_none());
    let mut roots: Vec<&Descriptor> = roots
        .map(|root| &root.descriptor)
        .filter(|descriptor| is_set(descriptor))
        .collect();
    roots.sort_by_key(|root| root.digest);
    roots.dedup_by_key(|root| root.digest);
    roots
}

/// The sets of a generation.
pub(super) fn of<V: BlobRead + ?Sized>(
    view: &V,
    generation: &Generation,
) -> Result<BTreeMap<Digest, Held>, ReadError> {
    let mut held = BTreeMap::new();
    for root in roots(generation) {
        if let Some(set) = read(view, root)? {
            held.insert(root.digest, set);
        }
    }
    Ok(held)
}

/// Reads a set; none if it is not there, or is no list of Debian packages.
pub(super) fn read<V: BlobRead + ?Sized>(
    view: &V,
    descriptor: &Descriptor,
) -> Result<Option<Held>, ReadError> {
    let Some(read) = read_manifest(view, &descriptor.digest, &descriptor.media_type)? else {
        return Ok(None);
    };
    let image = match Manifest::parse(&read.media_type, &read.bytes) {
        Ok(Manifest::Image(image)) if image.config.media_type == media_type::AIRLOCK_DEB_SET => *image,
        _ => return Ok(None),
    };
    let Some(bytes) = read_whole(view, &image.config.digest, MAX_LIST)? else {
        return Ok(None);
    };
    match DebSet::from_bytes(&bytes) {
        Ok(set) => Ok(Some(Held {
            set,
            sizes: sizes(&image),
        })),
        Err(error) => {
            tracing::warn!(digest = %descriptor.digest, %error, "a list of packages cannot be read; it is passed over");
            Ok(None)
        }
    }
}

fn sizes(image: &ImageManifest) -> BTreeMap<Digest, u64> {
    image
        .layers
        .iter()
        .filter(|layer| layer.media_type == media_type::DEB)
        .map(|layer| (layer.digest, layer.size))
        .collect()
}

impl Held {
    pub(super) fn distro(&self) -> &str {
        &self.set.distro
    }

    /// When the newest of the releases was written that the packages are from.
    pub(super) fn date(&self) -> Timestamp {
        let dates = self.set.repositories.iter().map(|repository| repository.date);
        Timestamp::from_second(dates.max().unwrap_or_default()).unwrap_or_default()
    }

    fn entry(&self, package: &DebPackage) -> Option<Entry> {
        let paragraph = paragraphs(package.control.as_bytes()).next()?.ok()?;
        let digest = std::str::from_utf8(paragraph.get("SHA256")?).ok()?;
        let digest: Digest = format!("sha256:{}", digest.trim()).parse().ok()?;
        let size = self.sizes.get(&digest)?;
        Entry::new(paragraph, &package.component, *size, digest).ok()
    }
}

/// The packages for one distribution, of all sets together.
pub(super) struct Gathered {
    pub(super) description: Description,
    pub(super) entries: Vec<Entry>,
}

/// Puts together what belongs together, by distribution.
pub(super) fn gather<'a>(sets: impl IntoIterator<Item = &'a Held>) -> BTreeMap<String, Gathered> {
    let mut gathered: BTreeMap<String, Gathered> = BTreeMap::new();
    for held in sets {
        let set = &held.set;
        let into = gathered.entry(set.distro.clone()).or_insert_with(|| Gathered {
            description: Description {
                suite: set.codename.clone(),
                codename: set.codename.clone(),
                origin: ORIGIN.to_owned(),
                label: set.distro.clone(),
                date: Timestamp::UNIX_EPOCH,
                architectures: BTreeSet::new(),
            },
            entries: Vec::new(),
        });
        let description = &mut into.description;
        // Builders with other repositories may know the distribution by another name; one must be taken.
        if set.codename < description.codename {
            description.suite.clone_from(&set.codename);
            description.codename.clone_from(&set.codename);
        }
        description.date = description.date.max(held.date());
        description
            .architectures
            .extend(set.architectures.iter().cloned());
        for package in &set.packages {
            if let Some(entry) = held.entry(package) {
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
    gathered
}

/// What a distribution has at a site, for the configuration of its clients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// What clients ask for: `bookworm`.
    pub suite: String,
    /// The components that there are packages in.
    pub components: BTreeSet<String>,
}

impl Gathered {
    fn offer(&self) -> Offer {
        let components = self.entries.iter().map(|entry| entry.component().to_owned());
        let mut offer = Offer {
            suite: self.description.suite.clone(),
            components: components.collect(),
        };
        if offer.components.is_empty() {
            offer.components.insert("main".to_owned());
        }
        offer
    }
}

/// The distributions that a generation has packages for, with what clients must ask for.
pub fn offers<V: GenerationView + ?Sized>(
    view: &V,
    generation: &Generation,
) -> Result<BTreeMap<String, Offer>, ReadError> {
    let sets = of(view, generation)?;
    let gathered = gather(sets.values()).into_iter();
    Ok(gathered
        .map(|(distro, gathered)| (distro, gathered.offer()))
        .collect())
}

/// Why there is no repository of a distribution's packages.
#[derive(Debug, thiserror::Error)]
pub enum UnsignedError {
    /// The generation cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Its packages make no repository.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// The repository of what a generation has for one distribution and architecture (`amd64`, as Debian calls it), for a
/// folder on the client itself, where nobody signs it; `None` where there is nothing.
pub fn unsigned<V: GenerationView + ?Sized>(
    view: &V,
    generation: &Generation,
    distro: &str,
    architecture: &str,
) -> Result<Option<(Offer, Unsigned)>, UnsignedError> {
    let sets = of(view, generation)?;
    let Some(mut gathered) = gather(sets.values()).remove(distro) else {
        return Ok(None);
    };
    gathered
        .entries
        .retain(|entry| ["all", architecture].contains(&entry.architecture()));
    if gathered.entries.is_empty() {
        return Ok(None);
    }
    let offer = gathered.offer();
    let mut description = gathered.description;
    description.architectures = BTreeSet::from([architecture.to_owned()]);
    description.date = backdated(description.date);
    Ok(Some((offer, write(&description, gathered.entries)?)))
}
