//! Lists one after another in one stream: where one ends and the next one begins.
//!
//! People append: every minute's table to one file, `/proc/net/nf_conntrack` and `conntrack -L` of the same table, IPv4
//! and then IPv6. Entries of two lists of one table are not twice as many entries. A list ends where a heading stands,
//! where the form of the lines changes, where the tool said that so many entries were shown and so many were read, and
//! where its first entry comes again. It does not end where what follows is of another address family than all before:
//! `conntrack -L` of most versions lists IPv4 alone, and the table's other half is then listed behind it.

use crate::model::flow::{Flow, L3, L4, L4Part, Tuple, Zones};

/// A first entry that comes again within so many bytes is one of a bucket that was read twice, not another list.
const AGAIN_BYTES_MIN: u64 = 1024;

/// What stands for the port of an entry without one.
const NO_PORT: u32 = u32::MAX;

/// The first entry of a list that has ports, and where it stands.
#[derive(Debug, Clone, Copy)]
struct First {
    at: u64,
    original: Tuple,
    l4: L4,
    zones: Zones,
}

/// The list that is being read.
#[derive(Debug, Clone)]
pub(super) struct Listing {
    /// Entries of it.
    entries: u64,
    /// Entries of it when the run of the tool began that it was last joined by.
    base: u64,
    /// So many will it have, as the tool said; none said: as many as come.
    until: u64,
    /// What comes next belongs to another one.
    due: bool,
    /// What the tool said of the next one.
    held: Option<u64>,
    /// Address families met, a bit each.
    families: u8,
    first: Option<First>,
    /// Its source port, by which nearly every other entry is told from it in one step.
    port: u32,
    /// From so many entries on each is looked at closely.
    alarm: u64,
}

/// What an entry is to the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Border {
    /// One more of it.
    Within,
    /// One more of it, listed by another run of the tool, which said how many it showed.
    Joined(Option<u64>),
    /// The first of the next one, of which the tool said how many there are.
    Next(Option<u64>),
}

impl Default for Listing {
    fn default() -> Self {
        Self {
            entries: 0,
            base: 0,
            until: u64::MAX,
            due: false,
            held: None,
            families: 0,
            first: None,
            port: NO_PORT,
            alarm: 0,
        }
    }
}

impl Listing {
    /// This entry must be looked at closely: it may be the first of another list.
    #[inline]
    pub(super) fn stirs(&self, flow: &Flow) -> bool {
        self.entries >= self.alarm || port(flow) == self.port
    }

    /// It was. `wary`: so must the next one be.
    pub(super) fn looked_at(&mut self, flow: &Flow, at: u64, wary: bool) {
        if self.first.is_none() && port(flow) != NO_PORT {
            self.first = Some(First { at, original: flow.original, l4: flow.l4, zones: flow.zones });
            self.port = port(flow);
        }
        self.alarm = if wary || self.due || self.first.is_none() { 0 } else { self.until };
    }

    /// What this entry is, which [`Self::stirs`] says may begin another list.
    #[cold]
    pub(super) fn border(&mut self, flow: &Flow, at: u64) -> Border {
        let again = self.first.is_some_and(|first| {
            at > first.at.saturating_add(AGAIN_BYTES_MIN)
                && first.l4 == flow.l4
                && first.zones == flow.zones
                && first.original == flow.original
        });
        if !(self.due || self.entries >= self.until || again) {
            return Border::Within;
        }
        let held = self.held.take();
        let other_half = self.families & family(flow.l3) == 0;
        if self.entries > 0 && !other_half {
            *self = Self { until: held.unwrap_or(u64::MAX), ..Self::default() };
            return Border::Next(held);
        }
        (self.due, self.base) = (false, self.entries);
        self.until = held.map_or(u64::MAX, |held| self.entries.saturating_add(held));
        Border::Joined(held)
    }

    /// Counts an entry.
    #[inline]
    pub(super) fn count(&mut self, flow: &Flow) {
        self.entries += 1;
        self.families |= family(flow.l3);
    }

    /// Counts an entry that could not be read.
    pub(super) fn count_damaged(&mut self) {
        self.entries += 1;
    }

    /// A heading, or a change of form.
    pub(super) fn ends(&mut self) {
        self.due |= self.entries > 0;
        self.alarm = 0;
    }

    /// The tool said that so many entries were shown. True: of this list; false: of the next one, for all that is known.
    pub(super) fn shown(&mut self, count: u64) -> bool {
        self.alarm = 0;
        let begun = self.until != u64::MAX;
        if begun && self.entries > self.base {
            self.due = true;
            self.held = Some(self.held.unwrap_or(0).saturating_add(count));
            return false;
        }
        let until = self.base.saturating_add(count);
        // Fewer than stand here: it is not this list alone that was meant.
        self.until = if until < self.entries { u64::MAX } else { until };
        true
    }

    /// The list that a stretch of the stream belongs to, of which this is the beginning: its first entry is known.
    pub(super) fn beside(&self) -> Self {
        Self { first: self.first, port: self.port, ..Self::default() }
    }

    /// No entry with ports was met.
    pub(super) fn has_no_first(&self) -> bool {
        self.first.is_none()
    }

    /// What the tool said of a list that never came.
    pub(super) fn left(&mut self) -> Option<u64> {
        self.held.take()
    }
}

/// The source port.
#[inline]
fn port(flow: &Flow) -> u32 {
    match flow.original.l4 {
        L4Part::Ports { source, .. } => u32::from(source),
        _ => NO_PORT,
    }
}

#[inline]
fn family(l3: L3) -> u8 {
    1 << l3 as u8
}
