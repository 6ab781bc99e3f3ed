use super::*;
use crate::deb::universe::Builder;

fn universe() -> Universe {
    let mut builder = Builder::new("amd64", &[]);
    let mut add = |archive: &str, origin: &str, site: &str, backports: bool, version: &str| {
        let text = format!("Package: a\nVersion: {version}\nArchitecture: amd64\nSource: src-a\n");
        let origin = Origin {
            archive: archive.into(),
            codename: format!("c-{archive}"),
            version: "12.5".into(),
            origin: origin.into(),
            site: site.into(),
            not_automatic: backports,
            but_automatic_upgrades: backports,
            ..Origin::default()
        };
        builder.add(origin, text.as_bytes()).unwrap();
    };
    add("stable", "Debian", "one.example", false, "1");
    add("stable-backports", "Debian", "one.example", true, "2");
    add("testing", "Other", "two.example", false, "3");
    builder.finish()
}

fn candidate(preferences: &str, target: Option<&str>) -> String {
    let universe = universe();
    let mut all = Preferences::default();
    all.add(preferences.as_bytes()).unwrap();
    if let Some(target) = target {
        all.set_target_release(target);
    }
    let policy = Policy::new(&universe, &all);
    let package = universe.package("a", None).unwrap();
    policy
        .candidate(package, None)
        .map_or("none", |it| universe.version(it))
        .to_owned()
}

#[test]
fn pins_choose_the_candidate_as_the_manual_says() {
    let pin = |package: &str, pin: &str, priority: i32| {
        candidate(
            &format!("Package: {package}\nPin: {pin}\nPin-Priority: {priority}\n"),
            None,
        )
    };
    assert_eq!(candidate("", None), "3");
    assert_eq!(candidate("", Some("stable")), "1");
    assert_eq!(candidate("", Some("c-stable-backports")), "2");
    assert_eq!(pin("*", "release a=testing", -10), "1");
    assert_eq!(pin("*", "release a=stable-backports", 600), "2");
    assert_eq!(pin("*", "release n=c-stable*", 501), "2");
    assert_eq!(pin("*", "release o=Debian, v=12*", 501), "2");
    assert_eq!(pin("*", "origin \"two.example\"", 50), "1");
    assert_eq!(pin("*", "release stable", 900), "1");
    assert_eq!(pin("a", "version 2*", 600), "2");
    assert_eq!(pin("src:src-a", "version 2", 600), "2");
    assert_eq!(pin("b", "version 2*", 600), "3");
    assert_eq!(pin("b a*", "release a=stable", 600), "1");
    assert_eq!(pin("a", "release *", -1), "none");
    let first = "Package: *\nPin: release a=testing\nPin-Priority: 10\n\nPackage: *\nPin: release o=Other\nPin-Priority: 900\n";
    assert_eq!(candidate(first, None), "1");
}

#[test]
fn an_older_version_is_no_candidate_below_1000() {
    let universe = universe();
    let package = universe.package("a", None).unwrap();
    let installed = universe
        .versions(package)
        .iter()
        .copied()
        .find(|it| universe.version(*it) == "2");
    let with = |priority: i32| {
        let mut all = Preferences::default();
        let text = format!(
            "Package: a\nPin: release a=stable\nPin-Priority: {priority}\n\nPackage: a\nPin: release a=testing\nPin-Priority: -1\n"
        );
        all.add(text.as_bytes()).unwrap();
        let policy = Policy::new(&universe, &all);
        universe
            .version(policy.candidate(package, installed).unwrap())
            .to_owned()
    };
    assert_eq!(with(999), "2");
    assert_eq!(with(1000), "1");
}

#[test]
fn what_is_no_preference_is_refused() {
    for wrong in [
        "Package: a\nPin: release a=b\n",
        "Package: a\nPin: release\nPin-Priority: 1\n",
        "Package: a\nPin: nothing\nPin-Priority: 1\n",
        "Package: a\nPin: version 1\nPin-Priority: 0\n",
        "Package: a\nPin: version 1\nPin-Priority: many\n",
        "Package: /a/\nPin: version 1\nPin-Priority: 1\n",
        "nothing\n",
    ] {
        assert!(Preferences::default().add(wrong.as_bytes()).is_err(), "{wrong}");
    }
}

#[test]
fn patterns_match_like_a_shell() {
    for (pattern, text, expected) in [
        ("", "", true),
        ("*", "", true),
        ("a*c", "abbc", true),
        ("a*c", "abb", false),
        ("a?c", "abc", true),
        ("*a*b*", "xxaxxbxx", true),
        ("a", "ab", false),
    ] {
        assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
    }
    assert!(!glob(&"*a".repeat(40), &"b".repeat(10_000)));
}
