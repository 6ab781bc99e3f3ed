//! Reading times by a layout, with the errors of Go's `time.ParseInLocation`.

use std::ops::RangeInclusive;

use super::{
    Time, Zone,
    duration::leading_number,
    layout::{Item, MONTHS, Offset, WEEKDAYS, next},
    time::{days_before, seconds_of},
};
use crate::format::lossy;
use crate::{
    calendar::{days_in, is_leap},
    functions::unicode::widths,
};

/// A text in quotes as the package `time` writes it in errors.
pub(super) fn quoted(text: &[u8]) -> String {
    let mut out = String::from("\"");
    let mut at = 0;
    for (char, width) in widths(text) {
        if char < ' ' || !char.is_ascii() {
            for byte in text.get(at..at + width).unwrap_or_default() {
                out += &format!("\\x{byte:02x}");
            }
        } else {
            if matches!(char, '"' | '\\') {
                out.push('\\');
            }
            out.push(char);
        }
        at += width;
    }
    out.push('"');
    out
}

/// Why an item could not be read.
enum Bad {
    /// The text is not like the item.
    Form,
    /// The item has a value that it cannot have.
    Range(&'static str),
}

/// What was read so far.
struct Found {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanoseconds: u32,
    upper_half: Option<bool>,
    utc: bool,
    /// As in Go, an offset of one second to the west counts as none.
    offset: i32,
    abbreviation: Vec<u8>,
}

fn digit(text: &[u8], at: usize) -> Option<i64> {
    text.get(at)
        .filter(|byte| byte.is_ascii_digit())
        .map(|byte| i64::from(byte - b'0'))
}

/// One or two digits, or exactly two.
fn two(text: &[u8], fixed: bool) -> Result<(i64, &[u8]), Bad> {
    match (digit(text, 0), digit(text, 1)) {
        (Some(tens), Some(ones)) => Ok((tens * 10 + ones, text.get(2..).unwrap_or_default())),
        (Some(ones), None) if !fixed => Ok((ones, text.get(1..).unwrap_or_default())),
        _ => Err(Bad::Form),
    }
}

/// One to three digits, or exactly three.
fn three(text: &[u8], fixed: bool) -> Result<(i64, &[u8]), Bad> {
    let count = (0..3).take_while(|at| digit(text, *at).is_some()).count();
    if count == 0 || fixed && count != 3 {
        return Err(Bad::Form);
    }
    let number = (0..count)
        .filter_map(|at| digit(text, at))
        .fold(0, |number, digit| number * 10 + digit);
    Ok((number, text.get(count..).unwrap_or_default()))
}

/// A signed number, which is what Go reads years by.
fn signed(text: &[u8]) -> Result<i64, Bad> {
    let digits = text
        .strip_prefix(b"-")
        .or_else(|| text.strip_prefix(b"+"))
        .unwrap_or(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Bad::Form);
    }
    let number = std::str::from_utf8(digits)
        .ok()
        .and_then(|digits| digits.parse::<i64>().ok());
    let number = number.ok_or(Bad::Form)?;
    Ok(if text.starts_with(b"-") { -number } else { number })
}

/// A name out of some, whatever the case.
fn name<'a>(names: &[&str], length: Option<usize>, text: &'a [u8]) -> Result<(i64, &'a [u8]), Bad> {
    for (at, name) in names.iter().enumerate() {
        let name = name.as_bytes();
        let name = name.get(..length.unwrap_or(name.len())).unwrap_or(name);
        if let Some((head, rest)) = text.split_at_checked(name.len())
            && head.eq_ignore_ascii_case(name)
        {
            return Ok((i64::try_from(at).unwrap_or(0), rest));
        }
    }
    Err(Bad::Form)
}

/// The digits after a point or comma, with the mark.
fn nanoseconds(text: &[u8]) -> Result<u32, Bad> {
    let [b'.' | b',', digits @ ..] = text else {
        return Err(Bad::Form);
    };
    let digits = digits.get(..digits.len().min(9)).unwrap_or_default();
    let number = signed(digits)?;
    if number < 0 {
        return Err(Bad::Range("fractional second"));
    }
    let missing = u32::try_from(9 - digits.len()).unwrap_or(0);
    Ok(u32::try_from(number).unwrap_or(0) * 10_u32.pow(missing))
}

/// Checks a number against what it may be.
fn within(number: i64, range: RangeInclusive<i64>, what: &'static str) -> Result<i64, Bad> {
    if range.contains(&number) {
        Ok(number)
    } else {
        Err(Bad::Range(what))
    }
}

/// How long a text is that looks like the abbreviation of a zone.
fn abbreviation(text: &[u8]) -> Option<usize> {
    if text.len() < 3 {
        return None;
    }
    if text.starts_with(b"ChST") || text.starts_with(b"MeST") {
        return Some(4);
    }
    if let Some(rest) = text.strip_prefix(b"GMT") {
        return Some(3 + hours(rest));
    }
    if text.starts_with(b"+") || text.starts_with(b"-") {
        return Some(hours(text)).filter(|length| *length > 0);
    }
    let upper = text
        .iter()
        .take(6)
        .take_while(|byte| byte.is_ascii_uppercase())
        .count();
    match upper {
        3 => Some(3),
        4 if text.get(3) == Some(&b'T') || text.starts_with(b"WITA") => Some(4),
        5 if text.get(4) == Some(&b'T') => Some(5),
        _ => None,
    }
}

/// How long an offset in hours is, with its sign; 0 if there is none.
fn hours(text: &[u8]) -> usize {
    let [b'+' | b'-', digits @ ..] = text else {
        return 0;
    };
    match leading_number(digits) {
        Some((number, rest)) if rest.len() < digits.len() && number <= 23 => text.len() - rest.len(),
        _ => 0,
    }
}

impl Found {
    /// Reads one item, and gives what is left.
    #[expect(clippy::too_many_lines, reason = "a table of what each item takes")]
    fn read<'a>(&mut self, item: Item, text: &'a [u8], layout: &[u8]) -> Result<&'a [u8], Bad> {
        let from = |at: usize| text.get(at..).unwrap_or_default();
        let space = |text: &'a [u8]| text.strip_prefix(b" ").unwrap_or(text);
        Ok(match item {
            Item::Year => {
                let year = signed(text.get(..2).ok_or(Bad::Form)?)?;
                self.year = year + if year >= 69 { 1900 } else { 2000 };
                from(2)
            }
            Item::LongYear => {
                let year = text
                    .get(..4)
                    .filter(|_| digit(text, 0).is_some())
                    .ok_or(Bad::Form)?;
                self.year = signed(year)?;
                from(4)
            }
            Item::Month | Item::LongMonth => {
                let (month, rest) = name(&MONTHS, (item == Item::Month).then_some(3), text)?;
                self.month = Some(month + 1);
                rest
            }
            Item::NumMonth | Item::ZeroMonth => {
                let (month, rest) = two(text, item == Item::ZeroMonth)?;
                self.month = Some(within(month, 1..=12, "month")?);
                rest
            }
            Item::Weekday | Item::LongWeekday => {
                name(&WEEKDAYS, (item == Item::Weekday).then_some(3), text)?.1
            }
            Item::Day | Item::UnderDay | Item::ZeroDay => {
                let text = if item == Item::UnderDay { space(text) } else { text };
                let (day, rest) = two(text, item == Item::ZeroDay)?;
                self.day = Some(day);
                rest
            }
            Item::UnderYearDay | Item::ZeroYearDay => {
                let text = if item == Item::UnderYearDay {
                    space(space(text))
                } else {
                    text
                };
                let (day, rest) = three(text, item == Item::ZeroYearDay)?;
                self.day_of_year = Some(day);
                rest
            }
            Item::Hour => {
                let (hour, rest) = two(text, false)?;
                self.hour = within(hour, 0..=23, "hour")?;
                rest
            }
            Item::Hour12 | Item::ZeroHour12 => {
                let (hour, rest) = two(text, item == Item::ZeroHour12)?;
                self.hour = within(hour, 0..=12, "hour")?;
                rest
            }
            Item::Minute | Item::ZeroMinute => {
                let (minute, rest) = two(text, item == Item::ZeroMinute)?;
                self.minute = within(minute, 0..=59, "minute")?;
                rest
            }
            Item::Second | Item::ZeroSecond => {
                let (second, rest) = two(text, item == Item::ZeroSecond)?;
                self.second = within(second, 0..=59, "second")?;
                self.unasked_fraction(rest, layout)?
            }
            Item::UpperPm | Item::LowerPm => {
                self.upper_half = Some(match (item, text.get(..2)) {
                    (Item::UpperPm, Some(b"PM")) | (Item::LowerPm, Some(b"pm")) => true,
                    (Item::UpperPm, Some(b"AM")) | (Item::LowerPm, Some(b"am")) => false,
                    _ => return Err(Bad::Form),
                });
                from(2)
            }
            Item::Offset(Offset { z: true, .. }) if text.starts_with(b"Z") => {
                self.utc = true;
                from(1)
            }
            Item::Offset(form) => self.read_offset(form, text)?,
            Item::Abbreviation if text.starts_with(b"UTC") => {
                self.utc = true;
                from(3)
            }
            Item::Abbreviation => {
                let (name, rest) = abbreviation(text)
                    .and_then(|length| text.split_at_checked(length))
                    .ok_or(Bad::Form)?;
                self.abbreviation = name.to_vec();
                rest
            }
            Item::Fraction(_, count, false) => {
                let digits = text.get(..=count).ok_or(Bad::Form)?;
                self.nanoseconds = nanoseconds(digits)?;
                from(count + 1)
            }
            Item::Fraction(_, _, true) => {
                if !matches!(text, [b'.' | b',', b'0'..=b'9', ..]) {
                    return Ok(text);
                }
                let count = text
                    .iter()
                    .skip(1)
                    .take_while(|byte| byte.is_ascii_digit())
                    .count();
                self.nanoseconds = nanoseconds(text.get(..=count).unwrap_or_default())?;
                from(count + 1)
            }
        })
    }

    /// A fraction of a second may come where the layout has none.
    fn unasked_fraction<'a>(&mut self, text: &'a [u8], layout: &[u8]) -> Result<&'a [u8], Bad> {
        if !matches!(text, [b'.' | b',', b'0'..=b'9', ..])
            || matches!(next(layout), Some((_, Item::Fraction(..), _)))
        {
            return Ok(text);
        }
        let count = text
            .iter()
            .skip(1)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        self.nanoseconds = nanoseconds(text.get(..=count).unwrap_or_default())?;
        Ok(text.get(count + 1..).unwrap_or_default())
    }

    fn read_offset<'a>(&mut self, form: Offset, text: &'a [u8]) -> Result<&'a [u8], Bad> {
        let step = if form.colon { 3 } else { 2 };
        let length = 3 + step * (usize::from(form.minutes) + usize::from(form.seconds));
        let (offset, rest) = text.split_at_checked(length).ok_or(Bad::Form)?;
        let colon = |at: usize| !form.colon || offset.get(at) == Some(&b':');
        if form.minutes && !colon(3) || form.seconds && !colon(6) {
            return Err(Bad::Form);
        }
        let number = |wanted: bool, at: usize| {
            if !wanted {
                return Ok(0);
            }
            two(offset.get(at..at + 2).unwrap_or_default(), true).map(|(number, _)| number)
        };
        // Go reads on after a bad number, and tells of a range before it.
        let hour = number(true, 1);
        let minute = if hour.is_ok() {
            number(form.minutes, 1 + step)
        } else {
            Ok(0)
        };
        let second = if hour.is_ok() && minute.is_ok() {
            number(form.seconds, 1 + 2 * step)
        } else {
            Ok(0)
        };
        let value = |number: &Result<i64, Bad>| number.as_ref().map_or(0, |number| *number);
        let (h, m, s) = (value(&hour), value(&minute), value(&second));
        within(s, 0..=60, "time zone offset second")?;
        within(m, 0..=60, "time zone offset minute")?;
        within(h, 0..=24, "time zone offset hour")?;
        hour?;
        minute?;
        second?;
        let seconds = i32::try_from((h * 60 + m) * 60 + s).unwrap_or(0);
        self.offset = match offset.first() {
            Some(b'+') => seconds,
            Some(b'-') => -seconds,
            _ => return Err(Bad::Form),
        };
        Ok(rest)
    }

    /// The day of the year as a month and a day.
    fn resolve_day_of_year(&mut self) -> Result<(), &'static str> {
        let Some(day_of_year) = self.day_of_year else {
            return Ok(());
        };
        let last = if is_leap(self.year) { 366 } else { 365 };
        if !(1..=last).contains(&day_of_year) {
            return Err(": day-of-year out of range");
        }
        let month = (1..=12)
            .rev()
            .find(|month| days_before(self.year, *month) < day_of_year)
            .unwrap_or(1);
        let day = day_of_year - days_before(self.year, month);
        if self.month.is_some_and(|known| known != month) {
            return Err(": day-of-year does not match month");
        }
        self.month = Some(month);
        if self.day.is_some_and(|known| known != day) {
            return Err(": day-of-year does not match day");
        }
        self.day = Some(day);
        Ok(())
    }

    fn time(mut self) -> Result<Time, &'static str> {
        match self.upper_half {
            Some(true) if self.hour < 12 => self.hour += 12,
            Some(false) if self.hour == 12 => self.hour = 0,
            _ => {}
        }
        self.resolve_day_of_year()?;
        let (month, day) = (self.month.unwrap_or(1), self.day.unwrap_or(1));
        if day < 1 || day > days_in(self.year, month) {
            return Err(": day out of range");
        }
        let clock = (self.hour * 60 + self.minute) * 60 + self.second;
        let time = Time::unix(seconds_of(self.year, month, day, clock), self.nanoseconds);
        if self.utc {
            return Ok(time);
        }
        let name = lossy(&self.abbreviation);
        if self.offset != -1 {
            let moved = Time::unix(time.seconds - i64::from(self.offset), time.nanoseconds);
            let local = self.offset == 0 && matches!(&*name, "" | "UTC");
            let zone = if local {
                Zone::Utc
            } else {
                Zone::Fixed(name.into(), self.offset)
            };
            return Ok(moved.within(zone));
        }
        if self.abbreviation.is_empty() {
            return Ok(time);
        }
        // An unknown zone has no offset, unless it tells it itself.
        let hours = name
            .strip_prefix("GMT")
            .and_then(|hours| hours.parse::<i32>().ok());
        let offset = hours.unwrap_or(0) * 3600;
        Ok(time.within(Zone::Fixed(name.into(), offset)))
    }
}

/// Takes a literal part of the layout off the text; spaces may be more or less.
fn skip<'a>(text: &'a [u8], literal: &[u8]) -> Result<&'a [u8], &'a [u8]> {
    let (mut text, mut literal) = (text, literal);
    while let Some((first, rest)) = literal.split_first() {
        if *first == b' ' {
            if !text.is_empty() && !text.starts_with(b" ") {
                return Err(text);
            }
            literal = without_spaces(literal);
            text = without_spaces(text);
        } else {
            text = text.strip_prefix(&[*first]).ok_or(text)?;
            literal = rest;
        }
    }
    Ok(text)
}

fn without_spaces(text: &[u8]) -> &[u8] {
    let count = text.iter().take_while(|byte| **byte == b' ').count();
    text.get(count..).unwrap_or_default()
}

/// The time, or the text of Go's error.
pub(super) fn parse(layout: &[u8], text: &[u8]) -> Result<Time, String> {
    let unlike = |rest: &[u8], wanted: &[u8]| {
        format!(
            "parsing time {} as {}: cannot parse {} as {}",
            quoted(text),
            quoted(layout),
            quoted(rest),
            quoted(wanted)
        )
    };
    let message = |message: &str| format!("parsing time {}{message}", quoted(text));
    let mut found = Found {
        year: 0,
        month: None,
        day: None,
        day_of_year: None,
        hour: 0,
        minute: 0,
        second: 0,
        nanoseconds: 0,
        upper_half: None,
        utc: false,
        offset: -1,
        abbreviation: Vec::new(),
    };
    let (mut rest, mut left) = (text, layout);
    while let Some((literal, item, after)) = next(left) {
        rest = skip(rest, literal).map_err(|at| unlike(at, literal))?;
        let wanted = left
            .get(literal.len()..left.len() - after.len())
            .unwrap_or_default();
        rest = found.read(item, rest, after).map_err(|error| match error {
            Bad::Form => unlike(rest, wanted),
            Bad::Range(what) => message(&format!(": {what} out of range")),
        })?;
        left = after;
    }
    rest = skip(rest, left).map_err(|at| unlike(at, left))?;
    if !rest.is_empty() {
        return Err(message(&format!(": extra text: {}", quoted(rest))));
    }
    found.time().map_err(message)
}
