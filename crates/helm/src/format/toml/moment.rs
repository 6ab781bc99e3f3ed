//! Dates and times of TOML: a `time.Time` of Go's, with what TOML can say of it.

use crate::{
    calendar::is_date,
    value::{Kind, Object, Str, Value},
};

/// Where a time is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zone {
    /// Minutes east of Greenwich.
    Offset(i32),
    /// A date and time of wherever the reader is.
    LocalDatetime,
    /// A date alone.
    LocalDate,
    /// A time of day alone, on the first day of the year 0.
    LocalTime,
}

/// A date, a time or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// Year, month, day.
    date: (u32, u32, u32),
    /// Hour, minute, second, nanosecond.
    clock: (u32, u32, u32, u32),
    zone: Zone,
    /// `Z`, which is another zone than `+00:00` to Go where that is not the local one.
    utc: bool,
}

impl Moment {
    /// The moment that a text says in one of the forms of TOML, with `T` and `Z` in capitals.
    pub(super) fn parse(text: &str, seconds_needed: bool) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.get(2) == Some(&b':') {
            let (clock, rest) = clock(bytes, seconds_needed)?;
            return rest.is_empty().then_some(Self {
                date: (0, 1, 1),
                clock,
                zone: Zone::LocalTime,
                utc: false,
            });
        }
        let (date, rest) = date(bytes)?;
        let Some(rest) = rest.strip_prefix(b"T") else {
            return rest.is_empty().then_some(Self {
                date,
                clock: (0, 0, 0, 0),
                zone: Zone::LocalDate,
                utc: false,
            });
        };
        let (clock, rest) = clock(rest, seconds_needed)?;
        let (zone, utc) = match rest {
            [] => (Zone::LocalDatetime, false),
            [b'Z'] => (Zone::Offset(0), true),
            [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
                let hours = two(&[*h1, *h2])?;
                let minutes = two(&[*m1, *m2])?;
                if hours > 24 || minutes > 60 {
                    return None;
                }
                let offset = i32::try_from(hours * 60 + minutes).ok()?;
                (Zone::Offset(if *sign == b'-' { -offset } else { offset }), false)
            }
            _ => return None,
        };
        Some(Self {
            date,
            clock,
            zone,
            utc,
        })
    }

    fn date_text(&self) -> String {
        let (year, month, day) = self.date;
        format!("{year:04}-{month:02}-{day:02}")
    }

    fn clock_text(&self) -> String {
        let (hour, minute, second, nanosecond) = self.clock;
        let mut text = format!("{hour:02}:{minute:02}:{second:02}");
        if nanosecond > 0 {
            let fraction = format!("{nanosecond:09}");
            text.push('.');
            text.push_str(fraction.trim_end_matches('0'));
        }
        text
    }

    fn offset_text(&self, colon: &str) -> String {
        let Zone::Offset(offset) = self.zone else {
            return format!("+00{colon}00");
        };
        let sign = if offset < 0 { '-' } else { '+' };
        let offset = offset.abs();
        format!("{sign}{:02}{colon}{:02}", offset / 60, offset % 60)
    }

    /// As TOML writes it.
    pub(super) fn toml(&self) -> String {
        match self.zone {
            Zone::LocalDate => self.date_text(),
            Zone::LocalTime => self.clock_text(),
            Zone::LocalDatetime => format!("{}T{}", self.date_text(), self.clock_text()),
            Zone::Offset(_) => self.rfc3339(),
        }
    }

    /// As JSON and YAML write it.
    fn rfc3339(&self) -> String {
        let zone = match self.zone {
            Zone::Offset(0) | Zone::LocalDate | Zone::LocalTime | Zone::LocalDatetime => "Z".to_owned(),
            Zone::Offset(_) => self.offset_text(":"),
        };
        format!("{}T{}{zone}", self.date_text(), self.clock_text())
    }
}

impl Object for Moment {
    fn type_name(&self) -> &'static str {
        "time.Time"
    }

    fn kind(&self) -> Kind {
        Kind::Struct
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn stringer(&self) -> Option<Str> {
        let name = match self.zone {
            Zone::LocalDate => "date-local".to_owned(),
            Zone::LocalTime => "time-local".to_owned(),
            Zone::LocalDatetime => "datetime-local".to_owned(),
            Zone::Offset(0) => "UTC".to_owned(),
            Zone::Offset(_) => self.offset_text(""),
        };
        let offset = self.offset_text("");
        Some(format!("{} {} {offset} {name}", self.date_text(), self.clock_text()).into())
    }

    fn plain(&self) -> Value {
        self.rfc3339().into()
    }
}

fn two(digits: &[u8]) -> Option<u32> {
    match digits {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => {
            Some(u32::from(tens - b'0') * 10 + u32::from(ones - b'0'))
        }
        _ => None,
    }
}

type Date = (u32, u32, u32);

fn date(text: &[u8]) -> Option<(Date, &[u8])> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, rest @ ..] = text else {
        return None;
    };
    let year = two(&[*y1, *y2])? * 100 + two(&[*y3, *y4])?;
    let month = two(&[*m1, *m2])?;
    let day = two(&[*d1, *d2])?;
    is_date(year, month, day).then_some(((year, month, day), rest))
}

type Clock = (u32, u32, u32, u32);

fn clock(text: &[u8], seconds_needed: bool) -> Option<(Clock, &[u8])> {
    let [h1, h2, b':', m1, m2, rest @ ..] = text else {
        return None;
    };
    let hour = two(&[*h1, *h2])?;
    let minute = two(&[*m1, *m2])?;
    if hour >= 24 || minute >= 60 {
        return None;
    }
    let [b':', s1, s2, rest @ ..] = rest else {
        return (!seconds_needed).then_some(((hour, minute, 0, 0), rest));
    };
    let second = two(&[*s1, *s2])?;
    if second >= 60 {
        return None;
    }
    let [b'.', b'0'..=b'9', ..] = rest else {
        return Some(((hour, minute, second, 0), rest));
    };
    let digits = rest
        .iter()
        .skip(1)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let nanosecond = rest
        .iter()
        .skip(1)
        .take(digits.min(9))
        .chain(std::iter::repeat_n(&b'0', 9 - digits.min(9)))
        .fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    Some(((hour, minute, second, nanosecond), rest.get(1 + digits..)?))
}
