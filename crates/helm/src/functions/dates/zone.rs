//! Time zones: UTC, fixed offsets, and those of the IANA, which are built in.

use jiff::{
    Timestamp,
    tz::{TimeZone, TimeZoneDatabase},
};

/// A time zone.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Zone {
    /// UTC, which is the local time zone too.
    Utc,
    /// An offset in seconds, with a name that may be empty.
    Fixed(Box<str>, i32),
    /// One of the IANA's.
    Named(TimeZone),
}

impl Zone {
    /// The zone of this name; UTC for a name that nobody knows, as Sprig does it.
    pub(super) fn load(name: &[u8]) -> Self {
        let name = match std::str::from_utf8(name) {
            Ok("" | "UTC" | "Local") | Err(_) => return Self::Utc,
            Ok(name) => name,
        };
        // Go looks for a file of the name, so that upper and lower case differ.
        match TimeZoneDatabase::bundled().get(name) {
            Ok(zone) if zone.iana_name() == Some(name) => Self::Named(zone),
            _ => Self::Utc,
        }
    }

    /// The offset in seconds at a time, and the abbreviation, which is empty if there is none.
    pub(super) fn at(&self, seconds: i64) -> (i32, String) {
        match self {
            Self::Utc => (0, "UTC".to_owned()),
            Self::Fixed(name, offset) => (*offset, name.to_string()),
            Self::Named(zone) => {
                let bounds = Timestamp::MIN.as_second()..=Timestamp::MAX.as_second();
                let seconds = seconds.clamp(*bounds.start(), *bounds.end());
                let time = Timestamp::from_second(seconds).unwrap_or_default();
                let info = zone.to_offset_info(time);
                (info.offset().seconds(), info.abbreviation().to_owned())
            }
        }
    }

    /// What `Location` prints.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Utc => "UTC".to_owned(),
            Self::Fixed(name, _) => name.to_string(),
            Self::Named(zone) => zone.iana_name().unwrap_or_default().to_owned(),
        }
    }
}
