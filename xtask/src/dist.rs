//! The static binary: what a release ships, and what a bundle carries for its site.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::cargo;

/// Builds `airlock` for this machine's architecture without any shared library, and says where it is.
///
/// glibc's static library is used, since it is on every machine with a C toolchain; a target must be named
/// so that build scripts and procedural macros stay dynamic.
pub(crate) fn run() -> Result<()> {
    let target = match std::env::consts::ARCH {
        arch @ ("x86_64" | "aarch64") => format!("{arch}-unknown-linux-gnu"),
        other => bail!("no static build is known for this architecture: {other}"),
    };
    let folder = PathBuf::from("target/dist");
    let mut build = cargo::cargo(&["build", "--release", "--package", "airlock", "--target", &target]);
    build.arg("--target-dir").arg(&folder);
    build.env("RUSTFLAGS", "-C target-feature=+crt-static");
    cargo::run(&mut build)?;
    let binary = folder.join(&target).join("release/airlock");
    let output = cargo::command("ldd")
        .arg(&binary)
        .output()
        .context("cannot start ldd")?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    if !text.contains("statically linked") && !text.contains("not a dynamic executable") {
        bail!("the binary is linked dynamically: {}", binary.display());
    }
    println!("{}", binary.display());
    Ok(())
}
