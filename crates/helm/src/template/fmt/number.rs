//! Whole numbers in every base, with every flag.

use super::{
    printer::{Flags, Printer},
    quote,
};
use crate::{call::LimitReached, template::unicode};

/// Appends a number in decimal.
pub(super) fn append_int(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    append_uint(out, value.unsigned_abs());
}

pub(super) fn append_uint(out: &mut Vec<u8>, value: u64) {
    let mut buffer = [0; 20];
    let mut at = buffer.len();
    let mut rest = value;
    loop {
        at -= 1;
        buffer[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&buffer[at..]);
}

/// Each byte in decimal with a space behind it, and how long that is.
const DECIMALS: [([u8; 4], u8); 256] = {
    let mut out = [([b' '; 4], 0); 256];
    let mut byte = 0_u8;
    loop {
        let [hundreds, tens, ones] = [b'0' + byte / 100, b'0' + byte / 10 % 10, b'0' + byte % 10];
        out[byte as usize] = match byte {
            0..10 => ([ones, b' ', b' ', b' '], 2),
            10..100 => ([tens, ones, b' ', b' '], 3),
            100.. => ([hundreds, tens, ones, b' '], 4),
        };
        if byte == u8::MAX {
            break out;
        }
        byte += 1;
    }
};

/// How long bytes are that [`append_bytes`] appends.
pub(super) fn bytes_length(bytes: &[u8]) -> usize {
    let length = |byte: &u8| usize::from(DECIMALS[usize::from(*byte)].1);
    bytes.iter().map(length).sum()
}

/// Appends each byte in decimal, with a space behind it. Some at a time are put together, so that each costs a move
/// of four bytes and no more.
pub(super) fn append_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    const TOGETHER: usize = 64;
    let mut buffer = [0; 4 * TOGETHER];
    for chunk in bytes.chunks(TOGETHER) {
        let mut at = 0;
        for byte in chunk {
            let (decimal, length) = DECIMALS[usize::from(*byte)];
            if let Some(place) = buffer.get_mut(at..at + 4) {
                place.copy_from_slice(&decimal);
            }
            at += usize::from(length);
        }
        out.extend_from_slice(buffer.get(..at).unwrap_or_default());
    }
}

/// A whole number as the verbs see it: bits, and whether the highest of them is a sign.
#[derive(Clone, Copy)]
pub(super) struct Whole {
    pub(super) bits: u64,
    pub(super) signed: bool,
}

impl Printer<'_> {
    /// By the verb; false if there is no such verb for whole numbers.
    pub(super) fn whole(&mut self, number: Whole, verb: char) -> Result<bool, LimitReached> {
        match verb {
            'v' if self.flags.sharp_v && !number.signed => self.address(number.bits, true)?,
            'v' | 'd' => self.integer(number, 10, verb, false)?,
            'b' => self.integer(number, 2, verb, false)?,
            'o' | 'O' => self.integer(number, 8, verb, false)?,
            'x' => self.integer(number, 16, verb, false)?,
            'X' => self.integer(number, 16, verb, true)?,
            'c' => {
                let mut buffer = Vec::new();
                quote::push(&mut buffer, character(number.bits));
                self.pad(&buffer)?;
            }
            'q' => {
                let mut buffer = Vec::new();
                quote::quote_char_with(&mut buffer, character(number.bits), self.flags.plus);
                self.pad(&buffer)?;
            }
            'U' => self.unicode(number.bits)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Without anything around it, as nearly all numbers are; a chart can print a file as a list of its bytes.
    fn decimal(&mut self, value: u64, negative: bool) -> Result<(), LimitReached> {
        let start = self.out.len();
        if negative {
            self.out.push(b'-');
        }
        append_uint(self.out, value);
        self.charge(self.out.len() - start)
    }

    /// In hexadecimal with `0x`, as addresses and bytes are in Go's syntax.
    pub(super) fn address(&mut self, bits: u64, prefix: bool) -> Result<(), LimitReached> {
        let sharp = std::mem::replace(&mut self.flags.sharp, prefix);
        let result = self.integer(Whole { bits, signed: false }, 16, 'v', false);
        self.flags.sharp = sharp;
        result
    }

    pub(super) fn integer(
        &mut self,
        number: Whole,
        base: u64,
        verb: char,
        upper: bool,
    ) -> Result<(), LimitReached> {
        let negative = number.signed && number.bits.cast_signed() < 0;
        let value = if negative {
            number.bits.wrapping_neg()
        } else {
            number.bits
        };
        if base == 10 && self.flags == Flags::default() {
            return self.decimal(value, negative);
        }
        let signed = negative || self.flags.plus || self.flags.space;
        let mut least = 0;
        if let Some(precision) = self.flags.precision {
            // Nothing at all is printed for a zero without digits, but for the width.
            if precision == 0 && value == 0 {
                let zero = std::mem::replace(&mut self.flags.zero, false);
                let result = self.padding(self.flags.width.unwrap_or(0));
                self.flags.zero = zero;
                return result;
            }
            least = precision;
        } else if let Some(width) = self.flags.width
            && self.flags.zero
            && !self.flags.minus
        {
            least = width.saturating_sub(usize::from(signed));
        }
        self.charge(least)?;

        // From the last digit to the sign.
        let mut text = Vec::with_capacity(24 + least);
        let mut rest = value;
        loop {
            let digit = char::from_digit(u32::try_from(rest % base).unwrap_or(0), 16)
                .map_or(b'0', |digit| digit as u8);
            text.push(if upper { digit.to_ascii_uppercase() } else { digit });
            rest /= base;
            if rest == 0 {
                break;
            }
        }
        text.resize(text.len().max(least), b'0');
        if self.flags.sharp {
            match base {
                2 => text.extend_from_slice(b"b0"),
                8 if text.last() != Some(&b'0') => text.push(b'0'),
                16 => text.extend_from_slice(if upper { b"X0" } else { b"x0" }),
                _ => {}
            }
        }
        if verb == 'O' {
            text.extend_from_slice(b"o0");
        }
        if negative {
            text.push(b'-');
        } else if self.flags.plus {
            text.push(b'+');
        } else if self.flags.space {
            text.push(b' ');
        }
        text.reverse();
        self.pad_without_zeros(&text)
    }

    /// `U+0078`, and with `#` the character itself too.
    fn unicode(&mut self, bits: u64) -> Result<(), LimitReached> {
        let digits = self.flags.precision.unwrap_or(4).max(4);
        self.charge(digits)?;
        let code = format!("{bits:X}");
        let mut text = b"U+".to_vec();
        text.resize(text.len() + digits.saturating_sub(code.len()), b'0');
        text.extend_from_slice(code.as_bytes());
        if self.flags.sharp
            && let Some(char) = u32::try_from(bits).ok().and_then(char::from_u32)
            && unicode::is_printable(char)
        {
            text.extend_from_slice(b" '");
            quote::push(&mut text, char);
            text.push(b'\'');
        }
        self.pad_without_zeros(&text)
    }
}

fn character(bits: u64) -> char {
    u32::try_from(bits)
        .ok()
        .and_then(char::from_u32)
        .unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_numbers_with_spaces_between() {
        for count in [0, 1, 63, 64, 65, 256, 1000] {
            let bytes: Vec<u8> = (0..=u8::MAX).rev().cycle().take(count).collect();
            let expected = bytes
                .iter()
                .fold(String::new(), |text, byte| text + &format!("{byte} "));
            let mut out = Vec::new();
            append_bytes(&mut out, &bytes);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
            assert_eq!(bytes_length(&bytes), expected.len());
        }
    }
}
