//! One record of a log, as a dialect understood it.

use super::blemish::BlemishKind;
use super::signal::Signal;
use super::time::{BootId, Moment};

/// How far a source may be believed. The order is from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trust {
    /// Text that any local user, or over UDP anybody, could have written.
    Unverified,
    /// A file that claims to record the kernel (a journal export with `_TRANSPORT=kernel`, saved /dev/kmsg records).
    AsRecorded,
    /// We read `/dev/kmsg` or the journal ourselves, or a bundle of ours says so.
    Kernel,
}

/// What a record is, as far as the fold cares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Nothing about connection tracking; only its moment counts.
    Passing,
    /// One kernel message that says something.
    Signal(Signal),
    /// `message repeated N times`: N further copies of an earlier line, whose meaning was found in the look-back
    /// (or stands in brackets in the line itself). `times` is at least 1.
    Repeated {
        /// What is repeated.
        signal: Signal,
        /// How many further copies.
        times: u64,
    },
    /// The same of something that says nothing about connection tracking. It is no more than [`Content::Passing`], but
    /// its time is that of the last copy: it may be older than the lines in front of it.
    RepeatedPassing,
    /// `last message repeated N times`, and the line it refers to is not in this stream's look-back.
    RepeatedUnknown {
        /// How many further copies.
        times: u64,
    },
    /// `-- Boot … --`, `-- Reboot --`: what follows is another boot.
    BootSeparator,
    /// A record that is damaged; it is counted and the first of each kind is shown.
    Malformed(BlemishKind),
}

/// One record: where, when, whose, what. Nothing inferred.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'a> {
    /// Where and when.
    pub moment: Moment,
    /// The host word as written, without trailing colon; none where the shape has none.
    pub host: Option<&'a [u8]>,
    /// The boot the record itself names (journal `_BOOT_ID`).
    pub boot: Option<BootId>,
    /// How far it may be believed.
    pub trust: Trust,
    /// What it says.
    pub content: Content,
    /// The raw line (first 512 bytes at most), kept for the reader of the report; without terminal escapes. Empty for
    /// `Passing`.
    pub raw: &'a [u8],
}
