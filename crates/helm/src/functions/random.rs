//! Random functions, which draw from the seed of the world.

use super::{
    args::{Outcome, functions, int, string},
    strings::encode_base64,
    unicode::runes,
};
use crate::{
    call::{Call, FunctionError, World},
    value::Value,
};

use sha2::{Digest as _, Sha256};

functions! {
    "randAlphaNum" (Int) |call, a| text(call, a, ALPHANUMERIC);
    "randAlpha" (Int) |call, a| text(call, a, ALPHABET);
    "randNumeric" (Int) |call, a| text(call, a, b"0123456789");
    "randAscii" (Int) |call, a| {
        let ascii: Vec<u8> = (b' '..=b'~').collect();
        text(call, a, &ascii)
    };
    "randBytes" (Int) bytes;
    "randInt" (Int, Int) between;
    "shuffle" (String) shuffle;
    "uuidv4" () uuid;
}

const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ALPHANUMERIC: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A stream of bytes that nobody can tell from random ones who does not know the seed.
#[derive(Debug)]
pub(super) struct Rng {
    seed: u64,
    count: u64,
    block: [u8; 32],
    used: usize,
}

impl Rng {
    /// A new stream; the next one from the same world is another.
    pub(super) fn draw(world: &mut World) -> Self {
        let seed = world.seed;
        // The step of SplitMix64, which comes by every number before it comes by one again.
        world.seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        Self {
            seed,
            count: 0,
            block: [0; 32],
            used: 32,
        }
    }

    /// The stream of which a key of so many bits is made; none that is drawn one after another is like it.
    pub(super) fn for_key(seed: u64, bits: u32) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"rsa");
        hash.update(bits.to_le_bytes());
        hash.update(seed.to_le_bytes());
        let hash: [u8; 32] = hash.finalize().into();
        Self {
            seed: hash
                .first_chunk()
                .map_or(seed, |first| u64::from_le_bytes(*first)),
            count: 0,
            block: [0; 32],
            used: 32,
        }
    }

    pub(super) fn byte(&mut self) -> u8 {
        if self.used >= self.block.len() {
            let mut hash = Sha256::new();
            hash.update(self.seed.to_le_bytes());
            hash.update(self.count.to_le_bytes());
            self.block = hash.finalize().into();
            self.count = self.count.wrapping_add(1);
            self.used = 0;
        }
        let byte = self.block.get(self.used).copied().unwrap_or(0);
        self.used += 1;
        byte
    }

    pub(super) fn fill(&mut self, out: &mut [u8]) {
        out.fill_with(|| self.byte());
    }

    pub(super) fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }

    /// A number below a limit that is not zero, each as likely as any other.
    fn below(&mut self, limit: u64) -> u64 {
        let whole = u64::MAX - u64::MAX % limit;
        loop {
            let number = u64::from_le_bytes(self.array());
            if number < whole {
                return number % limit;
            }
        }
    }
}

fn text(call: &mut Call<'_>, args: &[Value], alphabet: &[u8]) -> Outcome {
    // Sprig does not look at the error for a number below zero.
    let count = usize::try_from(int(args, 0)?).unwrap_or(0);
    call.budget.take(count)?;
    call.budget.step(count as u64 / 4)?;
    let mut rng = Rng::draw(call.world);
    let text: Vec<u8> = (0..count)
        .map(|_| {
            let at = usize::try_from(rng.below(alphabet.len().max(1) as u64)).unwrap_or(0);
            alphabet.get(at).copied().unwrap_or(b'0')
        })
        .collect();
    Ok(Value::string(text))
}

fn bytes(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let Ok(count) = usize::try_from(int(args, 0)?) else {
        return Err(FunctionError::new("runtime error: makeslice: len out of range"));
    };
    call.budget.take(count.saturating_mul(3))?;
    call.budget.step(count as u64 / 16)?;
    let mut rng = Rng::draw(call.world);
    let mut bytes = vec![0; count];
    rng.fill(&mut bytes);
    Ok(Value::string(encode_base64(&bytes)))
}

fn between(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let (low, high) = (int(args, 0)?, int(args, 1)?);
    let Some(limit) = u64::try_from(high.wrapping_sub(low))
        .ok()
        .filter(|limit| *limit > 0)
    else {
        return Err(FunctionError::new("invalid argument to Intn"));
    };
    let number = Rng::draw(call.world).below(limit);
    Ok(Value::int(low.wrapping_add(number.cast_signed())))
}

fn shuffle(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let text = string(args, 0)?;
    call.budget.step(text.len() as u64)?;
    call.budget.take(text.len().saturating_mul(4))?;
    let mut chars: Vec<char> = runes(text).collect();
    let mut rng = Rng::draw(call.world);
    for at in (1..chars.len()).rev() {
        let other = usize::try_from(rng.below(at as u64 + 1)).unwrap_or(0);
        chars.swap(at, other);
    }
    Ok(chars.into_iter().collect::<String>().into())
}

#[expect(clippy::unnecessary_wraps, reason = "it has the signature of a function")]
fn uuid(call: &mut Call<'_>, _: &[Value]) -> Outcome {
    let number = u128::from_be_bytes(Rng::draw(call.world).array());
    // The version and the variant have their places.
    let number = number & !(0xf << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let text = format!("{number:032x}");
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let parts = [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)];
    Ok(parts.join("-").into())
}
