//! Airlock binaries that go into a bundle, so that a site needs nothing else.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use airlock_types::Platform;
use anyhow::Context;

use crate::args::PackOptions;
use crate::failure::{Failure, Result};

/// A binary for `bin/airlock-linux-<arch>`.
#[derive(Debug)]
pub(crate) struct Binary {
    /// Go's name of the architecture.
    pub(crate) arch: String,
    /// The file.
    pub(crate) path: PathBuf,
}

/// The binaries that the flags name, else the running one if it would run anywhere. The second value is
/// a line for people when there is none.
pub(crate) fn chosen(options: &PackOptions) -> Result<(Vec<Binary>, Option<String>)> {
    if options.no_importer {
        return Ok((Vec::new(), None));
    }
    if !options.importer.is_empty() {
        let named = options
            .importer
            .iter()
            .map(|(platform, path)| named(platform, Path::new(path)));
        return Ok((named.collect::<Result<_>>()?, None));
    }
    let path = std::env::current_exe().context("this program's own file could not be found")?;
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    if cfg!(target_os = "linux") && is_static(&path)? {
        return Ok((
            vec![Binary {
                arch: arch.to_owned(),
                path,
            }],
            None,
        ));
    }
    Ok((
        Vec::new(),
        Some("no airlock binary goes into the bundle: this one is linked dynamically (`cargo xtask dist` makes a static one, --importer names one)".to_owned()),
    ))
}

fn named(platform: &str, path: &Path) -> Result<Binary> {
    let hint = "for example --importer linux/arm64=./airlock-linux-arm64";
    let parsed: Platform = platform
        .parse()
        .map_err(|error| Failure::from(anyhow::Error::new(error)).hint(hint))?;
    if parsed.os() != "linux" {
        return Err(
            Failure::from(anyhow::anyhow!("a binary in a bundle is for linux: {platform}")).hint(hint),
        );
    }
    if !is_static(path)? {
        return Err(Failure::from(anyhow::anyhow!(
            "the binary is no static ELF executable, so it may not run at the site: {}",
            path.display()
        ))
        .hint("`cargo xtask dist` makes a static one"));
    }
    Ok(Binary {
        arch: parsed.architecture().to_owned(),
        path: path.to_owned(),
    })
}

/// Whether a file is a 64-bit little-endian ELF executable that asks for no dynamic loader: it has no
/// `PT_INTERP` program header (System V ABI, "Program Header").
fn is_static(path: &Path) -> Result<bool> {
    const PT_INTERP: u32 = 3;
    let about = || format!("the binary could not be read: {}", path.display());
    let mut head = Vec::new();
    // Program headers follow the file header; linkers put them into the first page.
    File::open(path)
        .with_context(about)?
        .take(64 * 1024)
        .read_to_end(&mut head)
        .with_context(about)?;
    Ok(program_headers(&head).is_some_and(|types| !types.contains(&PT_INTERP)))
}

/// The types of the program headers, `None` for what is no such ELF file.
fn program_headers(head: &[u8]) -> Option<Vec<u32>> {
    let u16_at = |at: usize| Some(u16::from_le_bytes(head.get(at..at + 2)?.try_into().ok()?));
    let u32_at = |at: usize| {
        Some(u32::from_le_bytes(
            head.get(at..at.checked_add(4)?)?.try_into().ok()?,
        ))
    };
    if head.get(..6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let offset = usize::try_from(u64::from_le_bytes(head.get(32..40)?.try_into().ok()?)).ok()?;
    let (size, count) = (usize::from(u16_at(54)?), usize::from(u16_at(56)?));
    (0..count)
        .map(|at| u32_at(offset.checked_add(at.checked_mul(size)?)?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_binary_is_dynamic_and_a_text_is_no_binary() {
        let own = std::env::current_exe().unwrap();
        let head = std::fs::read(&own).unwrap();
        assert!(program_headers(&head[..64 * 1024]).unwrap().contains(&3));
        assert!(program_headers(b"#!/bin/sh\n").is_none());
        assert!(program_headers(b"\x7fELF\x02\x01").is_none());
    }
}
