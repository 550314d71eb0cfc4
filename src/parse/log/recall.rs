//! What a line may refer to: for each host the last line and the last suppression line.
//!
//! **No reference reaches further back than [`REACH_BYTES`]**, half of [`LOOK_BACK_BYTES`]. A repetition refers to a
//! kernel line, which may be understood only by the suppression line in front of it: two steps, so the state at any
//! line follows from the look-back alone, and a text read in parts gives what the whole gives.

use std::collections::HashMap;

use crate::model::signal::Signal;
use crate::model::time::{Moment, SECOND_US};

use super::lines::LOOK_BACK_BYTES;
use super::repeat::QUOTED_BYTES_MAX;

/// How far back one reference reaches, from line start to line start.
const REACH_BYTES: u64 = LOOK_BACK_BYTES as u64 / 2;
/// Hosts remembered. A line with a host word has at least 18 bytes, so fewer than 2,000 are ever within reach; those
/// out of reach are forgotten when this many have gathered.
const HOSTS_MAX: usize = 8_192;

/// A kernel line stands right behind a suppression line if they are this close by the printk clock …
const BEHIND_SINCE_BOOT_US: u64 = 1_000;
/// … or by their stamps, where there is no printk clock.
const BEHIND_STAMP_US: u64 = SECOND_US.unsigned_abs();

/// What is known of the line that a repetition refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Previous<'a> {
    /// It is out of reach.
    Unknown,
    /// It is no signal.
    Nothing,
    /// It is this signal.
    Said(&'a Said),
}

/// A signal, and how its message begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    /// What it says.
    pub(super) signal: Signal,
    beginning: [u8; QUOTED_BYTES_MAX],
    length: usize,
}

impl Said {
    /// A signal and the message that said it.
    pub(super) fn new(signal: Signal, message: &[u8]) -> Self {
        let mut beginning = [0; QUOTED_BYTES_MAX];
        let length = message.len().min(QUOTED_BYTES_MAX);
        beginning.iter_mut().zip(message).for_each(|(kept, byte)| *kept = *byte);
        Self { signal, beginning, length }
    }

    /// The message begins so.
    pub(super) fn begins_with(&self, text: &[u8]) -> bool {
        self.beginning.get(..self.length).is_some_and(|beginning| beginning.starts_with(text))
    }
}

/// What later lines of one host may refer to.
#[derive(Debug, Default)]
struct OfHost {
    name: Option<Box<[u8]>>,
    /// Start of its last line that is not a repetition, and what it says.
    last: Option<(u64, Option<Said>)>,
    /// The suppression line behind which no kernel line was seen yet.
    suppression: Option<Moment>,
}

/// All hosts, one of them being spoken of. See the head of this file.
#[derive(Debug)]
pub(super) struct Recall {
    /// The first is that of lines without a host word; it is never dropped.
    hosts: Vec<OfHost>,
    index: HashMap<Box<[u8]>, usize, foldhash::fast::RandomState>,
    current: usize,
    /// Up to this offset a suppression line of some host may wait for the line behind it.
    waiting_until: u64,
    /// How many of them wait.
    waiting: usize,
}

impl Default for Recall {
    fn default() -> Self {
        Self {
            hosts: vec![OfHost::default()],
            index: HashMap::default(),
            current: 0,
            waiting_until: 0,
            waiting: 0,
        }
    }
}

impl Recall {
    /// What follows concerns this host, at this offset.
    pub(super) fn turn_to(&mut self, host: Option<&[u8]>, offset: u64) {
        if self.hosts.get(self.current).is_some_and(|current| current.name.as_deref() == host) {
            return;
        }
        let Some(host) = host else {
            self.current = 0;
            return;
        };
        if let Some(known) = self.index.get(host) {
            self.current = *known;
            return;
        }
        if self.hosts.len() >= HOSTS_MAX {
            self.forget(offset);
        }
        self.current = self.hosts.len();
        self.hosts.push(OfHost { name: Some(host.into()), ..OfHost::default() });
        self.index.insert(host.into(), self.current);
    }

    /// Drops what is out of reach.
    fn forget(&mut self, offset: u64) {
        let remembered =
            |host: &OfHost| host.last.as_ref().is_some_and(|(start, _)| within_reach(*start, offset));
        self.hosts.retain(|host| host.name.is_none() || remembered(host));
        let named =
            self.hosts.iter().enumerate().filter_map(|(place, host)| Some((host.name.clone()?, place)));
        self.index = named.collect();
        self.waiting = self.hosts.iter().filter(|host| host.suppression.is_some()).count();
    }

    /// The line in front of a repetition at `offset`.
    pub(super) fn previous(&self, offset: u64) -> Previous<'_> {
        match self.hosts.get(self.current).and_then(|host| host.last.as_ref()) {
            Some((start, said)) if within_reach(*start, offset) => {
                said.as_ref().map_or(Previous::Nothing, Previous::Said)
            }
            _ => Previous::Unknown,
        }
    }

    /// A line that is no repetition.
    pub(super) fn remember(&mut self, offset: u64, said: Option<Said>) {
        if let Some(host) = self.hosts.get_mut(self.current) {
            host.last = Some((offset, said));
        }
    }

    /// Somewhere a suppression line waits for the line behind it.
    pub(super) fn waits(&mut self, offset: u64) -> bool {
        if self.waiting > 0 && offset > self.waiting_until {
            self.hosts.iter_mut().for_each(|host| host.suppression = None);
            self.waiting = 0;
        }
        self.waiting > 0
    }

    /// A suppression line of this host.
    pub(super) fn wait_behind(&mut self, suppression: Moment) {
        if let Some(host) = self.hosts.get_mut(self.current) {
            self.waiting += usize::from(host.suppression.replace(suppression).is_none());
            self.waiting_until = self.waiting_until.max(suppression.offset.saturating_add(REACH_BYTES));
        }
    }

    /// A kernel line of this host: does it stand right behind a suppression line, at the same instant? Only the first
    /// one can.
    pub(super) fn is_right_behind(&mut self, line: &Moment) -> bool {
        let Some(suppression) = self.hosts.get_mut(self.current).and_then(|host| host.suppression.take())
        else {
            return false;
        };
        self.waiting = self.waiting.saturating_sub(1);
        within_reach(suppression.offset, line.offset) && same_instant(&suppression, line)
    }
}

fn within_reach(start: u64, offset: u64) -> bool {
    offset.saturating_sub(start) < REACH_BYTES
}

/// The kernel prints a suppression line and the message of the caller it allows in one go.
fn same_instant(suppression: &Moment, line: &Moment) -> bool {
    if let (Some(before), Some(after)) = (suppression.since_boot_us, line.since_boot_us) {
        return after.abs_diff(before) <= BEHIND_SINCE_BOOT_US;
    }
    match (suppression.stamp, line.stamp) {
        (Some(before), Some(after)) => {
            before.kind() == after.kind() && after.us().abs_diff(before.us()) <= BEHIND_STAMP_US
        }
        // Without any clock, that one follows the other is all that can be known.
        (None, None) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::signal::RelatedKind;

    fn at(offset: u64) -> Moment {
        Moment { offset, stamp: None, precision_us: 0, since_boot_us: Some(0), seq: None }
    }

    fn said() -> Said {
        let signal = Signal::Related { kind: RelatedKind::Vmalloc, capacity: None, port: None, about: None };
        Said::new(signal, b"ip_conntrack: falling back to vmalloc.")
    }

    #[test]
    fn a_reference_ends_where_its_reach_ends() {
        let mut recall = Recall::default();
        recall.turn_to(Some(b"a"), 7);
        recall.remember(7, Some(said()));
        recall.wait_behind(at(7));
        assert_eq!(recall.previous(6 + REACH_BYTES), Previous::Said(&said()));
        assert_eq!(recall.previous(7 + REACH_BYTES), Previous::Unknown);
        assert!(!recall.is_right_behind(&at(7 + REACH_BYTES)));
        recall.wait_behind(at(7));
        assert!(recall.is_right_behind(&at(6 + REACH_BYTES)));
        assert!(!recall.is_right_behind(&at(8)));
    }

    #[test]
    fn hosts_are_kept_apart_and_bounded() {
        let mut recall = Recall::default();
        for offset in 0..100_000_u64 {
            recall.turn_to(Some(offset.to_string().as_bytes()), offset * 64);
            recall.remember(offset * 64, Some(said()));
            recall.wait_behind(at(offset * 64));
            assert!(recall.hosts.len() <= HOSTS_MAX && recall.waiting <= recall.hosts.len());
        }
        recall.turn_to(Some(b"99999"), 6_400_000);
        assert_eq!(recall.previous(6_400_000), Previous::Said(&said()));
        recall.turn_to(Some(b"99998x"), 6_400_000);
        assert_eq!(recall.previous(6_400_000), Previous::Unknown);
        assert!(!recall.waits(u64::MAX));
    }
}
