//! What runs in a cluster and what is here, for people and for programs.

use std::fmt::Write as _;
use std::path::Path;

use airlock_closure::{Compared, Unheld, Use};
use airlock_types::Reference;
use serde::Serialize;

use super::report::{SHOWN, count};
use crate::cluster::Cluster;
use crate::failure::tamed;

/// A cluster.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Seen {
    /// Whether everything that runs or is wanted is here as it runs.
    pub(super) established: bool,
    /// The dump or kubeconfig.
    source: String,
    objects: usize,
    nodes: usize,
    #[serde(flatten)]
    compared: Compared,
    /// What was not seen, or could not be told.
    skipped: Vec<String>,
}

impl Seen {
    pub(super) fn new(path: &Path, compared: Compared, cluster: Cluster) -> Self {
        let mut skipped = cluster.skipped;
        if !cluster.running.is_any() {
            skipped.push("the dump has nodes only, so that nobody knows what runs".to_owned());
        }
        skipped.extend(cluster.running.unread());
        Self {
            established: compared.is_established(),
            source: path.display().to_string(),
            objects: cluster.running.objects(),
            nodes: cluster.running.nodes(),
            compared,
            skipped,
        }
    }

    /// The end of the command, where something is not here.
    pub(super) fn verdict(&self) -> String {
        let missing = self.compared.missing.len();
        let drifted = self.compared.drifted.len();
        let all = count(self.compared.images, "image");
        match (missing, drifted) {
            (missing, 0) => format!("of {all} in the cluster, {missing} not here"),
            (0, drifted) => format!("of {all} in the cluster, {drifted} not as they are here"),
            _ => format!("of {all} in the cluster, {missing} not here and {drifted} not as they are here"),
        }
    }

    /// What to do about it.
    pub(super) fn hint(&self) -> &'static str {
        let missing = &self.compared.missing;
        if missing.iter().any(|image| !image.held_as.is_empty()) {
            "only exact references count; let nodes pull the upstream names through a mirror, so that they run what is here under its own name"
        } else if missing.is_empty() {
            "a tag was moved; run what is here again, or lock and carry what runs"
        } else {
            "where the bundle is made, add what is needed to `images` of a component; a new node could not pull it here"
        }
    }

    pub(super) fn text(&self, verbose: bool) -> String {
        let it = &self.compared;
        let mut out = format!(
            "cluster {}: {} in {}\n",
            self.source,
            count(it.images, "image"),
            count(self.objects, "object")
        );
        if it.held > 0 {
            let _ = writeln!(
                out,
                "  established       {} of what runs or is wanted here, {} with the digest that runs",
                count(it.held, "image"),
                it.confirmed
            );
        }
        if !it.missing.is_empty() {
            let _ = writeln!(
                out,
                "  not established   {} not here",
                count(it.missing.len(), "image")
            );
        }
        for image in &it.missing {
            unheld(&mut out, image);
        }
        if !it.drifted.is_empty() {
            let _ = writeln!(
                out,
                "  not established   {} with another digest than here",
                count(it.drifted.len(), "image")
            );
        }
        for image in &it.drifted {
            let _ = writeln!(out, "    {}, here {}", image.reference, image.held);
            places(&mut out, &image.used_by);
        }
        if !it.unjudged.is_empty() {
            let _ = writeln!(
                out,
                "  skipped           {} not here that something has ended with, or that is only named in settings",
                count(it.unjudged.len(), "image")
            );
        }
        for image in &it.unjudged {
            unheld(&mut out, image);
        }
        if !self.skipped.is_empty() {
            let _ = writeln!(
                out,
                "  skipped           {} that could not be told",
                count(self.skipped.len(), "thing")
            );
        }
        for skipped in &self.skipped {
            let _ = writeln!(out, "    {skipped}");
        }
        more(&mut out, verbose, &it.on_nodes, "on nodes, not here and not used");
        more(&mut out, verbose, &it.idle, "here and not used");
        // Names in a cluster are anybody's, and so are those of a dump.
        tamed(&out)
    }
}

fn unheld(out: &mut String, image: &Unheld) {
    let _ = writeln!(out, "    {}", image.reference);
    places(out, &image.used_by);
    for held in image.held_as.iter().take(SHOWN) {
        let _ = writeln!(out, "      the same content is here as {held}");
    }
}

fn places(out: &mut String, uses: &[Use]) {
    for by in uses.iter().take(SHOWN) {
        let _ = write!(out, "      {} {by}", by.standing);
        match &by.digest {
            Some(digest) => {
                let _ = writeln!(out, ": {digest}");
            }
            None => out.push('\n'),
        }
    }
    if let Some(more) = uses.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        let _ = writeln!(out, "      and by {more} more");
    }
}

/// References that say nothing bad: their number, and each only for those who ask.
fn more(out: &mut String, verbose: bool, references: &[Reference], what: &str) {
    if references.is_empty() {
        return;
    }
    let _ = writeln!(out, "  {} {what}", count(references.len(), "image"));
    for reference in references.iter().filter(|_| verbose) {
        let _ = writeln!(out, "    {reference}");
    }
}
