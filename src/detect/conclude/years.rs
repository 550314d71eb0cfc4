//! Step 4: the year of stamps that name none.
//!
//! The last line of a file is not younger than the file: the newest year that fits its time of writing (and a day of
//! doubt) is taken. Turns of the year inside the stream count back from there. Files of one host must not
//! contradict: where one ends in the very second in which the next begins, they are neighbours. A stream
//! without time of writing takes its year from neighbours, then from dated logs of its host. `--year` is
//! the year of the newest such line of all.

use std::collections::BTreeSet;

use super::civil::{Clock, Zone, is_leap_day, is_leap_year, year_of};
use super::hosts::Hosts;
use super::notes::{Notes, quoted};
use super::successors::Track;
use crate::model::input::LogStream;
use crate::model::piece::Piece;
use crate::model::report::Settings;
use crate::model::sentence::Word;
use crate::model::time::{DAY_US, SECOND_US, Stamp, StampKind};
use crate::sentence;

/// How far a file's last line may be younger than the file (zones, clocks).
const DOUBT_US: i64 = DAY_US;
/// Years back that are tried: leap days are at most eight years apart.
const YEARS_BACK: i32 = 12;
/// A stream that goes on in the next one ends so close to its beginning.
const TOUCH_US: i64 = 5 * SECOND_US;
/// Neighbours of a stream without time of writing may be so far apart.
const NEIGHBOUR_US: i64 = DAY_US;

/// What is known of a stream's yearless stamps.
#[derive(Debug, Clone)]
struct Dated {
    stream: usize,
    hosts: BTreeSet<usize>,
    directory: Option<Box<str>>,
    /// Yearless microseconds of its first line (that is no repetition) and of its last.
    first: i64,
    /// Turns of the year before `first`.
    first_rollover: u32,
    last: i64,
    rollovers: u32,
    /// Turns of the year before each leap day it holds.
    leap_days: BTreeSet<u32>,
    modified: Option<i64>,
    zone: Zone,
    /// Year of its last line.
    newest: Option<i32>,
}

impl Dated {
    fn clock(&self) -> Clock {
        Clock { zone: self.zone, newest_year: self.newest, rollovers: self.rollovers }
    }

    /// First and last line in UTC, if its last stood in `year`.
    fn span_in(&self, year: i32) -> Option<(i64, i64)> {
        let clock = Clock { newest_year: Some(year), ..self.clock() };
        let first = clock.read(Stamp::Yearless(self.first), self.first_rollover)?;
        let last = clock.read(Stamp::Yearless(self.last), self.rollovers)?;
        Some((first.us, last.us))
    }

    /// The leap days it holds exist if its last line stood in `year`.
    fn fits(&self, year: i32) -> bool {
        exist(&self.leap_days, self.rollovers, year)
    }

    /// The greatest year that fits and puts the last line no later than `limit`.
    fn newest_until(&self, limit: i64) -> Option<i32> {
        let top = year_of(limit)?.saturating_add(1);
        (0..=YEARS_BACK)
            .filter_map(|back| top.checked_sub(back))
            .find(|year| self.fits(*year) && self.span_in(*year).is_some_and(|(_, last)| last <= limit))
    }

    /// May speak of the same host as `other`.
    fn shares_host(&self, other: &Self) -> bool {
        if self.hosts.is_empty() || other.hosts.is_empty() {
            return self.directory == other.directory;
        }
        !self.hosts.is_disjoint(&other.hosts)
    }
}

/// The leap days with so many turns of the year before each exist if the last line, behind all turns, stood in `year`.
fn exist(leap_days: &BTreeSet<u32>, rollovers: u32, year: i32) -> bool {
    leap_days.iter().all(|rollover| {
        let back = i32::try_from(rollovers.saturating_sub(*rollover)).unwrap_or(i32::MAX);
        is_leap_year(year.saturating_sub(back))
    })
}

/// The clock of every stream.
pub(super) fn infer(streams: &[LogStream], hosts: &Hosts, zones: &[Zone], settings: &Settings) -> Vec<Clock> {
    let mut dated = collect(streams, hosts, zones);
    for stream in &mut dated {
        stream.newest = stream.modified.and_then(|at| stream.newest_until(at.saturating_add(DOUBT_US)));
    }
    settle_contradictions(&mut dated);
    if let Some(year) = settings.year {
        obey(&mut dated, year);
    }
    from_neighbours(&mut dated);
    from_dated_logs(&mut dated, streams, hosts, zones);
    from_neighbours(&mut dated);
    let mut clocks: Vec<Clock> = (streams.iter().zip(zones))
        .map(|(s, zone)| Clock { zone: *zone, newest_year: None, rollovers: s.piece.rollovers })
        .collect();
    for stream in &dated {
        if let Some(clock) = clocks.get_mut(stream.stream) {
            *clock = stream.clock();
        }
    }
    clocks
}

fn collect(streams: &[LogStream], hosts: &Hosts, zones: &[Zone]) -> Vec<Dated> {
    let all = streams.iter().zip(zones).enumerate();
    all.filter_map(|(index, (stream, zone))| {
        let anchors = stream.piece.anchors.get(&StampKind::Yearless)?;
        let (begin, first_rollover) = anchors.begin();
        Some(Dated {
            stream: index,
            hosts: hosts.of_stream(index, stream),
            directory: stream.hints.directory.clone(),
            first: begin.stamp?.us(),
            first_rollover,
            last: anchors.last.stamp?.us(),
            rollovers: stream.piece.rollovers,
            leap_days: leap_days(&stream.piece),
            modified: stream.hints.modified.map(|at| at.0),
            zone: *zone,
            newest: None,
        })
    })
    .collect()
}

/// The turns of the year before each February 29 that the piece is known to hold.
fn leap_days(piece: &Piece) -> BTreeSet<u32> {
    let mut seen: Vec<(Option<Stamp>, u32)> = Vec::new();
    if let Some(anchors) = piece.anchors.get(&StampKind::Yearless) {
        seen.push((anchors.first.stamp, 0));
        seen.push((anchors.last.stamp, piece.rollovers));
    }
    for run in piece.runs.values().flatten() {
        seen.push((run.head.stamp, run.rollover));
        seen.push((run.tail.stamp, run.rollover));
    }
    for mark in piece.marks.values().flatten() {
        seen.extend([(mark.first.stamp, mark.rollover), (mark.last.stamp, mark.rollover)]);
    }
    for (_, (_, rollover), _, clock) in piece.packets.clocks() {
        seen.extend([(clock.first.stamp, rollover), (clock.last.stamp, rollover)]);
    }
    seen.extend(piece.losses.iter().map(|loss| (loss.moment.stamp, loss.rollover)));
    let leap =
        seen.into_iter().filter(|(stamp, _)| matches!(stamp, Some(Stamp::Yearless(us)) if is_leap_day(*us)));
    leap.map(|(_, rollover)| rollover).collect()
}

/// A file that ends where the next begins, on the same day of the year, stood before it, not years after.
fn settle_contradictions(dated: &mut [Dated]) {
    let mut order: Vec<usize> = (0..dated.len()).filter(|at| dated[*at].newest.is_some()).collect();
    order.sort_by_key(|at| (std::cmp::Reverse(dated[*at].modified), *at));
    for (place, &late) in order.iter().enumerate() {
        for &early in &order[place + 1..] {
            if let Some(year) = year_before(&dated[early], &dated[late]) {
                dated[early].newest = Some(year);
            }
        }
    }
}

/// The year in which `early` ends if it touches the beginning of `late` but was put behind it.
fn year_before(early: &Dated, late: &Dated) -> Option<i32> {
    if !early.shares_host(late) {
        return None;
    }
    let begin = late.span_in(late.newest?)?.0;
    let placed = early.span_in(early.newest?)?.1;
    if placed.saturating_sub(begin) <= TOUCH_US {
        return None;
    }
    let year = nearest_year(early, begin, End::Last)?;
    let (_, last) = early.span_in(year)?;
    (early.fits(year) && last.abs_diff(begin) <= TOUCH_US.unsigned_abs()).then_some(year)
}

/// Which end of a stream is laid beside a point.
#[derive(Debug, Clone, Copy)]
enum End {
    First,
    Last,
}

/// The year of the last line that brings an end of the stream nearest to `point`; of two the later.
fn nearest_year(stream: &Dated, point: i64, end: End) -> Option<i32> {
    let around = year_of(point)?;
    let turns = i32::try_from(stream.rollovers).ok()?;
    let base = match end {
        End::First => around.checked_add(turns)?,
        End::Last => around,
    };
    let candidates = (-1..=1).filter_map(|step| base.checked_add(step)).filter_map(|year| {
        let (first, last) = stream.span_in(year)?;
        let laid = match end {
            End::First => first,
            End::Last => last,
        };
        Some((laid.abs_diff(point), std::cmp::Reverse(year)))
    });
    candidates.min().map(|(_, year)| year.0)
}

/// `--year`: the newest line of all stands in that year. Streams that no other continues keep the distance that their
/// files' times give them; those that another continues follow from it, whatever their files' times say: a copy has none
/// worth believing.
fn obey(dated: &mut [Dated], year: i32) {
    let by_time: Vec<Option<i32>> = dated.iter().map(|stream| stream.newest).collect();
    let ends: Vec<bool> = (0..dated.len()).map(|at| is_newest(dated, at, year)).collect();
    let newest = by_time.iter().zip(&ends).filter(|(_, end)| **end).filter_map(|(time, _)| *time).max();
    let shifted =
        |time: Option<i32>| time.zip(newest).map_or(year, |(time, newest)| year.min(time + (year - newest)));
    for ((stream, end), time) in dated.iter_mut().zip(&ends).zip(&by_time) {
        stream.newest = end.then(|| shifted(*time));
    }
    from_neighbours(dated);
    for (stream, time) in dated.iter_mut().zip(&by_time) {
        stream.newest = stream.newest.or_else(|| Some(shifted(*time)));
    }
}

/// No other stream begins where this one ends.
fn is_newest(dated: &[Dated], at: usize, year: i32) -> bool {
    let this = &dated[at];
    let Some((_, end)) = this.span_in(year) else { return false };
    !dated.iter().enumerate().any(|(other, next)| {
        other != at
            && this.shares_host(next)
            && nearest_year(next, end, End::First).and_then(|year| next.span_in(year)).is_some_and(
                |(begin, last)| {
                    let ahead = begin.saturating_sub(end);
                    last > end && (-TOUCH_US..=NEIGHBOUR_US).contains(&ahead)
                },
            )
    })
}

/// Streams without a year take it from the nearest stream of their host that has one, as long as there is one.
fn from_neighbours(dated: &mut [Dated]) {
    loop {
        let mut found: Vec<(usize, i32)> = Vec::new();
        for (at, open) in dated.iter().enumerate().filter(|(_, d)| d.newest.is_none()) {
            let known = dated.iter().filter(|d| d.newest.is_some() && d.shares_host(open));
            if let Some((_, year)) = known.filter_map(|known| neighbour(open, known)).min() {
                found.push((at, year));
            }
        }
        if found.is_empty() {
            return;
        }
        for (at, year) in found {
            if let Some(open) = dated.get_mut(at) {
                open.newest = Some(year);
            }
        }
    }
}

/// How close `open` can be laid before or behind `known`, and the year that does it.
fn neighbour(open: &Dated, known: &Dated) -> Option<(u64, i32)> {
    let (begin, end) = known.span_in(known.newest?)?;
    let lay = |point: i64, side: End| {
        let year = nearest_year(open, point, side).filter(|year| open.fits(*year))?;
        let (first, last) = open.span_in(year)?;
        let gap = match side {
            End::Last => begin.abs_diff(last),
            End::First => end.abs_diff(first),
        };
        (gap <= NEIGHBOUR_US.unsigned_abs()).then_some((gap, year))
    };
    lay(begin, End::Last).into_iter().chain(lay(end, End::First)).min()
}

/// Streams still without a year are laid as near as possible to logs of their host that name it.
fn from_dated_logs(dated: &mut [Dated], streams: &[LogStream], hosts: &Hosts, zones: &[Zone]) {
    let mut spans: Vec<(BTreeSet<usize>, i64, i64)> = Vec::new();
    for (index, stream) in streams.iter().enumerate() {
        let zone = zones.get(index).copied().unwrap_or(Zone::Fixed(0));
        let clock = Clock { zone, newest_year: None, rollovers: 0 };
        for kind in [StampKind::Absolute, StampKind::Local] {
            let Some(anchors) = stream.piece.anchors.get(&kind) else { continue };
            let read = |stamp: Option<Stamp>| stamp.and_then(|stamp| clock.read(stamp, 0));
            if let (Some(first), Some(last)) = (read(anchors.begin().0.stamp), read(anchors.last.stamp)) {
                spans.push((hosts.of_stream(index, stream), first.us.min(last.us), first.us.max(last.us)));
            }
        }
    }
    for open in dated.iter_mut().filter(|d| d.newest.is_none()) {
        let near = spans.iter().filter(|(of, ..)| !of.is_disjoint(&open.hosts));
        let fits = near.filter_map(|(_, begin, end)| nearest_to_span(open, *begin, *end));
        open.newest = fits.min().map(|(_, year)| year.0);
    }
}

/// The distance between the stream and a span of time, for the year that makes it least; of two the later.
fn nearest_to_span(open: &Dated, begin: i64, end: i64) -> Option<(i64, std::cmp::Reverse<i32>)> {
    let (low, high) = (year_of(begin)?.checked_sub(1)?, year_of(end)?.checked_add(1)?);
    let turns = i32::try_from(open.rollovers).ok()?;
    let years = (low..=high.checked_add(turns)?).rev().take(200).filter(|year| open.fits(*year));
    years
        .filter_map(|year| {
            let (first, last) = open.span_in(year)?;
            let apart = begin.saturating_sub(last).max(first.saturating_sub(end)).max(0);
            Some((apart, std::cmp::Reverse(year)))
        })
        .min()
}

/// Says which years were taken, once for each log however many files it is in.
pub(super) fn say(tracks: &[Track], settings: &Settings, notes: &mut Notes) {
    for track in tracks.iter().filter(|track| track.piece.anchors.contains_key(&StampKind::Yearless)) {
        let path = || quoted(track.path());
        let Some(year) = track.clock.newest_year else {
            let what = sentence!["the year of lines in", path()];
            let why = "they name no year, and neither the file's time nor another log of the host tells it";
            notes.gap(what, why.into(), Some("conntriage analyze --year YYYY PATH".into()));
            continue;
        };
        let (from, year_word) = (settings.year.map(|_| "--year"), Word::Code(year.to_string()));
        let leap_days = leap_days(&track.piece);
        if from.is_some() && !exist(&leap_days, track.piece.rollovers, year) {
            let text = sentence![
                path(),
                "holds a February 29, and with its last line in",
                year_word,
                ", as --year has it, there is none: lines of that day are left without a time; give the year of the newest line"
            ];
            notes.assume("year", text, from);
            continue;
        }
        let text =
            sentence!["the last line in", path(), "that names no year is taken to stand in", year_word];
        notes.assume("year", text, from);
        if from.is_none() && !leap_days.is_empty() {
            let text = sentence![path(), "holds a February 29, so it is put into a leap year"];
            notes.assume("year", text, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::input::Hints;
    use crate::model::piece::Anchors;
    use crate::model::time::{Moment, WallTime, YEARLESS_BASE_US};
    use chrono::NaiveDateTime;

    fn utc(text: &str) -> i64 {
        let at = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").expect("a test writes valid times");
        at.and_utc().timestamp_micros()
    }

    /// A yearless stamp from `02-29 12:00:00`.
    fn stamp(text: &str) -> Stamp {
        Stamp::Yearless(utc(&format!("2000-{text}")) - YEARLESS_BASE_US)
    }

    fn moment(stamp: Stamp) -> Moment {
        Moment { offset: 0, stamp: Some(stamp), precision_us: 1_000_000, since_boot_us: None, seq: None }
    }

    fn stream(id: &str, first: Stamp, last: Stamp, rollovers: u32, modified: Option<&str>) -> LogStream {
        let mut piece = Piece { rollovers, ..Piece::default() };
        piece.anchors.insert(
            first.kind(),
            Anchors {
                first: moment(first),
                first_told: Some((moment(first), 0)),
                last: moment(last),
                last_told: None,
            },
        );
        let hints = Hints {
            path: format!("log/{id}").into(),
            modified: modified.map(|text| WallTime(utc(text))),
            directory: Some("log".into()),
            ..Hints::default()
        };
        LogStream { id: id.into(), hints, dialect: "syslog", piece }
    }

    fn years(streams: &[LogStream], year: Option<i32>) -> (Vec<Option<i32>>, Vec<&'static str>, usize) {
        let mut notes = Notes::default();
        let settings = Settings { year, ..Settings::default() };
        let hosts = super::super::hosts::tell_apart(streams, &settings, &mut notes);
        let zones = vec![Zone::Fixed(0); streams.len()];
        let clocks = infer(streams, &hosts, &zones, &settings);
        let tracks = super::super::successors::join(streams.to_vec(), &clocks, &hosts);
        say(&tracks, &settings, &mut notes);
        let (assumptions, gaps) = notes.into_lists();
        let about = assumptions.into_iter().map(|assumption| assumption.about).collect();
        (clocks.into_iter().map(|clock| clock.newest_year).collect(), about, gaps.len())
    }

    #[test]
    fn the_last_line_is_not_younger_than_its_file() {
        let one = |modified| {
            years(&[stream("a", stamp("03-01 00:00:00"), stamp("11-15 12:00:00"), 0, Some(modified))], None).0
                [0]
        };
        assert_eq!(one("2024-11-15 12:00:05"), Some(2024));
        assert_eq!(one("2024-11-14 13:00:00"), Some(2024), "a day of doubt");
        assert_eq!(one("2024-11-14 11:00:00"), Some(2023));
        assert_eq!(one("2026-02-01 00:00:00"), Some(2025));
    }

    #[test]
    fn two_files_across_new_year_each_take_their_year_from_their_time_of_writing() {
        let old =
            stream("m.1", stamp("12-01 00:00:00"), stamp("12-31 23:59:58"), 0, Some("2023-12-31 23:59:58"));
        let new =
            stream("m", stamp("01-01 00:00:01"), stamp("01-20 00:00:00"), 0, Some("2024-01-20 00:00:00"));
        assert_eq!(years(&[old.clone(), new.clone()], None).0, [Some(2023), Some(2024)]);
        assert_eq!(years(&[new, old], None).0, [Some(2024), Some(2023)]);
    }

    #[test]
    fn the_given_year_is_that_of_the_newest_line_and_neighbours_follow() {
        let old = stream("m.1", stamp("12-01 00:00:00"), stamp("12-31 23:59:58"), 0, None);
        let new = stream("m", stamp("01-01 00:00:01"), stamp("01-20 00:00:00"), 0, None);
        assert_eq!(years(&[old.clone(), new], Some(2022)).0, [Some(2021), Some(2022)]);
        let across = stream("x", stamp("12-31 00:00:00"), stamp("01-20 00:00:00"), 1, None);
        let clock = years(&[across], Some(2022)).0;
        assert_eq!(clock, [Some(2022)]);
        assert_eq!(years(&[old], Some(2019)).0, [Some(2019)]);
    }

    #[test]
    fn a_file_copied_since_the_year_given_follows_its_neighbours() {
        let files = [
            stream("a", stamp("03-07 03:00:00"), stamp("01-01 00:00:03"), 1, Some("2025-01-01 00:00:04")),
            stream("b", stamp("01-01 00:00:03"), stamp("01-01 06:00:00"), 0, Some("2026-11-23 12:00:00")),
        ];
        assert_eq!(years(&files, Some(2025)).0, [Some(2025), Some(2025)]);
    }

    #[test]
    fn files_copied_at_one_time_follow_each_other_back_from_the_year_given() {
        let copied = Some("2026-11-23 12:00:00");
        let files = [
            stream("m.1", stamp("12-25 03:00:00"), stamp("12-28 00:00:00"), 0, copied),
            stream("m", stamp("12-28 00:00:10"), stamp("01-02 00:00:00"), 1, copied),
        ];
        assert_eq!(years(&files, Some(2025)).0, [Some(2024), Some(2025)]);
    }

    #[test]
    fn a_stream_with_a_leap_day_stands_in_a_leap_year() {
        let leap =
            stream("a", stamp("02-28 00:00:00"), stamp("02-29 12:00:00"), 0, Some("2023-06-01 00:00:00"));
        let (found, about, _) = years(&[leap], None);
        assert_eq!(found, [Some(2020)]);
        assert_eq!(about.iter().filter(|about| **about == "year").count(), 2);
        let before_turn =
            stream("b", stamp("02-29 12:00:00"), stamp("01-05 00:00:00"), 1, Some("2023-06-01 00:00:00"));
        assert_eq!(years(&[before_turn], None).0, [Some(2021)]);
    }

    #[test]
    fn a_year_given_that_has_no_such_leap_day_is_said_in_one_sentence() {
        let leap =
            || stream("a", stamp("02-28 00:00:00"), stamp("02-29 12:00:00"), 0, Some("2024-06-01 00:00:00"));
        let (found, about, _) = years(&[leap()], Some(2023));
        assert_eq!((found, about), (vec![Some(2023)], vec!["year"]));
        let (found, about, _) = years(&[leap()], Some(2024));
        assert_eq!((found, about), (vec![Some(2024)], vec!["year"]));
    }

    #[test]
    fn a_file_that_ends_where_the_next_begins_stood_before_it() {
        // Copied together, so both files are younger than all their lines; the second one saw a turn of the year.
        let old =
            stream("m.1", stamp("01-20 00:00:00"), stamp("02-01 12:00:00"), 0, Some("2024-06-01 00:00:00"));
        let new =
            stream("m", stamp("02-01 12:00:02"), stamp("05-01 00:00:00"), 1, Some("2024-06-01 00:00:01"));
        assert_eq!(years(&[old, new], None).0, [Some(2023), Some(2024)]);
    }

    #[test]
    fn without_a_time_of_writing_dated_logs_beside_it_tell_the_year() {
        let open = stream("m", stamp("12-30 00:00:00"), stamp("01-02 00:00:00"), 1, None);
        let at = |text: &str| Stamp::Absolute(utc(text));
        let dated = stream("j", at("2021-12-31 00:00:00"), at("2022-01-03 00:00:00"), 0, None);
        // Neither stream names a host; the same directory is not enough to borrow a year from a dated log.
        assert_eq!(years(std::slice::from_ref(&open), None).0, [None]);
        let named = |mut stream: LogStream| {
            let key = crate::model::run::RunKey {
                host: Some("web8".into()),
                trust: crate::model::record::Trust::Unverified,
                stamp: crate::model::time::StampKind::Absent,
                ticks: crate::model::run::Ticks::Untimed,
                boot: None,
                numbered: false,
            };
            stream.piece.runs.insert(key, Vec::new());
            stream
        };
        assert_eq!(years(&[named(open), named(dated)], None).0, [Some(2022), None]);
    }

    #[test]
    fn a_year_that_nothing_tells_is_a_gap_with_a_command() {
        let (found, _, gaps) =
            years(&[stream("m", stamp("12-30 00:00:00"), stamp("12-31 00:00:00"), 0, None)], None);
        assert_eq!((found, gaps), (vec![None], 1));
    }
}
