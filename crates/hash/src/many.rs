use crate::Engine;
use crate::constants::INITIAL;
use crate::engine::{Block, State};

/// Bytes to be hashed, given out in order.
pub trait Stream {
    /// Why they cannot be had.
    type Error;

    /// Puts the next bytes at the front of `buffer`, which is not empty, and says how many; 0 only at the end.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Self::Error>;
}

/// A stream of bytes that are in memory.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'a>(pub &'a [u8]);

impl Stream for Bytes<'_> {
    type Error = std::convert::Infallible;

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Self::Error> {
        let count = self.0.len().min(buffer.len());
        let (now, later) = self.0.split_at(count);
        buffer[..count].copy_from_slice(now);
        self.0 = later;
        Ok(count)
    }
}

/// SHA-256 of many streams, several at a time.
///
/// As many streams are taken from `next` as the engine has lanes, and another one whenever a stream has ended, until
/// there is `None`. Each is handed back to `done` with its hash or its error, in the order in which they end. `chunk` is
/// how many bytes are read of a stream at once, and with a little more the memory needed for each lane.
///
/// # Panics
/// If the processor lacks what the engine needs (see [`Engine::available`]).
pub fn hash_many<S: Stream>(
    engine: Engine,
    chunk: usize,
    mut next: impl FnMut() -> Option<S>,
    mut done: impl FnMut(S, Result<[u8; 32], S::Error>),
) {
    let mut memory = Memory::new(engine.lanes(), chunk);
    let mut lanes: Vec<Lane<S>> = Vec::new();
    let mut states: Vec<State> = Vec::new();
    let mut open = true;
    loop {
        while open && lanes.len() < engine.lanes() {
            let Some(stream) = next() else {
                open = false;
                break;
            };
            let mut lane = Lane::new(stream, memory.take());
            match lane.fill(&mut memory) {
                Ok(()) => {
                    lanes.push(lane);
                    states.push(INITIAL);
                }
                Err(error) => {
                    memory.give(lane.slot);
                    done(lane.stream, Err(error));
                }
            }
        }
        if lanes.is_empty() {
            return;
        }
        let mut inputs: [&[Block]; MOST] = [&[]; MOST];
        for (input, lane) in inputs.iter_mut().zip(&lanes) {
            *input = lane.blocks(&memory);
        }
        let inputs = &inputs[..lanes.len()];
        let blocks = inputs.iter().map(|input| input.len()).min().unwrap_or_default();
        engine.compress(&mut states, inputs);
        for at in (0..lanes.len()).rev() {
            let lane = &mut lanes[at];
            lane.start += blocks * BLOCK;
            if lane.end - lane.start >= BLOCK {
                continue;
            }
            let result = if lane.ended {
                Ok(to_bytes(&states[at]))
            } else {
                match lane.fill(&mut memory) {
                    Ok(()) => continue,
                    Err(error) => Err(error),
                }
            };
            states.swap_remove(at);
            let lane = lanes.swap_remove(at);
            memory.give(lane.slot);
            done(lane.stream, result);
        }
    }
}

/// No engine has more lanes.
const MOST: usize = 16;

const BLOCK: usize = size_of::<Block>();

/// What is added after a stream's last byte is at most this long, with what is left of a block before it.
const TAIL: usize = 2 * BLOCK;

/// Lanes whose starts are a power of two apart would compete for the same lines of the cache.
const STAGGER: usize = 3 * BLOCK;

/// One stretch of memory for all lanes, in slots.
struct Memory {
    bytes: Vec<u8>,
    /// Where the first slot starts: at the start of a cache line.
    start: usize,
    chunk: usize,
    free: Vec<usize>,
}

impl Memory {
    fn new(lanes: usize, chunk: usize) -> Self {
        let chunk = chunk.next_multiple_of(BLOCK).max(BLOCK);
        let bytes = vec![0; lanes * (chunk + TAIL + STAGGER) + BLOCK];
        Self {
            start: bytes.as_ptr().align_offset(BLOCK).min(BLOCK),
            bytes,
            chunk,
            free: (0..lanes).rev().collect(),
        }
    }

    /// A slot that nobody uses. There are as many as lanes.
    fn take(&mut self) -> usize {
        self.free.pop().unwrap_or_default()
    }

    fn give(&mut self, slot: usize) {
        self.free.push(slot);
    }

    fn range(&self, slot: usize) -> std::ops::Range<usize> {
        let start = self.start + slot * (self.chunk + TAIL + STAGGER);
        start..start + self.chunk + TAIL
    }
}

/// A stream and what was read of it but not hashed yet: `start..end` of its slot.
struct Lane<S> {
    stream: S,
    slot: usize,
    start: usize,
    end: usize,
    /// How much was read.
    total: u64,
    /// Whether the padding is in the slot, too.
    ended: bool,
}

impl<S: Stream> Lane<S> {
    fn new(stream: S, slot: usize) -> Self {
        Self {
            stream,
            slot,
            start: 0,
            end: 0,
            total: 0,
            ended: false,
        }
    }

    fn blocks<'a>(&self, memory: &'a Memory) -> &'a [Block] {
        memory.bytes[memory.range(self.slot)][self.start..self.end]
            .as_chunks()
            .0
    }

    /// Reads a chunk, or up to the end and appends the padding. At least one block is there afterwards.
    fn fill(&mut self, memory: &mut Memory) -> Result<(), S::Error> {
        let range = memory.range(self.slot);
        let slot = &mut memory.bytes[range];
        slot.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        while self.end < memory.chunk {
            let count = self.stream.read(&mut slot[self.end..memory.chunk])?;
            if count == 0 {
                self.pad(slot);
                break;
            }
            self.end += count;
            self.total += count as u64;
        }
        Ok(())
    }

    /// FIPS 180-4, 5.1.1: a one bit, zero bits, and the length in bits as the last 64 of a block.
    fn pad(&mut self, slot: &mut [u8]) {
        let end = (self.end + 1 + 8).next_multiple_of(BLOCK);
        slot[self.end] = 0x80;
        slot[self.end + 1..end - 8].fill(0);
        slot[end - 8..end].copy_from_slice(&self.total.wrapping_mul(8).to_be_bytes());
        self.end = end;
        self.ended = true;
    }
}

fn to_bytes(state: &State) -> [u8; 32] {
    let mut out = [0; 32];
    for (bytes, word) in out.as_chunks_mut().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::Digest as _;

    use super::*;

    /// Gives out its bytes in the pieces that `cuts` says, and fails where it is told to.
    struct Pieces {
        name: usize,
        bytes: Vec<u8>,
        at: usize,
        cuts: Vec<usize>,
        fail_at: Option<usize>,
    }

    impl Stream for Pieces {
        type Error = usize;

        fn read(&mut self, buffer: &mut [u8]) -> Result<usize, usize> {
            assert!(!buffer.is_empty());
            if self.fail_at.is_some_and(|fail| self.at >= fail) {
                return Err(self.at);
            }
            let cut = self.cuts.pop().unwrap_or(usize::MAX).max(1);
            let count = cut.min(buffer.len()).min(self.bytes.len() - self.at);
            buffer[..count].copy_from_slice(&self.bytes[self.at..self.at + count]);
            self.at += count;
            Ok(count)
        }
    }

    fn bytes(length: usize, seed: usize) -> Vec<u8> {
        (0..length)
            .map(|at| u8::try_from((at * 31 + seed * 97 + at / 251) % 256).unwrap())
            .collect()
    }

    /// The hash of each, by name.
    fn run(engine: Engine, chunk: usize, streams: Vec<Pieces>) -> Vec<Result<[u8; 32], usize>> {
        let mut results = vec![None; streams.len()];
        let mut waiting = streams.into_iter();
        hash_many(
            engine,
            chunk,
            || waiting.next(),
            |stream, result| assert!(results[stream.name].replace(result).is_none()),
        );
        results.into_iter().map(Option::unwrap).collect()
    }

    fn whole(name: usize, bytes: Vec<u8>) -> Pieces {
        Pieces {
            name,
            bytes,
            at: 0,
            cuts: Vec::new(),
            fail_at: None,
        }
    }

    #[test]
    fn every_length_on_every_engine() {
        for engine in Engine::available() {
            for chunk in [1, 64, 128, 4096] {
                let streams: Vec<_> = (0..=300)
                    .map(|length| whole(length, bytes(length, length)))
                    .collect();
                for (length, hash) in run(engine, chunk, streams).into_iter().enumerate() {
                    let expected = sha2::Sha256::digest(bytes(length, length));
                    assert_eq!(
                        hash.unwrap()[..],
                        expected[..],
                        "{engine:?}, {length} bytes, chunk {chunk}"
                    );
                }
            }
        }
    }

    #[test]
    fn any_number_of_streams_on_every_engine() {
        for engine in Engine::available() {
            for count in 0..40 {
                let streams: Vec<_> = (0..count).map(|name| whole(name, bytes(700, name))).collect();
                for (name, hash) in run(engine, 256, streams).into_iter().enumerate() {
                    assert_eq!(
                        hash.unwrap()[..],
                        sha2::Sha256::digest(bytes(700, name))[..],
                        "{engine:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_length_whose_bits_need_more_than_32_bits() {
        let mut memory = Memory::new(1, 64);
        let mut lane = Lane::new(Bytes(&[]), memory.take());
        lane.total = (1 << 29) + 1;
        lane.fill(&mut memory).unwrap();
        let [block] = lane.blocks(&memory) else { panic!() };
        assert_eq!(block[56..], [0, 0, 0, 1, 0, 0, 0, 8]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn agrees_with_the_reference_whatever_the_mix(
            streams in proptest::collection::vec(
                (
                    0usize..5000,
                    proptest::collection::vec(0usize..700, 0..12),
                    proptest::option::weighted(0.1, 0usize..5000),
                ),
                0..50,
            ),
            chunk in 0usize..3000,
        ) {
            for engine in Engine::available() {
                let pieces: Vec<_> = streams
                    .iter()
                    .enumerate()
                    .map(|(name, (length, cuts, fail_at))| Pieces {
                        name,
                        bytes: bytes(*length, name),
                        at: 0,
                        cuts: cuts.clone(),
                        fail_at: *fail_at,
                    })
                    .collect();
                for (name, result) in run(engine, chunk, pieces).into_iter().enumerate() {
                    let (length, _, fail_at) = &streams[name];
                    match (result, fail_at) {
                        (Err(at), Some(fail)) => prop_assert!(at >= *fail && fail <= length),
                        (Ok(hash), fail) => {
                            prop_assert!(fail.is_none_or(|fail| fail > *length), "an error was lost");
                            prop_assert_eq!(&hash[..], &sha2::Sha256::digest(bytes(*length, name))[..], "{:?}", engine);
                        }
                        (Err(_), None) => prop_assert!(false, "an error came from nowhere"),
                    }
                }
            }
        }
    }
}
