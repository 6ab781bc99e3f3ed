//! A block of lines in a file that others write too.

/// The file's text with the block as wanted: in its place where it is, else at the end. No lines, no block.
pub(crate) fn with(text: &str, name: &str, lines: &[String]) -> String {
    let (begin, end) = markers(name);
    let mut block = String::new();
    if !lines.is_empty() {
        for line in [&begin].into_iter().chain(lines).chain([&end]) {
            block.push_str(line);
            block.push('\n');
        }
    }
    let mut out = String::with_capacity(text.len() + block.len());
    // The lines since a begin whose end has not come yet: a block without its end would swallow what follows.
    let mut inside: Option<String> = None;
    let mut is_placed = false;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end_matches(['\n', '\r']);
        if bare == begin {
            out.push_str(&inside.replace(String::new()).unwrap_or_default());
            if !is_placed {
                out.push_str(&block);
                is_placed = true;
            }
        } else if bare == end && inside.is_some() {
            inside = None;
        } else if let Some(inside) = &mut inside {
            inside.push_str(line);
        } else {
            out.push_str(line);
        }
    }
    out.push_str(&inside.unwrap_or_default());
    if !is_placed && !block.is_empty() {
        if !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        out.push_str(&block);
    }
    out
}

/// The lines of the block that is there, with its end.
pub(crate) fn find(text: &str, name: &str) -> Option<Vec<String>> {
    let (begin, end) = markers(name);
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.iter().position(|line| *line == begin)? + 1;
    let inside = lines.get(first..)?;
    let inside = inside.get(..inside.iter().position(|line| *line == end)?)?;
    Some(inside.iter().map(ToString::to_string).collect())
}

/// What makes a comment of a line.
const COMMENT: &str = "# airlock: ";

/// The text with these lines as comments.
pub(crate) fn commented(text: &str, lines: &[String]) -> String {
    each(text, |bare, line, out| {
        if lines.iter().any(|one| one == bare) {
            out.push_str(COMMENT);
        }
        out.push_str(line);
    })
}

/// The text with those of these lines that are such comments as they were.
pub(crate) fn uncommented(text: &str, lines: &[String]) -> String {
    each(text, |bare, line, out| {
        let is_ours = bare
            .strip_prefix(COMMENT)
            .is_some_and(|bare| lines.iter().any(|one| one == bare));
        out.push_str(
            line.get(if is_ours { COMMENT.len() } else { 0 }..)
                .unwrap_or_default(),
        );
    })
}

/// Each line, without and with its end, into a new text.
fn each(text: &str, put: impl Fn(&str, &str, &mut String)) -> String {
    let mut out = String::with_capacity(text.len() + COMMENT.len());
    for line in text.split_inclusive('\n') {
        put(line.trim_end_matches(['\n', '\r']), line, &mut out);
    }
    out
}

fn markers(name: &str) -> (String, String) {
    (format!("# BEGIN airlock {name}"), format!("# END airlock {name}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(texts: &[&str]) -> Vec<String> {
        texts.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_block_is_put_at_the_end_replaced_in_place_and_taken_out() {
        let text = "127.0.0.1 localhost";
        let first = with(text, "hosts", &lines(&["10.0.0.1 a"]));
        assert_eq!(
            first,
            "127.0.0.1 localhost\n# BEGIN airlock hosts\n10.0.0.1 a\n# END airlock hosts\n"
        );
        let more = format!("{first}10.9.9.9 mine\n");
        let second = with(&more, "hosts", &lines(&["10.0.0.2 b", "10.0.0.3 c"]));
        assert_eq!(find(&second, "hosts").unwrap(), ["10.0.0.2 b", "10.0.0.3 c"]);
        assert!(second.ends_with("# END airlock hosts\n10.9.9.9 mine\n"));
        assert_eq!(
            with(&second, "hosts", &[]),
            "127.0.0.1 localhost\n10.9.9.9 mine\n"
        );
        assert_eq!(find(text, "hosts"), None);
    }

    #[test]
    fn a_block_without_its_end_swallows_nothing() {
        let text = "a\n# BEGIN airlock x\nb\nc\n";
        assert_eq!(
            with(text, "x", &lines(&["new"])),
            "a\n# BEGIN airlock x\nnew\n# END airlock x\nb\nc\n"
        );
        assert_eq!(find(text, "x"), None);
        let longer = "# BEGIN airlock x\nb\n# see # BEGIN airlock x2\nc\n";
        assert_eq!(with(longer, "x", &[]), "b\n# see # BEGIN airlock x2\nc\n");
        let twice = "# BEGIN airlock x\nb\n# BEGIN airlock x\nold\n# END airlock x\n";
        assert_eq!(with(twice, "x", &[]), "b\n");
    }

    proptest! {
        #[test]
        fn comments_become_lines_again(text in "([a-c#]{0,3}\n){0,8}", which in proptest::collection::vec("[a-c]{1,2}", 0..4)) {
            let put = commented(&text, &which);
            prop_assert!(put.lines().all(|line| !which.iter().any(|one| one == line)));
            prop_assert_eq!(commented(&put, &which), put.clone());
            prop_assert_eq!(uncommented(&put, &which), text);
        }

        #[test]
        fn what_others_wrote_stays(text in "([a-z# ]{0,6}\n){0,8}", new in proptest::collection::vec("[a-z]{0,5}", 0..4)) {
            let put = with(&text, "n", &new);
            prop_assert_eq!(with(&put, "n", &new), put.clone());
            prop_assert_eq!(with(&put, "n", &[]), text);
        }
    }
}
