//! `airlock sbom`: every package of a bundle, with what it says about its licence.

use airlock_tests::archive;
use airlock_tests::debian::Signing;
use serde_json::Value;

use crate::packages::Place;

const FORMAT: &str = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n";

#[test]
fn licences_stand_where_they_are_known() {
    let Some(place) = Place::new() else { return };
    let one = format!(
        "{FORMAT}Files: *\nCopyright: somebody\nLicense: GPL-2+\n\nFiles: lib/*\nCopyright: else\nLicense: Expat\n"
    );
    let other = format!("{FORMAT}Files: *\nCopyright: somebody\nLicense: our-own\n Do what you are told.\n");
    let depends = "Source: application (0.9)\nDepends: libapp (>= 1.0), tool | other\n";
    place.archive.package_with("app", "1.0", depends, &one);
    place
        .archive
        .package_with("libapp", "1.0", "Depends: base, libbase (= 5)\n", &other);
    place.archive.publish(&Signing::default());
    place.carry("site-1.0.0", "store");
    let bundle = "out/site-1.0.0.airlock.tar";
    let sbom = |format: &str| -> Value {
        let run = place
            .airlock
            .run(["sbom", bundle, "--key", "a.pub", "--format", format]);
        run.succeeds();
        serde_json::from_str(&run.stdout).unwrap()
    };

    let spdx = sbom("spdx");
    let packages = spdx["packages"].as_array().unwrap();
    let of = |name: &str| packages.iter().find(|package| package["name"] == name).unwrap();
    assert_eq!(of("app")["licenseDeclared"], "GPL-2.0-or-later AND MIT");
    assert_eq!(
        of("app")["licenseComments"],
        "its copyright file names: Expat; GPL-2+"
    );
    assert_eq!(
        of("app")["sourceInfo"],
        "built for amd64 from the source package application@0.9"
    );
    assert_eq!(of("libapp")["licenseDeclared"], "NOASSERTION");
    assert_eq!(
        of("libapp")["licenseComments"],
        "its copyright file names: our-own"
    );
    assert_eq!(of("tool")["licenseDeclared"], "NOASSERTION");
    assert!(of("tool").get("licenseComments").is_none());
    assert_eq!(
        of("tool")["externalRefs"][0]["referenceLocator"],
        "pkg:deb/debian/tool@1%3A3-1?arch=all&distro=debian-12&upstream=tool%401%3A3-1"
    );

    let cyclonedx = sbom("cyclonedx");
    let packages = cyclonedx["components"][0]["components"].as_array().unwrap();
    let of = |name: &str| packages.iter().find(|package| package["name"] == name).unwrap();
    assert_eq!(of("app")["licenses"][0]["expression"], "GPL-2.0-or-later AND MIT");
    assert_eq!(of("libapp")["licenses"][0]["license"]["name"], "our-own");
    assert!(of("tool").get("licenses").is_none());
    assert_eq!(packages.len(), 5);
    // What is carried is the same but for the licences.
    let carried = archive::read(&place.airlock.path(bundle), "sbom.spdx.json").unwrap();
    let mut carried: Value = serde_json::from_slice(&carried).unwrap();
    assert!(
        carried
            .to_string()
            .contains("\"licenseDeclared\":\"NOASSERTION\"")
    );
    let mut spdx = spdx;
    for document in [&mut carried, &mut spdx] {
        for package in document["packages"].as_array_mut().unwrap() {
            let package = package.as_object_mut().unwrap();
            package.remove("licenseDeclared");
            package.remove("licenseComments");
        }
    }
    assert_eq!(carried, spdx);
}
