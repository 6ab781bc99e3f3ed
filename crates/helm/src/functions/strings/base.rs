//! Base 64 and base 32 as Go reads them: line ends are skipped, and an error tells the byte.

use super::super::args::{Outcome, bytes, string};
use crate::{call::Call, value::Value};

/// A base whose characters stand for some bits each.
struct Base {
    name: &'static str,
    alphabet: &'static [u8],
    /// Bits of a character.
    bits: u32,
    /// Characters of a group.
    group: usize,
    /// The bytes of a text, or where it goes wrong.
    decode: fn(&Self, &[u8]) -> Result<Vec<u8>, usize>,
}

const BASE64: Base = Base {
    name: "base64",
    alphabet: b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    bits: 6,
    group: 4,
    decode: decode64,
};

const BASE32: Base = Base {
    name: "base32",
    alphabet: b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
    bits: 5,
    group: 8,
    decode: decode32,
};

impl Base {
    fn encode(&self, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len() * 8 / 5 + 8);
        let (mut held, mut bits) = (0_u32, 0);
        let digit = |value: u32| {
            self.alphabet
                .get(value as usize & (self.alphabet.len() - 1))
                .copied()
                .unwrap_or(b'=')
        };
        for byte in text {
            held = held << 8 | u32::from(*byte);
            bits += 8;
            while bits >= self.bits {
                bits -= self.bits;
                out.push(digit(held >> bits));
            }
            held &= (1 << bits) - 1;
        }
        if bits > 0 {
            out.push(digit(held << (self.bits - bits)));
        }
        while out.len() % self.group != 0 {
            out.push(b'=');
        }
        out
    }

    /// The value of a character.
    fn value(&self, char: u8) -> Option<u64> {
        self.alphabet
            .iter()
            .position(|digit| *digit == char)
            .map(|at| at as u64)
    }

    /// Appends the whole bytes of a group of so many characters.
    fn flush(&self, out: &mut Vec<u8>, held: u64, digits: usize) {
        let bits = self.bits as usize * digits;
        let bytes = (held >> (bits % 8)).to_be_bytes();
        out.extend(bytes.get(8 - bits / 8..).unwrap_or_default());
    }

    fn decoded(&self, call: &mut Call<'_>, args: &[Value]) -> Outcome {
        let out = match (self.decode)(self, string(args, 0)?) {
            Ok(out) => out,
            Err(at) => format!("illegal {} data at input byte {at}", self.name).into_bytes(),
        };
        bytes(call, out)
    }
}

fn decode64(base: &Base, text: &[u8]) -> Result<Vec<u8>, usize> {
    let mut out = Vec::with_capacity(text.len());
    let mut chars = text
        .iter()
        .enumerate()
        .filter(|(_, char)| !matches!(char, b'\n' | b'\r'));
    loop {
        let mut held = 0;
        for digits in 0..base.group {
            let Some((at, char)) = chars.next() else {
                return if digits == 0 {
                    Ok(out)
                } else {
                    Err(text.len() - digits)
                };
            };
            if let Some(value) = base.value(*char) {
                held = held << base.bits | value;
                continue;
            }
            if *char != b'=' || digits < 2 {
                return Err(at);
            }
            if digits == 2 {
                match chars.next() {
                    Some((_, b'=')) => {}
                    // Go tells the byte before the one that is not padding.
                    Some((at, _)) => return Err(at - 1),
                    None => return Err(text.len()),
                }
            }
            if let Some((at, _)) = chars.next() {
                return Err(at);
            }
            base.flush(&mut out, held, digits);
            return Ok(out);
        }
        base.flush(&mut out, held, base.group);
    }
}

/// Other than with base 64, positions do not count line ends, and what follows the padding is not looked at.
fn decode32(base: &Base, text: &[u8]) -> Result<Vec<u8>, usize> {
    let text: Vec<u8> = text
        .iter()
        .copied()
        .filter(|char| !matches!(char, b'\n' | b'\r'))
        .collect();
    let mut out = Vec::with_capacity(text.len());
    for (group, chars) in text.chunks(base.group).enumerate() {
        let start = group * base.group;
        let mut held = 0;
        for digits in 0..base.group {
            let at = start + digits;
            let Some(char) = chars.get(digits) else {
                return Err(text.len() - digits);
            };
            let rest = text.get(at + 1..).unwrap_or_default();
            if *char == b'=' && digits >= 2 && rest.len() < base.group {
                if rest.len() + digits < base.group - 1 {
                    return Err(text.len());
                }
                let padding = base.group - 1 - digits;
                if let Some(wrong) = rest.iter().take(padding).position(|char| *char != b'=') {
                    return Err(at + wrong);
                }
                if matches!(digits, 3 | 6) {
                    return Err(at);
                }
                base.flush(&mut out, held, digits);
                return Ok(out);
            }
            held = held << base.bits | base.value(*char).ok_or(at)?;
        }
        base.flush(&mut out, held, base.group);
    }
    Ok(out)
}

pub(super) fn enc64(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    bytes(call, BASE64.encode(string(args, 0)?))
}

pub(super) fn dec64(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    BASE64.decoded(call, args)
}

pub(super) fn enc32(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    bytes(call, BASE32.encode(string(args, 0)?))
}

pub(super) fn dec32(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    BASE32.decoded(call, args)
}

/// Base 64 of Go's `base64.StdEncoding`.
pub(crate) fn encode_base64(bytes: &[u8]) -> Vec<u8> {
    BASE64.encode(bytes)
}

/// The bytes, or where the text goes wrong.
pub(crate) fn decode_base64(text: &[u8]) -> Result<Vec<u8>, usize> {
    decode64(&BASE64, text)
}
