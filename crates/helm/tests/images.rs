//! Charts of our own, in the shapes of well-known ones, with what a person finds in them by reading.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use airlock_helm::ChartFile;
use airlock_helm::chart::{Chart, Profile};
use airlock_helm::images::{Class, Finder, Found, Limits};
use airlock_helm::render::{Options, TemplateOptions, ValueSources, coalesced_values, template};
use airlock_types::Reference;

/// What a person has written down of a chart.
#[derive(Default)]
struct Labels {
    images: BTreeMap<String, Class>,
    notices: Vec<(String, String)>,
    traps: Vec<String>,
    /// What is taken for an image and is none, and nobody can tell without knowing more: counted against precision.
    wrong: BTreeMap<String, String>,
}

impl Labels {
    fn read(path: &Path) -> Self {
        let mut labels = Self::default();
        for line in fs::read_to_string(path).unwrap().lines() {
            let Some((word, rest)) = line.split_once(' ').filter(|(word, _)| *word != "#") else {
                continue;
            };
            let class = match word {
                "sure" => Class::Sure,
                "probable" => Class::Probable,
                "possible" => Class::Possible,
                "notice" => {
                    let (gap, text) = rest.split_once(' ').unwrap();
                    labels.notices.push((gap.to_owned(), text.to_owned()));
                    continue;
                }
                "wrong" => {
                    let (class, reference) = rest.split_once(' ').unwrap();
                    labels.wrong.insert(reference.to_owned(), class.to_owned());
                    continue;
                }
                "trap" => {
                    labels.traps.push(rest.to_owned());
                    continue;
                }
                other => panic!("{}: {other}", path.display()),
            };
            assert!(
                labels.images.insert(rest.to_owned(), class).is_none(),
                "{}: {rest} twice",
                path.display()
            );
        }
        labels
    }
}

fn files(folder: &Path, prefix: &str, out: &mut Vec<ChartFile>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            files(&entry.path(), &format!("{path}/"), out);
        } else if path != "labels.txt" {
            out.push(ChartFile {
                bytes: fs::read(entry.path()).unwrap(),
                path,
            });
        }
    }
}

/// What is found in a chart, and all that was looked at as one text.
fn find(folder: &Path) -> (Found, String) {
    let mut all = Vec::new();
    files(folder, "", &mut all);
    let mut text = String::new();
    for file in &all {
        if !file.path.starts_with("templates/") {
            text.push_str(&String::from_utf8_lossy(&file.bytes));
        }
    }
    let chart = Chart::from_files(all, Profile::Helm4).unwrap();
    let values = ValueSources::default();
    let options = Options::new(Profile::Helm4);
    let no_files = &mut |name: &str| Err(name.to_owned());
    let templated = template(&chart, &values, &options, no_files).unwrap();
    let printed = templated
        .print(&TemplateOptions::default(), Profile::Helm4)
        .unwrap();
    text.push_str(&String::from_utf8(printed).unwrap());
    let mut finder = Finder::new(Limits::default());
    finder.templated(&templated);
    finder.chart(&chart);
    finder.values(
        &chart,
        &coalesced_values(&chart, &values, &options, no_files).unwrap(),
    );
    (finder.finish(), text)
}

fn scenarios() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images");
    let mut all: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    all.sort();
    all
}

#[derive(Default)]
struct Count {
    labelled: usize,
    of_labelled: usize,
    found: usize,
    of_found: usize,
}

impl Count {
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    fn percent(part: usize, whole: usize) -> f64 {
        100.0 * part as f64 / whole.max(1) as f64
    }

    fn recall(&self) -> f64 {
        Self::percent(self.of_labelled, self.labelled)
    }

    fn precision(&self) -> f64 {
        Self::percent(self.of_found, self.found)
    }
}

#[test]
fn what_a_person_finds_is_found() {
    let mut counts: BTreeMap<Class, Count> = BTreeMap::new();
    let mut both = Count::default();
    let mut wrong = Vec::new();
    let scenarios = scenarios();
    assert!(scenarios.len() >= 16, "{}", scenarios.len());
    for folder in &scenarios {
        let name = folder.file_name().unwrap().to_str().unwrap();
        let labels = Labels::read(&folder.join("labels.txt"));
        let (found, text) = find(folder);
        let classes: BTreeMap<String, Class> = found
            .images()
            .iter()
            .map(|image| (image.reference.to_string(), image.class))
            .collect();
        let places = |reference: &str| {
            let places = found
                .findings
                .iter()
                .filter(|one| one.reference.to_string() == reference);
            let places: Vec<String> = places.map(|one| format!("{} {}", one.rule, one.place)).collect();
            places.join("; ")
        };
        for (reference, class) in &labels.images {
            let of = counts.entry(*class).or_default();
            of.labelled += 1;
            let is = classes.get(reference);
            of.of_labelled += usize::from(is.is_some_and(|is| is <= class));
            if *class < Class::Possible {
                both.labelled += 1;
                both.of_labelled += usize::from(is.is_some_and(|is| *is < Class::Possible));
            }
            if is != Some(class) {
                wrong.push(format!(
                    "{name}: {reference} is {class}, and was found {is:?} by {}",
                    places(reference)
                ));
            }
        }
        for (reference, class) in &classes {
            let of = counts.entry(*class).or_default();
            of.found += 1;
            let right = labels.images.get(reference);
            of.of_found += usize::from(right.is_some_and(|right| right <= class));
            let known = labels
                .wrong
                .get(reference)
                .is_some_and(|known| known == class.name());
            if right.is_none() && !known {
                wrong.push(format!(
                    "{name}: {reference} was found {class} by {}",
                    places(reference)
                ));
            }
        }
        check_notices(name, &labels, &found, &mut wrong);
        for reference in labels.wrong.keys().filter(|one| !classes.contains_key(*one)) {
            wrong.push(format!("{name}: {reference} is no longer taken for an image"));
        }
        check_traps(name, &labels, &found, &text, &mut wrong);
    }
    println!(
        "{:<10} {:>8} {:>8} {:>6} {:>10}",
        "class", "labelled", "recall", "found", "precision"
    );
    for (class, of) in &counts {
        println!(
            "{class:<10} {:>8} {:>7.1}% {:>6} {:>9.1}%",
            of.labelled,
            of.recall(),
            of.found,
            of.precision()
        );
    }
    println!(
        "{} scenarios; recall of sure and probable together {:.1} % of {}",
        scenarios.len(),
        both.recall(),
        both.labelled
    );
    println!("{}", wrong.join("\n"));
    assert_eq!(both.of_labelled, both.labelled, "recall of sure and probable");
    assert!(both.labelled >= 100);
    let sure = &counts[&Class::Sure];
    assert_eq!(sure.of_found, sure.found, "precision of sure");
    assert!(
        counts[&Class::Probable].precision() >= 90.0,
        "precision of probable"
    );
    assert!(wrong.is_empty(), "differences from the labels are above");
}

/// A trap must be there to be one, and neither it nor a reference that is made of it may be found.
fn check_traps(name: &str, labels: &Labels, found: &Found, text: &str, wrong: &mut Vec<String>) {
    assert!(labels.traps.len() >= 2, "{name} has no traps");
    let written: BTreeSet<&str> = found.findings.iter().map(|one| one.written.as_str()).collect();
    for trap in &labels.traps {
        assert!(
            text.contains(trap.as_str()),
            "{name}: the trap {trap} is not there"
        );
        let parsed: Option<Reference> = trap.parse().ok();
        let normal = parsed.map(Reference::with_default_tag);
        let fell = written.contains(trap.as_str())
            || found
                .findings
                .iter()
                .any(|one| Some(&one.reference) == normal.as_ref());
        if fell {
            wrong.push(format!("{name}: the trap {trap} was taken for an image"));
        }
    }
}

/// The notices are those that are labelled, no less and no more.
fn check_notices(name: &str, labels: &Labels, found: &Found, wrong: &mut Vec<String>) {
    for (gap, part) in &labels.notices {
        let told =
            |one: &airlock_helm::images::Notice| one.gap.name() == gap && one.text.contains(part.as_str());
        if !found.notices.iter().any(told) {
            wrong.push(format!(
                "{name}: no notice {gap} of {part} in {:?}",
                found.notices
            ));
        }
    }
    for notice in &found.notices {
        let told =
            |(gap, part): &(String, String)| notice.gap.name() == gap && notice.text.contains(part.as_str());
        if !labels.notices.iter().any(told) {
            wrong.push(format!(
                "{name}: nobody expects the notice {} {} at {}",
                notice.gap, notice.text, notice.place
            ));
        }
    }
}
