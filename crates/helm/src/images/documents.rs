//! Documents in a text, as people hand them over: YAML, many in one, JSON, or a mixture.

use crate::call::{Budget, FunctionError};
use crate::format::{from_json, from_yaml_kept};
use crate::value::Value;

/// Cuts a text at its document separators: lines of `---`, which may have a document or a comment behind them.
pub(super) fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        loop {
            let all = rest?;
            let body = all.strip_prefix("---").unwrap_or(all);
            let mut from = 0;
            let end = loop {
                match body.get(from..).and_then(|tail| tail.find("\n---")) {
                    Some(found) => {
                        let at = from + found;
                        let after = body.as_bytes().get(at + 4);
                        // `-----BEGIN` and the like are no separators.
                        if after.is_none_or(|byte| byte.is_ascii_whitespace() || *byte == b'#') {
                            break Some(at);
                        }
                        from = at + 4;
                    }
                    None => break None,
                }
            };
            rest = end.and_then(|at| body.get(at + 1..));
            let document = body.get(..end.unwrap_or(body.len())).unwrap_or_default();
            if !document.trim().is_empty() {
                return Some(document);
            }
        }
    })
}

/// One document.
pub(super) fn read(text: &str, budget: &mut Budget) -> Result<Value, FunctionError> {
    let start = text.trim_start();
    if start.starts_with(['{', '['])
        && let Ok(value) = from_json(text.as_bytes(), budget)
    {
        return Ok(value);
    }
    from_yaml_kept(text.as_bytes(), budget)
}

/// Whether a document is a CRD, told without reading its schema, which is most of what some charts are.
pub(super) fn is_crd(text: &str) -> bool {
    text.lines().any(|line| {
        line.strip_prefix("kind:")
            .is_some_and(|kind| kind.trim() == "CustomResourceDefinition")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_cut_at_lines() {
        let cut = |text| split(text).map(str::trim).collect::<Vec<_>>();
        assert_eq!(
            cut("a: 1\n---\nb: 2\n--- # c\nc: 3\n---\n"),
            ["a: 1", "b: 2", "# c\nc: 3"]
        );
        assert_eq!(cut("---\na: |\n  ---\n  x\n"), ["a: |\n  ---\n  x"]);
        assert_eq!(cut("--- {a: 1}\n--- {b: 2}\n"), ["{a: 1}", "{b: 2}"]);
        assert_eq!(cut("a: 1\n-----BEGIN\n"), ["a: 1\n-----BEGIN"]);
        assert_eq!(cut("a: 1\r\n---\r\nb: 2\r\n"), ["a: 1", "b: 2"]);
        assert_eq!(cut("a: 1\n---# b\nb: 2\n"), ["a: 1", "# b\nb: 2"]);
        assert!(cut("---\n---\n\n").is_empty());
    }
}
