//! The options of `k3s server` and `k3s agent`, as their documentation lists them (docs.k3s.io, "k3s server", "k3s agent"), and
//! those that the program takes and does not show (k3s, `pkg/cli/cmds/server.go` and `agent.go`, checked against v1.34).
//!
//! A newer release has more of them, so what is not here is not wrong.

/// What an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagKind {
    /// Nothing: it is on or off.
    Switch,
    /// One value.
    Value,
    /// One value, any number of times.
    List,
}

/// An option of k3s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag {
    /// Its name on the command line, without dashes, and in `config.yaml`.
    pub name: &'static str,
    /// Its short name on the command line.
    pub short: Option<char>,
    /// What it takes.
    pub kind: FlagKind,
    /// Whether servers have it.
    pub server: bool,
    /// Whether agents have it.
    pub agent: bool,
    /// Whether its value opens a door.
    pub secret: bool,
}

impl Flag {
    /// The option of a name, with or without the `+` that joins the values of several files.
    pub fn named(name: &str) -> Option<&'static Self> {
        let name = name.strip_suffix('+').unwrap_or(name);
        FLAGS.iter().find(|flag| flag.name == name)
    }

    /// The option that a word of a command line begins with: `--tls-san`, `-t`.
    pub fn of_word(word: &str) -> Option<&'static Self> {
        if let Some(name) = word.strip_prefix("--") {
            return FLAGS.iter().find(|flag| flag.name == name);
        }
        let name = word.strip_prefix('-')?;
        FLAGS
            .iter()
            .find(|flag| flag.name == name || flag.short.is_some_and(|short| name.chars().eq([short])))
    }
}

const fn flag(name: &'static str, kind: FlagKind, agent: bool) -> Flag {
    Flag {
        name,
        short: None,
        kind,
        server: true,
        agent,
        secret: false,
    }
}

const fn switch(name: &'static str) -> Flag {
    flag(name, FlagKind::Switch, false)
}

const fn value(name: &'static str) -> Flag {
    flag(name, FlagKind::Value, false)
}

const fn list(name: &'static str) -> Flag {
    flag(name, FlagKind::List, false)
}

impl Flag {
    const fn short(mut self, short: char) -> Self {
        self.short = Some(short);
        self
    }

    const fn everywhere(mut self) -> Self {
        self.agent = true;
        self
    }

    const fn of_agents(mut self) -> Self {
        self.server = false;
        self.agent = true;
        self
    }

    const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }
}

/// Every option that is known.
pub const FLAGS: &[Flag] = &[
    value("config").short('c').everywhere(),
    switch("debug").everywhere(),
    value("v").everywhere(),
    value("vmodule").everywhere(),
    value("log").short('l').everywhere(),
    switch("alsologtostderr").everywhere(),
    value("bind-address").everywhere(),
    value("https-listen-port"),
    value("advertise-address"),
    value("advertise-port"),
    list("tls-san"),
    switch("tls-san-security"),
    value("data-dir").short('d').everywhere(),
    list("cluster-cidr"),
    list("service-cidr"),
    value("service-node-port-range"),
    list("cluster-dns"),
    value("cluster-domain"),
    value("flannel-backend"),
    switch("flannel-ipv6-masq"),
    switch("flannel-external-ip"),
    value("egress-selector-mode"),
    value("servicelb-namespace"),
    value("write-kubeconfig").short('o'),
    value("write-kubeconfig-mode"),
    value("write-kubeconfig-group"),
    value("helm-job-image"),
    value("token").short('t').everywhere().secret(),
    value("token-file").everywhere(),
    value("agent-token").secret(),
    value("agent-token-file"),
    value("server").short('s').everywhere(),
    switch("cluster-init"),
    switch("cluster-reset"),
    value("cluster-reset-restore-path"),
    list("kube-apiserver-arg"),
    list("etcd-arg"),
    list("kube-controller-manager-arg"),
    list("kube-scheduler-arg"),
    list("kube-cloud-controller-manager-arg"),
    value("datastore-endpoint"),
    value("datastore-cafile"),
    value("datastore-certfile"),
    value("datastore-keyfile"),
    switch("kine-tls"),
    switch("etcd-expose-metrics"),
    switch("etcd-disable-snapshots"),
    value("etcd-snapshot-name"),
    value("etcd-snapshot-schedule-cron"),
    value("etcd-snapshot-reconcile-interval"),
    value("etcd-snapshot-retention"),
    value("etcd-snapshot-dir"),
    switch("etcd-snapshot-compress"),
    switch("etcd-s3"),
    value("etcd-s3-endpoint"),
    value("etcd-s3-endpoint-ca"),
    switch("etcd-s3-skip-ssl-verify"),
    value("etcd-s3-access-key").secret(),
    value("etcd-s3-secret-key").secret(),
    value("etcd-s3-session-token").secret(),
    value("etcd-s3-bucket"),
    value("etcd-s3-bucket-lookup-type"),
    value("etcd-s3-region"),
    value("etcd-s3-folder"),
    value("etcd-s3-retention"),
    value("etcd-s3-proxy"),
    value("etcd-s3-config-secret"),
    switch("etcd-s3-insecure"),
    value("etcd-s3-timeout"),
    value("default-local-storage-path"),
    list("disable"),
    switch("disable-scheduler"),
    switch("disable-cloud-controller"),
    switch("disable-kube-proxy"),
    switch("disable-network-policy"),
    switch("disable-helm-controller"),
    switch("disable-apiserver"),
    switch("disable-controller-manager"),
    switch("disable-etcd"),
    switch("disable-agent"),
    switch("embedded-registry"),
    switch("supervisor-metrics"),
    value("node-name").everywhere(),
    switch("with-node-id").everywhere(),
    list("node-label").everywhere(),
    list("node-taint").everywhere(),
    value("image-credential-provider-bin-dir").everywhere(),
    value("image-credential-provider-config").everywhere(),
    switch("docker").everywhere(),
    value("container-runtime-endpoint").everywhere(),
    value("default-runtime").everywhere(),
    value("image-service-endpoint").everywhere(),
    switch("disable-default-registry-endpoint").everywhere(),
    switch("nonroot-devices").everywhere(),
    value("pause-image").everywhere(),
    value("snapshotter").everywhere(),
    value("private-registry").everywhere(),
    value("system-default-registry"),
    list("node-ip").short('i').everywhere(),
    list("node-external-ip").everywhere(),
    list("node-internal-dns").everywhere(),
    list("node-external-dns").everywhere(),
    value("resolv-conf").everywhere(),
    value("flannel-iface").everywhere(),
    value("flannel-conf").everywhere(),
    value("flannel-cni-conf").everywhere(),
    value("vpn-auth").everywhere().secret(),
    value("vpn-auth-file").everywhere(),
    list("kubelet-arg").everywhere(),
    list("kube-proxy-arg").everywhere(),
    switch("protect-kernel-defaults").everywhere(),
    switch("secrets-encryption"),
    value("secrets-encryption-provider"),
    switch("enable-pprof").everywhere(),
    switch("rootless").everywhere(),
    switch("prefer-bundled-bin").everywhere(),
    switch("selinux").everywhere(),
    value("lb-server-port").everywhere(),
    switch("disable-apiserver-lb").of_agents(),
    // What k3s takes without showing it.
    value("supervisor-port"),
    value("apiserver-port"),
    value("apiserver-bind-address"),
    list("helm-controller-arg"),
    list("kube-controller-arg"),
    list("kube-cloud-controller-arg"),
    list("airgap-extra-registry").everywhere(),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for (at, flag) in FLAGS.iter().enumerate() {
            assert_eq!(FLAGS.iter().position(|other| other.name == flag.name), Some(at));
            assert_eq!(Flag::named(flag.name), Some(flag));
            assert_eq!(Flag::of_word(&format!("--{}", flag.name)), Some(flag));
        }
        assert_eq!(Flag::of_word("-t").unwrap().name, "token");
        assert_eq!(Flag::named("tls-san+").unwrap().name, "tls-san");
        assert!(FLAGS.iter().all(|flag| flag.server || flag.agent));
        assert_eq!(Flag::of_word("server"), None);
        assert_eq!(Flag::of_word("--t"), None);
    }
}
