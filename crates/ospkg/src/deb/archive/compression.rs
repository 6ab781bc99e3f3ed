use std::io::{self, BufRead, Read};

use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::StreamingDecoder;

/// How a member of an archive or an index is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Compression {
    /// Not at all.
    None,
    /// `.gz`
    Gzip,
    /// `.xz`
    Xz,
    /// `.zst`
    Zstd,
}

/// `xz -9` takes 65 MiB to read; nothing that Debian reads takes more.
const XZ_MEMORY_KIB: u32 = 96 * 1024;
/// `zstd --ultra -22` has a window of 128 MiB.
const ZSTD_WINDOW: u64 = 128 << 20;

impl Compression {
    /// What the end of a name says, and the name without it; none if that is a compression that is not read.
    pub(crate) fn of_name(name: &str) -> Option<(&str, Self)> {
        for (end, compression) in [(".gz", Self::Gzip), (".xz", Self::Xz), (".zst", Self::Zstd)] {
            if let Some(stem) = name.strip_suffix(end) {
                return Some((stem, compression));
            }
        }
        let unread = [".bz2", ".lzma", ".lz4", ".diff"];
        (!unread.iter().any(|end| name.ends_with(end))).then_some((name, Self::None))
    }

    /// A reader of what is compressed in another: several streams after one another are read as one, and
    /// memory is bounded whatever the input asks for. Time and the size of what is read are the caller's to
    /// bound.
    pub fn reader<'a>(self, input: impl BufRead + 'a) -> Box<dyn Read + 'a> {
        match self {
            Self::None => Box::new(input),
            Self::Gzip => Box::new(MultiGzDecoder::new(input)),
            Self::Xz => Box::new(XzReader::new_mem_limit(input, true, XZ_MEMORY_KIB)),
            Self::Zstd => Box::new(ZstdReader {
                state: Zstd::Between(Some(input)),
            }),
        }
    }
}

/// The frames of a zstd file, one after another.
struct ZstdReader<R: BufRead> {
    state: Zstd<R>,
}

enum Zstd<R: BufRead> {
    Between(Option<R>),
    Within(Box<StreamingDecoder<R, ruzstd::decoding::FrameDecoder>>),
}

impl<R: BufRead> Read for ZstdReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match &mut self.state {
                Zstd::Within(decoder) => {
                    let read = decoder.read(buffer)?;
                    if read > 0 {
                        return Ok(read);
                    }
                    let Zstd::Within(decoder) = std::mem::replace(&mut self.state, Zstd::Between(None))
                    else {
                        return Ok(0);
                    };
                    self.state = Zstd::Between(Some(decoder.into_inner()));
                }
                Zstd::Between(input) => {
                    let Some(mut input) = input.take() else {
                        return Ok(0);
                    };
                    if input.fill_buf()?.is_empty() {
                        return Ok(0);
                    }
                    let decoder = StreamingDecoder::new_with_max_window_size(input, ZSTD_WINDOW)
                        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
                    self.state = Zstd::Within(Box::new(decoder));
                }
            }
        }
    }
}

/// Reads to the end, or fails when there is more than `limit`.
pub(crate) fn read_to_limit(reader: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|read| read > limit) {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("there are more than {limit} bytes in it"),
        ));
    }
    Ok(bytes)
}
