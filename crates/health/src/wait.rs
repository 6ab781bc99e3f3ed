//! Waiting until something is as it should be, in bounded time.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::checks::{State, failed_job, of_release};
use crate::client::{AskError, Client};
use crate::expected::Release;
use crate::object::{Node, condition};

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// The API server is ready.
    Api,
    /// A node is ready.
    Node {
        /// Its name.
        name: String,
        /// The release of k3s that it runs then, where that matters.
        version: Option<String>,
    },
    /// A release is deployed.
    Release(Release),
}

impl std::fmt::Display for Awaited {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Api => f.write_str("the API server"),
            Self::Node { name, .. } => write!(f, "the node {name}"),
            Self::Release(release) => write!(f, "the release {}", release.name),
        }
    }
}

/// How long, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// After this it is given up.
    pub all: Duration,
    /// The time between two looks.
    pub between: Duration,
}

/// What changed while waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is waited for, `the release app`.
    pub what: String,
    /// How far it is, in one clause.
    pub state: String,
    /// Whether it is as it should be.
    pub is_done: bool,
}

/// Why waiting came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WaitError {
    /// It took too long.
    #[error("not there within {} s: {}", .waited.as_secs(), .left.join("; "))]
    TooLong {
        /// How long that was.
        waited: Duration,
        /// What is not there, and how far each is.
        left: Vec<String>,
    },
    /// It will not come.
    #[error("{what} has failed: {why}")]
    Failed {
        /// What.
        what: String,
        /// Why.
        why: String,
    },
}

/// A failure is believed after it was seen this often.
const FAILURES: usize = 4;

/// What was said of a release the last time, and how often in a row. A moment after its resource has changed, the job of
/// before is still there, complete or failed, until the helm-controller has replaced it.
#[derive(Clone, Default)]
struct Before {
    said: String,
    times: usize,
}

impl Before {
    /// How often this was said in a row by now.
    fn again(&mut self, said: &str) -> usize {
        if self.said != said {
            *self = Self {
                said: said.to_owned(),
                times: 0,
            };
        }
        self.times += 1;
        self.times
    }
}

enum Look {
    Done,
    Not(String),
    Never(String),
}

/// Waits until everything is as it should be. A server that does not answer, or denies access while it starts, is waited
/// for like anything else; a release that has failed for good ends it at once. `observer` is told what changes.
pub async fn wait(
    client: &Client,
    what: &[Awaited],
    patience: Patience,
    observer: &mut (dyn FnMut(Progress) + Send),
) -> Result<(), WaitError> {
    let start = Instant::now();
    let mut states: Vec<String> = vec![String::new(); what.len()];
    let mut done = vec![false; what.len()];
    let mut before: Vec<Before> = vec![Before::default(); what.len()];
    loop {
        for (((awaited, state), done), before) in what.iter().zip(&mut states).zip(&mut done).zip(&mut before)
        {
            if *done {
                continue;
            }
            let left = patience.all.saturating_sub(start.elapsed());
            let look = tokio::time::timeout(left.max(patience.between), look(client, awaited, before)).await;
            let (now, is_done) = match look.unwrap_or_else(|_| Look::Not("there is no answer".to_owned())) {
                Look::Done => ("it is there".to_owned(), true),
                Look::Not(why) => (why, false),
                Look::Never(why) => {
                    return Err(WaitError::Failed {
                        what: awaited.to_string(),
                        why,
                    });
                }
            };
            *done = is_done;
            if *state != now {
                state.clone_from(&now);
                observer(Progress {
                    what: awaited.to_string(),
                    state: now,
                    is_done,
                });
            }
        }
        if done.iter().all(|done| *done) {
            return Ok(());
        }
        if start.elapsed() >= patience.all {
            let left = what.iter().zip(&states).zip(&done).filter(|(_, done)| !**done);
            return Err(WaitError::TooLong {
                waited: patience.all,
                left: left
                    .map(|((awaited, state), _)| format!("{awaited}: {state}"))
                    .collect(),
            });
        }
        sleep(patience.between.min(patience.all.saturating_sub(start.elapsed()))).await;
    }
}

async fn look(client: &Client, awaited: &Awaited, before: &mut Before) -> Look {
    match awaited {
        Awaited::Api => match client.text("/readyz").await {
            Ok((200, _)) => Look::Done,
            Ok((status, _)) => Look::Not(format!("it is not ready ({status})")),
            Err(error) => Look::Not(error.to_string()),
        },
        Awaited::Node { name, version } => {
            match client.get::<Node>(&format!("/api/v1/nodes/{name}"), "node").await {
                Ok(node) => of_node(&node, version.as_deref()),
                Err(AskError::Absent) => Look::Not("it has not joined the cluster".to_owned()),
                Err(error) => Look::Not(error.to_string()),
            }
        }
        Awaited::Release(release) => match of_release(client, release).await {
            Ok(State::Deployed { by }) => {
                if before.again(&format!("deployed {by}")) > 1 {
                    Look::Done
                } else {
                    Look::Not("it is deployed, which is looked at once more".to_owned())
                }
            }
            Ok(State::Failed(why)) => {
                if before.again(&format!("failed {why}")) >= FAILURES {
                    Look::Never(why)
                } else {
                    Look::Not(format!("{why}; that is looked at again"))
                }
            }
            Ok(State::Under(why)) => {
                before.again("");
                Look::Not(why)
            }
            Err(error) => {
                before.again("");
                Look::Not(error.to_string())
            }
        },
    }
}

/// Has releases tried again that have failed for good, and returns their names. For a resource as it is the helm-controller
/// makes one job; when that has used up its retries, it makes none any more, whatever was mended since, until the job is
/// deleted.
///
/// A release whose manifest k3s has not applied as it is now is left alone, since it gets another job by itself. What the
/// API server does not tell is no reason to delete anything; waiting tells about it.
pub async fn retry(client: &Client, releases: &[Release]) -> Vec<String> {
    let mut retried = Vec::new();
    for release in releases {
        if let Ok(Some(path)) = failed_job(client, release).await
            && client.delete(&path).await.is_ok()
        {
            retried.push(release.name.clone());
        }
    }
    retried
}

fn of_node(node: &Node, version: Option<&str>) -> Look {
    let runs = &node.status.node_info.kubelet_version;
    if let Some(version) = version
        && version != runs
    {
        return Look::Not(format!("it runs {runs}, not {version}"));
    }
    match condition(&node.status.conditions, "Ready") {
        Some(ready) if ready.status == "True" => Look::Done,
        Some(ready) => Look::Not(format!("it is not ready: {} {}", ready.reason, ready.message)),
        None => Look::Not("it has never said that it is ready".to_owned()),
    }
}
