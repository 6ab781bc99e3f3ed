//! Debian's formats.

use airlock_ospkg::deb::control;
use airlock_ospkg::deb::pins::{Policy, Preferences};
use airlock_ospkg::deb::relation::{groups, relations};
use airlock_ospkg::deb::solve::{Candidates, Request, solve};
use airlock_ospkg::deb::universe::{Builder, Origin};
use airlock_ospkg::deb::version::{self, Version};

use super::parts;

/// Control files: every paragraph that is accepted can be written and read again.
pub fn deb_control(input: &[u8]) {
    for paragraph in control::paragraphs(input).map_while(Result::ok) {
        let _ = paragraph.duplicate();
        let mut written = Vec::new();
        let mut fields = 0;
        for field in paragraph.fields() {
            fields += 1;
            written.extend_from_slice(field.name().as_bytes());
            written.extend_from_slice(b":");
            for line in field.lines() {
                written.extend_from_slice(b"\n ");
                written.extend_from_slice(line);
            }
            written.push(b'\n');
        }
        let again = control::paragraphs(&written).next();
        let again = again.and_then(Result::ok).map(|it| it.fields().count());
        assert_eq!(again, Some(fields));
    }
}

/// Packages indexes: what is read has closures, or reasons why not.
pub fn deb_packages(input: &[u8]) {
    let mut builder = Builder::new("amd64", &["arm64"]);
    for (at, part) in parts(input).take(4).enumerate() {
        let origin = Origin {
            installed: at == 3,
            ..Origin::default()
        };
        if builder.add(origin, part).is_err() {
            return;
        }
    }
    let universe = builder.finish();
    let preferences = Preferences::default();
    let policy = Policy::new(&universe, &preferences);
    let installed: Vec<_> = universe.installed().collect();
    let candidates = Candidates::new(&universe, &policy, &installed);
    for package in universe.packages().take(8) {
        let request = Request {
            wanted: vec![(package, None)],
            recommends: true,
        };
        match solve(&universe, &candidates, &request) {
            Ok(solution) => assert!(solution.install.len() <= universe.len()),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

/// Version numbers: any two texts have an order, and the same one from both sides.
pub fn deb_version(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (one, other) = text.split_once('\n').unwrap_or((&text, "1.0-1"));
    assert_eq!(
        version::compare(one, other),
        version::compare(other, one).reverse()
    );
    if let (Ok(one), Ok(other)) = (one.parse::<Version>(), other.parse::<Version>()) {
        assert_eq!(
            one == other,
            version::compare(one.as_str(), other.as_str()).is_eq()
        );
        let _ = (one.epoch(), one.upstream(), one.revision());
    }
}

/// Relations: what is accepted is written as it would be read.
pub fn deb_relation(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    for relation in relations(&text).map_while(Result::ok) {
        let written = relation.to_string();
        let again = groups(&written);
        assert!(again.is_ok_and(|it| it.len() == 1), "{written:?}");
        let _ = (
            relation.accepts("1.0"),
            relation.applies_to("amd64"),
            relation.applies_with(&["nocheck"]),
        );
    }
}
