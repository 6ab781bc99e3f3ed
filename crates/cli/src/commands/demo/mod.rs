//! `airlock demo`: the whole round trip on this machine, by the very commands that a user types.
//!
//! The upstream runs inside this process, on loopback; every step after it runs this same binary.

mod content;
mod pull_back;
mod steps;

use std::path::{Path, PathBuf};
use std::time::Instant;

use airlock_spec::lock::Lock;
use anyhow::Context;
use serde_json::json;

use crate::args::{DemoArgs, Global};
use crate::failure::{Failure, Result};
use crate::{files, interrupt, print};
use steps::Steps;

pub(crate) fn run(args: &DemoArgs, global: &Global) -> Result {
    let dir = folder(args.dir.as_deref())?;
    let start = Instant::now();
    let steps = interrupt::until_done(round_trip(&dir, global))?;
    let seconds = start.elapsed().as_secs_f32();
    let failed = steps.failed();
    let value = json!({"folder": dir, "checks": steps.checks(), "failed": failed, "seconds": seconds});
    print::result(global, &value, || {
        format!(
            "\n{} of {} checks passed in {seconds:.1} s\n\nWhere things are\n  manifest  {dir}/airlock.yaml\n  lock      {dir}/airlock.lock\n  bundle    {dir}/bundles/demo-1.0.0.airlock.tar\n  store     {dir}/store\n  keys      {dir}/demo.key, {dir}/demo.pub (password: {PASSWORD})\n\nGo on by hand, for example:\n  airlock serve {dir}/store\n  airlock verify {dir}/bundles/demo-1.0.0.airlock.tar --key {dir}/demo.pub\n",
            steps.checks().len() - failed,
            steps.checks().len(),
            dir = dir.display(),
        )
    })?;
    if failed == 0 {
        Ok(())
    } else {
        Err(Failure::no(anyhow::anyhow!("{failed} checks of the demo failed"))
            .hint("this is a defect of Airlock: please report it with the text above"))
    }
}

/// Protects the demo's throw-away key.
const PASSWORD: &str = "demo";

/// The folder given, if it is free to use, or a new one that stays.
fn folder(given: Option<&Path>) -> Result<PathBuf> {
    let Some(dir) = given else {
        return Ok(tempfile::Builder::new()
            .prefix("airlock-demo-")
            .tempdir()
            .context("a folder for the demo could not be made")?
            .keep());
    };
    std::fs::create_dir_all(dir)
        .with_context(|| format!("the demo's folder could not be made: {}", dir.display()))?;
    let mut entries = std::fs::read_dir(dir)
        .with_context(|| format!("the demo's folder could not be read: {}", dir.display()))?;
    if entries.next().is_some() {
        return Err(Failure::from(anyhow::anyhow!(
            "the demo's folder is not empty: {}",
            dir.display()
        ))
        .hint("name a folder that does not exist yet"));
    }
    Ok(std::fs::canonicalize(dir)?)
}

async fn round_trip(dir: &Path, global: &Global) -> Result<Steps> {
    let mut steps = Steps::new(dir, global)?;

    steps.title("An upstream starts on loopback")?;
    let upstream = content::start().await?;
    let host = upstream.host();
    files::replace(
        "the manifest",
        &dir.join("airlock.yaml"),
        content::manifest(&host).as_bytes(),
    )?;
    files::replace(
        "the second manifest",
        &dir.join("next.yaml"),
        content::next_manifest(&host).as_bytes(),
    )?;
    files::replace(
        "a file of the demo",
        &dir.join("motd.txt"),
        b"Carried by Airlock.\n",
    )?;
    steps.note(&format!("{host}: {}", content::SUMMARY))?;

    steps.title("Connected side: lock, then build and sign")?;
    steps.run("keygen --out demo.key").await?;
    steps.run("lock airlock.yaml").await?;
    steps
        .run("build airlock.yaml --key demo.key --out bundles --no-cache")
        .await?;
    let lock = read_lock(&dir.join("airlock.lock"))?;
    steps.check(
        "the chart's range ~1.4 was resolved to the newest match",
        lock.artifacts
            .iter()
            .any(|artifact| artifact.version.as_deref() == Some("1.4.2")),
    )?;

    steps.title("The same lock makes the same bundle")?;
    steps
        .run("pack airlock.lock --key demo.key --out again --no-cache --jobs 1")
        .await?;
    let original = read_bundle(&dir.join("bundles/demo-1.0.0.airlock.tar"))?;
    let again = read_bundle(&dir.join("again/demo-1.0.0.airlock.tar"))?;
    steps.check(
        "both bundles are bit-identical, signature included",
        original == again,
    )?;
    drop((original, again));

    steps.title("A second release, with one more image")?;
    steps
        .run("build next.yaml --key demo.key --out bundles --no-cache")
        .await?;
    let next = read_lock(&dir.join("next.lock"))?;

    drop(upstream);
    isolated_side(&mut steps, dir, &lock, &next).await?;
    Ok(steps)
}

async fn isolated_side(steps: &mut Steps, dir: &Path, lock: &Lock, next: &Lock) -> Result {
    steps.title("The upstream is gone: this is the isolated side")?;
    steps
        .run("verify bundles/demo-1.0.0.airlock.tar --key demo.pub")
        .await?;
    steps
        .run("import bundles/demo-1.0.0.airlock.tar --key demo.pub --store store")
        .await?;
    steps.run("check store").await?;

    steps.title("A copy of the second release is tampered with: one bit in one layer")?;
    let before = steps::fingerprint(&dir.join("store"))?;
    let mut tampered = read_bundle(&dir.join("bundles/demo-1.1.0.airlock.tar"))?;
    // Three quarters into the file is inside a layer.
    let at = tampered.len() / 4 * 3;
    tampered[at] ^= 1;
    files::replace("the tampered copy", &dir.join("tampered.airlock.tar"), &tampered)?;
    drop(tampered);
    steps
        .run_refused("verify tampered.airlock.tar --key demo.pub")
        .await?;
    steps
        .run_refused("import tampered.airlock.tar --key demo.pub --store store")
        .await?;
    steps.check(
        "the store is byte-identical to before",
        steps::fingerprint(&dir.join("store"))? == before,
    )?;

    steps.title("Serve the store and pull everything back through oci-client")?;
    pull(steps, "serve store --listen 127.0.0.1:0", lock).await?;

    steps.title("Import the second release, serve it, and go back to the first")?;
    steps
        .run("import bundles/demo-1.1.0.airlock.tar --key demo.pub --store store")
        .await?;
    pull(steps, "serve store --listen 127.0.0.1:0", next).await?;
    steps.run("rollback --store store").await?;
    steps.run("generations --store store").await?;
    pull(steps, "serve store --listen 127.0.0.1:0", lock).await?;

    steps.title("Or serve a bundle file as it is, without any import")?;
    let serve = "serve bundles/demo-1.1.0.airlock.tar --key demo.pub --listen 127.0.0.1:0";
    pull(steps, serve, next).await
}

async fn pull(steps: &mut Steps, serve: &str, lock: &Lock) -> Result {
    let mut server = steps.serve(serve).await?;
    let pulled = pull_back::everything(server.address(), lock).await;
    server.stop().await?;
    steps.pulled(&pulled)
}

fn read_lock(path: &Path) -> Result<Lock> {
    Ok(Lock::from_bytes(&files::read("the lock", path, 64 << 20)?)?)
}

fn read_bundle(path: &Path) -> Result<Vec<u8>> {
    files::read("the bundle", path, 1 << 30)
}
