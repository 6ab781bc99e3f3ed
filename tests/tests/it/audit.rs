//! `airlock audit`: from upstream's signatures to the packages of a bundle or store, without upstream.

use std::fs;

use airlock_tests::debian::Signing;
use airlock_tests::{Run, digest};
use serde_json::Value;

use crate::packages::Place;

/// A place whose store has packages, and whose upstream is gone.
fn carried() -> Option<Place> {
    let place = Place::new()?;
    place.carry("site-1.0.0", "store");
    fs::remove_dir_all(place.archive.path("")).unwrap();
    Some(place)
}

#[track_caller]
fn says(run: &Run, code: i32, words: &[&str]) {
    run.exits(code);
    for word in words {
        let said = run.stdout.contains(word) || run.stderr.contains(word);
        assert!(said, "no {word:?} in\n{}", run.render());
    }
}

#[test]
fn what_upstream_signed_is_established() {
    let Some(place) = carried() else { return };
    let audit = |arguments: &[&str]| place.airlock.run([&["audit"], arguments].concat());
    let carried = audit(&["store"]);
    says(
        &carried,
        0,
        &[
            "signed by ",
            "archive <archive@archive.example>",
            "all established",
            "skipped  ",
        ],
    );
    let given = audit(&["store", "--keyring", "keys/archive.asc"]);
    says(&given, 0, &["all established"]);
    assert!(!given.stdout.contains("skipped"), "{}", given.render());
    let bundle = "out/site-1.0.0.airlock.tar";
    says(&audit(&[bundle, "--key", "a.pub"]), 0, &["all established"]);
    says(&audit(&[bundle]), 2, &["add --key"]);

    let json = audit(&["store", "--output", "json"]);
    let report: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(report["established"], true);
    let set = &report["sets"][0];
    assert_eq!(set["releases"][0]["keys"], "carried");
    let names: Vec<&str> = set["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| package["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["app", "base-data", "libapp", "libbase", "tool"]);

    // A release from the future is none, and so is one whose time is over; this one has no end.
    says(
        &audit(&["store", "--at", "2020-01-01"]),
        1,
        &["not established", "5 of 5 packages"],
    );
    says(&audit(&["store", "--at", "2099-01-01"]), 0, &[]);
    says(&audit(&["store", "--at", "then"]), 2, &["the form is"]);
}

#[test]
fn packages_that_are_not_what_was_signed() {
    let Some(place) = carried() else { return };
    let lock = fs::read_to_string(place.airlock.path("airlock.lock")).unwrap();
    let lock: Value = serde_json::from_str(&lock).unwrap();
    let blob = |ending: &str| {
        let pins = lock["artifacts"][0]["blobs"].as_array().unwrap();
        let pin = pins
            .iter()
            .find(|pin| pin["source"].to_string().contains(ending))
            .unwrap_or_else(|| panic!("{ending}"));
        let digest = pin["digest"].as_str().unwrap().replace("sha256:", "");
        place.airlock.path(format!("store/blobs/sha256/{digest}"))
    };
    let audit = || place.airlock.run(["audit", "store"]);
    let (libapp, tool) = (blob("libapp_1.0"), blob("tool_"));
    let good = fs::read(&libapp).unwrap();
    let mut other = good.clone();
    *other.last_mut().unwrap() ^= 1;
    fs::write(&libapp, other).unwrap();
    let aside = place.airlock.path("aside");
    fs::rename(&tool, &aside).unwrap();
    says(
        &audit(),
        1,
        &[
            "libapp 1.0 (amd64): main/binary-amd64/Packages",
            "lists other contents",
            "tool 1:3-1 (all): its file is not here",
            "2 of 5 packages are not established",
            "3 packages: each is what",
        ],
    );
    fs::write(&libapp, &good).unwrap();
    fs::rename(&aside, &tool).unwrap();
    says(&audit(), 0, &[]);

    // Without its index no package is established.
    let index = blob("binary-amd64");
    fs::write(&index, b"damaged").unwrap();
    says(
        &audit(),
        1,
        &["a blob is damaged", "no signed index lists it", "5 of 5"],
    );
}

/// Who builds the bundle may take keys of their own; only a keyring that the auditor brings tells.
#[test]
fn a_builder_with_keys_of_their_own() {
    let Some(place) = Place::new() else { return };
    place.archive.key("stranger", "never");
    let stranger = Signing {
        key: "stranger",
        ..Signing::default()
    };
    place.archive.sign(&stranger);
    let upstream = fs::read(place.airlock.path("keys/archive.asc")).unwrap();
    place
        .airlock
        .write("keys/archive.asc", place.archive.public("stranger"));
    place.carry("site-1.0.0", "store");
    place.airlock.write("upstream.asc", upstream);
    let carried = place.airlock.run(["audit", "store"]);
    says(&carried, 0, &["stranger <stranger@archive.example>", "skipped  "]);
    let given = place.airlock.run(["audit", "store", "--keyring", "upstream.asc"]);
    says(
        &given,
        1,
        &[
            "which is in none of the keyrings",
            "app 1.0 (amd64): the release that it is from is not established",
            "5 of 5 packages",
            "repeat --keyring",
        ],
    );
    // Nor does it help to leave them out.
    forge(&place, |list| {
        let repository = &mut list["repositories"][0];
        repository.as_object_mut().unwrap().remove("keyring");
    });
    let none = place.airlock.run(["audit", "forged"]);
    says(
        &none,
        1,
        &["no keys are carried along", "give the distribution's keys"],
    );
}

/// The file may be the right one, and what is said of it may be wrong: apt believes the latter.
#[test]
fn a_builder_who_tells_other_dependencies() {
    let Some(place) = Place::new() else { return };
    place.carry("site-1.0.0", "store");
    forge(&place, |list| {
        let package = &mut list["packages"][0]["control"];
        let text = package
            .as_str()
            .unwrap()
            .replace("Depends: libapp", "Depends: evil, libapp");
        *package = Value::String(text);
    });
    let audit = place.airlock.run(["audit", "forged"]);
    says(
        &audit,
        1,
        &[
            "app 1.0 (amd64): main/binary-amd64/Packages",
            "says something else of it: Depends",
            "1 of 5",
        ],
    );
    // A file that is in no list is not looked over.
    forge(&place, |list| {
        list["packages"].as_array_mut().unwrap().remove(0);
    });
    let audit = place.airlock.run(["audit", "forged"]);
    says(
        &audit,
        1,
        &["a file is none of the listed packages: pool/main/a/app/app_1.0_amd64.deb"],
    );
}

/// Changes the list of packages in the lock, makes the rest of it fit, and takes it to the store `forged`.
fn forge(place: &Place, change: impl FnOnce(&mut Value)) {
    let path = place.airlock.path("airlock.lock");
    let genuine = fs::read_to_string(&path).unwrap();
    let mut lock: Value = serde_json::from_str(&genuine).unwrap();
    let before = lock["artifacts"][0]["inline"].as_object().unwrap().values();
    let before: usize = before.map(|text| text.as_str().unwrap().len()).sum();
    let artifact = &mut lock["artifacts"][0];
    let root = artifact["root"]["digest"].as_str().unwrap().to_owned();
    let mut manifest: Value = serde_json::from_str(artifact["inline"][&root].as_str().unwrap()).unwrap();
    let config = manifest["config"]["digest"].as_str().unwrap().to_owned();
    let mut list: Value = serde_json::from_str(artifact["inline"][&config].as_str().unwrap()).unwrap();
    change(&mut list);
    let inline = artifact["inline"].as_object_mut().unwrap();
    let put = |inline: &mut serde_json::Map<String, Value>, old: &str, value: &Value| {
        let text = serde_json::to_string(value).unwrap();
        let (digest, size) = (digest(text.as_bytes()), text.len());
        inline.remove(old);
        inline.insert(digest.clone(), Value::String(text));
        (Value::String(digest), Value::from(size))
    };
    let (list_digest, list_size) = put(inline, &config, &list);
    manifest["config"]["digest"] = list_digest.clone();
    manifest["config"]["size"] = list_size.clone();
    let (root_digest, root_size) = put(inline, &root, &manifest);
    artifact["root"]["digest"] = root_digest;
    artifact["root"]["size"] = root_size;
    let pins = artifact["blobs"].as_array_mut().unwrap();
    for pin in pins.iter_mut().filter(|pin| pin["digest"] == config.as_str()) {
        pin["digest"] = list_digest.clone();
        pin["size"] = list_size.clone();
    }
    pins.sort_by_key(|pin| pin["digest"].to_string());
    let grown = lock["artifacts"][0]["inline"].as_object().unwrap().values();
    let grown: usize = grown.map(|text| text.as_str().unwrap().len()).sum();
    let bytes = lock["totals"]["bytes"].as_u64().unwrap() + grown as u64 - before as u64;
    lock["totals"]["bytes"] = Value::from(bytes);
    fs::write(&path, serde_json::to_string(&lock).unwrap()).unwrap();
    let _ = fs::remove_dir_all(place.airlock.path("out"));
    let _ = fs::remove_dir_all(place.airlock.path("forged"));
    place.pack().succeeds();
    let bundle = "out/site-1.0.0.airlock.tar";
    place
        .airlock
        .run(["import", bundle, "--store", "forged", "--key", "a.pub"])
        .succeeds();
    fs::write(&path, genuine).unwrap();
}
