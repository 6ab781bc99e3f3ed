//! The order in which Helm installs kinds (`pkg/release/v1/util/kind_sorter.go`).

use crate::chart::Profile;

const KINDS: &[&str] = &[
    "PriorityClass",
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
];

/// What Helm 4 puts behind all others.
const WEBHOOKS: &[&str] = &["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

/// The place of a kind: those that Helm knows by its list, others behind them by their names.
pub(super) fn place(kind: &str, profile: Profile) -> (usize, &str) {
    let webhooks = match profile {
        Profile::Helm3 => &[][..],
        Profile::Helm4 => WEBHOOKS,
    };
    let mut known = KINDS.iter().chain(webhooks);
    match known.position(|name| *name == kind) {
        Some(place) => (place, ""),
        None => (usize::MAX, kind),
    }
}
