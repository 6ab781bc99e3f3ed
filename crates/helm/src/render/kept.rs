//! What one rendering leaves to the next, by the text that it was made of.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use rustc_hash::FxHasher;
use smallvec::SmallVec;

use crate::chart::Profile;

/// How many bytes of text may be kept; then all is forgotten. What is made of a text takes up to twenty times as much.
const MOST: usize = 16 << 20;

/// How many texts of one hash are kept: somebody may choose them so that they collide.
const ALIKE: usize = 4;

/// Things made of texts, found again by their texts.
#[derive(Clone, Debug)]
pub(super) struct Kept<T> {
    entries: HashMap<u64, SmallVec<[Entry<T>; 1]>>,
    bytes: usize,
}

#[derive(Clone, Debug)]
struct Entry<T> {
    profile: Profile,
    text: Rc<[u8]>,
    made: T,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            bytes: 0,
        }
    }
}

impl<T> Kept<T> {
    /// What was made of the text.
    pub(super) fn get(&self, profile: Profile, text: &[u8]) -> Option<&T> {
        let alike = self.entries.get(&hash(text))?;
        let same = |entry: &&Entry<T>| entry.profile == profile && *entry.text == *text;
        alike.iter().find(same).map(|entry| &entry.made)
    }

    /// Keeps what was made of the text.
    pub(super) fn insert(&mut self, profile: Profile, text: &[u8], made: T) {
        if self.bytes + text.len() > MOST {
            self.entries.clear();
            self.bytes = 0;
        }
        let alike = self.entries.entry(hash(text)).or_default();
        if text.len() > MOST || alike.len() >= ALIKE {
            return;
        }
        self.bytes += text.len();
        alike.push(Entry {
            profile,
            text: text.into(),
            made,
        });
    }
}

fn hash(text: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_found_by_profile_and_text() {
        let mut kept = Kept::default();
        kept.insert(Profile::Helm4, b"a", 1);
        kept.insert(Profile::Helm3, b"a", 2);
        kept.insert(Profile::Helm4, b"b", 3);
        assert_eq!(kept.get(Profile::Helm4, b"a"), Some(&1));
        assert_eq!(kept.get(Profile::Helm3, b"a"), Some(&2));
        assert_eq!(kept.get(Profile::Helm3, b"b"), None);
    }

    #[test]
    fn too_much_is_forgotten() {
        let mut kept = Kept::default();
        let text = vec![b'x'; MOST / 2];
        for round in 0..5_u8 {
            let mut text = text.clone();
            text[0] = round;
            kept.insert(Profile::Helm4, &text, round);
            assert!(kept.bytes <= MOST);
            assert_eq!(kept.get(Profile::Helm4, &text), Some(&round));
        }
        assert!(kept.entries.len() < 5);
    }
}
