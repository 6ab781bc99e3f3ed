//! The checks that only look.

mod api;
mod charts;
mod images;
mod nodes;
mod pods;
mod system;

use std::sync::OnceLock;

use airlock_finding::{Finding, Selection};
use tokio::sync::OnceCell;

use crate::client::{AskError, Client};
use crate::expected::Expected;
use crate::finding::{CHECKS, Check, Outcome, Report};
use crate::node::ThisNode;
use crate::object::{Node, Pod, Version};
use crate::probe::{self, Probe};

pub(crate) use charts::{State, failed_job, of_release};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Question {
    /// What should be there.
    pub expected: Expected,
    /// Which checks are made.
    pub selection: Selection,
    /// The node that this runs on, where it is one.
    pub this: Option<ThisNode>,
    /// What is tried out in the cluster; nothing unless asked for.
    pub probe: Option<Probe>,
    /// The time, in seconds since 1970.
    pub now: i64,
}

/// What was seen of the cluster so far, so that it is asked for once.
pub(crate) struct Seen<'a> {
    pub(crate) client: &'a Client,
    pub(crate) question: &'a Question,
    nodes: OnceCell<Result<Vec<Node>, AskError>>,
    pods: OnceCell<Result<Vec<Pod>, AskError>>,
    silent: OnceLock<AskError>,
}

impl Seen<'_> {
    /// Why nothing else is asked, if so.
    pub(crate) fn silence(&self) -> Option<&AskError> {
        self.silent.get()
    }

    pub(crate) async fn nodes(&self) -> Result<&[Node], AskError> {
        let asked = self
            .nodes
            .get_or_init(|| self.client.list("/api/v1/nodes", "list of nodes"))
            .await;
        asked.as_deref().map_err(Clone::clone)
    }

    pub(crate) async fn pods(&self) -> Result<&[Pod], AskError> {
        let asked = self
            .pods
            .get_or_init(|| self.client.list("/api/v1/pods", "list of pods"))
            .await;
        asked.as_deref().map_err(Clone::clone)
    }
}

/// What could not be told, since the API server gave no answer.
pub(crate) fn unanswered(error: &AskError) -> Outcome {
    let outcome = Outcome::unknown(error.to_string());
    match error {
        AskError::Denied => outcome.with("ask with the kubeconfig of an administrator"),
        _ => outcome,
    }
}

/// Makes the checks, one after the other. `each` is told of every finding at once. When `stop` comes to its end, what was
/// made in the cluster is removed, and the report ends there.
pub async fn check(
    client: &Client,
    question: &Question,
    each: &mut (dyn FnMut(&Finding) + Send),
    stop: impl Future<Output = ()> + Send,
) -> Report {
    let seen = Seen {
        client,
        question,
        nodes: OnceCell::new(),
        pods: OnceCell::new(),
        silent: OnceLock::new(),
    };
    let mut stop = std::pin::pin!(stop);
    let mut report = Report::default();
    let mut is_stopped = false;
    // Everything else is nothing worth where nobody answers, and each would wait as long.
    let first: Result<Version, AskError> = tokio::select! {
        first = client.get("/version", "version") => first,
        () = &mut stop => return report,
    };
    if let Err(error @ (AskError::Unreachable(_) | AskError::TooSlow(_) | AskError::Unknown)) = &first {
        let _ = seen.silent.set(error.clone());
    }
    let mut probes = None;
    for check in CHECKS.iter().filter(|check| question.selection.has(check.id)) {
        let outcome = if is_stopped {
            break;
        } else if check.group() == "probe" {
            // All probes are one run, since they share what they make.
            if probes.is_none() {
                let made = probe::run(&seen, stop.as_mut()).await;
                is_stopped = made.is_stopped;
                probes = Some(made);
            }
            probes
                .as_ref()
                .map_or_else(|| Outcome::unknown("it was not tried"), |made| made.of(check.id))
        } else {
            tokio::select! {
                outcome = one(check, &seen, &first) => outcome,
                () = &mut stop => break,
            }
        };
        let finding = check.found(outcome);
        each(&finding);
        report.add(finding);
    }
    report
}

async fn one(check: &Check, seen: &Seen<'_>, first: &Result<Version, AskError>) -> Outcome {
    match check.id {
        "api.answers" => return api::answers(seen, first),
        "api.certificate" => return api::certificate(seen).await,
        "node.certificates" => return nodes::certificates(seen).await,
        _ => {}
    }
    if let Some(error) = seen.silent.get() {
        return Outcome::unknown(error.to_string());
    }
    match check.id {
        "api.ready" => api::ready(seen).await,
        "node.ready" => nodes::ready(seen).await,
        "node.version" => nodes::version(seen, first).await,
        "node.pressure" => nodes::pressure(seen).await,
        "charts.deployed" => charts::deployed(seen).await,
        "pods.running" => pods::running(seen).await,
        "images.present" => images::present(seen).await,
        id => system::available(seen, id).await,
    }
}
