//! The two clocks of a running machine, read together.

use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::model::live::clock::Now;
use crate::model::time::{SECOND_US, WallTime};

/// What time it is.
pub fn now() -> Now {
    Now {
        uptime_us: us(clock_gettime(ClockId::Boottime)),
        wall: WallTime(us(clock_gettime(ClockId::Realtime))),
    }
}

fn us(time: Timespec) -> i64 {
    time.tv_sec.saturating_mul(SECOND_US).saturating_add(time.tv_nsec / 1_000)
}
