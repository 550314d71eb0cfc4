//! What was saved together from one machine: an archive, a sos report, a directory with a manifest of ours.

use super::incident::Namespace;
use super::report::Role;
use super::time::{BootId, WallTime};

/// A bundle. What it does not say is not known.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bundle {
    /// The directory or archive, as in [`Hints::bundle`](super::input::Hints::bundle).
    pub root: Box<str>,
    /// The incident that it was kept for.
    pub incident: Option<Box<str>>,
    /// When it began, as far as that was known when it was opened.
    pub opened: Option<WallTime>,
    /// The watcher saw the end of it.
    pub closed: bool,
    /// Names of its machine, the shown one first.
    pub host_names: Vec<Box<str>>,
    /// One moment on the printk clock and on the wall.
    pub tie: Option<BootTie>,
    /// Name of the machine's time zone.
    pub zone: Option<Box<str>>,
    /// Captures, in order.
    pub captures: Vec<Capture>,
}

/// How far wall time is ahead of the printk clock of one boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootTie {
    /// Which boot, where named.
    pub boot: Option<BootId>,
    /// Microseconds to add to since boot.
    pub offset_us: i64,
}

/// Files that were read at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Capture {
    /// Their directory, root included.
    pub directory: Box<str>,
    /// Seen from the incident it was made for.
    pub role: Option<Role>,
    /// When.
    pub taken_at: Option<WallTime>,
    /// Seconds that it took.
    pub took_seconds: Option<f64>,
    /// Of which namespace.
    pub namespace: Namespace,
    /// Everything that was wanted was read.
    pub complete: bool,
    /// What was not read, and why.
    pub not_read: Vec<(Box<str>, Box<str>)>,
}
