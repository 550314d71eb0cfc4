//! Which machine this is, for the manifest of a bundle.

use rustix::time::{ClockId, clock_gettime};

use super::{clock, facts, reading};
use crate::edge::zone;
use crate::model::time::BootId;
use crate::wire::bundle::{Clock, Manifest};

/// Bytes of an id with its line end.
const ID_BYTES_MAX: usize = 64;

/// A manifest that names this machine, its boot and its clocks, and nothing captured yet.
pub fn manifest() -> Manifest {
    // The printk clock stands still while the machine sleeps, as this one does.
    let monotonic = clock_gettime(ClockId::Monotonic);
    let since_boot = monotonic.tv_sec as f64 + monotonic.tv_nsec as f64 / 1e9;
    let now = clock::now();
    Manifest {
        host_names: vec![facts::host_name()],
        machine_id: line("/etc/machine-id").filter(|id| id.len() == 32),
        boot_id: boot_id(),
        kernel: Some(facts::kernel()),
        clock: Some(Clock {
            wall: now.wall,
            since_boot_seconds: Some((since_boot * 1e6).round() / 1e6),
            zone: zone::local_zone_name(),
        }),
        tool: Some((env!("CARGO_PKG_NAME").to_owned(), env!("CARGO_PKG_VERSION").to_owned())),
        ..Manifest::default()
    }
}

/// The boot that this is.
pub fn boot_id() -> Option<BootId> {
    let text = line("/proc/sys/kernel/random/boot_id")?;
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|c| *c != '-')
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let bytes: Vec<u8> =
        digits?.chunks_exact(2).map(|pair| pair.iter().fold(0, |sum, half| sum << 4 | half)).collect();
    <[u8; 16]>::try_from(bytes).ok().map(BootId)
}

fn line(path: &str) -> Option<String> {
    let bytes = reading::read(path, ID_BYTES_MAX).ok()?;
    std::str::from_utf8(&bytes).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}
