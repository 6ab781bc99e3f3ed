//! From what is wanted to exactly what that is: manifest → lock.
//!
//! [`resolve`] asks a [`MetadataSource`](airlock_content::MetadataSource) what exists and pins every byte of
//! it by digest and size. It is generic over the source, so that the same code runs against registries,
//! against folders, and against a table in a test. The lock it makes depends on the manifest and the
//! answers alone: not on the order in which they arrive, nor on how many are asked for at once.
//!
//! A request that has not changed keeps its pins without a question to anyone, unless it is named in
//! [`Update`]. What lies on this machine (layouts, archives, folders, files) is read again each time.
//!
//! All failures are collected: [`ResolveErrors`] names what could not be pinned, who needs it, and why.
//!
//! ```
//! use std::path::Path;
//!
//! use airlock_content::{MetadataSource, Silent};
//! use airlock_resolver::{Options, Update, resolve};
//! use airlock_spec::manifest::{Inputs, load};
//!
//! # async fn example<S: MetadataSource>(source: S) -> Result<(), Box<dyn std::error::Error>> {
//! let path = Path::new("site/airlock.yaml");
//! let manifest = load(path, &Inputs::default(), &mut |path| std::fs::read_to_string(path))?;
//! // Paths in the manifest are relative to its folder. A source that knows the folder itself gets them as they are.
//! let options = Options { folder: "site".into(), ..Options::default() };
//! let lock = resolve(&manifest, None, &Update::None, &options, &source, &Silent).await?;
//! std::fs::write("site/airlock.lock", lock.to_bytes())?;
//! # Ok(())
//! # }
//! ```
//!
//! # What is installed
//!
//! Charts and plain manifests are rendered and searched for images, which are pinned as if the manifest asked for them; each
//! component with any gets an artifact that says so ([`Deployment`](airlock_spec::deployment::Deployment)) and carries its
//! values. [`prove`] renders all of it once more before a pack.
//!
//! # k3s
//!
//! A channel of k3s means a release at the time of the lock. Its checksums are fetched and pinned, the files are pinned by
//! what they say, and the images on its list are locked as if the manifest asked for them.
//!
//! # What is carried of an image
//!
//! The root as it is; of an index, the children for the platforms wanted with their buildkit attestations, and
//! those that have no platform. All other children are recorded as left out; the index itself is not changed.
//! Every child that satisfies a platform is carried, so `linux/amd64` brings `linux/amd64/v3` along where
//! there is one. Signatures and the like travel with the root and with each child, up to three steps away.
//! Layers that must not be distributed (`foreign`, `nondistributable`) are not carried: their manifests tell
//! clients where the vendor keeps them, which an isolated site cannot reach.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod ask;
mod chart;
mod check;
mod checksums;
mod content;
mod deploy;
mod error;
mod files;
mod image;
mod k3s;
mod names;
mod origin;
mod outdated;
mod packages;
mod pins;
mod prove;
mod referrers;
mod request;
mod resolve;

pub use chart::Charts;
pub use check::{CheckError, Drift, Moved, check};
pub use error::{Cause, Failure, ResolveErrors};
pub use k3s::K3sError;
pub use origin::origin;
pub use outdated::{Outdated, outdated};
pub use packages::{AptConfiguration, AptFile, PackagesError};
pub use prove::{ProveError, prove};
pub use resolve::{Options, Update, resolve};
