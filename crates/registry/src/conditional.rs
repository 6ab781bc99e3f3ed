//! Conditional and partial requests (RFC 9110, sections 13 and 14).

use http::{HeaderMap, header};

/// Whether an `If-None-Match` names this entity tag (with its quotes), so that the client has it already.
pub(crate) fn is_fresh(headers: &HeaderMap, etag: &str) -> bool {
    headers.get_all(header::IF_NONE_MATCH).iter().any(|value| {
        value.to_str().is_ok_and(|list| {
            list.split(',')
                .map(str::trim)
                .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
        })
    })
}

/// What part of a blob is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Whole,
    /// From this byte, this many; never empty.
    Range {
        start: u64,
        len: u64,
    },
    /// Nothing that the blob has.
    Unsatisfiable,
}

/// Reads `Range` for content of `size` bytes.
///
/// Several ranges at once, other units and what is no range at all are answered with the whole
/// content, as the RFC allows; a range that is understood and holds nothing is not.
pub(crate) fn part(headers: &HeaderMap, etag: &str, size: u64) -> Part {
    let Some(range) = headers.get(header::RANGE).and_then(|value| value.to_str().ok()) else {
        return Part::Whole;
    };
    // A resumed download whose first part was of other content must start over.
    if let Some(condition) = headers.get(header::IF_RANGE)
        && condition.as_bytes() != etag.as_bytes()
    {
        return Part::Whole;
    }
    parse(range, size)
}

fn parse(range: &str, size: u64) -> Part {
    let Some((unit, spec)) = range.split_once('=') else {
        return Part::Whole;
    };
    let spec = spec.trim();
    if !unit.trim().eq_ignore_ascii_case("bytes") || spec.contains(',') {
        return Part::Whole;
    }
    let Some((first, last)) = spec.split_once('-') else {
        return Part::Whole;
    };
    let number = |text: &str| {
        // Digits that exceed 64 bits are still a number, only larger than any blob.
        (!text.is_empty() && text.bytes().all(|c| c.is_ascii_digit()))
            .then(|| text.parse().unwrap_or(u64::MAX))
    };
    let (start, end) = match (first.trim(), last.trim()) {
        ("", suffix) => match number(suffix) {
            Some(count) => (size.saturating_sub(count), size),
            None => return Part::Whole,
        },
        (first, "") => match number(first) {
            Some(start) => (start, size),
            None => return Part::Whole,
        },
        (first, last) => match (number(first), number(last)) {
            (Some(start), Some(last)) => (start, last.saturating_add(1).min(size)),
            _ => return Part::Whole,
        },
    };
    if start < end {
        Part::Range {
            start,
            len: end - start,
        }
    } else {
        Part::Unsatisfiable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let range = |start, len| Part::Range { start, len };
        for (text, expected) in [
            ("bytes=0-0", range(0, 1)),
            ("bytes=2-4", range(2, 3)),
            ("bytes=2-", range(2, 8)),
            ("bytes=-3", range(7, 3)),
            ("bytes=-30", range(0, 10)),
            ("bytes=0-99", range(0, 10)),
            ("bytes=9-9", range(9, 1)),
            ("Bytes = 1-2", range(1, 2)),
            ("bytes=0-18446744073709551615", range(0, 10)),
            ("bytes=0-99999999999999999999999", range(0, 10)),
            ("bytes=10-", Part::Unsatisfiable),
            ("bytes=10-12", Part::Unsatisfiable),
            ("bytes=500-0", Part::Unsatisfiable),
            ("bytes=5-4", Part::Unsatisfiable),
            ("bytes=-0", Part::Unsatisfiable),
            ("bytes=0-1,3-4", Part::Whole),
            ("bytes=x-1", Part::Whole),
            ("bytes=1-x", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=", Part::Whole),
            ("items=0-1", Part::Whole),
            ("bytes", Part::Whole),
        ] {
            assert_eq!(parse(text, 10), expected, "{text}");
        }
        assert_eq!(parse("bytes=0-", 0), Part::Unsatisfiable);
        assert_eq!(parse("bytes=-1", 0), Part::Unsatisfiable);
    }

    #[test]
    fn conditions() {
        let mut headers = HeaderMap::new();
        assert!(!is_fresh(&headers, "\"a\""));
        headers.insert(header::IF_NONE_MATCH, "\"b\", W/\"a\"".parse().unwrap());
        assert!(is_fresh(&headers, "\"a\""));
        assert!(!is_fresh(&headers, "\"c\""));
        headers.insert(header::IF_NONE_MATCH, "*".parse().unwrap());
        assert!(is_fresh(&headers, "\"c\""));

        headers.insert(header::RANGE, "bytes=1-2".parse().unwrap());
        headers.insert(header::IF_RANGE, "\"a\"".parse().unwrap());
        assert_eq!(part(&headers, "\"a\"", 9), Part::Range { start: 1, len: 2 });
        assert_eq!(part(&headers, "\"b\"", 9), Part::Whole);
    }
}
