//! `airlock inventory`: a node says what it has, and a lock leaves that out.

use std::collections::BTreeSet;
use std::fs;

use airlock_tests::debian::{Apt, Signing};
use airlock_tests::{Airlock, command, peer};
use serde_json::Value;

use crate::packages::Place;

/// The names of what the lock carries.
fn carried(place: &Place) -> BTreeSet<String> {
    let lock = fs::read_to_string(place.airlock.path("airlock.lock")).unwrap();
    let lock: Value = serde_json::from_str(&lock).unwrap();
    let inline = lock["artifacts"][0]["inline"].as_object().unwrap();
    let list = inline
        .values()
        .filter_map(|text| serde_json::from_str::<Value>(text.as_str().unwrap()).ok())
        .find(|value| value.get("packages").is_some())
        .unwrap();
    let packages = list["packages"].as_array().unwrap();
    packages
        .iter()
        .map(|package| {
            let control = package["control"].as_str().unwrap();
            let name = control.lines().find_map(|line| line.strip_prefix("Package: "));
            name.unwrap().to_owned()
        })
        .collect()
}

#[test]
fn a_lock_for_a_node_as_it_is() {
    let Some(place) = Place::new() else { return };
    place.archive.package("dpkg", "1.21", "");
    place.archive.package("another", "7", "Provides: other\n");
    place.archive.publish(&Signing::default());
    let node = Apt::new();
    // `other` will do for `tool`, and `libbase` is there already.
    place.install(
        &node,
        &[
            "base_12",
            "apt_2.6",
            "dpkg_1.21",
            "another_7",
            "libbase_5",
            "base-data_5",
        ],
    );
    let root = node.path("");
    fs::write(root.join("etc/os-release"), "ID=debian\nVERSION_ID=\"12\"\n").unwrap();
    let root = root.to_str().unwrap();
    let made = place
        .airlock
        .run(["inventory", "--root", root, "--out", "node.json"]);
    made.succeeds();
    assert!(
        made.stderr.contains("6 packages of debian-12 (amd64)"),
        "{}",
        made.render()
    );
    let printed = place.airlock.run(["inventory", "--root", root]);
    let written = fs::read_to_string(place.airlock.path("node.json")).unwrap();
    assert_eq!(printed.stdout, written);

    place.manifest("site", "1.0.0", "[app]", "    base: {installed: node.json}\n");
    place.carry("site-1.0.0", "store");
    let ours = carried(&place);
    // apt, on the node, with nothing but the site.
    let served = place.serve("store");
    let url = format!("http://{}", served.address());
    let etc = node.etc();
    place
        .airlock
        .run([
            "config",
            "apt",
            "--from",
            "store",
            "--url",
            &url,
            "--write",
            etc.to_str().unwrap(),
        ])
        .succeeds();
    node.quietly(&["update"]);
    node.quietly(&["install", "--yes", "--download-only", "app"]);
    let wanted: BTreeSet<String> = node
        .downloaded()
        .iter()
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.split('_').next().unwrap().to_owned()
        })
        .collect();
    assert_eq!(ours, wanted);
    assert_eq!(ours, ["app", "libapp"].map(str::to_owned).into());
    // A status file says the same.
    let status = fs::read(node.path("var/lib/dpkg/status")).unwrap();
    place.airlock.write("status", status);
    for base in ["status: status", "installed: status"] {
        place.manifest("site", "1.0.0", "[app]", &format!("    base: {{{base}}}\n"));
        place.lock().succeeds();
        assert_eq!(carried(&place), ours, "{base}");
    }

    let other = written.replace("debian-12", "debian-13");
    for (text, words) in [
        (other.as_str(), "a node with debian-13 for amd64"),
        ("{}", "the inventory is not valid"),
        (
            &written.replace("\"2.6\"", "\"2.6\\nEssential: yes\""),
            "what cannot be: apt",
        ),
    ] {
        place.airlock.write("node.json", text);
        place.manifest("site", "1.0.0", "[app]", "    base: {installed: node.json}\n");
        place.refuses(&place.lock(), 2, &[words]);
    }
}

/// This machine's own packages, as dpkg itself lists them.
#[test]
fn the_inventory_of_this_machine() {
    if !peer::require(&["dpkg-query"]) {
        return;
    }
    let airlock = Airlock::new();
    let made = airlock.run(["inventory"]);
    made.succeeds();
    let inventory: Value = serde_json::from_str(&made.stdout).unwrap();
    let ours: BTreeSet<String> = inventory["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let field = |name: &str| package[name].as_str().unwrap();
            format!("{} {} {}", field("name"), field("version"), field("architecture"))
        })
        .collect();
    let format = "${db:Status-Status} ${Package} ${Version} ${Architecture}\\n";
    let listed = command::succeed(command::clean("dpkg-query", &airlock.path(".home")).args([
        "--show",
        "--showformat",
        format,
    ]));
    let listed = listed.stdout();
    let theirs: BTreeSet<String> = listed
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(state, _)| !["not-installed", "config-files", "half-installed"].contains(state))
        .map(|(_, package)| package)
        .map(str::to_owned)
        .collect();
    assert!(ours.len() > 50, "{}", ours.len());
    assert_eq!(ours, theirs);
}
