//! Large primes, of which RSA keys are made.
//!
//! The multiples of many small primes are struck out of a stretch of numbers behind one drawn by chance (OpenSSL
//! searches like this too; a prime behind a long gap is likelier, which costs a few bits of a thousand), which leaves one number in some twenty. What
//! is left is tried to the base 2, which costs squarings only, and the first that passes to bases drawn by chance.

use crypto_bigint::{
    Odd, Uint,
    modular::{FixedMontyForm, FixedMontyParams},
};

use super::random::Rng;

/// To how many random bases a number is tried: FIPS 186-5, table B.1, asks for five where a prime has 1024 bits, and
/// for fewer where it has more.
const ROUNDS: usize = 5;

/// The small primes by which numbers of one size are sieved.
pub(super) struct Sieve(Vec<u32>);

impl Sieve {
    /// For primes of this many bits. The longer a number is, the dearer is a trial and the more primes pay.
    pub(super) fn new(bits: u32) -> Self {
        let limit = (bits * bits / 16) as usize;
        let mut composite = vec![false; limit];
        let mut primes = Vec::new();
        for number in (3..limit).step_by(2) {
            if composite.get(number) == Some(&false) {
                primes.extend(u32::try_from(number));
                for multiple in composite.iter_mut().skip(number * number).step_by(number) {
                    *multiple = true;
                }
            }
        }
        Self(primes)
    }

    /// For the odd numbers from an odd one on: which of them no small prime divides.
    fn survivors(&self, start: &[u8], count: usize) -> Vec<bool> {
        let mut survives = vec![true; count];
        for prime in &self.0 {
            // The first multiple that is odd lies at `start + 2 * skipped`.
            let missing = (prime - residue(start, *prime)) % prime;
            let skipped = if missing.is_multiple_of(2) {
                missing / 2
            } else {
                missing.midpoint(*prime)
            };
            for multiple in survives
                .iter_mut()
                .skip(skipped as usize)
                .step_by(*prime as usize)
            {
                *multiple = false;
            }
        }
        survives
    }

    /// A prime whose bits are as many as the type has; the first two of them are set, so that the product of two has
    /// twice as many. One less than it is no multiple of the exponent.
    pub(super) fn prime<const LIMBS: usize>(&self, rng: &mut Rng, exponent: u32) -> Uint<LIMBS> {
        loop {
            let mut bytes = vec![0; Uint::<LIMBS>::BYTES];
            rng.fill(&mut bytes);
            if let Some(first) = bytes.first_mut() {
                *first |= 0xc0;
            }
            if let Some(last) = bytes.last_mut() {
                *last |= 1;
            }
            // One in 0.35 odd numbers for every bit is a prime, so that one stretch is hardly ever without.
            let survivors = self.survivors(&bytes, bytes.len() * 32);
            let start = Uint::from_be_slice(&bytes);
            let candidates = (0_u64..)
                .step_by(2)
                .zip(survivors)
                .filter(|(_, survives)| *survives);
            for (distance, _) in candidates {
                // Behind the last number of this length comes 1, which is no prime.
                let candidate = start.wrapping_add(&Uint::from_u64(distance));
                let fits = || residue(candidate.to_be_bytes().as_ref(), exponent) != 1;
                if is_prime(&candidate, rng) && fits() {
                    return candidate;
                }
            }
        }
    }
}

/// What is left of a number, whose first byte comes first, after division by another.
fn residue(bytes: &[u8], divisor: u32) -> u32 {
    let divide = |number: u64| number % u64::from(divisor);
    let (words, rest) = bytes.as_chunks::<4>();
    let rest_of_words = words.iter().fold(0, |left, word| {
        divide(left << 32 | u64::from(u32::from_be_bytes(*word)))
    });
    let left = rest
        .iter()
        .fold(rest_of_words, |left, byte| divide(left << 8 | u64::from(*byte)));
    u32::try_from(left).unwrap_or(0)
}

/// A strong trial of a number to many bases (Miller and Rabin; FIPS 186-5, section B.3.1).
struct Trial<const LIMBS: usize> {
    one: FixedMontyForm<LIMBS>,
    minus_one: FixedMontyForm<LIMBS>,
    /// One less than the number is this, doubled so many times.
    odd: Uint<LIMBS>,
    doublings: u32,
}

impl<const LIMBS: usize> Trial<LIMBS> {
    fn new(number: &Uint<LIMBS>) -> Option<Self> {
        let modulus = Option::<Odd<Uint<LIMBS>>>::from(Odd::new(*number))?;
        let one = FixedMontyForm::one(&FixedMontyParams::new_vartime(modulus));
        let less = number.wrapping_sub(&Uint::ONE);
        let doublings = less.trailing_zeros_vartime();
        Some(Self {
            one,
            minus_one: one.neg(),
            odd: less.wrapping_shr_vartime(doublings),
            doublings,
        })
    }

    /// To the base 2, by which one multiplies in no time.
    fn to_two(&self) -> bool {
        let mut power = self.one;
        for bit in (0..self.odd.bits_vartime()).rev() {
            power = power.square();
            if self.odd.bit_vartime(bit) {
                power = power.double();
            }
        }
        self.passes(power)
    }

    fn to(&self, base: &Uint<LIMBS>) -> bool {
        self.passes(FixedMontyForm::new(base, self.one.params()).pow_vartime(&self.odd))
    }

    /// Whether the base to the odd part is 1, or comes to -1 by squaring.
    fn passes(&self, mut power: FixedMontyForm<LIMBS>) -> bool {
        if power == self.one {
            return true;
        }
        for _ in 0..self.doublings {
            if power == self.minus_one {
                return true;
            }
            power = power.square();
        }
        false
    }
}

/// Whether a number that was drawn by chance is a prime.
fn is_prime<const LIMBS: usize>(number: &Uint<LIMBS>, rng: &mut Rng) -> bool {
    let Some(trial) = Trial::new(number) else {
        return false;
    };
    let mut random = || {
        let mut bytes = vec![0; Uint::<LIMBS>::BYTES];
        rng.fill(&mut bytes);
        // Half of the numbers are enough, and all of them are smaller than one whose first bit is set.
        if let Some(first) = bytes.first_mut() {
            *first &= 0x7f;
        }
        Uint::from_be_slice(&bytes)
    };
    trial.to_two() && (0..ROUNDS).all(|_| trial.to(&random()))
}
