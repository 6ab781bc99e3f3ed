//! Content hashing for Airlock.
//!
//! One place decides which implementation hashes a byte, so that a caller need not know what the processor
//! can do. One stream is hashed by [`Sha256`]. Where many wait, [`hash_many`] keeps several in flight, each in a
//! lane of a vector register, which on a processor without SHA instructions is several times as fast. Depends on
//! no other crate of Airlock, and is the only one with `unsafe` code: in `x86` and `lone`.
//!
//! ```
//! let mut hasher = airlock_hash::Sha256::new();
//! hasher.update(b"abc");
//! assert_eq!(hasher.finish()[..4], [0xba, 0x78, 0x16, 0xbf]);
//! ```
//!
//! ```
//! use airlock_hash::{Engine, Bytes, hash_many};
//!
//! let mut waiting = ["abc", "def"].iter().map(|text| Bytes(text.as_bytes()));
//! let mut hashes = Vec::new();
//! hash_many(Engine::best(), 1024, || waiting.next(), |_, hash| hashes.extend(hash));
//! hashes.sort();
//! assert_eq!(hashes[0][..4], [0xba, 0x78, 0x16, 0xbf]);
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod constants;
mod engine;
#[expect(unsafe_code, reason = "calls the compression function of AWS-LC")]
mod lone;
mod many;
mod shares;
mod stream;
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "vector loads, and calls that need a processor feature")]
mod x86;

pub use engine::Engine;
pub use many::{Bytes, Stream, hash_many};
pub use shares::Shares;
pub use stream::{Sha256, Sha512, sha256, sha512};
