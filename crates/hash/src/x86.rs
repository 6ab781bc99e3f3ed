//! SHA-256 of several streams at once, each in its own 32-bit lane of vector registers (FIPS 180-4, 6.2).
//!
//! A block of every stream is loaded, turned so that each register holds the same word of all streams, and then all
//! go through the rounds together.

#![cfg_attr(
    not(test),
    expect(
        clippy::wildcard_imports,
        reason = "half of the lines would be names of intrinsics"
    )
)]

use std::arch::x86_64::*;

use crate::constants::ROUND;
use crate::engine::{Block, State};

/// Whether [`avx512_16`] and [`avx512_8`] may run here.
pub(crate) fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx2")
}

/// Whether [`avx2_8`] may run here.
pub(crate) fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2")
}

/// Whether the processor has instructions for SHA-256, which AWS-LC uses.
pub(crate) fn has_sha() -> bool {
    is_x86_feature_detected!("sha") && is_x86_feature_detected!("ssse3")
}

/// Defines a function that compresses up to `$lanes` streams, all by as many blocks as the shortest input has.
macro_rules! kernel {
    ($name:ident, $inner:ident, $ops:ident, $lanes:literal, $features:literal, $has:ident, $doc:literal) => {
        #[doc = $doc]
        pub(crate) fn $name(states: &mut [State], inputs: &[&[Block]]) {
            assert!($has(), "this processor lacks {}", $features);
            // SAFETY: the processor has the features, as was just checked.
            unsafe { $inner(states, inputs) }
        }

        #[target_feature(enable = $features)]
        fn $inner(states: &mut [State], inputs: &[&[Block]]) {
            let used = states.len();
            assert!(used == inputs.len() && (1..=$lanes).contains(&used));
            let blocks = inputs.iter().map(|input| input.len()).min().unwrap_or_default();
            // Lanes without a stream repeat the first one; what comes out of them is dropped.
            let lanes: [&[Block]; $lanes] =
                std::array::from_fn(|lane| &inputs[if lane < used { lane } else { 0 }][..blocks]);
            let mut words = [[0; $lanes]; 8];
            for (lane, state) in states.iter().enumerate() {
                for (word, value) in words.iter_mut().zip(state) {
                    word[lane] = *value;
                }
            }
            let mut chain = [$ops::zero(); 8];
            for (vector, word) in chain.iter_mut().zip(&words) {
                *vector = $ops::load(word);
            }
            for block in 0..blocks {
                let mut w = $ops::message(&lanes, block);
                let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = chain;
                macro_rules! round {
                    ($a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident, $t:expr, $i:literal) => {
                        let sum = $ops::add($ops::add($h, $ops::set(ROUND[$t + $i])), w[$i]);
                        let first = $ops::add($ops::add(sum, $ops::choose($e, $f, $g)), $ops::big1($e));
                        $d = $ops::add($d, first);
                        $h = $ops::add($ops::add(first, $ops::majority($a, $b, $c)), $ops::big0($a));
                    };
                }
                macro_rules! expand {
                    ($i:literal) => {
                        w[$i] = $ops::add(
                            $ops::add(w[$i], $ops::small0(w[($i + 1) % 16])),
                            $ops::add(w[($i + 9) % 16], $ops::small1(w[($i + 14) % 16])),
                        );
                    };
                }
                macro_rules! sixteen {
                    ($t:expr) => {
                        round!(a b c d e f g h, $t, 0);
                        round!(h a b c d e f g, $t, 1);
                        round!(g h a b c d e f, $t, 2);
                        round!(f g h a b c d e, $t, 3);
                        round!(e f g h a b c d, $t, 4);
                        round!(d e f g h a b c, $t, 5);
                        round!(c d e f g h a b, $t, 6);
                        round!(b c d e f g h a, $t, 7);
                        round!(a b c d e f g h, $t, 8);
                        round!(h a b c d e f g, $t, 9);
                        round!(g h a b c d e f, $t, 10);
                        round!(f g h a b c d e, $t, 11);
                        round!(e f g h a b c d, $t, 12);
                        round!(d e f g h a b c, $t, 13);
                        round!(c d e f g h a b, $t, 14);
                        round!(b c d e f g h a, $t, 15);
                    };
                }
                sixteen!(0);
                for t in [16, 32, 48] {
                    expand!(0);
                    expand!(1);
                    expand!(2);
                    expand!(3);
                    expand!(4);
                    expand!(5);
                    expand!(6);
                    expand!(7);
                    expand!(8);
                    expand!(9);
                    expand!(10);
                    expand!(11);
                    expand!(12);
                    expand!(13);
                    expand!(14);
                    expand!(15);
                    sixteen!(t);
                }
                for (vector, new) in chain.iter_mut().zip([a, b, c, d, e, f, g, h]) {
                    *vector = $ops::add(*vector, new);
                }
            }
            for (word, vector) in words.iter_mut().zip(chain) {
                $ops::store(word, vector);
            }
            for (lane, state) in states.iter_mut().enumerate() {
                for (value, word) in state.iter_mut().zip(&words) {
                    *value = word[lane];
                }
            }
        }
    };
}

kernel!(
    avx512_16,
    avx512_16_inner,
    ops512,
    16,
    "avx512f,avx512bw,avx512vl,avx2",
    has_avx512,
    "Up to 16 streams, in 512-bit registers."
);
kernel!(
    avx512_8,
    avx512_8_inner,
    ops256,
    8,
    "avx512f,avx512bw,avx512vl,avx2",
    has_avx512,
    "Up to 8 streams, in 256-bit registers with the instructions of AVX-512: for when fewer than 16 are left."
);
kernel!(
    avx2_8,
    avx2_8_inner,
    ops_avx2,
    8,
    "avx2",
    has_avx2,
    "Up to 8 streams, in 256-bit registers."
);

/// The functions of FIPS 180-4, 4.1.2, where the processor has rotations and three-operand logic.
macro_rules! logic {
    ($vector:ty, $features:literal, $ror:ident, $shr:ident, $ternary:ident) => {
        #[inline]
        #[target_feature(enable = $features)]
        pub(super) fn choose(x: $vector, y: $vector, z: $vector) -> $vector {
            $ternary::<0xca>(x, y, z)
        }

        #[inline]
        #[target_feature(enable = $features)]
        pub(super) fn majority(x: $vector, y: $vector, z: $vector) -> $vector {
            $ternary::<0xe8>(x, y, z)
        }

        #[inline]
        #[target_feature(enable = $features)]
        pub(super) fn big0(x: $vector) -> $vector {
            $ternary::<0x96>($ror::<2>(x), $ror::<13>(x), $ror::<22>(x))
        }

        #[inline]
        #[target_feature(enable = $features)]
        pub(super) fn big1(x: $vector) -> $vector {
            $ternary::<0x96>($ror::<6>(x), $ror::<11>(x), $ror::<25>(x))
        }

        #[inline]
        #[target_feature(enable = $features)]
        pub(super) fn small0(x: $vector) -> $vector {
            $ternary::<0x96>($ror::<7>(x), $ror::<18>(x), $shr::<3>(x))
        }

        #[inline]
        #[target_feature(enable = $features)]
        pub(super) fn small1(x: $vector) -> $vector {
            $ternary::<0x96>($ror::<17>(x), $ror::<19>(x), $shr::<10>(x))
        }
    };
}

/// 16 lanes, AVX-512.
mod ops512 {
    use super::*;

    logic!(
        __m512i,
        "avx512f,avx512bw,avx512vl,avx2",
        _mm512_ror_epi32,
        _mm512_srli_epi32,
        _mm512_ternarylogic_epi32
    );

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2")]
    pub(super) fn zero() -> __m512i {
        _mm512_setzero_si512()
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2")]
    pub(super) fn set(word: u32) -> __m512i {
        _mm512_set1_epi32(word.cast_signed())
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2")]
    pub(super) fn add(x: __m512i, y: __m512i) -> __m512i {
        _mm512_add_epi32(x, y)
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2")]
    pub(super) fn load(words: &[u32; 16]) -> __m512i {
        // SAFETY: the 64 bytes read are those of the array; the load needs no alignment.
        unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2")]
    pub(super) fn store(words: &mut [u32; 16], vector: __m512i) {
        // SAFETY: the 64 bytes written are those of the array; the store needs no alignment.
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), vector) }
    }

    /// Word `i` of the block of every lane, in register `i`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2")]
    pub(super) fn message(lanes: &[&[Block]; 16], block: usize) -> [__m512i; 16] {
        let swap = _mm512_broadcast_i32x4(_mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203));
        let mut rows = [zero(); 16];
        for (row, lane) in rows.iter_mut().zip(lanes) {
            // SAFETY: the 64 bytes read are those of the block; the load needs no alignment.
            let bytes = unsafe { _mm512_loadu_si512(lane[block].as_ptr().cast()) };
            *row = _mm512_shuffle_epi8(bytes, swap);
        }
        // In each quarter q of quads[g][j]: word 4q + j of the lanes 4g to 4g + 3.
        let mut quads = [[zero(); 4]; 4];
        for (quad, [r0, r1, r2, r3]) in quads.iter_mut().zip(rows.as_chunks().0) {
            let (low01, high01) = (_mm512_unpacklo_epi32(*r0, *r1), _mm512_unpackhi_epi32(*r0, *r1));
            let (low23, high23) = (_mm512_unpacklo_epi32(*r2, *r3), _mm512_unpackhi_epi32(*r2, *r3));
            *quad = [
                _mm512_unpacklo_epi64(low01, low23),
                _mm512_unpackhi_epi64(low01, low23),
                _mm512_unpacklo_epi64(high01, high23),
                _mm512_unpackhi_epi64(high01, high23),
            ];
        }
        let mut words = [zero(); 16];
        for j in 0..4 {
            let even = |x, y| _mm512_shuffle_i32x4::<0x88>(x, y);
            let odd = |x, y| _mm512_shuffle_i32x4::<0xdd>(x, y);
            let (x, y) = (even(quads[0][j], quads[1][j]), even(quads[2][j], quads[3][j]));
            words[j] = even(x, y);
            words[8 + j] = odd(x, y);
            let (x, y) = (odd(quads[0][j], quads[1][j]), odd(quads[2][j], quads[3][j]));
            words[4 + j] = even(x, y);
            words[12 + j] = odd(x, y);
        }
        words
    }
}

/// What AVX2 alone does, for 8 lanes.
macro_rules! common256 {
    ($features:literal) => {
        #[inline]
        #[target_feature(enable = $features)]
        pub(super) fn zero() -> __m256i {
            _mm256_setzero_si256()
        }

        #[inline]
        #[target_feature(enable = $features)]
        pub(super) fn set(word: u32) -> __m256i {
            _mm256_set1_epi32(word.cast_signed())
        }

        #[inline]
        #[target_feature(enable = $features)]
        pub(super) fn add(x: __m256i, y: __m256i) -> __m256i {
            _mm256_add_epi32(x, y)
        }

        #[inline]
        #[target_feature(enable = $features)]
        pub(super) fn load(words: &[u32; 8]) -> __m256i {
            // SAFETY: the 32 bytes read are those of the array; the load needs no alignment.
            unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
        }

        #[inline]
        #[target_feature(enable = $features)]
        pub(super) fn store(words: &mut [u32; 8], vector: __m256i) {
            // SAFETY: the 32 bytes written are those of the array; the store needs no alignment.
            unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), vector) }
        }

        /// Word `i` of the block of every lane, in register `i`.
        #[inline]
        #[target_feature(enable = $features)]
        pub(super) fn message(lanes: &[&[Block]; 8], block: usize) -> [__m256i; 16] {
            let swap =
                _mm256_broadcastsi128_si256(_mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203));
            let mut words = [zero(); 16];
            for (half, words) in words.as_chunks_mut::<8>().0.iter_mut().enumerate() {
                let mut rows = [zero(); 8];
                for (row, lane) in rows.iter_mut().zip(lanes) {
                    let bytes: &[u8; 32] = &lane[block].as_chunks().0[half];
                    // SAFETY: the 32 bytes read are those of the array; the load needs no alignment.
                    let bytes = unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) };
                    *row = _mm256_shuffle_epi8(bytes, swap);
                }
                // In each half q of quads[g][j]: word 4q + j of the lanes 4g to 4g + 3.
                let mut quads = [[zero(); 4]; 2];
                for (quad, [r0, r1, r2, r3]) in quads.iter_mut().zip(rows.as_chunks().0) {
                    let (low01, high01) = (
                        _mm256_unpacklo_epi32(*r0, *r1),
                        _mm256_unpackhi_epi32(*r0, *r1),
                    );
                    let (low23, high23) = (
                        _mm256_unpacklo_epi32(*r2, *r3),
                        _mm256_unpackhi_epi32(*r2, *r3),
                    );
                    *quad = [
                        _mm256_unpacklo_epi64(low01, low23),
                        _mm256_unpackhi_epi64(low01, low23),
                        _mm256_unpacklo_epi64(high01, high23),
                        _mm256_unpackhi_epi64(high01, high23),
                    ];
                }
                for j in 0..4 {
                    words[j] = _mm256_permute2x128_si256::<0x20>(quads[0][j], quads[1][j]);
                    words[4 + j] = _mm256_permute2x128_si256::<0x31>(quads[0][j], quads[1][j]);
                }
            }
            words
        }
    };
}

/// 8 lanes, AVX-512.
mod ops256 {
    use super::*;

    common256!("avx512f,avx512bw,avx512vl,avx2");
    logic!(
        __m256i,
        "avx512f,avx512bw,avx512vl,avx2",
        _mm256_ror_epi32,
        _mm256_srli_epi32,
        _mm256_ternarylogic_epi32
    );
}

/// 8 lanes, AVX2.
mod ops_avx2 {
    use super::*;

    common256!("avx2");
    logic!(__m256i, "avx2", ror, _mm256_srli_epi32, ternary);

    /// A rotation by `RIGHT` bits. (A shift by a register is as fast as one by a constant, for the compiler sees it.)
    #[inline]
    #[target_feature(enable = "avx2")]
    fn ror<const RIGHT: i32>(x: __m256i) -> __m256i {
        let left = _mm_cvtsi32_si128(32 - RIGHT);
        _mm256_or_si256(_mm256_srli_epi32::<RIGHT>(x), _mm256_sll_epi32(x, left))
    }

    /// The three functions that SHA-256 needs, by the numbers that AVX-512 gives them.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn ternary<const TABLE: i32>(x: __m256i, y: __m256i, z: __m256i) -> __m256i {
        match TABLE {
            0xca => _mm256_xor_si256(z, _mm256_and_si256(x, _mm256_xor_si256(y, z))),
            0xe8 => _mm256_or_si256(_mm256_and_si256(x, y), _mm256_and_si256(z, _mm256_or_si256(x, y))),
            _ => _mm256_xor_si256(x, _mm256_xor_si256(y, z)),
        }
    }
}
