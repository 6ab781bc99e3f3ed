//! All checks, in the order in which they are shown.

use crate::check::Check;
use crate::{cgroups, clock, disk, guards, iptables, kernel, machine, mirror, names, net, ports, runtimes};

macro_rules! checks {
    ($($id:literal $title:literal $why:literal $run:path;)*) => {
        &[$(Check { id: $id, title: $title, why: $why, run: $run },)*]
    };
}

/// Every check that there is.
pub const CHECKS: &[Check] = checks! {
    "machine.memory" "memory"
        "the control plane is killed while it starts, or with the first pods"
        machine::memory;
    "machine.cpus" "processors"
        "leases time out under load, and the node flaps"
        machine::processors;
    "machine.swap" "no swap"
        "pods are not held to their memory, and etcd stalls"
        machine::swap;
    "names.hostname" "host name"
        "a node whose name is no name of DNS is refused; two nodes of one name replace each other"
        names::hostname;
    "names.resolves" "the host name resolves"
        "logs and exec through the API server fail"
        names::resolves;
    "clock.skew" "clock"
        "certificates are not valid yet, tokens are refused, etcd elects leaders all the time"
        clock::skew;
    "net.default-route" "default route"
        "k3s does not start: the node's address is that of the default route's interface"
        net::default_route;
    "net.resolv-conf" "name servers"
        "pods ask 8.8.8.8, which is not there, and every look-up waits"
        net::resolv_conf;
    "net.overlap" "networks do not overlap"
        "addresses of the site cannot be reached from pods, or pods not from each other"
        net::overlaps;
    "net.proxy" "proxies"
        "traffic inside of the cluster goes to the proxy, which knows none of it"
        net::proxy;
    "net.server" "the first server is reached"
        "the node waits for it for ever, and says little"
        net::server;
    "ports.node" "ports that nodes use"
        "k3s does not start, or nodes do not find each other"
        ports::outer;
    "ports.local" "ports on loopback"
        "k3s does not start"
        ports::local;
    "mirror.reachable" "mirror"
        "images are not pulled, and nobody says why until pods hang"
        mirror::reachable;
    "kernel.cgroups" "control groups"
        "the kubelet does not start"
        cgroups::controllers;
    "kernel.overlay" "overlay"
        "containerd does not start"
        kernel::overlay;
    "kernel.br-netfilter" "br_netfilter"
        "services are not reached from pods on the same node"
        kernel::br_netfilter;
    "kernel.conntrack" "nf_conntrack"
        "services are not reached at all"
        kernel::conntrack;
    "kernel.tunnel" "tunnel between nodes"
        "pods of different nodes do not reach each other"
        kernel::tunnel;
    "kernel.iptables" "firewall rules"
        "kube-proxy and network policies cannot be set up"
        iptables::rules;
    "kernel.iptables-version" "version of iptables"
        "rules are added again and again until the node stands still"
        iptables::version;
    "kernel.inotify" "inotify"
        "`too many open files` in programs that watch files"
        kernel::inotify;
    "kernel.cis" "parameters for the CIS profile"
        "the kubelet does not start with protect-kernel-defaults"
        kernel::cis_sysctls;
    "disk.exec" "programs run from the data folder"
        "k3s unpacks its programs there and cannot start them"
        disk::executable;
    "disk.space" "room on disk"
        "the import stops half way, or pods are put out right after it"
        disk::space;
    "disk.fsync" "speed of the disk"
        "etcd loses its leader, and the API server hangs"
        disk::latency;
    "guards.firewall" "firewalld and ufw"
        "traffic between pods is dropped"
        guards::firewall;
    "guards.cloud-setup" "nm-cloud-setup"
        "it takes the routes of pods away"
        guards::cloud_setup;
    "guards.selinux" "SELinux"
        "k3s is not allowed to do anything"
        guards::selinux;
    "guards.fapolicyd" "fapolicyd"
        "programs that no package brought are not allowed to run"
        guards::fapolicyd;
    "others.runtimes" "other clusters and containers"
        "two kubelets fight for the same ports and folders"
        runtimes::existing;
};
