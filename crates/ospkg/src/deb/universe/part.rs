//! What is read of one index, or of a piece of one.

use super::interner::{Full, Interner};
use super::{
    Atom, IndexId, Kind, MultiArch, Operator, PackageId, PackagesError, Priority, Provide, Qualifier, Record,
    RecordId, Span, Stanza, Text, relation,
};
use crate::deb::architecture::ALL;
use crate::deb::packages::{stanzas_from, wrong};

/// Packages with all that is known of them, in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) names: Interner,
    pub(super) text: String,
    pub(super) records: Vec<Record>,
    pub(super) atoms: Vec<Atom>,
    pub(super) provides: Vec<Provide>,
}

impl From<Full> for PackagesError {
    fn from(_: Full) -> Self {
        too_large("names and versions")
    }
}

pub(super) fn too_large(what: &'static str) -> PackagesError {
    PackagesError::TooLarge(what)
}

fn count(length: usize, what: &'static str) -> Result<u32, PackagesError> {
    u32::try_from(length).map_err(|_| too_large(what))
}

impl Part {
    /// Reads paragraphs, the first of which begins at this line.
    pub(super) fn read(
        bytes: &[u8],
        line: usize,
        index: IndexId,
        installed: bool,
        architectures: &[Box<str>],
    ) -> Result<Self, PackagesError> {
        let mut reader = Reader {
            part: Self::default(),
            index,
            architectures,
        };
        for stanza in stanzas_from(bytes, line) {
            let stanza = stanza?;
            if !installed || stanza.is_installed() {
                reader.stanza(&stanza.checked()?)?;
            }
        }
        Ok(reader.part)
    }

    /// Puts another part behind this one. Names get the numbers that they would have had in one reading.
    pub(super) fn append(&mut self, other: Self, architectures: usize) -> Result<(), PackagesError> {
        if self.records.is_empty() && self.names.len() == 0 {
            *self = other;
            return Ok(());
        }
        let names = other
            .names
            .iter()
            .map(|name| self.names.intern(name))
            .collect::<Result<Vec<u32>, Full>>()?;
        let name = |local: u32| names[local as usize];
        let text = count(self.text.len(), "texts")?;
        let records = count(self.records.len(), "packages")?;
        let atoms = count(self.atoms.len(), "relations")?;
        let provides = count(self.provides.len(), "relations")?;
        // What is last is the largest, so the sums below fit if these do.
        count(self.text.len() + other.text.len(), "texts")?;
        count(self.records.len() + other.records.len(), "packages")?;
        count(self.atoms.len() + other.atoms.len(), "relations")?;
        count(self.provides.len() + other.provides.len(), "relations")?;
        let version = |it: Text| Text {
            start: it.start + text,
            length: it.length,
        };
        let span = |Span(start, end)| Span(start + text, end + text);
        self.text.push_str(&other.text);
        self.atoms.extend(other.atoms.into_iter().map(|atom| Atom {
            name: name(atom.name),
            version: version(atom.version),
            ..atom
        }));
        self.provides
            .extend(other.provides.into_iter().map(|provide| Provide {
                name: name(provide.name),
                version: version(provide.version),
                owner: RecordId(provide.owner.0 + records),
                ..provide
            }));
        self.records.reserve(other.records.len());
        let architectures = count(architectures, "architectures")?;
        for record in other.records {
            let PackageId(package) = record.package;
            let package = package_id(
                name(package / architectures),
                package % architectures,
                architectures,
            )?;
            self.records.push(Record {
                package,
                version: version(record.version),
                atoms: (record.atoms.0 + atoms, record.atoms.1 + atoms),
                provides: (record.provides.0 + provides, record.provides.1 + provides),
                filename: span(record.filename),
                source: span(record.source),
                task: span(record.task),
                ..record
            });
        }
        Ok(())
    }
}

fn package_id(name: u32, architecture: u32, architectures: u32) -> Result<PackageId, PackagesError> {
    let package = u64::from(name) * u64::from(architectures) + u64::from(architecture);
    u32::try_from(package)
        .map(PackageId)
        .map_err(|_| too_large("names"))
}

/// A part as it grows.
struct Reader<'a> {
    part: Part,
    index: IndexId,
    architectures: &'a [Box<str>],
}

impl Reader<'_> {
    fn stanza(&mut self, stanza: &Stanza<'_>) -> Result<(), PackagesError> {
        let line = stanza.line;
        let all = stanza.architecture == ALL;
        let architecture = self
            .architectures
            .iter()
            .position(|it| **it == *stanza.architecture);
        let Some(architecture) = architecture.or(all.then_some(0)) else {
            return Ok(());
        };
        let record = RecordId(count(self.part.records.len(), "packages")?);
        let name = self.part.names.intern(stanza.package)?;
        let version = self.keep_version(stanza.version, line)?;
        // apt gives numbers to names in the order in which it sees them, and decides by these in the end. So the
        // order of the fields here is apt's.
        let atoms = count(self.part.atoms.len(), "relations")?;
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
                self.part.names.intern(relation.name)?;
            }
        }
        let provides = count(self.part.provides.len(), "relations")?;
        self.provided(stanza, record)?;
        let leaves = |path: &str| path.contains("..") && path.split('/').any(|it| it == "..");
        if stanza.filename.starts_with('/') || leaves(stanza.filename) {
            return Err(wrong(line, "Filename", stanza.filename.as_bytes()));
        }
        let architectures = count(self.architectures.len(), "architectures")?;
        let package = package_id(name, count(architecture, "architectures")?, architectures)?;
        let yes = |text: &str| text.eq_ignore_ascii_case("yes");
        let found = Record {
            package,
            version,
            atoms: (atoms, count(self.part.atoms.len(), "relations")?),
            provides: (provides, count(self.part.provides.len(), "relations")?),
            filename: self.keep(stanza.filename)?,
            source: self.keep(stanza.source)?,
            task: self.keep(stanza.task)?,
            size: stanza.bytes()?,
            installed_size: stanza.installed_size.parse().unwrap_or(0),
            digest: stanza.digest()?,
            index: self.index,
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
        self.part.records.push(found);
        Ok(())
    }

    fn keep(&mut self, text: &str) -> Result<Span, PackagesError> {
        let start = count(self.part.text.len(), "texts")?;
        self.part.text.push_str(text);
        Ok(Span(start, count(self.part.text.len(), "texts")?))
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
            let name = self.part.names.intern(relation.name)?;
            let qualifier = self.qualifier(relation.qualifier);
            let atom = Atom::new(name, constraint, kind, relation.or, qualifier);
            self.part.atoms.push(atom);
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
                name: self.part.names.intern(relation.name)?,
                version,
                owner,
                qualifier: self.qualifier(relation.qualifier),
            };
            self.part.provides.push(provide);
        }
        Ok(())
    }
}
