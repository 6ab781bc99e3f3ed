//! Days of months, which dates of templates, of YAML, of TOML and of schemas all count.

/// Whether the year has a 29th of February.
pub(crate) const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// The days of a month, from 1 to 12.
pub(crate) const fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Whether there is such a day.
pub(crate) fn is_date(year: u32, month: u32, day: u32) -> bool {
    (1..=12).contains(&month) && (1..=days_in(i64::from(year), i64::from(month))).contains(&i64::from(day))
}
