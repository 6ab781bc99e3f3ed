//! What is tried out in the cluster: pods in a namespace of their own, which is removed whatever happens.

mod network;
mod pod;
mod pull;

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use airlock_finding::Status;
use airlock_types::Reference;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::checks::{Seen, unanswered};
use crate::client::{AskError, Client};
use crate::finding::Outcome;
use crate::object::{Bare, Pod, condition};

/// The label of everything that is made, by which it is found again after a run that was killed.
pub(crate) const LABEL: &str = "airlock.dev/probe";
/// Nodes that take part.
const MAX_NODES: usize = 32;
/// The time between two looks.
const BETWEEN: Duration = Duration::from_secs(1);
/// How long the namespace's service account may take, without which there are no pods.
const ACCOUNT: Duration = Duration::from_secs(20);

/// What is tried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Part of the name of the namespace: eight or so letters and digits that nobody else draws.
    pub id: String,
    /// An image with a shell, `nslookup`, `wget` and `httpd`; busybox of the bundle where none is given.
    pub image: Option<Reference>,
    /// How long each probe may take.
    pub patience: Duration,
}

/// What came of it.
pub(crate) struct Probed {
    pull: Outcome,
    network: Outcome,
    snapshot: Outcome,
    pub(crate) is_stopped: bool,
}

impl Probed {
    fn all(outcome: &Outcome) -> Self {
        Self {
            pull: outcome.clone(),
            network: outcome.clone(),
            snapshot: outcome.clone(),
            is_stopped: false,
        }
    }

    pub(crate) fn of(&self, id: &str) -> Outcome {
        match id {
            "probe.pull" => self.pull.clone(),
            "probe.network" => self.network.clone(),
            _ => self.snapshot.clone(),
        }
    }
}

/// Why a probe ends early.
enum End {
    Stopped,
    Ask(AskError),
}

impl From<AskError> for End {
    fn from(error: AskError) -> Self {
        Self::Ask(error)
    }
}

/// What the parts of a probe share.
struct Lab<'a> {
    client: &'a Client,
    namespace: String,
    image: &'a Reference,
    nodes: Vec<String>,
    patience: Duration,
    stopped: &'a AtomicBool,
    /// Whether the namespace may be there.
    made: &'a AtomicBool,
}

pub(crate) async fn run(seen: &Seen<'_>, stop: Pin<&mut (impl Future<Output = ()> + Send)>) -> Probed {
    let question = seen.question;
    let Some(probe) = &question.probe else {
        return Probed::all(&Outcome::skipped(
            "only with --probe, since it makes pods in the cluster",
        ));
    };
    if let Some(error) = seen.silence() {
        return Probed::all(&Outcome::unknown(error.to_string()));
    }
    let wants = |id: &str| {
        crate::CHECKS
            .iter()
            .any(|check| check.id == id && question.selection.has(check.id))
    };
    let mut probed = Probed::all(&Outcome::unknown("it was interrupted"));
    if !wants("probe.pull") && !wants("probe.network") {
        probed.snapshot = snapshot(seen).await;
        return probed;
    }
    let images = question
        .expected
        .images
        .iter()
        .flatten()
        .map(|image| &image.reference);
    let busybox = images.into_iter().find(|image| {
        let name = image.repository.name.as_str();
        name.ends_with("library-busybox") || name == "library/busybox" || name.ends_with("/busybox")
    });
    let nodes = match seen.nodes().await {
        Ok(nodes) => nodes,
        Err(error) => return Probed::all(&unanswered(&error)),
    };
    let ready = nodes.iter().filter(|node| {
        condition(&node.status.conditions, "Ready").is_some_and(|ready| ready.status == "True")
    });
    let nodes: Vec<String> = ready
        .map(|node| node.metadata.name.clone())
        .take(MAX_NODES)
        .collect();
    let outcome = match (probe.image.as_ref().or(busybox), nodes.is_empty()) {
        (None, _) => Err(Outcome::unknown("the bundle has no busybox to probe with")
            .with("give --probe-image with an image that has a shell, nslookup, wget and httpd")),
        (_, true) => Err(Outcome::unknown("no node is ready, so that no pod can run")),
        (Some(image), false) => Ok(image),
    };
    match outcome {
        Err(outcome) => {
            probed.pull = outcome.clone();
            probed.network = outcome;
        }
        Ok(image) => {
            let (stopped, made) = (AtomicBool::new(false), AtomicBool::new(false));
            let lab = Lab {
                client: seen.client,
                namespace: format!("airlock-probe-{}", probe.id),
                image,
                nodes,
                patience: probe.patience,
                stopped: &stopped,
                made: &made,
            };
            let wanted = (wants("probe.pull"), wants("probe.network"));
            in_lab(&lab, seen, wanted, &mut probed, stop).await;
        }
    }
    if wants("probe.snapshot") && !probed.is_stopped {
        probed.snapshot = snapshot(seen).await;
    }
    probed
}

/// Works in the namespace, and removes it. A request that is under way when `stop` comes is waited for: what has been
/// sent may be made, and would stay.
async fn in_lab(
    lab: &Lab<'_>,
    seen: &Seen<'_>,
    wanted: (bool, bool),
    probed: &mut Probed,
    mut stop: Pin<&mut (impl Future<Output = ()> + Send)>,
) {
    let work = async {
        if let Err(end) = lab.open().await {
            let outcome = Lab::ended(end);
            return (outcome.clone(), outcome);
        }
        let pull = match wanted.0 {
            true if !seen.question.expected.mirror => {
                Outcome::skipped("no mirror was given, so that there is nothing to pull from")
            }
            true => lab.pull().await.unwrap_or_else(Lab::ended),
            false => Outcome::skipped("it was not to be tried"),
        };
        let network = if wanted.1 {
            let domain = seen
                .question
                .expected
                .domain
                .as_deref()
                .unwrap_or("cluster.local");
            lab.network(domain).await.unwrap_or_else(Lab::ended)
        } else {
            Outcome::skipped("it was not to be tried")
        };
        (pull, network)
    };
    let mut work = std::pin::pin!(work);
    (probed.pull, probed.network) = loop {
        tokio::select! {
            biased;
            done = &mut work => break done,
            () = &mut stop, if !probed.is_stopped => {
                probed.is_stopped = true;
                lab.stopped.store(true, Ordering::SeqCst);
            }
        }
    };
    if lab.made.load(Ordering::SeqCst)
        && let Err(error) = lab.close().await
    {
        let left = Outcome::fail(
            format!("the namespace {} could not be removed: {error}", lab.namespace),
            format!(
                "`kubectl delete namespace {}`; the next --probe tries it again",
                lab.namespace
            ),
        );
        // Told where it is seen, whatever was found.
        if probed.network.status < Status::Fail {
            probed.network = left;
        } else {
            probed.pull = left;
        }
    }
}

/// `k3s etcd-snapshot save`, of which the last one is kept.
async fn snapshot(seen: &Seen<'_>) -> Outcome {
    match seen.question.expected.etcd {
        Some(true) => {}
        Some(false) => return Outcome::skipped("the state is not kept in etcd"),
        None => {
            return Outcome::unknown("nobody has said whether the state is kept in etcd")
                .with("give --config site.yaml");
        }
    }
    let Some(this) = &seen.question.this else {
        return Outcome::skipped("this is not a node of the cluster");
    };
    let said = match this
        .k3s(&["etcd-snapshot", "save", "--name", "airlock-health"])
        .await
    {
        Ok(said) => said,
        Err(error) => return Outcome::unknown(error),
    };
    if said.code != Some(0) {
        let last = said
            .stderr
            .lines()
            .chain(said.stdout.lines())
            .last()
            .unwrap_or_default();
        return Outcome::fail(
            format!("`k3s etcd-snapshot save` fails: {last}"),
            "`journalctl -u k3s` tells why; is there room below server/db/snapshots?",
        );
    }
    let prune = &[
        "etcd-snapshot",
        "prune",
        "--name",
        "airlock-health",
        "--snapshot-retention",
        "1",
    ];
    match this.k3s(prune).await {
        Ok(said) if said.code == Some(0) => {
            Outcome::ok("a snapshot airlock-health was saved; earlier ones of that name are gone")
        }
        _ => Outcome::warn(
            "a snapshot airlock-health was saved, and earlier ones of that name could not be removed",
            "`k3s etcd-snapshot ls` lists them",
        ),
    }
}

impl Lab<'_> {
    fn go_on(&self) -> Result<(), End> {
        if self.stopped.load(Ordering::SeqCst) {
            Err(End::Stopped)
        } else {
            Ok(())
        }
    }

    fn ended(end: End) -> Outcome {
        match end {
            End::Stopped => Outcome::unknown("it was interrupted"),
            End::Ask(error @ AskError::Status { .. }) => Outcome::unknown(error.to_string())
                .with("a policy of the cluster may keep pods from being made: see its admission rules"),
            End::Ask(error) => unanswered(&error),
        }
    }

    /// Removes what runs that were killed have left, and makes the namespace.
    async fn open(&self) -> Result<(), End> {
        self.go_on()?;
        let path = format!("/api/v1/namespaces?labelSelector={}", LABEL.replace('/', "%2F"));
        let old: Vec<Bare> = self.client.list_bare(&path, "list of namespaces").await?;
        for one in old {
            // A server that does not know labels would give all of them.
            if one.metadata.labels.contains_key(LABEL) && one.metadata.deletion_timestamp.is_none() {
                self.go_on()?;
                self.client
                    .delete(&format!("/api/v1/namespaces/{}", one.metadata.name))
                    .await?;
            }
        }
        self.go_on()?;
        let namespace = json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": self.namespace, "labels": {LABEL: "true"}},
        });
        self.made.store(true, Ordering::SeqCst);
        let result = self.client.create("/api/v1/namespaces", &namespace).await;
        // Whatever was refused is not there; after anything else nobody knows.
        if let Err(
            AskError::Denied
            | AskError::Unknown
            | AskError::Absent
            | AskError::Status {
                status: 400..=499, ..
            },
        ) = &result
        {
            self.made.store(false, Ordering::SeqCst);
        }
        Ok(result?)
    }

    async fn close(&self) -> Result<(), AskError> {
        let path = format!("/api/v1/namespaces/{}", self.namespace);
        let mut last = self.client.delete(&path).await;
        for _ in 0..2 {
            if last.is_ok() {
                break;
            }
            sleep(BETWEEN).await;
            last = self.client.delete(&path).await;
        }
        last
    }

    fn pods(&self) -> String {
        format!("/api/v1/namespaces/{}/pods", self.namespace)
    }

    async fn make(&self, pod: &serde_json::Value) -> Result<(), End> {
        let start = Instant::now();
        loop {
            self.go_on()?;
            match self.client.create(&self.pods(), pod).await {
                Err(AskError::Status { status: 403, message })
                    if message.contains("service account") || message.contains("serviceaccount") =>
                {
                    if start.elapsed() > ACCOUNT {
                        return Err(AskError::Status { status: 403, message }.into());
                    }
                    sleep(BETWEEN).await;
                }
                result => return Ok(result?),
            }
        }
    }

    /// Looks at the pods until `is_done` says so of all whose names begin so, or it takes too long.
    async fn until(&self, prefix: &str, is_done: impl Fn(&Pod) -> bool) -> Result<Vec<Pod>, End> {
        let start = Instant::now();
        loop {
            self.go_on()?;
            let mut pods: Vec<Pod> = self.client.list(&self.pods(), "list of pods").await?;
            pods.retain(|pod| pod.metadata.name.starts_with(prefix));
            let all = pods.len() >= self.nodes.len() && pods.iter().all(&is_done);
            if all || start.elapsed() >= self.patience {
                pods.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
                return Ok(pods);
            }
            sleep(BETWEEN.min(self.patience)).await;
        }
    }
}
