use proptest::prelude::*;

use super::*;

type Read = Vec<(String, String)>;

fn read(text: &str) -> Result<Vec<Read>, ControlError> {
    let pair = |it: Field<'_>| (it.name().to_owned(), folded(&it));
    paragraphs(text.as_bytes())
        .map(|it| it.map(|it| it.fields().map(pair).collect()))
        .collect()
}

fn folded(field: &Field<'_>) -> String {
    let lines: Vec<_> = field.lines().map(String::from_utf8_lossy).collect();
    lines.join("|")
}

fn owned(pairs: &[(&str, &str)]) -> Read {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn paragraphs_end_at_blank_lines_and_at_the_end() {
    let text = "\n\nA: 1\nB:2\n \t\nC:  3  \n\n\n\nD: 4";
    let expected = [
        owned(&[("A", "1"), ("B", "2")]),
        owned(&[("C", "3")]),
        owned(&[("D", "4")]),
    ];
    assert_eq!(read(text).unwrap(), expected);
    assert_eq!(read("").unwrap(), [] as [Read; 0]);
    assert_eq!(read("\n \n\r\n").unwrap(), [] as [Read; 0]);
}

#[test]
fn values_go_on_over_indented_lines() {
    let text = "A:\n one\n\ttwo\n .\n  three\nB:\nC: x:y\n";
    let expected = [owned(&[("A", "one|two|.|three"), ("B", ""), ("C", "x:y")])];
    assert_eq!(read(text).unwrap(), expected);
}

#[test]
fn line_ends_may_be_those_of_windows() {
    let expected = [owned(&[("A", "1|2"), ("B", "3")]), owned(&[("C", "4")])];
    assert_eq!(read("A: 1\r\n 2\r\nB: 3\r\n\r\nC: 4\r\n").unwrap(), expected);
}

#[test]
fn comments_are_nowhere_part_of_a_value() {
    let text = "# a\n\n# b\nA: 1\n# c\n 2\n# d\n# d2\nB: 3\n# e\nC: #4\n# f\n\n# g\n";
    let expected = [owned(&[("A", "1|2"), ("B", "3"), ("C", "#4")])];
    assert_eq!(read(text).unwrap(), expected);
    let first = paragraphs(text.as_bytes()).next().unwrap().unwrap();
    assert_eq!(first.get("b"), Some(&b"3"[..]));
    assert_eq!(first.get("c"), Some(&b"#4"[..]));
    assert_eq!(first.line(), 4);
}

#[test]
fn a_comment_before_the_first_line_of_a_value_is_none_of_it() {
    let expected = [owned(&[("A", "1"), ("B", "#2"), ("C", ""), ("D", "4")])];
    assert_eq!(
        read("A:\n# a\n 1\nB:\n #2\nC: \n#c\nD:\r\n#d\r\n 4\r\n").unwrap(),
        expected
    );
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_name() {
    assert_eq!(read("\u{feff}A: 1\n").unwrap(), [owned(&[("A", "1")])]);
}

#[test]
fn names_are_found_in_any_case() {
    let text = b"Package: a\nMulti-Arch: same\nPackage: b\n";
    let paragraph = paragraphs(text).next().unwrap().unwrap();
    assert_eq!(paragraph.get("multi-arch"), Some(&b"same"[..]));
    assert_eq!(paragraph.get("PACKAGE"), Some(&b"a"[..]));
    assert_eq!(paragraph.get("Version"), None);
    assert_eq!(paragraph.duplicate(), Some("Package"));
    assert_eq!(paragraph.bytes(), text);
    let once = paragraphs(b"Package: a\nPackages: b\n").next().unwrap().unwrap();
    assert_eq!(once.duplicate(), None);
}

#[test]
fn what_is_no_field_is_named_with_its_line() {
    let message = |text: &str| read(text).unwrap_err().to_string();
    assert_eq!(
        message("A: 1\n\nno colon here\n"),
        "line 3 is not of the form 'Field: value': \"no colon here\""
    );
    assert_eq!(
        message("\n continued\n"),
        "line 2 continues a field, but none precedes it: \" continued\""
    );
    for wrong in [
        ": x",
        "-A: x",
        "A B: x",
        "A\0: x",
        "\u{e9}: x",
        "-----BEGIN PGP SIGNED MESSAGE-----",
        "\rA: x",
    ] {
        assert!(read(&format!("A: 1\n{wrong}\n")).is_err(), "{wrong:?}");
    }
    let mut after = paragraphs(b"wrong\nA: 1\n");
    assert!(after.next().unwrap().is_err());
    assert!(after.next().is_none(), "nothing is read after an error");
}

#[test]
fn a_million_paragraphs_and_a_field_of_any_length_are_read() {
    let many = "A: 1\n\n".repeat(1_000_000);
    assert_eq!(paragraphs(many.as_bytes()).flatten().count(), 1_000_000);
    let long = format!("A: {}", "x\n ".repeat(4_000_000));
    let paragraph = paragraphs(long.as_bytes()).next().unwrap().unwrap();
    assert_eq!(paragraph.field("A").unwrap().lines().count(), 4_000_000);
    let comments = format!("A: 1\n{}", "#\n".repeat(1_000_000));
    let paragraph = paragraphs(comments.as_bytes()).next().unwrap().unwrap();
    assert_eq!(paragraph.get("A"), Some(&b"1"[..]));
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        file in prop::collection::vec(
            prop::collection::vec(("[A-Z][a-zA-Z0-9-]{0,8}", "[!-~]{0,5}( [!-~]{1,5}){0,3}(\n [!-~]{1,8}){0,3}"), 1..5),
            0..5,
        ),
    ) {
        let mut text = String::new();
        for paragraph in &file {
            for (name, value) in paragraph {
                text.push_str(&format!("{name}: {value}\n"));
            }
            text.push('\n');
        }
        let read: Vec<Vec<(String, Vec<u8>)>> = paragraphs(text.as_bytes())
            .map(|it| it.unwrap().fields().map(|it| (it.name().to_owned(), it.value().to_vec())).collect())
            .collect();
        let expected: Vec<Vec<(String, Vec<u8>)>> = file
            .iter()
            .map(|it| it.iter().map(|(name, value)| (name.clone(), value.trim().into())).collect())
            .collect();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn every_byte_of_a_paragraph_is_a_field_or_a_comment(
        input in prop::collection::vec(prop::sample::select(b"A:# \t\r\n\0-\xff".to_vec()), 0..60),
    ) {
        for paragraph in paragraphs(&input).map_while(Result::ok) {
            prop_assert!(paragraph.fields().count() >= 1);
            for field in paragraph.fields() {
                prop_assert!(!field.name().is_empty());
                prop_assert!(field.name().bytes().all(|it| it.is_ascii_graphic() && it != b':'));
            }
        }
    }

    #[test]
    fn the_walk_over_paragraphs_tells_the_same_fields(
        input in prop::collection::vec(prop::sample::select(b"AB:# \t\r\n\n\0-\xff".to_vec()), 0..80),
    ) {
        let mut walk = paragraphs(&input);
        loop {
            let mut told = Vec::new();
            let Some(Ok(paragraph)) = walk.next_with(|raw| told.push((raw.name, raw.value()))) else {
                break;
            };
            let fields: Vec<_> = paragraph.fields().map(|it| (it.name().as_bytes(), it.value())).collect();
            prop_assert_eq!(told, fields);
        }
    }
}
