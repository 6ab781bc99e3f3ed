//! What the words of a request mean: `nginx`, `nginx=1.22.1-9`, `nginx/bookworm-backports`, `nginx:arm64`, `web-server^`.

use crate::deb::pins::is_release;
use crate::deb::universe::{PackageId, RecordId, Universe};

/// Why a word stands for no package.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WordError {
    /// No index has or names such a package.
    #[error("no repository has a package of this name: {0}")]
    Unknown(String),
    /// Several packages provide it, and none is called so.
    #[error("{name} is virtual, ask for one of the packages that provide it: {}", providers.join(", "))]
    Virtual {
        /// The word.
        name: String,
        /// Their names.
        providers: Vec<String>,
    },
    /// The package is there, but not in this version.
    #[error("no repository has this version of {name} (there is {}): {version}", versions.join(", "))]
    Version {
        /// The package.
        name: String,
        /// What was asked for.
        version: String,
        /// Its versions.
        versions: Vec<String>,
    },
    /// The package is there, but not in this release.
    #[error("{name} is in none of the repositories of this release: {release}")]
    Release {
        /// The package.
        name: String,
        /// What was asked for.
        release: String,
    },
    /// No package has the task.
    #[error("no package belongs to this task: {0}")]
    Task(String),
}

/// The packages that a word stands for, each with the version that is asked for, if one is.
///
/// As apt-get(8) describes: a version after `=`, a release (its suite, codename or version) after `/`, an
/// architecture after `:`, and a task before `^`. A virtual name that a single package provides stands for it.
pub fn wanted(universe: &Universe, word: &str) -> Result<Vec<(PackageId, Option<RecordId>)>, WordError> {
    if let Some(task) = word.strip_suffix('^') {
        return task_members(universe, task);
    }
    if let Some((name, version)) = word.split_once('=') {
        let package = package(universe, name)?;
        let versions = universe.versions(package);
        let found = versions.iter().find(|it| universe.version(**it) == version);
        let error = || WordError::Version {
            name: name.to_owned(),
            version: version.to_owned(),
            versions: versions
                .iter()
                .take(5)
                .map(|it| universe.version(*it).to_owned())
                .collect(),
        };
        return Ok(vec![(package, Some(*found.ok_or_else(error)?))]);
    }
    if let Some((name, release)) = word.split_once('/') {
        let package = package(universe, name)?;
        let is_in = |record: RecordId| {
            let mut origins = universe.indexes(record).map(|it| universe.origin(it));
            origins.any(|it| !it.installed && is_release(release, it))
        };
        let found = universe.versions(package).iter().find(|it| is_in(**it));
        let error = || WordError::Release {
            name: name.to_owned(),
            release: release.to_owned(),
        };
        return Ok(vec![(package, Some(*found.ok_or_else(error)?))]);
    }
    Ok(vec![(package(universe, word)?, None)])
}

fn package(universe: &Universe, word: &str) -> Result<PackageId, WordError> {
    let (name, architecture) = match word.split_once(':') {
        Some((name, "native")) => (name, None),
        Some((name, architecture)) => (name, Some(architecture)),
        None => (word, None),
    };
    if let Some(package) = universe.package(name, architecture) {
        return Ok(package);
    }
    let mut owners: Vec<PackageId> = universe
        .providers(name)
        .iter()
        .map(|it| universe.package_of_record(*it))
        .collect();
    owners.sort_unstable();
    owners.dedup();
    match owners[..] {
        [] => Err(WordError::Unknown(word.to_owned())),
        [only] => Ok(only),
        _ => Err(WordError::Virtual {
            name: word.to_owned(),
            providers: owners
                .iter()
                .take(10)
                .map(|it| universe.name(*it).to_owned())
                .collect(),
        }),
    }
}

fn task_members(universe: &Universe, task: &str) -> Result<Vec<(PackageId, Option<RecordId>)>, WordError> {
    let members = universe
        .records()
        .filter(|it| universe.tasks(*it).any(|word| word == task));
    let mut members: Vec<_> = members.map(|it| (universe.package_of_record(it), None)).collect();
    members.dedup();
    if members.is_empty() {
        return Err(WordError::Task(task.to_owned()));
    }
    Ok(members)
}
