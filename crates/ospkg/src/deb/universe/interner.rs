//! Names and versions as small numbers.

use std::hash::{BuildHasher, RandomState};

/// Each text once; its number is the order in which it was first seen.
#[derive(Debug)]
pub(super) struct Interner {
    text: String,
    /// Where each text ends, and so where the next one begins.
    ends: Vec<u32>,
    /// Open addressing.
    table: Vec<Slot>,
    /// Unlike in each process, so that nobody can write an index whose names all collide.
    seed: u64,
}

/// A place of the table, with all that tells whether it is the right one: one look at memory, and one at the text.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// The upper half.
    hash: u32,
    start: u32,
    length: u32,
    /// The number + 1; 0 is a free place.
    number: u32,
}

/// More text than is counted in 32 bits.
#[derive(Debug)]
pub(super) struct Full;

impl Default for Interner {
    fn default() -> Self {
        Self {
            text: String::new(),
            ends: Vec::new(),
            table: vec![Slot::default(); 1 << 12],
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
        let number = u32::try_from(self.ends.len() + 1).map_err(|_| Full)?;
        let start = u32::try_from(self.text.len()).map_err(|_| Full)?;
        let end = u32::try_from(self.text.len() + text.len()).map_err(|_| Full)?;
        self.text.push_str(text);
        self.ends.push(end);
        self.table[place] = Slot {
            hash,
            start,
            length: end - start,
            number,
        };
        // Three quarters are where searches become long.
        if self.ends.len() * 4 > self.table.len() * 3 {
            self.grow();
        }
        Ok(number - 1)
    }

    /// Where the text is, or would be.
    fn place(&self, text: &str, hash: u32) -> (usize, Option<u32>) {
        let mask = self.table.len() - 1;
        let mut place = hash as usize & mask;
        loop {
            let slot = self.table[place];
            if slot.number == 0 {
                return (place, None);
            }
            if slot.hash == hash && slot.length as usize == text.len() {
                let start = slot.start as usize;
                if self.text.as_bytes().get(start..start + text.len()) == Some(text.as_bytes()) {
                    return (place, Some(slot.number - 1));
                }
            }
            place = (place + 1) & mask;
        }
    }

    fn grow(&mut self) {
        let mut table = vec![Slot::default(); self.table.len() * 2];
        let mask = table.len() - 1;
        for slot in self.table.iter().filter(|slot| slot.number != 0) {
            let mut place = slot.hash as usize & mask;
            while table[place].number != 0 {
                place = (place + 1) & mask;
            }
            table[place] = *slot;
        }
        self.table = table;
    }

    fn hash(&self, text: &str) -> u32 {
        let bytes = text.as_bytes();
        let mut hash = self.seed ^ bytes.len() as u64;
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            hash = fold(hash ^ u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        let hash = fold(fold(hash ^ u64::from_le_bytes(last)));
        u32::try_from(hash >> 32).unwrap_or_default()
    }
}

/// Both halves of a product: each bit of the result depends on all bits before it.
fn fold(word: u64) -> u64 {
    let product = u128::from(word) * 0x9e37_79b9_7f4a_7c15;
    #[allow(clippy::cast_possible_truncation, reason = "the halves are what is wanted")]
    let (low, high) = (product as u64, (product >> 64) as u64);
    low ^ high
}
