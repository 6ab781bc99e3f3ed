use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use airlock_content::SourceError;
use tar::{EntryType, Header};

use crate::error::{clip, corrupt, unsupported};
use crate::region::Region;

/// Headers of all kinds. An image archive has a few for each layer.
const MAX_HEADERS: usize = 100_000;
/// Bytes of one member name. The longest that images need is `blobs/sha512/<128 digits>`.
const MAX_NAME: usize = 1024;
/// Bytes of all names together, which bounds the memory of an index.
const MAX_NAMES: usize = 16 * 1024 * 1024;
/// Bytes of one PAX or GNU extension.
const MAX_EXTENSION: u64 = 64 * 1024;
/// Links from one member to the next before it is called a loop.
const MAX_LINKS: usize = 8;
const BLOCK: u64 = 512;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Member {
    File {
        start: u64,
        len: u64,
    },
    /// A symbolic or hard link, its target already a name of this archive.
    Link(String),
}

/// Where each member of a tar stands, read once. Members are then read in place; nothing is unpacked.
///
/// Strict, since two readers that take one archive for two different ones are how content is smuggled:
/// a name stands once, names and link targets stay inside, sizes stay inside the file, and what is neither
/// a file, a folder nor a link is refused.
#[derive(Debug)]
pub(crate) struct TarIndex {
    file: Arc<File>,
    path: Arc<str>,
    members: BTreeMap<String, Member>,
}

/// What extension headers said about the member that follows them.
#[derive(Default)]
struct Extension {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    any: bool,
}

impl TarIndex {
    /// Reads the headers of an open archive.
    pub(crate) fn read(archive: &Region) -> Result<Self, SourceError> {
        refuse_compressed(archive)?;
        let path = archive.what();
        let mut index = Self {
            file: Arc::clone(archive.file()),
            path: path.into(),
            members: BTreeMap::new(),
        };
        let (mut at, mut headers, mut names) = (0, 0, 0);
        let mut extension = Extension::default();
        while let Some(header) = next_header(archive, at)? {
            headers += 1;
            if headers > MAX_HEADERS {
                return Err(unsupported(
                    format!("the archive has more than the {MAX_HEADERS} entries allowed"),
                    path,
                ));
            }
            let kind = header.entry_type();
            let is_extension = kind.is_gnu_longname()
                || kind.is_gnu_longlink()
                || kind.is_pax_local_extensions()
                || kind.is_pax_global_extensions();
            let size = match extension.size {
                Some(size) if !is_extension => size,
                _ => header
                    .entry_size()
                    .map_err(|error| bad_header(path, at).caused_by(error))?,
            };
            let start = at + BLOCK;
            let end = start
                .checked_add(size)
                .filter(|end| *end <= archive.len())
                .ok_or_else(|| {
                    corrupt("the archive ends inside one of its members", path).hint(
                        "the file is truncated: make it again, or copy it again from where it came from",
                    )
                })?;
            if is_extension {
                extension.read(archive, kind, start, size)?;
            } else {
                names += index.add(&header, &std::mem::take(&mut extension), start, size)?;
                if names > MAX_NAMES {
                    return Err(unsupported(
                        "the names in the archive are too long altogether",
                        path,
                    ));
                }
            }
            at = end.next_multiple_of(BLOCK);
        }
        if extension.any {
            return Err(corrupt("the archive ends after an extension header", path));
        }
        Ok(index)
    }

    /// Takes one member in; returns how many bytes of names it keeps.
    fn add(
        &mut self,
        header: &Header,
        extension: &Extension,
        start: u64,
        len: u64,
    ) -> Result<usize, SourceError> {
        let raw = extension
            .name
            .as_deref()
            .map_or_else(|| header.path_bytes(), Into::into);
        let kind = header.entry_type();
        // Before POSIX, a folder was a file whose name ends in a slash.
        let folder = kind.is_dir() || (kind.is_file() && raw.ends_with(b"/"));
        let name = self.plain_name(None, &raw)?;
        let member = match kind {
            _ if folder && len == 0 => return Ok(0),
            EntryType::Regular | EntryType::Continuous if !folder => Member::File { start, len },
            EntryType::Symlink | EntryType::Link if len == 0 => {
                let raw = match &extension.link {
                    Some(link) => Some(link.as_slice().into()),
                    None => header.link_name_bytes(),
                };
                // A symbolic link starts at its own folder, a hard link at the top of the archive.
                let folder = kind
                    .is_symlink()
                    .then(|| name.rsplit_once('/').map_or("", |(folder, _)| folder));
                Member::Link(self.plain_name(folder, raw.as_deref().unwrap_or_default())?)
            }
            _ => {
                return Err(unsupported(
                    format!(
                        "the archive holds something that is no file, folder or link: {}",
                        clip(&name)
                    ),
                    &self.path,
                ));
            }
        };
        let kept = name.len()
            + if let Member::Link(target) = &member {
                target.len()
            } else {
                0
            };
        if self.members.insert(name.clone(), member).is_some() {
            return Err(corrupt(
                format!("the archive holds two members of one name: {}", clip(&name)),
                &self.path,
            ));
        }
        Ok(kept)
    }

    /// `name` without `.` components, an error if it leaves the archive. Only where it is seen from a
    /// `folder` may it go up.
    fn plain_name(&self, folder: Option<&str>, name: &[u8]) -> Result<String, SourceError> {
        let shown = || clip(&String::from_utf8_lossy(name));
        if name.len() > MAX_NAME {
            return Err(unsupported(
                format!("a name in the archive is too long: {}", shown()),
                &self.path,
            ));
        }
        let text = std::str::from_utf8(name)
            .ok()
            .filter(|text| !text.is_empty() && !text.contains('\0'))
            .ok_or_else(|| {
                corrupt(
                    format!("a name in the archive is not usable: {}", shown()),
                    &self.path,
                )
            })?;
        let escape = || {
            corrupt(
                format!("a name in the archive leads out of it: {}", shown()),
                &self.path,
            )
        };
        if text.starts_with('/') {
            return Err(escape());
        }
        let mut parts: Vec<&str> = folder
            .unwrap_or_default()
            .split('/')
            .filter(|part| !part.is_empty())
            .collect();
        for part in text.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    folder.and_then(|_| parts.pop()).ok_or_else(escape)?;
                }
                part => parts.push(part),
            }
        }
        Ok(parts.join("/"))
    }

    /// The content of a member, links inside the archive followed. `None` if there is none of that name.
    pub(crate) fn open(&self, name: &str) -> Result<Option<Region>, SourceError> {
        let mut at = self.plain_name(None, name.as_bytes())?;
        for _ in 0..=MAX_LINKS {
            match self.members.get(&at) {
                None => return Ok(None),
                Some(Member::Link(target)) => at.clone_from(target),
                Some(Member::File { start, len }) => {
                    let what = format!("{} in {}", clip(name), self.path);
                    return Ok(Some(Region::new(Arc::clone(&self.file), *start, *len, what)));
                }
            }
        }
        Err(corrupt(
            format!("the links in the archive lead in a circle: {}", clip(name)),
            &self.path,
        ))
    }

    /// The archive's path.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }
}

impl Extension {
    fn read(&mut self, archive: &Region, kind: EntryType, start: u64, size: u64) -> Result<(), SourceError> {
        let path = archive.what();
        let part = Region::new(Arc::clone(archive.file()), archive.start() + start, size, path);
        let mut bytes = part.read_all(MAX_EXTENSION)?;
        let twice = || corrupt("the archive gives one member two names or sizes", path);
        if kind.is_gnu_longname() || kind.is_gnu_longlink() {
            while bytes.last() == Some(&0) {
                bytes.pop();
            }
            let slot = if kind.is_gnu_longname() {
                &mut self.name
            } else {
                &mut self.link
            };
            if slot.replace(bytes).is_some() {
                return Err(twice());
            }
            self.any = true;
            return Ok(());
        }
        let global = kind.is_pax_global_extensions();
        self.any |= !global;
        for (key, value) in pax_records(&bytes).ok_or_else(|| bad_header(path, start - BLOCK))? {
            match key {
                b"path" | b"linkpath" | b"size" if global => {
                    return Err(unsupported(
                        "the archive gives all its members one name or size",
                        path,
                    ));
                }
                b"path" if self.name.replace(value.to_vec()).is_some() => return Err(twice()),
                b"linkpath" if self.link.replace(value.to_vec()).is_some() => return Err(twice()),
                b"size" => {
                    let size = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                    let size = size.ok_or_else(|| bad_header(path, start - BLOCK))?;
                    if self.size.replace(size).is_some() {
                        return Err(twice());
                    }
                }
                _ if key.starts_with(b"GNU.sparse.") => {
                    return Err(unsupported("the archive holds a sparse file", path)
                        .hint("make it again without tar's --sparse"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn bad_header(path: &str, at: u64) -> SourceError {
    corrupt(format!("the archive has a damaged header at byte {at}"), path)
        .hint("make the archive again, or copy it again from where it came from")
}

/// The header at `at`; `None` at the end of the archive.
fn next_header(archive: &Region, at: u64) -> Result<Option<Header>, SourceError> {
    let path = archive.what();
    let block = archive.read(at, 512)?;
    if block.is_empty() && at > 0 {
        return Ok(None);
    }
    if block.len() < 512 {
        return Err(corrupt("the file is no tar archive, or it is truncated", path));
    }
    if block.iter().all(|byte| *byte == 0) {
        // The end is two empty blocks; what follows one that stands alone would be seen by some readers only.
        let next = archive.read(at + BLOCK, 512)?;
        if next.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        return Err(bad_header(path, at));
    }
    let mut header = Header::new_old();
    header.as_mut_bytes().copy_from_slice(&block);
    let sum: u32 = (block[..148]
        .iter()
        .chain(&block[156..])
        .map(|byte| u32::from(*byte))
        .sum::<u32>())
        + 8 * 32;
    match header.cksum() {
        Ok(claimed) if claimed == sum => Ok(Some(header)),
        _ if at == 0 => Err(corrupt("the file is no tar archive", path)),
        _ => Err(bad_header(path, at)),
    }
}

/// The records of a PAX header, `<length> <key>=<value>\n` each (POSIX, "pax Extended Header").
fn pax_records(mut bytes: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let space = bytes.iter().take(20).position(|byte| *byte == b' ')?;
        let len: usize = std::str::from_utf8(&bytes[..space]).ok()?.parse().ok()?;
        let record = bytes.get(space + 1..len)?.strip_suffix(b"\n")?;
        let equals = record.iter().position(|byte| *byte == b'=')?;
        records.push((&record[..equals], &record[equals + 1..]));
        bytes = &bytes[len..];
    }
    Some(records)
}

fn refuse_compressed(archive: &Region) -> Result<(), SourceError> {
    let path = archive.what();
    let start = archive.read(0, 6)?;
    let (kind, command) = match start.as_slice() {
        [0x1f, 0x8b, ..] => ("gzip", "gunzip --keep"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => ("zstd", "zstd --decompress --keep"),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => ("xz", "unxz --keep"),
        [b'B', b'Z', b'h', ..] => ("bzip2", "bunzip2 --keep"),
        _ => return Ok(()),
    };
    Err(
        unsupported(format!("the archive is compressed with {kind}"), path).hint(format!(
            "decompress it first: {command} {}",
            Path::new(path).display()
        )),
    )
}
