//! What time it is.

use std::io;

use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::model::live::clock::Now;
use crate::model::time::{BootId, SECOND_US, WallTime};

/// Both clocks of a watcher.
pub fn now() -> Now {
    Now { uptime_us: us(ClockId::Boottime), wall: WallTime(us(ClockId::Realtime)) }
}

/// `CLOCK_MONOTONIC`, microseconds: like printk's clock it stands still while the machine is suspended.
pub(super) fn monotonic_us() -> i64 {
    us(ClockId::Monotonic)
}

fn us(clock: ClockId) -> i64 {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(clock);
    tv_sec.saturating_mul(SECOND_US).saturating_add(tv_nsec / 1_000)
}

/// The boot that this machine is in.
pub fn boot_id() -> io::Result<BootId> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    let digits: String = text.trim().chars().filter(|letter| *letter != '-').collect();
    u128::from_str_radix(&digits, 16)
        .map(|id| BootId(id.to_be_bytes()))
        .map_err(|_| io::Error::other("/proc/sys/kernel/random/boot_id holds no boot id"))
}
