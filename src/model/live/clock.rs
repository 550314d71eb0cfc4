//! A moment of a running machine, on both of its clocks.

use crate::model::time::{BootId, WallTime};

/// A moment: the wall clock is for people and for file names, everything that waits or expires goes by the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Now {
    /// `CLOCK_BOOTTIME`, microseconds: never steps, counts suspended time, begins at zero with each boot.
    pub uptime_us: i64,
    /// `CLOCK_REALTIME`. May step at any time, either way.
    pub wall: WallTime,
}

/// A moment that outlives the boot it was in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Dated {
    /// The boot.
    pub boot: BootId,
    /// The moment.
    pub now: Now,
}
