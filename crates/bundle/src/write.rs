//! Writing an archive whose layout is known: at positions, in any order, or from front to back.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

use airlock_content::{HashError, Verifier};

use crate::header::{BLOCK, BLOCK_LEN, END, padding};
use crate::plan::{Layout, LayoutEntry, Part};

impl Layout {
    /// Writes everything but the contents that are still to come (headers, padding, small files, the end) into
    /// `file`, and gives it its final length.
    ///
    /// Content that is already in its place stays. The rest may then be written with
    /// [`write_all_at`](FileExt::write_all_at) in any order.
    pub fn write_frame(&self, file: &File) -> io::Result<()> {
        file.set_len(self.len())?;
        let mut padding_before = 0;
        for entry in self.entries() {
            let mut block = vec![0; padding_before];
            block.extend_from_slice(&entry.header());
            if let Part::Bytes(bytes) = &entry.part {
                block.extend_from_slice(bytes);
            }
            file.write_all_at(&block, entry.content - BLOCK - padding_before as u64)?;
            padding_before = entry.padding_len();
        }
        let mut end = vec![0; padding_before];
        end.extend_from_slice(&END);
        file.write_all_at(&end, self.len() - end.len() as u64)
    }

    /// Whether `file` has the length of this archive and begins with its index, so that everything in it has the same
    /// place. Its contents may be there or not.
    pub fn is_frame_of(&self, file: &File) -> io::Result<bool> {
        let Some((entry, Part::Bytes(index))) = self.entries().first().map(|entry| (entry, &entry.part))
        else {
            return Ok(false);
        };
        if file.metadata()?.len() != self.len() {
            return Ok(false);
        }
        let mut found = vec![0; BLOCK_LEN + index.len()];
        file.read_exact_at(&mut found, 0)?;
        let (header, content) = found.split_at(BLOCK_LEN);
        Ok(header == entry.header() && content == index)
    }
}

impl LayoutEntry {
    fn padding_len(&self) -> usize {
        usize::try_from(padding(self.size)).unwrap_or_default()
    }
}

/// Why an archive could not be written to its end.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The output does not take it.
    #[error("writing the bundle failed")]
    Io(#[from] io::Error),
    /// The content given for an entry is not that of the lock.
    #[error("the content for {entry} is wrong")]
    Content {
        /// The entry.
        entry: String,
        /// How it differs.
        #[source]
        source: HashError,
    },
}

/// Writes an archive from front to back, for a pipe.
///
/// Content is checked as it passes. After a failure nothing more is written, so the end of the archive is missing and
/// nobody can take what came out for a bundle.
pub struct StreamWriter<W> {
    layout: Layout,
    next: usize,
    state: State,
    out: W,
}

enum State {
    /// Between entries.
    Between,
    /// The content of the entry before `next` is to come.
    Content(Verifier),
    /// Something failed.
    Failed,
}

impl<W: Write> StreamWriter<W> {
    /// Starts an archive.
    pub fn new(layout: Layout, out: W) -> Self {
        Self {
            layout,
            next: 0,
            state: State::Between,
            out,
        }
    }

    /// Ends the current entry and writes everything up to the next one whose content is to come, which is returned:
    /// give all of it to [`StreamWriter::content`]. `None` when the archive is complete.
    pub fn next_entry(&mut self) -> Result<Option<&LayoutEntry>, WriteError> {
        match std::mem::replace(&mut self.state, State::Failed) {
            State::Failed => return Err(after_failure()),
            State::Between => {}
            State::Content(verifier) => {
                let entry = &self.layout.entries()[self.next - 1];
                verifier.finish().map_err(content_error(entry))?;
                self.out.write_all(&ZEROS[..entry.padding_len()])?;
            }
        }
        while let Some(entry) = self.layout.entries().get(self.next) {
            self.next += 1;
            self.out.write_all(&entry.header())?;
            match &entry.part {
                Part::Bytes(bytes) => {
                    self.out.write_all(bytes)?;
                    self.out.write_all(&ZEROS[..entry.padding_len()])?;
                }
                Part::Blob(_) | Part::Importer(_) => {
                    self.state = State::Content(Verifier::new(entry.digest, entry.size));
                    return Ok(self.layout.entries().get(self.next - 1));
                }
            }
        }
        if self.next == self.layout.entries().len() {
            self.next += 1;
            self.out.write_all(&END)?;
            self.out.flush()?;
        }
        self.state = State::Between;
        Ok(None)
    }

    /// The next bytes of the current entry.
    pub fn content(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let State::Content(mut verifier) = std::mem::replace(&mut self.state, State::Failed) else {
            return Err(after_failure());
        };
        verifier
            .update(bytes)
            .map_err(content_error(&self.layout.entries()[self.next - 1]))?;
        self.out.write_all(bytes)?;
        self.state = State::Content(verifier);
        Ok(())
    }
}

const ZEROS: [u8; BLOCK_LEN] = [0; BLOCK_LEN];

fn content_error(entry: &LayoutEntry) -> impl Fn(HashError) -> WriteError {
    move |source| WriteError::Content {
        entry: entry.name.clone(),
        source,
    }
}

fn after_failure() -> WriteError {
    io::Error::other("the archive awaits no content").into()
}
