//! What one rendering leaves to the next, by the text that it was made of.

use std::collections::HashMap;

use smallvec::SmallVec;

use crate::chart::Profile;

/// How many bytes of text may be kept; then all is forgotten. What is made of a text takes up to twenty times as much.
const MOST: usize = 16 << 20;

/// How many texts that look alike are kept: somebody may choose them so.
const ALIKE: usize = 4;

/// What is made of a text, and still has it.
pub(super) trait Made {
    /// The text.
    fn text(&self) -> &[u8];
}

/// Things made of texts, found again by their texts.
#[derive(Clone, Debug)]
pub(super) struct Kept<T> {
    entries: HashMap<Look, SmallVec<[(Profile, T); 1]>>,
    bytes: usize,
}

/// What tells most texts apart at a glance: the length and eight pieces.
pub(crate) type Look = (usize, [u64; 8]);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            bytes: 0,
        }
    }
}

impl<T: Made> Kept<T> {
    /// What was made of the text.
    pub(super) fn get(&self, profile: Profile, text: &[u8]) -> Option<&T> {
        let alike = self.entries.get(&look(text))?;
        let same = |(other, made): &&(Profile, T)| *other == profile && made.text() == text;
        alike.iter().find(same).map(|(_, made)| made)
    }

    /// Keeps what was made of its text.
    pub(super) fn insert(&mut self, profile: Profile, made: T) {
        let text = made.text();
        if self.bytes + text.len() > MOST {
            self.entries.clear();
            self.bytes = 0;
        }
        let alike = self.entries.entry(look(text)).or_default();
        if text.len() > MOST || alike.len() >= ALIKE {
            return;
        }
        self.bytes += text.len();
        alike.push((profile, made));
    }
}

/// The look of a text, which takes next to no time.
pub(crate) fn look(text: &[u8]) -> Look {
    let mut pieces = [0; 8];
    let last = text.len().saturating_sub(8);
    for (number, piece) in pieces.iter_mut().enumerate() {
        let start = last * number / 7;
        let bytes = text.get(start..text.len().min(start + 8)).unwrap_or_default();
        for byte in bytes {
            *piece = *piece << 8 | u64::from(*byte);
        }
    }
    (text.len(), pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Text(Vec<u8>, u8);

    impl Made for Text {
        fn text(&self) -> &[u8] {
            &self.0
        }
    }

    fn text(text: &[u8], number: u8) -> Text {
        Text(text.to_vec(), number)
    }

    #[test]
    fn what_is_kept_is_found_by_profile_and_text() {
        let mut kept = Kept::default();
        kept.insert(Profile::Helm4, text(b"a", 1));
        kept.insert(Profile::Helm3, text(b"a", 2));
        kept.insert(Profile::Helm4, text(b"b", 3));
        assert_eq!(kept.get(Profile::Helm4, b"a"), Some(&text(b"a", 1)));
        assert_eq!(kept.get(Profile::Helm3, b"a"), Some(&text(b"a", 2)));
        assert_eq!(kept.get(Profile::Helm3, b"b"), None);
    }

    #[test]
    fn too_much_is_forgotten() {
        let mut kept = Kept::default();
        for round in 0..5_u8 {
            let mut long = vec![b'x'; MOST / 2];
            long[0] = round;
            kept.insert(Profile::Helm4, text(&long, round));
            assert!(kept.bytes <= MOST);
            assert!(kept.get(Profile::Helm4, &long).is_some());
        }
        assert!(kept.entries.len() < 5);
    }

    #[test]
    fn texts_that_look_alike_are_told_apart_and_are_few() {
        let mut kept = Kept::default();
        for round in 0..10_u8 {
            let mut alike = vec![b'x'; 1000];
            alike[20] = round;
            kept.insert(Profile::Helm4, text(&alike, round));
            let found = kept.get(Profile::Helm4, &alike);
            assert_eq!(found.map(|text| text.1), (round < 4).then_some(round));
        }
    }
}
