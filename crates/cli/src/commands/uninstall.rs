//! `airlock uninstall`: what was there before is put back.

use std::fmt::Write as _;
use std::path::PathBuf;

use airlock_installer::runtime;
use airlock_node::{Journal, Node};
use serde::Serialize;
use serde_json::Value;

use super::install::watch::Watch;
use super::install::{failed, node};
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
    let data = data_folder(&node)?;
    let left = interrupt::watched(|stop| {
        let mut watch = Watch::new(global, stop);
        let mut journal = Journal::open(&node).map_err(failed)?;
        let mut left = Vec::new();
        journal
            .stop_services("install", &mut |event| watch.see(event))
            .map_err(failed)?;
        if let (Some(data), true) = (&data, node.is_machine()) {
            left.extend(runtime::clear(data).left);
        }
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

/// Where k3s keeps its data, as its configuration says; none where Airlock has installed no k3s.
fn data_folder(node: &Node) -> Result<Option<PathBuf>> {
    let Some(bytes) = node
        .read("/etc/rancher/k3s/config.yaml", MAX_CONFIG)
        .map_err(failed)?
    else {
        return Ok(None);
    };
    let config: Value = serde_saphyr::from_slice(&bytes).unwrap_or_default();
    Ok(config["data-dir"].as_str().map(PathBuf::from))
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
