use super::*;

fn file(licences: &str) -> Vec<u8> {
    let head = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n";
    let stanzas: Vec<String> = licences
        .split(';')
        .map(|licence| format!("\nFiles: *\nCopyright: somebody\nLicense: {licence}\n Text\n .\n more\n"))
        .collect();
    format!("{head}{}", stanzas.join("")).into_bytes()
}

#[test]
fn short_names_become_identifiers_where_there_is_an_exact_one() {
    for (licence, expression) in [
        ("Expat", "MIT"),
        ("GPL-2+", "GPL-2.0-or-later"),
        ("GPL-3", "GPL-3.0-only"),
        ("LGPL-2.1+", "LGPL-2.1-or-later"),
        ("GPL-2.0-or-later", "GPL-2.0-or-later"),
        ("BSD-3-clause;Apache-2.0", "Apache-2.0 AND BSD-3-Clause"),
        ("GPL-2+ or Artistic-2.0", "GPL-2.0-or-later OR Artistic-2.0"),
        (
            "GPL-2+ or Artistic-2.0;Expat",
            "(GPL-2.0-or-later OR Artistic-2.0) AND MIT",
        ),
        ("Expat and Zlib", "MIT AND Zlib"),
        ("Expat, Zlib", "MIT AND Zlib"),
        ("CC-BY-SA-4.0", "CC-BY-SA-4.0"),
        ("GPL-2+ or Expat and Zlib", "NOASSERTION"),
        ("GPL-2+ with OpenSSL exception", "NOASSERTION"),
        ("public-domain", "NOASSERTION"),
        ("GPL-4", "NOASSERTION"),
        ("GPL-2+;permissive", "NOASSERTION"),
        ("", "NOASSERTION"),
    ] {
        let read = read(&file(licence));
        assert!(read.machine_readable);
        assert_eq!(read.expression(), expression, "{licence}");
    }
}

#[test]
fn files_for_people_are_not_judged() {
    let read = read(b"This is free software.\n\nSee `/usr/share/common-licenses/GPL-2'.\n");
    assert!(!read.machine_readable);
    assert_eq!(read.names, BTreeSet::from(["GPL-2".to_owned()]));
    assert_eq!(read.expression(), "NOASSERTION");
    assert_eq!(super::read(b"").expression(), "NOASSERTION");
}

#[test]
fn damage_leaves_nothing_asserted() {
    let mut damaged = file("Expat");
    damaged.extend_from_slice(b"\nnot a field\n");
    assert_eq!(read(&damaged).expression(), "NOASSERTION");
}
