//! The cluster that this machine is part of by now, asked while it is installed.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use airlock_health::{Awaited, Client, Patience, WaitError, retry, wait};
use airlock_installer::charts::Wave;
use airlock_spec::k3s::K3sRelease;
use airlock_spec::site::Site;

use super::charts::expected;
use crate::args::Global;
use crate::commands::health;
use crate::failure::{Failure, Result};
use crate::{files, interrupt, print};

/// Where k3s writes the access of root.
const KUBECONFIG: &str = "/etc/rancher/k3s/k3s.yaml";
/// Where k3s keeps what `with-node-id` adds to the name of the node.
const NODE_ID: &str = "/etc/rancher/node/id";
const HOST_NAME: &str = "/proc/sys/kernel/hostname";
const MAX_NAME: u64 = 4096;
/// The time between two looks.
const BETWEEN: Duration = Duration::from_secs(2);

/// The cluster of this machine, asked while its charts are installed.
pub(super) struct Cluster<'a> {
    runtime: tokio::runtime::Runtime,
    client: Client,
    global: &'a Global,
    patience: Duration,
    stop: &'a AtomicBool,
}

impl<'a> Cluster<'a> {
    pub(super) fn of_this_machine(
        global: &'a Global,
        site: &Site,
        patience: Duration,
        stop: &'a AtomicBool,
    ) -> Result<Self> {
        let given = option(site, "write-kubeconfig");
        let access = health::access(Path::new(given.unwrap_or(KUBECONFIG)))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        // The client starts what it needs when it is made.
        let client = runtime.block_on(async { Client::new(access) })?;
        Ok(Self {
            runtime,
            client,
            global,
            patience,
            stop,
        })
    }

    /// Waits for the API server, and for this node at the release that was installed.
    pub(super) fn ready(&self, site: &Site, release: &K3sRelease) -> Result {
        self.wait(&[Awaited::Api])?;
        self.wait(&[Awaited::Node {
            name: self.node_name(site)?,
            version: Some(release.release.clone()),
        }])
    }

    /// The name under which k3s registers this machine (`pkg/agent/config` of k3s).
    fn node_name(&self, site: &Site) -> Result<String> {
        let name = match option(site, "node-name") {
            Some(name) => name.to_owned(),
            None => files::read_text("the host name", Path::new(HOST_NAME), MAX_NAME)?,
        };
        let name = name.trim().to_ascii_lowercase();
        if site.cluster.config.get("with-node-id") != Some(&true.into()) {
            return Ok(name);
        }
        // k3s writes it when its agent starts, some time after the API server.
        let until = Instant::now() + self.patience;
        while !Path::new(NODE_ID).exists() && Instant::now() < until {
            if self.stop.load(Ordering::Relaxed) {
                return Err(interrupt::interrupted());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        let id = files::read_text("the node's own number", Path::new(NODE_ID), MAX_NAME)?;
        Ok(format!("{name}-{}", id.trim()))
    }

    /// Waits until the releases of a wave are deployed.
    pub(super) fn deployed(&self, wave: &Wave) -> Result {
        let releases: Vec<_> = wave.releases.iter().map(expected).collect();
        // Whoever runs the command again has mended something.
        for name in self.runtime.block_on(retry(&self.client, &releases)) {
            print::note(
                self.global,
                &format!("  the release {name}: it had failed, and is tried again"),
            );
        }
        let awaited: Vec<_> = releases.into_iter().map(Awaited::Release).collect();
        self.wait(&awaited)
    }

    fn wait(&self, what: &[Awaited]) -> Result {
        if what.is_empty() {
            return Ok(());
        }
        let patience = Patience {
            all: self.patience,
            between: BETWEEN,
        };
        let stopped = async {
            while !self.stop.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let mut tell = |progress: airlock_health::Progress| {
            print::note(self.global, &format!("  {}: {}", progress.what, progress.state));
        };
        let result = self.runtime.block_on(async {
            tokio::select! {
                result = wait(&self.client, what, patience, &mut tell) => Some(result),
                () = stopped => None,
            }
        });
        match result {
            Some(Ok(())) => Ok(()),
            None => Err(interrupt::interrupted()),
            Some(Err(error)) => {
                let hint = match &error {
                    WaitError::TooLong { .. } => {
                        "`airlock health` tells what is missing; the same command goes on from here, with more time by --wait"
                    }
                    WaitError::Failed { .. } => {
                        "`kubectl -n kube-system logs job/helm-install-NAME` tells what Helm said; mend that and run the same command again. What Helm has recorded as failed stays so with `failurePolicy: abort`; with `reinstall` in site.yaml it is removed and installed anew"
                    }
                };
                Err(Failure::no(error).hint(hint))
            }
        }
    }
}

/// An option of k3s that the site gives.
fn option<'a>(site: &'a Site, name: &str) -> Option<&'a str> {
    site.cluster.config.get(name)?.as_str()
}
