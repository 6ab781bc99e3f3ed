//! `airlock install`: a machine, or a tree, becomes a node of k3s.

mod archive;
pub(super) mod charts;
mod cluster;
mod packages;
mod ready;
mod report;
pub(super) mod secrets;
pub(super) mod watch;

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use airlock_installer::{
    Contents, ContentsError, LeafError, Machine, PlanError, Role, Secrets, Wanted, leaves, plan,
};
use airlock_node::{Change, Content, Journal, Node, NodeError, Outcome, ServiceManager};
use airlock_spec::k3s::K3sRelease;
use airlock_spec::site::Site;
use anyhow::Context;

use self::cluster::Cluster;
use self::report::{Line, Report};
use self::watch::Watch;
use crate::args::{Global, Init, InstallArgs, NodeRole};
use crate::failure::{Failure, Result};
use crate::opened::{self, Opened, Verify};
use crate::{interrupt, print, sites};

/// The name under which changes stand in the journal.
pub(super) const BY: &str = "install";

pub(crate) fn run(args: &InstallArgs, global: &Global) -> Result {
    let view = opened::open(
        &args.path,
        &args.bundle,
        "installed from",
        Verify::Content(global),
    )?;
    let contents = Contents::new(Arc::new(view));
    let release = contents.release(args.release.as_deref()).map_err(no_release)?;
    let site = site(args)?;
    let node = node(args.root.as_deref())?;
    let machine = machine(args, &node)?;
    let secrets = secrets::read(&site)?;
    let role = match args.role {
        NodeRole::Server => Role::Server,
        NodeRole::Agent => Role::Agent,
    };
    let asked = Asked {
        args,
        global,
        role,
        contents: &contents,
        release: &release,
        site: &site,
        node: &node,
        machine: &machine,
        secrets: &secrets,
    };
    let changes = changes(&asked)?;
    // Charts belong to the cluster: the first server installs them, those that join it find them there.
    let waves = if role == Role::Server && site.cluster.server.is_none() && !args.no_charts {
        let plan = charts::plan(&contents, &site, &secrets)?;
        let left = charts::left(&node, &site.cluster.data_dir, &plan.waves)?;
        for note in plan.notes.iter().chain(&left) {
            print::note(global, &format!("note: {note}"));
        }
        plan.waves
    } else {
        Vec::new()
    };
    let data = &site.cluster.data_dir;
    let files = waves
        .iter()
        .map(|wave| charts::changes(&contents, data, wave))
        .collect::<Result<Vec<_>>>()?;
    let title = format!(
        "{} as {} of {}",
        release.release,
        role.as_str(),
        site.name.as_str()
    );
    if args.dry_run {
        let all: Vec<Change> = changes.into_iter().chain(files.into_iter().flatten()).collect();
        let outcomes = Journal::read(&node)
            .and_then(|journal| journal.would(&all))
            .map_err(failed)?;
        let report = Report::planned(&title, &all, &outcomes);
        return print::result(global, &report, || report.text());
    }
    ready::machine(&asked)?;
    let root = node.root();
    std::fs::create_dir_all(root)
        .with_context(|| format!("the folder for the tree could not be made: {}", root.display()))?;
    let (lines, health) = interrupt::watched(|stop| {
        let mut watch = Watch::new(global, stop);
        let mut lines = Vec::new();
        let mut journal = Journal::open(&node).map_err(failed)?.stopped_by(Arc::clone(stop));
        let mut apply = |changes: &[Change]| -> Result {
            let outcomes = journal
                .apply(BY, changes, &mut |event| watch.see(event))
                .map_err(failed)?;
            lines.extend(
                changes
                    .iter()
                    .zip(outcomes)
                    .map(|(change, outcome)| Line::new(change, outcome)),
            );
            Ok(())
        };
        apply(&changes)?;
        let cluster = if node.is_machine() && role == Role::Server {
            let cluster = Cluster::of_this_machine(global, &site, args.wait, stop)?;
            cluster.ready(&site, &release)?;
            Some(cluster)
        } else {
            None
        };
        for (wave, files) in waves.iter().zip(&files) {
            apply(files)?;
            if let Some(cluster) = &cluster {
                cluster.deployed(wave)?;
            }
        }
        let health = cluster
            .map(|cluster| cluster.healthy(&asked, &waves))
            .transpose()?;
        Ok((lines, health))
    })?;
    let report = Report::done(&title, lines, health);
    print::result(global, &report, || report.text())
}

/// Everything that a plan is made of.
struct Asked<'a> {
    args: &'a InstallArgs,
    global: &'a Global,
    role: Role,
    contents: &'a Contents<Opened>,
    release: &'a K3sRelease,
    site: &'a Site,
    node: &'a Node,
    machine: &'a Machine,
    secrets: &'a Secrets,
}

/// The plan for this node.
fn changes(asked: &Asked<'_>) -> Result<Vec<Change>> {
    let Asked {
        args,
        contents,
        release,
        site,
        node,
        machine,
        secrets,
        ..
    } = *asked;
    let archive = archive::of(contents, release, site, &machine.platform)?;
    let images_folder = site.cluster.data_dir.join("agent/images");
    let wanted = Wanted {
        role: asked.role,
        site,
        release,
        machine,
        secrets,
        file: &|file| contents.file(file),
        stale: archive::stale(
            node,
            &images_folder,
            archive.as_ref().map(|(name, _)| name.as_str()),
        )?,
        images: archive.into_iter().collect(),
        hosts: archive::hosts(&**contents.view())?,
        packages: packages::source(asked)?,
        leaves: leaves(site, secrets, node, SystemTime::now()).map_err(not_issued)?,
        itself: itself(node, args)?,
        wait: args.wait,
    };
    plan(&wanted).map_err(not_planned)
}

fn site(args: &InstallArgs) -> Result<Site> {
    let mut site = match &args.config {
        Some(path) => sites::load(path)?,
        None => Site::default(),
    };
    if let Some(server) = &args.server {
        site.cluster.server = Some(server.clone());
    }
    if let Some(file) = &args.token_file {
        site.cluster.token_file = Some(file.clone());
    }
    Ok(site)
}

/// This machine, or the tree that is named.
pub(super) fn node(root: Option<&Path>) -> Result<Node> {
    let Some(root) = root else {
        if !rustix::process::geteuid().is_root() {
            return Err(Failure::from(anyhow::anyhow!("a node is changed as root"))
                .hint("run it with sudo, or add --root DIR to write the tree of a node"));
        }
        return Ok(Node::machine());
    };
    let root = std::path::absolute(root)
        .with_context(|| format!("the folder for the tree is not usable: {}", root.display()))?;
    Ok(Node::tree(root))
}

fn machine(args: &InstallArgs, node: &Node) -> Result<Machine> {
    let mut machine = Machine::of(node).map_err(|error| {
        Failure::from(error)
            .hint("k3s needs systemd or OpenRC; --root DIR --init … writes a tree without them")
    })?;
    if let Some(platform) = &args.platform {
        machine.platform = platform.clone();
    }
    match args.init {
        Some(Init::Systemd) => machine.services = ServiceManager::Systemd,
        Some(Init::Openrc) => machine.services = ServiceManager::OpenRc,
        None => {}
    }
    Ok(machine)
}

/// This program itself: it is what uninstalls, and on the site there may be no other copy.
fn itself(node: &Node, args: &InstallArgs) -> Result<Option<Content>> {
    if !node.is_machine() || args.platform.is_some() {
        return Ok(None);
    }
    let path = std::env::current_exe().context("the path of this program is not known")?;
    archive::file(&path).map(Some)
}

fn no_release(error: ContentsError) -> Failure {
    let hint = match &error {
        ContentsError::None => {
            Some("add `k3s: {version: …}` to a component of the manifest, and build the bundle again")
        }
        ContentsError::Many(_) => Some("say which with --release"),
        _ => None,
    };
    let failure = Failure::from(error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn not_issued(error: LeafError) -> Failure {
    let hint = error.hint();
    Failure::from(error).hint(hint)
}

fn not_planned(error: PlanError) -> Failure {
    let hint = error.hint();
    Failure::from(error).hint(hint)
}

/// The bad end of a change.
pub(super) fn failed(error: NodeError) -> Failure {
    match error {
        NodeError::Stopped => return interrupt::interrupted(),
        NodeError::StillStarting(_) => return interrupt::interrupted_by(error.into()),
        _ => {}
    }
    let hint = error.hint();
    let failure = Failure::from(error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// As reports call it.
pub(super) fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Already => "already so",
        Outcome::Made => "made",
        Outcome::Later => "on the machine",
    }
}
