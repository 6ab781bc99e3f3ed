//! What k3s brings along.

use super::{Seen, unanswered};
use crate::client::AskError;
use crate::finding::Outcome;
use crate::object::{Deployment, condition};

/// The component that `disable` names, for each deployment.
const COMPONENTS: [(&str, &str); 4] = [
    ("coredns", "coredns"),
    ("local-path-provisioner", "local-storage"),
    ("metrics-server", "metrics-server"),
    ("traefik", "traefik"),
];

pub(super) async fn available(seen: &Seen<'_>, id: &str) -> Outcome {
    let name = id.split_once('.').map_or(id, |(_, name)| name);
    let Some((_, component)) = COMPONENTS.iter().find(|(deployment, _)| *deployment == name) else {
        return Outcome::unknown("there is no such check");
    };
    let disabled = seen.question.expected.disabled.as_ref();
    if disabled.is_some_and(|disabled| disabled.contains(*component)) {
        return Outcome::skipped(format!("site.yaml disables {component}"));
    }
    let path = format!("/apis/apps/v1/namespaces/kube-system/deployments/{name}");
    let deployment: Deployment = match seen.client.get(&path, "deployment").await {
        Ok(deployment) => deployment,
        Err(AskError::Absent) if disabled.is_none() => {
            return Outcome::unknown("it is not there, which is right if it is disabled")
                .with("give --config site.yaml, which says what is disabled");
        }
        Err(AskError::Absent) => {
            return Outcome::fail(
                "it is not there",
                "`journalctl -u k3s` tells why k3s does not deploy it; is there a file NAME.skip in server/manifests?",
            );
        }
        Err(error) => return unanswered(&error),
    };
    let status = &deployment.status;
    match condition(&status.conditions, "Available") {
        Some(available) if available.status == "True" => Outcome::ok(format!(
            "{} of {} pods are available",
            status.available_replicas, status.replicas
        )),
        Some(available) => Outcome::fail(
            format!("{}: {}", available.reason, available.message),
            format!("`kubectl -n kube-system describe deployment {name}` and its pods tell why"),
        ),
        None => Outcome::fail(
            "it has never been available",
            "k3s needs a while after its start; --wait 5m waits for it",
        ),
    }
}
