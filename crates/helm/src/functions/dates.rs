//! Dates and durations. The local time zone is UTC.

mod duration;
mod layout;
mod methods;
mod parse;
mod time;
mod zone;

use crate::format::lossy;
pub(crate) use duration::Duration;
pub(crate) use time::Time;
pub(crate) use zone::Zone;

use super::{
    args::{Outcome, any, bytes, functions, string},
    convert::{clamped, parse_int},
};
use crate::{
    call::{Call, FunctionError, Param, World},
    value::{IntType, Value},
};

const TIME: Param = Param::Other("time.Time");

functions! {
    "now" () |call, _| Ok(Value::object(Time::now(call.world)));
    "date" (String, Any) |call, a| shown(call, string(a, 0)?, any(a, 1), &Zone::Utc);
    "dateInZone" (String, Any, String) |call, a| shown(call, string(a, 0)?, any(a, 1), &Zone::load(string(a, 2)?));
    "date_in_zone" (String, Any, String) |call, a| shown(call, string(a, 0)?, any(a, 1), &Zone::load(string(a, 2)?));
    "htmlDate" (Any) |call, a| shown(call, b"2006-01-02", any(a, 0), &Zone::Utc);
    "htmlDateInZone" (Any, String) |call, a| shown(call, b"2006-01-02", any(a, 0), &Zone::load(string(a, 1)?));
    "dateModify" (String, TIME) modify;
    "date_modify" (String, TIME) modify;
    "mustDateModify" (String, TIME) must_modify;
    "must_date_modify" (String, TIME) must_modify;
    "toDate" (String, String) |_, a| {
        let time = parse::parse(string(a, 0)?, string(a, 1)?).unwrap_or_default();
        Ok(Value::object(time))
    };
    "mustToDate" (String, String) |_, a| {
        let time = parse::parse(string(a, 0)?, string(a, 1)?);
        time.map(Value::object).map_err(FunctionError::new)
    };
    "unixEpoch" (TIME) |_, a| Ok(time(any(a, 0))?.seconds.to_string().into());
    "ago" (Any) ago;
    "duration" (Any) |_, a| {
        let seconds = match any(a, 0) {
            Value::String(text) => clamped(parse_int(text, 10)),
            Value::Int(IntType::Int64, seconds) => *seconds,
            _ => 0,
        };
        Ok(Duration(seconds.wrapping_mul(1_000_000_000)).to_string().into())
    };
    "durationRound" (Any) round;
}

/// The time behind an argument.
fn time(value: &Value) -> Result<&Time, FunctionError> {
    match value {
        Value::Object(object) => object.as_any().downcast_ref(),
        _ => None,
    }
    .ok_or_else(|| FunctionError::new("it is not a time.Time"))
}

/// What Sprig takes for a time: one, or whole seconds since 1970; anything else is now.
fn moment(world: &World, value: &Value) -> Time {
    match value {
        Value::Int(IntType::Int | IntType::Int32 | IntType::Int64, seconds) => Time::unix(*seconds, 0),
        value => time(value).cloned().unwrap_or_else(|_| Time::now(world)),
    }
}

fn shown(call: &mut Call<'_>, layout: &[u8], date: &Value, zone: &Zone) -> Outcome {
    call.budget.step(1 + layout.len() as u64 / 16)?;
    let text = layout::format(&moment(call.world, date).within(zone.clone()), layout);
    bytes(call, text)
}

/// Moves a time; a bad duration leaves it as it is.
fn modify(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    match must_modify(call, args) {
        Err(FunctionError::Failed(_)) => Ok(any(args, 1).clone()),
        outcome => outcome,
    }
}

fn must_modify(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let by = Duration::parse(string(args, 0)?).map_err(FunctionError::new)?;
    Ok(Value::object(time(any(args, 1))?.plus(by)))
}

/// How long ago it was, to the second.
#[expect(clippy::unnecessary_wraps, reason = "it has the signature of a function")]
fn ago(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let date = any(args, 0);
    let then = match date {
        // Sprig forgot this type here.
        Value::Int(IntType::Int32, _) => Time::now(call.world),
        date => moment(call.world, date),
    };
    let since = Time::now(call.world).since(&then);
    Ok(since.rounded(1_000_000_000).to_string().into())
}

/// The largest unit that there is more than one of.
#[expect(clippy::unnecessary_wraps, reason = "it has the signature of a function")]
fn round(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    const SECOND: u64 = 1_000_000_000;
    const DAY: u64 = 86_400 * SECOND;
    let duration = match any(args, 0) {
        Value::String(text) => Duration::parse(text).unwrap_or_default(),
        Value::Int(IntType::Int64, nanoseconds) => Duration(*nanoseconds),
        value => match time(value) {
            Ok(then) => Time::now(call.world).since(then),
            Err(_) => Duration(0),
        },
    };
    let length = duration.0.unsigned_abs();
    let units = [
        (365 * DAY, "y"),
        (30 * DAY, "mo"),
        (DAY, "d"),
        (3600 * SECOND, "h"),
        (60 * SECOND, "m"),
        (SECOND, "s"),
    ];
    let unit = units.iter().find(|(unit, _)| length > *unit);
    Ok(unit.map_or_else(
        || "0s".into(),
        |(unit, name)| format!("{}{name}", length / unit).into(),
    ))
}

/// A time in a certificate, with two digits for the year if that is enough; `None` for a year that has no four
/// digits.
pub(super) fn certificate_time(seconds: i64) -> Option<(bool, String)> {
    let time = Time::unix(seconds, 0);
    let (short, layout): (bool, &[u8]) = match time.civil().year {
        1950..=2049 => (true, b"060102150405Z"),
        0..=9999 => (false, b"20060102150405Z"),
        _ => return None,
    };
    Some((short, lossy(&layout::format(&time, layout)).into_owned()))
}
