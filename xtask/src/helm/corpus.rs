//! Every chart below a folder, rendered by Helm and by this repository.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::difference::{Pair, places, random_lines, without_keys};
use super::judge::{Judges, Outcome};

/// What is compared.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// A folder of charts; charts are folders with a Chart.yaml, and archives
    folder: PathBuf,
    /// Only charts whose path has this in it
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Besides a chart's own values, at most so many of the values files in its folder `ci`
    #[arg(long, value_name = "N", default_value_t = 5)]
    ci: usize,
    /// Render each chart so often, and count the fastest time; more than once, one program waits for the other
    #[arg(long, value_name = "N", default_value_t = 1)]
    repeat: u32,
    /// Show so many differing lines of a file
    #[arg(long, value_name = "N", default_value_t = 2)]
    lines: usize,
    /// Fail when fewer files are equal, in per cent
    #[arg(long, value_name = "PERCENT")]
    at_least: Option<f64>,
}

/// Functions whose output is never the same twice (and with them, what is made of it).
const RANDOM: &[&str] = &[
    "randAlphaNum",
    "randAlpha",
    "randNumeric",
    "randAscii",
    "randBytes",
    "randInt",
    "shuffle",
    "uuidv4",
    "genPrivateKey",
    "genCA",
    "genSelfSignedCert",
    "genSignedCert",
    "htpasswd",
    "bcrypt",
    "encryptAES",
    "now",
];

/// How often Helm is asked again when something differs: the order of Go's maps is chance too.
const AGAIN: usize = 4;

#[derive(Default)]
struct Totals {
    charts: usize,
    cases: usize,
    files: usize,
    equal: usize,
    masked: usize,
    equal_cases: usize,
    both_fail: usize,
    same_error: usize,
    same_place: usize,
    times: Vec<Times>,
    bytes: usize,
}

/// How long one rendering took.
#[derive(Clone, Copy)]
struct Times {
    helm: f64,
    ours: f64,
    /// Most of it went into RSA keys.
    keys: bool,
}

pub(crate) fn compare(options: &Options) -> Result<()> {
    let Some(mut judges) = Judges::start()? else {
        return Ok(());
    };
    let folder = fs::canonicalize(&options.folder)
        .with_context(|| format!("cannot read {}", options.folder.display()))?;
    let mut charts = Vec::new();
    find(&folder, &mut charts)?;
    charts.sort();
    charts.retain(|chart| chart.to_string_lossy().contains(&options.only));
    let mut totals = Totals::default();
    for chart in &charts {
        totals.charts += 1;
        let name = chart.strip_prefix(&folder).unwrap_or(chart);
        for (case, values) in cases(chart, options.ci) {
            let place = format!("{}{case}", name.display());
            let question = json!({
                "chart": chart,
                "values": values,
                "options": { "name": "release", "namespace": "default" },
                "repeat": options.repeat,
                // How long a key takes is chance. Others are made for each rendering, as Helm makes them.
                "seed": totals.cases * options.repeat as usize,
            });
            for line in totals.case(&mut judges, chart, &question, options.lines)? {
                println!("{place}: {line}");
            }
        }
        if totals.charts.is_multiple_of(100) {
            eprintln!("{} of {} charts", totals.charts, charts.len());
        }
    }
    totals.report(options)
}

/// Charts in a folder, none within another.
pub(super) fn find(folder: &Path, charts: &mut Vec<PathBuf>) -> Result<()> {
    if folder.join("Chart.yaml").is_file() {
        charts.push(folder.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            find(&path, charts)?;
        } else if path.extension().is_some_and(|extension| extension == "tgz") {
            charts.push(path);
        }
    }
    Ok(())
}

/// The values files that a chart is rendered with, and how each is named.
pub(super) fn cases(chart: &Path, ci: usize) -> Vec<(String, Vec<String>)> {
    let mut cases = vec![(String::new(), Vec::new())];
    let mut paths: Vec<PathBuf> = fs::read_dir(chart.join("ci"))
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    paths.retain(|path| path.extension().is_some_and(|it| it == "yaml" || it == "yml"));
    paths.sort();
    for path in paths.iter().take(ci) {
        if let (Ok(text), Some(name)) = (fs::read_to_string(path), path.file_name()) {
            cases.push((format!(" (ci/{})", name.to_string_lossy()), vec![text]));
        }
    }
    cases
}

impl Totals {
    /// Renders with both; what differs is told in lines.
    fn case(
        &mut self,
        judges: &mut Judges,
        chart: &Path,
        question: &Value,
        most: usize,
    ) -> Result<Vec<String>> {
        self.cases += 1;
        let (helm, ours) = if question["repeat"].as_u64() > Some(1) {
            judges.ask_in_turn(question)?
        } else {
            judges.ask(question)?
        };
        match (helm.outcome, ours.outcome) {
            (Outcome::Files(theirs), Outcome::Files(files)) => {
                self.times.push(Times {
                    helm: helm.seconds,
                    ours: ours.seconds,
                    keys: ours.keys,
                });
                let out = self.files(judges, chart, question, &theirs, &files, most)?;
                self.equal_cases += usize::from(out.is_empty());
                Ok(out)
            }
            (Outcome::Error(one), Outcome::Error(other)) => {
                self.both_fail += 1;
                let same_place = places(&one) == places(&other);
                self.same_place += usize::from(same_place);
                if one == other {
                    self.same_error += 1;
                    self.equal_cases += 1;
                    return Ok(Vec::new());
                }
                let what = if same_place { "in words" } else { "in place" };
                let shown = Pair {
                    helm: &one,
                    ours: &other,
                }
                .show(most);
                Ok(vec![format!(
                    "both fail, with errors that differ {what}\n{shown}"
                )])
            }
            (Outcome::Files(theirs), Outcome::Error(text) | Outcome::Gone(text)) => {
                self.files += theirs.len();
                Ok(vec![format!("only ours fails ({} files): {text}", theirs.len())])
            }
            (Outcome::Error(text) | Outcome::Gone(text), Outcome::Files(_)) => {
                Ok(vec![format!("only Helm fails: {text}")])
            }
            (one, other) => Ok(vec![format!("no answer: {one:?} {other:?}")]),
        }
    }

    fn files(
        &mut self,
        judges: &mut Judges,
        chart: &Path,
        question: &Value,
        theirs: &BTreeMap<String, String>,
        ours: &BTreeMap<String, String>,
        most: usize,
    ) -> Result<Vec<String>> {
        let mut differing: BTreeMap<&String, &String> = BTreeMap::new();
        let mut out = Vec::new();
        for (path, text) in theirs {
            self.files += 1;
            self.bytes += text.len();
            match ours.get(path) {
                Some(own) if own == text => self.equal += 1,
                Some(own) => {
                    differing.insert(path, own);
                }
                None => out.push(format!("{path}: only Helm renders it")),
            }
        }
        let more = ours.keys().filter(|path| !theirs.contains_key(*path));
        out.extend(more.map(|path| format!("{path}: only ours renders it")));
        if differing.is_empty() {
            return Ok(out);
        }
        let mut again = Again::new(is_random(chart));
        for (path, own) in differing {
            let text = theirs.get(path).map_or("", String::as_str);
            if again.explain(judges, question, [path, text, own])? {
                self.equal += 1;
                self.masked += 1;
            } else {
                let shown = Pair {
                    helm: text,
                    ours: own,
                }
                .show(most);
                out.push(format!("{path} differs\n{}", shown.trim_end_matches('\n')));
            }
        }
        Ok(out)
    }

    fn report(&self, options: &Options) -> Result<()> {
        let percent = |part: usize, whole: usize| {
            #[expect(clippy::cast_precision_loss, reason = "counts of files")]
            let percent = 100.0 * part as f64 / whole.max(1) as f64;
            percent
        };
        let Self {
            charts,
            cases,
            files,
            equal,
            ..
        } = *self;
        println!("{charts} charts in {cases} renderings");
        println!(
            "{equal} of {files} files are equal: {:.3} % ({} of these but for lines in which Helm differs from itself)",
            percent(equal, files),
            self.masked
        );
        println!(
            "{} of {cases} renderings are equal in all: {:.2} %",
            self.equal_cases,
            percent(self.equal_cases, cases)
        );
        println!(
            "both refuse {}: {} at the same places, {} in the same words",
            self.both_fail, self.same_place, self.same_error
        );
        self.report_times();
        if let Some(least) = options.at_least
            && percent(equal, files) < least
        {
            bail!("fewer files are equal than {least} %");
        }
        Ok(())
    }

    fn report_times(&self) {
        let (keys, rest): (Vec<Times>, Vec<Times>) = self.times.iter().copied().partition(|times| times.keys);
        report_times("without RSA keys", &rest);
        report_times("with RSA keys", &keys);
        report_times("in all", &self.times);
        println!("{} MB of output", self.bytes / 1_000_000);
    }
}

fn report_times(what: &str, times: &[Times]) {
    if times.is_empty() {
        return;
    }
    let median = |mut all: Vec<f64>| {
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or_default()
    };
    let of = |pick: fn(&Times) -> f64| -> Vec<f64> { times.iter().map(pick).collect() };
    let (helm, ours) = (of(|times| times.helm), of(|times| times.ours));
    let slowest = |all: &[f64]| 1000.0 * all.iter().copied().fold(0.0, f64::max);
    let (all, own): (f64, f64) = (helm.iter().sum(), ours.iter().sum());
    println!(
        "{} renderings {what}: Helm {all:.3} s, airlock {own:.3} s, {:.1} times as fast; median {:.2} ms against {:.2} ms, {:.1} times; slowest {:.0} ms against {:.0} ms",
        times.len(),
        all / own.max(1e-9),
        1000.0 * median(ours.clone()),
        1000.0 * median(helm.clone()),
        median(of(|times| times.helm / times.ours.max(1e-9))),
        slowest(&ours),
        slowest(&helm),
    );
}

/// More renderings of the same by Helm.
struct Again {
    answers: Vec<BTreeMap<String, String>>,
    random: bool,
}

impl Again {
    const fn new(random: bool) -> Self {
        Self {
            answers: Vec::new(),
            random,
        }
    }

    /// Whether chance explains that a file differs; Helm is asked again as often as it takes. Making keys takes
    /// Helm seconds, and nearly always the first repetition is enough.
    fn explain(&mut self, judges: &mut Judges, question: &Value, file: [&str; 3]) -> Result<bool> {
        while !self.explains(file) {
            if self.answers.len() >= AGAIN {
                return Ok(false);
            }
            if self.random && self.answers.is_empty() {
                // For what depends on the second.
                std::thread::sleep(Duration::from_millis(1100));
            }
            let answer = match judges.helm.ask(question)?.outcome {
                Outcome::Files(files) => files,
                Outcome::Error(_) | Outcome::Gone(_) => BTreeMap::new(),
            };
            self.answers.push(answer);
        }
        Ok(true)
    }

    /// Whether what is known of Helm's own differences explains that ours differs.
    fn explains(&self, [path, helm, ours]: [&str; 3]) -> bool {
        let plain = |text: &str| {
            if self.random {
                without_keys(text)
            } else {
                text.to_owned()
            }
        };
        let (helm, ours) = (plain(helm), plain(ours));
        let mut random = BTreeSet::new();
        for text in self.answers.iter().filter_map(|answer| answer.get(path)) {
            let text = plain(text);
            if text == ours {
                return true;
            }
            if let Some(lines) = random_lines(&helm, &text) {
                random.extend(lines);
            }
        }
        Pair {
            helm: &helm,
            ours: &ours,
        }
        .equal_but_for(&random)
    }
}

/// Whether a random function is named anywhere in a chart; archives are taken for charts that do.
fn is_random(chart: &Path) -> bool {
    let Ok(entries) = fs::read_dir(chart) else {
        return true;
    };
    entries.filter_map(Result::ok).any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return is_random(&path);
        }
        if path.extension().is_some_and(|extension| extension == "tgz") {
            return true;
        }
        fs::read(&path).is_ok_and(|bytes| {
            let text = String::from_utf8_lossy(&bytes);
            RANDOM.iter().any(|function| text.contains(function))
        })
    })
}
