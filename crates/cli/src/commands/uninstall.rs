//! `airlock uninstall`: what was there before is put back.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use airlock_installer::runtime;
use airlock_node::{Journal, Node};
use airlock_spec::site::Site;
use serde::Serialize;
use serde_json::Value;

use super::install::watch::Watch;
use super::install::{BY, failed, node};
use crate::args::{Global, UninstallArgs};
use crate::failure::Result;
use crate::{interrupt, print};

/// The largest configuration of k3s that is read.
const MAX_CONFIG: u64 = 4 << 20;

/// The result.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    dry_run: bool,
    undone: Vec<String>,
    left: Vec<String>,
}

pub(crate) fn run(args: &UninstallArgs, global: &Global) -> Result {
    let node = node(args.root.as_deref())?;
    let journal = Journal::read(&node).map_err(failed)?;
    let mut undone: Vec<String> = journal.changes().map(|(_, title)| title.to_owned()).collect();
    undone.reverse();
    // A k3s that somebody else installed goes on, and its containers with it.
    let is_installed = journal.changes().any(|(by, _)| by == BY);
    drop(journal);
    if undone.is_empty() && !args.dry_run {
        // What a run leaves that was killed after the last change was undone.
        let mut journal = Journal::open(&node).map_err(failed)?;
        journal.undo(None, &mut airlock_node::go_on).map_err(failed)?;
    }
    if undone.is_empty() || args.dry_run {
        let report = Report {
            dry_run: args.dry_run,
            undone,
            left: Vec::new(),
        };
        return print::result(global, &report, || text(&report));
    }
    let data = (is_installed && node.is_machine())
        .then(|| data_folder(&node))
        .transpose()?;
    let left = interrupt::watched(|stop| {
        let mut watch = Watch::new(global, stop);
        let mut journal = Journal::open(&node).map_err(failed)?.stopped_by(Arc::clone(stop));
        let mut left = Vec::new();
        journal
            .stop_services(BY, &mut |event| watch.see(event))
            .map_err(failed)?;
        left.extend(data.iter().flat_map(|data| runtime::clear(data).left));
        let mut see = |event: airlock_node::Event<'_>| watch.see(event);
        if args.delete_data {
            journal.undo_and_delete_data(&mut see)
        } else {
            journal.undo(None, &mut see)
        }
        .map_err(failed)?;
        left.extend(journal.changes().map(|(_, title)| title.to_owned()));
        Ok(left)
    })?;
    undone.retain(|title| !left.contains(title));
    let report = Report {
        dry_run: false,
        undone,
        left,
    };
    print::result(global, &report, || text(&report))
}

/// Where k3s keeps its data, as its configuration says; where that does not read any more, the usual place.
pub(super) fn data_folder(node: &Node) -> Result<PathBuf> {
    let bytes = node
        .read("/etc/rancher/k3s/config.yaml", MAX_CONFIG)
        .map_err(failed)?
        .unwrap_or_default();
    let config: Value = serde_saphyr::from_slice(&bytes).unwrap_or_default();
    let given = config["data-dir"].as_str().map(PathBuf::from);
    Ok(given.unwrap_or_else(|| Site::default().cluster.data_dir))
}

fn text(report: &Report) -> String {
    if report.undone.is_empty() && report.left.is_empty() {
        return "nothing to undo: Airlock has changed nothing here\n".to_owned();
    }
    let mut out = String::new();
    if report.dry_run {
        for title in &report.undone {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "  - {title}");
        }
    }
    for title in &report.left {
        let _ = writeln!(out, "  left: {title}");
    }
    let verb = if report.dry_run {
        "would be undone"
    } else {
        "undone"
    };
    let _ = writeln!(out, "{} changes {verb}", report.undone.len());
    if report.left.iter().any(|title| title.starts_with("data in ")) {
        out.push_str("the data of the cluster is kept; `airlock uninstall --delete-data` deletes it\n");
    }
    out
}
