//! `site.yaml`: what is true of one site, and of no other: addresses, certificates, networks, services.
//!
//! The bundle says what is installed; this says where. Secrets are never written in it, only the files that hold them.

mod model;

pub use model::{
    Addresses, Chart, ChartSource, Cluster, ClusterAuthority, Datastore, Dns, FailurePolicy, Firewall,
    InternalAuthority, Leaf, Mirror, MirrorAuth, Ntp, Selinux, Services, Site,
};
