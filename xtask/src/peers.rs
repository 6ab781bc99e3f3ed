//! Installs the foreign programs that judge Airlock.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, anyhow};

use crate::cargo::{command, root, run, target};

const TABLE: &str = include_str!("../../tests/peers.txt");

/// Brings the missing peers from Debian's archive when this is Debian and root asks; else says what is
/// missing. That is a failure only where peers are required: the tests that need one name it themselves.
pub(crate) fn install(require: bool) -> Result<()> {
    let (missing, packages) = missing();
    if missing.is_empty() {
        println!("every test peer of Debian is installed");
    } else {
        install_missing(&missing, &packages, require)?;
    }
    match install_helm() {
        Err(error) if require => Err(error.context("cannot install a test peer")),
        Err(error) => {
            println!("not installed: {error:#}");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// A Python that has Helm: what `AIRLOCK_HELM_PYTHON` names, the one that [`install`] makes, or the system's.
pub(crate) fn helm_python() -> Result<Option<PathBuf>> {
    let has_helm = |python: &PathBuf| {
        let mut command = command(&python.to_string_lossy());
        command
            .args(["-c", "import helm_python"])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    if let Some(python) = std::env::var_os("AIRLOCK_HELM_PYTHON") {
        return Ok(Some(PathBuf::from(python)).filter(has_helm));
    }
    let all = [helm_environment()?.join("bin/python"), PathBuf::from("python3")];
    Ok(all.into_iter().find(has_helm))
}

fn helm_environment() -> Result<PathBuf> {
    Ok(target()?.join("peers/helm-python-sdk"))
}

/// Brings Helm as a Python package into an environment below the target folder.
fn install_helm() -> Result<()> {
    if helm_python()?.is_some() {
        println!("helm-python-sdk is installed");
        return Ok(());
    }
    let environment = helm_environment()?;
    run(command("python3").args(["-m", "venv"]).arg(&environment))?;
    run(command(&environment.join("bin/python").to_string_lossy())
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--require-hashes",
            "--requirement",
        ])
        .arg(root().join("tests/peers/helm-python-sdk/requirements.txt")))
}

/// The same for programs with their Debian packages; none of them is required.
pub(crate) fn install_some(programs: &[(&'static str, &'static str)]) -> Result<()> {
    let missing = programs.iter().filter(|(program, _)| !is_on_path(program));
    let (missing, packages): (Vec<_>, Vec<_>) = missing.copied().unzip();
    if missing.is_empty() {
        return Ok(());
    }
    install_missing(&missing, &packages, false)
}

fn install_missing(missing: &[&str], packages: &[&str], require: bool) -> Result<()> {
    println!("missing peers: {}", missing.join(", "));
    let done = if Path::new("/etc/debian_version").exists() && is_on_path("apt-get") && is_root() {
        apt(packages)
    } else {
        Err(anyhow!(
            "this needs Debian and root: apt-get install --no-install-recommends {}",
            packages.join(" ")
        ))
    };
    match done {
        Err(error) if require => Err(error.context("cannot install test peers")),
        Err(error) => {
            println!("not installed: {error:#}");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// Peers that are not here, and the Debian packages that have them.
fn missing() -> (Vec<&'static str>, Vec<&'static str>) {
    let mut missing = Vec::new();
    let mut packages = Vec::new();
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let (Some(name), Some(program)) = (words.next(), words.next()) else {
            continue;
        };
        if !is_on_path(program) {
            missing.push(name);
            packages.extend(words);
        }
    }
    packages.sort_unstable();
    packages.dedup();
    (missing, packages)
}

fn apt(packages: &[&str]) -> Result<()> {
    let _quiet = NoServices::begin()?;
    run(apt_get().arg("update"))?;
    run(apt_get()
        .args(["install", "--yes", "--no-install-recommends"])
        .args(packages))
}

fn apt_get() -> std::process::Command {
    let mut command = command("apt-get");
    command
        .args([
            "--quiet",
            "-o",
            "Acquire::Retries=3",
            "-o",
            "Acquire::http::Timeout=30",
        ])
        .env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// While this lives, installed packages start no services: the tests want the programs, not a registry
/// on port 5000 of the developer's machine (Debian Policy, `invoke-rc.d` and `policy-rc.d`).
struct NoServices(Option<&'static Path>);

impl NoServices {
    fn begin() -> Result<Self> {
        let path = Path::new("/usr/sbin/policy-rc.d");
        if path.exists() {
            return Ok(Self(None));
        }
        fs::write(path, "#!/bin/sh\nexit 101\n")
            .with_context(|| format!("cannot write {}", path.display()))?;
        let guard = Self(Some(path));
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
        Ok(guard)
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if let Some(path) = self.0 {
            let _ = fs::remove_file(path);
        }
    }
}

fn is_on_path(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}
