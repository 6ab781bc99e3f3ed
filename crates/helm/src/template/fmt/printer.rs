//! What all verbs share: flags, padding, and strings.

use super::quote;
use crate::{
    call::{Budget, LimitReached},
    template::unicode,
};

/// The flags of one verb. The `v` ones are `+` and `#` before the verb `v`, which mean something else there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one flag of a format")]
pub(super) struct Flags {
    pub(super) width: Option<usize>,
    pub(super) precision: Option<usize>,
    pub(super) minus: bool,
    pub(super) plus: bool,
    pub(super) sharp: bool,
    pub(super) space: bool,
    pub(super) zero: bool,
    pub(super) plus_v: bool,
    pub(super) sharp_v: bool,
}

/// Prints values into a buffer.
pub(super) struct Printer<'a> {
    pub(super) budget: &'a mut Budget,
    pub(super) out: &'a mut Vec<u8>,
    pub(super) flags: Flags,
    /// While the text about a bad verb is printed, methods of values are not asked.
    pub(super) erroring: bool,
}

impl<'a> Printer<'a> {
    pub(super) fn new(budget: &'a mut Budget, out: &'a mut Vec<u8>) -> Self {
        Self {
            budget,
            out,
            flags: Flags::default(),
            erroring: false,
        }
    }

    /// Takes bytes from the budget.
    pub(super) fn charge(&mut self, count: usize) -> Result<(), LimitReached> {
        self.budget.take(count)
    }

    pub(super) fn write(&mut self, text: &[u8]) -> Result<(), LimitReached> {
        self.charge(text.len())?;
        self.out.extend_from_slice(text);
        Ok(())
    }

    pub(super) fn padding(&mut self, count: usize) -> Result<(), LimitReached> {
        self.charge(count)?;
        // Zeros only ever stand on the left.
        let fill = if self.flags.zero && !self.flags.minus {
            b'0'
        } else {
            b' '
        };
        self.out.resize(self.out.len() + count, fill);
        Ok(())
    }

    pub(super) fn pad(&mut self, text: &[u8]) -> Result<(), LimitReached> {
        let missing = match self.flags.width {
            Some(width) if width > 0 => width.saturating_sub(unicode::count(text)),
            _ => 0,
        };
        if !self.flags.minus {
            self.padding(missing)?;
        }
        self.write(text)?;
        if self.flags.minus {
            self.padding(missing)?;
        }
        Ok(())
    }

    pub(super) fn pad_without_zeros(&mut self, text: &[u8]) -> Result<(), LimitReached> {
        let zero = std::mem::replace(&mut self.flags.zero, false);
        let result = self.pad(text);
        self.flags.zero = zero;
        result
    }

    pub(super) fn boolean(&mut self, value: bool) -> Result<(), LimitReached> {
        self.pad(if value { b"true" } else { b"false" })
    }

    /// A string by its verb; false if there is no such verb for strings.
    pub(super) fn string(&mut self, text: &[u8], verb: char) -> Result<bool, LimitReached> {
        match verb {
            'v' if self.flags.sharp_v => self.quoted(text)?,
            'v' | 's' => self.pad(self.truncated(text))?,
            'x' => self.hex(text, false)?,
            'X' => self.hex(text, true)?,
            'q' => self.quoted(text)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// As many characters as the precision allows.
    fn truncated<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        let Some(precision) = self.flags.precision else {
            return text;
        };
        let length = unicode::chars(text)
            .take(precision)
            .map(|(_, bytes)| bytes.len())
            .sum();
        text.get(..length).unwrap_or(text)
    }

    fn quoted(&mut self, text: &[u8]) -> Result<(), LimitReached> {
        let text = self.truncated(text);
        self.charge(text.len())?;
        let mut buffer = Vec::with_capacity(text.len() + 2);
        if self.flags.sharp && quote::can_backquote(text) {
            buffer.push(b'`');
            buffer.extend_from_slice(text);
            buffer.push(b'`');
        } else if self.flags.plus {
            quote::quote_ascii(&mut buffer, text);
        } else {
            quote::quote(&mut buffer, text);
        }
        self.pad(&buffer)
    }

    fn hex(&mut self, text: &[u8], upper: bool) -> Result<(), LimitReached> {
        let length = self
            .flags
            .precision
            .map_or(text.len(), |precision| precision.min(text.len()));
        let text = text.get(..length).unwrap_or(text);
        if text.is_empty() {
            return self.padding(self.flags.width.unwrap_or(0));
        }
        let prefix: &[u8] = match (self.flags.sharp, upper) {
            (true, true) => b"0X",
            (true, false) => b"0x",
            (false, _) => b"",
        };
        self.charge(text.len().saturating_mul(5))?;
        let mut buffer = Vec::with_capacity(2 * length + 2);
        for (index, byte) in text.iter().enumerate() {
            if self.flags.space && index > 0 {
                buffer.push(b' ');
            }
            if index == 0 || self.flags.space {
                buffer.extend_from_slice(prefix);
            }
            for digit in [byte >> 4, byte & 0xf] {
                let digit = char::from_digit(u32::from(digit), 16).map_or(b'0', |digit| digit as u8);
                buffer.push(if upper { digit.to_ascii_uppercase() } else { digit });
            }
        }
        self.pad(&buffer)
    }
}
