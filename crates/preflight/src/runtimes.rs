//! Kubernetes and containers that are here already.

use crate::Context;
use crate::check::Outcome;

/// Programs of another cluster, which use the same ports and folders.
const CLUSTERS: [&str; 9] = [
    "kubelet",
    "k3s",
    "k3s-server",
    "k3s-agent",
    "rke2",
    "k0s",
    "kubelite",
    "kube-apiserver",
    "kube-proxy",
];
/// Units by which another cluster starts at the next boot.
const UNITS: [&str; 9] = [
    "kubelet.service",
    "k3s.service",
    "k3s-agent.service",
    "rke2-server.service",
    "rke2-agent.service",
    "k0scontroller.service",
    "k0sworker.service",
    "snap.microk8s.daemon-kubelite.service",
    "rancher-system-agent.service",
];
const UNIT_FOLDERS: [&str; 3] = [
    "/etc/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];
/// What another cluster leaves.
const LEFT: [&str; 3] = [
    "/etc/kubernetes/kubelet.conf",
    "/var/lib/rancher/rke2",
    "/etc/rancher/rke2/config.yaml",
];
/// Other users of containers: they live beside k3s, with images and rules of their own.
const OTHERS: [&str; 4] = ["containerd", "dockerd", "crio", "podman"];
const SOCKETS: [&str; 5] = [
    "/run/containerd/containerd.sock",
    "/run/docker.sock",
    "/run/crio/crio.sock",
    "/run/k3s/containerd/containerd.sock",
    "/run/podman/podman.sock",
];

fn is_k3s(name: &str) -> bool {
    name.starts_with("k3s")
}

/// Only one kubelet can be on a machine.
pub(crate) fn existing(context: &Context) -> Outcome {
    let host = &context.host;
    let may_be_k3s = context.settings.is_installed;
    let processes = host.processes();
    let runs = |names: &[&str]| -> Vec<String> {
        processes
            .iter()
            .filter(|process| {
                names.contains(&process.program()) && !(may_be_k3s && is_k3s(process.program()))
            })
            .map(|process| format!("{} runs", process.shown()))
            .collect()
    };
    let mut clusters = runs(&CLUSTERS);
    for unit in UNITS {
        let place = UNIT_FOLDERS
            .iter()
            .map(|folder| format!("{folder}/{unit}"))
            .find(|path| host.exists(path));
        if let Some(path) = place
            && !(may_be_k3s && is_k3s(unit))
        {
            clusters.push(format!("{path} is there"));
        }
    }
    clusters.extend(
        LEFT.iter()
            .filter(|path| host.exists(path))
            .map(|path| format!("{path} is there")),
    );
    if !clusters.is_empty() {
        return Outcome::fail(
            format!("another Kubernetes is on this machine: {}", clusters.join("; ")),
            "remove it in its own way (`kubeadm reset`, `k3s-uninstall.sh`, `rke2-uninstall.sh`), or `systemctl disable --now kubelet` and its unit",
        );
    }
    // The containerd of k3s runs from the folder of its data.
    let data = context.data_dir().to_string_lossy().into_owned();
    let mut others: Vec<String> = processes
        .iter()
        .filter(|process| OTHERS.contains(&process.program()))
        .filter(|process| !process.words.first().is_some_and(|word| word.starts_with(&data)))
        .filter(|process| !(may_be_k3s && process.words.iter().any(|word| word.contains("/k3s/"))))
        .map(|process| format!("{} runs", process.shown()))
        .collect();
    others.extend(
        SOCKETS
            .iter()
            .filter(|path| host.exists(path) && !(may_be_k3s && path.contains("/k3s/")))
            .map(|path| format!("{path} is there")),
    );
    if !others.is_empty() {
        return Outcome::warn(
            format!(
                "other containers are on this machine, with disk, memory and firewall rules of their own: {}",
                others.join("; ")
            ),
            "k3s brings a containerd of its own; `systemctl disable --now docker containerd` where nothing else needs them",
        );
    }
    if may_be_k3s {
        return Outcome::ok("none but the k3s that was installed by Airlock");
    }
    Outcome::ok("no kubelet, containerd or docker is here")
}
