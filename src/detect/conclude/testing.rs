//! Hand-made runs for the tests of single steps.

use std::collections::{BTreeMap, BTreeSet};

use super::civil::{Clock, Zone};
use super::place::{Placed, Scale};
use super::successors::{Member, Track};
use crate::model::incident::TimeBasis;
use crate::model::input::Hints;
use crate::model::piece::{Anchors, Piece};
use crate::model::record::Trust;
use crate::model::run::{Bins, Closed, Run, RunKey, Stretch, Suppression, Ticks, Visible};
use crate::model::signal::{Limiter, NamespaceWord, Subject, Table, Wording};
use crate::model::time::{Moment, SECOND_US, Stamp, StampKind};

/// A stamp so many seconds into the epoch.
pub(super) fn moment(seconds: i64) -> Moment {
    let stamp = Some(Stamp::Absolute(seconds * SECOND_US));
    let offset = u64::try_from(seconds).unwrap_or(0);
    Moment { offset, stamp, precision_us: 1, since_boot_us: None, seq: None }
}

/// The subject of a table-full line.
pub(super) fn subject(namespace: NamespaceWord) -> Subject {
    let wording = match namespace {
        NamespaceWord::Unnamed => Wording::NfDoubled,
        NamespaceWord::Inode(_) => Wording::NfDoubledNetns,
        NamespaceWord::Container(_) => Wording::Container,
    };
    Subject { table: Table::Conntrack, wording, namespace }
}

/// A run from one second to another with so many lines of the unnamed namespace.
pub(super) fn run(from: i64, to: i64, lines: u64) -> Run {
    let lead = Stretch { full: lines, ..Stretch::default() };
    let mut visible = BTreeMap::new();
    let mut bins = Bins::default();
    if lines > 0 {
        visible.insert(
            subject(NamespaceWord::Unnamed),
            Visible { lines, repeated: 0, first: Some(from * SECOND_US), last: Some(to * SECOND_US) },
        );
        // One line a second, the rest at the end.
        for second in from..to {
            bins.counts.insert(second, (1, 0));
        }
        let spread = u64::try_from(to - from).unwrap_or(0);
        bins.counts.insert(to, (lines.saturating_sub(spread), 0));
    }
    Run {
        boot_index: 0,
        rollover: 0,
        head: moment(from),
        tail: moment(to),
        lo: Some(from * SECOND_US),
        hi: Some(to * SECOND_US),
        back: false,
        visible,
        other_subjects: Visible::default(),
        other: 0,
        lead,
        trail: None,
        first_suppression: None,
        last_suppression: None,
        last_callers: None,
        closed: Closed::default(),
        recent: Vec::new(),
        count_max: 0,
        suppression_lines: 0,
        dense: false,
        limiters: BTreeSet::new(),
        bins,
        first_lines: Vec::new(),
        last_lines: Vec::new(),
        lines,
        longest: 0,
    }
}

/// A run that begins with a suppression line.
pub(super) fn suppressed_first(mut run: Run, count: u64) -> Run {
    let first = Suppression {
        moment: run.head,
        at: run.lo,
        count,
        limiter: Limiter::NetRatelimit,
        flush: crate::model::run::Flush::Unseen,
    };
    run.trail = Some(std::mem::take(&mut run.lead));
    run.first_suppression = Some(first.clone());
    run.last_suppression = Some(first);
    run.suppression_lines = 1;
    run
}

/// A key.
pub(super) fn key(trust: Trust) -> RunKey {
    RunKey {
        host: Some("web8".into()),
        trust,
        stamp: StampKind::Absolute,
        ticks: Ticks::Stamp,
        boot: None,
        numbered: false,
    }
}

/// A run of a track on wall time.
pub(super) fn placed(track: usize, trust: Trust, run: Run) -> Placed {
    let (lo, hi) = (run.lo.unwrap_or(0), run.hi.unwrap_or(0));
    Placed {
        track,
        host: 0,
        boot: None,
        key: key(trust),
        run,
        scale: Scale::Wall,
        shift_us: 0,
        lo,
        hi,
        basis: TimeBasis::Stamped,
        doubt_us: 0,
    }
}

/// A track that covers some seconds.
pub(super) fn track(id: &str, from: i64, to: i64) -> Track {
    let mut piece = Piece { range: (0, 1_000_000), ..Piece::default() };
    piece.anchors.insert(
        StampKind::Absolute,
        Anchors {
            first: moment(from),
            first_told: Some((moment(from), 0)),
            last: moment(to),
            last_told: None,
        },
    );
    let hints = Hints { path: id.into(), ..Hints::default() };
    let member = Member { stream: 0, id: id.into(), hints, range: piece.range, shares: Vec::new() };
    Track {
        members: vec![member],
        piece,
        clock: Clock { zone: Zone::Fixed(0), newest_year: None, rollovers: 0 },
    }
}
