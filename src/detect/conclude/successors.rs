//! Step 6, first half: files that follow one another are joined, as if they had never been cut (rotation).
//!
//! Two streams of a host are successive where one begins at the time the other ends. They are joined by the join of
//! pieces, so that a run, a repetition or a suppression line that the cut tore apart finds its other half. Streams
//! that cover the same time are parallel and stay apart (`copies` deals with them). A stream too short to tell
//! a successor from a copy is a successor only if its file name says so. A repetition record at the head of a stream
//! carries the time of the last copy, which may be long before the end of the stream in front: it does not say when
//! the stream begins.
//!
//! This stands before the boots are tied because boots are counted along the joined stream.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::civil::Clock;
use super::hosts::Hosts;
use crate::model::fold::Part;
use crate::model::input::{Hints, LogStream};
use crate::model::piece::Piece;
use crate::model::run::{Run, RunKey};
use crate::model::time::{DAY_US, Moment, SECOND_US, StampKind};

/// Successive streams may overlap by so much (several writers, clock slew).
pub(super) const OVERLAP_US: i64 = 5 * SECOND_US;
/// A silence between two files of one log is not longer; beyond it a file is taken to be missing.
const SILENCE_US: i64 = DAY_US;
/// A stream shorter than this may be a copy of the other's end.
const SHORT_US: i64 = 2 * OVERLAP_US;
/// A year of yearless stamps.
const YEAR_US: i64 = 366 * DAY_US;

/// One stream of a track.
#[derive(Debug, Clone)]
pub(super) struct Member {
    /// Index into the streams.
    pub(super) stream: usize,
    /// Stream id.
    pub(super) id: Box<str>,
    /// Hints.
    pub(super) hints: Hints,
    /// Offset of its first byte in the track, and one past its last.
    pub(super) range: (u64, u64),
    /// Its own runs' heads (offset in the track) and counts, by offset, so that the joined run can be shared out again.
    pub(super) shares: Vec<Share>,
}

/// What one run of one stream had before it was joined.
#[derive(Debug, Clone)]
pub(super) struct Share {
    /// Key of the run.
    pub(super) key: RunKey,
    /// Offset of its head in the track.
    pub(super) offset: u64,
    /// The run's counts.
    pub(super) visible: Vec<(crate::model::signal::Subject, u64)>,
    /// Sum of its suppression counts.
    pub(super) suppressed: u64,
}

/// Streams that follow one another, as one.
#[derive(Debug, Clone)]
pub(super) struct Track {
    /// In order of time.
    pub(super) members: Vec<Member>,
    /// All of them joined.
    pub(super) piece: Piece,
    /// How its stamps become wall time.
    pub(super) clock: Clock,
}

impl Track {
    /// Id of the stream that holds an offset.
    pub(super) fn id_at(&self, offset: u64) -> Box<str> {
        let holder = self.members.iter().find(|member| offset < member.range.1);
        holder.or(self.members.last()).map(|member| member.id.clone()).unwrap_or_default()
    }

    /// The host of a run's key.
    pub(super) fn host_of(&self, key: &RunKey, hosts: &Hosts) -> Option<usize> {
        self.members.iter().find_map(|member| hosts.of(member.stream, key))
    }

    /// The path shown for it.
    pub(super) fn path(&self) -> &str {
        self.members.last().map_or("", |member| &member.hints.path)
    }
}

/// First and last point of a stream, on a clock that can be compared with other streams' of the same kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reach {
    pub(super) scale: ReachScale,
    pub(super) begin: i64,
    /// The later meaning of `begin` where it stands in a repeated hour.
    pub(super) begin_later: Option<i64>,
    pub(super) end: i64,
}

/// Clocks on which streams are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReachScale {
    /// UTC.
    Wall,
    /// Stamps of an unknown year.
    Yearless,
    /// Since boot, nothing else.
    SinceBoot,
}

impl Reach {
    /// What the anchors of a stream say.
    pub(super) fn of(piece: &Piece, clock: &Clock) -> Option<Self> {
        Self::on_wall(piece, clock).or_else(|| Self::on_bare_clock(piece))
    }

    /// On wall time.
    pub(super) fn on_wall(piece: &Piece, clock: &Clock) -> Option<Self> {
        let mut whole: Option<Self> = None;
        for anchors in piece.anchors.values() {
            let (begin, rollover) = anchors.begin();
            let first = begin.stamp.and_then(|stamp| clock.read(stamp, rollover));
            let (end, rollover) = anchors.end(piece.rollovers);
            let last = end.stamp.and_then(|stamp| clock.read(stamp, rollover));
            let (Some(first), Some(last)) = (first, last) else { continue };
            let this = Self {
                scale: ReachScale::Wall,
                begin: first.us,
                begin_later: first.later,
                end: last.not_before(Some(first.us)),
            };
            whole = Some(whole.map_or(this, |old| old.widened(this)));
        }
        whole
    }

    fn on_bare_clock(piece: &Piece) -> Option<Self> {
        if let Some(anchors) = piece.anchors.get(&StampKind::Yearless) {
            let (first, last) = (anchors.begin().0.stamp?.us(), anchors.end(0).0.stamp?.us());
            return Some(Self { scale: ReachScale::Yearless, begin: first, begin_later: None, end: last });
        }
        let anchors = piece.anchors.get(&StampKind::Absent)?;
        let (first, last) = (anchors.begin().0.since_boot_us?, anchors.end(0).0.since_boot_us?);
        Some(Self { scale: ReachScale::SinceBoot, begin: first, begin_later: None, end: last })
    }

    fn widened(self, other: Self) -> Self {
        let earlier = if other.begin < self.begin { other } else { self };
        Self { end: self.end.max(other.end), ..earlier }
    }

    fn length(self) -> i64 {
        match self.scale {
            ReachScale::Yearless => self.end.saturating_sub(self.begin).rem_euclid(YEAR_US),
            _ => self.end.saturating_sub(self.begin).max(0),
        }
    }

    /// Time between the end of this one and the beginning of `next`; negative where they overlap.
    fn gap_before(self, next: Self) -> i64 {
        let gap = next.begin.saturating_sub(self.end);
        if self.scale == ReachScale::Yearless {
            // Within half a year either way: the turn of the year is no gap.
            return gap.saturating_add(YEAR_US / 2).rem_euclid(YEAR_US).saturating_sub(YEAR_US / 2);
        }
        let later = next.begin_later.map(|begin| begin.saturating_sub(self.end));
        [Some(gap), later].into_iter().flatten().min_by_key(|gap| gap.unsigned_abs()).unwrap_or(gap)
    }

    /// How long a silence may be between this one and the next: on wall time a day; on a clock that starts again only
    /// if their names say that they belong together.
    fn silence_allowed(self, kin: bool) -> i64 {
        match self.scale {
            ReachScale::Wall => SILENCE_US,
            ReachScale::Yearless | ReachScale::SinceBoot if kin => SILENCE_US,
            ReachScale::Yearless | ReachScale::SinceBoot => OVERLAP_US,
        }
    }
}

/// The path without anything that rotation (or a cut) adds at its end.
fn family(path: &str) -> &str {
    let stem = super::hosts::stem(path);
    // journald: `system.journal` becomes `system@<ids and numbers>.journal`, a damaged one `….journal~`.
    if let Some(name) = stem.strip_suffix(".journal").or_else(|| stem.strip_suffix(".journal~")) {
        let rotated = name.rsplit_once('@').filter(|(_, ids)| !ids.contains('/'));
        return rotated.map_or(name, |(name, _)| name);
    }
    stem.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-')
}

/// A candidate: `early` goes on in `late`. Ordered from the best to the worst.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Link {
    strangers: bool,
    gap: u64,
    /// How many streams stand between them in the order of time: files of one second follow one by one.
    between: usize,
    place: usize,
    early: usize,
    late: usize,
}

/// The tracks, in the order of their newest files' paths (then of their first streams' ids), which rotation leaves alone.
pub(super) fn join(streams: Vec<LogStream>, clocks: &[Clock], hosts: &Hosts) -> Vec<Track> {
    let mut reaches: Vec<Option<Reach>> =
        streams.iter().zip(clocks).map(|(stream, clock)| Reach::of(&stream.piece, clock)).collect();
    lay_repetitions(&streams, &mut reaches);
    let next = chains(&streams, &reaches, clocks, hosts);
    let continued: BTreeSet<usize> = next.iter().filter_map(|late| *late).collect();
    let mut streams: Vec<Option<LogStream>> = streams.into_iter().map(Some).collect();
    let mut tracks = Vec::new();
    for head in 0..streams.len() {
        if continued.contains(&head) {
            continue;
        }
        let mut track: Option<Track> = None;
        let mut at = Some(head);
        while let Some(index) = at {
            at = next.get(index).copied().flatten();
            let (Some(stream), Some(clock)) =
                (streams.get_mut(index).and_then(Option::take), clocks.get(index))
            else {
                break;
            };
            track = Some(extend(track, index, stream, *clock));
        }
        tracks.extend(track);
    }
    tracks.sort_by(|a, b| a.path().cmp(b.path()));
    tracks
}

/// A file of nothing but repetition records, each of which may be written long after the time it carries, tells nothing
/// of when it was begun: it begins where the file before it in the order of rotation ends, if that is later.
fn lay_repetitions(streams: &[LogStream], reaches: &mut [Option<Reach>]) {
    let repeats = |at: usize| {
        let anchors = &streams[at].piece.anchors;
        !anchors.is_empty() && anchors.values().all(|anchors| anchors.first_told.is_none())
    };
    if !(0..streams.len()).any(repeats) {
        return;
    }
    let mut order: Vec<usize> = (0..streams.len()).filter(|at| reaches[*at].is_some()).collect();
    order.sort_by_key(|&at| {
        let hints = &streams[at].hints;
        (hints.modified, Reverse(rotation_number(&hints.path)), at)
    });
    for (place, &late) in order.iter().enumerate().filter(|(_, late)| repeats(**late)) {
        let before = order[..place].iter().rfind(|early| is_kin(&streams[**early], &streams[late]));
        let (Some(&early), Some(reach)) = (before, reaches[late]) else { continue };
        if let Some(early) = reaches[early].filter(|early| early.scale == reach.scale)
            && early.gap_before(reach) < 0
        {
            reaches[late] = Some(Reach { begin: early.end, begin_later: None, end: early.end, ..reach });
        }
    }
}

/// For each stream the one that continues it.
fn chains(
    streams: &[LogStream],
    reaches: &[Option<Reach>],
    clocks: &[Clock],
    hosts: &Hosts,
) -> Vec<Option<usize>> {
    let words: Vec<BTreeSet<usize>> =
        streams.iter().enumerate().map(|(index, stream)| hosts.of_stream(index, stream)).collect();
    let order = in_order(streams, reaches);
    let mut links = Vec::new();
    for (place, &early) in order.iter().enumerate() {
        for (between, &late) in order.get(place + 1..).unwrap_or_default().iter().enumerate() {
            let (Some(a), Some(b)) = (reaches[early], reaches[late]) else { continue };
            let kin = is_kin(&streams[early], &streams[late]);
            let related = kin || !words[early].is_disjoint(&words[late]);
            let compatible = hosts.same_nameless(early, late) && clocks[early].zone == clocks[late].zone;
            if let Some(gap) = follows(a, b, kin).filter(|_| related && compatible) {
                links.push(Link { strangers: !kin, gap, between, place, early, late });
            }
        }
    }
    links.sort();
    let mut next: Vec<Option<usize>> = vec![None; streams.len()];
    let mut taken = vec![false; streams.len()];
    for link in links {
        if next[link.early].is_none() && !taken[link.late] {
            next[link.early] = Some(link.late);
            taken[link.late] = true;
        }
    }
    next
}

/// Streams with a reach in the order in which they may follow one another: a total order, so that no chain closes.
fn in_order(streams: &[LogStream], reaches: &[Option<Reach>]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..streams.len()).filter(|index| reaches[*index].is_some()).collect();
    order.sort_by_key(|&index| {
        let (stream, reach) = (&streams[index], reaches[index]);
        let scale = reach.map(|reach| reach.scale as u8);
        let span = reach.map(|reach| match reach.scale {
            // No year is known: the time of writing alone orders them.
            ReachScale::Yearless => (0, 0),
            _ => (reach.begin, reach.end),
        });
        (scale, span, stream.hints.modified, Reverse(rotation_number(&stream.hints.path)), index)
    });
    order
}

/// `messages.2.gz` → 2; a name without number is the newest.
fn rotation_number(path: &str) -> u64 {
    let trimmed = path.trim_end_matches(|c: char| !c.is_ascii_digit());
    let digits = trimmed.len() - trimmed.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let start = trimmed.len() - digits;
    // A date grows with time, a rotation number falls with it.
    match trimmed.get(start..).map(str::parse::<u64>) {
        Some(Ok(number)) if digits >= 8 => u64::MAX - number,
        Some(Ok(number)) => number,
        _ => 0,
    }
}

/// By their names they are files of one log.
pub(super) fn is_kin(a: &LogStream, b: &LogStream) -> bool {
    a.dialect == b.dialect
        && !a.hints.path.is_empty()
        && family(&a.hints.path) == family(&b.hints.path)
        && a.hints.path != b.hints.path
}

/// How far apart two streams are, if the second may continue the first.
fn follows(early: Reach, late: Reach, kin: bool) -> Option<u64> {
    if early.scale != late.scale {
        return None;
    }
    let gap = early.gap_before(late);
    let touching = (-OVERLAP_US..=early.silence_allowed(kin)).contains(&gap);
    let long = early.length().min(late.length()) > SHORT_US;
    (touching && (kin || long)).then_some(gap.unsigned_abs())
}

fn extend(track: Option<Track>, index: usize, stream: LogStream, clock: Clock) -> Track {
    let LogStream { id, hints, mut piece, .. } = stream;
    let begin = track.as_ref().map_or(piece.range.0, |track| track.piece.range.1);
    move_to(&mut piece, begin);
    let member = Member { stream: index, id, hints, range: piece.range, shares: shares(&piece) };
    match track {
        None => Track { members: vec![member], piece, clock },
        Some(mut track) => {
            let newest_year = if piece.anchors.contains_key(&StampKind::Yearless) {
                clock.newest_year
            } else {
                track.clock.newest_year
            };
            track.piece = track.piece.join(piece);
            track.members.push(member);
            track.clock = Clock { newest_year, rollovers: track.piece.rollovers, ..clock };
            track
        }
    }
}

fn shares(piece: &Piece) -> Vec<Share> {
    let runs = piece.runs.iter().flat_map(|(key, runs)| runs.iter().map(move |run| (key, run)));
    let mut shares: Vec<Share> = runs
        .map(|(key, run)| Share {
            key: key.clone(),
            offset: run.head.offset,
            visible: run
                .visible
                .iter()
                .map(|(s, v)| (s.clone(), v.lines.saturating_add(v.repeated)))
                .collect(),
            suppressed: suppressed(run),
        })
        .collect();
    shares.sort_by_key(|share| share.offset);
    shares
}

/// Sum of all suppression counts of a run.
pub(super) fn suppressed(run: &Run) -> u64 {
    run.first_suppression.as_ref().map_or(0, |first| first.count).saturating_add(run.closed.total())
}

/// Moves every offset of a piece so that it begins at `begin`.
fn move_to(piece: &mut Piece, begin: u64) {
    let old = piece.range.0;
    if old == begin {
        return;
    }
    let moved = |offset: u64| offset.saturating_sub(old).saturating_add(begin);
    let shift = |moment: &mut Moment| moment.offset = moved(moment.offset);
    piece.range = (begin, moved(piece.range.1));
    for anchors in piece.anchors.values_mut() {
        shift(&mut anchors.first);
        anchors.first_told.iter_mut().for_each(|(told, _)| shift(told));
        shift(&mut anchors.last);
        anchors.last_told.iter_mut().for_each(|(told, _)| shift(told));
    }
    if let Some(numbers) = &mut piece.numbers {
        shift(&mut numbers.first);
        shift(&mut numbers.last);
    }
    for blemish in piece.malformed.values_mut() {
        blemish.first_offset = moved(blemish.first_offset);
    }
    for loss in &mut piece.losses {
        shift(&mut loss.moment);
    }
    for repetition in &mut piece.head_repetitions {
        shift(&mut repetition.moment);
    }
    for mark in piece.marks.values_mut().flatten() {
        shift(&mut mark.first);
        shift(&mut mark.last);
    }
    for clock in piece.packets.clocks_mut() {
        shift(&mut clock.first);
        shift(&mut clock.last);
    }
    for run in piece.runs.values_mut().flatten() {
        shift(&mut run.head);
        shift(&mut run.tail);
        for suppression in [&mut run.first_suppression, &mut run.last_suppression].into_iter().flatten() {
            shift(&mut suppression.moment);
        }
        for line in run.first_lines.iter_mut().chain(&mut run.last_lines) {
            line.offset = moved(line.offset);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(scale: ReachScale, begin: i64, end: i64) -> Reach {
        Reach { scale, begin: begin * SECOND_US, begin_later: None, end: end * SECOND_US }
    }

    #[test]
    fn a_stream_follows_where_another_ends_and_is_parallel_where_it_overlaps() {
        let early = reach(ReachScale::Wall, 0, 100);
        let gap = |begin, end| follows(early, reach(ReachScale::Wall, begin, end), false);
        assert_eq!(gap(100, 200), Some(0));
        assert_eq!(gap(96, 200), Some(4_000_000));
        assert_eq!(gap(94, 200), None);
        assert_eq!(gap(3_700, 9_000), Some(3_600_000_000));
        assert_eq!(gap(100 + 90_000, 200_000), None, "a day of silence: a file is missing");
    }

    #[test]
    fn a_stream_of_a_few_seconds_follows_only_by_its_name() {
        let early = reach(ReachScale::Wall, 0, 100);
        let late = reach(ReachScale::Wall, 100, 101);
        assert_eq!(follows(early, late, false), None);
        assert_eq!(follows(early, late, true), Some(0));
    }

    #[test]
    fn without_a_year_december_goes_on_in_january() {
        let day = 86_400;
        let december = reach(ReachScale::Yearless, 360 * day, 366 * day - 1);
        let january = reach(ReachScale::Yearless, 1, 20 * day);
        assert_eq!(follows(december, january, false), Some(2_000_000));
        assert_eq!(follows(january, december, false), None);
    }

    #[test]
    fn the_repeated_hour_does_not_tear_a_log() {
        let early = reach(ReachScale::Wall, 0, 7_200);
        let late = Reach { begin_later: Some(7_201 * SECOND_US), ..reach(ReachScale::Wall, 3_601, 9_000) };
        assert_eq!(follows(early, late, false), Some(1_000_000));
    }

    #[test]
    fn rotation_numbers_fall_and_dates_grow() {
        assert_eq!(rotation_number("messages"), 0);
        assert_eq!(rotation_number("messages.2.gz"), 2);
        assert!(rotation_number("messages-20240107") > rotation_number("messages-20240114"));
        assert_eq!(family("log/kern.log.12"), "log/kern");
        assert_eq!(family("j/system@0008-0001-0006.journal.xz"), family("j/system.journal"));
        assert_eq!(family("j/system@00065b-4cf8.journal~"), "j/system");
        assert_ne!(family("j/user-1000.journal"), family("j/user-1001.journal"));
    }
}
