//! Searching, with Go's rules for empty matches and for what replaces a match.

use std::{borrow::Cow, ops::Range};

use regex::Regex;

use crate::{
    call::{Call, FunctionError},
    functions::unicode::{is_digit, is_letter, widths},
};

/// A pattern and the text that it is searched in.
pub(super) struct Search<'a> {
    regex: &'a Regex,
    /// How many parts the pattern has.
    size: u64,
    names: &'a [Option<String>],
    text: &'a [u8],
    /// What is searched in.
    valid: Cow<'a, str>,
    /// For a text that is not UTF-8, where each character of `valid` is in `text`.
    offsets: Option<Vec<(usize, usize)>>,
}

impl<'a> Search<'a> {
    pub(super) fn new(regex: &'a Regex, size: u64, names: &'a [Option<String>], text: &'a [u8]) -> Self {
        let (valid, offsets) = if let Ok(valid) = std::str::from_utf8(text) {
            (Cow::Borrowed(valid), None)
        } else {
            let (mut valid, mut offsets, mut at) = (String::new(), Vec::new(), 0);
            for (char, width) in widths(text) {
                offsets.push((valid.len(), at));
                valid.push(char);
                at += width;
            }
            offsets.push((valid.len(), at));
            (Cow::Owned(valid), Some(offsets))
        };
        Self {
            regex,
            size,
            names,
            text,
            valid,
            offsets,
        }
    }

    /// A place in the text, from one in what is searched in.
    fn place(&self, at: usize) -> usize {
        match &self.offsets {
            None => at,
            Some(offsets) => match offsets.binary_search_by_key(&at, |(valid, _)| *valid) {
                Ok(found) => offsets.get(found).map_or(at, |(_, text)| *text),
                Err(_) => at,
            },
        }
    }

    fn range(&self, found: &regex::Match<'_>) -> Range<usize> {
        self.place(found.start())..self.place(found.end())
    }

    /// Takes the cost of one more search from a place on: in the worst case every part of the pattern is looked at
    /// for every byte that is left.
    fn charge(&self, call: &mut Call<'_>, from: usize) -> Result<(), FunctionError> {
        let rest = self.valid.len().saturating_sub(from) as u64;
        call.budget.step(1 + (rest.saturating_mul(self.size) >> 5))?;
        Ok(())
    }

    /// The width of the character at a place; 0 at the end.
    fn width(&self, at: usize) -> usize {
        let rest = self.valid.get(at..).unwrap_or_default();
        rest.chars().next().map_or(0, char::len_utf8)
    }

    /// The leftmost match.
    pub(super) fn first(&self, call: &mut Call<'_>) -> Result<Option<Range<usize>>, FunctionError> {
        self.charge(call, 0)?;
        Ok(self.regex.find(&self.valid).map(|found| self.range(&found)))
    }

    /// The matches that do not overlap, at most `limit` of them; none is empty right after another.
    pub(super) fn all(
        &self,
        call: &mut Call<'_>,
        limit: Option<usize>,
    ) -> Result<Vec<Range<usize>>, FunctionError> {
        let mut out = Vec::new();
        let (mut from, mut last_end) = (0, None);
        while from <= self.valid.len() && limit.is_none_or(|limit| out.len() < limit) {
            self.charge(call, from)?;
            let Some(found) = self.regex.find_at(&self.valid, from) else {
                break;
            };
            let mut accepted = true;
            if found.end() == from {
                accepted = last_end != Some(found.start());
                from += self.width(from).max(1);
            } else {
                from = found.end();
            }
            last_end = Some(found.end());
            if accepted {
                call.budget.take(size_of::<Range<usize>>())?;
                out.push(self.range(&found));
            }
        }
        Ok(out)
    }

    /// The text with every match replaced.
    pub(super) fn replace(
        &self,
        call: &mut Call<'_>,
        replacement: &[u8],
        literal: bool,
    ) -> Result<Vec<u8>, FunctionError> {
        let mut out = Vec::new();
        let (mut last_end, mut from) = (0, 0);
        let mut places = self.regex.capture_locations();
        let slice = |range: Range<usize>| self.text.get(range).unwrap_or_default();
        while from <= self.valid.len() {
            self.charge(call, from)?;
            let Some(found) = self.regex.captures_read_at(&mut places, &self.valid, from) else {
                break;
            };
            let before = slice(self.place(last_end)..self.place(found.start()));
            call.budget.take(before.len())?;
            out.extend(before);
            if found.end() > last_end || found.start() == 0 {
                let start = out.len();
                if literal {
                    out.extend(replacement);
                } else {
                    self.expand(&mut out, replacement, &places);
                }
                call.budget.take(out.len() - start)?;
            }
            last_end = found.end();
            let width = self.width(from);
            if from + width > found.end() {
                from += width;
            } else if from + 1 > found.end() {
                from += 1;
            } else {
                from = found.end();
            }
        }
        let rest = slice(self.place(last_end)..self.text.len());
        call.budget.take(rest.len())?;
        out.extend(rest);
        Ok(out)
    }

    /// Appends the replacement with what its references name: `$1`, `${1}`, `$name`.
    fn expand(&self, out: &mut Vec<u8>, replacement: &[u8], places: &regex::CaptureLocations) {
        let mut rest = replacement;
        while let Some(at) = memchr::memchr(b'$', rest) {
            out.extend(rest.get(..at).unwrap_or_default());
            rest = rest.get(at + 1..).unwrap_or_default();
            if let Some(after) = rest.strip_prefix(b"$") {
                out.push(b'$');
                rest = after;
                continue;
            }
            let Some((name, after)) = reference(rest) else {
                out.push(b'$');
                continue;
            };
            rest = after;
            let group = match number(name) {
                Some(number) => places.get(number),
                None => self
                    .names
                    .iter()
                    .enumerate()
                    .filter(|(_, known)| known.as_deref().is_some_and(|known| known.as_bytes() == name))
                    .find_map(|(at, _)| places.get(at + 1)),
            };
            if let Some((start, end)) = group {
                out.extend(
                    self.text
                        .get(self.place(start)..self.place(end))
                        .unwrap_or_default(),
                );
            }
        }
        out.extend(rest);
    }
}

/// Takes a name off the front, which may be in braces.
fn reference(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (braces, text) = match text.strip_prefix(b"{") {
        Some(inner) => (true, inner),
        None => (false, text),
    };
    let length: usize = widths(text)
        .take_while(|(char, _)| is_letter(*char) || is_digit(*char) || *char == '_')
        .map(|(_, width)| width)
        .sum();
    if length == 0 {
        return None;
    }
    let (name, rest) = text.split_at_checked(length)?;
    let rest = if braces { rest.strip_prefix(b"}")? } else { rest };
    Some((name, rest))
}

/// The number that a name is; one with a leading zero is none.
fn number(name: &[u8]) -> Option<usize> {
    let name = std::str::from_utf8(name).ok()?;
    if name.starts_with('0') && name.len() > 1 || !name.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    name.parse().ok().filter(|number| *number < 1_000_000_000)
}
