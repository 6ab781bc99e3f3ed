//! Formats: `%-08.3[2]*d` and the like.

use super::printer::{Flags, Printer};
use crate::{
    call::{Budget, LimitReached},
    template::unicode,
    value::Value,
};

/// The largest width, precision or argument index.
const MAX: i64 = 1_000_000;

/// A format being worked off (`pp.doPrintf`).
struct Run<'f, 'p> {
    format: &'f [u8],
    at: usize,
    arguments: &'f [Value],
    next: usize,
    printer: Printer<'p>,
    /// Whether any argument was named by its index.
    reordered: bool,
    /// Whether the last index was one.
    good_index: bool,
    /// Whether the last thing read was an index.
    after_index: bool,
}

/// Appends what [`super::sprintf`] gives.
pub(in crate::template) fn run(
    budget: &mut Budget,
    out: &mut Vec<u8>,
    format: &[u8],
    arguments: &[Value],
) -> Result<(), LimitReached> {
    let mut run = Run {
        format,
        at: 0,
        arguments,
        next: 0,
        printer: Printer::new(budget, out),
        reordered: false,
        good_index: true,
        after_index: false,
    };
    while run.at < format.len() {
        run.piece()?;
    }
    run.extra()
}

impl Run<'_, '_> {
    fn peek(&self) -> Option<u8> {
        self.format.get(self.at).copied()
    }

    /// The text up to the next verb, and the verb.
    fn piece(&mut self) -> Result<(), LimitReached> {
        let rest = self.format.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|byte| *byte == b'%').unwrap_or(rest.len());
        self.printer.write(rest.get(..length).unwrap_or_default())?;
        self.at += length;
        if self.peek().is_none() {
            return Ok(());
        }
        self.at += 1;
        self.good_index = true;
        self.printer.flags = Flags::default();
        self.flags();
        self.index();
        self.width()?;
        self.precision()?;
        if !self.after_index {
            self.index();
        }
        let Some((verb, length)) = unicode::decode(self.format.get(self.at..).unwrap_or_default()) else {
            return self.printer.write(b"%!(NOVERB)");
        };
        self.at += length;
        self.verb(verb)
    }

    fn flags(&mut self) {
        while let Some(byte) = self.peek() {
            let flags = &mut self.printer.flags;
            match byte {
                b'#' => flags.sharp = true,
                b'0' => flags.zero = true,
                b'+' => flags.plus = true,
                b'-' => flags.minus = true,
                b' ' => flags.space = true,
                _ => break,
            }
            self.at += 1;
        }
    }

    fn width(&mut self) -> Result<(), LimitReached> {
        if self.peek() == Some(b'*') {
            self.at += 1;
            match self.star() {
                Some(width) => {
                    if width < 0 {
                        // Zeros do not stand on the right.
                        self.printer.flags.minus = true;
                        self.printer.flags.zero = false;
                    }
                    self.printer.flags.width = usize::try_from(width.unsigned_abs()).ok();
                }
                None => self.printer.write(b"%!(BADWIDTH)")?,
            }
            self.after_index = false;
        } else {
            self.printer.flags.width = self.number();
            if self.after_index && self.printer.flags.width.is_some() {
                self.good_index = false;
            }
        }
        Ok(())
    }

    fn precision(&mut self) -> Result<(), LimitReached> {
        // A point that ends the format is a verb.
        if self.peek() != Some(b'.') || self.at + 1 >= self.format.len() {
            return Ok(());
        }
        self.at += 1;
        if self.after_index {
            self.good_index = false;
        }
        self.index();
        if self.peek() == Some(b'*') {
            self.at += 1;
            let precision = self.star().and_then(|value| usize::try_from(value).ok());
            if precision.is_none() {
                self.printer.write(b"%!(BADPREC)")?;
            }
            self.printer.flags.precision = precision;
            self.after_index = false;
        } else {
            self.printer.flags.precision = Some(self.number().unwrap_or(0));
        }
        Ok(())
    }

    /// Digits. A number that is far too large swallows the whole format.
    fn number(&mut self) -> Option<usize> {
        let (number, end) = parse_number(self.format, self.at, self.format.len());
        self.at = end;
        number
    }

    /// The argument that a `*` stands for.
    fn star(&mut self) -> Option<i64> {
        let argument = self.arguments.get(self.next)?;
        self.next += 1;
        let value = match argument {
            Value::Int(_, value) => *value,
            Value::Uint(_, value) => i64::try_from(*value).ok()?,
            _ => return None,
        };
        (-MAX..=MAX).contains(&value).then_some(value)
    }

    /// An argument index such as `[2]`.
    fn index(&mut self) {
        self.after_index = false;
        if self.peek() != Some(b'[') {
            return;
        }
        self.reordered = true;
        let rest = self.format.get(self.at..).unwrap_or_default();
        let close = rest
            .iter()
            .skip(1)
            .position(|byte| *byte == b']')
            .map(|at| at + 1);
        let Some(close) = close.filter(|_| rest.len() >= 3) else {
            self.good_index = false;
            self.at += 1;
            return;
        };
        let (number, end) = parse_number(rest, 1, close);
        self.at += close + 1;
        let Some(number) = number.filter(|_| end == close) else {
            self.good_index = false;
            return;
        };
        self.after_index = true;
        match number.checked_sub(1) {
            Some(index) if index < self.arguments.len() => self.next = index,
            _ => self.good_index = false,
        }
    }

    fn verb(&mut self, verb: char) -> Result<(), LimitReached> {
        if verb == '%' {
            return self.printer.write(b"%");
        }
        let problem: &[u8] = if !self.good_index {
            b"(BADINDEX)"
        } else if self.next >= self.arguments.len() {
            b"(MISSING)"
        } else {
            b""
        };
        if !problem.is_empty() {
            self.printer.write(b"%!")?;
            self.printer.write(verb.encode_utf8(&mut [0; 4]).as_bytes())?;
            return self.printer.write(problem);
        }
        if matches!(verb, 'v' | 'w') {
            let flags = &mut self.printer.flags;
            flags.sharp_v = std::mem::take(&mut flags.sharp);
            flags.plus_v = std::mem::take(&mut flags.plus);
        }
        if let Some(argument) = self.arguments.get(self.next) {
            self.printer.print_argument(argument, verb)?;
        }
        self.next += 1;
        Ok(())
    }

    /// What is left of the arguments.
    fn extra(&mut self) -> Result<(), LimitReached> {
        if self.reordered || self.next >= self.arguments.len() {
            return Ok(());
        }
        self.printer.flags = Flags::default();
        self.printer.write(b"%!(EXTRA ")?;
        for (index, argument) in self.arguments.iter().enumerate().skip(self.next) {
            if index > self.next {
                self.printer.write(b", ")?;
            }
            if !matches!(argument, Value::Nil) {
                self.printer.write(argument.type_name().as_bytes())?;
                self.printer.write(b"=")?;
            }
            self.printer.print_argument(argument, 'v')?;
        }
        self.printer.write(b")")
    }
}

fn parse_number(text: &[u8], start: usize, end: usize) -> (Option<usize>, usize) {
    let mut number = None;
    let mut at = start;
    while at < end
        && let Some(byte @ b'0'..=b'9') = text.get(at)
    {
        let so_far: usize = number.unwrap_or(0);
        if so_far > 1_000_000 {
            return (None, end);
        }
        number = Some(so_far * 10 + usize::from(byte - b'0'));
        at += 1;
    }
    (number, at)
}
