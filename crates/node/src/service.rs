//! Services of systemd and OpenRC.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{NodeError, RunError, Runner};

/// The lines of its log that are told when a service fails.
const TOLD_LINES: &str = "12";

/// What starts services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceManager {
    /// systemd.
    Systemd,
    /// OpenRC.
    OpenRc,
}

/// A service that should run. That it starts with the machine is a link of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// What starts it.
    pub manager: ServiceManager,
    /// Its name, `k3s.service` or `k3s`.
    pub unit: String,
    /// Stands for everything that it reads when it starts: with another one it is started again.
    pub fingerprint: String,
    /// How long it may take to be ready.
    pub wait: Duration,
}

impl ServiceManager {
    /// Whether it runs and is ready.
    pub(crate) fn is_active(self, unit: &str) -> Result<bool, NodeError> {
        let output = match self {
            Self::Systemd => Runner::default().run("systemctl", &["is-active", "--", unit]),
            Self::OpenRc => Runner::default().run("rc-service", &["--", unit, "status"]),
        }
        .map_err(failed("asking for", unit))?;
        Ok(output.code == Some(0))
    }

    /// Makes the manager read its units again.
    pub(crate) fn reload(self) -> Result<(), NodeError> {
        match self {
            Self::Systemd => Runner::default()
                .succeed("systemctl", &["daemon-reload"])
                .map(drop)
                .map_err(|source| NodeError::Command {
                    what: "reading the units again".to_owned(),
                    source,
                }),
            Self::OpenRc => Ok(()),
        }
    }

    /// Starts it, again if it runs. With the flag set, it is not waited for any more; the manager goes on starting it.
    pub(crate) fn restart(
        self,
        unit: &str,
        wait: Duration,
        stop: Option<Arc<AtomicBool>>,
    ) -> Result<(), NodeError> {
        let runner = Runner::default().limit(wait).stop(stop);
        match self {
            Self::Systemd => {
                // A unit that failed too often is not started otherwise.
                let _ = Runner::default().run("systemctl", &["reset-failed", "--", unit]);
                runner.succeed("systemctl", &["restart", "--", unit])
            }
            Self::OpenRc => runner.succeed("rc-service", &["--", unit, "restart"]),
        }
        .map(drop)
        .map_err(|source| match source {
            RunError::Stopped(_) => NodeError::StillStarting(unit.to_owned()),
            source => self.not_ready(unit, source),
        })?;
        if self.is_active(unit)? {
            return Ok(());
        }
        Err(self.not_ready(
            unit,
            RunError::Failed {
                program: unit.to_owned(),
                code: None,
                said: "started, but is not running".to_owned(),
            },
        ))
    }

    pub(crate) fn stop(self, unit: &str) -> Result<(), NodeError> {
        let runner = Runner::default().limit(Duration::from_mins(5));
        match self {
            Self::Systemd => runner.succeed("systemctl", &["stop", "--", unit]),
            Self::OpenRc => runner.succeed("rc-service", &["--ifstarted", "--", unit, "stop"]),
        }
        .map(drop)
        .map_err(failed("stopping", unit))?;
        if self == Self::Systemd {
            let _ = Runner::default().run("systemctl", &["reset-failed", "--", unit]);
        }
        Ok(())
    }

    /// Whether there is such a service at all.
    pub(crate) fn exists(self, unit: &str) -> bool {
        match self {
            Self::Systemd => Runner::default()
                .run("systemctl", &["cat", "--", unit])
                .is_ok_and(|output| output.code == Some(0)),
            Self::OpenRc => Runner::default()
                .run("rc-service", &["--exists", "--", unit])
                .is_ok_and(|output| output.code == Some(0)),
        }
    }

    /// An error with the state of the service and the last lines of its log.
    fn not_ready(self, unit: &str, source: RunError) -> NodeError {
        let quick = Runner::default().limit(Duration::from_secs(10));
        let (state, log) = match self {
            Self::Systemd => (
                quick.run(
                    "systemctl",
                    &[
                        "show",
                        "--property=ActiveState,SubState,Result,ExecMainStatus,NRestarts",
                        "--",
                        unit,
                    ],
                ),
                quick.run(
                    "journalctl",
                    &["-u", unit, "-n", TOLD_LINES, "--no-pager", "-o", "cat"],
                ),
            ),
            Self::OpenRc => (
                quick.run("rc-service", &["--", unit, "status"]),
                Err(RunError::Missing("log".to_owned())),
            ),
        };
        NodeError::Service {
            unit: unit.to_owned(),
            state: state.map_or(String::new(), |output| crate::kernel::spaced(&output.stdout)),
            log: log.map_or(String::new(), |output| output.stdout.trim_end().to_owned()),
            source,
        }
    }
}

fn failed(doing: &str, unit: &str) -> impl FnOnce(RunError) -> NodeError {
    let what = format!("{doing} the service {unit}");
    move |source| NodeError::Command { what, source }
}
