//! `airlock health`: whether the cluster does what it was installed for.

pub(super) mod content;
mod settled;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use airlock_health::{Access, AccessError, CHECKS, Client, Expected, Probe, Question, ThisNode, select};
use airlock_node::{Node, Runner};
use airlock_spec::site::Site;
use serde::Serialize;
use zeroize::Zeroizing;

pub(super) use self::settled::settled;
use super::node_name::node_name;
use crate::args::{Global, HealthArgs};
use crate::cluster::kubeconfig::{Access as ClusterAccess, Kubeconfig};
use crate::failure::{Exit, Failure, Result};
use crate::{clock, files, interrupt, print, sites};

/// No kubeconfig is longer.
const MAX_KUBECONFIG: u64 = 4 << 20;
/// Where k3s is on a node.
const K3S: &str = "/usr/local/bin/k3s";
/// What one probe may take.
const PROBE: Duration = Duration::from_mins(3);
/// What a command on the node may take; a snapshot of a large etcd is the slowest.
const COMMAND: Duration = Duration::from_mins(5);

pub(crate) fn run(args: &HealthArgs, global: &Global) -> Result {
    if args.list {
        return list(global);
    }
    let selection = select(&args.only).map_err(|error| {
        Failure::from(anyhow::Error::new(error)).hint("`airlock health --list` tells their names")
    })?;
    let site = args.config.as_deref().map(sites::load).transpose()?;
    let mut expected = site.as_ref().map_or_else(Expected::default, Expected::of_site);
    if let Some(path) = &args.path {
        content::read(path, &args.bundle, site.as_ref(), global, &mut expected)?;
    }
    let access = access(&args.kubeconfig)?;
    if access.insecure {
        print::line(
            "warning: the kubeconfig says insecure-skip-tls-verify, so that anyone on the way can pretend to be the cluster",
        );
    }
    let question = Question {
        expected,
        selection,
        this: this_node(args.node_name.as_deref(), site.as_ref())?,
        probe: args.probe.then(|| probe(args)).transpose()?,
        now: clock::timestamp().as_second(),
    };
    let report = interrupt::serving(async {
        // The client starts what it needs when it is made.
        let client = client(access)?;
        settled(&client, &question, args.wait, interrupt::requested, global)
            .await
            .ok_or_else(|| Failure {
                exit: Exit::Interrupted,
                error: anyhow::anyhow!("interrupted"),
                hint: None,
            })
    })?;
    print::result(global, &report, || report.text())?;
    match report.summary.fail {
        0 => Ok(()),
        1 => Err(Failure::no(anyhow::anyhow!("one check fails"))),
        count => Err(Failure::no(anyhow::anyhow!("{count} checks fail"))),
    }
}

#[derive(Serialize)]
struct Listed {
    id: &'static str,
    title: &'static str,
}

fn list(global: &Global) -> Result {
    let all: Vec<Listed> = CHECKS
        .iter()
        .map(|check| Listed {
            id: check.id,
            title: check.title,
        })
        .collect();
    print::result(global, &all, || {
        let lines: Vec<String> = all
            .iter()
            .map(|check| format!("{:30} {}", check.id, check.title))
            .collect();
        lines.join("\n") + "\n"
    })
}

/// The client of a cluster.
fn client(access: Access) -> Result<Client> {
    Client::new(access).map_err(|error| {
        let hint = match &error {
            AccessError::Authority => "`certificate-authority-data` is a PEM file in base64",
            AccessError::Identity => "certificate and key must be PEM, and belong together",
            AccessError::Server(_) => "it is written as https://HOST:6443",
        };
        Failure::from(error).hint(hint)
    })
}

pub(super) fn access(path: &Path) -> Result<Access> {
    let of_k3s = "k3s writes its own to /etc/rancher/k3s/k3s.yaml, which root may read; another is given with --kubeconfig";
    let bytes = files::read("the kubeconfig", path, MAX_KUBECONFIG).map_err(|error| error.hint(of_k3s))?;
    let bytes = Zeroizing::new(bytes);
    let config = Kubeconfig::recognise(&bytes)?.ok_or_else(|| {
        Failure::from(anyhow::anyhow!("this is no kubeconfig: {}", path.display())).hint(of_k3s)
    })?;
    let base = path.parent().unwrap_or(Path::new(""));
    let ClusterAccess { server, access } = config.access(base).map_err(|mut failure| {
        // The way round that another command has is none here.
        if failure
            .hint
            .as_ref()
            .is_some_and(|hint| hint.contains("airlock check"))
        {
            failure.hint = Some(of_k3s.to_owned());
        }
        failure
    })?;
    Ok(Access {
        authority: access.authority,
        insecure: access.insecure,
        identity: access.identity.map(|secret| secret.expose().to_owned().into()),
        token: access.token.map(|secret| secret.expose().to_owned().into()),
        ..Access::new(server)
    })
}

/// This machine as a node of the cluster, where k3s is on it.
pub(super) fn this_node(name: Option<&str>, site: Option<&Site>) -> Result<Option<ThisNode>> {
    if !Path::new(K3S).exists() {
        return Ok(None);
    }
    let name = match name {
        Some(name) => name.to_owned(),
        None => match node_name(site)? {
            Some(name) => name,
            None => return Ok(None),
        },
    };
    Ok(Some(ThisNode {
        name,
        commands: Arc::new(Runner::default().limit(COMMAND)),
        // Who may not read the configuration may not read the data either.
        data: super::uninstall::data_folder(&Node::machine()).ok(),
    }))
}

fn probe(args: &HealthArgs) -> Result<Probe> {
    let mut id = [0; 4];
    getrandom::fill(&mut id)
        .map_err(|error| anyhow::anyhow!("the system gives no random numbers: {error}"))?;
    Ok(Probe {
        id: format!("{:08x}", u32::from_be_bytes(id)),
        image: args.probe_image.clone(),
        patience: PROBE,
    })
}
