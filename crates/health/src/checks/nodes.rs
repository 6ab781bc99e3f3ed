//! The nodes.

use serde::Deserialize;

use super::{Seen, unanswered};
use crate::client::AskError;
use crate::finding::{Outcome, some};
use crate::object::{Version, condition};

pub(super) async fn ready(seen: &Seen<'_>) -> Outcome {
    let nodes = match seen.nodes().await {
        Ok(nodes) => nodes,
        Err(error) => return unanswered(&error),
    };
    if nodes.is_empty() {
        return Outcome::fail(
            "the cluster has no nodes",
            "see whether the kubelet of k3s starts: `journalctl -u k3s`",
        );
    }
    let (mut bad, mut cordoned) = (Vec::new(), Vec::new());
    for node in nodes {
        let name = &node.metadata.name;
        match condition(&node.status.conditions, "Ready") {
            Some(ready) if ready.status == "True" => {}
            Some(ready) => bad.push(format!("{name}: {} ({})", ready.reason, ready.message)),
            None => bad.push(format!("{name}: it has never said that it is ready")),
        }
        if node.spec.unschedulable {
            cordoned.push(name.clone());
        }
    }
    if !bad.is_empty() {
        return Outcome::fail(
            format!("not ready: {}", some(&bad)),
            "`journalctl -u k3s` or `-u k3s-agent` on the node tells why",
        );
    }
    if !cordoned.is_empty() {
        return Outcome::warn(
            format!("takes no pods: {}", some(&cordoned)),
            "`kubectl uncordon NODE`, if that was not meant to stay",
        );
    }
    Outcome::ok(match nodes {
        [one] => format!("{} is ready", one.metadata.name),
        all => format!("{} nodes are ready", all.len()),
    })
}

pub(super) async fn version(seen: &Seen<'_>, first: &Result<Version, AskError>) -> Outcome {
    let nodes = match seen.nodes().await {
        Ok(nodes) => nodes,
        Err(error) => return unanswered(&error),
    };
    let of_server = first.as_ref().ok().map(|version| version.git_version.as_str());
    let Some(wanted) = seen.question.expected.k3s.as_deref().or(of_server) else {
        return Outcome::unknown("neither a bundle nor the API server tells the version");
    };
    let mut others: Vec<String> = nodes
        .iter()
        .filter(|node| node.status.node_info.kubelet_version != wanted)
        .map(|node| {
            format!(
                "{}: {}",
                node.metadata.name, node.status.node_info.kubelet_version
            )
        })
        .collect();
    if let Some(of_server) = of_server.filter(|version| *version != wanted) {
        others.push(format!("the API server: {of_server}"));
    }
    if nodes.is_empty() {
        return Outcome::unknown("the cluster has no nodes");
    }
    if others.is_empty() {
        return Outcome::ok(format!("all run {wanted}"));
    }
    let evidence = format!("not {wanted}: {}", some(&others));
    if seen.question.expected.k3s.is_some() {
        Outcome::fail(evidence, "install the bundle's release on these nodes")
    } else {
        Outcome::warn(evidence, "bring all nodes to one version")
    }
}

pub(super) async fn pressure(seen: &Seen<'_>) -> Outcome {
    let nodes = match seen.nodes().await {
        Ok(nodes) => nodes,
        Err(error) => return unanswered(&error),
    };
    let mut bad = Vec::new();
    for node in nodes {
        for kind in [
            "MemoryPressure",
            "DiskPressure",
            "PIDPressure",
            "NetworkUnavailable",
        ] {
            if let Some(found) = condition(&node.status.conditions, kind)
                && found.status == "True"
            {
                bad.push(format!("{}: {kind} ({})", node.metadata.name, found.message));
            }
        }
    }
    if bad.is_empty() {
        Outcome::ok("memory, disk and processes are enough, and the network is there")
    } else {
        Outcome::fail(
            some(&bad),
            "free what the node runs out of; under DiskPressure the kubelet removes images, imported ones as well",
        )
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Certificates {
    certificates: Vec<Certificate>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Certificate {
    #[serde(default)]
    filename: String,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    expiry_time: String,
    status: String,
}

/// `k3s certificate check`, whose states are OK, WARNING, EXPIRED and NOT YET VALID (k3s, `pkg/cli/cert/cert.go`); `--output`
/// is there from v1.32.0, v1.31.5 and v1.30.9 on, and it wants `--data-dir` where that is not the usual one (docs.k3s.io,
/// "k3s certificate", "Checking expiration dates").
pub(super) async fn certificates(seen: &Seen<'_>) -> Outcome {
    let Some(this) = &seen.question.this else {
        return Outcome::skipped("this is not a node of the cluster");
    };
    let mut args = vec!["certificate", "check", "--output", "json"];
    let data = this.data.as_deref().map(std::path::Path::to_string_lossy);
    if let Some(data) = &data {
        args.extend(["--data-dir", data]);
    }
    let said = match this.k3s(&args).await {
        Ok(said) if said.code == Some(0) => said,
        Ok(said) => {
            let last = said.stderr.lines().last().unwrap_or_default();
            return Outcome::unknown(format!("`k3s certificate check` fails: {last}"));
        }
        Err(error) => return Outcome::unknown(error),
    };
    // Lines of the log may stand before it.
    let json = said
        .stdout
        .find('{')
        .and_then(|start| said.stdout.get(start..))
        .unwrap_or_default();
    let mut stream = serde_json::Deserializer::from_str(json).into_iter::<Certificates>();
    let Some(Ok(Certificates { certificates })) = stream.next() else {
        return Outcome::unknown("this k3s does not print certificates as JSON");
    };
    if certificates.is_empty() {
        return Outcome::unknown("`k3s certificate check` finds no certificates");
    }
    let of = |wanted: &dyn Fn(&str) -> bool| -> Vec<String> {
        let found = certificates.iter().filter(|one| wanted(&one.status));
        let mut all: Vec<String> = found
            .map(|one| {
                format!(
                    "{} ({}): {} {}",
                    one.filename, one.subject, one.status, one.expiry_time
                )
            })
            .collect();
        all.sort();
        all.dedup();
        all
    };
    let bad = of(&|status| status != "OK" && status != "WARNING");
    let soon = of(&|status| status == "WARNING");
    let restart = "restart k3s, which renews what is about to expire; `k3s certificate rotate` renews all";
    if !bad.is_empty() {
        Outcome::fail(some(&bad), restart)
    } else if !soon.is_empty() {
        Outcome::warn(some(&soon), restart)
    } else {
        Outcome::ok(format!("{} certificates are valid", certificates.len()))
    }
}
