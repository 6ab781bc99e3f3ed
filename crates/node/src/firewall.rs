//! Ports and networks that the machine's own firewall lets in.

use serde::{Deserialize, Serialize};

use crate::{NodeError, RunError, Runner};

/// The program that keeps the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FirewallTool {
    /// firewalld, by `firewall-cmd`.
    Firewalld,
    /// `ufw`.
    Ufw,
}

impl FirewallTool {
    /// As it is called.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Firewalld => "firewalld",
            Self::Ufw => "ufw",
        }
    }

    /// The one that is active on this machine.
    pub fn active() -> Option<Self> {
        let runner = Runner::default();
        let says = |program: &str, args: &[&str], what: &str| {
            runner.has(program)
                && runner
                    .run(program, args)
                    .is_ok_and(|output| output.code == Some(0) && output.stdout.contains(what))
        };
        if says("firewall-cmd", &["--state"], "running") {
            Some(Self::Firewalld)
        } else if says("ufw", &["status"], "Status: active") {
            Some(Self::Ufw)
        } else {
            None
        }
    }
}

/// What is let in, beyond a restart of the firewall.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FirewallRules {
    /// The program that keeps the rules.
    pub tool: FirewallTool,
    /// Ports with their protocol, `6443/tcp`.
    pub ports: Vec<String>,
    /// Networks of which everything is let in, those of pods and services.
    pub sources: Vec<String>,
}

impl FirewallRules {
    pub(crate) fn listed(&self) -> String {
        let all: Vec<&str> = self
            .ports
            .iter()
            .chain(&self.sources)
            .map(String::as_str)
            .collect();
        all.join(" ")
    }

    /// Those that are not there yet.
    pub(crate) fn missing(&self) -> Result<Self, NodeError> {
        match self.tool {
            FirewallTool::Firewalld => self.missing_in_firewalld(),
            FirewallTool::Ufw => self.missing_in_ufw(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ports.is_empty() && self.sources.is_empty()
    }

    fn missing_in_firewalld(&self) -> Result<Self, NodeError> {
        let lacks = |zone: &[&str], option: &str, value: &str| {
            let query = format!("--query-{option}={value}");
            let args: Vec<&str> = ["--permanent"]
                .into_iter()
                .chain(zone.iter().copied())
                .chain([query.as_str()])
                .collect();
            // 1 is the answer no; anything else is no answer.
            match Runner::default().run("firewall-cmd", &args) {
                Ok(output) if output.code == Some(0) => Ok(false),
                Ok(output) if output.code == Some(1) => Ok(true),
                Ok(output) => Err(failed(RunError::Failed {
                    program: "firewall-cmd".to_owned(),
                    code: output.code,
                    said: output.stderr,
                })),
                Err(error) => Err(failed(error)),
            }
        };
        let mut missing = self.clone();
        missing.ports.clear();
        missing.sources.clear();
        for port in &self.ports {
            if lacks(&[], "port", port)? {
                missing.ports.push(port.clone());
            }
        }
        for source in &self.sources {
            if lacks(&["--zone=trusted"], "source", source)? {
                missing.sources.push(source.clone());
            }
        }
        Ok(missing)
    }

    fn missing_in_ufw(&self) -> Result<Self, NodeError> {
        let added = Runner::default()
            .succeed("ufw", &["show", "added"])
            .map_err(failed)?;
        Ok(self.not_in_ufw(&added))
    }

    /// `ufw show added` lists rules as one would type them.
    fn not_in_ufw(&self, added: &str) -> Self {
        let lacks = |rule: &String| {
            !added
                .lines()
                .any(|line| line.trim() == format!("ufw allow {rule}"))
        };
        let lacks_source = |source: &String| {
            !added
                .lines()
                .any(|line| line.trim() == format!("ufw allow from {source}"))
        };
        Self {
            tool: self.tool,
            ports: self
                .ports
                .iter()
                .filter(|port| lacks(&ufw_port(port)))
                .cloned()
                .collect(),
            sources: self
                .sources
                .iter()
                .filter(|source| lacks_source(source))
                .cloned()
                .collect(),
        }
    }

    pub(crate) fn add(&self) -> Result<(), NodeError> {
        self.each("add", &["allow"])
    }

    pub(crate) fn remove(&self) -> Result<(), NodeError> {
        self.each("remove", &["delete", "allow"])
    }

    fn each(&self, verb: &str, ufw: &[&str]) -> Result<(), NodeError> {
        let runner = Runner::default();
        match self.tool {
            FirewallTool::Firewalld => {
                for port in &self.ports {
                    let rule = format!("--{verb}-port={port}");
                    runner
                        .succeed("firewall-cmd", &["--permanent", &rule])
                        .map_err(failed)?;
                }
                for source in &self.sources {
                    let rule = format!("--{verb}-source={source}");
                    runner
                        .succeed("firewall-cmd", &["--permanent", "--zone=trusted", &rule])
                        .map_err(failed)?;
                }
                runner.succeed("firewall-cmd", &["--reload"]).map_err(failed)?;
            }
            FirewallTool::Ufw => {
                for port in &self.ports {
                    let port = ufw_port(port);
                    let args: Vec<&str> = ufw.iter().copied().chain([port.as_str()]).collect();
                    runner.succeed("ufw", &args).map_err(failed)?;
                }
                for source in &self.sources {
                    let args: Vec<&str> = ufw.iter().copied().chain(["from", source.as_str()]).collect();
                    runner.succeed("ufw", &args).map_err(failed)?;
                }
            }
        }
        Ok(())
    }
}

/// A range is `1:2` for ufw and `1-2` for firewalld.
fn ufw_port(port: &str) -> String {
    port.replace('-', ":")
}

fn failed(source: RunError) -> NodeError {
    NodeError::Command {
        what: "changing the firewall".to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ufw_has_is_not_added_again() {
        let rules = FirewallRules {
            tool: FirewallTool::Ufw,
            ports: vec!["6443/tcp".into(), "2379-2380/tcp".into()],
            sources: vec!["10.42.0.0/16".into()],
        };
        let added = "Added user rules (see 'ufw status' for running firewall):\nufw allow 22/tcp\n\
                     ufw allow 2379:2380/tcp\nufw allow from 10.42.0.0/16\n";
        let missing = rules.not_in_ufw(added);
        assert_eq!(missing.ports, ["6443/tcp"]);
        assert!(missing.sources.is_empty());
        assert_eq!(rules.not_in_ufw(""), rules);
    }
}
