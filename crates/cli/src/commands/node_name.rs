//! The name under which k3s registers this machine (`pkg/agent/config/config.go` of k3s).

use std::path::Path;

use airlock_spec::site::Site;

use crate::failure::Result;
use crate::files;

/// Where k3s keeps what `with-node-id` adds to the name.
const NODE_ID: &str = "/etc/rancher/node/id";
const HOST_NAME: &str = "/proc/sys/kernel/hostname";
/// More than any name has.
const MAX: u64 = 4096;

/// The name; `None` as long as k3s has not made the part of it that it makes itself.
pub(super) fn node_name(site: Option<&Site>) -> Result<Option<String>> {
    let option = |name: &str| site.and_then(|site| site.cluster.config.get(name));
    let name = match option("node-name").and_then(|name| name.as_str()) {
        Some(name) => name.to_owned(),
        None => files::read_text("the host name", Path::new(HOST_NAME), MAX)?,
    };
    let name = name.trim().to_ascii_lowercase();
    if option("with-node-id") != Some(&true.into()) {
        return Ok(Some(name));
    }
    let path = Path::new(NODE_ID);
    if !files::exists("the node's own number", path)? {
        return Ok(None);
    }
    let id = files::read_text("the node's own number", path, MAX)?;
    Ok(Some(format!("{name}-{}", id.trim())))
}
