//! Files of checksums, as `sha256sum` and its relatives write them.

use airlock_types::Digest;

/// The SHA-256 that a file of checksums gives for `name`.
///
/// Understood are `HEX  NAME`, `HEX *NAME`, `SHA256 (NAME) = HEX`, and a file that holds one value alone.
/// Paths before a name do not count.
pub(crate) fn find(text: &str, name: &str) -> Option<Digest> {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    if let [only] = lines.as_slice()
        && let Some(digest) = hex(only)
    {
        return Some(digest);
    }
    lines.iter().find_map(|line| {
        let (value, file) = match line.strip_prefix("SHA256 (") {
            Some(rest) => rest.rsplit_once(") = ").map(|(file, value)| (value, file))?,
            None => line.split_once(char::is_whitespace)?,
        };
        let file = file.trim_start().trim_start_matches('*');
        let file = file.rsplit('/').next().unwrap_or(file);
        (file == name).then(|| hex(value)).flatten()
    })
}

fn hex(text: &str) -> Option<Digest> {
    format!("sha256:{}", text.trim().to_ascii_lowercase())
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_in_use() {
        let a = "aa".repeat(32);
        let b = "BB".repeat(32);
        let expected: Digest = format!("sha256:{a}").parse().unwrap();
        for text in [
            format!("{b}  other\n{a}  tool\n"),
            format!("# sums\n{a} *dist/tool\n"),
            format!("SHA256 (tool) = {a}\nSHA512 (tool) = {b}{b}\n"),
            format!("{a}\n"),
            format!("{a}  ./tool\n"),
        ] {
            assert_eq!(find(&text, "tool"), Some(expected), "{text}");
        }
        assert_eq!(find(&format!("{a}  tool2\n{b}  other\n"), "tool"), None);
        assert_eq!(find("", "tool"), None);
        assert_eq!(find("tool\n", "tool"), None);
        assert!(find(&format!("{b}\n"), "x").is_some(), "upper case is normalised");
    }
}
