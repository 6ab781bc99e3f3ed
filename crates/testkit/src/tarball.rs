use std::io::Write;

use flate2::{Compression, GzBuilder};

/// A tar of plain files that is the same wherever and whenever it is made: mtime 0, owner 0, mode 0644.
///
/// # Panics
/// If a path cannot stand in a ustar header.
pub fn tarball<P: AsRef<str>, B: AsRef<[u8]>>(files: impl IntoIterator<Item = (P, B)>) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let bytes = bytes.as_ref();
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        builder
            .append_data(&mut header, path.as_ref(), bytes)
            .expect("a short relative path, written to memory");
    }
    builder.into_inner().expect("written to memory")
}

/// Gzip with a header that names neither file nor time.
///
/// # Panics
/// Never: it writes to memory.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("written to memory");
    encoder.finish().expect("written to memory")
}
