//! What was measured, as a table.

use std::process::Command;

/// One run of one program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Seconds, or whatever the row counts.
    pub(crate) value: f64,
    /// Bytes of memory at the most, where it could be seen.
    pub(crate) peak: u64,
}

impl From<airlock_tests::memory::Cost> for Sample {
    fn from(cost: airlock_tests::memory::Cost) -> Self {
        Self {
            value: cost.time.as_secs_f64(),
            peak: cost.peak,
        }
    }
}

/// Whether more is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    /// Times.
    Less,
    /// Rates.
    More,
}

/// How a row's values read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unit {
    /// Behind the number.
    pub(crate) name: &'static str,
    /// Digits behind the point.
    pub(crate) digits: usize,
    /// Which way is better.
    pub(crate) better: Better,
}

/// Times.
pub(crate) const SECONDS: Unit = Unit {
    name: "s",
    digits: 2,
    better: Better::Less,
};

/// A program and how to run it once.
pub(crate) struct Runner<'a> {
    /// Its name, with the version where it is a peer.
    pub(crate) name: String,
    /// Runs it.
    pub(crate) run: Box<dyn FnMut() -> Sample + 'a>,
}

impl<'a> Runner<'a> {
    /// A program with its way to be run.
    pub(crate) fn new(name: impl Into<String>, run: impl FnMut() -> Sample + 'a) -> Self {
        Self {
            name: name.into(),
            run: Box::new(run),
        }
    }
}

/// The rows so far.
pub(crate) struct Table {
    rounds: usize,
    lines: Vec<String>,
    skipped: Vec<String>,
}

impl Table {
    pub(crate) fn new(rounds: usize) -> Self {
        Self {
            rounds,
            lines: Vec::new(),
            skipped: Vec::new(),
        }
    }

    /// Measures the first, which is Airlock, against the others. All of them run once in every round.
    pub(crate) fn compare(&mut self, what: &str, unit: Unit, mut runners: Vec<Runner<'_>>) {
        eprintln!("{what} …");
        let mut samples: Vec<Vec<Sample>> = runners.iter().map(|_| Vec::new()).collect();
        for _ in 0..self.rounds {
            for (runner, samples) in runners.iter_mut().zip(&mut samples) {
                samples.push((runner.run)());
            }
        }
        let own = samples[0].clone();
        for (position, (runner, samples)) in runners.iter().zip(&samples).enumerate() {
            let ratio = if position == 0 {
                String::new()
            } else {
                let ratios = own.iter().zip(samples).map(|(own, peer)| match unit.better {
                    Better::Less => peer.value / own.value,
                    Better::More => own.value / peer.value,
                });
                format!("{:.2} ×", median(ratios.collect()))
            };
            let value = median(samples.iter().map(|sample| sample.value).collect());
            let peak = samples.iter().map(|sample| sample.peak).max().unwrap_or_default();
            let memory = match peak {
                0 => "–".to_owned(),
                peak => format!("{} MB", peak.div_ceil(1_000_000)),
            };
            let line = format!(
                "| {} | {} | {value:.*} {} | {memory} | {ratio} |",
                if position == 0 { what } else { "" },
                runner.name,
                unit.digits,
                unit.name
            );
            eprintln!("{line}");
            self.lines.push(line);
        }
    }

    /// Something cannot be measured here.
    pub(crate) fn skip(&mut self, what: &str) {
        let line = format!("SKIPPED {what}");
        eprintln!("{line}");
        self.skipped.push(line);
    }

    pub(crate) fn print(&self) {
        println!(
            "| | program | median of {} | peak memory | Airlock is |",
            self.rounds
        );
        println!("|---|---|--:|--:|--:|");
        for line in &self.lines {
            println!("{line}");
        }
        for line in &self.skipped {
            println!("{line}");
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    }
}

/// A program with the version that it gives itself.
pub(crate) fn versioned(name: &str, program: &str, argument: &str) -> String {
    let output = Command::new(program).arg(argument).output();
    let text = output.map_or_else(
        |_| String::new(),
        |output| {
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
        },
    );
    let is_version =
        |word: &str| word.contains('.') && word.starts_with(|first: char| first.is_ascii_digit());
    let version = text
        .split(|letter: char| letter.is_whitespace() || letter == '/')
        .map(|word| word.trim_start_matches('v'))
        .find(|word| is_version(word));
    version.map_or_else(|| name.to_owned(), |version| format!("{name} ({version})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_say_how_much_better_airlock_is() {
        let mut table = Table::new(3);
        let fixed = |value| move || Sample { value, peak: 0 };
        table.compare(
            "a",
            SECONDS,
            vec![Runner::new("own", fixed(2.0)), Runner::new("peer", fixed(6.0))],
        );
        assert!(
            table.lines[1].ends_with("| 6.00 s | – | 3.00 × |"),
            "{:?}",
            table.lines
        );
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
    }
}
