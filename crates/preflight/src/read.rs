//! Readers of what the kernel and the administrator write: none of them fails, none of them believes what it reads.

pub(crate) mod address;
pub(crate) mod hosts;
pub(crate) mod modules;
pub(crate) mod mounts;
pub(crate) mod pairs;
pub(crate) mod resolv;
pub(crate) mod routes;
pub(crate) mod sockets;

#[cfg(test)]
mod tests;
