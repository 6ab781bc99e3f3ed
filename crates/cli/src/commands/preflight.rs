//! `airlock preflight`: what keeps k3s from running on this machine, and what to do about it.

mod mirror;
pub(super) mod needs;

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use airlock_node::{Change, Event, Journal, Node, Outcome};
use airlock_preflight::{
    CHECKS, Context, FIXED_BY, Host, Report, Role, Selection, Settings, failing, run as run_checks, select,
};
use serde::Serialize;

use self::mirror::SiteMirror;
use self::needs::Content;
use super::install::{BY, failed};
use crate::args::{Global, NodeRole, PreflightArgs};
use crate::failure::{Failure, Result};
use crate::{print, sites};

/// The report, with what was repaired.
#[derive(Serialize)]
struct Printed<'a> {
    #[serde(flatten)]
    report: &'a Report,
    /// What `--fix` changed, or would change.
    #[serde(skip_serializing_if = "Option::is_none")]
    fixes: Option<Fixes>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Fixes {
    /// Whether this is only what would be changed.
    dry_run: bool,
    /// The changes, one line each.
    changes: Vec<String>,
}

pub(crate) fn run(args: &PreflightArgs, global: &Global) -> Result {
    if args.list {
        return list(global);
    }
    let node = args.root.as_ref().map_or_else(Node::machine, Node::tree);
    if args.undo_fixes {
        return undo(&node, global);
    }
    let selection = select(&args.only, &args.skip).map_err(|error| {
        Failure::from(anyhow::Error::new(error)).hint("`airlock preflight --list` tells their names")
    })?;
    let settings = settings(args, &node, global)?;
    let mut report = check(args, &settings, &selection);
    let mut fixes = None;
    if args.fix {
        let changes = report.fixes();
        let done = if args.dry_run {
            plan(&node, &changes)?
        } else {
            apply(&node, &changes, global)?
        };
        if !args.dry_run && !done.is_empty() {
            report = check(args, &settings, &selection);
        }
        fixes = Some(Fixes {
            dry_run: args.dry_run,
            changes: done,
        });
    }
    let printed = Printed {
        report: &report,
        fixes,
    };
    print::result(global, &printed, || text(&printed))?;
    if report.is_good() {
        return Ok(());
    }
    let bad: Vec<_> = failing(&report.checks).collect();
    let ids: Vec<&str> = bad.iter().map(|finding| finding.id).collect();
    let failure = Failure::no(anyhow::anyhow!("k3s will not run well here: {}", ids.join(", ")));
    let can_fix = bad.iter().any(|finding| finding.extra.fixable);
    Err(if can_fix && !args.fix {
        failure.hint("--fix repairs some of it, and --fix --dry-run tells what that would change; what is meant to be so is left out with --skip ID")
    } else {
        failure.hint("what is meant to be so is left out with --skip ID")
    })
}

fn check(args: &PreflightArgs, settings: &Settings, selection: &Selection) -> Report {
    let host = args.root.as_ref().map_or_else(Host::machine, Host::tree);
    run_on(host, settings.clone(), selection)
}

/// Runs checks on a machine or a tree, and writes down what they come to.
pub(super) fn run_on(host: Host, settings: Settings, selection: &Selection) -> Report {
    let context = Arc::new(Context::new(host, settings));
    run_checks(&context, selection, &mut |finding| {
        tracing::debug!(id = finding.id, status = finding.status.as_str(), "checked");
    })
}

fn settings(args: &PreflightArgs, node: &Node, global: &Global) -> Result<Settings> {
    let site = args.config.as_deref().map(sites::load).transpose()?;
    let content = match &args.path {
        Some(path) => needs::read(path, &args.bundle, global)?,
        None => Content::default(),
    };
    let given = args.data_dir.clone();
    let data_dir = given
        .or_else(|| site.as_ref().map(|site| site.cluster.data_dir.clone()))
        .unwrap_or_else(|| PathBuf::from(airlock_preflight::DATA_DIR));
    let mirror = SiteMirror::new(args.mirror.as_ref(), args.ca.as_deref(), site.as_ref())?;
    let is_installed = Journal::read(node).is_ok_and(|journal| journal.changes().any(|(by, _)| by == BY));
    Ok(Settings {
        role: match args.role {
            NodeRole::Server => Role::Server,
            NodeRole::Agent => Role::Agent,
        },
        needs: content.needs(&data_dir),
        release: content.release,
        data_dir: args.data_dir.clone(),
        not_before: content.not_before,
        mirror: mirror.map(|mirror| Arc::new(mirror) as Arc<dyn airlock_preflight::Mirror>),
        selinux_policies: content.selinux_policies,
        is_installed,
        site,
        ..Settings::new(Arc::new(SystemTime::now))
    })
}

fn text(printed: &Printed<'_>) -> String {
    let mut out = String::new();
    if let Some(fixes) = &printed.fixes {
        let heading = match (fixes.dry_run, fixes.changes.is_empty()) {
            (_, true) => "nothing to repair",
            (true, false) => "would change",
            (false, false) => "changed",
        };
        let _ = writeln!(out, "{heading}");
        for change in &fixes.changes {
            let _ = writeln!(out, "  {change}");
        }
        out.push('\n');
    }
    out.push_str(&printed.report.text());
    out
}

/// What would be changed.
fn plan(node: &Node, changes: &[Change]) -> Result<Vec<String>> {
    let outcomes = Journal::read(node)
        .and_then(|journal| journal.would(changes))
        .map_err(failed)?;
    Ok(changes
        .iter()
        .zip(outcomes)
        .filter(|(_, outcome)| *outcome != Outcome::Already)
        .map(|(change, outcome)| match outcome {
            Outcome::Later => format!("{} (on the running machine)", change.title()),
            _ => change.title(),
        })
        .collect())
}

/// Makes the changes; what was changed, one line each.
fn apply(node: &Node, changes: &[Change], global: &Global) -> Result<Vec<String>> {
    if changes.is_empty() {
        return Ok(Vec::new());
    }
    let mut done = Vec::new();
    let mut journal = Journal::open(node).map_err(failed)?;
    let applied = journal.apply(FIXED_BY, changes, &mut |event| {
        match event {
            Event::Made(title) => {
                print::note(global, &format!("changed: {title}"));
                done.push(title.to_owned());
            }
            Event::Later(change) => {
                print::note(
                    global,
                    &format!("left for the running machine: {}", change.title()),
                );
            }
            _ => {}
        }
        ControlFlow::Continue(())
    });
    applied.map_err(failed)?;
    Ok(done)
}

/// What was undone.
#[derive(Serialize)]
struct Undone {
    undone: Vec<String>,
    left: Vec<String>,
}

fn undo(node: &Node, global: &Global) -> Result {
    let mut result = Undone {
        undone: Vec::new(),
        left: Vec::new(),
    };
    let mut journal = Journal::open(node).map_err(failed)?;
    let undone = journal.undo(Some(FIXED_BY), &mut |event| {
        match event {
            Event::Undone(title) => result.undone.push(title.to_owned()),
            Event::Saved(saved) => result.left.push(format!(
                "{} was changed since; that is kept as {}",
                saved.path.display(),
                saved.copy.display()
            )),
            Event::Left(title, why) => result.left.push(format!("{title}: {why}")),
            _ => {}
        }
        ControlFlow::Continue(())
    });
    undone.map_err(failed)?;
    print::result(global, &result, || {
        if result.undone.is_empty() {
            return "nothing was repaired here\n".to_owned();
        }
        let lines = |lines: &[String]| {
            lines
                .iter()
                .map(|line| format!("  {line}\n"))
                .collect::<Vec<_>>()
                .concat()
        };
        let mut out = format!("undone\n{}", lines(&result.undone));
        if !result.left.is_empty() {
            out.push_str(&format!("left\n{}", lines(&result.left)));
        }
        out
    })
}

/// A check, as `--list` shows it.
#[derive(Serialize)]
struct Listed {
    id: &'static str,
    title: &'static str,
    why: &'static str,
}

fn list(global: &Global) -> Result {
    let checks: Vec<Listed> = CHECKS
        .iter()
        .map(|check| Listed {
            id: check.id,
            title: check.title,
            why: check.why,
        })
        .collect();
    print::result(global, &checks, || {
        let mut out = String::new();
        for check in &checks {
            let _ = writeln!(out, "{:24} {} (otherwise: {})", check.id, check.title, check.why);
        }
        out
    })
}
