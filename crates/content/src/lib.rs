//! Where bytes come from and where they go.
//!
//! The seams of the workspace: a resolver asks a [`MetadataSource`] what exists, a packer asks a
//! [`BlobSource`] for the bytes, an importer writes into a [`BlobStore`], a server reads a
//! [`GenerationView`] of one, [`closure`] says what a root needs. Who implements them (HTTP, disk, bundle file, object storage) is no concern of who calls
//! them. Everything that passes is checked by a [`Verifier`] on its way.
//!
//! Sources are asynchronous, since they wait for networks; stores are synchronous, since they wait for
//! disks, and are called from blocking threads.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod claim;
mod disk;
mod error;
mod generation;
mod origin;
mod publish;
mod reach;
mod report;
mod source;
mod store;
mod verify;

pub use claim::{BlobClaim, Claimed, SharedStore};
pub use disk::{Room, Shortage, io_hint, is_full};
pub use error::{SourceError, SourceErrorKind, StoreError};
pub use generation::{Generation, GenerationError, RootEntry};
pub use origin::Origin;
pub use publish::{Addition, Cause, Move, Publication, PublishStore, Published};
pub use reach::{Closure, MANIFEST_LIMIT, Missing, Need, closure, manifest_bytes};
pub use report::{Event, Reporter, Silent};
pub use source::{
    BlobSource, ByteStream, FetchedManifest, FileFacts, ManifestSelector, MetadataSource, ReferrerFound,
    ReferrerVia,
};
pub use store::{BlobBody, BlobRead, BlobStore, BlobWriter, GenerationView};
pub use verify::{HashError, Verifier, VerifyingReader, digest_of};
