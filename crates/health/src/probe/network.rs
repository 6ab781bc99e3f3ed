//! Whether pods find names, and the pods of other nodes.

use super::pod::script;
use super::{End, Lab};
use crate::finding::{Outcome, some};
use crate::object::Pod;

/// What the script ends with when a name is not found.
const NO_NAME: i64 = 10;
/// What it ends with when a pod does not answer.
const NO_POD: i64 = 20;
/// Serves one page; the folder is one that everybody may write to.
const SERVER: &str = "mkdir -p /tmp/airlock && echo airlock > /tmp/airlock/index.html && exec httpd -f -p 8080 -h /tmp/airlock";

/// Looks a name up, three times at most, and fetches a page of every address.
fn client(domain: &str, addresses: &[String]) -> String {
    let name = format!("kubernetes.default.svc.{domain}");
    let mut script = format!(
        "n=0; until nslookup {name} >/tmp/names 2>&1; do n=$((n+1)); if [ $n -ge 3 ]; then echo \"{name} is not found: $(tail -n 1 /tmp/names)\"; exit {NO_NAME}; fi; sleep 2; done\n"
    );
    for address in addresses {
        // An address of IPv6 stands in brackets where a port follows.
        let host = if address.contains(':') {
            format!("[{address}]")
        } else {
            address.clone()
        };
        script.push_str(&format!(
            "wget -q -T 5 -O /dev/null http://{host}:8080/ || {{ echo \"{address} does not answer\"; exit {NO_POD}; }}\n"
        ));
    }
    script
}

fn is_over(pod: &Pod) -> bool {
    ["Succeeded", "Failed"].contains(&pod.status.phase.as_str())
}

fn is_address(text: &str) -> bool {
    text.parse::<std::net::IpAddr>().is_ok()
}

impl Lab<'_> {
    pub(super) async fn network(&self, domain: &str) -> Result<Outcome, End> {
        // Part of a script: nothing but a name.
        if !domain
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.')
        {
            return Ok(Outcome::unknown("the domain of the cluster is no name"));
        }
        let mut addresses: Vec<(String, String)> = Vec::new();
        if self.nodes.len() > 1 {
            for (at, node) in self.nodes.iter().enumerate() {
                let pod = script(&format!("server-{at}"), node, self.image, "IfNotPresent", SERVER);
                self.make(&pod).await?;
            }
            let is_there = |pod: &Pod| pod.status.phase == "Running" && is_address(&pod.status.pod_ip);
            let servers = self.until("server-", |pod| is_there(pod) || is_over(pod)).await?;
            let absent: Vec<&str> = servers
                .iter()
                .filter(|pod| !is_there(pod))
                .map(|pod| pod.spec.node_name.as_str())
                .collect();
            if !absent.is_empty() || servers.len() < self.nodes.len() {
                return Ok(Outcome::unknown(format!(
                    "the probe did not start on {}",
                    some(&absent)
                )));
            }
            addresses = servers
                .iter()
                .map(|pod| (pod.spec.node_name.clone(), pod.status.pod_ip.clone()))
                .collect();
        }
        for (at, node) in self.nodes.iter().enumerate() {
            let others = addresses.iter().filter(|(of, _)| of != node);
            let others: Vec<String> = others.map(|(_, address)| address.clone()).collect();
            let pod = script(
                &format!("client-{at}"),
                node,
                self.image,
                "IfNotPresent",
                &client(domain, &others),
            );
            self.make(&pod).await?;
        }
        let clients = self.until("client-", is_over).await?;
        let (mut bad, mut slow, mut is_name) = (Vec::new(), Vec::new(), false);
        for pod in &clients {
            let node = &pod.spec.node_name;
            let end = pod
                .status
                .container_statuses
                .iter()
                .find_map(|one| one.state.terminated.as_ref());
            match (pod.status.phase.as_str(), end) {
                ("Succeeded", _) => {}
                ("Failed", Some(end)) if [NO_NAME, NO_POD].contains(&end.exit_code) => {
                    is_name |= end.exit_code == NO_NAME;
                    bad.push(format!("{node}: {}", end.message.trim()));
                }
                ("Failed", end) => {
                    let end =
                        end.map_or_else(String::new, |end| format!(" ({}, {})", end.exit_code, end.reason));
                    slow.push(format!("{node}: the probe itself failed{end}"));
                }
                _ => slow.push(format!("{node}: the probe did not end")),
            }
        }
        Ok(
            if bad.is_empty() && slow.is_empty() && clients.len() == self.nodes.len() {
                Outcome::ok(match addresses.len() {
                    0 => "names are found; there is one node, so no other to reach".to_owned(),
                    count => format!("names are found, and {count} nodes reach each other's pods"),
                })
            } else if bad.is_empty() {
                Outcome::unknown(some(&slow))
            } else if is_name {
                Outcome::fail(
                    some(&bad),
                    "`kubectl -n kube-system logs deployment/coredns`, and the node's resolv.conf: an empty one breaks it",
                )
            } else {
                Outcome::fail(
                    some(&bad),
                    "open UDP 8472 between the nodes (51820 with wireguard), and trust the addresses of pods in the firewall",
                )
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// A shell reads the script; what it calls is replaced by functions.
    #[test]
    fn the_script_ends_as_it_is_read() {
        let script = client("cluster.local", &["10.42.1.2".to_owned(), "fd00::1".to_owned()]);
        for (nslookup, wget, code, said) in [
            ("true", "true", 0, ""),
            (
                "false",
                "true",
                NO_NAME,
                "kubernetes.default.svc.cluster.local is not found: ",
            ),
            (
                "true",
                "[ \"$6\" != 'http://[fd00::1]:8080/' ]",
                NO_POD,
                "fd00::1 does not answer",
            ),
        ] {
            let whole =
                format!("sleep() {{ :; }}; nslookup() {{ {nslookup}; }}; wget() {{ {wget}; }}\n{script}");
            let output = Command::new("sh").args(["-c", &whole]).output().unwrap();
            assert_eq!(output.status.code().map(i64::from), Some(code), "{output:?}");
            assert_eq!(
                String::from_utf8_lossy(&output.stdout).trim_end(),
                said.trim_end()
            );
        }
    }
}
