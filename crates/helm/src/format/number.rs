//! Numbers as Go writes and reads them (`strconv`).

/// The shortest digits that read back as the same number, and where the decimal point stands in them:
/// `0.d1d2d3… × 10^point`.
struct Digits {
    negative: bool,
    figures: String,
    point: i32,
}

impl Digits {
    /// The digits of a number.
    fn of(value: f64) -> Self {
        let mut digits = Self::split(&format!("{value:e}"));
        digits.settle_tie(value);
        digits
    }

    /// Where two numbers of the same length are equally near, Go takes the even one and Rust the larger.
    fn settle_tie(&mut self, value: f64) {
        let count = self.figures.len();
        // Shorter ones are never that near to each other.
        if count < 15 {
            return;
        }
        let exact = Self::split(&format!("{value:.*e}", count + 25)).figures;
        let (Some(lower), Some(rest)) = (exact.get(..count), exact.get(count..)) else {
            return;
        };
        let tie = rest
            .strip_prefix('5')
            .is_some_and(|zeros| zeros.bytes().all(|zero| zero == b'0'));
        let even = lower.bytes().last().is_some_and(|digit| digit % 2 == 0);
        if tie && even {
            lower.clone_into(&mut self.figures);
        }
    }

    /// Splits what Rust writes in scientific notation, which has the same shortest digits as Go's.
    fn split(scientific: &str) -> Self {
        let (negative, rest) = match scientific.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, scientific),
        };
        let (mantissa, exponent) = rest.split_once('e').unwrap_or((rest, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        Self {
            negative,
            figures: mantissa.chars().filter(|digit| *digit != '.').collect(),
            point: exponent + 1,
        }
    }

    /// `%e`: at least two digits of exponent.
    fn scientific(&self) -> String {
        let mut text = String::with_capacity(self.figures.len() + 8);
        if self.negative {
            text.push('-');
        }
        let (first, rest) = self.figures.split_at(1.min(self.figures.len()));
        text.push_str(first);
        if !rest.is_empty() {
            text.push('.');
            text.push_str(rest);
        }
        let exponent = if self.figures == "0" { 0 } else { self.point - 1 };
        text.push('e');
        text.push(if exponent < 0 { '-' } else { '+' });
        text.push_str(&format!("{:02}", exponent.abs()));
        text
    }

    /// `%f`.
    fn decimal(&self) -> String {
        let mut text = String::with_capacity(self.figures.len() + 8);
        if self.negative {
            text.push('-');
        }
        let count = i32::try_from(self.figures.len()).unwrap_or(i32::MAX);
        if self.point <= 0 {
            text.push_str("0.");
            (self.point..0).for_each(|_| text.push('0'));
            text.push_str(&self.figures);
        } else if self.point >= count {
            text.push_str(&self.figures);
            (count..self.point).for_each(|_| text.push('0'));
        } else {
            let (whole, fraction) = self.figures.split_at(usize::try_from(self.point).unwrap_or(0));
            text.push_str(whole);
            text.push('.');
            text.push_str(fraction);
        }
        text
    }

    /// `%g` with the shortest precision, which decides on the exponent as if the precision were 6.
    fn general(&self) -> String {
        let exponent = self.point - 1;
        if self.figures != "0" && !(-4..6).contains(&exponent) {
            self.scientific()
        } else {
            self.decimal()
        }
    }
}

/// What Go writes for the numbers that are none.
fn special(value: f64) -> Option<&'static str> {
    if value.is_nan() {
        Some("NaN")
    } else if value.is_infinite() {
        Some(if value > 0.0 { "+Inf" } else { "-Inf" })
    } else {
        None
    }
}

/// `strconv.FormatFloat(value, 'g', -1, 64)`.
pub(crate) fn general(value: f64) -> String {
    special(value).map_or_else(|| Digits::of(value).general(), str::to_owned)
}

/// `strconv.FormatFloat(value, 'g', -1, 32)`, how float keys of YAML become strings.
pub(crate) fn general_single(value: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "what Go does with a float64 at 32 bits"
    )]
    let single = value as f32;
    special(f64::from(single)).map_or_else(|| Digits::split(&format!("{single:e}")).general(), str::to_owned)
}

/// A float64 as `encoding/json` writes it; `None` for what JSON cannot say.
pub(crate) fn json(value: f64) -> Option<String> {
    if !value.is_finite() {
        return None;
    }
    let digits = Digits::of(value);
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        // `e-09` becomes `e-9`, but `e+09` does not exist here.
        let mut text = digits.scientific();
        if let Some(start) = text.find("e-0") {
            text.remove(start + 2);
        }
        Some(text)
    } else {
        Some(digits.decimal())
    }
}

/// `strconv.FormatFloat(value, 'f', -1, 64)`.
pub(crate) fn decimal(value: f64) -> String {
    special(value).map_or_else(|| Digits::of(value).decimal(), str::to_owned)
}

/// What `strconv.ParseInt(text, 0, 64)` and, failing that, `strconv.ParseUint(text, 0, 64)` read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whole {
    /// It fits an `int64`.
    Int(i64),
    /// It only fits a `uint64`.
    Uint(u64),
}

/// Reads a whole number whose base is told by its prefix. The underscores are gone already.
pub(crate) fn whole(text: &[u8]) -> Option<Whole> {
    let (negative, sign, rest) = match text {
        [b'-', rest @ ..] => (true, true, rest),
        [b'+', rest @ ..] => (false, true, rest),
        rest => (false, false, rest),
    };
    let (base, digits) = match rest {
        [b'0', b'x' | b'X', digits @ ..] => (16, digits),
        [b'0', b'o' | b'O', digits @ ..] => (8, digits),
        [b'0', b'b' | b'B', digits @ ..] => (2, digits),
        [b'0', digits @ ..] if !digits.is_empty() => (8, digits),
        digits => (10, digits),
    };
    let size = unsigned(digits, base)?;
    if negative {
        // The smallest int64 has no positive counterpart.
        return (size <= 1 << 63).then(|| Whole::Int(size.cast_signed().wrapping_neg()));
    }
    match i64::try_from(size) {
        Ok(value) => Some(Whole::Int(value)),
        // `ParseUint` takes no sign.
        Err(_) if sign => None,
        Err(_) => Some(Whole::Uint(size)),
    }
}

/// Digits of a base, at least one, that fit 64 bits.
pub(crate) fn unsigned(digits: &[u8], base: u32) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |sum, digit| {
        let digit = char::from(*digit).to_digit(base)?;
        sum.checked_mul(u64::from(base))?.checked_add(u64::from(digit))
    })
}

/// A float64 of digits, a point and an exponent; `None` if it is too large for one.
pub(crate) fn parse(text: &[u8]) -> Option<f64> {
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    value.is_finite().then_some(value)
}
