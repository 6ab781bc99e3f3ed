//! A read-only OCI registry (distribution-spec 1.1) over a store or a bundle file.
//!
//! The server is generic over [`GenerationView`](airlock_content::GenerationView), so that a store on
//! disk, a bundle served in place and a store in object storage are all the same to it. It answers as
//! a mirror for every registry that the generation names roots of (`?ns=`, path prefixes, the aliases
//! of Docker Hub), offers file trees below `/files/` and charts below `/charts/`, and never writes.
//!
//! ```no_run
//! # async fn example<V: airlock_content::GenerationView + 'static>(view: V) -> Result<(), airlock_registry::BindError> {
//! use airlock_registry::{Config, Server};
//!
//! let server = Server::bind(Config::new("127.0.0.1:5000".parse().unwrap())).await?;
//! println!("serving on {}", server.base_url());
//! server.serve(std::sync::Arc::new(view), std::future::pending()).await;
//! # Ok(())
//! # }
//! ```
//!
//! Three rules hold throughout: what a client asked for under one name is never answered from another
//! name by guessing between candidates; a request sees one generation; files are read by blocking
//! threads in bounded pieces, so that neither a slow disk nor a slow client holds up the others.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod app;
mod apt;
mod auth;
mod body;
mod catalog;
mod charts;
pub mod client_config;
mod conditional;
mod config;
mod error;
mod extras;
mod files;
#[doc(hidden)]
pub mod fuzzing;
mod k3s;
mod listing;
mod manifests;
mod metrics;
mod page;
mod query;
mod reach;
mod reply;
mod route;
mod server;
mod stall;
mod v2;

pub use apt::{Offer, UnsignedError, offers, unsigned};
pub use config::{AccessLog, AccessRecord, Config, KeySource, Limits, VerifyPassword};
pub use manifests::ReadError;
pub use server::{BindError, Server};
