//! All packages that can be chosen from: the Packages indexes of some repositories, and what is installed.
//!
//! A few dozen MB for a release of 60,000 packages: names and versions are numbers, relations are records of 12
//! bytes, and of the texts only those that are needed later are kept.

use super::packages::{PackagesError, Stanza};
use super::relation::{self, Operator};

pub use super::package::{Kind, MultiArch, Priority};

mod build;
mod interner;
mod part;

pub use build::Builder;

use interner::Interner;

/// A package, real or only named by others, of one architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PackageId(pub(super) u32);

/// A version of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordId(pub(super) u32);

/// An index that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IndexId(pub(super) u16);

/// Where packages come from: what a Release file says of its repository, and where it was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// `Suite`, `stable-security`.
    pub archive: String,
    /// `Codename`, `bookworm-security`.
    pub codename: String,
    /// `Origin`, `Debian`.
    pub origin: String,
    /// `Label`, `Debian-Security`.
    pub label: String,
    /// `Version`, `12.5`.
    pub version: String,
    /// The component, `main`.
    pub component: String,
    /// The host of the repository's address; empty for a local one.
    pub site: String,
    /// `NotAutomatic: yes`: nothing is taken from it without being asked for.
    pub not_automatic: bool,
    /// `ButAutomaticUpgrades: yes`: but what was taken from it is upgraded.
    pub but_automatic_upgrades: bool,
    /// It is what the target already has, a dpkg status file.
    pub installed: bool,
}

/// What is kept of a version of a package.
#[derive(Clone, Debug)]
struct Record {
    package: PackageId,
    version: Text,
    atoms: (u32, u32),
    provides: (u32, u32),
    filename: Span,
    source: Span,
    task: Span,
    size: u64,
    installed_size: u32,
    digest: Option<[u8; 32]>,
    index: IndexId,
    all: bool,
    essential: bool,
    important: bool,
    priority: Priority,
    multi_arch: MultiArch,
}

#[derive(Clone, Copy, Debug, Default)]
struct Span(u32, u32);

/// One alternative of a relation, in 12 bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Atom {
    pub(super) name: u32,
    version: Text,
    /// Kind, operator, and whether an alternative follows.
    bits: u8,
    qualifier: Qualifier,
}

/// A version in the store of texts; of no length where none is said.
#[derive(Clone, Copy, Debug, Default)]
#[repr(Rust, packed(2))]
struct Text {
    start: u32,
    length: u16,
}

const KINDS: [Kind; 6] = [
    Kind::PreDepends,
    Kind::Depends,
    Kind::Conflicts,
    Kind::Breaks,
    Kind::Recommends,
    Kind::Suggests,
];

const OPERATORS: [Operator; 5] = [
    Operator::Earlier,
    Operator::EarlierOrEqual,
    Operator::Equal,
    Operator::LaterOrEqual,
    Operator::Later,
];

impl Atom {
    fn new(name: u32, constraint: (Operator, Text), kind: Kind, or: bool, qualifier: Qualifier) -> Self {
        let bits = kind as u8 | (constraint.0 as u8) << 3 | u8::from(or) << 6;
        Self {
            name,
            version: constraint.1,
            bits,
            qualifier,
        }
    }

    pub(super) fn kind(self) -> Kind {
        KINDS[usize::from(self.bits & 7)]
    }

    fn operator(self) -> Operator {
        OPERATORS[usize::from(self.bits >> 3 & 7)]
    }

    /// Whether another alternative follows.
    pub(super) fn or(self) -> bool {
        self.bits & 64 != 0
    }

    pub(super) fn has_version(self) -> bool {
        self.version.length != 0
    }

    pub(super) fn is_any(self) -> bool {
        self.qualifier == Qualifier::ANY
    }
}

/// The architecture that a relation asks for: one of the configured ones by its number, or one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Qualifier(u8);

impl Qualifier {
    /// That of the package that has the relation.
    const OWN: Self = Self(255);
    /// Any, if the package allows it.
    const ANY: Self = Self(254);
    /// One that is not configured, so that nothing can have it.
    const UNKNOWN: Self = Self(253);
    /// That of the system.
    const NATIVE: Self = Self(0);
}

/// A name that a package provides.
#[derive(Clone, Copy, Debug)]
struct Provide {
    name: u32,
    version: Text,
    owner: RecordId,
    qualifier: Qualifier,
}

/// All packages to choose from.
#[derive(Debug)]
pub struct Universe {
    names: Interner,
    text: String,
    /// The native one first.
    architectures: Vec<Box<str>>,
    origins: Vec<Origin>,
    records: Vec<Record>,
    atoms: Vec<Atom>,
    provides: Vec<Provide>,
    /// The versions of a package, newest first: for package N those from entry N to entry N + 1.
    by_package: (Vec<u32>, Vec<RecordId>),
    /// The places in `provides` for a name, in the same way.
    by_provided: (Vec<u32>, Vec<u32>),
    /// Versions that more than one index has, and the other indexes; sorted.
    more_origins: Vec<(RecordId, IndexId)>,
}

/// The part of an array of lists that belongs to a number.
fn list<T>((starts, all): &(Vec<u32>, Vec<T>), at: usize) -> &[T] {
    match starts.get(at..at + 2) {
        Some([start, end]) => &all[*start as usize..*end as usize],
        _ => &[],
    }
}

/// What satisfies a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) record: RecordId,
    /// It is a package of another name that provides this one.
    pub(super) provides: bool,
}

impl Universe {
    /// How many versions of packages there are.
    pub fn len(&self) -> usize {
        self.by_package.1.len()
    }

    /// Whether there is no package at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The architecture of the system.
    pub fn native(&self) -> &str {
        &self.architectures[0]
    }

    /// All versions of all packages, each package's newest first.
    pub fn records(&self) -> impl Iterator<Item = RecordId> + '_ {
        self.by_package.1.iter().copied()
    }

    pub(super) fn package_count(&self) -> usize {
        self.names.len() * self.architectures.len()
    }

    /// All packages that have a version.
    pub fn packages(&self) -> impl Iterator<Item = PackageId> + '_ {
        let count = u32::try_from(self.package_count()).unwrap_or(u32::MAX);
        let all = (0..count).map(PackageId);
        all.filter(|package| !self.versions(*package).is_empty())
    }

    /// The package of this name and architecture (none: the system's), if there is a version of it.
    pub fn package(&self, name: &str, architecture: Option<&str>) -> Option<PackageId> {
        let found = self.named(name, architecture)?;
        (!self.versions(found).is_empty()).then_some(found)
    }

    /// The same whether it has versions or is only named by others.
    pub(super) fn named(&self, name: &str, architecture: Option<&str>) -> Option<PackageId> {
        let wanted = architecture.unwrap_or(self.native());
        let at = self.architectures.iter().position(|it| **it == *wanted)?;
        Some(self.package_of(self.names.find(name)?, u8::try_from(at).ok()?))
    }

    fn package_of(&self, name: u32, architecture: u8) -> PackageId {
        let count = u32::try_from(self.architectures.len()).unwrap_or(1);
        PackageId(name * count + u32::from(architecture))
    }

    pub(super) fn name_id(&self, package: PackageId) -> u32 {
        package.0 / u32::try_from(self.architectures.len()).unwrap_or(1)
    }

    pub(super) fn architecture_id(&self, package: PackageId) -> u8 {
        let count = u32::try_from(self.architectures.len()).unwrap_or(1);
        u8::try_from(package.0 % count).unwrap_or(0)
    }

    /// The name of a package.
    pub fn name(&self, package: PackageId) -> &str {
        self.names.get(self.name_id(package))
    }

    /// The architecture that a package serves; that of its file may be `all`.
    pub fn architecture(&self, package: PackageId) -> &str {
        &self.architectures[usize::from(self.architecture_id(package))]
    }

    /// The versions of a package, newest first.
    pub fn versions(&self, package: PackageId) -> &[RecordId] {
        list(&self.by_package, package.0 as usize)
    }

    fn record(&self, id: RecordId) -> &Record {
        &self.records[id.0 as usize]
    }

    /// The package that this is a version of.
    pub fn package_of_record(&self, id: RecordId) -> PackageId {
        self.record(id).package
    }

    /// The version's text.
    pub fn version(&self, id: RecordId) -> &str {
        self.text(self.record(id).version)
    }

    /// The `Architecture` field of the package file: `amd64`, or `all`.
    pub fn file_architecture(&self, id: RecordId) -> &str {
        let record = self.record(id);
        if record.all {
            super::architecture::ALL
        } else {
            self.architecture(record.package)
        }
    }

    fn text(&self, Text { start, length }: Text) -> &str {
        let start = start as usize;
        &self.text[start..start + usize::from(length)]
    }

    fn span(&self, Span(start, end): Span) -> &str {
        &self.text[start as usize..end as usize]
    }

    /// Where the file is, below the root of its repository; empty for what is only installed.
    pub fn filename(&self, id: RecordId) -> &str {
        self.span(self.record(id).filename)
    }

    /// How many bytes the file has.
    pub fn size(&self, id: RecordId) -> u64 {
        self.record(id).size
    }

    /// The SHA-256 of the file.
    pub fn sha256(&self, id: RecordId) -> Option<&[u8; 32]> {
        self.record(id).digest.as_ref()
    }

    /// How many KiB it takes when installed, as its maintainer counted.
    pub fn installed_size(&self, id: RecordId) -> u32 {
        self.record(id).installed_size
    }

    /// The source package's name, and its version where that is another.
    pub fn source(&self, id: RecordId) -> (&str, &str) {
        let field = self.span(self.record(id).source);
        let name = || self.name(self.record(id).package);
        match field.split_once('(') {
            _ if field.is_empty() => (name(), self.version(id)),
            Some((name, version)) => (name.trim_end(), version.trim_end_matches(')').trim()),
            None => (field, self.version(id)),
        }
    }

    /// The tasks that it belongs to (`Task`).
    pub fn tasks(&self, id: RecordId) -> impl Iterator<Item = &str> {
        let words = self.span(self.record(id).task).split(',').map(str::trim_ascii);
        words.filter(|word| !word.is_empty())
    }

    /// How much a system needs it.
    pub fn priority(&self, id: RecordId) -> Priority {
        self.record(id).priority
    }

    /// Whether `Essential: yes` is said of it.
    pub fn is_essential(&self, id: RecordId) -> bool {
        self.record(id).essential
    }

    /// Whether it is never taken away without asking (`Protected`, `Important`).
    pub fn is_protected(&self, id: RecordId) -> bool {
        self.record(id).important
    }

    /// What it says of several architectures.
    pub fn multi_arch(&self, id: RecordId) -> MultiArch {
        self.record(id).multi_arch
    }

    /// The indexes that have this version, in the order in which they were read.
    pub fn indexes(&self, id: RecordId) -> impl Iterator<Item = IndexId> + '_ {
        let from = self.more_origins.partition_point(|(record, _)| *record < id);
        let more = self.more_origins[from..].iter().take_while(move |it| it.0 == id);
        std::iter::once(self.record(id).index).chain(more.map(|it| it.1))
    }

    pub(super) fn index_count(&self) -> u16 {
        u16::try_from(self.origins.len()).unwrap_or(u16::MAX)
    }

    /// What an index is.
    pub fn origin(&self, index: IndexId) -> &Origin {
        &self.origins[usize::from(index.0)]
    }

    /// What the target has: the versions of all status files that were read.
    pub fn installed(&self) -> impl Iterator<Item = RecordId> + '_ {
        self.records()
            .filter(|id| self.indexes(*id).any(|index| self.origin(index).installed))
    }

    /// Its relations, those with alternatives one after the other.
    pub(super) fn atoms(&self, id: RecordId) -> &[Atom] {
        let (start, end) = self.record(id).atoms;
        &self.atoms[start as usize..end as usize]
    }

    /// What a version needs in exactly one version: that, and the relation as it would be written.
    pub fn needs_exactly(&self, id: RecordId) -> impl Iterator<Item = (RecordId, String)> {
        let owner = self.architecture_id(self.package_of_record(id));
        let exact = self.atoms(id).iter().filter(|atom| {
            matches!(atom.kind(), Kind::PreDepends | Kind::Depends)
                && atom.has_version()
                && atom.operator() == Operator::Equal
        });
        exact.flat_map(move |atom| {
            let targets = self.targets(*atom, owner).filter(|target| !target.provides);
            targets.map(|target| (target.record, self.atom_text(*atom)))
        })
    }

    /// A relation as it would be written.
    pub(super) fn atom_text(&self, atom: Atom) -> String {
        relation::Relation {
            name: self.names.get(atom.name),
            qualifier: match atom.qualifier {
                Qualifier::OWN | Qualifier::UNKNOWN => None,
                Qualifier::ANY => Some("any"),
                Qualifier(architecture) => Some(&self.architectures[usize::from(architecture)]),
            },
            constraint: self.constraint(atom),
            architectures: None,
            profiles: None,
            or: false,
        }
        .to_string()
    }

    pub(super) fn constraint(&self, atom: Atom) -> Option<(Operator, &str)> {
        atom.has_version()
            .then(|| (atom.operator(), self.text(atom.version)))
    }

    /// The package that a relation names, whether or not it is there.
    pub(super) fn asked_for(&self, atom: Atom, owner: u8) -> PackageId {
        let architecture = match atom.qualifier {
            Qualifier::OWN => owner,
            Qualifier::ANY | Qualifier::UNKNOWN => 0,
            Qualifier(architecture) => architecture,
        };
        self.package_of(atom.name, architecture)
    }

    /// What a version provides: names, and the version of each where it is said.
    pub fn provides(&self, id: RecordId) -> impl Iterator<Item = (&str, Option<&str>)> {
        let (start, end) = self.record(id).provides;
        let all = &self.provides[start as usize..end as usize];
        all.iter().map(|it| {
            let version = self.text(it.version);
            (self.names.get(it.name), Some(version).filter(|it| !it.is_empty()))
        })
    }

    fn accepts(&self, atom: Atom, version: &str) -> bool {
        self.constraint(atom)
            .is_none_or(|(operator, wanted)| operator.accepts(super::version::compare(version, wanted)))
    }

    /// The architectures that can satisfy a relation of a package of this architecture.
    fn serves(&self, atom: Atom, owner: u8, candidate: RecordId, real: bool) -> bool {
        let record = self.record(candidate);
        let architecture = self.architecture_id(record.package);
        let wanted = match atom.qualifier {
            Qualifier::OWN => owner,
            Qualifier::UNKNOWN => return false,
            // Only real packages that allow it are of any architecture; for others dpkg and apt know no `:any`.
            Qualifier::ANY => return real && record.multi_arch == MultiArch::Allowed,
            Qualifier(wanted) => wanted,
        };
        // What must not be there must not be there for any architecture (Policy 7, deb-control(5)).
        atom.kind().is_negative() && atom.qualifier == Qualifier::OWN
            || architecture == wanted
            || record.multi_arch == MultiArch::Foreign
    }

    /// Every version that satisfies a relation of a package of this architecture: those of the name itself first.
    pub(super) fn targets(&self, atom: Atom, owner: u8) -> impl Iterator<Item = Target> + '_ {
        let architectures = 0..u8::try_from(self.architectures.len()).unwrap_or(u8::MAX);
        let real = architectures
            .flat_map(move |it| self.versions(self.package_of(atom.name, it)))
            .copied()
            .filter(move |record| {
                self.accepts(atom, self.version(*record)) && self.serves(atom, owner, *record, true)
            })
            .map(|record| Target {
                record,
                provides: false,
            });
        let provided = self
            .provided(atom.name)
            .filter(move |provide| {
                // Without a version nothing that asks for one is satisfied (Policy 7.5).
                let is_said = provide.version.length != 0;
                (is_said || !atom.has_version())
                    && self.accepts(atom, self.text(provide.version))
                    && self.serves_provided(atom, owner, **provide)
            })
            .map(|provide| Target {
                record: provide.owner,
                provides: true,
            });
        real.chain(provided)
    }

    fn serves_provided(&self, atom: Atom, owner: u8, provide: Provide) -> bool {
        match (atom.qualifier, provide.qualifier) {
            (Qualifier::ANY, Qualifier::ANY) => true,
            (Qualifier::ANY | Qualifier::UNKNOWN, _) | (_, Qualifier::ANY | Qualifier::UNKNOWN) => false,
            (_, Qualifier::OWN) => self.serves(atom, owner, provide.owner, false),
            (Qualifier::OWN, Qualifier(architecture)) => architecture == owner,
            (Qualifier(wanted), Qualifier(architecture)) => architecture == wanted,
        }
    }

    fn provided(&self, name: u32) -> impl Iterator<Item = &Provide> {
        let places = list(&self.by_provided, name as usize);
        places.iter().map(|place| &self.provides[*place as usize])
    }

    /// The packages that provide a name.
    pub fn providers(&self, name: &str) -> Vec<RecordId> {
        let name = self.names.find(name);
        let all = name.into_iter().flat_map(|name| self.provided(name));
        all.map(|provide| provide.owner).collect()
    }
}

#[cfg(test)]
mod tests;
