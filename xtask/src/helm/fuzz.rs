//! Templates made by chance, rendered by Helm and by this repository.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::difference::{Pair, random_lines};
use super::grammar::Generator;
use super::judge::{Judges, Outcome};

/// What is compared.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Chooses the templates
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How many templates
    #[arg(long, value_name = "M", default_value_t = 1000)]
    count: u64,
    /// Show at most so many differences, each made as small as it goes
    #[arg(long, value_name = "N", default_value_t = 20)]
    show: usize,
    /// Show the template of one case and how both render it
    #[arg(long)]
    print: bool,
}

/// A chart made by chance.
struct Case {
    values: Vec<String>,
    /// Each line stands alone: any of them can be left out.
    lines: Vec<String>,
    helpers: String,
}

impl Case {
    fn new(seed: u64) -> Self {
        let mut generator = Generator::new(seed);
        let values = generator.values();
        let helpers = generator.helpers();
        let lines = (0..=generator.below(3)).map(|_| generator.line()).collect();
        Self {
            values,
            lines,
            helpers,
        }
    }

    fn question(&self, values: &[String], lines: &[String]) -> Value {
        json!({
            "files": {
                "Chart.yaml": "apiVersion: v2\nname: fuzz\nversion: 1.2.3\nappVersion: \"2.0\"\n",
                "values.yaml": values.concat(),
                "templates/_h.tpl": self.helpers,
                "templates/a.yaml": lines.concat(),
            },
            "options": { "name": "rel", "namespace": "space" },
        })
    }

    /// The same difference from as few lines as possible.
    fn smallest(&self, judges: &mut Judges) -> Result<(Vec<String>, Vec<String>)> {
        let (mut values, mut lines) = (self.values.clone(), self.lines.clone());
        for _ in 0..2 {
            let mut at = 0;
            while at < lines.len() {
                let mut fewer = lines.clone();
                fewer.remove(at);
                if differs(judges, &self.question(&values, &fewer))?.is_some() {
                    lines = fewer;
                } else {
                    at += 1;
                }
            }
            let mut at = 0;
            while at < values.len() {
                let mut fewer = values.clone();
                fewer.remove(at);
                if differs(judges, &self.question(&fewer, &lines))?.is_some() {
                    values = fewer;
                } else {
                    at += 1;
                }
            }
        }
        Ok((values, lines))
    }
}

pub(crate) fn compare(options: &Options) -> Result<()> {
    let Some(mut judges) = Judges::start()? else {
        return Ok(());
    };
    if options.print {
        let case = Case::new(options.seed);
        let question = case.question(&case.values, &case.lines);
        println!("{}{}{}", case.values.concat(), case.helpers, case.lines.concat());
        let (helm, ours) = judges.ask(&question)?;
        println!("{:?}\n{:?}", helm.outcome, ours.outcome);
    }
    let (mut failed, mut explained, mut found, mut seconds) = (0_u64, 0_u64, 0_usize, (0.0, 0.0));
    for number in 0..options.count {
        let seed = options.seed.wrapping_add(number);
        let case = Case::new(seed);
        let (helm, ours) = judges.ask(&case.question(&case.values, &case.lines))?;
        seconds = (seconds.0 + helm.seconds, seconds.1 + ours.seconds);
        failed += u64::from(matches!(helm.outcome, Outcome::Error(_)));
        if difference(&helm.outcome, &ours.outcome).is_none() {
            continue;
        }
        let question = case.question(&case.values, &case.lines);
        if is_explained(&ours.outcome) || differs(&mut judges, &question)?.is_none() {
            explained += 1;
            continue;
        }
        found += 1;
        if found > options.show {
            continue;
        }
        let (values, lines) = case.smallest(&mut judges)?;
        let shown = differs(&mut judges, &case.question(&values, &lines))?.unwrap_or_default();
        println!(
            "seed {seed}:\n{}{}{shown}",
            indented(&values.concat()),
            indented(&lines.concat())
        );
    }
    println!(
        "{} templates, {failed} of which fail; {explained} differ as docs/helm-differences.md tells, {found} \
         otherwise; Helm {:.1} s, airlock {:.1} s",
        options.count, seconds.0, seconds.1
    );
    if found > 0 {
        bail!("{found} templates are rendered differently");
    }
    Ok(())
}

/// Go lets `slice` reach past the end of a list, as far as there happens to be memory; we never do.
fn is_explained(ours: &Outcome) -> bool {
    matches!(ours, Outcome::Error(text) if text.ends_with("reflect.Value.Slice: slice index out of bounds"))
}

fn indented(text: &str) -> String {
    text.lines()
        .fold(String::new(), |out, line| out + "  " + line + "\n")
}

/// How both differ, also when Helm is asked again: what it renders by chance is no difference.
fn differs(judges: &mut Judges, question: &Value) -> Result<Option<String>> {
    let (helm, ours) = judges.ask(question)?;
    let Some(shown) = difference(&helm.outcome, &ours.outcome) else {
        return Ok(None);
    };
    let mut answers = Vec::new();
    for _ in 0..3 {
        let again = judges.helm.ask(question)?;
        if difference(&again.outcome, &ours.outcome).is_none() {
            return Ok(None);
        }
        answers.push(again.outcome);
    }
    Ok((!is_chance(&helm.outcome, &answers, &ours.outcome)).then_some(shown))
}

/// Whether only lines differ in which Helm differs from itself, such as where something lies in memory.
fn is_chance(helm: &Outcome, answers: &[Outcome], ours: &Outcome) -> bool {
    let (Outcome::Files(helm), Outcome::Files(ours)) = (helm, ours) else {
        return false;
    };
    helm.len() == ours.len()
        && helm.iter().all(|(path, theirs)| {
            let Some(own) = ours.get(path) else {
                return false;
            };
            let mut random = BTreeSet::new();
            for answer in answers {
                if let Outcome::Files(files) = answer
                    && let Some(lines) = files.get(path).and_then(|text| random_lines(theirs, text))
                {
                    random.extend(lines);
                }
            }
            let pair = Pair {
                helm: theirs,
                ours: own,
            };
            theirs == own || pair.equal_but_for(&random)
        })
}

fn difference(helm: &Outcome, ours: &Outcome) -> Option<String> {
    if helm == ours {
        return None;
    }
    Some(match (helm, ours) {
        (Outcome::Files(theirs), Outcome::Files(files)) => {
            let text = |files: &std::collections::BTreeMap<String, String>| {
                files.values().cloned().collect::<Vec<_>>().join("\n")
            };
            Pair {
                helm: &text(theirs),
                ours: &text(files),
            }
            .show(3)
        }
        (Outcome::Error(one), Outcome::Error(other)) => Pair {
            helm: one,
            ours: other,
        }
        .show(3),
        (one, other) => {
            let show = |outcome: &Outcome| match outcome {
                Outcome::Files(files) => format!("{:?}", files.values().collect::<Vec<_>>()),
                Outcome::Error(text) => format!("error {text:?}"),
                Outcome::Gone(text) => text.clone(),
            };
            format!("      - {}\n      + {}\n", show(one), show(other))
        }
    })
}
