//! `airlock health`: whether the cluster does what it was installed for.

mod content;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use airlock_health::{
    Access, AccessError, CHECKS, Client, Expected, Probe, Question, Report, Status, ThisNode, check, select,
};
use airlock_node::{Node, Runner};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::args::{Global, HealthArgs};
use crate::cluster::kubeconfig::{Access as ClusterAccess, Kubeconfig};
use crate::failure::{Exit, Failure, Result};
use crate::{clock, files, interrupt, print, sites};

/// No kubeconfig is longer.
const MAX_KUBECONFIG: u64 = 4 << 20;
/// Where k3s is on a node.
const K3S: &str = "/usr/local/bin/k3s";
/// The time between two looks with `--wait`.
const BETWEEN: Duration = Duration::from_secs(5);
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
        this: this_node(args)?,
        probe: args.probe.then(|| probe(args)).transpose()?,
        now: clock::timestamp().as_second(),
    };
    let (report, is_stopped) =
        interrupt::serving(async { asked(access, question, args.wait, global).await })?;
    if is_stopped {
        return Err(Failure {
            exit: Exit::Interrupted,
            error: anyhow::anyhow!("interrupted"),
            hint: None,
        });
    }
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

/// Checks once, or with `wait` until nothing fails; probes only then, since they change something.
async fn asked(
    access: Access,
    question: Question,
    wait: Option<Duration>,
    global: &Global,
) -> Result<(Report, bool)> {
    let client = Client::new(access).map_err(|error| {
        let hint = match &error {
            AccessError::Authority => "`certificate-authority-data` is a PEM file in base64",
            AccessError::Identity => "certificate and key must be PEM, and belong together",
            AccessError::Server(_) => "it is written as https://HOST:6443",
        };
        Failure::from(error).hint(hint)
    })?;
    let is_stopped = AtomicBool::new(false);
    let stop = || async {
        interrupt::requested().await;
        is_stopped.store(true, Ordering::SeqCst);
    };
    if let Some(wait) = wait {
        let start = Instant::now();
        let mut before = Vec::new();
        let looking = Question {
            probe: None,
            ..question.clone()
        };
        loop {
            let report = check(&client, &looking, &mut |_| {}, stop()).await;
            let bad: Vec<&str> = report
                .checks
                .iter()
                .filter(|finding| finding.status == Status::Fail)
                .map(|finding| finding.id)
                .collect();
            if is_stopped.load(Ordering::SeqCst) || bad.is_empty() || start.elapsed() >= wait {
                break;
            }
            if bad != before {
                print::note(global, &format!("waiting: {}", bad.join(", ")));
            }
            before = bad;
            tokio::select! {
                () = tokio::time::sleep(BETWEEN.min(wait.saturating_sub(start.elapsed()))) => {}
                () = stop() => {}
            }
        }
    }
    let report = if is_stopped.load(Ordering::SeqCst) {
        Report::default()
    } else {
        check(&client, &question, &mut |_| {}, stop()).await
    };
    Ok((report, is_stopped.load(Ordering::SeqCst)))
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
fn this_node(args: &HealthArgs) -> Result<Option<ThisNode>> {
    if !Path::new(K3S).exists() {
        return Ok(None);
    }
    let name = match &args.node_name {
        Some(name) => name.clone(),
        None => files::read_text("the host name", Path::new("/proc/sys/kernel/hostname"), 4096)?
            .trim()
            .to_ascii_lowercase(),
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
