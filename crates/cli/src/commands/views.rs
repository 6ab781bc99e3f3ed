//! `airlock why`, `tree` and `diff`: views of a lock.

use std::fmt::Write as _;

use airlock_spec::deployment::Decision;
use airlock_spec::lock::{Difference, Entry, Found, Tree, Why, WhyPackage, diff, tree, why};
use airlock_spec::packages::PackageChange;
use airlock_types::{ByteSize, Platform};

use crate::args::{DiffArgs, Global, TreeArgs, WhyArgs};
use crate::failure::{Failure, Result};
use crate::{manifests, print};

pub(crate) fn run_why(args: &WhyArgs, global: &Global) -> Result {
    let lock = manifests::lock(&args.lock_file)?;
    let found = why(&lock, &args.query);
    print::result(global, &found, || found.iter().map(why_text).collect())?;
    if found.is_empty() {
        return Err(Failure::no(anyhow::anyhow!(
            "nothing in the lock is called that: {}",
            args.query
        ))
        .hint("`airlock tree` shows everything; a part of a name or a digest is enough"));
    }
    Ok(())
}

fn why_text(found: &Why) -> String {
    let mut out = format!("{} {}\n", found.kind, found.reference);
    if let Some(digest) = &found.digest {
        let what = match found.found {
            Found::Artifact | Found::NotCarried => "is its root",
            Found::Manifest => "is a manifest of it",
            Found::Blob | Found::Package => "is a blob of it",
            Found::Referrer => "is a signature, attestation or SBOM of it",
            Found::ReferrerPart => "is part of a signature, attestation or SBOM of it",
            Found::LeftOut => "is for a platform that is left out",
        };
        let _ = writeln!(out, "  {digest} {what}");
    }
    if let Some(package) = &found.package {
        let WhyPackage {
            name,
            version,
            architecture,
            why,
        } = package;
        let _ = writeln!(
            out,
            "  {name} {version} ({architecture}) is a package of it: {}",
            why.join("; ")
        );
    }
    for path in &found.why {
        let _ = writeln!(out, "  because of {path}");
    }
    for needed in &found.needed {
        let becomes = match &needed.decision {
            Decision::Carried => "carried".to_owned(),
            Decision::Confirmed => "confirmed".to_owned(),
            Decision::Ignored { reason } => format!("not carried: {reason}"),
            Decision::Open => "not carried, since nobody has confirmed it".to_owned(),
        };
        let _ = writeln!(out, "  {} for {}, {becomes}", needed.certainty, needed.component);
        for need in &needed.needs {
            let _ = writeln!(out, "    because of {need} [{}]", need.rule);
        }
    }
    out
}

pub(crate) fn run_tree(args: &TreeArgs, global: &Global) -> Result {
    let lock = manifests::lock(&args.lock_file)?;
    let view = tree(&lock);
    print::result(global, &view, || tree_text(&view))
}

fn tree_text(tree: &Tree) -> String {
    let mut out = format!(
        "{}: {} artifacts, {} blobs, {}\n",
        tree.name,
        tree.totals.artifacts,
        tree.totals.blobs,
        ByteSize(tree.totals.bytes)
    );
    for component in &tree.components {
        let _ = writeln!(out, "{}  {}", component.name, ByteSize(component.bytes));
        for (at, artifact) in component.artifacts.iter().enumerate() {
            let last = at + 1 == component.artifacts.len();
            let (branch, below) = if last {
                ("└─", "  ")
            } else {
                ("├─", "│ ")
            };
            let version = artifact
                .version
                .as_ref()
                .map(|version| format!(" = {version}"))
                .unwrap_or_default();
            let mut facts = vec![ByteSize(artifact.bytes).to_string()];
            if !artifact.platforms.is_empty() {
                facts.push(list(&artifact.platforms));
            }
            if let Some(packages) = &artifact.packages {
                let architectures = packages.architectures.join(", ");
                facts.push(format!("{} packages for {architectures}", packages.count));
            }
            if let Some(k3s) = &artifact.k3s {
                facts.push(list(&k3s.platforms));
                facts.push(format!("{} files, {} images", k3s.files.len(), k3s.images));
            }
            if artifact.left_out > 0 {
                facts.push(format!("{} left out", artifact.left_out));
            }
            let _ = writeln!(
                out,
                "{branch} {} {}{version}  {}  ({})",
                artifact.kind,
                artifact.reference,
                artifact.digest.short(),
                facts.join("; ")
            );
            if let Some(packages) = &artifact.packages {
                let _ = writeln!(out, "{below}   · {}", packages.wanted.join(", "));
            }
            for referrer in &artifact.referrers {
                let kind = referrer.artifact_type.as_deref().unwrap_or("referrer");
                let _ = writeln!(out, "{below}   · {kind}  {}", referrer.digest.short());
            }
        }
    }
    out
}

fn list(platforms: &[Platform]) -> String {
    platforms
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

pub(crate) fn run_diff(args: &DiffArgs, global: &Global) -> Result {
    let difference = diff(&manifests::lock(&args.old)?, &manifests::lock(&args.new)?);
    print::result(global, &difference, || diff_text(&difference))
}

fn diff_text(difference: &Difference) -> String {
    let mut out = format!("{} → {}\n", difference.from, difference.to);
    for entry in &difference.added {
        let _ = writeln!(out, "+ {}", entry_text(entry));
    }
    for entry in &difference.removed {
        let _ = writeln!(out, "- {}", entry_text(entry));
    }
    for change in &difference.changed {
        let version = |entry: &Entry| entry.version.clone().unwrap_or_else(|| entry.digest.short());
        let _ = write!(out, "~ {} {}", change.to.kind, change.to.reference);
        if change.from.reference != change.to.reference {
            let _ = write!(out, " (was {})", change.from.reference);
        }
        let _ = write!(out, "  {} → {}", version(&change.from), version(&change.to));
        if !change.platforms_added.is_empty() {
            let _ = write!(out, "  + {}", list(&change.platforms_added));
        }
        if !change.platforms_removed.is_empty() {
            let _ = write!(out, "  - {}", list(&change.platforms_removed));
        }
        let (more, fewer) = (change.referrers_added.len(), change.referrers_removed.len());
        if more + fewer > 0 {
            let _ = write!(out, "  signatures and the like: +{more} -{fewer}");
        }
        out.push('\n');
        for package in &change.packages {
            let _ = writeln!(out, "    {}", package_text(package));
        }
    }
    if difference.is_empty() {
        out.push_str("the same artifacts\n");
    }
    let _ = writeln!(
        out,
        "{} unchanged; {} new blobs, {} to fetch, {} no longer needed",
        difference.unchanged,
        difference.new_blobs,
        ByteSize(difference.new_bytes),
        ByteSize(difference.dropped_bytes)
    );
    out
}

pub(crate) fn package_text(package: &PackageChange) -> String {
    let (name, from, to) = (&package.name, package.from.join(", "), package.to.join(", "));
    let mut about = package.architecture.clone();
    if package.security {
        about.push_str(", security");
    }
    if from.is_empty() {
        format!("+ {name} {to} ({about})")
    } else if to.is_empty() {
        format!("- {name} {from} ({about})")
    } else {
        format!("~ {name} {from} → {to} ({about})")
    }
}

fn entry_text(entry: &Entry) -> String {
    let version = entry
        .version
        .as_ref()
        .map(|version| format!(" = {version}"))
        .unwrap_or_default();
    format!(
        "{} {}{version}  {}  {}",
        entry.kind,
        entry.reference,
        entry.digest.short(),
        ByteSize(entry.bytes)
    )
}
