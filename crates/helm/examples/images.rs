//! Finds images in rendered files, a JSON object `{"files": {path: text}}` on each line in and one on each line out;
//! what `cargo xtask image-corpus` compares.
//!
//! Besides the findings, an answer has what simpler methods find, and `leftovers`: texts that look like references and
//! that no rule has found.
#![allow(clippy::print_stdout, reason = "an example for the command line")]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::BufRead;

use airlock_helm::images::{Finder, Found, Limits, Rule, Source};
use airlock_types::Reference;
use regex::Regex;
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let methods = Methods::new()?;
    for line in std::io::stdin().lock().lines() {
        let question: Value = serde_json::from_str(&line?)?;
        let files: BTreeMap<String, String> = serde_json::from_value(question["files"].clone())?;
        println!("{}", methods.answer(&files));
    }
    Ok(())
}

/// Methods that know nothing of structure.
struct Methods {
    key: Regex,
    whole: Regex,
    named: Regex,
}

impl Methods {
    fn new() -> Result<Self, regex::Error> {
        Ok(Self {
            key: Regex::new(r#"(?m)^[\s-]*"?image"?:\s*["']?([^\s"',}]+)"#)?,
            whole: Regex::new(
                r"(?:^|[^A-Za-z0-9./:_@-])((?:[a-z0-9][a-z0-9-]*\.)+[a-z]{2,}(?::[0-9]+)?/[a-z0-9._/-]*[a-z0-9](?::[A-Za-z0-9_][A-Za-z0-9_.-]*)?(?:@sha256:[0-9a-f]{64})?)",
            )?,
            named: Regex::new(
                r"(?:^|[^A-Za-z0-9./:_@-])([a-z0-9][a-z0-9_.-]*(?:/[a-z0-9][a-z0-9_.-]*)+:v?[0-9]+\.[0-9]+[A-Za-z0-9_.-]*(?:@sha256:[0-9a-f]{64})?)",
            )?,
        })
    }

    fn answer(&self, files: &BTreeMap<String, String>) -> Value {
        let mut finder = Finder::new(Limits::default());
        let files: Vec<_> = files
            .iter()
            .filter(|(path, _)| !path.ends_with("NOTES.txt"))
            .collect();
        let start = std::time::Instant::now();
        for (path, text) in &files {
            finder.manifest(&Source::rendered(path), text.as_bytes());
        }
        let found = finder.finish();
        let seconds = start.elapsed().as_secs_f64();
        let findings: Vec<Value> = found
            .findings
            .iter()
            .map(|one| {
                json!({
                    "reference": one.reference.to_string(),
                    "class": one.class.name(),
                    "rule": one.rule.name(),
                    "written": one.written,
                    "place": one.place.to_string(),
                })
            })
            .collect();
        let notices: Vec<Value> = found
            .notices
            .iter()
            .map(|one| json!({ "gap": one.gap.name(), "text": one.text, "place": one.place.to_string() }))
            .collect();
        let pods: BTreeSet<String> = found
            .findings
            .iter()
            .filter(|one| one.rule == Rule::PodSpec)
            .map(|one| one.reference.to_string())
            .collect();
        let mut keys = BTreeSet::new();
        for (_, text) in &files {
            keys.extend(self.key.captures_iter(text).filter_map(|one| normal(&one[1])));
        }
        json!({
            "findings": findings,
            "notices": notices,
            "pods": pods,
            "keys": keys,
            "leftovers": self.leftovers(&files, &found),
            "seconds": seconds,
        })
    }

    /// Texts that look like references with a tag, and are not among what was found.
    fn leftovers(&self, files: &[(&String, &String)], found: &Found) -> BTreeSet<String> {
        let known: BTreeSet<String> = found
            .findings
            .iter()
            .map(|one| one.reference.to_string())
            .collect();
        let mut out = BTreeSet::new();
        for (path, text) in files {
            if text.contains("kind: CustomResourceDefinition") {
                continue;
            }
            for expression in [&self.whole, &self.named] {
                for one in expression.captures_iter(text) {
                    let one = one[1].trim_end_matches(['.', ':']);
                    let Ok(reference) = one.parse::<Reference>() else {
                        continue;
                    };
                    let tagged = reference.tag.is_some() || reference.digest.is_some();
                    // Labels and taints are written alike.
                    let host = reference.repository.host.name();
                    let label = host.ends_with(".kubernetes.io") || host == "helm.sh";
                    if tagged && !label && !known.contains(&reference.to_string()) {
                        out.insert(format!("{one} in {path}"));
                    }
                }
            }
        }
        out
    }
}

fn normal(text: &str) -> Option<String> {
    let reference: Reference = text.parse().ok()?;
    Some(reference.with_default_tag().to_string())
}
