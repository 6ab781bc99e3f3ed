//! OS packages, by the distribution's own manager.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{NodeError, RunError, Runner};

/// The program that installs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PackageManager {
    /// `apt-get`, of Debian and its kin.
    Apt,
    /// `dnf`, of Red Hat and its kin.
    Dnf,
    /// `zypper`, of SUSE.
    Zypper,
}

/// Packages that are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packages {
    /// The program that installs.
    pub manager: PackageManager,
    /// Their names.
    pub names: Vec<String>,
    /// Files to install them from, with all that they need; none to take them from the machine's repositories.
    pub files: Vec<PathBuf>,
    /// Lists of these repositories are read anew first; for apt the files below `/etc/apt` that name them.
    pub refresh: Vec<PathBuf>,
}

/// How long an installation may take.
const LIMIT: Duration = Duration::from_mins(30);

impl PackageManager {
    fn runner() -> Runner {
        Runner::default()
            .limit(LIMIT)
            .env("DEBIAN_FRONTEND", "noninteractive")
    }

    /// The names of everything that is installed.
    pub(crate) fn installed(self) -> Result<BTreeSet<String>, NodeError> {
        let runner = Self::runner();
        let listed = match self {
            Self::Apt => runner.succeed("dpkg-query", &["-W", "-f", "${db:Status-Abbrev}${Package}\n"]),
            Self::Dnf | Self::Zypper => runner.succeed("rpm", &["-qa", "--qf", "ii %{NAME}\n"]),
        }
        .map_err(failed("listing the packages"))?;
        Ok(installed_in(&listed))
    }

    /// Removes packages, and nothing besides: one that others need by now stays, and is told.
    pub(crate) fn remove(self, names: &[String]) -> Result<(), NodeError> {
        if names.is_empty() {
            return Ok(());
        }
        let mut args: Vec<&str> = match self {
            Self::Apt => vec!["-r", "--"],
            Self::Dnf | Self::Zypper => vec!["-e", "--"],
        };
        args.extend(names.iter().map(String::as_str));
        let program = match self {
            Self::Apt => "dpkg",
            Self::Dnf | Self::Zypper => "rpm",
        };
        Self::runner()
            .succeed(program, &args)
            .map(drop)
            .map_err(failed("removing the packages that were installed"))
    }
}

/// What `dpkg-query` says of each package: three letters, then the name.
fn installed_in(listed: &str) -> BTreeSet<String> {
    listed
        .lines()
        .filter_map(|line| line.strip_prefix("ii "))
        .map(str::to_owned)
        .collect()
}

impl Packages {
    pub(crate) fn missing(&self) -> Result<Vec<String>, NodeError> {
        let installed = self.manager.installed()?;
        Ok(self
            .names
            .iter()
            .filter(|name| !installed.contains(name.as_str()))
            .cloned()
            .collect())
    }

    pub(crate) fn install(&self, names: &[String]) -> Result<(), NodeError> {
        let runner = PackageManager::runner();
        let what = format!("installing {}", names.join(" "));
        let files: Vec<String> = self
            .files
            .iter()
            .map(|path| path.to_string_lossy().into_owned())
            .collect();
        let wanted = || -> Vec<&str> {
            if files.is_empty() { names } else { &files }
                .iter()
                .map(String::as_str)
                .collect()
        };
        match self.manager {
            PackageManager::Apt => {
                for list in &self.refresh {
                    // Only this list, so that repositories that cannot be reached do not stop it.
                    let only = format!("Dir::Etc::sourcelist={}", list.display());
                    runner
                        .succeed(
                            "apt-get",
                            &[
                                "update",
                                "-o",
                                &only,
                                "-o",
                                "Dir::Etc::sourceparts=-",
                                "-o",
                                "APT::Get::List-Cleanup=0",
                            ],
                        )
                        .map_err(failed(&format!("reading the packages of {}", list.display())))?;
                }
                let mut args = vec![
                    "install",
                    "-y",
                    "--no-remove",
                    "-o",
                    "DPkg::Lock::Timeout=120",
                    "--",
                ];
                args.extend(wanted());
                runner.succeed("apt-get", &args)
            }
            PackageManager::Dnf => {
                let mut args = vec!["install", "-y"];
                if !files.is_empty() {
                    args.extend(["--disablerepo=*", "--setopt=localpkg_gpgcheck=0"]);
                }
                args.extend(wanted());
                runner.succeed("dnf", &args)
            }
            PackageManager::Zypper => {
                let mut args = vec!["--non-interactive", "install"];
                if !files.is_empty() {
                    args.push("--allow-unsigned-rpm");
                }
                args.extend(wanted());
                runner.succeed("zypper", &args)
            }
        }
        .map(drop)
        .map_err(|source| NodeError::Command { what, source })
    }
}

fn failed(what: &str) -> impl FnOnce(RunError) -> NodeError {
    let what = what.to_owned();
    move |source| NodeError::Command { what, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_entirely_installed_counts() {
        let listed = "ii adduser\nrc old\nun never\niU half\n";
        assert_eq!(installed_in(listed), BTreeSet::from(["adduser".to_owned()]));
    }
}
