//! Pods that run anywhere: on a named node, with what the strictest level of Pod Security asks for.

use airlock_types::Reference;
use serde_json::{Value, json};

use super::LABEL;

/// Pods end by themselves after so many seconds, should nobody be left to remove them.
const DEADLINE: u32 = 600;

/// A pod that runs a script once.
pub(super) fn script(name: &str, node: &str, image: &Reference, pull: &str, script: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {LABEL: "true"}},
        "spec": {
            // Not the scheduler's choice: every node is to show that it can.
            "nodeName": node,
            "tolerations": [{"operator": "Exists"}],
            "restartPolicy": "Never",
            "activeDeadlineSeconds": DEADLINE,
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "securityContext": {
                "runAsNonRoot": true,
                "runAsUser": 65_534,
                "runAsGroup": 65_534,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [{
                "name": "probe",
                "image": image.to_string(),
                "imagePullPolicy": pull,
                "command": ["sh", "-c", script],
                "terminationMessagePolicy": "FallbackToLogsOnError",
                "securityContext": {
                    "allowPrivilegeEscalation": false,
                    "capabilities": {"drop": ["ALL"]},
                },
            }],
        },
    })
}
