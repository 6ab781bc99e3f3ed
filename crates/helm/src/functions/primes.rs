//! Large primes, of which RSA keys are made.
//!
//! The multiples of many small primes are struck out of a stretch of numbers behind one drawn by chance (OpenSSL
//! searches like this too; a prime behind a long gap is likelier, which costs a few bits of a thousand), which leaves one number in some twenty. What
//! is left is tried to the base 2, which costs squarings only, and the first that passes to bases drawn by chance.
//!
//! Two threads try the numbers, since nearly all of the time goes there. Which prime is found does not depend on them.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use crypto_bigint::{
    Odd, Uint,
    modular::{FixedMontyForm, FixedMontyParams},
};

use super::random::Rng;

/// To how many random bases a number is tried (FIPS 186-5, table B.1, for numbers drawn by chance).
const fn rounds(bits: u32) -> usize {
    if bits >= 1536 { 4 } else { 5 }
}

/// The small primes by which numbers of one size are sieved.
pub(super) struct Sieve {
    primes: Vec<u32>,
    /// The products of primes that follow each other, and where among the primes each product ends: a long number is
    /// divided by the products alone.
    products: Vec<(u64, usize)>,
}

impl Sieve {
    /// For primes of this many bits. The longer a number is, the dearer is a trial and the more primes pay.
    pub(super) fn new(bits: u32) -> Self {
        let primes = odd_primes(bits * bits / 8);
        let mut products: Vec<(u64, usize)> = Vec::new();
        for (at, prime) in primes.iter().enumerate() {
            let prime = u64::from(*prime);
            match products.last_mut() {
                Some((product, end)) if u64::MAX / prime >= *product => {
                    *product *= prime;
                    *end = at + 1;
                }
                _ => products.push((prime, at + 1)),
            }
        }
        Self { primes, products }
    }

    /// For the odd numbers from an odd one on: which of them no small prime divides.
    fn survivors(&self, start: &[u8], count: usize) -> Vec<bool> {
        let mut survives = vec![true; count];
        let mut from = 0;
        for (product, to) in &self.products {
            let left = residue(start, *product);
            for prime in self.primes.get(from..*to).unwrap_or_default() {
                let remainder = u32::try_from(left % u64::from(*prime)).unwrap_or(0);
                // The first multiple that is odd lies at `start + 2 * skipped`.
                let missing = (prime - remainder) % prime;
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
            from = *to;
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
            let candidates: Vec<Uint<LIMBS>> = (0_u64..)
                .step_by(2)
                .zip(survivors)
                .filter(|(_, survives)| *survives)
                // Behind the last number of this length comes 1, which is no prime.
                .map(|(distance, _)| start.wrapping_add(&Uint::from_u64(distance)))
                .filter(|candidate| residue(candidate.to_be_bytes().as_ref(), exponent.into()) != 1)
                .collect();
            let bases: Vec<Uint<LIMBS>> = (0..rounds(Uint::<LIMBS>::BITS)).map(|_| base(rng)).collect();
            if let Some(prime) = first_prime(&candidates, &bases) {
                return prime;
            }
        }
    }
}

/// The odd primes below a limit.
fn odd_primes(limit: u32) -> Vec<u32> {
    // Of the odd numbers only, from 1 on.
    let mut composite = vec![false; (limit / 2) as usize];
    let mut primes = Vec::new();
    for number in (3..limit).step_by(2) {
        if composite.get(number as usize / 2) == Some(&false) {
            primes.push(number);
            let step = number as usize;
            for multiple in composite.iter_mut().skip(step * step / 2).step_by(step) {
                *multiple = true;
            }
        }
    }
    primes
}

/// What is left of a number, whose first byte comes first, after division by another.
fn residue(bytes: &[u8], divisor: u64) -> u64 {
    let divide = |left: u64, shift: u32, more: u64| {
        let number = u128::from(left) << shift | u128::from(more);
        u64::try_from(number % u128::from(divisor)).unwrap_or(0)
    };
    let (words, rest) = bytes.as_chunks::<8>();
    let left = words
        .iter()
        .fold(0, |left, word| divide(left, 64, u64::from_be_bytes(*word)));
    rest.iter()
        .fold(left, |left, byte| divide(left, 8, (*byte).into()))
}

/// A base to which numbers are tried.
fn base<const LIMBS: usize>(rng: &mut Rng) -> Uint<LIMBS> {
    let mut bytes = vec![0; Uint::<LIMBS>::BYTES];
    rng.fill(&mut bytes);
    // Half of the numbers are enough, and all of them are smaller than one whose first bit is set.
    if let Some(first) = bytes.first_mut() {
        *first &= 0x7f;
    }
    Uint::from_be_slice(&bytes)
}

/// The first of some numbers that is a prime. Two threads take one number after the other, and what lies before the
/// one that is found has been tried by then, so that chance does not decide which it is.
fn first_prime<const LIMBS: usize>(numbers: &[Uint<LIMBS>], bases: &[Uint<LIMBS>]) -> Option<Uint<LIMBS>> {
    let next = AtomicUsize::new(0);
    let found = AtomicUsize::new(numbers.len());
    let search = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            match numbers.get(at) {
                Some(number) if at < found.load(Ordering::Relaxed) => {
                    if is_prime(number, bases) {
                        found.fetch_min(at, Ordering::Relaxed);
                    }
                }
                _ => break,
            }
        }
    };
    thread::scope(|scope| {
        // Where there is no second thread to be had, the first one does everything.
        let _ = thread::Builder::new().spawn_scoped(scope, search);
        search();
    });
    numbers.get(found.into_inner()).copied()
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
fn is_prime<const LIMBS: usize>(number: &Uint<LIMBS>, bases: &[Uint<LIMBS>]) -> bool {
    Trial::new(number).is_some_and(|trial| trial.to_two() && bases.iter().all(|base| trial.to(base)))
}

#[cfg(test)]
mod tests {
    use crypto_bigint::U1024;

    use super::*;

    #[test]
    fn what_survives_has_no_small_factor() {
        let sieve = Sieve::new(256);
        assert_eq!(sieve.primes.first(), Some(&3));
        assert_eq!(sieve.primes.last(), Some(&8191));
        assert_eq!(sieve.primes.len(), 1027);
        assert_eq!(sieve.products.last().map(|(_, end)| *end), Some(1027));
        let start = u128::MAX - 10_000;
        let start = start | 1;
        let survivors = sieve.survivors(&start.to_be_bytes(), 5000);
        for (distance, survives) in (0..).step_by(2).zip(survivors) {
            let number: u128 = start + distance;
            let divided = (3..8192).step_by(2).any(|factor| number.is_multiple_of(factor));
            assert_eq!(survives, !divided, "{number}");
        }
    }

    #[test]
    fn residues_are_those_of_long_division() {
        let bytes: Vec<u8> = (1..=27).collect();
        let number = |bytes: &[u8]| {
            bytes
                .iter()
                .fold(0_u128, |left, byte| left << 8 | u128::from(*byte))
        };
        for divisor in [3, 65_537, 0xffff_fffb, u64::MAX] {
            let whole = |left: u128, byte: &u8| (left << 8 | u128::from(*byte)) % u128::from(divisor);
            let expected = bytes.iter().fold(0, whole);
            assert_eq!(u128::from(residue(&bytes, divisor)), expected);
            let short = bytes.get(..11).unwrap();
            assert_eq!(
                u128::from(residue(short, divisor)),
                number(short) % u128::from(divisor)
            );
        }
    }

    #[test]
    fn two_threads_find_the_prime_that_one_finds() {
        let mut rng = Rng::for_key(9, 0);
        let bases: Vec<U1024> = (0..2).map(|_| base(&mut rng)).collect();
        // Without a sieve, so that there are many numbers and several primes.
        let start: U1024 = base(&mut rng)
            .bitor(&U1024::ONE.shl_vartime(1023))
            .bitor(&U1024::ONE);
        let numbers: Vec<U1024> = (0..1000_u64)
            .map(|at| start.wrapping_add(&U1024::from_u64(2 * at)))
            .collect();
        let one = numbers.iter().find(|number| is_prime(*number, &bases)).copied();
        for _ in 0..3 {
            assert_eq!(first_prime(&numbers, &bases), one);
        }
        assert_eq!(first_prime::<{ U1024::LIMBS }>(&[], &bases), None);
    }
}
