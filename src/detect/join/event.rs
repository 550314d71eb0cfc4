//! One line that matters, counted at the end of a piece.

use std::cmp::Ordering;

use super::chain::{Chains, Room, may_link};
use super::run::{Line, Says};
use super::{Counting, packets};
use crate::model::piece::{LOSSES_MAX, Loss, LossKind, Mark, MarkKey, Piece};
use crate::model::run::{Run, RunKey};
use crate::model::signal::{About, Capacity, Limiter, RelatedKind, Signal};
use crate::model::time::Moment;

/// The sums of runs and of their bytes are looked at when this part of what there may be came anew.
const GROWN_SHARE: usize = 8;

/// A line with the key of its run.
#[derive(Debug, Clone)]
pub(crate) struct Said<'a> {
    pub(crate) key: &'a RunKey,
    pub(crate) moment: Moment,
    /// Rollovers up to it.
    pub(crate) rollover: u32,
    /// Boot separators before it.
    pub(crate) boot_index: u32,
    pub(crate) raw: &'a [u8],
}

/// Counts a signal.
pub(crate) fn once(into: &mut Counting<'_>, said: &Said<'_>, signal: &Signal) {
    match signal {
        Signal::Full(subject) => {
            count_signals(into.piece, 1);
            extend(into, said, Says::Full(subject));
        }
        Signal::Suppressed { limiter, count } => {
            count_signals(into.piece, 1);
            suppressed(into, said, *limiter, *count);
        }
        Signal::OtherLimited => extend(into, said, Says::Other),
        Signal::Related { kind, capacity, port, about } => {
            if takes_a_token(*kind) {
                extend(into, said, Says::Other);
            }
            mark(into, said, *kind, (*capacity, *port, about.as_deref()), 1);
        }
        Signal::Packet(packet) => packets::add(into.piece, into.bounds, said, packet, 1),
        Signal::Lost { count } => {
            lose_here(into.piece, said, *count, LossKind::LogLines);
        }
    }
}

/// Counts `times` further copies of a signal.
pub(crate) fn again(into: &mut Counting<'_>, said: &Said<'_>, signal: &Signal, times: u64) {
    match signal {
        Signal::Full(subject) => {
            count_signals(into.piece, times);
            extend(into, said, Says::FullAgain(subject, times));
        }
        // Two equal suppression lines follow each other only where the lines between them went elsewhere: the refusals
        // are real, but not whose window they are of.
        Signal::Suppressed { count, .. } => {
            let refused = refusals(*count).ok().and_then(|count| count.checked_mul(times));
            lose_here(into.piece, said, refused, LossKind::UnknownRepetition);
        }
        Signal::OtherLimited => extend(into, said, Says::OtherAgain(times)),
        Signal::Related { kind, capacity, port, about } => {
            if takes_a_token(*kind) {
                extend(into, said, Says::OtherAgain(times));
            }
            mark(into, said, *kind, (*capacity, *port, about.as_deref()), times);
        }
        Signal::Packet(packet) => packets::add(into.piece, into.bounds, said, packet, times),
        Signal::Lost { count } => {
            let all = count.and_then(|count| count.checked_mul(times));
            lose_here(into.piece, said, all, LossKind::LogLines);
        }
    }
}

fn count_signals(piece: &mut Piece, more: u64) {
    piece.signals = piece.signals.saturating_add(more);
}

/// Refusals that a printed count stands for; where it is negative, what a counter that wrapped once stands for.
fn refusals(printed: i64) -> Result<u64, Option<u64>> {
    match i32::try_from(printed) {
        Ok(count) if count >= 0 => Ok(u64::from(count.unsigned_abs())),
        Ok(count) => Err(Some(u64::from(u32::from_ne_bytes(count.to_ne_bytes())))),
        // The kernel prints an `int`; this is none.
        Err(_) => Err(None),
    }
}

fn suppressed(into: &mut Counting<'_>, said: &Said<'_>, limiter: Limiter, printed: i64) {
    match refusals(printed) {
        Ok(count) => extend(into, said, Says::Suppressed(limiter, count)),
        Err(count) => lose_here(into.piece, said, count, LossKind::NegativeSuppression),
    }
}

/// Kinds of evidence that are printed through the limiter of the network's messages. The SYN flood warning is since
/// 3.x or so; counting it before costs nothing but width.
fn takes_a_token(kind: RelatedKind) -> bool {
    match kind {
        RelatedKind::TimeWaitOverflow
        | RelatedKind::SynFlood
        | RelatedKind::OrphanedSockets
        | RelatedKind::NeighbourOverflow
        | RelatedKind::TcpMemory
        | RelatedKind::HashlimitFull
        | RelatedKind::ZoneLimit
        | RelatedKind::IpvsNoDestination => true,
        RelatedKind::Capacity
        | RelatedKind::Vmalloc
        | RelatedKind::BootBegins
        | RelatedKind::AllocationFailed
        | RelatedKind::HelpersUnassigned
        | RelatedKind::BridgeTracked
        | RelatedKind::BridgeUntracked
        | RelatedKind::LinkChanged
        | RelatedKind::PortForwarding
        // Lines of programs, and sums of packets, which the packet filter logs through its own limits.
        | RelatedKind::RulesReloaded
        | RelatedKind::LimitSet
        | RelatedKind::SettingRefused
        | RelatedKind::Failover
        | RelatedKind::EntriesInjected
        | RelatedKind::PortsExhausted
        | RelatedKind::UpstreamTimeout
        | RelatedKind::Victim
        | RelatedKind::LinesThrottled
        | RelatedKind::PacketsRefused
        | RelatedKind::PacketsPassed
        | RelatedKind::PacketsInvalid
        | RelatedKind::PacketsLogged
        | RelatedKind::PacketsOpening
        | RelatedKind::PacketsDip => false,
    }
}

fn extend(into: &mut Counting<'_>, said: &Said<'_>, says: Says<'_>) {
    let piece = &mut *into.piece;
    let boot_index = said.boot_index;
    let line = Line { moment: said.moment, raw: said.raw, says };
    if let Some(last) = piece.runs.get_mut(said.key).and_then(|list| list.last_mut()) {
        let same_place = last.boot_index == boot_index && last.rollover == said.rollover;
        if may_link(&last.tail, &said.moment, same_place, piece.link_doublings) {
            let before = last.bytes();
            last.push(&line);
            let more = last.bytes().saturating_sub(before);
            into.grown.bytes = into.grown.bytes.saturating_add(more);
            if into.grown.bytes > into.bounds.run_bytes / GROWN_SHARE {
                into.fit();
            }
            return;
        }
    }
    let mut run = Run::begin(said.moment, boot_index, said.rollover);
    run.push(&line);
    into.grown.runs = into.grown.runs.saturating_add(1);
    into.grown.bytes = into.grown.bytes.saturating_add(run.bytes());
    let list = piece.runs.entry(said.key.clone()).or_default();
    list.push(run);
    let bounds = into.bounds;
    let full = list.len() > bounds.runs_per_key || piece.runs.len() > bounds.keys;
    let grown = into.grown.runs > bounds.runs_per_stream / GROWN_SHARE
        || into.grown.bytes > bounds.run_bytes / GROWN_SHARE;
    if full || grown {
        into.fit();
    }
}

fn mark(
    into: &mut Counting<'_>,
    said: &Said<'_>,
    kind: RelatedKind,
    (capacity, port, about): (Option<Capacity>, Option<u16>, Option<&About>),
    count: u64,
) {
    let boot_index = said.boot_index;
    let (first, last, rollover) = (said.moment, said.moment, said.rollover);
    let about = about.map(|about| (about.clone(), count)).into_iter().collect();
    let mark = Mark { boot_index, rollover, first, last, count, capacity, port, about };
    let mut lists = [(MarkKey { key: said.key.clone(), kind }, vec![mark])].into();
    let (mut doublings, mut left_out) = (into.piece.mark_doublings, 0);
    let one = Chains { lists: &mut lists, doublings: &mut doublings, left_out: &mut left_out };
    super::marks_of(into.piece).append(one, Room::for_marks(into.bounds));
}

fn lose_here(piece: &mut Piece, said: &Said<'_>, count: Option<u64>, kind: LossKind) {
    let host = said.key.host.clone();
    let Said { moment, rollover, boot_index, .. } = *said;
    lose(piece, Loss { moment, host, rollover, boot_index, count, kind });
}

/// Notes a loss at its place in byte order: behind all others, but for a gap in the numbers of records, which is found
/// at the first numbered record of what is joined and stands in front of what that record itself says.
pub(crate) fn lose(piece: &mut Piece, loss: Loss) {
    let behind = |other: &Loss| match other.moment.offset.cmp(&loss.moment.offset) {
        Ordering::Equal => loss.kind != LossKind::KernelRecords,
        order => order == Ordering::Less,
    };
    let place = piece.losses.iter().rposition(behind).map_or(0, |before| before + 1);
    if place < LOSSES_MAX {
        piece.losses.insert(place, loss);
    }
    if place >= LOSSES_MAX || piece.losses.len() > LOSSES_MAX {
        piece.losses.truncate(LOSSES_MAX);
        piece.losses_left_out = piece.losses_left_out.saturating_add(1);
    }
}
