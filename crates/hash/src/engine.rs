use crate::lone;

/// A block of input.
pub(crate) type Block = [u8; 64];

/// The chaining value between blocks.
pub(crate) type State = [u32; 8];

/// An implementation of SHA-256 for many streams. All give the same hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Engine {
    /// One stream after the other, by aws-lc-rs: the fastest where the processor has SHA instructions.
    Lone,
    /// Eight at once, with AVX2.
    Avx2,
    /// Sixteen at once, with AVX-512.
    Avx512,
}

impl Engine {
    /// Those that this processor can run.
    pub fn available() -> Vec<Self> {
        let mut found = vec![Self::Lone];
        #[cfg(target_arch = "x86_64")]
        {
            found.extend(crate::x86::has_avx2().then_some(Self::Avx2));
            found.extend(crate::x86::has_avx512().then_some(Self::Avx512));
        }
        found
    }

    /// The one that should be the fastest here: sixteen lanes of AVX-512 are 1.8 times as fast as SHA instructions on one
    /// stream, and these are faster than eight lanes of AVX2.
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if crate::x86::has_avx512() {
                return Self::Avx512;
            }
            if crate::x86::has_avx2() && !crate::x86::has_sha() {
                return Self::Avx2;
            }
        }
        Self::Lone
    }

    /// How many streams it wants in flight.
    pub fn lanes(self) -> usize {
        match self {
            Self::Lone => 1,
            Self::Avx2 => 8,
            Self::Avx512 => 16,
        }
    }

    /// How many bytes of a stream to read at once, when `threads` threads hash: few system calls, yet not more memory
    /// in all than 64 MiB up to 64 threads.
    pub fn chunk(self, threads: usize) -> usize {
        (MEMORY / threads.max(1) / self.lanes()).clamp(LEAST_CHUNK, MOST_CHUNK)
    }

    /// Advances every state by as many blocks as the shortest input has. Too few streams to fill the lanes are
    /// done one after the other, where that is faster.
    ///
    /// # Panics
    /// If there are more states than [`lanes`](Self::lanes), not as many as inputs, or the processor lacks what the
    /// engine needs.
    pub(crate) fn compress(self, states: &mut [State], inputs: &[&[Block]]) {
        assert!(states.len() == inputs.len() && states.len() <= self.lanes());
        #[cfg(target_arch = "x86_64")]
        match (self, states.len()) {
            (Self::Avx512, few @ ..=8) if few >= few_avx512() => return crate::x86::avx512_8(states, inputs),
            (Self::Avx512, 9..) => return crate::x86::avx512_16(states, inputs),
            (Self::Avx2, FEW_AVX2..) => return crate::x86::avx2_8(states, inputs),
            _ => {}
        }
        let blocks = inputs.iter().map(|input| input.len()).min().unwrap_or_default();
        for (state, input) in states.iter_mut().zip(inputs) {
            lone::compress(state, &input[..blocks]);
        }
    }
}

const MEMORY: usize = 64 << 20;
const LEAST_CHUNK: usize = 64 << 10;
const MOST_CHUNK: usize = 256 << 10;

/// From how many streams on the lanes are faster than one stream after the other.
#[cfg(target_arch = "x86_64")]
fn few_avx512() -> usize {
    if crate::x86::has_sha() { 7 } else { 3 }
}
/// The same without SHA instructions, with which these lanes are never faster.
#[cfg(target_arch = "x86_64")]
const FEW_AVX2: usize = 4;
