//! Entries noted by the first look, so that a table of common size is read once: the second look then goes over the
//! notes, and whether the file changed between two readings is no question.
//!
//! A note is 16 bytes, because it names its pair by the pair's place in the tally. Where an entry does not fit into a
//! note (volumes, a state word that no kernel prints), where there are too many, or where pairs had to be cut, the
//! notes are given up, and the table is read a second time.

use super::entry::Entry;

/// Entries that are noted at most: 16 MiB.
const NOTES_MAX: usize = 1 << 20;

/// One entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Note {
    /// The place of its pair.
    pub(super) pair: u32,
    pub(super) entry: Entry,
}

const _: () = assert!(size_of::<Note>() == 16);

/// All entries of a part, or none.
#[derive(Debug, Default)]
pub(super) struct Notes {
    list: Vec<Note>,
    given_up: bool,
}

impl Notes {
    /// Notes an entry.
    #[inline]
    pub(super) fn add(&mut self, pair: u32, entry: Entry) {
        if self.given_up {
            return;
        }
        self.list.push(Note { pair, entry });
        if self.list.len() > NOTES_MAX {
            self.give_up();
        }
    }

    /// Forgets them, for good.
    #[cold]
    pub(super) fn give_up(&mut self) {
        *self = Self { list: Vec::new(), given_up: true };
    }

    /// These and those of another part, whose pairs have these places here.
    pub(super) fn join(&mut self, mut right: Self, places: &[u32]) {
        if self.given_up || right.given_up || self.list.len() + right.list.len() > NOTES_MAX {
            return self.give_up();
        }
        for note in &mut right.list {
            // Every pair of a part has a place.
            note.pair = places.get(note.pair as usize).copied().unwrap_or(u32::MAX);
        }
        if self.list.is_empty() {
            self.list = right.list;
        } else {
            self.list.append(&mut right.list);
        }
    }

    /// Every entry of the part; none where the notes were given up.
    pub(super) fn all(&self) -> Option<&[Note]> {
        (!self.given_up).then_some(self.list.as_slice())
    }
}
