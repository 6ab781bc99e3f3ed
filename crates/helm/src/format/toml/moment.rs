//! Dates and times as TOML writes them. What is read is a time of Go's, in a zone that tells which form it had.

use crate::{
    calendar::is_date,
    functions::{Time, Zone},
};

/// The zones by whose names BurntSushi/toml knows times without a zone, with the layouts of the three forms.
const LOCAL: [(&str, &[u8]); 3] = [
    (DATETIME, b"2006-01-02T15:04:05.999999999"),
    (DATE, b"2006-01-02"),
    (CLOCK, b"15:04:05.999999999"),
];
const DATETIME: &str = "datetime-local";
const DATE: &str = "date-local";
const CLOCK: &str = "time-local";

/// The time that a text says in one of the forms of TOML, with `T` and `Z` in capitals.
pub(super) fn parse(text: &str, seconds_needed: bool) -> Option<Time> {
    let local = |name: &str| Zone::Fixed(name.into(), 0);
    let bytes = text.as_bytes();
    if bytes.get(2) == Some(&b':') {
        let (clock, rest) = clock(bytes, seconds_needed)?;
        return rest.is_empty().then(|| time((0, 1, 1), clock, local(CLOCK)));
    }
    let (date, rest) = date(bytes)?;
    let Some(rest) = rest.strip_prefix(b"T") else {
        return rest.is_empty().then(|| time(date, (0, 0, 0, 0), local(DATE)));
    };
    let (clock, rest) = clock(rest, seconds_needed)?;
    let zone = match rest {
        [] => local(DATETIME),
        [b'Z'] => Zone::Utc,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let hours = two(&[*h1, *h2])?;
            let minutes = two(&[*m1, *m2])?;
            if hours > 24 || minutes > 60 {
                return None;
            }
            match i32::try_from((hours * 60 + minutes) * 60).ok()? {
                // Go takes it for the local zone, which is another than UTC though it is called so.
                0 => Zone::Fixed("UTC".into(), 0),
                offset => Zone::Fixed("".into(), if *sign == b'-' { -offset } else { offset }),
            }
        }
        _ => return None,
    };
    Some(time(date, clock, zone))
}

fn time(date: Date, clock: Clock, zone: Zone) -> Time {
    let (hour, minute, second, nanosecond) = clock;
    Time::at_clock(date, (hour * 60 + minute) * 60 + second, nanosecond, zone)
}

/// As TOML writes it.
pub(super) fn write(time: &Time) -> Vec<u8> {
    let local = LOCAL.iter().find(|(name, _)| time.zone_name() == *name);
    time.format(local.map_or(b"2006-01-02T15:04:05.999999999Z07:00", |(_, layout)| layout))
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
