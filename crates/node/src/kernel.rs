//! Modules, parameters and swap of the running kernel.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{NodeError, Runner};

/// How long labelling may take, on a slow disk.
const RELABEL: Duration = Duration::from_mins(10);

/// Whether a module is there, loaded or built in.
pub(crate) fn has_module(name: &str) -> bool {
    let name = name.replace('-', "_");
    if Path::new("/sys/module").join(&name).exists() {
        return true;
    }
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let builtin = Path::new("/lib/modules").join(release).join("modules.builtin");
    fs::read_to_string(builtin).is_ok_and(|text| {
        text.lines()
            .filter_map(|line| line.rsplit('/').next()?.strip_suffix(".ko"))
            .any(|module| module.replace('-', "_") == name)
    })
}

pub(crate) fn load(name: &str) -> Result<(), NodeError> {
    command(
        "loading the module",
        name,
        Runner::default().succeed("modprobe", &["--", name]),
    )
}

/// Unloads a module; one that something uses by now stays.
pub(crate) fn unload(name: &str) {
    let _ = Runner::default().run("modprobe", &["-r", "--", name]);
}

/// A parameter as it is, with single blanks; none where this kernel does not have it.
pub(crate) fn parameter(name: &str) -> Result<Option<String>, NodeError> {
    let path = parameter_path(name)?;
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(spaced(&text))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(NodeError::io("reading the parameter", path)(error)),
    }
}

pub(crate) fn set_parameter(name: &str, value: &str) -> Result<(), NodeError> {
    let path = parameter_path(name)?;
    fs::write(&path, value).map_err(NodeError::io("setting the parameter", path))
}

pub(crate) fn spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `net.ipv4.ip_forward` below `/proc/sys`; a slash stands for a dot in a name, as sysctl has it.
fn parameter_path(name: &str) -> Result<PathBuf, NodeError> {
    let path = Path::new("/proc/sys").join(
        name.chars()
            .map(|c| match c {
                '.' => '/',
                '/' => '.',
                c => c,
            })
            .collect::<String>(),
    );
    let is_plain = !name.is_empty()
        && path
            .components()
            .all(|part| !matches!(part, std::path::Component::ParentDir))
        && path.starts_with("/proc/sys");
    if is_plain {
        Ok(path)
    } else {
        Err(NodeError::Path(path))
    }
}

/// Files and devices that are swapped to.
pub(crate) fn swaps() -> Result<Vec<String>, NodeError> {
    let path = "/proc/swaps";
    match fs::read_to_string(path) {
        Ok(text) => Ok(swaps_in(&text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(NodeError::io("reading", path)(error)),
    }
}

fn swaps_in(text: &str) -> Vec<String> {
    text.lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next())
        // Blanks in names are written in octal.
        .map(|name| name.replace("\\040", " "))
        .collect()
}

pub(crate) fn swap_off(device: &str) -> Result<(), NodeError> {
    command(
        "switching off swap on",
        device,
        Runner::default().succeed("swapoff", &["--", device]),
    )
}

pub(crate) fn swap_on(device: &str) -> Result<(), NodeError> {
    command(
        "switching on swap on",
        device,
        Runner::default().succeed("swapon", &["--", device]),
    )
}

/// Whether SELinux is on.
pub(crate) fn has_selinux() -> bool {
    Path::new("/sys/fs/selinux/enforce").exists()
}

/// Whether there are paths below these whose labels are not those of the policy.
pub(crate) fn wrongly_labelled(paths: &[PathBuf], except: &[PathBuf]) -> Result<bool, NodeError> {
    let out = relabel_command(&["-n", "-v", "-R"], paths, except)?;
    Ok(!out.trim().is_empty())
}

pub(crate) fn relabel(paths: &[PathBuf], except: &[PathBuf]) -> Result<(), NodeError> {
    relabel_command(&["-R"], paths, except).map(drop)
}

fn relabel_command(options: &[&str], paths: &[PathBuf], except: &[PathBuf]) -> Result<String, NodeError> {
    let args = relabel_args(options, paths, except);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    if args.is_empty() {
        return Ok(String::new());
    }
    Runner::default()
        .limit(RELABEL)
        .succeed("restorecon", &args)
        .map_err(|source| NodeError::Command {
            what: "labelling files for SELinux".to_owned(),
            source,
        })
}

/// The arguments of restorecon(8), which passes over what it is to leave out; none where there is nothing to label.
fn relabel_args(options: &[&str], paths: &[PathBuf], except: &[PathBuf]) -> Vec<String> {
    let there = |paths: &[PathBuf]| -> Vec<String> {
        let there = paths.iter().filter(|path| path.exists());
        there.map(|path| path.to_string_lossy().into_owned()).collect()
    };
    let paths = there(paths);
    if paths.is_empty() {
        return Vec::new();
    }
    let mut args: Vec<String> = options.iter().map(ToString::to_string).collect();
    for path in there(except) {
        args.extend(["-e".to_owned(), path]);
    }
    args.extend(paths);
    args
}

fn command<T>(what: &str, object: &str, result: Result<T, crate::RunError>) -> Result<(), NodeError> {
    result.map(drop).map_err(|source| NodeError::Command {
        what: format!("{what} {object}"),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_have_dots_for_slashes_and_slashes_for_dots() {
        assert_eq!(
            parameter_path("net.ipv4.conf.eth0/1.forwarding").unwrap(),
            Path::new("/proc/sys/net/ipv4/conf/eth0.1/forwarding")
        );
        assert!(parameter_path("").is_err());
        // Two dots cannot lead out, since they are slashes.
        assert!(parameter_path("a.//.b").is_err());
        assert!(
            parameter("kernel.ostype")
                .unwrap()
                .is_some_and(|value| value == "Linux")
        );
        assert_eq!(parameter("kernel.no_such_thing").unwrap(), None);
        assert_eq!(spaced("1\t2 \n"), "1 2");
    }

    #[test]
    fn what_is_not_to_be_labelled_is_left_out() {
        let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
        let none = paths(&["/no/such"]);
        assert_eq!(
            relabel_args(
                &["-R"],
                &paths(&["/usr", "/no/such"]),
                &paths(&["/usr/bin", "/no/such"])
            ),
            ["-R", "-e", "/usr/bin", "/usr"]
        );
        assert!(relabel_args(&["-R"], &none, &paths(&["/usr"])).is_empty());
    }

    #[test]
    fn swaps_are_read_with_blanks_in_names() {
        let text = "Filename\t\t\t\tType\t\tSize\n/dev/sda2  partition 1\n/my\\040swap file 2\n";
        assert_eq!(swaps_in(text), ["/dev/sda2", "/my swap"]);
        assert!(swaps_in("").is_empty());
    }
}
