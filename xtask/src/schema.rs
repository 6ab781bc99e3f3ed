//! Generated files: written by one task, compared by another.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cargo::{airlock, root};

fn path() -> PathBuf {
    root().join("manifests/airlock.schema.json")
}

/// Writes the JSON Schema of the manifest.
pub(crate) fn write() -> Result<()> {
    let path = path();
    fs::write(&path, generate()?).with_context(|| format!("cannot write {}", path.display()))?;
    println!("wrote {}", path.display());
    Ok(())
}

/// Fails when the file in the repository is not what the code says.
pub(crate) fn check() -> Result<()> {
    let path = path();
    let present = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    if present != generate()? {
        bail!("{} is stale: run cargo xtask schema", path.display());
    }
    Ok(())
}

fn generate() -> Result<Vec<u8>> {
    let binary = airlock()?;
    let output = Command::new(&binary)
        .arg("schema")
        .env_clear()
        .output()
        .with_context(|| format!("cannot start {}", binary.display()))?;
    if !output.status.success() || output.stdout.is_empty() {
        bail!(
            "airlock schema failed: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(output.stdout)
}
