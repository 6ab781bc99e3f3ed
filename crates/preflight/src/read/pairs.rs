//! Files of names and values: `meminfo`, `os-release`, environment files.

use std::collections::BTreeMap;

/// `/proc/meminfo`: kibibytes by name.
pub(crate) fn meminfo(text: &str) -> BTreeMap<String, u64> {
    text.lines()
        .filter_map(|line| {
            let (name, rest) = line.split_once(':')?;
            let number = rest.split_whitespace().next()?.parse().ok()?;
            Some((name.trim().to_owned(), number))
        })
        .collect()
}

/// `NAME=value` lines as os-release(5) and the environment files of systemd have them: comments, quotes, and a
/// backslash before a character inside of double quotes.
pub(crate) fn assignments(text: &str) -> Vec<(String, String)> {
    text.lines()
        .filter_map(|line| {
            let line = line.trim();
            let line = line.strip_prefix("export ").unwrap_or(line);
            if line.starts_with(['#', ';']) {
                return None;
            }
            let (name, value) = line.split_once('=')?;
            let name = name.trim();
            let is_name = name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_');
            (is_name && !name.is_empty()).then(|| (name.to_owned(), unquote(value.trim())))
        })
        .collect()
}

fn unquote(value: &str) -> String {
    for quote in ['"', '\''] {
        let inner = value
            .strip_prefix(quote)
            .and_then(|value| value.strip_suffix(quote));
        let Some(inner) = inner else { continue };
        if quote == '\'' {
            return inner.to_owned();
        }
        let mut out = String::with_capacity(inner.len());
        let mut chars = inner.chars();
        while let Some(char) = chars.next() {
            out.extend(if char == '\\' { chars.next() } else { Some(char) });
        }
        return out;
    }
    value.to_owned()
}
