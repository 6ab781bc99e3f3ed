use proptest::prelude::*;

use super::*;

fn one(text: &str) -> Relation<'_> {
    let groups = groups(text).unwrap();
    assert_eq!((groups.len(), groups[0].len()), (1, 1), "{text}");
    groups[0][0]
}

#[test]
fn everything_a_relation_can_have_is_read() {
    let relation = one("libc6:any (>= 1:2.36-9) [amd64 !i386] <!nocheck> <stage1 cross>");
    assert_eq!(relation.name, "libc6");
    assert_eq!(relation.qualifier, Some("any"));
    assert_eq!(relation.constraint, Some((Operator::LaterOrEqual, "1:2.36-9")));
    assert_eq!(relation.architectures, Some("amd64 !i386"));
    assert_eq!(relation.profiles, Some("<!nocheck> <stage1 cross>"));
    assert_eq!(
        relation.to_string(),
        "libc6:any (>= 1:2.36-9) [amd64 !i386] <!nocheck> <stage1 cross>"
    );
    assert_eq!(one("a(<2)").to_string(), "a (<= 2)");
    assert_eq!(one(" a\n (>\t2 ) , ").to_string(), "a (>= 2)");
}

#[test]
fn alternatives_belong_together() {
    let text = "a, b | c (= 1)|d\n,,e";
    let read: Vec<Vec<String>> = groups(text)
        .unwrap()
        .iter()
        .map(|it| it.iter().map(ToString::to_string).collect())
        .collect();
    assert_eq!(read, [vec!["a"], vec!["b", "c (= 1)", "d"], vec!["e"]]);
    assert_eq!(groups(" , ,").unwrap(), [] as [Vec<_>; 0]);
}

#[test]
fn versions_are_accepted_by_their_order() {
    for (text, accepted, refused) in [
        ("a (<< 2)", &["1", "2~"][..], &["2", "3"][..]),
        ("a (<= 2)", &["1", "2"], &["2.0.1", "3"]),
        ("a (= 2)", &["2", "2-0"], &["1", "2-1"]),
        ("a (>= 2)", &["2", "1:0"], &["2~"]),
        ("a (>> 2)", &["2-1", "3"], &["2"]),
        ("a", &["1", "~"], &[]),
    ] {
        assert!(accepted.iter().all(|it| one(text).accepts(it)), "{text}");
        assert!(!refused.iter().any(|it| one(text).accepts(it)), "{text}");
    }
}

#[test]
fn brackets_choose_architectures_and_profiles() {
    assert!(one("a").applies_to("amd64"));
    assert!(one("a [amd64 arm64]").applies_to("arm64"));
    assert!(!one("a [amd64 arm64]").applies_to("i386"));
    assert!(one("a [!i386 !armhf]").applies_to("amd64"));
    assert!(!one("a [!i386 !armhf]").applies_to("armhf"));
    assert!(one("a [linux-any]").applies_to("amd64"));
    assert!(!one("a [hurd-any]").applies_to("amd64"));
    assert!(one("a <!nocheck>").applies_with(&[]));
    assert!(!one("a <!nocheck>").applies_with(&["nocheck"]));
    assert!(one("a <!nocheck> <cross x>").applies_with(&["nocheck", "cross", "x"]));
    assert!(!one("a <!nocheck> <cross x>").applies_with(&["nocheck", "cross"]));
}

#[test]
fn what_is_no_relation_is_refused() {
    use RelationError as E;
    let text = str::to_owned;
    for (wrong, error) in [
        ("a, (>= 1)", E::Name(text("(>= 1)"))),
        ("a | , b", E::Name(text("a | , b"))),
        ("a |", E::Name(text("a |"))),
        ("a:", E::Name(text("a:"))),
        ("\u{e9}", E::Name(text("\u{e9}"))),
        ("-a", E::Name(text("-a"))),
        ("a (1)", E::Version(text("a (1)"))),
        ("a (>=)", E::Version(text("a (>=)"))),
        ("a (== 1)", E::Version(text("a (== 1)"))),
        ("a (>= 1 2)", E::Version(text("a (>= 1 2)"))),
        ("a (>= 1", E::Open(text("a (>= 1"))),
        ("a [amd64", E::Open(text("a [amd64"))),
        ("a <b", E::Open(text("a <b"))),
        ("a b", E::Rest(text("a b"))),
        ("a (>= 1) (<< 2)", E::Rest(text("a (>= 1) (<< 2)"))),
    ] {
        assert_eq!(groups(wrong).unwrap_err(), error);
    }
    let mut after = relations("a b, c");
    assert!(after.next().unwrap().is_err());
    assert!(after.next().is_none(), "nothing is read after an error");
    let long = "a |".repeat(100_000);
    assert_eq!(relations(&long).filter(Result::is_err).count(), 1);
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        groups_text in prop::collection::vec(prop::collection::vec(
            "[a-z0-9][a-z0-9+.-]{1,5}(:any|:native|:arm64)?( \\((<<|<=|=|>=|>>) [0-9][0-9a-z.+~:-]{0,4}\\))?( \\[!?[a-z]{2,4}\\])?( <!?[a-z]{2}>){0,2}",
            1..4), 0..5),
    ) {
        let text = groups_text.iter().map(|it| it.join(" | ")).collect::<Vec<_>>().join(", ");
        let read: Vec<Vec<String>> =
            groups(&text).unwrap().iter().map(|it| it.iter().map(ToString::to_string).collect()).collect();
        prop_assert_eq!(read, groups_text);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[a:(>=1)\\[\\]<>|, \u{e9}!-]{0,20}") {
        if let Ok(read) = groups(&text) {
            let again = read.iter().map(|it| {
                it.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ")
            }).collect::<Vec<_>>().join(", ");
            prop_assert_eq!(groups(&again).map(|it| it.len()), Ok(read.len()));
        }
    }
}
