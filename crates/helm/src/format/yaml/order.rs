//! The order of keys: digits by their number, letters after everything else.

use std::cmp::Ordering;

use super::write::Dialect;
use crate::functions::unicode::{is_digit, is_letter};

/// Sorts keys as Go's encoder does. The order is not one for every set of keys (long digits overflow), so the sort
/// must not rely on it being one.
pub(super) fn sort<T>(items: Vec<(String, T)>, dialect: Dialect) -> Vec<(String, T)> {
    // Most maps are in order already: bytewise and natural order differ only around digits and letters.
    if items.is_sorted_by(|(first, _), (second, _)| !less(second, first, dialect)) {
        return items;
    }
    let count = items.len();
    let mut slots: Vec<Option<(String, T)>> = items.into_iter().map(Some).collect();
    let mut order: Vec<usize> = (0..count).collect();
    let mut spare = order.clone();
    let key = |slots: &[Option<(String, T)>], index: usize| -> String {
        slots
            .get(index)
            .and_then(|slot| slot.as_ref())
            .map(|(key, _)| key.clone())
            .unwrap_or_default()
    };
    let keys: Vec<String> = (0..count).map(|index| key(&slots, index)).collect();
    let mut width = 1;
    while width < count {
        merge_runs(&order, &mut spare, width, |first, second| {
            match (keys.get(first), keys.get(second)) {
                (Some(first), Some(second)) => less(first, second, dialect),
                _ => false,
            }
        });
        std::mem::swap(&mut order, &mut spare);
        width *= 2;
    }
    order
        .into_iter()
        .filter_map(|index| slots.get_mut(index).and_then(Option::take))
        .collect()
}

/// One pass of a merge sort from the bottom up.
fn merge_runs(from: &[usize], into: &mut [usize], width: usize, less: impl Fn(usize, usize) -> bool) {
    let mut start = 0;
    while start < from.len() {
        let middle = (start + width).min(from.len());
        let end = (start + 2 * width).min(from.len());
        let (mut left, mut right) = (start, middle);
        for slot in into.get_mut(start..end).unwrap_or_default() {
            let take_right = match (from.get(left..middle), from.get(right..end)) {
                (Some([first, ..]), Some([second, ..])) => less(*second, *first),
                (_, Some([_, ..])) => true,
                _ => false,
            };
            let taken = if take_right { &mut right } else { &mut left };
            *slot = from.get(*taken).copied().unwrap_or_default();
            *taken += 1;
        }
        start = end;
    }
}

/// Whether the first key comes before the second (`keyList.Less`).
fn less(first: &str, second: &str, dialect: Dialect) -> bool {
    let common = first
        .chars()
        .zip(second.chars())
        .take_while(|(first, second)| first == second)
        .map(|(character, _)| character.len_utf8())
        .sum::<usize>();
    let before = first.get(..common).unwrap_or_default();
    let (Some(rest), Some(other)) = (first.get(common..), second.get(common..)) else {
        return first < second;
    };
    let (Some(a), Some(b)) = (rest.chars().next(), other.chars().next()) else {
        return rest.len() < other.len();
    };
    match (is_letter(a), is_letter(b)) {
        (true, true) => return a < b,
        (false, false) => {}
        // The newer encoder sorts a letter before a digit where both follow digits.
        (a_letter, b_letter) => {
            let after_digit = dialect == Dialect::Pretty && before.chars().next_back().is_some_and(is_digit);
            return if after_digit { a_letter } else { b_letter };
        }
    }
    let mut start = 0_i64;
    if a == '0' || b == '0' {
        // Zeros count inside a number and not at its start.
        let inside = before
            .chars()
            .rev()
            .take_while(|character| is_digit(*character))
            .any(|digit| digit != '0');
        start = i64::from(inside);
    }
    let (a_number, a_length) = run(rest, start);
    let (b_number, b_length) = run(other, start);
    match (a_number.cmp(&b_number), a_length.cmp(&b_length)) {
        (Ordering::Equal, Ordering::Equal) => a < b,
        (Ordering::Equal, order) | (order, _) => order == Ordering::Less,
    }
}

/// The number that the digits make, going on from `start`, and how many they are.
fn run(text: &str, start: i64) -> (i64, usize) {
    text.chars().take_while(|character| is_digit(*character)).fold(
        (start, 0),
        |(number, length), character| {
            let digit = i64::from(u32::from(character)) - i64::from(u32::from('0'));
            (number.wrapping_mul(10).wrapping_add(digit), length + 1)
        },
    )
}
