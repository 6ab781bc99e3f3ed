//! The RSA keys of a world.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use crypto_bigint::{U1024, U2048, Uint};
use rsa::{BigUint, RsaPrivateKey};

use super::{primes::Sieve, random::Rng};
use crate::call::{Call, FunctionError};

/// The RSA keys that a [`World`](crate::call::World) and its clones have made, one of each size.
///
/// Which key it is depends on the seed of the world and the size alone, not on what was drawn before.
#[derive(Clone)]
pub struct Keys {
    seed: u64,
    /// The sizes that this clone has paid for, so that what a rendering costs does not depend on those before it.
    paid: BTreeSet<u32>,
    made: Arc<Mutex<BTreeMap<u32, Arc<RsaPrivateKey>>>>,
}

impl fmt::Debug for Keys {
    /// Tells nothing of what is secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

/// The public exponent: that of Go's keys, and of nearly all there are.
const EXPONENT: u32 = 65_537;

/// How many bits the keys have that are made here.
#[derive(Clone, Copy, Debug)]
pub(super) enum Size {
    Bits2048,
    Bits4096,
}

impl Size {
    const fn bits(self) -> u32 {
        match self {
            Self::Bits2048 => 2048,
            Self::Bits4096 => 4096,
        }
    }

    /// About what it takes to make a key, in steps.
    const fn steps(self) -> u64 {
        (self.bits() as u64).pow(3) / 4096
    }

    fn make(self, rng: &mut Rng) -> Result<RsaPrivateKey, rsa::Error> {
        match self {
            Self::Bits2048 => make::<{ U1024::LIMBS }>(rng),
            Self::Bits4096 => make::<{ U2048::LIMBS }>(rng),
        }
    }
}

impl Keys {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            paid: BTreeSet::new(),
            made: Arc::default(),
        }
    }

    /// The same keys for renderings that do not pay again for those that are made: of many renderings of one chart,
    /// only the first takes its time.
    #[must_use]
    pub fn paid(&self) -> Self {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        Self {
            paid: made.keys().copied().collect(),
            ..self.clone()
        }
    }

    /// Whether none was made.
    pub fn is_empty(&self) -> bool {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.is_empty()
    }

    fn get(&self, size: Size) -> Result<Arc<RsaPrivateKey>, rsa::Error> {
        let bits = size.bits();
        // A key is there in full or not at all, whatever has become of another thread.
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = made.get(&bits) {
            return Ok(Arc::clone(key));
        }
        let key = Arc::new(size.make(&mut Rng::for_key(self.seed, bits))?);
        made.insert(bits, Arc::clone(&key));
        Ok(key)
    }
}

/// The key of this size, made when it is first asked for.
pub(super) fn rsa_key(call: &mut Call<'_>, size: Size) -> Result<Arc<RsaPrivateKey>, FunctionError> {
    let keys = &mut call.world.keys;
    if !keys.paid.contains(&size.bits()) {
        call.budget.step(size.steps())?;
        keys.paid.insert(size.bits());
    }
    keys.get(size)
        .map_err(|error| FunctionError::new(format!("error generating rsa key: {error}")))
}

/// A key of two primes (FIPS 186-5, section A.1.3).
fn make<const LIMBS: usize>(rng: &mut Rng) -> Result<RsaPrivateKey, rsa::Error> {
    let sieve = Sieve::new(Uint::<LIMBS>::BITS);
    loop {
        let [p, q] = [(), ()].map(|()| {
            let prime = sieve.prime::<LIMBS>(rng, EXPONENT);
            BigUint::from_bytes_be(prime.to_be_bytes().as_ref())
        });
        let bits = p.bits();
        // Primes that lie close to each other are found from their product. Chance never draws such ones.
        let far = if p > q { &p - &q } else { &q - &p }.bits() > bits - 100;
        let key = RsaPrivateKey::from_p_q(p, q, EXPONENT.into())?;
        if far && rsa::traits::PrivateKeyParts::d(&key).bits() > bits {
            return Ok(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use rsa::{
        pkcs1::EncodeRsaPrivateKey as _,
        traits::{PrivateKeyParts as _, PublicKeyParts as _},
    };

    use super::*;

    /// What openssl says to some input, or why there is nothing to be said.
    fn openssl(args: &[&str], input: &[u8]) -> Option<String> {
        let child = Command::new("openssl")
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut child) = child else {
            eprintln!("skipped: there is no openssl to check RSA keys");
            return None;
        };
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "openssl {args:?}: {output:?}");
        Some(String::from_utf8(output.stdout).unwrap())
    }

    fn check(seed: u64, size: Size, bits: usize) {
        let key = Keys::new(seed).get(size).unwrap();
        assert_eq!(key.n().bits(), bits);
        assert_eq!(key.e(), &BigUint::from(65_537_u32));
        assert!(key.d().bits() > bits / 2);
        let [p, q] = key.primes() else {
            panic!("it has other than two primes");
        };
        assert_eq!([p.bits(), q.bits()], [bits / 2; 2]);
        let distance = if p > q { p - q } else { q - p };
        assert!(distance.bits() > bits / 2 - 100);

        let der = key.to_pkcs1_der().unwrap();
        if let Some(said) = openssl(&["rsa", "-inform", "DER", "-check", "-noout"], der.as_bytes()) {
            assert_eq!(said.trim(), "RSA key ok");
        }
        for prime in [p, q] {
            if let Some(said) = openssl(&["prime", &prime.to_string()], &[]) {
                assert!(said.trim().ends_with("is prime"), "{said}");
            }
        }
    }

    #[test]
    fn keys_are_sound_and_a_function_of_the_seed() {
        for seed in 0..3 {
            check(seed, Size::Bits2048, 2048);
        }
        check(u64::MAX, Size::Bits4096, 4096);
        let one = |seed| Keys::new(seed).get(Size::Bits2048).unwrap();
        assert_eq!(one(1), one(1));
        assert_ne!(one(1), one(2));
    }

    #[test]
    fn clones_share_what_is_made() {
        let keys = Keys::new(3);
        let one = keys.clone().get(Size::Bits2048).unwrap();
        assert!(Arc::ptr_eq(&one, &keys.get(Size::Bits2048).unwrap()));
    }
}
