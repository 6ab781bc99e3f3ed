//! `airlock inspect`: what a bundle says it is. Nothing is verified, and that is said.

use airlock_bundle::BundleError;
use serde::Serialize;

use crate::args::{Global, InspectArgs};
use crate::bundles::{self, Facts};
use crate::failure::Result;
use crate::print;

#[derive(Serialize)]
struct Claims {
    verified: bool,
    #[serde(flatten)]
    facts: Facts,
    signatures: Vec<String>,
    contents: Vec<Content>,
}

#[derive(Serialize)]
struct Content {
    kind: String,
    reference: String,
    digest: String,
}

pub(crate) fn run(args: &InspectArgs, global: &Global) -> Result {
    bundles::must_exist(&args.bundle)?;
    let bundle = bundles::open(&args.bundle)?;
    let index = bundle
        .claimed_index()
        .map_err(|error: BundleError| bundles::refused(&args.bundle, error))?;
    let claims = Claims {
        verified: false,
        facts: Facts::of(&index),
        signatures: bundle.signatures().iter().map(|(path, _)| path.clone()).collect(),
        contents: index
            .index()
            .roots
            .iter()
            .filter(|root| root.subject.is_none())
            .map(|root| Content {
                kind: root.kind.to_string(),
                reference: root.reference.to_string(),
                digest: root.digest.to_string(),
            })
            .collect(),
    };
    print::result(global, &claims, || {
        let mut out = claims.facts.text();
        for signature in &claims.signatures {
            out.push_str(&format!("signature {signature}\n"));
        }
        out.push('\n');
        for content in &claims.contents {
            out.push_str(&format!(
                "{:6} {}  {}\n",
                content.kind, content.reference, content.digest
            ));
        }
        out.push_str("\nnot verified: this is what the bundle says of itself; `airlock verify` checks it\n");
        out
    })
}
