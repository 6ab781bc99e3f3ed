//! `airlock ls`: the roots of a bundle (as it claims them) or of a store.

use airlock_content::GenerationView;
use airlock_store::Store;
use airlock_types::annotation;
use serde::Serialize;

use crate::args::{Global, LsArgs};
use crate::bundles;
use crate::failure::Result;
use crate::print;

#[derive(Serialize)]
struct Line {
    kind: String,
    reference: String,
    digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bundle: Option<String>,
}

pub(crate) fn run(args: &LsArgs, global: &Global) -> Result {
    bundles::must_exist(&args.path)?;
    let lines = if args.path.join("airlock").is_dir() {
        store(&args.path)?
    } else {
        bundle(&args.path)?
    };
    print::result(global, &lines, || {
        let mut out = String::new();
        for line in lines.iter().filter(|line| line.subject.is_none()) {
            let bundle = line
                .bundle
                .as_ref()
                .map(|bundle| format!("  ({bundle})"))
                .unwrap_or_default();
            out.push_str(&format!(
                "{:6} {}  {}{bundle}\n",
                line.kind, line.reference, line.digest
            ));
        }
        let referrers = lines.iter().filter(|line| line.subject.is_some()).count();
        if referrers > 0 {
            out.push_str(&format!(
                "and {referrers} signatures, attestations and SBOMs about them\n"
            ));
        }
        if lines.is_empty() {
            out.push_str("nothing\n");
        }
        out
    })
}

fn store(path: &std::path::Path) -> Result<Vec<Line>> {
    let generation = Store::open(path)?.generation()?;
    Ok(generation
        .roots
        .iter()
        .map(|root| {
            let note = |key: &str| root.descriptor.annotations.get(key).cloned();
            Line {
                kind: note(annotation::KIND).unwrap_or_default(),
                reference: root.reference.to_string(),
                digest: root.descriptor.digest.to_string(),
                subject: root.subject.map(|digest| digest.to_string()),
                bundle: note(annotation::BUNDLE)
                    .map(|name| format!("{name} {}", note(annotation::BUNDLE_VERSION).unwrap_or_default())),
            }
        })
        .collect())
}

fn bundle(path: &std::path::Path) -> Result<Vec<Line>> {
    let bundle = bundles::open(path)?;
    let index = bundle
        .claimed_index()
        .map_err(|error| bundles::refused(path, error))?;
    Ok(index
        .index()
        .roots
        .iter()
        .map(|root| Line {
            kind: root.kind.to_string(),
            reference: root.reference.to_string(),
            digest: root.digest.to_string(),
            subject: root.subject.map(|digest| digest.to_string()),
            bundle: None,
        })
        .collect())
}
