//! `airlock sbom`: what is in a bundle, with what its packages say about their licences.
//!
//! The SBOMs that a bundle carries are signed before its packages are there. These are made from the packages themselves.

use std::collections::BTreeMap;

use airlock_bundle::BundleFile;
use airlock_content::{BlobRead, digest_of};
use airlock_ospkg::deb::archive::{Archive, CopyrightFile, Limits};
use airlock_ospkg::deb::copyright;
use airlock_spec::documents::{Licence, Licences, cyclonedx, spdx};
use airlock_spec::lock::Artifact;
use airlock_spec::packages::DebSet;
use airlock_types::Digest;
use anyhow::Context;

use super::verify::open_checked;
use crate::args::{Global, SbomArgs, SbomFormat};
use crate::failure::Result;
use crate::{bundles, keys, print, progress};

/// What is said where nothing can be.
const UNKNOWN: &str = "NOASSERTION";

pub(crate) fn run(args: &SbomArgs, global: &Global) -> Result {
    bundles::must_exist(&args.bundle)?;
    let policy = keys::policy(&args.trust.keys, args.trust.threshold)?;
    let reporter = progress::reporter(global);
    let bundle = open_checked(&args.bundle, &policy, args.hashing.engine()?, &reporter)?;
    let lock = bundle.lock();
    let mut licences = Licences::new();
    for artifact in &lock.artifacts {
        add(&mut licences, &bundle, artifact, global)?;
    }
    let bytes = match args.format {
        SbomFormat::Spdx => spdx(lock, &digest_of(&lock.to_bytes()), &licences),
        SbomFormat::Cyclonedx => cyclonedx(lock, &licences),
    };
    print::out(&String::from_utf8_lossy(&bytes))
}

/// Adds the licences of the packages of an artifact.
fn add(licences: &mut Licences, bundle: &BundleFile, artifact: &Artifact, global: &Global) -> Result {
    let Some(set) = DebSet::of(artifact) else {
        return Ok(());
    };
    let mut by_name: BTreeMap<String, Licence> = BTreeMap::new();
    let mut elsewhere: Vec<(Digest, String)> = Vec::new();
    for package in &set.packages {
        let name = package.field("Package").unwrap_or_default().to_owned();
        let Some(digest) = package.digest() else { continue };
        let Some(body) = bundle.open(&digest)? else {
            continue;
        };
        let reader = body
            .into_reader()
            .with_context(|| format!("the package could not be read: {name}"))?;
        match Archive::read(reader, Limits::default()).map(|archive| archive.copyright) {
            Ok(CopyrightFile::Text(text)) => {
                let licence = licence(&text);
                by_name.insert(name, licence.clone());
                licences.insert(digest, licence);
            }
            Ok(CopyrightFile::OfPackage(other)) => elsewhere.push((digest, other)),
            Ok(CopyrightFile::Absent | CopyrightFile::NotRead) => {}
            // It is what upstream signed, so it is listed all the same.
            Err(error) => print::note(global, &format!("no licence is known of {name}: {error}")),
        }
    }
    for (digest, name) in elsewhere {
        if let Some(licence) = by_name.get(&name) {
            licences.insert(digest, licence.clone());
        }
    }
    Ok(())
}

/// What a copyright file says.
fn licence(text: &[u8]) -> Licence {
    let read = copyright::read(text);
    Licence {
        expression: Some(read.expression()).filter(|expression| expression != UNKNOWN),
        names: read.names.into_iter().collect(),
    }
}
