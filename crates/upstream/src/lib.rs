//! The one HTTP client: registries, chart repositories and files, with retry, resume and rate limits.
//!
//! [`Upstream`] is what a resolver asks ([`MetadataSource`](airlock_content::MetadataSource)) and a packer
//! reads from ([`BlobSource`](airlock_content::BlobSource)). It reads neither environment nor home: the
//! caller fills [`Config`], and hands over the text of credentials files as [`AuthFile`]s. (The system's
//! certificate authorities are found by the TLS library, which honours `SSL_CERT_FILE` and `SSL_CERT_DIR`.)
//!
//! What it promises:
//! - Credentials go to the host they are filed under and to the token service that it names, never to
//!   where a redirect leads; not from HTTPS to HTTP; and into no message.
//! - A broken download goes on where it broke. "Too many requests" slows down all requests to that host.
//! - What is asked for by digest is checked, except streams of [`open`](airlock_content::BlobSource::open),
//!   which are checked where they are written.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use airlock_content::{ManifestSelector, MetadataSource, Origin, Silent};
//! use airlock_types::Reference;
//! use airlock_upstream::{AuthFile, Config, Credentials, NoHelpers, Upstream};
//!
//! # async fn example(auth_json: &str) -> Result<(), Box<dyn std::error::Error>> {
//! let credentials = Credentials::new(vec![AuthFile::parse(auth_json)?], Arc::new(NoHelpers));
//! let upstream = Upstream::new(Config::default(), credentials, Arc::new(Silent))?;
//! let reference: Reference = "busybox:1.36".parse()?;
//! let selector = ManifestSelector::Tag(reference.tag_or_latest());
//! let manifest = upstream.manifest(&Origin::Registry(reference.repository), &selector).await?;
//! println!("{}", manifest.descriptor.digest);
//! # Ok(())
//! # }
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod api;
mod auth;
mod challenge;
mod client;
mod config;
mod credentials;
mod download;
mod endpoint;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod gate;
mod http;
mod knock;
mod redirect;
mod registry;
mod retry_after;
mod says;
mod secret;
mod upstream;

pub use api::{Api, ApiAccess, ApiAnswer, ApiError};
pub use config::{Config, ConfigError, Proxies};
pub use credentials::{
    AuthFile, AuthFileError, Credential, CredentialHelper, Credentials, HelperError, HelperFuture, NoHelpers,
    ProcessHelper,
};
pub use endpoint::Mirror;
pub use knock::{KnockError, Knocked, NoAnswer, knock};
pub use secret::Secret;
pub use upstream::Upstream;
