//! Images of a store or bundle as one archive that containerd, docker and podman load, under the references that
//! workloads use.
#![cfg_attr(test, allow(clippy::unwrap_used))]
