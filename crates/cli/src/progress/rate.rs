use std::time::{Duration, Instant};

use airlock_types::ByteSize;

/// Bytes moved against the clock, for speed and time left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    start: Instant,
    moved: u64,
    total: u64,
}

impl Rate {
    /// Starts the clock on `total` bytes, 0 where that is not known.
    pub(super) fn start(total: u64) -> Self {
        Self {
            start: Instant::now(),
            moved: 0,
            total,
        }
    }

    /// More bytes have moved.
    pub(super) fn add(&mut self, bytes: u64) {
        self.moved = self.moved.saturating_add(bytes);
    }

    /// `12.0 MiB of 1.5 GiB, 40.0 MiB/s, 38 s left`.
    pub(super) fn line(&self, now: Instant) -> String {
        let elapsed = now.duration_since(self.start);
        let speed = per_second(self.moved, elapsed);
        let moved = ByteSize(self.moved);
        let mut out = if self.total > 0 {
            format!("{moved} of {}", ByteSize(self.total))
        } else {
            moved.to_string()
        };
        if speed > 0 {
            out.push_str(&format!(", {}/s", ByteSize(speed)));
            if self.total > self.moved {
                out.push_str(&format!(", {} left", seconds((self.total - self.moved) / speed)));
            }
        }
        out
    }
}

fn per_second(bytes: u64, elapsed: Duration) -> u64 {
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    bytes.saturating_mul(1000).checked_div(millis).unwrap_or(0)
}

/// `38 s`, `2 min 05 s`, `1 h 02 min`.
fn seconds(seconds: u64) -> String {
    match seconds {
        0..=99 => format!("{seconds} s"),
        100..=5999 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speed_and_time_left() {
        let mut rate = Rate::start(10 * 1024 * 1024);
        rate.add(2 * 1024 * 1024);
        let line = rate.line(rate.start + Duration::from_secs(2));
        assert_eq!(line, "2.0 MiB of 10.0 MiB, 1.0 MiB/s, 8 s left");
        assert_eq!(Rate::start(0).line(Instant::now()), "0 B");
        assert_eq!(seconds(125), "2 min 05 s");
        assert_eq!(seconds(7260), "2 h 01 min");
    }
}
