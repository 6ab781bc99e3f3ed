//! Hardening after the CIS benchmark, as k3s' own guide has it.

use serde_json::{Value, json};

use airlock_types::yaml;

use crate::k3s::Paths;

/// Parameters of the kernel that the kubelet wants to find, and does not set by itself any more.
pub(crate) const SYSCTLS: [(&str, &str); 4] = [
    ("vm.panic_on_oom", "0"),
    ("vm.overcommit_memory", "1"),
    ("kernel.panic", "10"),
    ("kernel.panic_on_oops", "1"),
];

/// TLS 1.2 with forward secrecy and authenticated encryption; TLS 1.3 has nothing else.
const CIPHERS: &str = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,\
TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,\
TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256";

/// Namespaces of the system, whose pods need more than the restricted profile allows.
const EXEMPT: [&str; 1] = ["kube-system"];

/// Namespaces that get a policy which lets in their own pods only.
const CLOSED: [&str; 3] = ["default", "kube-public", "kube-system"];

pub(crate) fn kubelet() -> Vec<String> {
    vec![
        "streaming-connection-idle-timeout=5m".to_owned(),
        format!("tls-cipher-suites={CIPHERS}"),
    ]
}

pub(crate) fn controller_manager() -> Vec<String> {
    vec!["terminated-pod-gc-threshold=10".to_owned()]
}

pub(crate) fn api_server(paths: &Paths) -> Vec<String> {
    vec![
        "enable-admission-plugins=NodeRestriction,EventRateLimit".to_owned(),
        format!("admission-control-config-file={}", paths.admission.display()),
        format!("audit-log-path={}", paths.logs.join("audit.log").display()),
        format!("audit-policy-file={}", paths.audit.display()),
        "audit-log-maxage=30".to_owned(),
        "audit-log-maxbackup=10".to_owned(),
        "audit-log-maxsize=100".to_owned(),
        format!("tls-cipher-suites={CIPHERS}"),
    ]
}

/// The file of `sysctl.d`.
pub(crate) fn sysctl_file() -> String {
    let lines: String = SYSCTLS
        .iter()
        .map(|(name, value)| [name, " = ", value, "\n"].concat())
        .collect();
    format!("# Written by Airlock: what the kubelet wants to find with protect-kernel-defaults.\n{lines}")
}

/// Pod security `restricted` everywhere but in the system's own namespaces, and a limit on events.
pub(crate) fn admission() -> String {
    let document = json!({
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AdmissionConfiguration",
        "plugins": [
            {
                "name": "PodSecurity",
                "configuration": {
                    "apiVersion": "pod-security.admission.config.k8s.io/v1",
                    "kind": "PodSecurityConfiguration",
                    "defaults": {
                        "enforce": "restricted", "enforce-version": "latest",
                        "audit": "restricted", "audit-version": "latest",
                        "warn": "restricted", "warn-version": "latest",
                    },
                    "exemptions": {"usernames": [], "runtimeClasses": [], "namespaces": EXEMPT},
                },
            },
            {
                "name": "EventRateLimit",
                "configuration": {
                    "apiVersion": "eventratelimit.admission.k8s.io/v1alpha1",
                    "kind": "Configuration",
                    "limits": [{"type": "Server", "qps": 5000, "burst": 20000}],
                },
            },
        ],
    });
    written(&[document])
}

/// Who did what to which object, without what was in it: secrets stay out of the log.
pub(crate) fn audit() -> String {
    written(&[json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{"level": "Metadata"}],
    })])
}

/// Policies for the namespaces that every cluster has: pods of the same namespace get in, and what everybody needs of
/// the system: names, metrics and the ingress.
pub(crate) fn network_policies() -> String {
    let policy = |name: &str, namespace: &str, spec: Value| {
        json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": name, "namespace": namespace},
            "spec": spec,
        })
    };
    let ports = |ports: &[(u16, &str)]| -> Vec<Value> {
        ports
            .iter()
            .map(|(port, protocol)| json!({"port": port, "protocol": protocol}))
            .collect()
    };
    let mut documents: Vec<Value> = CLOSED
        .iter()
        .map(|namespace| {
            let inside =
                json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}});
            let spec =
                json!({"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [inside]}]});
            policy("airlock-intra-namespace", namespace, spec)
        })
        .collect();
    documents.push(policy(
        "airlock-dns",
        "kube-system",
        json!({
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
            "policyTypes": ["Ingress"],
            "ingress": [{"ports": ports(&[(53, "TCP"), (53, "UDP")])}],
        }),
    ));
    documents.push(policy(
        "airlock-metrics-server",
        "kube-system",
        json!({
            "podSelector": {"matchLabels": {"k8s-app": "metrics-server"}},
            "policyTypes": ["Ingress"],
            "ingress": [{"ports": ports(&[(10250, "TCP")])}],
        }),
    ));
    for (name, label, value) in [
        ("airlock-ingress", "app.kubernetes.io/name", "traefik"),
        (
            "airlock-ingress-lb",
            "svccontroller.k3s.cattle.io/svcname",
            "traefik",
        ),
    ] {
        let spec = json!({
            "podSelector": {"matchLabels": {label: value}},
            "policyTypes": ["Ingress"],
            "ingress": [{}],
        });
        documents.push(policy(name, "kube-system", spec));
    }
    written(&documents)
}

fn written(documents: &[Value]) -> String {
    let texts: Vec<String> = documents.iter().map(yaml::render).collect();
    format!("# Written by Airlock.\n{}", texts.join("---\n"))
}
