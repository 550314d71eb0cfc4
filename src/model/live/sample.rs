//! One look at the counters of a table: cheap enough for once a second.

use super::clock::Now;

/// A network namespace of this machine, now. Inodes are recycled within minutes, so that an inode alone names none over
/// time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Netns {
    /// Inode of the namespace in nsfs, as the kernel prints it (`net->ns.inum`).
    pub inode: u64,
    /// The one the machine booted with: its lines name none.
    pub initial: bool,
    /// Its own age: it was not there before this moment of the boot (microseconds of `CLOCK_BOOTTIME`), be it that the
    /// kernel says so or that the look before found no such namespace. One that was there at the first look has none:
    /// it may be as old as the boot. Whoever fills this in gives the same namespace the same value for as long as it
    /// is watched.
    pub born_us: Option<i64>,
}

/// Counters of the table of one namespace at one moment. What could not be read is `None`, never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sample {
    /// When.
    pub at: Now,
    /// Whose.
    pub netns: Netns,
    /// `nf_conntrack_count`: entries, expired ones that are not yet collected among them.
    pub count: Option<u64>,
    /// `nf_conntrack_max`: one limit, for each namespace.
    pub max: Option<u64>,
    /// `drop` of `/proc/net/stat/nf_conntrack`, summed over all processors, since the namespace was made: packets refused,
    /// from 4.7 on unresolved clashes among them.
    pub drop: Option<u64>,
    /// `early_drop`: entries evicted to make room.
    pub early_drop: Option<u64>,
    /// `insert_failed`.
    pub insert_failed: Option<u64>,
    /// `chaintoolong` (6.x).
    pub chain_too_long: Option<u64>,
    /// `new` (before 4.9; later kernels print zero) or none.
    pub new: Option<u64>,
}
