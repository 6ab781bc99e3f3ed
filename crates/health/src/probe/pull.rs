//! An image that a node has to ask the mirror for, whether it has it or not.

use super::pod::script;
use super::{End, Lab};
use crate::finding::{Outcome, count, some};
use crate::object::Pod;

enum Pulled {
    Yes,
    No(String),
    Waits,
}

fn pulled(pod: &Pod) -> Pulled {
    if ["Running", "Succeeded"].contains(&pod.status.phase.as_str()) {
        return Pulled::Yes;
    }
    for status in &pod.status.container_statuses {
        if status.state.terminated.is_some() {
            // It has started, so that the image is there.
            return Pulled::Yes;
        }
        // The first failure may be chance; after the second the kubelet waits.
        if let Some(waiting) = &status.state.waiting
            && ["ImagePullBackOff", "InvalidImageName"].contains(&waiting.reason.as_str())
        {
            return Pulled::No(format!("{}: {}", waiting.reason, waiting.message));
        }
    }
    Pulled::Waits
}

impl Lab<'_> {
    pub(super) async fn pull(&self) -> Result<Outcome, End> {
        for (at, node) in self.nodes.iter().enumerate() {
            let pod = script(&format!("pull-{at}"), node, self.image, "Always", "true");
            self.make(&pod).await?;
        }
        let pods = self
            .until("pull-", |pod| !matches!(pulled(pod), Pulled::Waits))
            .await?;
        let (mut bad, mut slow) = (Vec::new(), Vec::new());
        for pod in &pods {
            let node = &pod.spec.node_name;
            match pulled(pod) {
                Pulled::Yes => {}
                Pulled::No(why) => bad.push(format!("{node}: {why}")),
                Pulled::Waits => slow.push(node.clone()),
            }
        }
        Ok(if !bad.is_empty() {
            Outcome::fail(
                format!("{} cannot be pulled: {}", self.image, some(&bad)),
                "compare registries.yaml on the node with the mirror: address, authority, credentials; it is read only when k3s starts",
            )
        } else if !slow.is_empty() || pods.len() < self.nodes.len() {
            Outcome::fail(
                format!(
                    "{} was not pulled within {} s on {}",
                    self.image,
                    self.patience.as_secs(),
                    some(&slow)
                ),
                "see whether the node reaches the mirror: `airlock preflight --only mirror`",
            )
        } else {
            Outcome::ok(format!(
                "{} was pulled on {}",
                self.image,
                count(pods.len(), "node")
            ))
        })
    }
}
