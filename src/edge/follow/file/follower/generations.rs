//! What a follower has of a file: one that it reads, one that was there before, one in which nothing stands yet.

use std::fs::File;

use super::super::identity::{Seen, hash};
use super::super::reading::{PackedFile, Plain};
use super::super::siblings::Sibling;
use crate::model::live::position::{FileIdentity, FilePlace};

/// One generation in the queue.
pub(super) enum Generation {
    Plain(Box<Plain>),
    Packed(Box<PackedFile>),
}

impl Generation {
    pub(super) fn identity(&self) -> FileIdentity {
        match self {
            Self::Plain(plain) => plain.seen.identity,
            Self::Packed(packed) => packed.seen.identity,
        }
    }

    pub(super) fn place(&self) -> FilePlace {
        match self {
            Self::Plain(plain) => plain.place(),
            Self::Packed(packed) => packed.place(),
        }
    }

    pub(super) fn begins_as(&self, sibling: &Sibling) -> bool {
        match self {
            Self::Plain(plain) => plain.begins_as(sibling),
            Self::Packed(packed) => sibling.is_copy_of(&packed.head, packed.seen.modified_ns),
        }
    }

    /// A whole line is in front of its place, or a hole, whose length few files share.
    pub(super) fn stands_behind_a_line(&self) -> bool {
        let before = match self {
            Self::Plain(plain) => plain.before(),
            Self::Packed(packed) => packed.before(),
        };
        before.iter().any(|byte| [b'\n', 0].contains(byte))
    }

    /// Nothing of it was read.
    pub(super) fn is_unread(&self) -> bool {
        matches!(self, Self::Plain(plain) if plain.offset == 0)
    }
}

/// A generation that is not new.
pub(super) struct Elder {
    pub(super) identity: FileIdentity,
    pub(super) head: Vec<u8>,
    pub(super) modified_ns: i64,
}

/// A generation in which nothing stands yet, or nothing but a hole.
pub(super) struct Blank {
    pub(super) file: File,
    pub(super) seen: Seen,
    /// Uptime when it was found.
    pub(super) since_us: i64,
}

/// A generation of which nothing was read.
pub(super) enum Unread {
    Generation(Generation),
    Blank(Blank),
}

impl Blank {
    pub(super) fn was_written_to(&self) -> bool {
        rustix::fs::fstat(&self.file)
            .is_ok_and(|stat| u64::try_from(stat.st_size).is_ok_and(|size| size > self.seen.size))
    }

    pub(super) fn place(&self) -> FilePlace {
        FilePlace {
            file: self.seen.identity,
            offset: 0,
            before: hash(&[]),
            inside_long_line: false,
            modified_ns: self.seen.modified_ns,
            rotated: true,
        }
    }
}
