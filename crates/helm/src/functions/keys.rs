//! The RSA keys of a world.

use std::{collections::BTreeMap, fmt, rc::Rc};

use rsa::{
    RsaPrivateKey,
    rand_core::{CryptoRng, RngCore},
};

use super::random::Rng;
use crate::call::{Call, FunctionError};

/// The RSA keys that a [`World`](crate::call::World) has made, one of each size.
#[derive(Clone, Default)]
pub struct Keys(BTreeMap<usize, Rc<RsaPrivateKey>>);

impl fmt::Debug for Keys {
    /// Tells the sizes only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

/// What making a key costs for every bit of it: about what it takes.
const STEPS: u64 = 4_000;

/// The key of this many bits, made when it is first asked for.
pub(super) fn rsa_key(call: &mut Call<'_>, bits: usize) -> Result<Rc<RsaPrivateKey>, FunctionError> {
    if let Some(key) = call.world.keys.0.get(&bits) {
        return Ok(Rc::clone(key));
    }
    call.budget.step(STEPS * bits as u64)?;
    let mut rng = Stream(Rng::draw(call.world));
    let key = RsaPrivateKey::new(&mut rng, bits)
        .map_err(|error| FunctionError::new(format!("error generating rsa key: {error}")))?;
    let key = Rc::new(key);
    call.world.keys.0.insert(bits, Rc::clone(&key));
    Ok(key)
}

/// The stream in the form that the crate `rsa` wants.
struct Stream(Rng);

impl RngCore for Stream {
    fn next_u32(&mut self) -> u32 {
        u32::from_le_bytes(self.0.array())
    }

    fn next_u64(&mut self) -> u64 {
        u64::from_le_bytes(self.0.array())
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        self.0.fill(out);
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), rsa::rand_core::Error> {
        self.0.fill(out);
        Ok(())
    }
}

impl CryptoRng for Stream {}
