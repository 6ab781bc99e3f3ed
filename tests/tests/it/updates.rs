//! What has changed upstream since packages were locked.

use std::fs;

use airlock_tests::debian::Signing;

use crate::packages::Place;

/// What is for security is told apart, and a package is enough to ask for it.
#[test]
fn security_updates() {
    let Some(place) = Place::new() else { return };
    place.lock().succeeds();
    let tree = place.airlock.run(["tree"]);
    assert!(tree.stdout.contains("5 packages for amd64"), "{}", tree.render());
    fs::copy(
        place.airlock.path("airlock.lock"),
        place.airlock.path("before.lock"),
    )
    .unwrap();
    place
        .archive
        .package("libapp", "1.1", "Depends: base, libbase (= 5)\n");
    place.archive.publish(&Signing {
        fields: "Label: Debian-Security\n",
        ..Signing::default()
    });
    let outdated = place.airlock.run(["outdated"]);
    let news = "1 of them for security (lock --update)\n    ~ libapp 1.0 → 1.1 (amd64, security)\n";
    assert!(outdated.stdout.contains(news), "{}", outdated.render());
    // What the manifest asks for is the same, so the lock stays, until somebody asks.
    place.airlock.run(["lock"]).succeeds();
    let diff = || place.airlock.run(["diff", "before.lock", "airlock.lock"]);
    assert!(
        diff().stdout.contains("the same artifacts"),
        "{}",
        diff().render()
    );
    place.airlock.run(["lock", "--update", "libapp"]).succeeds();
    assert!(
        diff().stdout.contains("~ libapp 1.0 → 1.1 (amd64, security)"),
        "{}",
        diff().render()
    );
}
