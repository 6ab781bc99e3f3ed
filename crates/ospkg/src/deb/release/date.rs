//! Times as mail has them (RFC 5322), always in UTC: `Sat, 11 Jul 2026 10:16:37 UTC`.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Reads a time. The day of the week is not looked at, as apt does not; another time zone is no time.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let [day, month, year, time, "UTC" | "GMT" | "Z" | "+0000"] = *words
        .strip_prefix(&[*words.first()?])
        .filter(|_| words.len() == 6 && words[0].ends_with(','))
        .unwrap_or(&words)
    else {
        return None;
    };
    let month = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(month))?;
    let date = Date::new(
        number(year, 4)?,
        i8::try_from(month).ok()? + 1,
        i8::try_from(number(day, 2)?).ok()?,
    )
    .ok()?;
    let mut parts = time
        .split(':')
        .map(|part| number(part, 2).and_then(|part| i8::try_from(part).ok()));
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() || !(0..24).contains(&hour) || !(0..60).contains(&minute) {
        return None;
    }
    // A leap second is the end of its minute.
    let second = if second == 60 { 59 } else { second };
    if !(0..60).contains(&second) {
        return None;
    }
    let zoned = date.at(hour, minute, second, 0).to_zoned(TimeZone::UTC).ok()?;
    Some(zoned.timestamp())
}

fn number(text: &str, digits: usize) -> Option<i16> {
    if text.is_empty() || text.len() > digits || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// Writes a time as [`Release`](super::Release) files have it.
pub fn format(time: Timestamp) -> String {
    let time = time.to_zoned(TimeZone::UTC);
    let day = usize::try_from(time.weekday().to_monday_zero_offset()).unwrap_or_default();
    let month = usize::try_from(time.month() - 1).unwrap_or_default();
    format!(
        "{}, {:02} {} {:04} {:02}:{:02}:{:02} UTC",
        DAYS[day % 7],
        time.day(),
        MONTHS[month % 12],
        time.year(),
        time.hour(),
        time.minute(),
        time.second()
    )
}
