//! Signed releases and the indexes that they vouch for.

use std::sync::Arc;

use airlock_content::{MetadataSource, SourceError, SourceErrorKind};
use airlock_ospkg::deb::chain::{SignedIndex, SignedRelease};
use airlock_ospkg::deb::sources::Suite;
use airlock_ospkg::openpgp::Policy;
use airlock_types::Digest;
use bytes::Bytes;
use url::Url;

use super::PackagesError;
use super::repositories::Repository;
use crate::ask::Asker;
use crate::error::Cause;

/// The largest release file; Debian's own have 200 KB.
const MAX_RELEASE: u64 = 16 << 20;

/// A release that was fetched, with the indexes that are wanted of it.
pub(super) struct Release {
    /// What addresses of packages are relative to.
    pub(super) root: Url,
    /// As asked for.
    pub(super) suite: String,
    /// Its folder.
    pub(super) address: Url,
    pub(super) signed: SignedRelease,
    pub(super) indexes: Vec<Index>,
    /// The files that establish it and are not fetched again: by path, with their text.
    pub(super) texts: Vec<(String, Bytes)>,
}

/// An index that was fetched.
pub(super) struct Index {
    pub(super) component: String,
    /// Where it is, under its digest where the repository has that.
    pub(super) location: Url,
    pub(super) path: String,
    pub(super) digest: Option<Digest>,
    pub(super) size: u64,
    pub(super) content: SignedIndex,
}

/// Fetches a release with its indexes for these architectures.
pub(super) async fn release<S: MetadataSource>(
    asker: &Asker<'_, S>,
    repository: &Repository,
    architectures: &[String],
    policy: &Policy,
) -> Result<Release, Cause> {
    let (signed, texts) = signed(asker, repository, policy).await?;
    let mut indexes = Vec::new();
    for (component, architecture, forms) in wanted(repository, architectures, &signed)? {
        let mut last = None;
        let mut found = None;
        // Under its digest an index cannot change underway; where it is gone, the plain name may still have it.
        'forms: for file in forms {
            for location in &file.locations {
                let url = below(&repository.address, location)?;
                match asker.document(&url, file.size).await {
                    Ok(bytes) => match signed.open(&file.path, &bytes) {
                        Ok(content) => {
                            found = Some(Index {
                                component: component.clone(),
                                location: url,
                                path: file.path.clone(),
                                digest: file.checksum.as_sha256(),
                                size: file.size,
                                content,
                            });
                            break 'forms;
                        }
                        Err(source) => last = Some(Cause::from(chain(repository, source))),
                    },
                    Err(error) if error.kind == SourceErrorKind::NotFound => last = Some(Cause::from(error)),
                    Err(error) => return Err(error.into()),
                }
            }
        }
        indexes.push(found.ok_or_else(|| {
            last.unwrap_or_else(|| {
                PackagesError::NoIndex {
                    address: repository.address.to_string(),
                    component,
                    architecture,
                }
                .into()
            })
        })?);
    }
    Ok(Release {
        root: repository.root.clone(),
        suite: match &repository.suite {
            Suite::Named(name) | Suite::Flat(name) => name.clone(),
        },
        address: repository.address.clone(),
        signed,
        indexes,
        texts,
    })
}

/// `InRelease`, or `Release` with `Release.gpg` where there is none.
async fn signed<S: MetadataSource>(
    asker: &Asker<'_, S>,
    repository: &Repository,
    policy: &Policy,
) -> Result<(SignedRelease, Vec<(String, Bytes)>), Cause> {
    let get = async |name: &str| -> Result<Result<Bytes, SourceError>, Cause> {
        let url = below(&repository.address, name)?;
        Ok(asker.document(&url, MAX_RELEASE).await)
    };
    match get("InRelease").await? {
        Ok(bytes) => {
            let signed = SignedRelease::from_in_release(&bytes, &repository.keyring, policy)
                .map_err(|source| chain(repository, source))?;
            Ok((signed, vec![("InRelease".to_owned(), bytes)]))
        }
        Err(error) if error.kind == SourceErrorKind::NotFound => {
            let release = get("Release").await??;
            let signature = get("Release.gpg").await??;
            let signed = SignedRelease::from_detached(&release, &signature, &repository.keyring, policy)
                .map_err(|source| chain(repository, source))?;
            let texts = vec![
                ("Release".to_owned(), release),
                ("Release.gpg".to_owned(), signature),
            ];
            Ok((signed, texts))
        }
        Err(error) => Err(error.into()),
    }
}

fn chain(repository: &Repository, source: airlock_ospkg::deb::chain::ChainError) -> PackagesError {
    PackagesError::Chain {
        address: repository.address.to_string(),
        source,
    }
}

type Wanted = (String, String, Vec<airlock_ospkg::deb::chain::IndexFile>);

/// The indexes to fetch: for each component and architecture the forms in which it is there.
fn wanted(
    repository: &Repository,
    architectures: &[String],
    signed: &SignedRelease,
) -> Result<Vec<Wanted>, PackagesError> {
    if matches!(repository.suite, Suite::Flat(_)) {
        return Ok(vec![(String::new(), "all".to_owned(), signed.flat_packages())]);
    }
    let mut wanted = Vec::new();
    for component in &repository.components {
        for architecture in architectures {
            if !repository.architectures.is_empty() && !repository.architectures.contains(architecture) {
                continue;
            }
            let forms = signed.packages(component, architecture);
            if forms.is_empty() {
                return Err(PackagesError::NoIndex {
                    address: repository.address.to_string(),
                    component: component.clone(),
                    architecture: architecture.clone(),
                });
            }
            wanted.push((component.clone(), architecture.clone(), forms));
        }
        // Where packages for all architectures have an index of their own, those of the others may lack them.
        if !signed.release().no_index_for_all {
            let forms = signed.packages(component, "all");
            if !forms.is_empty() && signed.release().architectures.iter().any(|name| name == "all") {
                wanted.push((component.clone(), "all".to_owned(), forms));
            }
        }
    }
    Ok(wanted)
}

/// An address below a folder.
pub(super) fn below(folder: &Url, path: &str) -> Result<Url, Cause> {
    folder
        .join(path)
        .ok()
        .filter(|url| url.as_str().starts_with(folder.as_str()))
        .ok_or_else(|| Cause::Packages(Arc::new(PackagesError::Address(format!("{folder}{path}")))))
}
