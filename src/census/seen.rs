//! Entries met twice in a dump. A dump of a live table is no snapshot: the kernel resumes it at a hash bucket, and
//! an entry of that bucket may come again.
//!
//! Only forms that print `id=` can tell: two entries with equal tuple may stand in different zones or be one that was
//! made anew, and remembering every tuple would take more memory than the census. The id alone is no identity, since
//! it has 32 bits and is a hash from 5.1 on (`nf_ct_get_id`): of a million entries some hundred pairs share theirs.
//! What comes again comes soon, so the last entries are remembered, not all.
//!
//! One memory belongs to one worker: a form with ids is therefore read by one worker from its beginning.

use std::collections::HashSet;
use std::hash::BuildHasher;

use foldhash::fast::RandomState;

use crate::model::flow::Flow;

/// Entries that are remembered at least (and at most twice as many).
const REMEMBERED: usize = 100_000;

/// The last entries with ids, as 64-bit hashes under a seed of this process.
#[derive(Debug, Default)]
pub(super) struct Seen {
    hasher: RandomState,
    now: HashSet<u64, RandomState>,
    before: HashSet<u64, RandomState>,
}

impl Seen {
    /// This very entry was met shortly before. Never true for an entry without id.
    #[inline]
    pub(super) fn again(&mut self, flow: &Flow) -> bool {
        match flow.id {
            None => false,
            Some(id) => self.remembered(self.hasher.hash_one((id, flow.original, flow.zones.original))),
        }
    }

    fn remembered(&mut self, hash: u64) -> bool {
        if self.before.contains(&hash) || !self.now.insert(hash) {
            return true;
        }
        if self.now.len() >= REMEMBERED {
            std::mem::swap(&mut self.now, &mut self.before);
            self.now.clear();
        }
        false
    }
}
