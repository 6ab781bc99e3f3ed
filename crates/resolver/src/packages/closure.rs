//! What is to be installed on a node of each architecture.

use std::collections::{BTreeMap, BTreeSet};

use airlock_content::MetadataSource;
use airlock_ospkg::deb::control::paragraphs;
use airlock_ospkg::deb::pins::{Policy, Preferences};
use airlock_ospkg::deb::solve::{Candidates, Request, Solution, Why, WordError, solve, wanted};
use airlock_ospkg::deb::universe::{Builder, Origin, PackageId, Priority, RecordId, Universe};
use airlock_spec::inventory::Inventory;
use airlock_spec::manifest::{PackageBase, PackagesRequest};
use airlock_spec::packages::Installed;
use bytes::Bytes;

use super::PackagesError;
use super::fetch::Release;
use super::repositories::local;
use crate::ask::Asker;
use crate::error::Cause;

/// A package that was chosen: name, version and the architecture of its file.
pub(super) type Name = (String, String, String);

/// What was chosen for all architectures together.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    /// With the reasons, each once.
    pub(super) packages: BTreeMap<Name, BTreeSet<String>>,
    /// What the nodes are taken to have.
    pub(super) base: BTreeSet<Installed>,
}

/// What a system has beside what is essential or required: without apt it cannot be installed to; and it was made with a
/// merged `/usr` rather than converted, or it would have `usrmerge`, and with that perl, for which few systems have room.
const BESIDE: [&str; 2] = ["apt", "usr-is-merged"];

/// The reason for what was asked for.
const WANTED: &str = "wanted";

/// The status file of a node, where the request names one.
pub(super) async fn installed<S: MetadataSource>(
    asker: &Asker<'_, S>,
    wanted: &PackagesRequest,
    architectures: &[String],
) -> Result<Option<Bytes>, Cause> {
    match &wanted.base {
        PackageBase::Empty | PackageBase::Minimal => Ok(None),
        PackageBase::Status { path } => local(asker, path).await.map(Some),
        PackageBase::Installed { path } => {
            let bytes = local(asker, path).await?;
            if !Inventory::is_one(&bytes) {
                return Ok(Some(bytes));
            }
            let inventory = Inventory::from_bytes(&bytes).map_err(|source| PackagesError::Inventory {
                name: path.display().to_string(),
                source,
            })?;
            fits(&inventory, wanted, architectures)?;
            Ok(Some(inventory.to_status().into()))
        }
    }
}

/// A closure for a node of another sort would lack something on this one.
fn fits(
    inventory: &Inventory,
    wanted: &PackagesRequest,
    architectures: &[String],
) -> Result<(), PackagesError> {
    let other = architectures.iter().find(|name| **name != inventory.architecture);
    if inventory.distro == wanted.distro && other.is_none() {
        return Ok(());
    }
    Err(PackagesError::OtherNode {
        found: format!("{} for {}", inventory.distro, inventory.architecture),
        wanted: format!("{} for {}", wanted.distro, architectures.join(", ")),
    })
}

/// Chooses for nodes of each architecture.
pub(super) fn choose(
    wanted: &PackagesRequest,
    architectures: &[String],
    releases: &[Release],
    status: Option<&[u8]>,
) -> Result<Chosen, PackagesError> {
    let mut chosen = Chosen::default();
    for architecture in architectures {
        let minimal;
        let status = match (&wanted.base, status) {
            (PackageBase::Minimal, _) => {
                minimal = minimal_system(wanted, architecture, releases)?;
                Some(minimal.as_slice())
            }
            (_, status) => status,
        };
        let universe = universe(wanted, architecture, releases, status)?;
        let preferences = preferences(wanted)?;
        let policy = Policy::new(&universe, &preferences);
        let installed: Vec<RecordId> = universe.installed().collect();
        for record in &installed {
            let package = universe.package_of_record(*record);
            chosen.base.insert(Installed {
                architecture: architecture.clone(),
                name: universe.name(package).to_owned(),
                version: universe.version(*record).to_owned(),
            });
        }
        let candidates = Candidates::new(&universe, &policy, &installed);
        let names = names(&wanted.names, architecture, &universe)?;
        let request = Request {
            wanted: names,
            recommends: wanted.recommends,
        };
        let solution =
            solve(&universe, &candidates, &request).map_err(|source| PackagesError::Unsolvable {
                architecture: architecture.clone(),
                source,
            })?;
        chosen.add(&universe, &solution);
        if wanted.base == PackageBase::Minimal {
            let named = request
                .wanted
                .iter()
                .filter_map(|(package, record)| record.or_else(|| candidates.of(*package)));
            let mut carried: Vec<RecordId> = solution.install.iter().map(|choice| choice.record).collect();
            carried.extend(chosen.add_named(&universe, named, &installed));
            chosen.add_what_must_match(&universe, carried, &installed);
        }
    }
    Ok(chosen)
}

impl Chosen {
    fn add(&mut self, universe: &Universe, solution: &Solution) {
        for choice in &solution.install {
            let why = match &choice.why {
                Why::Wanted => WANTED.to_owned(),
                Why::Needed { by, kind, relation } => {
                    let by = universe.name(universe.package_of_record(*by));
                    format!("{by} {kind} {relation}")
                }
            };
            let name = name_of(universe, choice.record);
            self.packages.entry(name).or_default().insert(why);
        }
    }

    /// Adds packages of the base that were asked for by name: a node may have an earlier version, and who names a package
    /// expects it to be there. Gives those that were added.
    fn add_named(
        &mut self,
        universe: &Universe,
        named: impl Iterator<Item = RecordId>,
        base: &[RecordId],
    ) -> Vec<RecordId> {
        let added: Vec<RecordId> = named.filter(|record| base.contains(record)).collect();
        for record in &added {
            let reasons = self.packages.entry(name_of(universe, *record)).or_default();
            reasons.insert(WANTED.to_owned());
        }
        added
    }

    /// Adds packages of the base that those carried need in exactly one version (`libudev1` for `udev`): a node that was
    /// installed some updates ago has an earlier one.
    fn add_what_must_match(&mut self, universe: &Universe, carried: Vec<RecordId>, base: &[RecordId]) {
        let base: BTreeSet<RecordId> = base.iter().copied().collect();
        let mut seen: BTreeSet<RecordId> = carried.iter().copied().collect();
        let mut open = carried;
        while let Some(by) = open.pop() {
            for (needed, relation) in universe.needs_exactly(by) {
                if !base.contains(&needed) {
                    continue;
                }
                let why = format!(
                    "{} Depends {relation}",
                    universe.name(universe.package_of_record(by))
                );
                let name = name_of(universe, needed);
                self.packages.entry(name).or_default().insert(why);
                if seen.insert(needed) {
                    open.push(needed);
                }
            }
        }
    }
}

fn name_of(universe: &Universe, record: RecordId) -> Name {
    let package = universe.package_of_record(record);
    (
        universe.name(package).to_owned(),
        universe.version(record).to_owned(),
        universe.file_architecture(record).to_owned(),
    )
}

/// All packages of the releases, and what is installed.
fn universe(
    wanted: &PackagesRequest,
    architecture: &str,
    releases: &[Release],
    status: Option<&[u8]>,
) -> Result<Universe, PackagesError> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut builder = Builder::new(architecture, &[]).threads(threads);
    for release in releases {
        for index in &release.indexes {
            let origin = origin(release, &index.component);
            builder
                .add(origin, index.content.text())
                .map_err(|source| PackagesError::Packages {
                    name: format!("{}{}", release.address, index.path),
                    source,
                })?;
        }
    }
    if let Some(status) = status {
        let origin = Origin {
            installed: true,
            ..Origin::default()
        };
        builder
            .add(origin, status)
            .map_err(|source| PackagesError::Packages {
                name: format!("base of {}", wanted.distro),
                source,
            })?;
    }
    Ok(builder.finish())
}

fn origin(release: &Release, component: &str) -> Origin {
    let said = release.signed.release();
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    Origin {
        archive: text(&said.suite),
        codename: text(&said.codename),
        origin: text(&said.origin),
        label: text(&said.label),
        version: text(&said.version),
        component: component.to_owned(),
        site: release.root.host_str().unwrap_or_default().to_owned(),
        not_automatic: said.not_automatic,
        but_automatic_upgrades: said.but_automatic_upgrades,
        installed: false,
    }
}

fn preferences(wanted: &PackagesRequest) -> Result<Preferences, PackagesError> {
    let mut preferences = Preferences::default();
    for pin in &wanted.pins {
        let paragraph = format!(
            "Package: {}\nPin: {}\nPin-Priority: {}\n",
            pin.package, pin.pin, pin.priority
        );
        preferences
            .add(paragraph.as_bytes())
            .map_err(|source| PackagesError::Pin {
                pin: format!("{} {}", pin.package, pin.pin),
                source,
            })?;
    }
    if let Some(target) = &wanted.target {
        preferences.set_target_release(target);
    }
    Ok(preferences)
}

/// The minimal system of a release, as a dpkg status file: what is essential or required, apt, and what these need. It is
/// what debootstrap and mmdebstrap install as their smallest variant that can install more.
fn minimal_system(
    wanted: &PackagesRequest,
    architecture: &str,
    releases: &[Release],
) -> Result<Vec<u8>, PackagesError> {
    let universe = universe(wanted, architecture, releases, None)?;
    let preferences = preferences(wanted)?;
    let policy = Policy::new(&universe, &preferences);
    let candidates = Candidates::new(&universe, &policy, &[]);
    let needed = |package: &PackageId| {
        universe.architecture(*package) == architecture
            && candidates.of(*package).is_some_and(|record| {
                universe.is_essential(record)
                    || universe.priority(record) == Priority::Required
                    || BESIDE.contains(&universe.name(*package))
            })
    };
    let request = Request {
        wanted: universe
            .packages()
            .filter(needed)
            .map(|package| (package, None))
            .collect(),
        recommends: false,
    };
    let solution = solve(&universe, &candidates, &request).map_err(|source| PackagesError::Unsolvable {
        architecture: architecture.to_owned(),
        source,
    })?;
    let mut chosen = Chosen::default();
    chosen.add(&universe, &solution);
    let mut status = Vec::new();
    for index in releases.iter().flat_map(|release| &release.indexes) {
        for paragraph in paragraphs(index.content.text()).map_while(Result::ok) {
            let get = |field: &str| {
                let value = paragraph.get(field).unwrap_or_default();
                String::from_utf8_lossy(value).into_owned()
            };
            let name = (get("Package"), get("Version"), get("Architecture"));
            // Taken out, since another index may list the same version.
            if chosen.packages.remove(&name).is_some() {
                status.extend_from_slice(paragraph.bytes().trim_ascii_end());
                status.extend_from_slice(b"\nStatus: install ok installed\n\n");
            }
        }
    }
    Ok(status)
}

/// What the names mean for nodes of one architecture.
fn names(
    names: &[String],
    architecture: &str,
    universe: &Universe,
) -> Result<Vec<(PackageId, Option<RecordId>)>, PackagesError> {
    let mut found = Vec::new();
    for name in names {
        let Some(word) = for_architecture(name, architecture) else {
            continue;
        };
        let meant = wanted(universe, &word).map_err(|source| match source {
            WordError::Unknown(_) => PackagesError::NoPackage {
                name: word.clone(),
                architecture: architecture.to_owned(),
                meant: nearest(&word, universe),
            },
            source => PackagesError::Word {
                name: name.clone(),
                architecture: architecture.to_owned(),
                source,
            },
        })?;
        found.extend(meant);
    }
    Ok(found)
}

/// A name without its architecture; none if it is for nodes of another one.
fn for_architecture(name: &str, architecture: &str) -> Option<String> {
    let end = name.find(['=', '/']).unwrap_or(name.len());
    let (plain, rest) = name.split_at(end);
    match plain.split_once(':') {
        None => Some(name.to_owned()),
        Some((plain, of)) if of == architecture || ["any", "native"].contains(&of) => {
            Some(format!("{plain}{rest}"))
        }
        Some(_) => None,
    }
}

fn nearest(name: &str, universe: &Universe) -> Option<String> {
    let known = universe.packages().map(|package| universe.name(package));
    known
        .map(|known| (strsim::osa_distance(name, known), known))
        .filter(|(distance, _)| *distance <= 2)
        .min()
        .map(|(_, known)| known.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_for_one_architecture() {
        let of = |name| for_architecture(name, "arm64");
        assert_eq!(of("curl").as_deref(), Some("curl"));
        assert_eq!(of("curl:arm64=1:2").as_deref(), Some("curl=1:2"));
        assert_eq!(of("curl=1:2").as_deref(), Some("curl=1:2"));
        assert_eq!(of("curl:any/bookworm").as_deref(), Some("curl/bookworm"));
        assert_eq!(of("curl:amd64"), None);
        assert_eq!(of("web-server^").as_deref(), Some("web-server^"));
    }
}
