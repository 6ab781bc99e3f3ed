//! Classes of characters: those with names, and how sets are written for the crate `regex`.

use regex_syntax::hir::{Class, HirKind};

/// `\d` and its like, which are of ASCII only.
pub(super) fn perl(char: char) -> Option<(&'static str, bool)> {
    Some(match char {
        'd' => ("0-9", false),
        'D' => ("0-9", true),
        's' => (r"\t\n\x0c\r\x20", false),
        'S' => (r"\t\n\x0c\r\x20", true),
        'w' => ("0-9A-Za-z_", false),
        'W' => ("0-9A-Za-z_", true),
        _ => return None,
    })
}

/// Whether a class such as `[:alpha:]` has a name that exists.
pub(super) fn is_posix(name: &str) -> bool {
    let name = name.strip_prefix('^').unwrap_or(name);
    matches!(
        name,
        "alnum"
            | "alpha"
            | "ascii"
            | "blank"
            | "cntrl"
            | "digit"
            | "graph"
            | "lower"
            | "print"
            | "punct"
            | "space"
            | "upper"
            | "word"
            | "xdigit"
    )
}

/// A set of ranges, or its opposite, as an item of a class.
pub(super) fn item(ranges: &str, negated: bool) -> String {
    format!("[{}{ranges}]", if negated { "^" } else { "" })
}

/// A character as it stands in a pattern or class, whatever it is.
pub(super) fn char(code: u32) -> Option<String> {
    char::from_u32(code).map(|_| format!(r"\x{{{code:x}}}"))
}

/// A range as an item of a class, without the numbers that are no characters.
pub(super) fn range(low: u32, high: u32) -> String {
    let mut out = String::new();
    for (low, high) in [(low, high.min(0xd7ff)), (low.max(0xe000), high.min(0x0010_ffff))] {
        if low <= high {
            out += &format!(r"\x{{{low:x}}}-\x{{{high:x}}}");
        }
    }
    out
}

/// A category or script of Unicode, as an item of a class.
pub(super) fn unicode(name: &str, negated: bool) -> Option<String> {
    let (name, negated) = match name.strip_prefix('^') {
        Some(name) => (name, !negated),
        None => (name, negated),
    };
    if name.is_empty()
        || !name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b' ' || byte == b'-')
    {
        return None;
    }
    let letter = if negated { 'P' } else { 'p' };
    ["gc", "sc"].into_iter().find_map(|property| {
        let text = format!(r"\{letter}{{{property}={name}}}");
        let hir = regex_syntax::Parser::new().parse(&text).ok()?;
        matches!(
            hir.kind(),
            HirKind::Class(Class::Unicode(_)) | HirKind::Literal(_)
        )
        .then_some(text)
    })
}
