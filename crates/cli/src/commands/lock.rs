//! `airlock lock`: decide exactly what a manifest means, before any byte of it is fetched.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use airlock_content::Reporter;
use airlock_local::Local;
use airlock_resolver::{CheckError, Options, ResolveErrors, Update, check, resolve};
use airlock_spec::lock::Lock;
use airlock_spec::manifest::Effective;
use airlock_types::ByteSize;
use serde_json::json;

use crate::args::{Global, LockArgs, ManifestArgs, UpstreamArgs};
use crate::failure::{Exit, Failure, Result};
use crate::sources::Sources;
use crate::{apt, clock, files, interrupt, manifests, print, progress, upstreams};

mod found;

pub(crate) use found::confirmed;

pub(crate) fn run(args: &LockArgs, global: &Global) -> Result {
    if args.check {
        return run_check(args, global);
    }
    let update = if args.update.iter().any(String::is_empty) {
        Update::All
    } else if args.update.is_empty() {
        Update::None
    } else {
        Update::Names(args.update.clone())
    };
    let reporter = progress::reporter(global);
    let made = interrupt::until_done(async {
        let manifest = manifests::load(&args.manifest)?;
        let sources = upstreams::sources(&args.upstream, &reporter)?;
        make(
            &args.manifest,
            &manifest,
            &update,
            Wanted {
                referrers: !args.no_referrers,
                strict: args.strict,
            },
            &args.upstream,
            &sources,
            &reporter,
        )
        .await
    })?;
    let totals = made.lock.totals();
    let images = found::Counts::of(&made.lock)?;
    let value = json!({"lock": made.path, "changed": made.changed, "totals": totals, "images": images});
    print::result(global, &value, || {
        format!(
            "{} {}: {} artifacts, {} blobs, {}\n{}",
            if made.changed { "wrote" } else { "unchanged:" },
            made.path.display(),
            totals.artifacts,
            totals.blobs,
            ByteSize(totals.bytes),
            images.map(found::Counts::text).unwrap_or_default()
        )
    })
}

/// What belongs into a lock, and what must be decided about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// Whether signatures and the like travel with images.
    pub(crate) referrers: bool,
    /// Whether a person has to have decided about every image that is not sure.
    pub(crate) strict: bool,
}

/// A lock, and what became of its file.
pub(crate) struct Made {
    pub(crate) lock: Lock,
    pub(crate) path: PathBuf,
    pub(crate) changed: bool,
}

/// Locks a manifest and writes the lock if it changed.
pub(crate) async fn make(
    args: &ManifestArgs,
    manifest: &Effective,
    update: &Update,
    wanted: Wanted,
    upstream: &UpstreamArgs,
    sources: &Sources,
    reporter: &Arc<dyn Reporter>,
) -> Result<Made> {
    let path = manifests::lock_path(args);
    let previous = manifests::lock_if_any(&path)?;
    let options = options(
        manifest,
        &manifests::base(&args.manifest),
        wanted.referrers,
        upstream.jobs,
    );
    let lock = resolve(
        manifest,
        previous.as_ref(),
        update,
        &options,
        sources,
        &**reporter,
    )
    .await
    .map_err(unresolved)?;
    if wanted.strict {
        confirmed(&lock)?;
    }
    let changed = previous.as_ref() != Some(&lock);
    if changed {
        files::replace("the lock", &path, &lock.to_bytes())?;
    } else {
        files::forget_replacement(&path);
    }
    Ok(Made { lock, path, changed })
}

pub(crate) fn options(manifest: &Effective, folder: &Path, referrers: bool, jobs: u16) -> Options {
    Options {
        folder: folder.to_owned(),
        referrers,
        concurrency: usize::from(jobs).max(1) * 2,
        apt: apt::configuration(manifest),
        now: clock::timestamp(),
    }
}

fn run_check(args: &LockArgs, global: &Global) -> Result {
    let manifest = manifests::load(&args.manifest)?;
    let path = manifests::lock_path(&args.manifest);
    let lock = manifests::lock(&path)?;
    if args.strict {
        confirmed(&lock)?;
    }
    interrupt::until_done(check_against(
        &args.manifest,
        &manifest,
        &lock,
        !args.no_referrers,
    ))?;
    print::result(global, &json!({"lock": path, "fits": true}), || {
        format!(
            "{} is the lock of {}\n",
            path.display(),
            args.manifest.manifest.display()
        )
    })
}

/// Compares a lock with its manifest without asking anyone on a network.
pub(crate) async fn check_against(
    args: &ManifestArgs,
    manifest: &Effective,
    lock: &Lock,
    referrers: bool,
) -> Result {
    let base = manifests::base(&args.manifest);
    let options = options(manifest, &base, referrers, 8);
    match check(manifest, lock, &options, &Local::new("")).await {
        Ok(()) => Ok(()),
        Err(CheckError::Drift(drift)) => {
            Err(Failure::no(drift).hint("run `airlock lock` and review the change"))
        }
        Err(CheckError::Unreadable(errors)) => Err(unresolved(errors)),
    }
}

/// All that could not be pinned, with who needs it and what to do.
#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
pub(crate) fn unresolved(errors: ResolveErrors) -> Failure {
    let mut text = errors.to_string();
    let mut hints = Vec::new();
    for failure in &errors.failures {
        let _ = write!(text, "\n\n  {failure}");
        if let Some(place) = &failure.place {
            let _ = write!(text, "\n    at {}:{}:{}", place.file, place.line, place.column);
        }
        let mut cause: Option<&dyn std::error::Error> = Some(&failure.cause);
        let mut previous = String::new();
        while let Some(error) = cause {
            let shown = error.to_string();
            if !previous.contains(&shown) {
                let _ = write!(text, "\n    {shown}");
            }
            previous = shown;
            cause = error.source();
        }
        if let Some(hint) = failure.cause.hint()
            && !hints.contains(&hint)
        {
            hints.push(hint);
        }
    }
    let some_were_found = errors.failures.len() < errors.wanted;
    let exit = if some_were_found {
        Exit::Partial
    } else {
        Exit::Trouble
    };
    let hint = (!hints.is_empty()).then(|| hints.join("\n      "));
    Failure {
        exit,
        error: anyhow::anyhow!(text),
        hint,
    }
}
