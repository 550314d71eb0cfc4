//! The laws of the fold of logs: however a log is cut and its parts are joined, the result is that of reading it from
//! its beginning to its end; nothing is lost, nothing is counted twice, nothing grows without bound.

mod owned;

use conntriage::detect::join::{Bounds, join_within};
use conntriage::model::blemish::BlemishKind;
use std::collections::BTreeMap;
use std::net::IpAddr;

use conntriage::model::flow::L4;
use conntriage::model::fold::Part;
use conntriage::model::packets::{Fate, PACKET_ROWS, Packet};
use conntriage::model::piece::{
    DOUBLINGS_MAX, LOSSES_MAX, LossKind, MARKS_MAX, NAMED_MAX, Piece, RUNS_PER_KEY_MAX,
};
use conntriage::model::record::{Content, Trust};
use conntriage::model::run::{BINS_MAX, Flush, LINE_BYTES_MAX, LINES_KEPT, SUBJECTS_MAX, TOKENS_KEPT};
use conntriage::model::signal::{About, NamespaceWord, RelatedKind, Signal};
use conntriage::model::time::{BootId, DAY_US, Moment, SECOND_US, Stamp};
use owned::{Owned, cut_and_join, full, runs, scan, scan_within, subject, suppressed, visible};
use proptest::prelude::*;

/// One line in the making.
#[derive(Debug, Clone)]
struct Draft {
    /// Time since the line before.
    step_us: i64,
    host: u8,
    clock: u8,
    content: Content,
}

fn packet() -> impl Strategy<Value = Packet> {
    let fate = prop::sample::select(Fate::ALL.to_vec());
    (fate, 0_u8..6, proptest::option::of(20_u16..26), any::<bool>()).prop_map(
        |(fate, source, port, opens)| Packet {
            fate,
            source: [198, 51, 100, source].into(),
            l4: L4::TCP,
            port,
            opens,
        },
    )
}

fn content() -> impl Strategy<Value = Content> {
    let namespace = prop_oneof![Just(None), (1_u64..6).prop_map(Some)];
    let kind = prop_oneof![
        Just(RelatedKind::NeighbourOverflow),
        Just(RelatedKind::SynFlood),
        Just(RelatedKind::Capacity),
        Just(RelatedKind::BootBegins),
    ];
    let signal = prop_oneof![
        8 => namespace.prop_map(|namespace| Signal::Full(subject(namespace))),
        1 => Just(Signal::OtherLimited),
        1 => (kind, proptest::option::of(0_u64..9)).prop_map(|(kind, value)| Signal::Related {
            kind,
            capacity: None,
            port: Some(80),
            about: value.map(|value| Box::new(About { value: Some(value), ..About::default() })),
        }),
        2 => packet().prop_map(Signal::Packet),
        1 => proptest::option::of(0_u64..9).prop_map(|count| Signal::Lost { count }),
    ];
    prop_oneof![
        6 => Just(Content::Passing),
        12 => signal.clone().prop_map(Content::Signal),
        4 => (-3_i64..5000).prop_map(suppressed),
        2 => (signal, 1_u64..40).prop_map(|(signal, times)| Content::Repeated { signal, times }),
        4 => (1_u64..40).prop_map(|times| Content::RepeatedUnknown { times }),
        1 => Just(Content::RepeatedPassing),
        1 => Just(Content::BootSeparator),
        1 => Just(Content::Malformed(BlemishKind::ImpossibleTime)),
    ]
}

fn step() -> impl Strategy<Value = i64> {
    prop_oneof![
        12 => 0..2_000_i64,
        12 => 0..3 * SECOND_US,
        4 => 0..200 * SECOND_US,
        1 => -20 * SECOND_US..0,
        1 => -200 * DAY_US..200 * DAY_US,
    ]
}

fn drafts(most: usize) -> impl Strategy<Value = Vec<Draft>> {
    let host = prop_oneof![8 => Just(0_u8), 3 => 1_u8..5];
    let clock = prop_oneof![10 => Just(0_u8), 10 => Just(1_u8), 10 => Just(6_u8), 1 => 0_u8..7];
    let draft = (step(), host, clock, content()).prop_map(|(step_us, host, clock, content)| Draft {
        step_us,
        host,
        clock,
        content,
    });
    let repetitions = (1_usize..40, step()).prop_map(|(count, step_us)| {
        let content = Content::RepeatedUnknown { times: 2 };
        vec![Draft { step_us, host: 0, clock: 1, content }; count]
    });
    let flood = (1_usize..50, 0_i64..300_000, 0_u8..2).prop_map(|(count, step_us, clock)| {
        vec![Draft { step_us, host: 0, clock, content: full(None) }; count]
    });
    let group = prop_oneof![20 => draft.prop_map(|draft| vec![draft]), 1 => repetitions, 1 => flood];
    proptest::collection::vec(group, 0..most).prop_map(|groups| groups.concat())
}

fn written(drafts: &[Draft], shift_us: i64) -> Vec<Owned> {
    let mut now = 200 * DAY_US;
    let mut offset = 0;
    let mut number = 0_u64;
    let line = |draft: &Draft| {
        now = now.saturating_add(draft.step_us);
        offset += 60;
        // Where the clock steps, the kernel's record numbers leave a gap or begin again, now and then.
        number = match draft.step_us % 7 {
            5 => number + 1 + draft.step_us.unsigned_abs() % 50,
            -6..=-1 | 6 => 0,
            _ => number + 1,
        };
        let local = now.saturating_add(shift_us);
        let (stamp, since_boot_us) = match draft.clock {
            0 => (Some(Stamp::Absolute(local)), Some(now)),
            1 => (Some(Stamp::Yearless(local.rem_euclid(366 * DAY_US))), None),
            2 => (Some(Stamp::Local(local)), None),
            3 | 6 => (None, Some(now)),
            4 => (Some(Stamp::Absolute(local)), None),
            _ => (None, None),
        };
        let precision_us = if stamp.is_some() { 1_000_000 } else { 0 };
        let seq = (draft.clock == 6).then_some(number);
        let moment = Moment { offset, stamp, precision_us, since_boot_us, seq };
        let host = (draft.host > 0 || draft.clock > 0).then(|| format!("gw{}", draft.host).into_bytes());
        let boot = (draft.clock == 4).then_some(BootId([draft.host; 16]));
        let raw = format!("raw {offset}").into_bytes();
        Owned { moment, host, boot, trust: Trust::Unverified, content: draft.content.clone(), raw }
    };
    drafts.iter().map(line).collect()
}

fn bounds() -> impl Strategy<Value = Bounds> {
    prop_oneof![
        Just(Bounds::REAL),
        (1_usize..8, 1_usize..6, 1_usize..12, 1_usize..6, 1_usize..8).prop_map(
            |(keys, runs_per_key, runs_per_stream, marks, packet_clocks)| Bounds {
                keys,
                runs_per_key,
                runs_per_stream,
                run_bytes: usize::MAX,
                marks,
                packet_clocks,
                packet_slots: 2 * packet_clocks + keys,
                packet_rows: 1_000,
            }
        ),
        (2_000_usize..60_000).prop_map(|run_bytes| Bounds { run_bytes, ..Bounds::REAL }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: owned::cases(800), failure_persistence: None, ..ProptestConfig::default() })]

    /// A1, A2.
    #[test]
    fn any_cuts_joined_in_any_order_give_what_reading_in_one_go_gives(
        drafts in drafts(120),
        cuts in proptest::collection::vec(0_usize..10_000, 0..12),
        order in proptest::collection::vec(0_usize..10_000, 1..12),
        bounds in bounds(),
    ) {
        let records = written(&drafts, 0);
        let whole = scan_within(&records, bounds);
        prop_assert_eq!(&cut_and_join(&records, &cuts, &order, bounds), &whole);
        prop_assert_eq!(&join_within(Piece::default(), whole.clone(), &bounds), &whole);
        prop_assert_eq!(&join_within(whole.clone(), Piece::default(), &bounds), &whole);
    }

    /// A1 in its sharpest form: the definition itself.
    #[test]
    fn a_piece_is_the_join_of_the_pieces_of_its_records(drafts in drafts(60), bounds in bounds()) {
        let records = written(&drafts, 0);
        let cuts: Vec<usize> = (0..records.len()).collect();
        prop_assert_eq!(cut_and_join(&records, &cuts, &[0], bounds), scan_within(&records, bounds));
        prop_assert_eq!(
            cut_and_join(&records, &cuts, &[usize::MAX / 3], bounds),
            scan_within(&records, bounds)
        );
    }

    /// A5.
    #[test]
    fn every_line_and_every_copy_is_counted_once(drafts in drafts(120), bounds in bounds()) {
        let records = written(&drafts, 0);
        let mut last: Option<(Option<Vec<u8>>, bool)> = None;
        let (mut lines, mut copies, mut behind) = (0, 0, 0);
        for record in &records {
            let is_full = |signal: &Signal| matches!(signal, Signal::Full(_));
            let shows = match &record.content {
                Content::RepeatedUnknown { times } => {
                    let known = last.as_ref().is_some_and(|(host, full)| *full && *host == record.host);
                    copies += if known && behind < 16 { *times } else { 0 };
                    behind += 1;
                    continue;
                }
                Content::Signal(signal) => {
                    lines += u64::from(is_full(signal));
                    is_full(signal)
                }
                Content::Repeated { signal, times } => {
                    copies += if is_full(signal) { *times } else { 0 };
                    is_full(signal)
                }
                _ => false,
            };
            last = Some((record.host.clone(), shows));
            behind = 0;
        }
        let piece = scan_within(&records, bounds);
        let suppression_lines: u64 = runs(&piece).map(|run| run.suppression_lines).sum();
        let counted: u64 = runs(&piece).map(visible).sum();
        let negative = piece.losses.iter().filter(|loss| loss.kind == LossKind::NegativeSuppression);
        if piece.keys_left_out == 0 {
            prop_assert_eq!(counted, lines + copies);
            prop_assert_eq!(piece.signals, lines + copies + suppression_lines + negative.count() as u64);
        } else {
            prop_assert_eq!(
                counted + suppression_lines + piece.keys_left_out,
                piece.signals - negative.count() as u64
            );
        }
        prop_assert_eq!(piece.records, records.len() as u64);
    }

    /// A8: without turns of the year, another zone of the stamps changes the stamps and nothing else.
    #[test]
    fn a_shift_of_all_stamps_shifts_times_and_changes_no_count(drafts in drafts(80), hours in -20_i64..20) {
        let drafts: Vec<Draft> = drafts.into_iter().filter(|draft| draft.clock != 1).collect();
        let (here, there) = (scan(&written(&drafts, 0)), scan(&written(&drafts, hours * 3600 * SECOND_US)));
        prop_assert_eq!(here.clock_steps, there.clock_steps);
        prop_assert_eq!(here.runs.len(), there.runs.len());
        for (a, b) in runs(&here).zip(runs(&there)) {
            prop_assert_eq!(a.head.offset, b.head.offset);
            let moved = if a.head.since_boot_us.is_some() { 0 } else { hours * 3600 * SECOND_US };
            for ((of_a, seen_a), (of_b, seen_b)) in a.visible.iter().zip(&b.visible) {
                prop_assert_eq!((of_a, seen_a.lines, seen_a.repeated), (of_b, seen_b.lines, seen_b.repeated));
                prop_assert_eq!(seen_a.first.map(|at| at + moved), seen_b.first);
                prop_assert_eq!(seen_a.last.map(|at| at + moved), seen_b.last);
            }
            prop_assert_eq!(a.visible.len(), b.visible.len());
            prop_assert_eq!(&a.closed, &b.closed);
            prop_assert_eq!(&a.recent, &b.recent);
            prop_assert_eq!(a.dense, b.dense);
            prop_assert_eq!(a.lo.map(|at| at + moved), b.lo);
            prop_assert_eq!(a.hi.map(|at| at + moved), b.hi);
        }
    }

    /// A10.
    #[test]
    fn a_piece_stays_within_its_bounds(drafts in drafts(200), bounds in bounds()) {
        let piece = scan_within(&written(&drafts, 0), bounds);
        let total: usize = piece.runs.values().map(Vec::len).sum();
        prop_assert!(piece.runs.len() <= bounds.keys);
        prop_assert!(piece.runs.values().all(|list| list.len() <= bounds.runs_per_key));
        prop_assert!(total <= bounds.runs_per_stream.max(bounds.keys));
        let bytes: usize = runs(&piece).map(conntriage::model::run::Run::bytes).sum();
        prop_assert!(bytes <= bounds.run_bytes || piece.link_doublings == DOUBLINGS_MAX);
        prop_assert!(piece.marks.values().map(Vec::len).sum::<usize>() <= bounds.marks);
        prop_assert!(piece.marks.values().flatten().all(|mark| mark.about.len() <= NAMED_MAX));
        for run in runs(&piece) {
            for stretch in [Some(&run.lead), run.trail.as_ref()].into_iter().flatten() {
                prop_assert!(stretch.first.len() <= TOKENS_KEPT && stretch.last.len() <= TOKENS_KEPT);
            }
            prop_assert!(run.recent.len() <= 3 && run.bins.counts.len() <= BINS_MAX);
            prop_assert!(run.first_lines.len() <= LINES_KEPT && run.last_lines.len() <= LINES_KEPT);
        }
    }
}

/// The true number of packets, by source.
fn true_packets(records: &[Owned]) -> BTreeMap<IpAddr, u64> {
    let mut truth = BTreeMap::new();
    for record in records {
        let (packet, times) = match &record.content {
            Content::Signal(Signal::Packet(packet)) => (packet, 1),
            Content::Repeated { signal: Signal::Packet(packet), times } => (packet, *times),
            _ => continue,
        };
        *truth.entry(packet.source).or_default() += times;
    }
    truth
}

/// Packets from few sources often and from many seldom, in a log of one host.
fn traffic() -> impl Strategy<Value = Vec<Owned>> {
    let source = prop_oneof![0_u16..4, 0_u16..4, 0_u16..500];
    let line = (source, 0_u16..4, 0_i64..400, 0_usize..4);
    prop::collection::vec(line, 0..900).prop_map(|lines| {
        let mut now = 0;
        let line = |(offset, (source, port, step, fate)): (u64, (u16, u16, i64, usize))| {
            now += step * SECOND_US;
            let [high, low] = source.to_be_bytes();
            let packet = Packet {
                fate: Fate::ALL[fate],
                source: [203, 0, high, low].into(),
                l4: L4::TCP,
                port: Some(port),
                opens: port == 0,
            };
            Owned::at(stamped(60 * offset, now), Content::Signal(Signal::Packet(packet)))
        };
        (0..).zip(lines).map(line).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: owned::cases(200), failure_persistence: None, ..ProptestConfig::default() })]

    /// A1 and A10 for packets, with B1's law where rows are cut: no count is above the truth, and none is below it by
    /// more than the error; and without a cut the order of joins changes nothing.
    #[test]
    fn packets_are_counted_within_their_error_however_a_log_is_cut(
        records in traffic(),
        cuts in prop::collection::vec(0_usize..10_000, 0..9),
        order in prop::collection::vec(0_usize..10_000, 1..9),
        packet_rows in prop_oneof![Just(16_usize), Just(64), Just(2_000)],
        packet_slots in 2_usize..60,
    ) {
        let bounds = Bounds { packet_rows, packet_slots, ..Bounds::REAL };
        let truth = true_packets(&records);
        let (whole, joined) = (scan_within(&records, bounds), cut_and_join(&records, &cuts, &order, bounds));
        for piece in [&whole, &joined] {
            let packets = &piece.packets;
            prop_assert_eq!(packets.count(), records.len() as u64);
            prop_assert!(packets.rows() <= 6 * packet_rows);
            prop_assert!(packets.error() <= 3 * (records.len() / packet_rows) as u64);
            for (source, count) in &truth {
                let found = packets.count_of(*source);
                prop_assert!(found <= *count, "{source}: {found} of {count}");
                if packets.error() == 0 {
                    prop_assert_eq!(found, *count);
                }
            }
        }
        if whole.packets.error() == 0 && joined.packets.error() == 0 {
            prop_assert_eq!(whole, joined);
        }
    }
}

#[test]
fn packets_of_all_distinct_sources_and_hosts_stay_within_bounds() {
    let line = |n: u32| {
        let host = if n.is_multiple_of(3) { format!("h{:06}", 900_000 - n) } else { "gw".to_owned() };
        let packet = Packet {
            fate: Fate::Refused,
            source: std::net::Ipv4Addr::from_bits(n.wrapping_mul(2_654_435_761)).into(),
            l4: L4::TCP,
            port: u16::try_from(n % 65_536).ok(),
            opens: true,
        };
        let moment = stamped(u64::from(n) * 200, i64::from(n) * 90 * SECOND_US);
        let content = Content::Signal(Signal::Packet(packet));
        Owned { host: Some(host.into_bytes()), ..Owned::at(moment, content) }
    };
    let records: Vec<Owned> = (0..120_000).map(line).collect();
    let piece = scan(&records);
    assert_eq!(piece.packets.count(), 120_000);
    assert!(piece.packets.left_out > 0);
    assert!(piece.packets.rows() <= 6 * PACKET_ROWS);
    let joined = cut_and_join(&records, &[40_000, 70_000], &[1, 0], Bounds::REAL);
    assert_eq!((joined.packets.count(), joined.packets.left_out), (120_000, piece.packets.left_out));
}

fn stamped(offset: u64, at: i64) -> Moment {
    let precision_us = 1_000_000;
    Moment { offset, stamp: Some(Stamp::Absolute(at)), precision_us, since_boot_us: None, seq: None }
}

/// A small number as a time.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap()
}

fn since_boot(offset: u64, at: i64) -> Moment {
    Moment { offset, stamp: None, precision_us: 0, since_boot_us: Some(at), seq: None }
}

/// Lines one after another, a second apart unless said otherwise.
fn every_second(contents: Vec<Content>) -> Vec<Owned> {
    let line = |(at, content)| Owned::at(since_boot(60 * at, signed(at) * SECOND_US), content);
    (0_u64..).zip(contents).map(line).collect()
}

#[test]
fn the_real_bounds_hold_against_a_hostile_log() {
    let line = |n: u64| {
        let at = if n.is_multiple_of(2) { signed(n) * 90 * SECOND_US } else { -signed(n) * SECOND_US };
        let content = match n % 5 {
            0 => Content::Signal(Signal::Lost { count: None }),
            1 => Content::BootSeparator,
            2 => Content::Signal(Signal::Related {
                kind: RelatedKind::NeighbourOverflow,
                capacity: None,
                port: None,
                about: None,
            }),
            _ => full(Some(n)),
        };
        let mut line = Owned::at(since_boot(n, at), content);
        line.raw = vec![b'x'; 2000];
        line
    };
    let records: Vec<Owned> = (0..60_000).map(line).collect();
    let piece = scan(&records);
    assert_eq!(piece.losses.len(), LOSSES_MAX);
    assert_eq!(piece.losses_left_out, 12_000 - LOSSES_MAX as u64);
    assert!(piece.runs.values().all(|list| list.len() <= RUNS_PER_KEY_MAX));
    assert!(piece.marks.values().map(Vec::len).sum::<usize>() <= MARKS_MAX);
    assert!(runs(&piece).all(|run| run.visible.len() <= SUBJECTS_MAX));
    assert!(runs(&piece).flat_map(|run| &run.first_lines).all(|line| line.raw.len() <= LINE_BYTES_MAX));
    assert_eq!(runs(&piece).map(visible).sum::<u64>(), 24_000);
    assert_eq!(cut_and_join(&records, &[7, 30_000, 59_999], &[1, 0], Bounds::REAL), piece);
}

#[test]
fn more_hosts_than_the_bound_are_counted_and_not_kept() {
    let line = |n: u64| Owned {
        host: Some(format!("h{n:06}").into_bytes()),
        ..Owned::at(stamped(n, 0), full(None))
    };
    let records: Vec<Owned> = (0..4_600).map(line).collect();
    let piece = scan(&records);
    assert_eq!(piece.runs.len(), 4_096);
    assert_eq!(piece.keys_left_out, 4_600 - 4_096);
    assert_eq!(cut_and_join(&records, &[100, 4_200], &[1], Bounds::REAL), piece);
}

#[test]
fn a_repetition_at_the_head_of_a_file_finds_its_line_at_the_end_of_the_one_before() {
    let records = every_second(vec![full(None), Content::RepeatedUnknown { times: 34 }]);
    let late = scan(&records[1..]);
    assert_eq!(late.head_repetitions.len(), 1);
    let piece = scan(&records[..1]).join(late);
    assert_eq!(runs(&piece).map(visible).sum::<u64>(), 35);
    assert!(piece.losses.is_empty() && piece.head_repetitions.is_empty());
}

#[test]
fn a_repetition_of_something_else_is_nothing_and_one_behind_another_host_is_a_loss() {
    let passing = every_second(vec![Content::Passing, Content::RepeatedUnknown { times: 3 }]);
    let piece = scan(&passing);
    assert!(piece.runs.is_empty() && piece.losses.is_empty());
    let mut other = every_second(vec![full(None), Content::RepeatedUnknown { times: 3 }]);
    other[1].host = Some(b"elsewhere".to_vec());
    let piece = scan(&other);
    assert_eq!(piece.losses.len(), 1);
    assert_eq!((piece.losses[0].kind, piece.losses[0].count), (LossKind::UnknownRepetition, Some(3)));
}

#[test]
fn a_negative_count_is_a_loss_of_a_counter_that_wrapped() {
    let piece = scan(&every_second(vec![suppressed(-1), suppressed(i64::MIN), suppressed(7)]));
    let counts: Vec<_> = piece.losses.iter().map(|loss| (loss.kind, loss.count)).collect();
    let kind = LossKind::NegativeSuppression;
    assert_eq!(counts, [(kind, Some(u64::from(u32::MAX))), (kind, None)]);
    assert_eq!(runs(&piece).map(|run| run.suppression_lines).sum::<u64>(), 1);
}

#[test]
fn a_count_goes_to_the_callers_seen_before_it_and_to_the_line_that_flushed_it() {
    let at = |offset, at, content| Owned::at(since_boot(offset, at), content);
    let group = |start: u64, count| {
        let begin = signed(start) * SECOND_US;
        let mut group = vec![at(start * 100, begin, suppressed(count))];
        group.extend((1..=10).map(|n| at(start * 100 + n, begin + signed(n), full(None))));
        group
    };
    let mut records = group(0, 45);
    records.extend(group(5, 834));
    records.extend(group(10, 776));
    records.push(at(1500, 15 * SECOND_US, suppressed(9)));
    records.push(at(1501, 15 * SECOND_US + 20, Content::Signal(Signal::OtherLimited)));
    let piece = scan(&records);
    let run = runs(&piece).next().unwrap();
    assert_eq!(run.first_suppression.as_ref().map(|s| (s.count, s.flush)), Some((45, Flush::Full)));
    assert_eq!(run.last_suppression.as_ref().map(|s| (s.count, s.flush)), Some((9, Flush::Other)));
    assert_eq!(run.closed.counts[1], [834 + 776, 9, 0]);
    assert_eq!(run.closed.windows[1], [2, 1, 0]);
    assert_eq!(run.closed.short_windows, 0);
    assert_eq!(run.recent, [834, 776, 9]);
    assert!(!run.dense);
}

#[test]
fn a_window_that_shows_fewer_than_ten_lines_is_short() {
    let mut contents = vec![full(None); 6];
    contents.push(suppressed(3));
    contents.extend(vec![full(None); 6]);
    contents.push(suppressed(4));
    let piece = scan(&every_second(contents));
    assert_eq!(runs(&piece).next().unwrap().closed.short_windows, 1);
}

#[test]
fn lines_are_dense_when_two_windows_cannot_hold_them() {
    let burst = |lines: u64, apart: i64| {
        let line = |n: u64| Owned::at(since_boot(n, signed(n) * apart), full(None));
        let piece = scan(&(0..lines).map(line).collect::<Vec<_>>());
        runs(&piece).next().unwrap().dense
    };
    // Ten calls at the end of one window and ten at the beginning of the next: nothing was refused.
    assert!(!burst(20, 1000));
    assert!(burst(21, 1000));
    assert!(!burst(100, SECOND_US / 4));
    let mut repeated = every_second(vec![full(None)]);
    let times = 300;
    let signal = Signal::Full(subject(None));
    repeated.push(Owned::at(since_boot(9, 40 * SECOND_US), Content::Repeated { signal, times }));
    assert!(!runs(&scan(&repeated)).next().unwrap().dense);
}

#[test]
fn a_turn_of_the_year_and_a_boot_part_runs() {
    let yearless = |offset, day: i64, content| {
        let stamp = Some(Stamp::Yearless(day * DAY_US));
        let moment = Moment { offset, stamp, precision_us: 1_000_000, since_boot_us: None, seq: None };
        Owned::at(moment, content)
    };
    let boot = Content::Signal(Signal::Related {
        kind: RelatedKind::BootBegins,
        capacity: None,
        port: None,
        about: None,
    });
    let records = vec![
        yearless(0, 365, full(None)),
        yearless(1, 0, full(None)),
        yearless(2, 0, boot),
        yearless(3, 0, full(None)),
    ];
    let piece = scan(&records);
    assert_eq!((piece.rollovers, piece.boots), (1, 1));
    let places: Vec<_> = runs(&piece).map(|run| (run.rollover, run.boot_index)).collect();
    assert_eq!(places, [(0, 0), (1, 0), (1, 1)]);
    assert_eq!(cut_and_join(&records, &[0, 1, 2, 3], &[2, 0, 1], Bounds::REAL), piece);
}

#[test]
fn the_boot_of_one_host_does_not_part_the_runs_of_another() {
    let boot = Content::Signal(Signal::Related {
        kind: RelatedKind::BootBegins,
        capacity: None,
        port: None,
        about: None,
    });
    let mut records = every_second(vec![full(None), boot, full(None)]);
    records[1].host = Some(b"other".to_vec());
    assert_eq!(runs(&scan(&records)).count(), 1);
    records[1].host = Some(b"localhost".to_vec());
    assert_eq!(runs(&scan(&records)).count(), 2);
}

#[test]
fn names_of_containers_beyond_the_bound_are_summed_up() {
    let named = |n: u64| {
        let mut subject = subject(Some(n));
        subject.namespace = NamespaceWord::Container(format!("{n:05}").into());
        Content::Signal(Signal::Full(subject))
    };
    let records = every_second((0..1000).map(named).collect());
    let piece = scan(&records);
    let run = runs(&piece).next().unwrap();
    assert_eq!((run.visible.len(), run.other_subjects.lines), (SUBJECTS_MAX, 1000 - SUBJECTS_MAX as u64));
}

/// Records as /dev/kmsg gives them: number and printk clock.
fn numbered(offset: u64, seq: u64, at: i64, content: Content) -> Owned {
    let moment = Moment { seq: Some(seq), ..since_boot(offset, at) };
    Owned { host: None, ..Owned::at(moment, content) }
}

#[test]
fn a_gap_in_the_numbers_of_records_is_a_loss_wherever_a_cut_falls() {
    let records = [
        numbered(0, 700, 0, full(None)),
        numbered(60, 708, SECOND_US, full(None)),
        numbered(120, 709, 2 * SECOND_US, full(None)),
    ];
    for cut in 0..=records.len() {
        let piece = scan(&records[..cut]).join(scan(&records[cut..]));
        let losses: Vec<_> = piece.losses.iter().map(|l| (l.moment.offset, l.kind, l.count)).collect();
        assert_eq!(losses, [(60, LossKind::KernelRecords, Some(7))], "cut before record {cut}");
        assert_eq!((piece.records, piece.boots, runs(&piece).count()), (3, 0, 1));
    }
}

#[test]
fn numbers_that_begin_again_part_boots_wherever_a_cut_falls() {
    let records = [
        numbered(0, 700, 50 * SECOND_US, full(None)),
        numbered(60, 0, 51 * SECOND_US, full(None)),
        // A line that is not the kernel's own record has a boot of its own to ask after.
        Owned::at(since_boot(120, 52 * SECOND_US), full(None)),
        numbered(180, 1, 53 * SECOND_US, full(None)),
    ];
    for cut in 0..=records.len() {
        let piece = scan(&records[..cut]).join(scan(&records[cut..]));
        assert!(piece.losses.is_empty(), "cut before record {cut}: {:?}", piece.losses);
        let mut places: Vec<_> = runs(&piece).map(|run| (run.head.offset, run.boot_index)).collect();
        places.sort_unstable();
        assert_eq!(places, [(0, 0), (60, 1), (120, 0)], "cut before record {cut}");
    }
}

#[test]
fn losses_at_the_head_of_a_file_stand_in_the_order_of_its_bytes() {
    // Two repetitions of another host's line, and a gap in front of the second.
    let unknown = || Content::RepeatedUnknown { times: 2 };
    let first = Owned { host: Some(b"gw".to_vec()), ..numbered(0, 1, 0, full(None)) };
    let records = [first, numbered(60, 2, 0, unknown()), numbered(120, 9, 0, unknown())];
    let piece = scan(&records[..1]).join(scan(&records[1..]));
    assert_eq!(piece, scan(&records));
    let kinds: Vec<_> = piece.losses.iter().map(|loss| (loss.moment.offset, loss.kind)).collect();
    let (gap, unknown) = (LossKind::KernelRecords, LossKind::UnknownRepetition);
    assert_eq!(kinds, [(60, unknown), (120, gap), (120, unknown)]);
}
