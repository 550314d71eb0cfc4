//! What a source could not read, and that it cannot read now.

use super::clock::Now;

/// Records that were lost, or may have been, between two that were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// How.
    pub kind: GapKind,
    /// When it was noticed.
    pub noticed: Now,
    /// How many records, where that is known exactly.
    pub lost: Option<u64>,
    /// In words, with the names of files.
    pub words: String,
}

/// How records were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GapKind {
    /// The kernel's ring was written over before it was read (EPIPE, or the saved number is older than the oldest).
    Overrun,
    /// A record could not be read (EINVAL).
    Unreadable,
    /// The saved place in the journal is gone.
    CursorGone,
    /// The file that was being read is nowhere to be found.
    FileGone,
    /// The file was cut while it was being read: what was written between the last look and the cut is lost, unless a
    /// copy of it was found.
    Truncated,
    /// A file is damaged from some place on.
    Damaged,
    /// The source was not read for a while, and what it held then is not known.
    NotRead,
}

impl GapKind {
    /// A short name, for machines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Overrun => "overrun",
            Self::Unreadable => "unreadable",
            Self::CursorGone => "cursor-gone",
            Self::FileGone => "file-gone",
            Self::Truncated => "truncated",
            Self::Damaged => "damaged",
            Self::NotRead => "not-read",
        }
    }
}

/// Why a source hears nothing, or not as it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Since when.
    pub since: Now,
    /// How bad.
    pub severity: Severity,
    /// What was tried and what the system said.
    pub words: String,
    /// What a person can do about it.
    pub hint: Option<&'static str>,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Everything is heard, only later or at greater cost (polling in the place of notification).
    Slower,
    /// Nothing is heard.
    Deaf,
}
