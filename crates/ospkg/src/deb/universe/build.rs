//! Putting indexes together to a [`Universe`].

use super::part::{Part, too_large};
use super::{Atom, IndexId, Origin, PackagesError, Record, RecordId, Text, Universe};

/// Takes indexes in the order in which the target's apt would read them, which decides between equals.
#[derive(Debug)]
pub struct Builder {
    architectures: Vec<Box<str>>,
    origins: Vec<Origin>,
    threads: usize,
    all: Part,
}

/// Less than this is not worth a thread of its own.
const SHARE: usize = 128 << 10;

impl Builder {
    /// Begins with the architecture of the target, and those whose packages it may have besides.
    pub fn new(native: &str, foreign: &[&str]) -> Self {
        let all = std::iter::once(&native).chain(foreign).map(|it| (*it).into());
        Self {
            // More than there are in Debian; numbers of architectures have eight bits.
            architectures: all.take(64).collect(),
            origins: Vec::new(),
            threads: 1,
            all: Part::default(),
        }
    }

    /// Reads large indexes on so many threads. The outcome is the same.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// Reads a Packages index, or a dpkg status file where the origin says so. Packages of other architectures,
    /// and those of a status file that are not installed, are passed over.
    pub fn add(&mut self, origin: Origin, bytes: &[u8]) -> Result<IndexId, PackagesError> {
        let index = IndexId(u16::try_from(self.origins.len()).map_err(|_| too_large("indexes"))?);
        let installed = origin.installed;
        let architectures = self.architectures.as_slice();
        let read = |bytes: &[u8], line| Part::read(bytes, line, index, installed, architectures);
        let shares = shares(bytes, self.threads.min(bytes.len() / SHARE));
        let parts: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = shares
                .iter()
                // Where a share begins is counted only when it matters.
                .map(|share| (&bytes[share.clone()], 1 + share.start.min(1)))
                .map(|(bytes, line)| scope.spawn(move || read(bytes, line)))
                .collect();
            let joined = threads.into_iter().map(|thread| match thread.join() {
                Ok(part) => part,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            joined.collect()
        });
        for (share, part) in shares.iter().zip(parts) {
            let part = part.or_else(|_| {
                // Once more, for the right number of the line that is wrong.
                let before = memchr::memchr_iter(b'\n', &bytes[..share.start]).count();
                read(&bytes[share.clone()], before + 1)
            })?;
            self.all.append(part, architectures.len())?;
        }
        self.origins.push(origin);
        Ok(index)
    }

    /// Puts everything in order.
    pub fn finish(mut self) -> Universe {
        self.all.atoms.shrink_to_fit();
        let (by_package, more_origins) = self.versions();
        let mut alive = vec![false; self.all.records.len()];
        for record in &by_package.1 {
            alive[record.0 as usize] = true;
        }
        let places = (0u32..).zip(&self.all.provides);
        let places = places.filter(|(_, provide)| alive[provide.owner.0 as usize]);
        let by_provided = group(
            self.all.names.len(),
            places.map(|(place, provide)| (provide.name, place)),
        );
        Universe {
            names: self.all.names,
            text: self.all.text,
            architectures: self.architectures,
            origins: self.origins,
            records: self.all.records,
            atoms: self.all.atoms,
            provides: self.all.provides,
            by_package,
            by_provided,
            more_origins,
        }
    }

    /// The versions of each package, newest first, and the same version from several indexes only once.
    #[allow(clippy::type_complexity, reason = "two parts of a universe")]
    fn versions(&self) -> ((Vec<u32>, Vec<RecordId>), Vec<(RecordId, IndexId)>) {
        let packages = self.all.names.len() * self.architectures.len();
        let records = (0u32..).map(RecordId).zip(&self.all.records);
        let (starts, mut all) = group(packages, records.map(|(id, record)| (record.package.0, id)));
        let record = |id: RecordId| &self.all.records[id.0 as usize];
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
        &self.all.text[start..start + usize::from(length)]
    }

    /// Whether two indexes speak of the same build: all that a resolver looks at is equal.
    fn are_same(&self, one: &Record, other: &Record) -> bool {
        let atoms = |it: &Record| &self.all.atoms[it.atoms.0 as usize..it.atoms.1 as usize];
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

/// Cuts a file into about equal shares, each ending behind a blank line: no paragraph is cut.
fn shares(bytes: &[u8], count: usize) -> Vec<std::ops::Range<usize>> {
    let count = count.max(1);
    let mut shares = Vec::with_capacity(count);
    let mut start = 0;
    for share in 1..=count {
        let about = start.max(bytes.len() / count * share);
        let end = if share == count {
            bytes.len()
        } else {
            memchr::memmem::find(&bytes[about..], b"\n\n").map_or(bytes.len(), |at| about + at + 2)
        };
        shares.push(start..end);
        start = end;
    }
    shares
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn index() -> String {
        let mut text = String::new();
        for number in 0..4_000 {
            writeln!(
                text,
                "Package: p{}\nVersion: {number}\nArchitecture: {}\nDepends: p{} (>= {number}), q{} | r\nProvides: v{}\nFilename: pool/p{number}.deb\n",
                number / 2,
                ["amd64", "all"][number % 2],
                number / 3,
                number % 1000,
                number % 77,
            )
            .unwrap();
        }
        text
    }

    fn read(text: &str, threads: usize) -> Result<Universe, PackagesError> {
        let mut builder = Builder::new("amd64", &["arm64"]).threads(threads);
        builder.add(Origin::default(), text.as_bytes())?;
        builder.add(Origin::default(), text.as_bytes())?;
        Ok(builder.finish())
    }

    /// Everything that choosing depends on.
    fn seen(universe: &Universe) -> Vec<String> {
        let of = |package| {
            let versions = universe.versions(package).iter().map(|record| {
                let atoms = universe.atoms(*record).iter().map(|it| universe.atom_text(*it));
                let atoms: Vec<String> = atoms.collect();
                format!("{:?} {} {atoms:?}", record, universe.version(*record))
            });
            let versions: Vec<String> = versions.collect();
            let name = universe.name(package);
            let id = universe.name_id(package);
            let providers = universe.providers(name);
            format!("{package:?} {id} {name} {versions:?} {providers:?}")
        };
        universe.packages().map(of).collect()
    }

    #[test]
    fn the_number_of_threads_does_not_matter() {
        let text = index();
        assert!(text.len() > 2 * SHARE, "{}", text.len());
        let one = seen(&read(&text, 1).unwrap());
        for threads in [2, 3, 16] {
            assert!(seen(&read(&text, threads).unwrap()) == one, "{threads} threads");
        }
    }

    #[test]
    fn the_first_wrong_line_is_the_one_that_is_told() {
        let text = index();
        let (before, after) = text.split_at(text.len() * 3 / 4);
        for wrong in [
            "\n\nnothing\n\n",
            "\n\n\u{feff}Package: x\n\n",
            "\n\nPackage: x\n\n",
        ] {
            let text = format!("{before}{wrong}{after}{wrong}");
            let told = |threads| format!("{:?}", read(&text, threads).unwrap_err());
            assert_eq!(told(2), told(1));
            assert_eq!(told(16), told(1));
        }
    }

    #[test]
    fn shares_cover_everything_once() {
        for text in ["", "\n\n", "a\n\nb", "a\nb\n\nc\n\n\n\nd\n", "\n\n\n\n\n\n\n\n"] {
            for count in 0..6 {
                let shares = shares(text.as_bytes(), count);
                let all: String = shares.iter().map(|share| &text[share.clone()]).collect();
                assert_eq!(all, text);
                assert_eq!(shares.len(), count.max(1));
            }
        }
    }
}
