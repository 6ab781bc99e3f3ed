//! Decimal numbers as shopspring/decimal has them: exact, except that a quotient has 16 places.

use crate::format::lossy;
use num_bigint::{BigInt, Sign};

use crate::{call::FunctionError, template::fmt::append_float};

/// `value * 10^exponent`.
pub(super) struct Decimal {
    value: BigInt,
    exponent: i32,
}

/// How many places a quotient has.
const PLACES: i32 = 16;

impl Decimal {
    /// The shortest decimal number that reads as this one.
    pub(super) fn from_float(number: f64) -> Result<Self, FunctionError> {
        if !number.is_finite() {
            let mut text = Vec::new();
            append_float(&mut text, number, b'g', None);
            let text = lossy(&text).into_owned();
            return Err(FunctionError::new(format!("Cannot create a Decimal from {text}")));
        }
        if number == 0.0 {
            return Ok(Self {
                value: BigInt::ZERO,
                exponent: 0,
            });
        }
        let mut text = Vec::new();
        append_float(&mut text, number, b'e', None);
        let text = lossy(&text);
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let places = digits.split_once('.').map_or(0, |(_, places)| places.len());
        let exponent: i32 = exponent.parse().unwrap_or(0);
        Ok(Self {
            value: digits.replace('.', "").parse().unwrap_or_default(),
            exponent: exponent - i32::try_from(places).unwrap_or(0),
        })
    }

    /// The nearest `float64`.
    pub(super) fn to_float(&self) -> f64 {
        format!("{}e{}", self.value, self.exponent).parse().unwrap_or(0.0)
    }

    /// Both values at the lower of both exponents.
    fn aligned(&self, other: &Self) -> (BigInt, BigInt, i32) {
        let exponent = self.exponent.min(other.exponent);
        let scaled = |number: &Self| &number.value * ten(number.exponent - exponent);
        (scaled(self), scaled(other), exponent)
    }

    #[expect(clippy::unnecessary_wraps, reason = "division has the same signature")]
    pub(super) fn add(&self, other: &Self) -> Result<Self, FunctionError> {
        let (one, other, exponent) = self.aligned(other);
        Ok(Self {
            value: one + other,
            exponent,
        })
    }

    #[expect(clippy::unnecessary_wraps, reason = "division has the same signature")]
    pub(super) fn subtract(&self, other: &Self) -> Result<Self, FunctionError> {
        let (one, other, exponent) = self.aligned(other);
        Ok(Self {
            value: one - other,
            exponent,
        })
    }

    #[expect(clippy::unnecessary_wraps, reason = "division has the same signature")]
    pub(super) fn multiply(&self, other: &Self) -> Result<Self, FunctionError> {
        Ok(Self {
            value: &self.value * &other.value,
            exponent: self.exponent + other.exponent,
        })
    }

    /// Rounds the last place half away from zero.
    pub(super) fn divide(&self, other: &Self) -> Result<Self, FunctionError> {
        if other.value.sign() == Sign::NoSign {
            return Err(FunctionError::new("decimal division by 0"));
        }
        let shift = self.exponent - other.exponent + PLACES;
        let (above, below) = if shift < 0 {
            (self.value.clone(), &other.value * ten(-shift))
        } else {
            (&self.value * ten(shift), other.value.clone())
        };
        let quotient = &above / &below;
        let rest = &above - &quotient * &below;
        let twice = BigInt::from_biguint(Sign::Plus, rest.magnitude() * 2_u32);
        let away = twice.magnitude() >= below.magnitude() && rest.sign() != Sign::NoSign;
        let negative = (self.value.sign() == Sign::Minus) != (other.value.sign() == Sign::Minus);
        let value = match (away, negative) {
            (false, _) => quotient,
            (true, false) => quotient + 1,
            (true, true) => quotient - 1,
        };
        Ok(Self {
            value,
            exponent: -PLACES,
        })
    }
}

fn ten(exponent: i32) -> BigInt {
    BigInt::from(10).pow(exponent.unsigned_abs())
}
