//! What is inside of a `.deb`: its control file, and the file that names its licences (deb(5)).
//!
//! Nothing is unpacked: entries are looked at while they stream past, in bounded memory.

mod ar;
mod compression;
mod tar;

use std::io::{self, BufRead, BufReader, Read};

use super::control::{ControlError, Paragraph, paragraphs};
pub use compression::Compression;
pub(crate) use compression::read_to_limit;
use tar::{Kind, Tar};

/// The most bytes of a control file; the largest in Debian has 200 KiB.
const MAX_CONTROL: u64 = 4 << 20;
/// The most bytes of a copyright file; the largest in Debian has 3 MiB.
const MAX_COPYRIGHT: u64 = 8 << 20;
/// The most bytes of maintainer scripts, templates and checksums together.
const MAX_CONTROL_TAR: u64 = 256 << 20;

/// How much of an archive is read before it is given up.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most bytes of files in it, decompressed.
    pub contents: u64,
}

impl Default for Limits {
    /// 16 GiB: twice the largest package known.
    fn default() -> Self {
        Self { contents: 16 << 30 }
    }
}

/// Why an archive cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// Something else.
    #[error("it is no Debian package")]
    NotDeb,
    /// A version of the format that is yet to come.
    #[error("it has another version of the package format than 2: {0:?}")]
    Version(String),
    /// It ends in the middle.
    #[error("the package is truncated")]
    Truncated,
    /// Not the form it should have.
    #[error("the package is damaged: {0}")]
    Malformed(&'static str),
    /// A compression that this program does not read.
    #[error("the package has a member that is compressed in an unknown way: {0:?}")]
    Compression(String),
    /// A member that has to be there.
    #[error("the package has no {0}")]
    Missing(&'static str),
    /// More than any honest package has.
    #[error("the package is too large: {what} has more than {limit} bytes")]
    TooLarge {
        /// What of it.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// The control file is none.
    #[error("the package's control file is damaged")]
    Control(#[from] ControlError),
    /// The reader failed, or what is compressed is damaged.
    #[error("the package could not be read")]
    Read(#[source] io::Error),
}

/// What was found in a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    control: Vec<u8>,
    /// What its `usr/share/doc/NAME/copyright` is.
    pub copyright: CopyrightFile,
}

/// What stands at `usr/share/doc/NAME/copyright` for the package's own name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopyrightFile {
    /// It was not asked for.
    NotRead,
    /// Nothing does.
    Absent,
    /// The file.
    Text(Vec<u8>),
    /// The file of another package, which this one depends on (Policy 12.3).
    OfPackage(String),
}

impl Archive {
    /// Reads the control file alone; ends before the package's files.
    pub fn read_control(reader: impl Read) -> Result<Self, ArchiveError> {
        Self::read_members(reader, None)
    }

    /// Reads the control file and the copyright file.
    pub fn read(reader: impl Read, limits: Limits) -> Result<Self, ArchiveError> {
        Self::read_members(reader, Some(limits))
    }

    fn read_members(reader: impl Read, limits: Option<Limits>) -> Result<Self, ArchiveError> {
        let mut reader = BufReader::new(reader);
        ar::magic(&mut reader)?;
        let version =
            ar::next(&mut reader)?.filter(|member| member.name == "debian-binary" && member.size <= 64);
        let version = version.ok_or(ArchiveError::NotDeb)?;
        let text = read_to_limit((&mut reader).take(version.size), 64).map_err(ArchiveError::Read)?;
        if !text.starts_with(b"2.") {
            return Err(ArchiveError::Version(
                String::from_utf8_lossy(&text).trim().to_owned(),
            ));
        }
        ar::pad(&mut reader, version.size)?;
        let mut control = None;
        while let Some(member) = ar::next(&mut reader)? {
            let mut contents = (&mut reader).take(member.size);
            if let Some(compression) = part(&member.name, "control.tar")? {
                if control.is_some() {
                    return Err(ArchiveError::Malformed("it has two control archives"));
                }
                let found = control_file(compression, &mut contents)?;
                if limits.is_none() {
                    return Self::new(found, CopyrightFile::NotRead);
                }
                control = Some(found);
            } else if let Some(compression) = part(&member.name, "data.tar")? {
                let control = control.ok_or(ArchiveError::Malformed(
                    "its files come before its control archive",
                ))?;
                let limit = limits.unwrap_or_default().contents;
                let name = package_name(&control)?;
                let copyright = copyright_file(compression, &mut contents, &name, limit)?;
                // Where nothing was found, the end has to have been reached for that to mean something.
                if !matches!(copyright, CopyrightFile::Text(_)) {
                    io::copy(&mut contents, &mut io::sink()).map_err(ArchiveError::Read)?;
                    if contents.limit() > 0 {
                        return Err(ArchiveError::Truncated);
                    }
                }
                return Self::new(control, copyright);
            } else if !member.name.starts_with('_') {
                // deb(5): other members may come before the files only if their name begins so.
                return Err(ArchiveError::Malformed("it has a member that no package has"));
            }
            io::copy(&mut contents, &mut io::sink()).map_err(ArchiveError::Read)?;
            if contents.limit() > 0 {
                return Err(ArchiveError::Truncated);
            }
            ar::pad(&mut reader, member.size)?;
        }
        Err(ArchiveError::Missing(if control.is_some() {
            "archive of files"
        } else {
            "control archive"
        }))
    }

    fn new(control: Vec<u8>, copyright: CopyrightFile) -> Result<Self, ArchiveError> {
        package_name(&control)?;
        Ok(Self { control, copyright })
    }

    /// The control file as it is in the package.
    pub fn control_bytes(&self) -> &[u8] {
        &self.control
    }

    /// The control file's one paragraph.
    pub fn control(&self) -> Result<Paragraph<'_>, ArchiveError> {
        one_paragraph(&self.control)
    }
}

fn one_paragraph(control: &[u8]) -> Result<Paragraph<'_>, ArchiveError> {
    let mut all = paragraphs(control);
    let first = all.next().ok_or(ArchiveError::Missing("control paragraph"))??;
    match all.next() {
        None => Ok(first),
        Some(_) => Err(ArchiveError::Malformed("its control file has several paragraphs")),
    }
}

/// The package's own name, which is one plain name.
fn package_name(control: &[u8]) -> Result<String, ArchiveError> {
    let name = one_paragraph(control)?.get("Package");
    name.and_then(|name| std::str::from_utf8(name).ok())
        .filter(|name| is_package_name(name))
        .map(str::to_owned)
        .ok_or(ArchiveError::Malformed("its control file names no package"))
}

/// Policy 5.6.1, with the capitals that some vendors use.
pub(crate) fn is_package_name(name: &str) -> bool {
    name.len() < 200
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn part(name: &str, stem: &str) -> Result<Option<Compression>, ArchiveError> {
    if !name.starts_with(stem) {
        return Ok(None);
    }
    match Compression::of_name(name) {
        Some((found, compression)) if found == stem => Ok(Some(compression)),
        _ => Err(ArchiveError::Compression(name.to_owned())),
    }
}

/// Counts what is read, and fails past a limit.
struct Bounded<R> {
    reader: R,
    left: u64,
    what: &'static str,
    limit: u64,
    exceeded: bool,
}

impl<R: Read> Bounded<R> {
    fn new(reader: R, what: &'static str, limit: u64) -> Self {
        Self {
            reader,
            left: limit,
            what,
            limit,
            exceeded: false,
        }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        if let Some(left) = self.left.checked_sub(u64::try_from(read).unwrap_or(u64::MAX)) {
            self.left = left;
            return Ok(read);
        }
        self.exceeded = true;
        Err(io::ErrorKind::FileTooLarge.into())
    }
}

/// Looks through an archive's entries until one is what is wanted.
fn find<T>(
    compression: Compression,
    contents: impl BufRead,
    what: &'static str,
    limit: u64,
    mut wanted: impl FnMut(&mut Tar<&mut Bounded<Box<dyn Read + '_>>>) -> Result<T, ArchiveError>,
) -> Result<T, ArchiveError> {
    let mut reader = Bounded::new(compression.reader(contents), what, limit);
    let result = wanted(&mut Tar::new(&mut reader));
    if reader.exceeded {
        return Err(ArchiveError::TooLarge {
            what: reader.what,
            limit: reader.limit,
        });
    }
    result
}

fn control_file(compression: Compression, contents: impl BufRead) -> Result<Vec<u8>, ArchiveError> {
    find(
        compression,
        contents,
        "its control archive",
        MAX_CONTROL_TAR,
        |tar| {
            while let Some(entry) = tar.next()? {
                if entry.name == b"control" && entry.kind == Kind::File {
                    return tar.contents(entry.size, MAX_CONTROL);
                }
            }
            Err(ArchiveError::Missing("control file"))
        },
    )
}

fn copyright_file(
    compression: Compression,
    contents: impl BufRead,
    name: &str,
    limit: u64,
) -> Result<CopyrightFile, ArchiveError> {
    let folder = format!("usr/share/doc/{name}");
    let file = format!("{folder}/copyright");
    find(compression, contents, "the files in it", limit, |tar| {
        let mut found = CopyrightFile::Absent;
        while let Some(entry) = tar.next()? {
            let path = entry.name.strip_suffix(b"/").unwrap_or(&entry.name);
            if path == file.as_bytes() && entry.kind == Kind::File {
                return Ok(CopyrightFile::Text(tar.contents(entry.size, MAX_COPYRIGHT)?));
            }
            if entry.kind == Kind::Link && (path == file.as_bytes() || path == folder.as_bytes()) {
                found = linked(&entry.target).map_or(CopyrightFile::Absent, CopyrightFile::OfPackage);
            }
        }
        Ok(found)
    })
}

/// The package that a link `../OTHER/copyright` or `OTHER` leads to.
fn linked(target: &[u8]) -> Option<String> {
    let target = std::str::from_utf8(target).ok()?;
    let target = target.strip_suffix("/copyright").unwrap_or(target);
    let name = target.rsplit('/').next()?;
    is_package_name(name).then(|| name.to_owned())
}
