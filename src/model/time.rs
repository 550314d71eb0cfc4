//! Time as it is written in logs, and wall time.
//!
//! Nothing here knows what time it is: "now" is a value handed in from the edge.

/// Microseconds in one second.
pub const SECOND_US: i64 = 1_000_000;
/// Microseconds in one day.
pub const DAY_US: i64 = 86_400 * SECOND_US;
/// Microseconds from 1970-01-01 to 2000-01-01, the (leap) year in which yearless stamps are written down.
pub const YEARLESS_BASE_US: i64 = 946_684_800 * SECOND_US;

/// A point in wall time: microseconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime(pub i64);

/// How much a log line says about wall time. The order is from most to least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StampKind {
    /// Date, time and zone (or an epoch): UTC is known.
    Absolute,
    /// Date and time, no zone.
    Local,
    /// Month, day and time: neither year nor zone (RFC 3164).
    Yearless,
    /// No wall time at all (dmesg, /dev/kmsg).
    Absent,
}

/// Wall time as one line writes it, nothing inferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stamp {
    /// Microseconds since the Unix epoch, UTC.
    Absolute(i64),
    /// Civil microseconds since 1970-01-01 00:00 as if the writer's clock showed UTC.
    Local(i64),
    /// Civil microseconds since January 1 00:00 of a leap year, `0 ..= 366 days`.
    Yearless(i64),
}

impl Stamp {
    /// Which kind of clock this is.
    pub fn kind(self) -> StampKind {
        match self {
            Self::Absolute(_) => StampKind::Absolute,
            Self::Local(_) => StampKind::Local,
            Self::Yearless(_) => StampKind::Yearless,
        }
    }

    /// The bare microseconds on that clock.
    pub fn us(self) -> i64 {
        match self {
            Self::Absolute(us) | Self::Local(us) | Self::Yearless(us) => us,
        }
    }
}

/// A kernel boot, by the 16 bytes of `/proc/sys/kernel/random/boot_id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BootId(pub [u8; 16]);

/// Where and when one line stands, as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Moment {
    /// Offset of the line's first byte in the decoded stream.
    pub offset: u64,
    /// Wall time as written.
    pub stamp: Option<Stamp>,
    /// What one unit of `stamp` is worth: 1 to 1,000,000 µs (an RFC 3164 second), or the minute of `dmesg -e`. 0 where
    /// there is no stamp.
    pub precision_us: u32,
    /// The printk clock, microseconds since boot. Below zero where an old kernel's clock had not wrapped yet.
    pub since_boot_us: Option<i64>,
    /// The kernel's record number, where the source gives it (/dev/kmsg).
    pub seq: Option<u64>,
}

impl Moment {
    /// Microseconds on the best clock the line has: since boot, else its stamp.
    pub fn best_us(&self) -> Option<i64> {
        self.since_boot_us.or(self.stamp.map(Stamp::us))
    }
}
