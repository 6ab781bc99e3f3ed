//! What switches add to the images of every chart below some folders, and how long it takes; the figures of
//! `docs/images.md`.
#![allow(clippy::print_stdout, reason = "an example for the command line")]

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use airlock_closure::{Cluster, Limits, Needs, Release, Toggles, needs};
use airlock_helm::chart::{Chart, Profile};
use airlock_helm::images::{Class, Gap};
use airlock_helm::{ChartFile, IgnoreRules};
use airlock_types::Reference;

fn main() -> Result<(), Box<dyn Error>> {
    let mut charts = Vec::new();
    let mut only = String::new();
    for argument in std::env::args().skip(1) {
        match argument.strip_prefix("--only=") {
            Some(text) => text.clone_into(&mut only),
            None => find(Path::new(&argument), &mut charts)?,
        }
    }
    charts.retain(|chart| chart.to_string_lossy().contains(&only));
    charts.sort();
    let mut total = Total::default();
    for chart in &charts {
        total.chart(chart)?;
    }
    total.report();
    Ok(())
}

#[derive(Default)]
struct Total {
    charts: usize,
    refused: usize,
    plain: usize,
    possible: usize,
    added: usize,
    known: usize,
    together: usize,
    unexplained: usize,
    refusals: usize,
    bounds: usize,
    gaps: usize,
    times: Vec<(Duration, String)>,
}

fn references(needs: &Needs, keep: impl Fn(&airlock_closure::Need) -> bool) -> BTreeSet<Reference> {
    let kept = needs.needs.iter().filter(|need| keep(need));
    kept.map(|need| need.finding.reference.clone()).collect()
}

impl Total {
    fn chart(&mut self, folder: &Path) -> Result<(), Box<dyn Error>> {
        let name = folder.display().to_string();
        let mut files = Vec::new();
        if folder.is_dir() {
            let rules = match fs::read(folder.join(".helmignore")) {
                Ok(bytes) => IgnoreRules::parse(&bytes)?,
                Err(_) => IgnoreRules::default(),
            };
            walk(folder, "", &rules.with_defaults(), &mut files)?;
        }
        let chart = if folder.is_dir() {
            Chart::from_files(files, Profile::Helm4)
        } else {
            Chart::from_archive(&fs::read(folder)?, Profile::Helm4)
        };
        let Ok(chart) = chart else {
            self.refused += 1;
            return Ok(());
        };
        let mut release = Release::new(&chart);
        let cluster = Cluster::default();
        let Ok(plain) = needs(&release, &cluster, Limits::default()) else {
            self.refused += 1;
            return Ok(());
        };
        release.toggles = Toggles::All;
        let start = Instant::now();
        let all = needs(&release, &cluster, Limits::default())?;
        let took = start.elapsed();
        self.charts += 1;
        let rendered = |need: &airlock_closure::Need| need.finding.class < Class::Possible;
        let before = references(&plain, rendered);
        let possible = references(&plain, |need| !rendered(need));
        let after = references(&all, rendered);
        let added: BTreeSet<&Reference> = after.difference(&before).collect();
        self.plain += before.len();
        self.possible += possible.len();
        self.added += added.len();
        self.known += added.iter().filter(|one| possible.contains(**one)).count();
        let mut unexplained = 0;
        for image in all.images() {
            let Some(first) = image.needs.first() else {
                continue;
            };
            if let Some(variant) = &first.variant
                && added.contains(image.reference)
            {
                self.together += usize::from(
                    image
                        .needs
                        .iter()
                        .all(|need| need.variant.as_ref().is_some_and(|name| name.contains(','))),
                );
                unexplained += usize::from(variant == "all switches");
                println!("{name}: {} with {variant}", image.reference);
            }
        }
        self.unexplained += unexplained;
        for unknown in all.unknowns.iter().filter(|one| !plain.unknowns.contains(one)) {
            match unknown.notice.gap {
                Gap::Unrendered => self.refusals += 1,
                Gap::Unread if unknown.variant.is_none() => {
                    self.bounds += 1;
                    println!("{name}: {unknown}");
                }
                _ => self.gaps += 1,
            }
        }
        println!(
            "{name}: {} images, {} with variants, {:.2} s",
            before.len(),
            after.len(),
            took.as_secs_f64()
        );
        self.times.push((took, name));
        Ok(())
    }

    fn report(&mut self) {
        self.times.sort();
        let all: Duration = self.times.iter().map(|(took, _)| *took).sum();
        let at = |share: usize| {
            let index = (self.times.len() * share / 100).min(self.times.len().saturating_sub(1));
            self.times.get(index).map_or(0.0, |(took, _)| took.as_secs_f64())
        };
        println!("{} charts, {} that are refused", self.charts, self.refused);
        println!(
            "{} images as they are, {} possible; variants add {}, of which {} were possible; {} need switches together, {} unexplained",
            self.plain, self.possible, self.added, self.known, self.together, self.unexplained
        );
        println!(
            "{} variants are refused, {} charts reach a limit, {} more gaps",
            self.refusals, self.bounds, self.gaps
        );
        println!(
            "{:.1} s in all; a chart takes {:.3} s in the middle, {:.2} s at 90 %, {:.2} s at 99 %, {:.2} s at most",
            all.as_secs_f64(),
            at(50),
            at(90),
            at(99),
            at(100)
        );
        for (took, name) in self.times.iter().rev().take(10) {
            println!("{:.2} s {name}", took.as_secs_f64());
        }
    }
}

fn find(folder: &Path, charts: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    if folder.join("Chart.yaml").is_file() {
        charts.push(folder.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let path = entry.path();
        if kind.is_dir() {
            if entry.file_name() != ".git" {
                find(&path, charts)?;
            }
        } else if kind.is_file() && path.extension().is_some_and(|end| end == "tgz") {
            charts.push(path);
        }
    }
    Ok(())
}

fn walk(
    folder: &Path,
    prefix: &str,
    rules: &IgnoreRules,
    files: &mut Vec<ChartFile>,
) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if rules.ignores(&path) {
            continue;
        }
        let Ok(metadata) = fs::metadata(entry.path()) else {
            continue;
        };
        if metadata.is_dir() {
            walk(&entry.path(), &format!("{path}/"), rules, files)?;
        } else {
            let bytes = fs::read(entry.path())?;
            files.push(ChartFile { path, bytes });
        }
    }
    Ok(())
}
