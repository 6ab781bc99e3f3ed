//! Go's layouts, which show how the second of January 2006 would be written.

use super::{Time, time::Civil};

/// A part of a layout that stands for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    LongMonth,
    Month,
    NumMonth,
    ZeroMonth,
    LongWeekday,
    Weekday,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    UpperPm,
    LowerPm,
    Abbreviation,
    Offset(Offset),
    /// Digits after a point or comma: the mark, how many, and whether zeros at the end are left out.
    Fraction(u8, usize, bool),
}

/// How an offset is written.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is seen in the layout on its own"
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offset {
    /// A `Z` is written for UTC.
    pub(super) z: bool,
    pub(super) colon: bool,
    pub(super) minutes: bool,
    pub(super) seconds: bool,
}

#[expect(
    clippy::fn_params_excessive_bools,
    reason = "a short name for the table below"
)]
const fn offset(z: bool, colon: bool, minutes: bool, seconds: bool) -> Item {
    Item::Offset(Offset {
        z,
        colon,
        minutes,
        seconds,
    })
}

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

pub(super) const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// Those that are taken wherever they stand; of those that start alike, the one that Go tries first comes first.
const FIXED: &[(&[u8], Item)] = &[
    (b"January", Item::LongMonth),
    (b"Monday", Item::LongWeekday),
    (b"MST", Item::Abbreviation),
    (b"002", Item::ZeroYearDay),
    (b"01", Item::ZeroMonth),
    (b"02", Item::ZeroDay),
    (b"03", Item::ZeroHour12),
    (b"04", Item::ZeroMinute),
    (b"05", Item::ZeroSecond),
    (b"06", Item::Year),
    (b"15", Item::Hour),
    (b"1", Item::NumMonth),
    (b"2006", Item::LongYear),
    (b"2", Item::Day),
    (b"__2", Item::UnderYearDay),
    (b"3", Item::Hour12),
    (b"4", Item::Minute),
    (b"5", Item::Second),
    (b"PM", Item::UpperPm),
    (b"pm", Item::LowerPm),
    (b"-070000", offset(false, false, true, true)),
    (b"-07:00:00", offset(false, true, true, true)),
    (b"-0700", offset(false, false, true, false)),
    (b"-07:00", offset(false, true, true, false)),
    (b"-07", offset(false, false, false, false)),
    (b"Z070000", offset(true, false, true, true)),
    (b"Z07:00:00", offset(true, true, true, true)),
    (b"Z0700", offset(true, false, true, false)),
    (b"Z07:00", offset(true, true, true, false)),
    (b"Z07", offset(true, false, false, false)),
];

/// What stands at the start of a layout, and how long it is.
fn item(layout: &[u8]) -> Option<(Item, usize)> {
    if let Some((text, item)) = FIXED.iter().find(|(text, _)| layout.starts_with(text)) {
        return Some((*item, text.len()));
    }
    // `Janx` is a word of its own, but `JanX` is not.
    let short = |text: &[u8], item| {
        let rest = layout.strip_prefix(text)?;
        (!rest.first().is_some_and(u8::is_ascii_lowercase)).then_some((item, text.len()))
    };
    if let Some(found) = short(b"Jan", Item::Month).or_else(|| short(b"Mon", Item::Weekday)) {
        return Some(found);
    }
    match layout {
        // The underscore belongs to what is before.
        [b'_', b'2', b'0', b'0', b'6', ..] => None,
        [b'_', b'2', ..] => Some((Item::UnderDay, 2)),
        [mark @ (b'.' | b','), digit @ (b'0' | b'9'), ..] => {
            let count = layout.iter().skip(1).take_while(|byte| *byte == digit).count();
            let ends = !layout.get(count + 1).is_some_and(u8::is_ascii_digit);
            ends.then_some((Item::Fraction(*mark, count, *digit == b'9'), count + 1))
        }
        _ => None,
    }
}

/// The next item: what is before it, itself, and what is after it.
pub(super) fn next(layout: &[u8]) -> Option<(&[u8], Item, &[u8])> {
    (0..layout.len()).find_map(|at| {
        let (before, rest) = layout.split_at_checked(at)?;
        let (item, length) = item(rest)?;
        Some((before, item, rest.get(length..).unwrap_or_default()))
    })
}

/// A time as the layout shows it.
pub(super) fn format(time: &Time, layout: &[u8]) -> Vec<u8> {
    let civil = time.civil();
    let (offset, abbreviation) = time.offset();
    let mut out = Vec::with_capacity(layout.len() + 16);
    let mut rest = layout;
    while let Some((before, item, after)) = next(rest) {
        out.extend(before);
        out.extend(shown(time, &civil, offset, &abbreviation, item).bytes());
        rest = after;
    }
    out.extend(rest);
    out
}

fn shown(time: &Time, civil: &Civil, offset: i32, abbreviation: &str, item: Item) -> String {
    let month = MONTHS
        .get(usize::from(civil.month).wrapping_sub(1))
        .copied()
        .unwrap_or_default();
    let weekday = WEEKDAYS
        .get(usize::from(civil.weekday))
        .copied()
        .unwrap_or_default();
    let hour12 = match civil.hour % 12 {
        0 => 12,
        hour => hour,
    };
    match item {
        Item::LongMonth => month.to_owned(),
        Item::Month => month.chars().take(3).collect(),
        Item::NumMonth => civil.month.to_string(),
        Item::ZeroMonth => format!("{:02}", civil.month),
        Item::LongWeekday => weekday.to_owned(),
        Item::Weekday => weekday.chars().take(3).collect(),
        Item::Day => civil.day.to_string(),
        Item::UnderDay => format!("{:2}", civil.day),
        Item::ZeroDay => format!("{:02}", civil.day),
        Item::UnderYearDay => format!("{:3}", civil.day_of_year),
        Item::ZeroYearDay => format!("{:03}", civil.day_of_year),
        Item::Hour => format!("{:02}", civil.hour),
        Item::Hour12 => hour12.to_string(),
        Item::ZeroHour12 => format!("{hour12:02}"),
        Item::Minute => civil.minute.to_string(),
        Item::ZeroMinute => format!("{:02}", civil.minute),
        Item::Second => civil.second.to_string(),
        Item::ZeroSecond => format!("{:02}", civil.second),
        Item::LongYear if civil.year < 0 => format!("-{:04}", civil.year.unsigned_abs()),
        Item::LongYear => format!("{:04}", civil.year),
        Item::Year => format!("{:02}", civil.year.max(0) % 100),
        Item::UpperPm => if civil.hour >= 12 { "PM" } else { "AM" }.to_owned(),
        Item::LowerPm => if civil.hour >= 12 { "pm" } else { "am" }.to_owned(),
        Item::Abbreviation if abbreviation.is_empty() => numbers(offset, "", true, false),
        Item::Abbreviation => abbreviation.to_owned(),
        Item::Offset(Offset { z: true, .. }) if offset == 0 => "Z".to_owned(),
        Item::Offset(form) => numbers(
            offset,
            if form.colon { ":" } else { "" },
            form.minutes,
            form.seconds,
        ),
        Item::Fraction(mark, count, trimmed) => fraction(time.nanoseconds, mark, count, trimmed),
    }
}

/// An offset as numbers.
fn numbers(offset: i32, between: &str, minutes: bool, seconds: bool) -> String {
    // The sign is that of the whole minutes.
    let whole = offset / 60;
    let sign = if whole < 0 { '-' } else { '+' };
    let length = if whole < 0 { -offset } else { offset };
    let mut text = format!("{sign}{:02}", whole.abs() / 60);
    if minutes {
        text += &format!("{between}{:02}", whole.abs() % 60);
    }
    if seconds {
        text += &format!("{between}{:02}", length % 60);
    }
    text
}

fn fraction(nanoseconds: u32, mark: u8, count: usize, trimmed: bool) -> String {
    if trimmed && (count == 0 || nanoseconds == 0) {
        return String::new();
    }
    let digits = format!("{nanoseconds:09}");
    let kept = digits.get(..count.min(9)).unwrap_or_default();
    let mark = char::from(mark);
    if trimmed {
        let text = format!("{mark}{kept}");
        return text.trim_end_matches('0').trim_end_matches(mark).to_owned();
    }
    format!("{mark}{kept}")
}
