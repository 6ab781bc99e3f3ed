//! Where packages come from, and who may sign them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use airlock_content::{MetadataSource, Origin};
use airlock_ospkg::deb::sources::{Source, Suite, read_named};
use airlock_ospkg::openpgp::Keyring;
use airlock_spec::manifest::{PackageRepository, PackagesRequest};
use airlock_types::{Descriptor, media_type};
use bytes::Bytes;
use url::Url;

use super::PackagesError;
use crate::ask::Asker;
use crate::error::Cause;

/// The largest keyring, list of sources or status file.
const MAX_FILE: u64 = 64 << 20;

/// How apt is configured on the machine that builds. Whoever calls has read it; nothing here does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AptConfiguration {
    /// Which distribution it is for, `debian-12`.
    pub distro: String,
    /// `sources.list` and what is in `sources.list.d`.
    pub sources: Vec<AptFile>,
    /// The keyrings that they name, by the path that they name them by.
    pub keyrings: BTreeMap<String, Vec<u8>>,
    /// The keys trusted for repositories that name none.
    pub trusted: Vec<AptFile>,
}

/// A file of apt's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AptFile {
    /// Its path, for messages; `.sources` at its end says of which form it is.
    pub name: String,
    /// Its content.
    pub content: Vec<u8>,
}

/// A release to fetch, with those who may sign it.
#[derive(Debug)]
pub(super) struct Repository {
    /// What addresses of packages are relative to, with a slash at its end.
    pub(super) root: Url,
    /// The folder of the release, with a slash at its end.
    pub(super) address: Url,
    pub(super) suite: Suite,
    pub(super) components: Vec<String>,
    /// None means all that are wanted.
    pub(super) architectures: Vec<String>,
    pub(super) keyring: Keyring,
}

/// What a list of sources may name.
struct Keys<'a> {
    by_path: &'a BTreeMap<String, Vec<u8>>,
    trusted: Vec<AptFile>,
}

/// The repositories of a request.
pub(super) async fn of<S: MetadataSource>(
    asker: &Asker<'_, S>,
    wanted: &PackagesRequest,
) -> Result<Vec<Repository>, Cause> {
    let mut trusted = Vec::new();
    for path in &wanted.keyrings {
        trusted.push(file(asker, path).await?);
    }
    let mut found = Vec::new();
    if wanted.repos.is_empty() {
        let own = own(asker.apt, &wanted.distro)?;
        trusted.extend(own.trusted.iter().cloned());
        let keys = Keys {
            by_path: &own.keyrings,
            trusted,
        };
        for sources in &own.sources {
            found.extend(read(sources, &keys)?);
        }
        if found.is_empty() {
            return Err(no_repository(
                &wanted.distro,
                "this machine's apt has no repository either".to_owned(),
            )
            .into());
        }
        return Ok(found);
    }
    for repo in &wanted.repos {
        match repo {
            PackageRepository::Yum { .. } => return Err(PackagesError::Distro(wanted.distro.clone()).into()),
            PackageRepository::Sources { path } => {
                let sources = file(asker, path).await?;
                let named = named(asker, path, &sources).await?;
                let keys = Keys {
                    by_path: &named,
                    trusted: trusted.clone(),
                };
                found.extend(read(&sources, &keys)?);
            }
            PackageRepository::Apt {
                uri,
                suites,
                components,
                signed_by,
            } => {
                let keys = match signed_by {
                    Some(path) => vec![file(asker, path).await?],
                    None => trusted.clone(),
                };
                let keyring = keyring(uri.as_str(), &keys)?;
                for suite in suites {
                    let suite = if suite.ends_with('/') {
                        Suite::Flat(suite.clone())
                    } else {
                        Suite::Named(suite.clone())
                    };
                    found.push(repository(uri.as_str(), &suite, components, &[], &keyring)?);
                }
            }
        }
    }
    Ok(found)
}

/// The builder's own configuration, if it is for this distribution.
fn own<'a>(apt: Option<&'a AptConfiguration>, wanted: &str) -> Result<&'a AptConfiguration, PackagesError> {
    match apt {
        Some(own) if own.distro == wanted => Ok(own),
        Some(own) => Err(no_repository(wanted, format!("this machine is {}", own.distro))),
        None => Err(no_repository(wanted, "this machine has no apt".to_owned())),
    }
}

fn no_repository(wanted: &str, own: String) -> PackagesError {
    PackagesError::NoRepository {
        wanted: wanted.to_owned(),
        own,
    }
}

/// The files beside the manifest that a list of sources names.
pub(super) fn keyrings_of(path: &Path, content: &[u8]) -> Result<Vec<PathBuf>, PackagesError> {
    let sources = AptFile {
        name: path.display().to_string(),
        content: content.to_vec(),
    };
    let folder = path.parent().unwrap_or(Path::new(""));
    let named = entries(&sources)?
        .into_iter()
        .flat_map(|source| source.signed_by.paths);
    Ok(named.map(|path| folder.join(path)).collect())
}

/// The keyrings that a file of sources names, relative to it.
async fn named<S: MetadataSource>(
    asker: &Asker<'_, S>,
    path: &Path,
    sources: &AptFile,
) -> Result<BTreeMap<String, Vec<u8>>, Cause> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut named = BTreeMap::new();
    for source in entries(sources)? {
        for key in source.signed_by.paths {
            let content = file(asker, &folder.join(&key)).await?.content;
            named.insert(key, content);
        }
    }
    Ok(named)
}

fn entries(file: &AptFile) -> Result<Vec<Source>, PackagesError> {
    read_named(&file.name, &file.content).map_err(|source| PackagesError::Sources {
        name: file.name.clone(),
        source,
    })
}

fn read(file: &AptFile, keys: &Keys<'_>) -> Result<Vec<Repository>, PackagesError> {
    let mut found = Vec::new();
    for source in entries(file)?.into_iter().filter(|source| source.binary) {
        let signed_by = &source.signed_by;
        let mut files = Vec::new();
        for path in &signed_by.paths {
            let content = keys
                .by_path
                .get(path)
                .ok_or_else(|| PackagesError::NoKeyring(path.clone()))?;
            files.push(AptFile {
                name: path.clone(),
                content: content.clone(),
            });
        }
        if let Some(key) = &signed_by.key {
            files.push(AptFile {
                name: file.name.clone(),
                content: key.clone().into_bytes(),
            });
        }
        if files.is_empty() {
            files.clone_from(&keys.trusted);
        }
        for uri in &source.uris {
            let mut keyring = keyring(uri, &files)?;
            if !signed_by.fingerprints.is_empty() {
                keyring = keyring.only(&signed_by.fingerprints);
            }
            for suite in &source.suites {
                found.push(repository(
                    uri,
                    suite,
                    &source.components,
                    &source.architectures,
                    &keyring,
                )?);
            }
        }
    }
    Ok(found)
}

fn keyring(uri: &str, files: &[AptFile]) -> Result<Keyring, PackagesError> {
    let mut all = Keyring::default();
    for file in files {
        all.extend(
            Keyring::read(&file.content).map_err(|source| PackagesError::Keyring {
                name: file.name.clone(),
                source,
            })?,
        );
    }
    if all.certificates().is_empty() {
        return Err(PackagesError::Unsigned(uri.to_owned()));
    }
    Ok(all)
}

fn repository(
    uri: &str,
    suite: &Suite,
    components: &[String],
    architectures: &[String],
    keyring: &Keyring,
) -> Result<Repository, PackagesError> {
    let url = |text: &str| match Url::parse(text) {
        Ok(url) if !url.username().is_empty() || url.password().is_some() => Err(PackagesError::Secret(
            url.host_str().unwrap_or_default().to_owned(),
        )),
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
        _ => Err(PackagesError::Address(text.to_owned())),
    };
    let address = url(&Source::release_address(uri, suite, ""))?;
    // The names in the index of a flat repository are relative to its address as well, as apt reads them.
    let root = url(&format!("{}/", uri.trim_end_matches('/')))?;
    Ok(Repository {
        root,
        address,
        suite: suite.clone(),
        components: components.to_vec(),
        architectures: architectures.to_vec(),
        keyring: keyring.clone(),
    })
}

/// A file beside the manifest.
async fn file<S: MetadataSource>(asker: &Asker<'_, S>, path: &Path) -> Result<AptFile, Cause> {
    Ok(AptFile {
        name: path.display().to_string(),
        content: local(asker, path).await?.to_vec(),
    })
}

/// The content of a file beside the manifest.
pub(super) async fn local<S: MetadataSource>(asker: &Asker<'_, S>, path: &Path) -> Result<Bytes, Cause> {
    let origin = Origin::File(asker.folder.join(path));
    let facts = asker.file(&origin, None).await?;
    let descriptor = Descriptor::new(media_type::OCTET_STREAM, facts.digest, facts.size);
    Ok(asker.blob(&origin, &descriptor, MAX_FILE).await?)
}
