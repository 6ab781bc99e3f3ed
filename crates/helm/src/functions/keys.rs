//! The RSA keys of a world.

/// The RSA keys that a [`World`](crate::call::World) has made, one of each size.
#[derive(Clone, Debug, Default)]
pub struct Keys {}
