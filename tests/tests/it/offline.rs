//! Offline is structural: the isolated side's crates link nothing that could ask the Internet.

use std::process::Command;

use airlock_tests::command::succeed;

/// Crates that are an HTTP client, or bring one.
const CLIENTS: [&str; 12] = [
    "attohttpc",
    "curl",
    "hyper-rustls",
    "hyper-tls",
    "isahc",
    "minreq",
    "oci-client",
    "oci-distribution",
    "reqwest",
    "surf",
    "tonic",
    "ureq",
];

/// Everything that a crate links or builds with, with the features that are on: `name feature "x"` lines
/// between `name v1.2.3` lines.
fn tree(package: &str) -> Vec<String> {
    let mut command = Command::new(env!("CARGO"));
    command
        .args([
            "tree",
            "--offline",
            "--locked",
            "--package",
            package,
            "--prefix",
            "none",
        ])
        .args(["--edges", "normal,build,features"])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    succeed(&mut command)
        .stdout()
        .lines()
        .map(str::to_owned)
        .collect()
}

fn clients_in(tree: &[String]) -> Vec<&String> {
    tree.iter()
        .filter(|line| {
            let name = line.split(' ').next().unwrap_or_default();
            // hyper is both; without its client features it can only answer.
            let hyper = ["hyper", "hyper-util"].contains(&name) && line.contains("feature \"client");
            CLIENTS.contains(&name) || hyper
        })
        .collect()
}

#[test]
fn the_isolated_side_links_no_http_client() {
    for package in [
        "airlock-trust",
        "airlock-store",
        "airlock-bundle",
        "airlock-importer",
        "airlock-registry",
        "airlock-closure",
        "airlock-export",
        "airlock-installer",
        "airlock-node",
        "airlock-finding",
        "airlock-preflight",
    ] {
        let tree = tree(package);
        assert!(tree.len() > 5, "{package}: {tree:?}");
        let found = clients_in(&tree);
        assert!(found.is_empty(), "{package} links {found:?}");
    }
}

/// The same look at the crate that does ask the Internet finds it: the check can fail.
#[test]
fn the_check_sees_a_client_where_there_is_one() {
    assert!(!clients_in(&tree("airlock-upstream")).is_empty());
}

/// Without sockets at all: what verifies and imports is given its bytes.
#[test]
fn what_verifies_and_imports_has_no_sockets() {
    for package in [
        "airlock-trust",
        "airlock-bundle",
        "airlock-importer",
        "airlock-closure",
        "airlock-export",
        "airlock-installer",
        "airlock-node",
        "airlock-finding",
        "airlock-preflight",
    ] {
        let tree = tree(package);
        let found: Vec<&String> = tree
            .iter()
            .filter(|line| {
                ["mio ", "socket2 ", "hyper ", "tokio-rustls "]
                    .iter()
                    .any(|name| line.starts_with(name))
            })
            .collect();
        assert!(found.is_empty(), "{package} links {found:?}");
    }
}
