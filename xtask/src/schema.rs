//! Generated files: written by one task, compared by another.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cargo::{airlock, root};

/// What `airlock schema --of` calls a document, and the file with its schema.
const SCHEMAS: [(&str, &str); 2] = [
    ("manifest", "manifests/airlock.schema.json"),
    ("site", "manifests/site.schema.json"),
];

fn path(file: &str) -> PathBuf {
    root().join(file)
}

/// Writes the JSON Schemas.
pub(crate) fn write() -> Result<()> {
    for (document, file) in SCHEMAS {
        let path = path(file);
        fs::write(&path, generate(document)?).with_context(|| format!("cannot write {}", path.display()))?;
        println!("wrote {}", path.display());
    }
    Ok(())
}

/// Fails when a file in the repository is not what the code says.
pub(crate) fn check() -> Result<()> {
    for (document, file) in SCHEMAS {
        let path = path(file);
        let present = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        if present != generate(document)? {
            bail!("{} is stale: run cargo xtask schema", path.display());
        }
    }
    Ok(())
}

fn generate(document: &str) -> Result<Vec<u8>> {
    let binary = airlock()?;
    let output = Command::new(&binary)
        .args(["schema", "--of", document])
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
