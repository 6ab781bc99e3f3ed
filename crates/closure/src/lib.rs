//! The closure of a deployment: every image that its charts and manifests need, and whether a bundle holds them all.
//!
//! A [`Release`] is a chart as it will be deployed, with the variants that a site may choose. Every [`Need`] tells which
//! image, by which rule, at which place, in which variant. Nothing is looked up and nothing is read but
//! what the caller hands over, so that the same code answers when a lock is made, when a bundle is packed, and at a
//! site without any network.
//!
//! [`decide`] applies the decisions of a manifest to what was found. [`again`] renders a deployment from what a bundle
//! carries, and [`missing`] proves that everything that it needs is held. [`Running`] is what runs in a cluster, and
//! [`compare`] tells what of it is not held.
//!
//! ```
//! use airlock_closure::{Cluster, Limits, Release, Toggles, needs};
//! use airlock_helm::ChartFile;
//! use airlock_helm::chart::{Chart, Profile};
//!
//! let template = "{{ if .Values.agent.enabled }}
//! kind: Pod
//! spec: {containers: [{name: agent, image: a.example/agent:1}]}
//! {{ end }}";
//! let files = [
//!     ("Chart.yaml", "apiVersion: v2\nname: site\nversion: 1.0.0\n"),
//!     ("values.yaml", "agent: {enabled: false}\n"),
//!     ("templates/agent.yaml", template),
//! ];
//! let files = files.map(|(path, text)| ChartFile {
//!     path: path.to_owned(),
//!     bytes: text.as_bytes().to_vec(),
//! });
//! let chart = Chart::from_files(files, Profile::Helm4)?;
//! let mut release = Release::new(&chart);
//! assert!(needs(&release, &Cluster::default(), Limits::default())?.needs.is_empty());
//! release.toggles = Toggles::All;
//! let found = needs(&release, &Cluster::default(), Limits::default())?;
//! assert_eq!(found.needs[0].finding.reference.to_string(), "a.example/agent:1");
//! assert_eq!(found.needs[0].variant.as_deref(), Some("agent.enabled=true"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod again;
mod compare;
mod decide;
mod gather;
mod held;
mod need;
mod open;
mod prove;
mod release;
mod running;
mod site;
mod switch;
mod toggles;

pub use again::{AgainError, Blobs, Contents, SiteValues, again, chart_needs};
pub use compare::{Compared, Drifted, Unheld, compare};
pub use decide::{Entry, decide, gather};
pub use held::{Held, HeldError};
pub use need::{Image, Need, Needs, Unknown};
pub use open::{Open, open};
pub use prove::{Holdings, Missing, missing};
pub use release::{Cluster, Limits, Release, ReleaseError, Toggles, Variant, manifests, needs};
pub use running::{DumpError, Listed, Place, Running, RunningLimits, Standing, Use};

/// Counts changes of the rules by which images are found: what was found by older ones is found again.
pub const RULES: u32 = 1;
