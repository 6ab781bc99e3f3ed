//! What is to be installed on a node of each architecture.

use std::collections::{BTreeMap, BTreeSet};

use airlock_content::MetadataSource;
use airlock_ospkg::deb::control::paragraphs;
use airlock_ospkg::deb::pins::{Policy, Preferences};
use airlock_ospkg::deb::solve::{Candidates, Request, Solution, Why, solve};
use airlock_ospkg::deb::universe::{Builder, Origin, PackageId, Priority, RecordId, Universe};
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

/// What apt itself needs, beside what is essential: a system without it cannot be installed to.
const APT: &str = "apt";

/// The status file of a node, where the request names one.
pub(super) async fn installed<S: MetadataSource>(
    asker: &Asker<'_, S>,
    wanted: &PackagesRequest,
) -> Result<Option<Bytes>, Cause> {
    match &wanted.base {
        PackageBase::Empty | PackageBase::Minimal => Ok(None),
        PackageBase::Status { path } | PackageBase::Installed { path } => local(asker, path).await.map(Some),
    }
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
        let names = names(&wanted.names, architecture, &universe, &candidates)?;
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
    }
    Ok(chosen)
}

impl Chosen {
    fn add(&mut self, universe: &Universe, solution: &Solution) {
        for choice in &solution.install {
            let why = match &choice.why {
                Why::Wanted => "wanted".to_owned(),
                Why::Needed { by, kind, relation } => {
                    let by = universe.name(universe.package_of_record(*by));
                    format!("{by} {kind} {relation}")
                }
            };
            let name = name_of(universe, choice.record);
            self.packages.entry(name).or_default().insert(why);
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
    let mut builder = Builder::new(architecture, &[]);
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
                    || universe.name(*package) == APT
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
                status.extend_from_slice(paragraph.bytes());
                status.extend_from_slice(b"\nStatus: install ok installed\n\n");
            }
        }
    }
    Ok(status)
}

/// What the names mean, as apt-get(8) reads them: `name`, `name:architecture`, `name=version`, `name/release`, `task^`.
fn names(
    names: &[String],
    architecture: &str,
    universe: &Universe,
    candidates: &Candidates,
) -> Result<Vec<(PackageId, Option<RecordId>)>, PackagesError> {
    let mut found = Vec::new();
    for name in names {
        if let Some(task) = name.strip_suffix('^') {
            let of_task = |package: &PackageId| {
                universe.architecture(*package) == architecture
                    && candidates
                        .of(*package)
                        .is_some_and(|record| universe.tasks(record).any(|name| name == task))
            };
            let before = found.len();
            found.extend(universe.packages().filter(of_task).map(|package| (package, None)));
            if found.len() == before {
                return Err(no_package(name, architecture, universe));
            }
            continue;
        }
        let (rest, version) = match name.split_once('=') {
            Some((rest, version)) => (rest, Some(Wanted::Version(version))),
            None => match name.split_once('/') {
                Some((rest, release)) => (rest, Some(Wanted::Release(release))),
                None => (name.as_str(), None),
            },
        };
        let (plain, of) = match rest.split_once(':') {
            // A name for one architecture says nothing about nodes of another.
            Some((_, of)) if of != architecture && of != "any" && of != "native" => continue,
            Some((plain, _)) => (plain, None),
            None => (rest, None),
        };
        let package = match universe.package(plain, of) {
            Some(package) => package,
            None => only_provider(plain, architecture, universe, candidates)?,
        };
        let record = match version {
            None => None,
            Some(version) => Some(version.of(package, name, architecture, universe)?),
        };
        found.push((package, record));
    }
    Ok(found)
}

enum Wanted<'a> {
    Version(&'a str),
    Release(&'a str),
}

impl Wanted<'_> {
    fn of(
        &self,
        package: PackageId,
        name: &str,
        architecture: &str,
        universe: &Universe,
    ) -> Result<RecordId, PackagesError> {
        let fits = |record: &&RecordId| match self {
            Self::Version(version) => universe.version(**record) == *version,
            Self::Release(release) => universe.indexes(**record).any(|index| {
                let origin = universe.origin(index);
                [&origin.archive, &origin.codename, &origin.version]
                    .into_iter()
                    .any(|known| known == release)
            }),
        };
        let versions = universe.versions(package);
        versions.iter().find(fits).copied().ok_or_else(|| {
            let mut known: Vec<String> = versions
                .iter()
                .map(|record| universe.version(*record).to_owned())
                .collect();
            known.dedup();
            PackagesError::NoVersion {
                name: universe.name(package).to_owned(),
                version: name
                    .split_once(['=', '/'])
                    .map_or_else(String::new, |(_, version)| version.to_owned()),
                architecture: architecture.to_owned(),
                known,
            }
        })
    }
}

/// A name that is only provided stands for its provider if there is just one, as for apt.
fn only_provider(
    name: &str,
    architecture: &str,
    universe: &Universe,
    candidates: &Candidates,
) -> Result<PackageId, PackagesError> {
    let providers: BTreeSet<PackageId> = universe
        .providers(name)
        .into_iter()
        .map(|record| (universe.package_of_record(record), record))
        .filter(|(package, record)| candidates.of(*package) == Some(*record))
        .map(|(package, _)| package)
        .collect();
    let mut all = providers.iter();
    match (all.next(), all.next()) {
        (None, _) => Err(no_package(name, architecture, universe)),
        (Some(only), None) => Ok(*only),
        (Some(_), Some(_)) => Err(PackagesError::Virtual {
            name: name.to_owned(),
            architecture: architecture.to_owned(),
            providers: providers
                .iter()
                .map(|package| universe.name(*package).to_owned())
                .collect(),
        }),
    }
}

fn no_package(name: &str, architecture: &str, universe: &Universe) -> PackagesError {
    let nearest = universe
        .packages()
        .map(|package| universe.name(package))
        .map(|known| (strsim::osa_distance(name, known), known))
        .filter(|(distance, _)| *distance <= 2)
        .min();
    PackagesError::NoPackage {
        name: name.to_owned(),
        architecture: architecture.to_owned(),
        meant: nearest.map_or_else(String::new, |(_, known)| format!("; did you mean {known}?")),
    }
}
