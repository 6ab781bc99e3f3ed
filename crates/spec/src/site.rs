//! `site.yaml`: what is true of one site, and of no other: addresses, certificates, networks, services.
//!
//! The bundle says what is installed; this says where. Secrets are never written in it, only the files that hold them.
//!
//! ```
//! use airlock_spec::site::Site;
//! use std::path::Path;
//!
//! let text = "
//! apiVersion: airlock.dev/v1
//! kind: Site
//! metadata: {name: edge}
//! cluster: {tlsSans: [k3s.site], tokenFile: secrets/token}
//! ";
//! let errors = Site::read(text, Path::new("/etc/airlock/site.yaml")).unwrap_err();
//! assert_eq!(errors.0[0].label.as_deref(), Some("did you mean `tlsSan`?"));
//! ```
//!
//! # The syntax
//!
//! ```yaml
#![doc = include_str!("../../../manifests/site.example.yaml")]
//! ```

mod addresses;
mod draft;
mod model;
mod networks;
mod read;
mod schema;
mod secrets;
mod services;

#[cfg(test)]
mod tests;

pub use addresses::{AddressesError, DEFAULT_CLUSTER_CIDR, DEFAULT_SERVICE_CIDR};
pub use draft::{Becomes, Draft, FromEnvironment, SETTINGS, SecretFile, Setting, from_environment};
pub use model::{
    Addresses, Chart, ChartSource, Cluster, ClusterAuthority, Datastore, Dns, FailurePolicy, Firewall,
    InternalAuthority, Leaf, Mirror, MirrorAuth, Ntp, Selinux, Services, Site,
};
pub use schema::schema;
