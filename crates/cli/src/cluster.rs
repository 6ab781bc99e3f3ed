//! What runs in a cluster: told by a dump of it, or by its API server.

mod api;
pub(crate) mod kubeconfig;

use std::io::Read;
use std::path::{Path, PathBuf};

use airlock_closure::{DumpError, Running, RunningLimits};
use anyhow::Context;
use zeroize::Zeroizing;

use crate::failure::{Failure, Result};
use crate::{files, interrupt, print};
use kubeconfig::Kubeconfig;

/// The longest dump, all files of a folder together.
const MAX_DUMP: u64 = 1 << 30;
/// How many files and folders of a dump are looked at.
const MAX_FILES: usize = 100_000;
/// How deep the folders of a dump are.
const MAX_DEPTH: usize = 16;

/// A command that makes a dump with everything that is compared.
const DUMP: &str =
    "kubectl get pods,deployments,daemonsets,statefulsets,jobs,cronjobs,nodes -A -o json > cluster.json";

/// What was seen, and what was not.
pub(crate) struct Cluster {
    pub(crate) running: Running,
    /// Kinds that the cluster does not show, and files that are no dump.
    pub(crate) skipped: Vec<String>,
}

/// Reads a dump, a folder of dumps, standard input (`-`), or asks the server of a kubeconfig.
pub(crate) fn read(path: &Path) -> Result<Cluster> {
    let mut cluster = Cluster {
        running: Running::new(RunningLimits::default()),
        skipped: Vec::new(),
    };
    if path.is_dir() {
        folder(&mut cluster, path)?;
    } else {
        let (bytes, base) = if path == Path::new("-") {
            (standard_input()?, Path::new(""))
        } else {
            let bytes = files::read("the dump or kubeconfig of the cluster", path, MAX_DUMP)?;
            (bytes, path.parent().unwrap_or(Path::new("")))
        };
        let bytes = Zeroizing::new(bytes);
        if let Some(config) = Kubeconfig::recognise(&bytes)? {
            let access = config.access(base)?;
            if access.is_insecure() {
                print::line(
                    "warning: the kubeconfig says insecure-skip-tls-verify, so that anyone on the way can pretend to be the cluster",
                );
            }
            interrupt::until_done(api::ask(&mut cluster, &access))?;
        } else {
            cluster
                .running
                .read(&bytes)
                .map_err(|error| unreadable(error, path))?;
        }
    }
    if !cluster.running.is_any() && cluster.running.nodes() == 0 {
        let mut text = format!("nothing of what runs in a cluster is in {}", path.display());
        for skipped in &cluster.skipped {
            text.push_str(&format!("; {skipped}"));
        }
        return Err(Failure::from(anyhow::anyhow!(text)).hint(format!("make a dump with {DUMP}")));
    }
    Ok(cluster)
}

fn unreadable(error: DumpError, path: &Path) -> Failure {
    let error = anyhow::Error::new(error).context(format!("the dump could not be read: {}", path.display()));
    Failure::from(error).hint(format!("make a dump with {DUMP}"))
}

fn standard_input() -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .take(MAX_DUMP + 1)
        .read_to_end(&mut bytes)
        .context("standard input could not be read")?;
    if bytes.len() as u64 > MAX_DUMP {
        return Err(anyhow::anyhow!("standard input is longer than {MAX_DUMP} bytes").into());
    }
    Ok(bytes)
}

/// A folder as `kubectl cluster-info dump --output-directory` makes it: dumps among logs.
fn folder(cluster: &mut Cluster, top: &Path) -> Result {
    let mut looked_at = 0;
    let mut left = MAX_DUMP;
    let mut next: Vec<(PathBuf, usize)> = vec![(top.to_owned(), 0)];
    while let Some((path, depth)) = next.pop() {
        let about = || format!("the dump could not be read: {}", path.display());
        let mut below = Vec::new();
        for entry in std::fs::read_dir(&path).with_context(about)? {
            let entry = entry.with_context(about)?;
            looked_at += 1;
            if looked_at > MAX_FILES {
                return Err(
                    anyhow::anyhow!("the dump has more than {MAX_FILES} files: {}", top.display()).into(),
                );
            }
            // A link may lead anywhere, in a circle as well.
            let kind = entry.file_type().with_context(about)?;
            if kind.is_dir() && depth < MAX_DEPTH {
                below.push((entry.path(), true));
            } else if kind.is_file() && is_dump(&entry.path()) {
                below.push((entry.path(), false));
            } else if kind.is_dir() || is_dump(&entry.path()) {
                cluster
                    .skipped
                    .push(format!("{} was not read", entry.path().display()));
            }
        }
        below.sort();
        for (path, is_folder) in below.into_iter().rev() {
            if is_folder {
                next.push((path, depth + 1));
                continue;
            }
            let bytes = Zeroizing::new(files::read("the dump", &path, left)?);
            left = left.saturating_sub(bytes.len() as u64);
            match cluster.running.read(&bytes) {
                Ok(_) => {}
                Err(DumpError::NotAnObject(_)) => {
                    cluster
                        .skipped
                        .push(format!("{} holds no objects of Kubernetes", path.display()));
                }
                Err(error) => return Err(unreadable(error, &path)),
            }
        }
    }
    Ok(())
}

fn is_dump(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| {
        ["json", "yaml", "yml"]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(extension))
    })
}
