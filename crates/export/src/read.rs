//! The archive as a stream: header, content, padding, entry after entry.

use std::io::{self, Cursor, Read};
use std::sync::Arc;

use airlock_content::GenerationView;
use tar::{EntryType, Header};

use crate::archive::{Entry, Part};

/// The unit of a tar.
pub(crate) const BLOCK: u64 = 512;
/// Two empty blocks stand at the end.
pub(crate) const END: u64 = 2 * BLOCK;

/// How many zeros follow content of this length.
pub(crate) fn padding(size: u64) -> u64 {
    size.next_multiple_of(BLOCK).saturating_sub(size)
}

/// Reads an [`Archive`](crate::Archive) without holding more of it than the caller's buffer.
pub struct ArchiveReader<V> {
    entries: Arc<[Entry]>,
    view: Arc<V>,
    /// The entry that comes next.
    next: usize,
    /// What is still to be read of the current one.
    parts: Vec<Stretch>,
    ended: bool,
}

/// Some bytes, of known number.
struct Stretch {
    from: Box<dyn Read + Send>,
    left: u64,
}

impl<V: GenerationView> ArchiveReader<V> {
    pub(crate) fn new(entries: Arc<[Entry]>, view: Arc<V>) -> Self {
        Self {
            entries,
            view,
            next: 0,
            parts: Vec::new(),
            ended: false,
        }
    }

    /// Header, content and padding of the next entry, the last first; the end of the archive after the last one.
    fn open(&mut self) -> io::Result<()> {
        let zeros = |left: u64| Stretch {
            from: Box::new(io::repeat(0)),
            left,
        };
        let Some(entry) = self.entries.get(self.next) else {
            if !self.ended {
                self.ended = true;
                self.parts.push(zeros(END));
            }
            return Ok(());
        };
        self.next += 1;
        self.parts.push(zeros(padding(entry.size)));
        let from: Option<Box<dyn Read + Send>> = match &entry.part {
            Part::Folder => None,
            Part::Bytes(bytes) => Some(Box::new(Cursor::new(Arc::clone(bytes)))),
            Part::Blob(digest) => {
                let body = self.view.open(digest).map_err(io::Error::other)?;
                let body = body.filter(|body| body.len() == entry.size).ok_or_else(|| {
                    let message = format!("the blob is not held any more: {digest}");
                    io::Error::new(io::ErrorKind::NotFound, message)
                })?;
                Some(body.into_reader()?)
            }
        };
        self.parts.extend(from.map(|from| Stretch {
            from,
            left: entry.size,
        }));
        self.parts.push(Stretch {
            from: Box::new(Cursor::new(header(entry)?)),
            left: BLOCK,
        });
        Ok(())
    }
}

/// The header of an entry: no time, no owner, nothing of this machine.
fn header(entry: &Entry) -> io::Result<[u8; 512]> {
    let mut header = Header::new_ustar();
    let (kind, mode) = match entry.part {
        Part::Folder => (EntryType::Directory, 0o755),
        _ => (EntryType::Regular, 0o644),
    };
    header.set_entry_type(kind);
    header.set_path(&entry.path)?;
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(entry.size);
    header.set_cksum();
    Ok(*header.as_bytes())
}

impl<V: GenerationView> Read for ArchiveReader<V> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let Some(part) = self.parts.last_mut() else {
                self.open()?;
                if self.parts.is_empty() {
                    return Ok(0);
                }
                continue;
            };
            if part.left == 0 {
                self.parts.pop();
                continue;
            }
            let most = usize::try_from(part.left).map_or(buffer.len(), |left| left.min(buffer.len()));
            let count = part.from.read(buffer.get_mut(..most).unwrap_or_default())?;
            if count == 0 {
                let message = "the content of the archive ends too early";
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
            }
            part.left -= count as u64;
            return Ok(count);
        }
    }
}
