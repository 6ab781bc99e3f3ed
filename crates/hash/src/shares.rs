use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// Pieces of work dealt to threads, so that all have about as many bytes to hash: with [`hash_many`](crate::hash_many)
/// a thread takes many streams at once, so that threads which all took from one queue would end far apart.
#[derive(Debug)]
pub struct Shares {
    shares: Vec<Mutex<Share>>,
}

/// Who takes the largest first has only small ones left at the end.
#[derive(Debug, Default)]
struct Share {
    waiting: VecDeque<usize>,
}

/// What a piece costs beside its bytes.
const OVERHEAD: u64 = 4096;

impl Shares {
    /// Deals pieces of these sizes, named by their place in the list, to at most `threads` threads.
    pub fn new(sizes: &[u64], threads: usize) -> Self {
        let threads = threads.min(sizes.len()).max(1);
        let mut order: Vec<usize> = (0..sizes.len()).collect();
        order.sort_by_key(|at| Reverse(sizes[*at]));
        let mut shares: Vec<Share> = Vec::new();
        shares.resize_with(threads, Share::default);
        let mut loads: BinaryHeap<_> = (0..threads).map(|thread| Reverse((0u64, thread))).collect();
        for at in order {
            if let Some(mut least) = loads.peek_mut() {
                let Reverse((load, thread)) = &mut *least;
                *load = load.saturating_add(sizes[at]).saturating_add(OVERHEAD);
                shares[*thread].waiting.push_back(at);
            }
        }
        Self {
            shares: shares.into_iter().map(Mutex::new).collect(),
        }
    }

    /// How many threads have a share.
    pub fn threads(&self) -> usize {
        self.shares.len()
    }

    /// The next piece of this thread's share, the largest first.
    pub fn next(&self, thread: usize) -> Option<usize> {
        self.share(thread).waiting.pop_front()
    }

    /// Moves half of what waits in the longest other share to this thread's, which is empty. False when nothing waits
    /// anywhere, so that the thread can end.
    pub fn help(&self, thread: usize) -> bool {
        loop {
            let longest = (0..self.shares.len())
                .filter(|other| *other != thread)
                .map(|other| (self.share(other).waiting.len(), other))
                .max();
            let Some((1.., other)) = longest else {
                return false;
            };
            let taken = {
                let waiting = &mut self.share(other).waiting;
                let keep = waiting.len() / 2;
                waiting.split_off(keep)
            };
            if !taken.is_empty() {
                self.share(thread).waiting.extend(taken);
                return true;
            }
        }
    }

    fn share(&self, thread: usize) -> std::sync::MutexGuard<'_, Share> {
        self.shares[thread].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_large_ones_go_to_two_threads() {
        let shares = Shares::new(&[5, 1 << 30, 7, 1 << 30, 6], 2);
        let first: Vec<_> = std::iter::from_fn(|| shares.next(0)).collect();
        let second: Vec<_> = std::iter::from_fn(|| shares.next(1)).collect();
        assert_eq!((first[0], second[0]), (1, 3));
        assert_eq!(first.len() + second.len(), 5);
    }

    #[test]
    fn each_piece_is_done_once_whoever_helps() {
        let sizes: Vec<u64> = (0..1000).map(|at| at * 7919 % 1009).collect();
        let shares = Shares::new(&sizes, 3);
        assert_eq!(shares.threads(), 3);
        let done = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            // The third thread never comes.
            for thread in 0..2 {
                let (shares, done) = (&shares, &done);
                scope.spawn(move || {
                    loop {
                        while let Some(at) = shares.next(thread) {
                            done.lock().unwrap().push(at);
                        }
                        if !shares.help(thread) {
                            break;
                        }
                    }
                });
            }
        });
        let mut done = done.into_inner().unwrap();
        done.sort_unstable();
        assert!(done.into_iter().eq(0..1000));
    }

    #[test]
    fn no_work_is_no_trouble() {
        let shares = Shares::new(&[], 4);
        assert_eq!(shares.threads(), 1);
        assert!(shares.next(0).is_none() && !shares.help(0));
    }
}
