//! Modules of the kernel: which are there, and which could be.

use crate::Host;

/// What is known of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Module {
    /// It is loaded, or part of the kernel.
    There,
    /// It can be loaded.
    Loadable,
    /// The kernel's modules are here, and it is none of them.
    Missing,
    /// The kernel has no folder of modules; everything that it has, it has built in.
    NoModules,
}

/// Looks a module up by its name in `/sys/module`, `modules.builtin` and `modules.dep`.
pub(crate) fn find(host: &Host, name: &str) -> Module {
    let name = plain(name);
    let is_loaded = host
        .read("/proc/modules")
        .unwrap_or_default()
        .lines()
        .any(|line| line.split_whitespace().next().map(plain).as_deref() == Some(name.as_str()));
    if is_loaded || host.exists(format!("/sys/module/{name}")) {
        return Module::There;
    }
    let release = host.line("/proc/sys/kernel/osrelease").unwrap_or_default();
    let lists = |file: &str| {
        ["/lib/modules", "/usr/lib/modules"]
            .iter()
            .find_map(|folder| host.read(format!("{folder}/{release}/{file}")))
    };
    let is_in = |text: Option<&String>| {
        text.is_some_and(|text| {
            text.lines().any(|line| {
                let path = line.split(':').next().unwrap_or("");
                let file = path.rsplit('/').next().unwrap_or("");
                file.split(".ko").next().map(plain).as_deref() == Some(name.as_str())
            })
        })
    };
    let (builtin, loadable) = (lists("modules.builtin"), lists("modules.dep"));
    if is_in(builtin.as_ref()) {
        Module::There
    } else if is_in(loadable.as_ref()) {
        Module::Loadable
    } else if loadable.is_some() {
        Module::Missing
    } else {
        Module::NoModules
    }
}

/// Names of modules have `_` and `-` for the same.
fn plain(name: &str) -> String {
    name.replace('-', "_")
}
