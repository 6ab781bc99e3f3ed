//! Names and versions as small numbers.

use std::hash::{BuildHasher, RandomState};

/// Each text once; its number is the order in which it was first seen.
#[derive(Debug)]
pub(super) struct Interner {
    text: String,
    /// Where each text ends, and so where the next one begins.
    ends: Vec<u32>,
    /// Open addressing: the upper half of the hash, then the number + 1; 0 is a free place.
    table: Vec<u64>,
    /// Unlike in each process, so that nobody can write an index whose names all collide.
    seed: u64,
}

/// More text than is counted in 32 bits.
#[derive(Debug)]
pub(super) struct Full;

impl Default for Interner {
    fn default() -> Self {
        Self {
            text: String::new(),
            ends: Vec::new(),
            table: vec![0; 1 << 12],
            seed: RandomState::new().hash_one(0),
        }
    }
}

impl Interner {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn get(&self, id: u32) -> &str {
        let id = id as usize;
        let start = if id == 0 { 0 } else { self.ends[id - 1] };
        &self.text[start as usize..self.ends[id] as usize]
    }

    /// The texts in the order of their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let end = *end as usize;
            let text = &self.text[start..end];
            start = end;
            text
        })
    }

    pub(super) fn find(&self, text: &str) -> Option<u32> {
        self.place(text, self.hash(text)).1
    }

    pub(super) fn intern(&mut self, text: &str) -> Result<u32, Full> {
        let hash = self.hash(text);
        let (place, found) = self.place(text, hash);
        if let Some(id) = found {
            return Ok(id);
        }
        let id = u32::try_from(self.ends.len()).map_err(|_| Full)?;
        let end = u32::try_from(self.text.len() + text.len()).map_err(|_| Full)?;
        self.text.push_str(text);
        self.ends.push(end);
        self.table[place] = (hash & !LOW) | u64::from(id + 1);
        if self.ends.len() * 2 > self.table.len() {
            self.grow();
        }
        Ok(id)
    }

    /// Where the text is, or would be.
    fn place(&self, text: &str, hash: u64) -> (usize, Option<u32>) {
        let mask = self.table.len() - 1;
        let mut place = start(hash, mask);
        loop {
            let entry = self.table[place];
            if entry == 0 {
                return (place, None);
            }
            if (entry ^ hash) & !LOW == 0 {
                let id = number(entry);
                if self.get(id) == text {
                    return (place, Some(id));
                }
            }
            place = (place + 1) & mask;
        }
    }

    fn grow(&mut self) {
        let mut table = vec![0; self.table.len() * 2];
        let mask = table.len() - 1;
        for entry in self.table.iter().filter(|entry| **entry != 0) {
            let mut place = start(*entry, mask);
            while table[place] != 0 {
                place = (place + 1) & mask;
            }
            table[place] = *entry;
        }
        self.table = table;
    }

    fn hash(&self, text: &str) -> u64 {
        let bytes = text.as_bytes();
        let mut hash = self.seed ^ bytes.len() as u64;
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            hash = fold(hash ^ u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        fold(fold(hash ^ u64::from_le_bytes(last)))
    }
}

/// The half of an entry that holds a number.
const LOW: u64 = 0xffff_ffff;

/// Where the search for a hash begins. Only its upper half is kept in the table.
fn start(hash: u64, mask: usize) -> usize {
    usize::try_from(hash >> 32).unwrap_or_default() & mask
}

fn number(entry: u64) -> u32 {
    u32::try_from(entry & LOW).unwrap_or_default() - 1
}

/// Both halves of a product: each bit of the result depends on all bits before it.
fn fold(word: u64) -> u64 {
    let product = u128::from(word) * 0x9e37_79b9_7f4a_7c15;
    #[allow(clippy::cast_possible_truncation, reason = "the halves are what is wanted")]
    let (low, high) = (product as u64, (product >> 64) as u64);
    low ^ high
}
