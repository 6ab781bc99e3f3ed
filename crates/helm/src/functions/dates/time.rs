//! Go's `time.Time`.

use super::{Duration, Zone, layout};
use crate::{
    calendar::days_in,
    call::World,
    value::{Field, Kind, Method, Object, Str, UintType, Value},
};

/// A moment in a time zone. Sums that do not fit come out at the other end of time, as in Go.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Time {
    /// Since 1970.
    pub(super) seconds: i64,
    pub(super) nanoseconds: u32,
    pub(super) zone: Zone,
}

/// A time as calendars and clocks show it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Civil {
    pub(super) year: i64,
    pub(super) month: u8,
    pub(super) day: u8,
    /// From 0 for Sunday.
    pub(super) weekday: u8,
    /// From 1.
    pub(super) day_of_year: u16,
    pub(super) hour: u8,
    pub(super) minute: u8,
    pub(super) second: u8,
}

/// The seconds from Go's first year, of which all of time is after, to 1970.
const FIRST: u64 = 62_135_596_800 + (292_277_022_400 / 400 * 146_097 + 306) * 86_400;

/// The first moment of the year 1, which is Go's zero.
const ZERO: i64 = -62_135_596_800;

impl Default for Time {
    fn default() -> Self {
        Self::unix(ZERO, 0)
    }
}

impl Time {
    pub(super) const fn unix(seconds: i64, nanoseconds: u32) -> Self {
        Self {
            seconds,
            nanoseconds,
            zone: Zone::Utc,
        }
    }

    /// A time in a zone of the IANA's, or else in one of this name and offset.
    #[cfg(test)]
    pub(crate) fn at(seconds: i64, nanoseconds: u64, zone: &str, offset: i64) -> Self {
        let named = Zone::load(zone.as_bytes());
        let zone = if named == Zone::Utc && zone != "UTC" {
            Zone::Fixed(zone.into(), i32::try_from(offset).unwrap())
        } else {
            named
        };
        Self::unix(seconds, u32::try_from(nanoseconds).unwrap()).within(zone)
    }

    /// What tells the time from others.
    #[cfg(test)]
    pub(crate) fn parts(&self) -> (i64, u32, String, i32) {
        (self.seconds, self.nanoseconds, self.zone.name(), self.offset().0)
    }

    /// A time of year, month and day, and of seconds since midnight, as clocks in a zone of one offset show it.
    pub(crate) fn at_clock(date: (u32, u32, u32), seconds: u32, nanoseconds: u32, zone: Zone) -> Self {
        let (year, month, day) = date;
        let local = seconds_of(year.into(), month.into(), day.into(), seconds.into());
        let offset = zone.at(local).0;
        Self::unix(local - i64::from(offset), nanoseconds).within(zone)
    }

    /// As a layout of Go's has it.
    pub(crate) fn format(&self, layout: &[u8]) -> Vec<u8> {
        layout::format(self, layout)
    }

    /// What the zone is called.
    pub(crate) fn zone_name(&self) -> String {
        self.zone.name()
    }

    pub(super) fn now(world: &World) -> Self {
        let (seconds, nanoseconds) = world.now;
        Self::unix(seconds, nanoseconds.min(999_999_999))
    }

    /// The same moment in another zone.
    pub(super) fn within(self, zone: Zone) -> Self {
        Self { zone, ..self }
    }

    pub(super) fn is_zero(&self) -> bool {
        (self.seconds, self.nanoseconds) == (ZERO, 0)
    }

    /// Seconds and nanoseconds, which order times.
    pub(super) const fn instant(&self) -> (i64, u32) {
        (self.seconds, self.nanoseconds)
    }

    /// The offset of the zone in seconds, and its abbreviation.
    pub(super) fn offset(&self) -> (i32, String) {
        self.zone.at(self.seconds)
    }

    /// The time so much later.
    pub(super) fn plus(&self, by: Duration) -> Self {
        let nanoseconds = i64::from(self.nanoseconds) + by.0 % 1_000_000_000;
        let seconds = by.0 / 1_000_000_000 + nanoseconds.div_euclid(1_000_000_000);
        Self {
            seconds: self.seconds.saturating_add(seconds),
            nanoseconds: u32::try_from(nanoseconds.rem_euclid(1_000_000_000)).unwrap_or(0),
            zone: self.zone.clone(),
        }
    }

    /// How much later this is, as far as a duration can tell.
    pub(super) fn since(&self, other: &Self) -> Duration {
        let nanoseconds =
            |time: &Self| i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanoseconds);
        let length = nanoseconds(self) - nanoseconds(other);
        Duration(i64::try_from(length).unwrap_or(if length < 0 { i64::MIN } else { i64::MAX }))
    }

    /// As the clocks in its zone show it.
    pub(super) fn civil(&self) -> Civil {
        let local = self.seconds.wrapping_add(i64::from(self.offset().0));
        let since_first = local.cast_unsigned().wrapping_add(FIRST);
        let (days, clock) = (since_first / 86_400, since_first % 86_400);
        let days = i128::from(days) - i128::from(FIRST / 86_400);
        // Counted in eras of 400 years that start in March, where leap days come last.
        let days = i64::try_from(days).unwrap_or(0) + 719_468;
        let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_from_march = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_from_march + 2) / 153;
        let day = day_from_march - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 {
            month_from_march + 3
        } else {
            month_from_march - 9
        };
        let year = era * 400 + year_of_era + i64::from(month <= 2);
        let before = days_before(year, month);
        let small = |number: i64| u8::try_from(number).unwrap_or(0);
        let clock = i64::try_from(clock).unwrap_or(0);
        Civil {
            year,
            month: small(month),
            day: small(day),
            weekday: small((days - 719_468 + 4).rem_euclid(7)),
            day_of_year: u16::try_from(before + day).unwrap_or(0),
            hour: small(clock / 3600),
            minute: small(clock / 60 % 60),
            second: small(clock % 60),
        }
    }
}

/// The days of a year before a month.
pub(super) fn days_before(year: i64, month: i64) -> i64 {
    (1..month).map(|month| days_in(year, month)).sum()
}

/// The seconds since 1970 of a date and a time of day in UTC.
pub(super) fn seconds_of(year: i64, month: i64, day: i64, clock: i64) -> i64 {
    let march_year = year - i64::from(month <= 2);
    let (era, year_of_era) = (march_year.div_euclid(400), march_year.rem_euclid(400));
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era - 719_468)
        .saturating_mul(86_400)
        .saturating_add(clock)
}

impl Object for Time {
    fn type_name(&self) -> &'static str {
        "time.Time"
    }

    fn kind(&self) -> Kind {
        Kind::Struct
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn method(&self, name: &str) -> Option<Method> {
        super::methods::of_time(name)
    }

    fn stringer(&self) -> Option<Str> {
        Some(layout::format(self, b"2006-01-02 15:04:05.999999999 -0700 MST").into())
    }

    /// Go's `wall`, `ext` and `loc`.
    fn fields(&self) -> Option<Vec<Field>> {
        let zone = match self.zone {
            Zone::Utc => Field::Nil("*time.Location"),
            _ => Field::Address,
        };
        Some(vec![
            Field::Value(Value::Uint(UintType::Uint64, self.nanoseconds.into())),
            Field::Value(Value::int64(self.seconds.wrapping_sub(ZERO))),
            zone,
        ])
    }

    /// What JSON and YAML show.
    fn plain(&self) -> Value {
        Value::string(layout::format(self, b"2006-01-02T15:04:05.999999999Z07:00"))
    }
}
