//! The methods of times and durations that templates can call.

use super::{
    Duration, TIME, Time, Zone,
    duration::duration,
    layout::{self, MONTHS, WEEKDAYS},
    time,
};
use crate::{
    call::{Call, FunctionError, Param},
    functions::args::{Outcome, any, int, string},
    value::{IntType, Kind, Method, Object, Str, Value},
};

type Body = fn(&dyn Object, &mut Call<'_>, &[Value]) -> Outcome;

const DURATION: Param = Param::Other("time.Duration");

fn this(object: &dyn Object) -> Result<&Time, FunctionError> {
    object
        .as_any()
        .downcast_ref()
        .ok_or_else(|| FunctionError::new("it is not a time.Time"))
}

fn made(params: &'static [Param], call: Body) -> Method {
    Method {
        params,
        variadic: None,
        call,
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it ends methods that can fail")]
fn whole(number: impl Into<i64>) -> Outcome {
    Ok(Value::int(number.into()))
}

/// A method of `time.Time`.
pub(super) fn of_time(name: &str) -> Option<Method> {
    const TIMES: &[Param] = &[TIME];
    const DURATIONS: &[Param] = &[DURATION];
    let (params, call): (&'static [Param], Body) = match name {
        "Year" => (&[], |time, _, _| whole(this(time)?.civil().year)),
        "Month" => (&[], |time, _, _| {
            Ok(Value::object(Named::month(this(time)?.civil().month)))
        }),
        "Day" => (&[], |time, _, _| whole(this(time)?.civil().day)),
        "Hour" => (&[], |time, _, _| whole(this(time)?.civil().hour)),
        "Minute" => (&[], |time, _, _| whole(this(time)?.civil().minute)),
        "Second" => (&[], |time, _, _| whole(this(time)?.civil().second)),
        "Nanosecond" => (&[], |time, _, _| whole(this(time)?.nanoseconds)),
        "Weekday" => (&[], |time, _, _| {
            Ok(Value::object(Named::weekday(this(time)?.civil().weekday)))
        }),
        "YearDay" => (&[], |time, _, _| whole(this(time)?.civil().day_of_year)),
        "Unix" => (&[], |time, _, _| Ok(Value::int64(this(time)?.seconds))),
        "UnixMilli" => (&[], |time, _, _| {
            Ok(Value::int64(since_epoch(this(time)?, 1_000)))
        }),
        "UnixMicro" => (&[], |time, _, _| {
            Ok(Value::int64(since_epoch(this(time)?, 1_000_000)))
        }),
        "UnixNano" => (&[], |time, _, _| {
            Ok(Value::int64(since_epoch(this(time)?, 1_000_000_000)))
        }),
        "IsZero" => (&[], |time, _, _| Ok(this(time)?.is_zero().into())),
        "UTC" | "Local" => (&[], |time, _, _| {
            Ok(Value::object(this(time)?.clone().within(Zone::Utc)))
        }),
        "Location" => (&[], |time, _, _| Ok(this(time)?.zone.name().into())),
        "String" => (&[], |time, _, _| {
            Ok(this(time)?.stringer().unwrap_or_default().into())
        }),
        "Format" => (&[Param::String], |time, call, args| {
            let layout = string(args, 0)?;
            call.budget.step(1 + layout.len() as u64 / 16)?;
            Ok(Value::string(layout::format(this(time)?, layout)))
        }),
        "Add" => (DURATIONS, |time, _, args| {
            Ok(Value::object(this(time)?.plus(duration(args, 0))))
        }),
        "AddDate" => (&[Param::Int, Param::Int, Param::Int], |time, _, args| {
            Ok(Value::object(add_date(
                this(time)?,
                int(args, 0)?,
                int(args, 1)?,
                int(args, 2)?,
            )))
        }),
        "Sub" => (TIMES, |one, _, args| {
            Ok(Value::object(this(one)?.since(time(any(args, 0))?)))
        }),
        "Before" => (TIMES, |one, _, args| {
            Ok((this(one)?.instant() < time(any(args, 0))?.instant()).into())
        }),
        "After" => (TIMES, |one, _, args| {
            Ok((this(one)?.instant() > time(any(args, 0))?.instant()).into())
        }),
        "Equal" => (TIMES, |one, _, args| {
            Ok((this(one)?.instant() == time(any(args, 0))?.instant()).into())
        }),
        "Compare" => (TIMES, |one, _, args| {
            whole(this(one)?.instant().cmp(&time(any(args, 0))?.instant()) as i8)
        }),
        _ => return None,
    };
    Some(made(params, call))
}

fn since_epoch(time: &Time, unit: i64) -> i64 {
    let part = i64::from(time.nanoseconds) / (1_000_000_000 / unit);
    time.seconds.wrapping_mul(unit).wrapping_add(part)
}

/// Later by years, months and days of the calendar; what is too much for a month goes on into the next.
fn add_date(time: &Time, years: i64, months: i64, days: i64) -> Time {
    let civil = time.civil();
    let months = (i64::from(civil.month) - 1).saturating_add(months);
    let year = civil
        .year
        .saturating_add(years)
        .saturating_add(months.div_euclid(12));
    let year = year.clamp(-290_000_000_000, 290_000_000_000);
    let clock = (i64::from(civil.hour) * 60 + i64::from(civil.minute)) * 60 + i64::from(civil.second);
    let first = super::time::seconds_of(year, months.rem_euclid(12) + 1, 1, clock);
    let days = (i64::from(civil.day) - 1).saturating_add(days);
    let local = first.saturating_add(days.saturating_mul(86_400));
    // The offset that holds then is looked up twice, in case of a change in between.
    let guess = local.saturating_sub(i64::from(time.zone.at(local).0));
    let seconds = local.saturating_sub(i64::from(time.zone.at(guess).0));
    Time::unix(seconds, time.nanoseconds).within(time.zone.clone())
}

/// A method of `time.Duration`.
pub(super) fn of_duration(name: &str) -> Option<Method> {
    fn nanoseconds(object: &dyn Object) -> i64 {
        object
            .as_any()
            .downcast_ref::<Duration>()
            .map_or(0, |duration| duration.0)
    }
    /// Whole units and the rest of them, each in floating point, as Go does it.
    #[expect(clippy::cast_precision_loss, reason = "so does Go")]
    fn units(object: &dyn Object, unit: i64) -> Value {
        let nanoseconds = nanoseconds(object);
        Value::Float((nanoseconds / unit) as f64 + (nanoseconds % unit) as f64 / unit as f64)
    }
    let call: Body = match name {
        "Nanoseconds" => |this, _, _| Ok(Value::int64(nanoseconds(this))),
        "Microseconds" => |this, _, _| Ok(Value::int64(nanoseconds(this) / 1_000)),
        "Milliseconds" => |this, _, _| Ok(Value::int64(nanoseconds(this) / 1_000_000)),
        "Seconds" => |this, _, _| Ok(units(this, 1_000_000_000)),
        "Minutes" => |this, _, _| Ok(units(this, 60_000_000_000)),
        "Hours" => |this, _, _| Ok(units(this, 3_600_000_000_000)),
        "String" => |this, _, _| Ok(Duration(nanoseconds(this)).to_string().into()),
        "Abs" => |this, _, _| Ok(Value::object(Duration(nanoseconds(this).saturating_abs()))),
        "Round" => {
            return Some(made(&[DURATION], |this, _, args| {
                Ok(Value::object(
                    Duration(nanoseconds(this)).rounded(duration(args, 0).0),
                ))
            }));
        }
        "Truncate" => {
            return Some(made(&[DURATION], |this, _, args| {
                let (length, unit) = (nanoseconds(this), duration(args, 0).0);
                Ok(Value::object(Duration(if unit <= 0 {
                    length
                } else {
                    length - length % unit
                })))
            }));
        }
        _ => return None,
    };
    Some(made(&[], call))
}

/// A month or a day of the week: a number with a name.
#[derive(Clone, Copy, Debug)]
struct Named {
    type_name: &'static str,
    number: i64,
    name: &'static str,
}

impl Named {
    fn month(number: u8) -> Self {
        Self {
            type_name: "time.Month",
            number: number.into(),
            name: MONTHS
                .get(usize::from(number).wrapping_sub(1))
                .copied()
                .unwrap_or_default(),
        }
    }

    fn weekday(number: u8) -> Self {
        Self {
            type_name: "time.Weekday",
            number: number.into(),
            name: WEEKDAYS.get(usize::from(number)).copied().unwrap_or_default(),
        }
    }
}

impl Object for Named {
    fn type_name(&self) -> &'static str {
        self.type_name
    }

    fn kind(&self) -> Kind {
        Kind::Int(IntType::Int)
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn method(&self, name: &str) -> Option<Method> {
        (name == "String").then(|| made(&[], |this, _, _| Ok(this.stringer().unwrap_or_default().into())))
    }

    fn stringer(&self) -> Option<Str> {
        Some(self.name.into())
    }

    fn plain(&self) -> Value {
        Value::int(self.number)
    }

    fn truth(&self) -> bool {
        self.number != 0
    }
}
