use std::collections::hash_map::DefaultHasher;
use std::process::Command;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

use super::*;

fn parse(text: &str) -> Result<Version, VersionError> {
    text.parse()
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    parse(text).unwrap().hash(&mut hasher);
    hasher.finish()
}

/// Texts of the few signs that the order depends on.
fn any_version() -> impl Strategy<Value = String> {
    let upstream = prop_oneof![
        "[0-9][0-9a-z.+~-]{0,8}",
        "[0-2](\\.[0-2]){0,3}(~|\\+|~rc|\\+dfsg|a|\\.)?[0-2]{0,2}",
    ];
    (
        "([0-2]:)?",
        upstream,
        "(-[0-9a-z.+~]{1,5}|-0|-1(\\+b[1-3]|~|~bpo12\\+1|\\+deb12u[19])?)?",
    )
        .prop_map(|(epoch, upstream, revision)| format!("{epoch}{upstream}{revision}"))
        .prop_filter("only a revision that is not empty", |it| parse(it).is_ok())
}

#[test]
fn the_order_is_that_of_the_policy() {
    // From Policy 5.6.12, and what archives hold.
    let ascending = ["~~", "~~a", "~", "", "a"];
    for (at, one) in ascending.iter().enumerate() {
        for (other_at, other) in ascending.iter().enumerate() {
            let (one, other) = (format!("1{one}"), format!("1{other}"));
            assert_eq!(compare(&one, &other), at.cmp(&other_at), "{one} {other}");
        }
    }
    for (old, new) in [
        ("1.0~rc1-1", "1.0-1"),
        ("1.9", "1.10"),
        ("1:0.1", "2:0.0"),
        ("9.9", "1:0"),
        ("1.0", "1.0-1"),
        ("1.0-1", "1.0-1+b1"),
        ("1.0-1", "1.0.1-1"),
        ("1.0-1~bpo12+1", "1.0-1"),
        ("1.0a", "1.0+"),
        ("1.2.3", "1.2.3+dfsg"),
        ("99999999999999999999998", "99999999999999999999999"),
        ("1-1-1", "1-1-2"),
        ("2.36-9+deb12u9", "2.36-9+deb12u14"),
    ] {
        assert_eq!(compare(old, new), Ordering::Less, "{old} {new}");
        assert_eq!(compare(new, old), Ordering::Greater, "{old} {new}");
    }
    for (one, other) in [
        ("1.0", "1.00"),
        ("0:1", "1"),
        ("1-0", "1"),
        ("1.", "1.0"),
        ("00:1", "1"),
    ] {
        assert_eq!(compare(one, other), Ordering::Equal, "{one} {other}");
        assert_eq!(hash(one), hash(other), "{one} {other}");
    }
}

#[test]
fn parts_are_found() {
    let version = parse("1:2.36-9-9+deb12u14").unwrap();
    assert_eq!(
        (version.epoch(), version.upstream(), version.revision()),
        (1, "2.36-9", Some("9+deb12u14"))
    );
    let version = parse("3").unwrap();
    assert_eq!(
        (version.epoch(), version.upstream(), version.revision()),
        (0, "3", None)
    );
}

#[test]
fn what_is_no_version_is_refused() {
    use VersionError as E;
    let s = str::to_owned;
    for (text, error) in [
        ("", E::Empty(s(""))),
        ("1:", E::Empty(s("1:"))),
        ("-1", E::Empty(s("-1"))),
        (":1", E::Epoch(s(":1"))),
        ("+1:1", E::Epoch(s("+1:1"))),
        ("2147483648:1", E::Epoch(s("2147483648:1"))),
        ("a1", E::Start(s("a1"))),
        ("1_2", E::Character(s("1_2"))),
        ("1 2", E::Character(s("1 2"))),
        ("1-", E::Revision(s("1-"))),
        ("1-1:1", E::Epoch(s("1-1:1"))),
        ("0:1-1:1", E::Revision(s("0:1-1:1"))),
        ("1-\u{e9}", E::Revision(s("1-\u{e9}"))),
    ] {
        assert_eq!(parse(text).unwrap_err(), error);
    }
    assert!(parse(&"1".repeat(100_000)).is_ok());
}

/// dpkg itself, a process for each pair. More pairs are compared by `cargo xtask apt-oracle --versions`.
#[test]
fn dpkg_has_the_same_order() {
    if Command::new("dpkg").arg("--version").output().is_err() {
        eprintln!("SKIPPED: dpkg is not installed");
        return;
    }
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        prop::test_runner::TestRng::deterministic_rng(prop::test_runner::RngAlgorithm::ChaCha),
    );
    let strategy = (any_version(), any_version());
    for _ in 0..1_000 {
        let (one, other) = strategy.new_tree(&mut runner).unwrap().current();
        let verb = match compare(&one, &other) {
            Ordering::Less => "lt",
            Ordering::Equal => "eq",
            Ordering::Greater => "gt",
        };
        let status = Command::new("dpkg")
            .args(["--compare-versions", &one, verb, &other])
            .status();
        assert!(status.unwrap().success(), "{one} {verb} {other}");
    }
}

/// What dpkg calls a good version number is one, and the other way round.
#[test]
fn dpkg_accepts_the_same() {
    if Command::new("dpkg").arg("--version").output().is_err() {
        eprintln!("SKIPPED: dpkg is not installed");
        return;
    }
    let mut runner = TestRunner::deterministic();
    let strategy = prop_oneof!["[0-9a:~+.-]{1,6}", "[0-9]{0,2}:?[0-9a_]{0,3}-?[0-9a:_]{0,2}"];
    for _ in 0..300 {
        let text = strategy.new_tree(&mut runner).unwrap().current();
        let status = Command::new("dpkg")
            .args(["--validate-version", "--", &text])
            .output();
        assert_eq!(status.unwrap().status.success(), parse(&text).is_ok(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn the_order_is_total(a in any_version(), b in any_version(), c in any_version()) {
        prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
        let mut sorted = [a.clone(), b, c];
        sorted.sort_by(|one, other| compare(one, other));
        prop_assert!(compare(&sorted[0], &sorted[1]).is_le());
        prop_assert!(compare(&sorted[1], &sorted[2]).is_le());
        prop_assert!(compare(&sorted[0], &sorted[2]).is_le());
        prop_assert!(compare(&a, &a).is_eq());
        let before = format!("{a}~");
        prop_assert!(compare(&before, &a).is_lt());
    }

    #[test]
    fn any_texts_have_an_order(a in ".{0,8}", b in ".{0,8}", c in "[0a~:-]{0,5}") {
        prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
        prop_assert_eq!(compare(&a, &c), compare(&c, &a).reverse());
        if let Ok(version) = parse(&c) {
            prop_assert_eq!(version.as_str(), &c);
        }
    }

    #[test]
    fn equal_versions_have_equal_hashes(a in any_version(), b in "[0]{0,2}(\\.?0){0,3}(-0)?") {
        if let Ok(b) = parse(&b) && b == parse(&a).unwrap() {
            prop_assert_eq!(hash(&a), hash(b.as_str()));
        }
        let zeros = a.replace('1', "01");
        if parse(&a).unwrap() == parse(&zeros).unwrap() {
            prop_assert_eq!(hash(&a), hash(&zeros));
        }
    }
}
