//! Reading indexes into a [`Universe`].

use super::interner::{Full, Interner};
use super::{
    Atom, IndexId, Kind, MultiArch, Operator, Origin, PackageId, PackagesError, Priority, Provide, Qualifier,
    Record, RecordId, Span, Stanza, Text, Universe, relation, stanzas,
};
use crate::deb::architecture::ALL;
use crate::deb::packages::wrong;

/// Takes indexes in the order in which the target's apt would read them, which decides between equals.
#[derive(Debug)]
pub struct Builder {
    names: Interner,
    text: String,
    architectures: Vec<Box<str>>,
    origins: Vec<Origin>,
    records: Vec<Record>,
    atoms: Vec<Atom>,
    provides: Vec<Provide>,
}

impl From<Full> for PackagesError {
    fn from(_: Full) -> Self {
        Self::TooLarge("names and versions")
    }
}

fn count(length: usize, what: &'static str) -> Result<u32, PackagesError> {
    u32::try_from(length).map_err(|_| PackagesError::TooLarge(what))
}

impl Builder {
    /// Begins with the architecture of the target, and those whose packages it may have besides.
    pub fn new(native: &str, foreign: &[&str]) -> Self {
        let all = std::iter::once(&native).chain(foreign).map(|it| (*it).into());
        Self {
            names: Interner::new(),
            text: String::new(),
            // More than there are in Debian; numbers of architectures have eight bits.
            architectures: all.take(64).collect(),
            origins: Vec::new(),
            records: Vec::new(),
            atoms: Vec::new(),
            provides: Vec::new(),
        }
    }

    /// Reads a Packages index, or a dpkg status file where the origin says so. Packages of other architectures,
    /// and those of a status file that are not installed, are passed over.
    pub fn add(&mut self, origin: Origin, bytes: &[u8]) -> Result<IndexId, PackagesError> {
        let index = u16::try_from(self.origins.len()).map_err(|_| PackagesError::TooLarge("indexes"))?;
        let installed = origin.installed;
        self.origins.push(origin);
        for stanza in stanzas(bytes) {
            let stanza = stanza?;
            if !installed || stanza.is_installed() {
                self.stanza(&stanza, IndexId(index))?;
            }
        }
        Ok(IndexId(index))
    }

    fn stanza(&mut self, stanza: &Stanza<'_>, index: IndexId) -> Result<(), PackagesError> {
        let line = stanza.line;
        let all = stanza.architecture == ALL;
        let architecture = self
            .architectures
            .iter()
            .position(|it| **it == *stanza.architecture);
        let Some(architecture) = architecture.or(all.then_some(0)) else {
            return Ok(());
        };
        let record = RecordId(count(self.records.len(), "packages")?);
        let name = self.names.intern(stanza.package)?;
        let version = self.keep_version(stanza.version, line)?;
        // apt gives numbers to names in the order in which it sees them, and decides by these in the end. So the
        // order of the fields here is apt's.
        let atoms = count(self.atoms.len(), "relations")?;
        for (kind, text) in [
            (Kind::PreDepends, stanza.pre_depends),
            (Kind::Depends, stanza.depends),
            (Kind::Conflicts, stanza.conflicts),
            (Kind::Breaks, stanza.breaks),
            (Kind::Recommends, stanza.recommends),
            (Kind::Suggests, stanza.suggests),
        ] {
            self.relations(kind, text, line)?;
        }
        for (field, text) in [("Replaces", stanza.replaces), ("Enhances", stanza.enhances)] {
            for relation in relation::relations(text) {
                let relation = relation.map_err(|source| PackagesError::Relation { line, field, source })?;
                self.names.intern(relation.name)?;
            }
        }
        let provides = count(self.provides.len(), "relations")?;
        self.provided(stanza, record)?;
        if stanza.filename.starts_with('/') || stanza.filename.split('/').any(|it| it == "..") {
            return Err(wrong(line, "Filename", stanza.filename.as_bytes()));
        }
        let architectures = count(self.architectures.len(), "architectures")?;
        let package = u64::from(name) * u64::from(architectures) + architecture as u64;
        let package = u32::try_from(package).map_err(|_| PackagesError::TooLarge("names"))?;
        let yes = |text: &str| text.eq_ignore_ascii_case("yes");
        let found = Record {
            package: PackageId(package),
            version,
            atoms: (atoms, count(self.atoms.len(), "relations")?),
            provides: (provides, count(self.provides.len(), "relations")?),
            filename: self.keep(stanza.filename)?,
            source: self.keep(stanza.source)?,
            task: self.keep(stanza.task)?,
            size: stanza.bytes()?,
            installed_size: stanza.installed_size.parse().unwrap_or(0),
            digest: stanza.digest()?,
            index,
            all,
            essential: yes(stanza.essential),
            // apt never takes itself away, whatever its own paragraph says (apt.conf(5), pkgCacheGen::ForceEssential).
            important: yes(stanza.important) || yes(stanza.protected) || stanza.package == "apt",
            priority: Priority::of(stanza.priority),
            multi_arch: match stanza.multi_arch {
                "same" => MultiArch::Same,
                "foreign" => MultiArch::Foreign,
                "allowed" => MultiArch::Allowed,
                _ => MultiArch::No,
            },
        };
        self.records.push(found);
        Ok(())
    }

    fn keep(&mut self, text: &str) -> Result<Span, PackagesError> {
        let start = count(self.text.len(), "texts")?;
        self.text.push_str(text);
        Ok(Span(start, count(self.text.len(), "texts")?))
    }

    fn keep_version(&mut self, text: &str, line: usize) -> Result<Text, PackagesError> {
        let length = u16::try_from(text.len()).map_err(|_| wrong(line, "Version", text.as_bytes()))?;
        let Span(start, _) = self.keep(text)?;
        Ok(Text { start, length })
    }

    fn qualifier(&self, text: Option<&str>) -> Qualifier {
        match text {
            None => Qualifier::OWN,
            Some("any") => Qualifier::ANY,
            Some("native") => Qualifier::NATIVE,
            Some(name) => {
                let at = self.architectures.iter().position(|it| **it == *name);
                let at = at.and_then(|at| u8::try_from(at).ok());
                at.map_or(Qualifier::UNKNOWN, Qualifier)
            }
        }
    }

    fn relations(&mut self, kind: Kind, text: &str, line: usize) -> Result<(), PackagesError> {
        for relation in relation::relations(text) {
            let relation = relation.map_err(|source| PackagesError::Relation {
                line,
                field: match kind {
                    Kind::PreDepends => "Pre-Depends",
                    Kind::Depends => "Depends",
                    Kind::Conflicts => "Conflicts",
                    Kind::Breaks => "Breaks",
                    Kind::Recommends => "Recommends",
                    Kind::Suggests => "Suggests",
                },
                source,
            })?;
            let constraint = match relation.constraint {
                Some((operator, version)) => (operator, self.keep_version(version, line)?),
                None => (Operator::Equal, Text::default()),
            };
            let name = self.names.intern(relation.name)?;
            let qualifier = self.qualifier(relation.qualifier);
            let atom = Atom::new(name, constraint, kind, relation.or, qualifier);
            self.atoms.push(atom);
        }
        Ok(())
    }

    fn provided(&mut self, stanza: &Stanza<'_>, owner: RecordId) -> Result<(), PackagesError> {
        let line = stanza.line;
        let field = "Provides";
        for relation in relation::relations(stanza.provides) {
            let relation = relation.map_err(|source| PackagesError::Relation { line, field, source })?;
            let version = match relation.constraint {
                Some((Operator::Equal, version)) => self.keep_version(version, line)?,
                Some(_) => return Err(wrong(line, field, relation.to_string().as_bytes())),
                None => Text::default(),
            };
            let provide = Provide {
                name: self.names.intern(relation.name)?,
                version,
                owner,
                qualifier: self.qualifier(relation.qualifier),
            };
            self.provides.push(provide);
        }
        Ok(())
    }

    /// Puts everything in order.
    pub fn finish(mut self) -> Universe {
        self.atoms.shrink_to_fit();
        let (by_package, more_origins) = self.versions();
        let mut alive = vec![false; self.records.len()];
        for record in &by_package.1 {
            alive[record.0 as usize] = true;
        }
        let places = (0u32..).zip(&self.provides);
        let places = places.filter(|(_, provide)| alive[provide.owner.0 as usize]);
        let by_provided = group(
            self.names.len(),
            places.map(|(place, provide)| (provide.name, place)),
        );
        Universe {
            names: self.names,
            text: self.text,
            architectures: self.architectures,
            origins: self.origins,
            records: self.records,
            atoms: self.atoms,
            provides: self.provides,
            by_package,
            by_provided,
            more_origins,
        }
    }

    /// The versions of each package, newest first, and the same version from several indexes only once.
    #[allow(clippy::type_complexity, reason = "two parts of a universe")]
    fn versions(&self) -> ((Vec<u32>, Vec<RecordId>), Vec<(RecordId, IndexId)>) {
        let packages = self.names.len() * self.architectures.len();
        let records = (0u32..).map(RecordId).zip(&self.records);
        let (starts, mut all) = group(packages, records.map(|(id, record)| (record.package.0, id)));
        let record = |id: RecordId| &self.records[id.0 as usize];
        let text = |id: RecordId| self.version(record(id).version);
        let mut more = Vec::new();
        let mut kept: Vec<RecordId> = Vec::with_capacity(all.len());
        let mut new_starts = Vec::with_capacity(starts.len());
        for bounds in starts.windows(2) {
            let versions = &mut all[bounds[0] as usize..bounds[1] as usize];
            versions.sort_by(|one, other| crate::deb::version::compare(text(*other), text(*one)));
            let first = kept.len();
            new_starts.push(u32::try_from(first).unwrap_or(u32::MAX));
            for id in versions {
                let twin = kept[first..]
                    .iter()
                    .rev()
                    .take(8)
                    .find(|it| self.are_same(record(**it), record(*id)));
                match twin {
                    Some(twin) => more.push((*twin, record(*id).index)),
                    None => kept.push(*id),
                }
            }
        }
        new_starts.push(u32::try_from(kept.len()).unwrap_or(u32::MAX));
        more.sort_unstable();
        more.dedup();
        ((new_starts, kept), more)
    }

    fn version(&self, Text { start, length }: Text) -> &str {
        let start = start as usize;
        &self.text[start..start + usize::from(length)]
    }

    /// Whether two indexes speak of the same build: all that a resolver looks at is equal.
    fn are_same(&self, one: &Record, other: &Record) -> bool {
        let atoms = |it: &Record| &self.atoms[it.atoms.0 as usize..it.atoms.1 as usize];
        let is_same = |(a, b): (&Atom, &Atom)| {
            (a.name, a.bits, a.qualifier) == (b.name, b.bits, b.qualifier)
                && self.version(a.version) == self.version(b.version)
        };
        let digests_differ = matches!((&one.digest, &other.digest), (Some(a), Some(b)) if a != b);
        self.version(one.version) == self.version(other.version)
            && one.all == other.all
            && one.multi_arch == other.multi_arch
            && !digests_differ
            && atoms(one).len() == atoms(other).len()
            && atoms(one).iter().zip(atoms(other)).all(is_same)
    }
}

/// Lists for the numbers below `count`, each in the order of the pairs.
fn group<T: Copy>(count: usize, pairs: impl Iterator<Item = (u32, T)> + Clone) -> (Vec<u32>, Vec<T>) {
    let mut starts = vec![0u32; count + 1];
    let mut total = 0u32;
    let mut any = None;
    for (key, value) in pairs.clone() {
        starts[key as usize] += 1;
        total += 1;
        any = Some(value);
    }
    let mut sum = 0;
    for start in &mut starts {
        sum += std::mem::replace(start, sum);
    }
    let Some(any) = any else {
        return (starts, Vec::new());
    };
    let mut all = vec![any; total as usize];
    let mut next = starts.clone();
    for (key, value) in pairs {
        let place = &mut next[key as usize];
        all[*place as usize] = value;
        *place += 1;
    }
    (starts, all)
}
