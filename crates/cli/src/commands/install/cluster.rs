//! The cluster that this machine is part of by now, asked while it is installed.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use airlock_health::{
    Awaited, Client, Expected, Patience, Question, Selection, Summary, WaitError, failing, retry, wait,
};
use airlock_installer::charts::Wave;
use airlock_spec::k3s::K3sRelease;
use airlock_spec::site::Site;

use super::{Asked, charts};
use crate::args::Global;
use crate::commands::health::{self, content};
use crate::commands::node_name::node_name;
use crate::failure::{Failure, Result};
use crate::{clock, interrupt, print};

/// Where k3s writes the access of root.
const KUBECONFIG: &str = "/etc/rancher/k3s/k3s.yaml";
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

    /// k3s writes a part of the name when its agent starts, some time after the API server.
    fn node_name(&self, site: &Site) -> Result<String> {
        let until = Instant::now() + self.patience;
        loop {
            if let Some(name) = node_name(Some(site))? {
                return Ok(name);
            }
            if self.stop.load(Ordering::Relaxed) {
                return Err(interrupt::interrupted());
            }
            if Instant::now() > until {
                return Err(Failure::no(anyhow::anyhow!(
                    "k3s has not given this node a number within {} s, which `with-node-id` asks for",
                    self.patience.as_secs()
                )));
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Waits until the releases of a wave are deployed.
    pub(super) fn deployed(&self, wave: &Wave) -> Result {
        let releases: Vec<_> = wave.releases.iter().map(charts::expected).collect();
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
        let mut tell = |progress: airlock_health::Progress| {
            print::note(self.global, &format!("  {}: {}", progress.what, progress.state));
        };
        let result = self.runtime.block_on(async {
            tokio::select! {
                result = wait(&self.client, what, patience, &mut tell) => Some(result),
                () = self.stopped() => None,
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

    async fn stopped(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Checks that the cluster does what it was installed for, again until nothing fails.
    pub(super) fn healthy(&self, asked: &Asked<'_>, waves: &[Wave]) -> Result<Summary> {
        let site = Some(asked.site);
        let mut expected = Expected::of_site(asked.site);
        let held = content::of(asked.contents, &mut expected)?;
        expected.k3s = Some(asked.release.release.clone());
        if asked.site.cluster.server.is_none() {
            let releases = waves.iter().flat_map(|wave| &wave.releases);
            expected.releases = releases.map(charts::expected).collect();
        } else if !asked.args.no_charts {
            // Others have installed them.
            expected.releases = content::releases(asked.contents, &held, site, self.global);
        }
        let question = Question {
            expected,
            selection: Selection::default(),
            this: health::this_node(None, site)?,
            probe: None,
            now: clock::timestamp().as_second(),
        };
        let settled = health::settled(
            &self.client,
            &question,
            Some(self.patience),
            || self.stopped(),
            self.global,
        );
        let report = self
            .runtime
            .block_on(settled)
            .ok_or_else(interrupt::interrupted)?;
        let mut bad = Vec::new();
        for finding in failing(&report.checks) {
            print::note(self.global, &format!("{}: {}", finding.id, finding.evidence));
            bad.push(finding.id);
        }
        if bad.is_empty() {
            return Ok(report.summary);
        }
        Err(Failure::no(anyhow::anyhow!(
            "it is installed, and the cluster is not well: {}",
            bad.join(", ")
        ))
        .hint("`airlock health` tells more, and what to do"))
    }
}

/// An option of k3s that the site gives.
fn option<'a>(site: &'a Site, name: &str) -> Option<&'a str> {
    site.cluster.config.get(name)?.as_str()
}
