//! Ports that k3s binds: are they free, and who has them?
//!
//! Which they are: docs.k3s.io, "Requirements", sections "Inbound Rules for K3s Nodes" and "Local Ports".

use std::fs;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};

use crate::check::Outcome;
use crate::read::sockets::{self, LISTEN, Socket};
use crate::{Context, Host};

/// The most open files of all processes together that are looked at.
const MAX_OPEN: usize = 500_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Tcp,
    Udp,
}

impl Protocol {
    fn name(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        }
    }
}

/// A port, and what it is for.
type Wanted = (Protocol, u16, &'static str);

/// Ports that other machines use: free, or k3s does not start or is not reached.
pub(crate) fn outer(context: &Context) -> Outcome {
    use Protocol::{Tcp, Udp};
    let mut wanted: Vec<Wanted> = vec![(Tcp, 10250, "kubelet")];
    if context.is_server() {
        wanted.push((Tcp, api_port(context), "API server"));
    }
    if context.has_etcd() {
        wanted.extend([(Tcp, 2379, "etcd clients"), (Tcp, 2380, "etcd peers")]);
    }
    if context.site().is_some_and(|site| site.cluster.embedded_registry) {
        wanted.push((Tcp, 5001, "embedded registry"));
    }
    match context.flannel_backend() {
        "vxlan" => wanted.push((Udp, 8472, "vxlan")),
        "wireguard-native" | "wireguard" => {
            wanted.extend([(Udp, 51820, "wireguard"), (Udp, 51821, "wireguard, IPv6")]);
        }
        _ => {}
    }
    check(context, &wanted, false)
}

/// Ports of k3s' own parts among each other, on loopback.
pub(crate) fn local(context: &Context) -> Outcome {
    use Protocol::Tcp;
    let mut wanted: Vec<Wanted> = vec![
        (Tcp, inner_port(context), "API server's inner port"),
        (Tcp, 10010, "containerd's streams"),
        (Tcp, 10248, "kubelet's health"),
        (Tcp, 10249, "kube-proxy's metrics"),
        (Tcp, 10256, "kube-proxy's health"),
    ];
    if context.is_server() {
        wanted.extend([
            (Tcp, 10257, "controller manager"),
            (Tcp, 10258, "cloud controller"),
            (Tcp, 10259, "scheduler"),
        ]);
    }
    if context.has_etcd() {
        wanted.extend([(Tcp, 2381, "etcd's metrics"), (Tcp, 2382, "etcd over HTTP")]);
    }
    check(context, &wanted, true)
}

fn api_port(context: &Context) -> u16 {
    port(context, "https-listen-port").unwrap_or(6443)
}

/// On a server the API server itself, one above the port that it shares with k3s (k3s, `pkg/daemons/control/server.go`,
/// `defaults`); on an agent what passes requests on to servers (docs.k3s.io, "k3s agent", `--lb-server-port`).
fn inner_port(context: &Context) -> u16 {
    if context.is_server() {
        port(context, "apiserver-port").unwrap_or_else(|| api_port(context).saturating_add(1))
    } else {
        port(context, "lb-server-port").unwrap_or(6444)
    }
}

/// A port that the site gives, as a number or, since YAML has many ways, as a text.
fn port(context: &Context, option: &str) -> Option<u16> {
    match context.option(option)? {
        serde_json::Value::String(text) => text.parse().ok(),
        value => value.as_u64()?.try_into().ok(),
    }
}

fn check(context: &Context, wanted: &[Wanted], loopback: bool) -> Outcome {
    let host = &context.host;
    let tables = Tables::read(host);
    let mut taken = Vec::new();
    let mut own = Vec::new();
    let mut doubtful = Vec::new();
    for &(protocol, port, what) in wanted {
        let name = format!("{} {port}", protocol.name());
        let holders = tables.holders(protocol, port, loopback);
        let free = if host.is_live() {
            match bind(protocol, port, loopback) {
                Ok(()) => true,
                Err(error) if error.kind() == ErrorKind::AddrInUse => false,
                Err(error) => {
                    doubtful.push(format!("{name}: {error}"));
                    continue;
                }
            }
        } else {
            holders.is_empty()
        };
        if free {
            continue;
        }
        let who = owner(host, &holders);
        let is_own = context.settings.is_installed && who.iter().any(|who| who.is_k3s);
        let names: Vec<&str> = who.iter().map(|who| who.shown.as_str()).collect();
        let by = if !names.is_empty() {
            format!(" by {}", names.join(", "))
        } else if protocol == Protocol::Udp {
            // A tunnel's socket has no process.
            " by no process, so by a tunnel of the kernel (`ip -d link show type vxlan`)".to_owned()
        } else {
            " by a process that cannot be seen from here".to_owned()
        };
        let text = format!("{name} ({what}) is taken{by}");
        if is_own { &mut own } else { &mut taken }.push(text);
    }
    if !taken.is_empty() {
        return Outcome::fail(
            taken.join("; "),
            "stop what holds the port (`systemctl disable --now UNIT`), or give it another one",
        );
    }
    if !doubtful.is_empty() {
        return Outcome::unknown(doubtful.join("; "));
    }
    if !own.is_empty() {
        return Outcome::ok(format!(
            "held by the k3s that is installed here: {}",
            own.join("; ")
        ));
    }
    let names: Vec<String> = wanted
        .iter()
        .map(|(protocol, port, _)| format!("{} {port}", protocol.name()))
        .collect();
    Outcome::ok(format!("free: {}", names.join(", ")))
}

/// Binds as a server of Go does, and lets go again.
fn bind(protocol: Protocol, port: u16, loopback: bool) -> std::io::Result<()> {
    let (v4, v6) = if loopback {
        (Ipv4Addr::LOCALHOST, None)
    } else {
        (Ipv4Addr::UNSPECIFIED, Some(Ipv6Addr::UNSPECIFIED))
    };
    let addresses = [Some(IpAddr::from(v4)), v6.map(IpAddr::from)];
    for address in addresses.into_iter().flatten() {
        let address = SocketAddr::new(address, port);
        let bound = match protocol {
            Protocol::Tcp => TcpListener::bind(address).map(drop),
            Protocol::Udp => UdpSocket::bind(address).map(drop),
        };
        match bound {
            // A machine without IPv6, or with a loopback that is down: then nobody has the port either.
            Err(error)
                if address.is_ipv6()
                    && !matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied) => {}
            other => other?,
        }
    }
    Ok(())
}

struct Tables {
    tcp: Vec<Socket>,
    udp: Vec<Socket>,
}

impl Tables {
    fn read(host: &Host) -> Self {
        let table = |names: [&str; 2]| {
            names
                .iter()
                .flat_map(|name| sockets::read(&host.read(format!("/proc/net/{name}")).unwrap_or_default()))
                .collect()
        };
        Self {
            tcp: table(["tcp", "tcp6"]),
            udp: table(["udp", "udp6"]),
        }
    }

    fn holders(&self, protocol: Protocol, port: u16, loopback: bool) -> Vec<Socket> {
        let (table, listening) = match protocol {
            Protocol::Tcp => (&self.tcp, true),
            Protocol::Udp => (&self.udp, false),
        };
        table
            .iter()
            .filter(|socket| socket.port == port && (!listening || socket.state == LISTEN))
            // What listens on one other address does not stand in the way on loopback.
            .filter(|socket| {
                !loopback
                    || socket.address.is_unspecified()
                    || socket.address == IpAddr::from(Ipv4Addr::LOCALHOST)
            })
            .copied()
            .collect()
    }
}

struct Owner {
    shown: String,
    is_k3s: bool,
}

/// The processes that have these sockets open.
fn owner(host: &Host, holders: &[Socket]) -> Vec<Owner> {
    let wanted: Vec<String> = holders
        .iter()
        .filter(|socket| socket.inode != 0)
        .map(|socket| format!("socket:[{}]", socket.inode))
        .collect();
    let mut found = Vec::new();
    if wanted.is_empty() {
        return found;
    }
    let mut left = MAX_OPEN;
    for id in host.process_ids() {
        let folder = host.path(format!("/proc/{id}/fd"));
        let Ok(entries) = fs::read_dir(folder) else {
            continue;
        };
        let has = entries.flatten().take(left).any(|entry| {
            left = left.saturating_sub(1);
            fs::read_link(entry.path())
                .is_ok_and(|target| wanted.iter().any(|it| target.as_os_str() == it.as_str()))
        });
        if has && let Some(process) = host.process(id) {
            found.push(Owner {
                shown: process.shown(),
                is_k3s: process.program().starts_with("k3s") || process.name.starts_with("k3s"),
            });
        }
        if left == 0 || found.len() >= 8 {
            break;
        }
    }
    found
}
