//! Signed releases and the indexes that they vouch for.

use std::sync::Arc;

use airlock_content::{MetadataSource, SourceError, SourceErrorKind};
use airlock_ospkg::deb::chain::{IndexFile, SignedIndex, SignedRelease};
use airlock_ospkg::deb::sources::Suite;
use airlock_ospkg::openpgp::Policy;
use airlock_types::Digest;
use bytes::Bytes;
use url::Url;

use super::repositories::Repository;
use super::{PackagesError, blocking};
use crate::ask::Asker;
use crate::error::Cause;

/// What Debian calls packages for every architecture.
const ALL: &str = "all";
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
    pub(super) signed: Arc<SignedRelease>,
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
    if let Some(other) = other_release(&repository.suite, &signed) {
        let address = &repository.address;
        asker.note(&format!("{address} was asked for and calls itself {other}"));
    }
    let signed = Arc::new(signed);
    let indexes = wanted(repository, architectures, &signed)?
        .into_iter()
        .map(|wanted| index(asker, repository, &signed, wanted));
    let indexes = futures::future::try_join_all(indexes).await?;
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

/// An index, in the first form and from the first place that has it.
async fn index<S: MetadataSource>(
    asker: &Asker<'_, S>,
    repository: &Repository,
    signed: &Arc<SignedRelease>,
    wanted: Wanted,
) -> Result<Index, Cause> {
    let mut last = None;
    for file in wanted.forms {
        // Under its digest an index cannot change underway; where it is gone, the plain name may still have it.
        for location in &file.locations {
            let url = below(&repository.address, location)?;
            let bytes = match asker.signed_document(&url, file.size).await {
                Ok(bytes) => bytes,
                // What came and was wrong tells more than what did not come.
                Err(error) if error.kind == SourceErrorKind::NotFound => {
                    last.get_or_insert_with(|| Cause::from(error));
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let (signed, path) = (Arc::clone(signed), file.path.clone());
            match blocking(move || signed.open(&path, &bytes)).await {
                Ok(content) => {
                    return Ok(Index {
                        component: wanted.component,
                        location: url,
                        digest: file.checksum.as_sha256(),
                        size: file.size,
                        path: file.path,
                        content,
                    });
                }
                Err(source) => last = Some(Cause::from(chain(repository, source))),
            }
        }
    }
    Err(last.unwrap_or_else(|| {
        PackagesError::NoIndex {
            address: repository.address.to_string(),
            component: wanted.component,
            architecture: wanted.architecture,
        }
        .into()
    }))
}

/// What a release calls itself if it is another one than was asked for, which apt warns of as well.
fn other_release(suite: &Suite, signed: &SignedRelease) -> Option<String> {
    let Suite::Named(wanted) = suite else { return None };
    let said = signed.release();
    let names: Vec<&str> = [&said.suite, &said.codename]
        .into_iter()
        .filter_map(|name| name.as_deref())
        .collect();
    (!names.is_empty() && !names.contains(&wanted.as_str())).then(|| names.join(", "))
}

/// `InRelease`, or `Release` with `Release.gpg` where there is none.
async fn signed<S: MetadataSource>(
    asker: &Asker<'_, S>,
    repository: &Repository,
    policy: &Policy,
) -> Result<(SignedRelease, Vec<(String, Bytes)>), Cause> {
    let get = async |name: &str| -> Result<Result<Bytes, Arc<SourceError>>, Cause> {
        let url = below(&repository.address, name)?;
        Ok(asker.signed_document(&url, MAX_RELEASE).await)
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

/// An index to fetch.
struct Wanted {
    component: String,
    architecture: String,
    /// The forms in which it is there.
    forms: Vec<IndexFile>,
}

/// The indexes to fetch.
fn wanted(
    repository: &Repository,
    architectures: &[String],
    signed: &SignedRelease,
) -> Result<Vec<Wanted>, PackagesError> {
    if matches!(repository.suite, Suite::Flat(_)) {
        return Ok(vec![Wanted {
            component: String::new(),
            architecture: ALL.to_owned(),
            forms: signed.flat_packages(),
        }]);
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
            wanted.push(Wanted {
                component: component.clone(),
                architecture: architecture.clone(),
                forms,
            });
        }
        // Where packages for all architectures have an index of their own, those of the others may lack them.
        if !signed.release().no_index_for_all {
            let forms = signed.packages(component, ALL);
            if !forms.is_empty() && signed.release().architectures.iter().any(|name| name == ALL) {
                wanted.push(Wanted {
                    component: component.clone(),
                    architecture: ALL.to_owned(),
                    forms,
                });
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
