//! The client against an upstream that misbehaves.
#![allow(clippy::unwrap_used)]

mod auth;
mod blobs;
mod changes;
mod errors;
mod files;
mod knock;
mod limits;
mod old;
mod referrers;
mod registry;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use airlock_content::{BlobSource, Event, ManifestSelector, Origin, Reporter, SourceError};
use airlock_testkit::{FakeUpstream, Options, Upstream as Content};
use airlock_types::{Descriptor, Repository};
use airlock_upstream::{Config, Credentials, Upstream};
use bytes::Bytes;
use futures::StreamExt;

/// Waits that tests need not feel.
fn quick() -> Config {
    Config {
        retry_delay: Duration::from_millis(1),
        connect_timeout: Duration::from_secs(2),
        retries: 3,
        ..Config::default()
    }
}

/// The same for tests of stalls, which others must not mistake a busy machine for.
fn impatient() -> Upstream {
    let config = Config {
        stall_timeout: Duration::from_millis(400),
        ..quick()
    };
    client(config, Credentials::none())
}

#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Reporter for Notes {
    fn event(&self, event: Event<'_>) {
        self.0.lock().unwrap().push(format!("{event:?}"));
    }
}

fn client(config: Config, credentials: Credentials) -> Upstream {
    Upstream::new(config, credentials, Arc::new(Notes::default())).unwrap()
}

fn anonymous() -> Upstream {
    client(quick(), Credentials::none())
}

async fn serve(options: Options, fill: impl FnOnce(&mut Content)) -> FakeUpstream {
    let mut content = Content::new();
    fill(&mut content);
    FakeUpstream::start(content, options).await.unwrap()
}

fn repository(server: &FakeUpstream, name: &str) -> Repository {
    format!("{}/{name}", server.host()).parse().unwrap()
}

fn registry(server: &FakeUpstream, name: &str) -> Origin {
    Origin::Registry(repository(server, name))
}

fn tag(text: &str) -> ManifestSelector {
    ManifestSelector::Tag(text.parse().unwrap())
}

/// Reads what `open` gives to its end.
async fn read(
    upstream: &Upstream,
    origin: &Origin,
    want: &Descriptor,
    offset: u64,
) -> Result<Bytes, SourceError> {
    let mut stream = upstream.open(origin, want, offset).await?;
    let mut out = Vec::new();
    while let Some(chunk) = stream.next().await {
        out.extend_from_slice(&chunk?);
    }
    Ok(out.into())
}

/// The error with all its causes and its hint, as a person would see it.
fn told(error: &SourceError) -> String {
    let mut out = format!("error: {error}\n");
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let _ = writeln!(out, "cause: {error}");
        cause = error.source();
    }
    if let Some(hint) = &error.hint {
        let _ = writeln!(out, "hint: {hint}");
    }
    out
}
