//! The images of every chart below a folder: the same from Helm's rendering as from ours, and what simpler methods miss.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::corpus::{cases, find};
use super::judge::{Judges, Outcome, Program};
use crate::cargo::target;

/// What is compared.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Folders of charts; charts are folders with a Chart.yaml, and archives
    #[arg(required = true)]
    folders: Vec<PathBuf>,
    /// Only charts whose path has this in it
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Besides a chart's own values, at most so many of the values files in its folder `ci`
    #[arg(long, value_name = "N", default_value_t = 0)]
    ci: usize,
    /// Print every reference that is found, with its class, rule and place
    #[arg(long)]
    show: bool,
    /// Print texts of rendered files that look like references and that no rule has found
    #[arg(long)]
    leftovers: bool,
    /// Print the notices: what could not be told
    #[arg(long)]
    notices: bool,
}

/// References that a person has looked at, since a method found them and another did not.
const JUDGED: &str = include_str!("images.txt");

/// The ways to look for images, from the simplest on.
const METHODS: [&str; 4] = [
    "pod specs",
    "`image:` by a regular expression",
    "sure",
    "sure and probable",
];

/// What was found in one rendering, by each method.
type Sets = [BTreeSet<String>; 4];

#[derive(Default)]
struct Totals {
    charts: usize,
    renderings: usize,
    refused: usize,
    /// References that are right, counted in each rendering.
    right: usize,
    missed: [usize; 4],
    invented: [usize; 4],
    missing_charts: [BTreeSet<String>; 4],
    different: usize,
    notices: BTreeMap<String, usize>,
    rules: BTreeMap<String, usize>,
    leftovers: usize,
    seconds: f64,
}

pub(crate) fn compare(options: &Options) -> Result<()> {
    let Some(mut judges) = Judges::start()? else {
        return Ok(());
    };
    let mut finder = Program::start("images", vec![target()?.join("release/examples/images")])?;
    let wrong = judged();
    let mut charts = Vec::new();
    for folder in &options.folders {
        let folder = fs::canonicalize(folder).with_context(|| format!("cannot read {}", folder.display()))?;
        find(&folder, &mut charts)?;
    }
    charts.sort();
    charts.dedup();
    let folder = common(&charts);
    charts.retain(|chart| chart.to_string_lossy().contains(&options.only));
    let mut totals = Totals::default();
    for chart in &charts {
        totals.charts += 1;
        let name = chart.strip_prefix(&folder).unwrap_or(chart).display().to_string();
        for (case, values) in cases(chart, options.ci) {
            let question = json!({
                "chart": chart,
                "values": values,
                "options": { "name": "release", "namespace": "default" },
            });
            let (helm, ours) = judges.ask(&question)?;
            let (Outcome::Files(theirs), Outcome::Files(files)) = (helm.outcome, ours.outcome) else {
                totals.refused += 1;
                continue;
            };
            let of_helm = ask(&mut finder, &theirs)?;
            let of_ours = ask(&mut finder, &files)?;
            totals.rendering(
                &name,
                &format!("{name}{case}"),
                &of_helm,
                &of_ours,
                &wrong,
                options,
            );
        }
    }
    totals.report()
}

/// The folder that all charts are in.
fn common(charts: &[PathBuf]) -> PathBuf {
    let mut folder = charts
        .first()
        .and_then(|chart| chart.parent())
        .map(PathBuf::from)
        .unwrap_or_default();
    while !charts.iter().all(|chart| chart.starts_with(&folder)) && folder.pop() {}
    folder
}

/// What is wrong, by hand: `wrong REFERENCE reason`.
fn judged() -> BTreeSet<&'static str> {
    JUDGED
        .lines()
        .filter_map(|line| line.strip_prefix("wrong "))
        .filter_map(|line| line.split_whitespace().next())
        .collect()
}

fn ask(finder: &mut Program, files: &BTreeMap<String, String>) -> Result<Value> {
    finder.send(&json!({ "files": files }))?;
    match finder.answer()? {
        Ok(value) => Ok(value),
        Err(reason) => bail!(reason),
    }
}

fn strings(value: &Value) -> BTreeSet<String> {
    let items = value.as_array().into_iter().flatten();
    items.filter_map(|item| Some(item.as_str()?.to_owned())).collect()
}

fn sets(answer: &Value) -> Sets {
    let of = |classes: &[&str]| {
        let findings = answer["findings"].as_array().into_iter().flatten();
        findings
            .filter(|one| classes.contains(&one["class"].as_str().unwrap_or_default()))
            .filter_map(|one| Some(one["reference"].as_str()?.to_owned()))
            .collect()
    };
    [
        strings(&answer["pods"]),
        strings(&answer["keys"]),
        of(&["sure"]),
        of(&["sure", "probable"]),
    ]
}

impl Totals {
    fn rendering(
        &mut self,
        chart: &str,
        name: &str,
        helm: &Value,
        ours: &Value,
        wrong: &BTreeSet<&str>,
        options: &Options,
    ) {
        self.renderings += 1;
        self.seconds += ours["seconds"].as_f64().unwrap_or_default();
        let (theirs, own) = (sets(helm), sets(ours));
        for (at, class) in [(2, "sure"), (3, "sure or probable")] {
            for only in theirs[at].difference(&own[at]) {
                self.different += 1;
                println!("{name}: {class} in what Helm renders alone: {only}");
            }
            for only in own[at].difference(&theirs[at]) {
                self.different += 1;
                println!("{name}: {class} in what we render alone: {only}");
            }
        }
        let all: BTreeSet<&String> = own.iter().flatten().collect();
        let right: BTreeSet<&String> = all
            .iter()
            .filter(|one| !wrong.contains(one.as_str()))
            .copied()
            .collect();
        self.right += right.len();
        for (at, set) in own.iter().enumerate() {
            let missed = right.iter().filter(|one| !set.contains(**one)).count();
            self.missed[at] += missed;
            self.invented[at] += set.iter().filter(|one| wrong.contains(one.as_str())).count();
            if missed > 0 {
                self.missing_charts[at].insert(chart.to_owned());
            }
        }
        for only in right.iter().filter(|one| !own[3].contains(**one)) {
            println!("{name}: found by a simpler method alone: {only}");
        }
        for one in ours["findings"].as_array().into_iter().flatten() {
            let text = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
            *self.rules.entry(text("rule")).or_default() += 1;
            if options.show {
                println!(
                    "{name}: {} {} {} at {}",
                    text("class"),
                    text("rule"),
                    text("reference"),
                    text("place")
                );
            }
        }
        for one in ours["notices"].as_array().into_iter().flatten() {
            let text = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
            *self.notices.entry(text("gap")).or_default() += 1;
            if options.notices {
                println!(
                    "{name}: notice {} {} at {}",
                    text("gap"),
                    text("text"),
                    text("place")
                );
            }
        }
        for one in strings(&ours["leftovers"]) {
            self.leftovers += 1;
            if options.leftovers {
                println!("{name}: leftover {one}");
            }
        }
    }

    fn report(&self) -> Result<()> {
        println!(
            "{} charts, {} renderings, {} more that either engine refuses; {} references that are right",
            self.charts, self.renderings, self.refused, self.right
        );
        println!("| method | found | missed | charts with missed ones | invented |\n|---|---|---|---|---|");
        for (at, method) in METHODS.iter().enumerate() {
            println!(
                "| {method} | {} | {} | {} | {} |",
                self.right - self.missed[at],
                self.missed[at],
                self.missing_charts[at].len(),
                self.invented[at]
            );
        }
        println!("by rule: {}", listed(&self.rules));
        println!("notices: {}", listed(&self.notices));
        println!(
            "{} references differ between the engines; {} texts look like references and were not found by any rule",
            self.different, self.leftovers
        );
        println!("finding took {:.2} s in all", self.seconds);
        if self.different > 0 || self.invented[2] > 0 {
            bail!("the sets of images differ, or sure ones are invented");
        }
        Ok(())
    }
}

fn listed(counts: &BTreeMap<String, usize>) -> String {
    let all: Vec<String> = counts
        .iter()
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    all.join(", ")
}
