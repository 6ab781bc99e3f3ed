//! The part without a network: serve, update, install, import, upgrade.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context, Result, bail};

use super::command_in;
use crate::cargo::{command, run};

const ADDRESS: &str = "127.0.0.1:5000";

/// Ends the server whatever happens.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It ends with the namespace in any case.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Everything that a node does in its life, with its own apt.
pub(super) fn check(folder: &Path, names: &[String]) -> Result<()> {
    let node = folder.join("node");
    run(command("ip").args(["link", "set", "lo", "up"]))?;
    run(command("mount")
        .args(["-t", "proc", "proc"])
        .arg(node.join("proc")))?;
    run(command("mount").args(["--rbind", "/dev"]).arg(node.join("dev")))?;
    // faketime keeps things there under numbers of processes, which begin anew in each namespace.
    run(command("mount")
        .args(["-t", "tmpfs", "tmpfs"])
        .arg(node.join("dev/shm")))?;

    import(folder, 1)?;
    let server = Server(
        command_in(folder)?
            .args(["serve", "store", "--listen", ADDRESS, "--quiet"])
            .spawn()
            .context("cannot start airlock")?,
    );
    await_server()?;
    let mut config = command_in(folder)?;
    config.args(["config", "apt", "--from", "store"]);
    config.args(["--url", &format!("http://{ADDRESS}"), "--write", "node/etc/apt"]);
    run(&mut config)?;

    for skew in ["+0d", "-1d", "+1d"] {
        for list in fs::read_dir(node.join("var/lib/apt/lists"))?.flatten() {
            if list.path().is_file() {
                fs::remove_file(list.path())?;
            }
        }
        quiet(apt(&node).args(["faketime", "-f", skew, "apt-get", "update"]))?;
        println!("  update with a clock at {skew}: no warning");
    }
    let begin = Instant::now();
    let before = installed(&node)?;
    let mut install = apt(&node);
    install.args(["apt-get", "install", "--yes", "--quiet", "--quiet"]);
    log(install.args(names), folder, "install.log")?;
    let after = installed(&node)?;
    for name in names {
        if !after.iter().any(|(package, _)| package == name) {
            bail!("apt did not install {name}");
        }
    }
    println!(
        "  install of {}: {} packages in {} s",
        names.join(" "),
        after.len() - before.len(),
        begin.elapsed().as_secs()
    );

    // While it is served.
    import(folder, 2)?;
    quiet(apt(&node).args(["apt-get", "update"]))?;
    // Not `dist-upgrade`, which may take away what has no update here: the node has more than what was asked for.
    let mut upgrade = apt(&node);
    upgrade.args([
        "apt-get",
        "upgrade",
        "--with-new-pkgs",
        "--yes",
        "--quiet",
        "--quiet",
    ]);
    log(&mut upgrade, folder, "upgrade.log")?;
    let upgraded = installed(&node)?;
    let changed = upgraded.iter().filter(|it| !after.contains(it)).count();
    if changed == 0 {
        bail!("nothing was upgraded after the second import");
    }
    let rest = output(apt(&node).args(["apt-get", "--simulate", "upgrade", "--with-new-pkgs"]))?;
    if rest.contains("\nInst ") {
        bail!("not everything was upgraded:\n{rest}");
    }
    println!("  upgrade after a second import: {changed} packages are new or newer");

    let audit = output(apt(&node).args(["dpkg", "--audit"]))?;
    if !audit.is_empty() {
        bail!("dpkg finds fault with the node:\n{audit}");
    }
    run(command_in(folder)?.args(["rollback", "--store", "store", "--quiet"]))?;
    quiet(apt(&node).args(["apt-get", "update"]))?;
    println!("  update after a rollback: no warning");
    drop(server);
    Ok(())
}

fn import(folder: &Path, version: u32) -> Result<()> {
    let bundles = fs::read_dir(folder.join(format!("bundle-{version}")))?;
    let bundle = bundles
        .flatten()
        .map(|it| it.path())
        .find(|it| it.to_string_lossy().ends_with(".airlock.tar"))
        .context("there is no bundle")?;
    run(command_in(folder)?.arg("import").arg(bundle).args([
        "--key",
        "a.pub",
        "--store",
        "store",
        "--progress",
        "none",
        "--quiet",
    ]))
}

fn await_server() -> Result<()> {
    let end = Instant::now() + Duration::from_mins(1);
    while TcpStream::connect(ADDRESS).is_err() {
        if Instant::now() > end {
            bail!("the server does not answer after 60 s");
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// A command of the node's own.
fn apt(node: &Path) -> Command {
    let mut chroot = command("chroot");
    chroot.arg(node).env_clear();
    chroot.envs([
        ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
        ("LC_ALL", "C.UTF-8"),
        ("DEBIAN_FRONTEND", "noninteractive"),
    ]);
    chroot
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.output().context("cannot start chroot")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!(
            "{command:?}: {}\n{text}{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(text)
}

/// Succeeds, and says nothing that warns.
fn quiet(command: &mut Command) -> Result<()> {
    let output = command.output().context("cannot start chroot")?;
    let all = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&all);
    let warns = |line: &str| {
        ["W:", "E:", "N:", "Warning:", "Error:"]
            .iter()
            .any(|it| line.starts_with(it))
    };
    if !output.status.success() || text.lines().any(warns) {
        bail!("{command:?}: {}\n{text}", output.status);
    }
    Ok(())
}

/// Succeeds, and leaves what it says in a file.
fn log(command: &mut Command, folder: &Path, name: &str) -> Result<()> {
    let path = folder.join(name);
    let file = fs::File::create(&path)?;
    let status = command.stdout(file.try_clone()?).stderr(file).status()?;
    if !status.success() {
        bail!("{command:?}: {status}; see {}", path.display());
    }
    Ok(())
}

/// Names and versions.
fn installed(node: &Path) -> Result<Vec<(String, String)>> {
    let mut query = apt(node);
    query.args([
        "dpkg-query",
        "--show",
        "--showformat",
        "${db:Status-Abbrev}\t${Package}\t${Version}\n",
    ]);
    let text = output(&mut query)?;
    let lines = text
        .lines()
        .filter_map(|line| line.strip_prefix("ii \t")?.split_once('\t'));
    Ok(lines
        .map(|(name, version)| (name.to_owned(), version.to_owned()))
        .collect())
}
