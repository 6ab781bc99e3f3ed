//! One stream at a time, by AWS-LC: it uses SHA instructions where the processor has them.

use crate::engine::{Block, State};

/// Applies the compression function for each block in turn.
pub(crate) fn compress(state: &mut State, blocks: &[Block]) {
    // Lets AWS-LC find out what the processor can do; after the first call this is one load.
    aws_lc_rs::init();
    // SAFETY: `state` is eight words that are ours to change, and `blocks` is as many times 64 bytes as it has
    // elements; the function reads and writes no others, and keeps no pointer.
    unsafe {
        aws_lc_sys::SHA256_TransformBlocks(state.as_mut_ptr(), blocks.as_ptr().cast(), blocks.len());
    }
}
