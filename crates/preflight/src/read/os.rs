//! `os-release`.

use super::pairs;
use crate::Host;

/// As k3s names the distribution of its SELinux policy: `el9`, `sle`, `coreos`.
pub(crate) fn selinux_name(host: &Host) -> Option<String> {
    let text = ["/etc/os-release", "/usr/lib/os-release"]
        .iter()
        .find_map(|path| host.read(path))?;
    let all = pairs::assignments(&text);
    let field = |name: &str| {
        let found = all.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value.as_str())
    };
    if field("VARIANT_ID") == "coreos" {
        return Some("coreos".to_owned());
    }
    let names: Vec<&str> = field("ID")
        .split(' ')
        .chain(field("ID_LIKE").split(' '))
        .collect();
    if names.contains(&"suse") || names.iter().any(|name| name.starts_with("sle")) {
        return Some("sle".to_owned());
    }
    let major = field("VERSION_ID")
        .split('.')
        .next()
        .filter(|major| !major.is_empty() && major.len() <= 3 && major.bytes().all(|c| c.is_ascii_digit()))?;
    let is_enterprise = names.contains(&"rhel") || names.contains(&"centos");
    is_enterprise.then(|| format!("el{major}"))
}
