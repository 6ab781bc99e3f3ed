//! Pods that do not run, and why.

use super::charts::OF_CHART;
use super::{Seen, unanswered};
use crate::expected::Expected;
use crate::finding::{Outcome, count, some};
use crate::object::{ContainerStatus, Pod, condition};
use crate::probe;

/// What the kubelet calls a container whose image it does not get.
const NO_IMAGE: [&str; 5] = [
    "ImagePullBackOff",
    "ErrImagePull",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
];

pub(super) async fn running(seen: &Seen<'_>) -> Outcome {
    let pods = match seen.pods().await {
        Ok(pods) => pods,
        Err(error) => return unanswered(&error),
    };
    let expected = &seen.question.expected;
    let (mut bad, mut lacks_image, mut good) = (Vec::new(), false, 0_usize);
    for pod in pods {
        let labels = &pod.metadata.labels;
        // Jobs of charts are told with their charts, and our own pods come and go.
        if labels.contains_key(OF_CHART)
            || labels.contains_key(probe::LABEL)
            || pod.metadata.deletion_timestamp.is_some()
        {
            continue;
        }
        match trouble(pod, expected) {
            None => good += 1,
            Some(trouble) => {
                lacks_image |= trouble.is_image;
                bad.push(format!(
                    "{}/{}: {}",
                    pod.metadata.namespace, pod.metadata.name, trouble.why
                ));
            }
        }
    }
    if bad.is_empty() {
        return Outcome::ok(format!("{} running or done", count(good, "pod")));
    }
    let remedy = if lacks_image {
        "what the bundle holds comes from the mirror or the imported archive: see registries.yaml and `crictl images` on the node; what it does not hold belongs into the manifest of the bundle (`airlock check` lists what lacks)"
    } else {
        "`kubectl describe pod` and `kubectl logs` tell why; --wait 5m waits for what has just been started"
    };
    Outcome::fail(some(&bad), remedy)
}

struct Trouble {
    why: String,
    is_image: bool,
}

fn trouble(pod: &Pod, expected: &Expected) -> Option<Trouble> {
    let status = &pod.status;
    let plain = |why: String| Some(Trouble { why, is_image: false });
    let of_job = pod
        .metadata
        .owner_references
        .iter()
        .any(|owner| owner.kind == "Job");
    let containers = || {
        status
            .init_container_statuses
            .iter()
            .chain(&status.container_statuses)
    };
    if let Some(trouble) = containers().find_map(|container| no_image(container, expected)) {
        return Some(trouble);
    }
    match status.phase.as_str() {
        "Succeeded" => None,
        // A job tries again; what comes of it is the business of who made the job.
        _ if of_job => None,
        "Running" => {
            let mut bad = status
                .container_statuses
                .iter()
                .filter(|container| !container.ready);
            bad.next().and_then(|container| plain(not_ready(container)))
        }
        "Failed" => plain(format!("failed: {} {}", status.reason, status.message)),
        "Pending" => {
            if let Some(scheduled) = condition(&status.conditions, "PodScheduled")
                && scheduled.status == "False"
            {
                return plain(format!("no node takes it: {}", scheduled.message));
            }
            let waiting = containers().find_map(|container| container.state.waiting.as_ref());
            plain(match waiting {
                Some(waiting) => format!("not started: {} {}", waiting.reason, waiting.message),
                None => "not started".to_owned(),
            })
        }
        other => plain(format!("its state is {other:?}")),
    }
}

fn no_image(container: &ContainerStatus, expected: &Expected) -> Option<Trouble> {
    let waiting = container.state.waiting.as_ref()?;
    if !NO_IMAGE.contains(&waiting.reason.as_str()) {
        return None;
    }
    let held = match expected.holds(&container.image) {
        Some(true) => ", which the bundle holds",
        Some(false) => ", which the bundle does not hold",
        None => "",
    };
    Some(Trouble {
        why: format!("{}: the image {}{held}", waiting.reason, container.image),
        is_image: true,
    })
}

fn not_ready(container: &ContainerStatus) -> String {
    let name = &container.name;
    if let Some(waiting) = &container.state.waiting {
        let last = container
            .last_state
            .terminated
            .as_ref()
            .or(container.state.terminated.as_ref());
        let end = last.map_or_else(String::new, |end| {
            format!(", last ended with {} ({})", end.exit_code, end.reason)
        });
        return format!("{name}: {}{end}", waiting.reason);
    }
    if let Some(end) = &container.state.terminated {
        return format!("{name}: ended with {} ({})", end.exit_code, end.reason);
    }
    format!("{name}: runs, and is not ready")
}
