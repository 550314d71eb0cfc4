//! The laws of `conclude` on logs of a modelled machine: the order and repetition of inputs change nothing (A3), nor does
//! cutting a log into files (A6); copies neither add nor hide (A7); a shift of all stamps shifts times alone
//! (A8). And the examples a reader would try first.

mod conclude_model;

use conclude_model::{Boot, Line, Machine, Shape, What, second, stream_of};
use conntriage::detect::conclude::conclude;
use conntriage::model::incident::{Conclusion, HighIs, Incident, Namespace, TimeBasis};
use conntriage::model::input::LogStream;
use conntriage::model::report::Settings;
use conntriage::model::signal::{RelatedKind, Table};
use conntriage::model::time::{DAY_US, SECOND_US, Stamp, WallTime};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// 2024-05-01 12:00:00 UTC.
const NOON: i64 = 1_714_564_800 * SECOND_US;

fn found(streams: &[LogStream]) -> Conclusion {
    conclude(streams.to_vec(), &Settings::default())
}

/// So many cases, the same in every run.
fn cases(cases: u32) -> ProptestConfig {
    let cases = std::env::var("CONNTRIAGE_CASES").ok().and_then(|given| given.parse().ok()).unwrap_or(cases);
    ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(2_857),
        ..ProptestConfig::default()
    }
}

/// Incidents without what names inputs: each file of a log says its own share of the drops, and in which of them a fact
/// stands. The report's contract wants both by input.
fn bare(conclusion: &Conclusion) -> Vec<Incident> {
    let mut incidents = conclusion.incidents.clone();
    for incident in &mut incidents {
        incident.drops.streams.clear();
        for around in &mut incident.around {
            around.from = "".into();
        }
    }
    incidents
}

/// What a copy may not change for the worse: beginning to the second, low, high, per topic.
fn costs(conclusion: &Conclusion) -> Vec<(Table, Namespace, u64, Option<u64>)> {
    let row = |incident: &Incident| {
        let drops = &incident.drops;
        (incident.table, incident.namespace.clone(), drops.low, drops.high)
    };
    conclusion.incidents.iter().map(row).collect()
}

fn shapes() -> impl Strategy<Value = Shape> {
    prop_oneof![
        Just(Shape::Export),
        Just(Shape::Bracketed),
        Just(Shape::Messages),
        Just(Shape::Dmesg),
        Just(Shape::Kmsg)
    ]
}

/// How a log came to be what it is.
#[derive(Debug, Clone)]
enum Daemon {
    /// It keeps every line.
    Plain,
    /// It sums up equal lines that follow one another.
    Sums,
    /// It sums them up when another message comes, whatever other programs say meanwhile; and so it does with theirs,
    /// by so many seconds.
    SumsLate(Vec<i64>),
    /// It loses lines.
    Loses(Vec<bool>),
}

impl Daemon {
    fn write(&self, log: &[Line]) -> Vec<Line> {
        match self {
            Self::Plain => log.to_vec(),
            Self::Sums => conclude_model::compressed(log),
            Self::SumsLate(late) => {
                conclude_model::with_late_repetitions(&conclude_model::summed_up_late(log), late)
            }
            Self::Loses(lost) => {
                // The first line stays, so that there is a log.
                let lost = std::iter::once(&false).chain(lost.iter().cycle());
                log.iter().zip(lost).filter(|(_, lost)| !**lost).map(|(line, _)| line.clone()).collect()
            }
        }
    }
}

fn daemons() -> impl Strategy<Value = Daemon> {
    let seconds = prop_oneof![3 => Just(0_i64), 1 => 1..10_i64, 1 => 10..4_000_i64];
    prop_oneof![
        Just(Daemon::Plain),
        Just(Daemon::Sums),
        prop::collection::vec(seconds, 1..20).prop_map(Daemon::SumsLate),
        prop::collection::vec(any::<bool>(), 1..20).prop_map(Daemon::Loses),
    ]
}

fn logs() -> impl Strategy<Value = Vec<Line>> {
    let bursts = prop::collection::vec((0_i64..4_000, 1_i64..40, 1_i64..60, 0_u8..3), 1..5);
    (bursts, any::<u64>(), prop::bool::ANY).prop_map(|(bursts, seed, others)| {
        let mut machine = Machine::new(NOON, seed);
        for (start, seconds, rate, namespace) in bursts {
            machine.burst(start * SECOND_US, seconds, rate, namespace);
        }
        if others {
            machine.others(40);
        }
        machine.passing(97);
        machine.log()
    })
}

fn cut(lines: &[Line], cuts: &[usize], shape: Shape) -> Vec<LogStream> {
    let mut places: Vec<usize> = cuts.iter().map(|at| at % (lines.len() + 1)).collect();
    places.extend([0, lines.len()]);
    places.sort_unstable();
    places.dedup();
    let files: Vec<&[Line]> = places.windows(2).map(|ends| &lines[ends[0]..ends[1]]).collect();
    let last = files.len();
    let named = files.iter().enumerate().map(|(at, file)| {
        let name = if at + 1 == last {
            "log/messages".to_owned()
        } else {
            format!("log/messages.{}", last - 1 - at)
        };
        // Written a second after its newest line; none is older than the one before it.
        let written = lines.iter().take(places[at + 1]).map(|line| line.at + SECOND_US).max();
        stream_of(&format!("id{at}"), &name, file, shape, written)
    });
    named.collect()
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn order_and_repetition_of_inputs_change_nothing(
        log in logs(), shape in shapes(), other in shapes(), keep in 1_usize..9, turn in 0_usize..3,
    ) {
        let written = Some(NOON + DAY_US / 2);
        let copy: Vec<Line> = log.iter().enumerate().filter(|(at, _)| at % 10 < keep).map(|(_, l)| l.clone()).collect();
        let streams = [
            stream_of("a", "log/messages", &log, shape, written),
            stream_of("b", "log/kern.log", &copy, other, written),
            stream_of("c", "other/dmesg", &log, Shape::Dmesg, None),
        ];
        let mut turned: Vec<LogStream> = streams.to_vec();
        turned.rotate_left(turn);
        turned.push(streams[turn].clone());
        turned.reverse();
        prop_assert_eq!(found(&streams), found(&turned));
    }

    #[test]
    fn cutting_a_log_into_files_changes_nothing_but_the_inputs(
        log in logs(), shape in shapes(), daemon in daemons(), cuts in prop::collection::vec(any::<usize>(), 0..5),
        turn in 0_usize..5, beside in prop::option::of((shapes(), daemons())),
    ) {
        // Another daemon may keep the same log in a file of its own, which is not cut.
        let copy = beside.map(|(shape, daemon)| {
            stream_of("beside", "log/kern.log", &daemon.write(&log), shape, Some(NOON + DAY_US / 2))
        });
        let log = daemon.write(&log);
        let mut whole = cut(&log, &[], shape);
        whole.extend(copy.clone());
        let whole = found(&whole);
        let mut files = cut(&log, &cuts, shape);
        files.extend(copy);
        let turn = turn % files.len();
        files.rotate_left(turn);
        let pieces = found(&files);
        prop_assert_eq!(bare(&whole), bare(&pieces));
        prop_assert_eq!(whole.hosts, pieces.hosts);
        prop_assert_eq!(whole.assumptions, pieces.assumptions);
        prop_assert_eq!(whole.gaps, pieces.gaps);
    }

    #[test]
    fn a_copy_with_lines_deleted_changes_no_cost_and_adds_no_incident(
        log in logs(), shape in shapes(), lost in prop::collection::vec(any::<bool>(), 1..40),
    ) {
        let written = Some(NOON + DAY_US / 2);
        let copy: Vec<Line> =
            log.iter().zip(lost.iter().cycle()).filter(|(_, lost)| !**lost).map(|(line, _)| line.clone()).collect();
        copy_changes_nothing(
            &stream_of("a", "log/messages", &log, shape, written),
            &stream_of("b", "log/kern.log", &copy, shape, written),
        )?;
    }

    #[test]
    fn a_copy_with_repetitions_summed_up_changes_no_cost_and_adds_no_incident(log in logs(), shape in shapes()) {
        let written = Some(NOON + DAY_US / 2);
        copy_changes_nothing(
            &stream_of("a", "log/messages", &log, shape, written),
            &stream_of("b", "log/kern.log", &conclude_model::compressed(&log), shape, written),
        )?;
    }

    #[test]
    fn a_copy_stamped_by_another_daemon_changes_no_cost_and_adds_no_incident(
        log in logs(), late in prop::collection::vec(-2_i64..=2, 1..20),
    ) {
        // The daemon writes later or earlier by up to two seconds, in whole seconds, as rsyslog's clock would.
        let written = Some(NOON + DAY_US / 2);
        let copy: Vec<Line> = log.iter().zip(late.iter().cycle())
            .map(|(line, late)| Line { at: line.at + late * SECOND_US, ..line.clone() }).collect();
        copy_changes_nothing(
            &stream_of("b", "log/journal", &log, Shape::Bracketed, written),
            &stream_of("a", "log/messages", &copy, Shape::Messages, written),
        )?;
    }

    #[test]
    fn a_copy_with_other_stamps_changes_no_cost_and_adds_no_incident(
        log in logs(), late in prop::collection::vec(-2_000_000_i64..=2_000_000, 1..20),
    ) {
        // Where not even a step back or a torn count tells the copy, each could be the copy of the other, and the one
        // whose id sorts first leads.
        let written = Some(NOON + DAY_US / 2);
        let copy: Vec<Line> = log.iter().zip(late.iter().cycle())
            .map(|(line, late)| Line { at: line.at + late, ..line.clone() }).collect();
        copy_changes_nothing(
            &stream_of("a", "log/journal", &log, Shape::Plain, written),
            &stream_of("b", "log/messages", &copy, Shape::Plain, written),
        )?;
    }

    #[test]
    fn the_drops_of_a_machine_without_other_callers_are_not_fewer_than_said(
        bursts in prop::collection::vec((0_i64..9_000, 1_i64..60, 1_i64..80), 1..5), seed in any::<u64>(),
    ) {
        let mut machine = Machine::new(NOON, seed);
        let mut truth = 0;
        for (start, seconds, rate) in bursts {
            machine.burst(start * SECOND_US, seconds, rate, 0);
            truth += u64::try_from(seconds * rate).expect("positive");
        }
        let incidents = found(&[stream_of("a", "log/journal", &machine.log(), Shape::Export, None)]).incidents;
        let low: u64 = incidents.iter().map(|incident| incident.drops.low).sum();
        prop_assert!(low <= truth, "{} > {}", low, truth);
        if incidents.iter().all(|incident| incident.drops.high_is == HighIs::Bound) {
            let high: u64 = incidents.iter().filter_map(|incident| incident.drops.high).sum();
            prop_assert!(high >= truth, "{} < {}", high, truth);
        }
    }

    #[test]
    fn a_shift_of_all_stamps_shifts_times_and_nothing_else(log in logs(), shift in -40_000_i64..40_000) {
        // Whole multiples of the widest bin keep the grid of the timeline in place.
        let shift = shift * 4_096 * SECOND_US;
        let moved: Vec<Line> = log.iter().map(|line| Line { at: line.at + shift, ..line.clone() }).collect();
        let here = found(&[stream_of("a", "log/kern.log", &log, Shape::Plain, None)]);
        let there = found(&[stream_of("a", "log/kern.log", &moved, Shape::Plain, None)]);
        prop_assert_eq!(here.incidents.len(), there.incidents.len());
        for (here, there) in here.incidents.iter().zip(&there.incidents) {
            prop_assert_eq!(there.times.start.map(|at| at.0 - shift), here.times.start.map(|at| at.0));
            prop_assert_eq!(there.times.end.map(|at| at.0 - shift), here.times.end.map(|at| at.0));
            prop_assert_eq!(&here.drops, &there.drops);
            let points = |incident: &Incident, by: i64| -> Vec<(i64, Option<u64>, Option<u64>)> {
                incident.timeline.points.iter().map(|p| (p.at_us - by, p.visible, p.suppressed)).collect()
            };
            prop_assert_eq!(points(here, 0), points(there, shift));
        }
    }
}

proptest! {
    #![proptest_config(cases(64))]

    /// Streams may come from a file of ours that somebody else wrote.
    #[test]
    fn no_times_however_absurd_are_too_much(
        log in logs(), shape in shapes(), ends in prop::collection::vec(any::<i64>(), 8), turns in any::<u32>(),
        zone in prop_oneof![Just(None), Just(Some("America/St_Johns"))], year in any::<Option<i32>>(),
    ) {
        let mut streams = [
            stream_of("a", "log/messages", &log, shape, Some(ends[0])),
            stream_of("b", "log/messages.1", &log, Shape::Messages, None),
        ];
        for stream in &mut streams {
            stream.piece.rollovers = turns;
            let runs = stream.piece.runs.values_mut().flatten();
            for (run, at) in runs.zip(ends.iter().cycle()) {
                (run.lo, run.rollover, run.boot_index) = (Some(*at), turns / 2, turns);
                run.bins.exponent = u8::try_from(turns % 256).expect("a byte");
                for visible in run.visible.values_mut() {
                    visible.last = Some(*at);
                }
            }
            let anchors = stream.piece.anchors.values_mut();
            for (anchors, at) in anchors.zip(&ends) {
                anchors.first.since_boot_us = Some(*at);
                anchors.last.stamp = anchors.last.stamp.map(|_| Stamp::Local(*at));
            }
        }
        let settings = Settings { zone: zone.map(Into::into), year, quiet_seconds: u64::MAX, ..Settings::default() };
        let conclusion = conclude(streams.to_vec(), &settings);
        prop_assert!(conclusion.incidents.len() <= 64);
    }
}

fn copy_changes_nothing(original: &LogStream, copy: &LogStream) -> Result<(), TestCaseError> {
    // Logs that name no host are of the same one only if somebody says so.
    let settings = Settings { host_name: Some("web8".into()), ..Settings::default() };
    let alone = conclude(vec![original.clone()], &settings);
    let both = conclude(vec![original.clone(), copy.clone()], &settings);
    prop_assert_eq!(alone.incidents.len(), both.incidents.len(), "an incident more or less");
    for (alone, both) in costs(&alone).into_iter().zip(costs(&both)) {
        prop_assert_eq!(&(&alone.0, &alone.1, alone.2), &(&both.0, &both.1, both.2), "low");
        prop_assert!(
            both.3.is_none() || alone.3.is_some_and(|high| both.3 >= Some(high)),
            "high: {alone:?} {both:?}"
        );
    }
    Ok(())
}

/// A burst of forty seconds with its suppression lines, and passing lines before and behind it.
fn one_burst() -> Vec<Line> {
    let mut machine = Machine::new(NOON, 7);
    machine.burst(600 * SECOND_US, 40, 30, 0);
    machine.passing(30);
    machine.log()
}

#[test]
fn three_copies_of_one_burst_are_one_incident_led_by_the_most_trusted() {
    let log = one_burst();
    let written = Some(NOON + DAY_US);
    let streams = [
        stream_of("m", "log/messages", &conclude_model::compressed(&log), Shape::Messages, written),
        stream_of("k", "log/kern.log", &log, Shape::Bracketed, written),
        stream_of("j", "log/journal", &log, Shape::Export, written),
    ];
    let conclusion = found(&streams);
    assert_eq!(conclusion.incidents.len(), 1);
    assert_eq!(conclusion.hosts.len(), 1);
    let incident = &conclusion.incidents[0];
    let alone = found(&streams[2..]);
    assert_eq!(incident.drops.low, alone.incidents[0].drops.low);
    assert_eq!(incident.drops.high, alone.incidents[0].drops.high);
    assert_eq!(incident.boot, Some(conclude_model::BOOT));
    let rows: Vec<(&str, bool)> = incident.drops.streams.iter().map(|row| (&*row.input, row.leads)).collect();
    assert_eq!(rows, [("j", true), ("k", false), ("m", false)]);
    let visible = log.iter().filter(|line| matches!(line.what, What::Full(_))).count() as u64;
    assert!(incident.drops.streams.iter().all(|row| row.visible == visible), "{:?}", incident.drops.streams);
    assert!(conclusion.assumptions.iter().any(|assumption| assumption.about == "copies"));
}

#[test]
fn a_log_since_boot_takes_wall_time_from_the_journal_of_the_same_boot() {
    let log = one_burst();
    let streams = [
        stream_of("d", "log/dmesg", &log, Shape::Dmesg, None),
        stream_of("j", "log/journal", &log[..log.len() / 2], Shape::Export, None),
    ];
    let conclusion = found(&streams);
    assert_eq!(conclusion.incidents.len(), 1, "{:?}", conclusion.incidents);
    let incident = &conclusion.incidents[0];
    assert_eq!(incident.times.start.map(second), Some(second(WallTime(NOON)) + 600));
    assert!(conclusion.assumptions.iter().any(|assumption| assumption.about == "boot"));
    assert!(conclusion.coverage.iter().all(|(_, first, last)| first < last), "{:?}", conclusion.coverage);
}

#[test]
fn a_log_since_boot_that_nothing_ties_stays_relative_and_is_not_added_up() {
    let log = one_burst();
    let streams = [
        stream_of("d", "log/dmesg", &log, Shape::Dmesg, None),
        stream_of("m", "log/messages", &log, Shape::Messages, Some(NOON + DAY_US)),
    ];
    let conclusion = found(&streams);
    assert_eq!(conclusion.incidents.len(), 2);
    let relative =
        conclusion.incidents.iter().find(|i| i.times.basis == TimeBasis::Relative).expect("one of them");
    assert_eq!(relative.times.start, None);
    assert!(relative.times.since_boot_us.is_some());
    assert!(conclusion.gaps.iter().any(|gap| gap.command.is_some()));
    assert!(conclusion.assumptions.iter().any(|assumption| assumption.about == "copies"));
}

#[test]
fn files_across_new_year_are_one_log_in_two_years() {
    // 2023-12-31 23:59:40 UTC.
    let mut machine = Machine::new(1_704_067_180 * SECOND_US, 3);
    machine.burst(0, 40, 30, 0);
    machine.passing(5);
    let log = machine.log();
    let whole = found(&cut(&log, &[], Shape::Messages));
    assert_eq!(whole.incidents.len(), 1);
    assert_eq!(whole.incidents[0].times.start.map(second), Some(1_704_067_180));
    let turn = log.iter().position(|line| line.at >= 1_704_067_200 * SECOND_US).expect("it crosses");
    let files = cut(&log, &[turn], Shape::Messages);
    assert_eq!(files.len(), 2);
    assert_eq!(bare(&found(&files)), bare(&whole));
}

#[test]
fn the_hour_that_summer_time_repeats_is_told_apart_by_order() {
    // 2024-10-27 00:50:00 UTC is 02:50 in Berlin; twenty minutes later the clock shows 02:10 again.
    let start = 1_729_990_200 * SECOND_US;
    let mut machine = Machine::new(start, 3);
    machine.burst(0, 3, 2, 0);
    machine.burst(1_200 * SECOND_US, 3, 2, 0);
    machine.passing(60);
    let log = conclude_model::in_berlin(&machine.log());
    let stream = stream_of("m", "log/messages", &log, Shape::Messages, Some(start + DAY_US));
    let settings = Settings { zone: Some("Europe/Berlin".into()), ..Settings::default() };
    let conclusion = conclude(vec![stream], &settings);
    let starts: Vec<Option<i64>> = conclusion.incidents.iter().map(|i| i.times.start.map(second)).collect();
    assert_eq!(starts, [Some(1_729_990_200), Some(1_729_991_400)]);
    assert!(conclusion.incidents.iter().all(|i| i.times.uncertainty_us >= Some(3_600 * SECOND_US)));
}

#[test]
fn the_zone_given_moves_times_that_name_none() {
    let log = one_burst();
    let stream = stream_of("m", "log/messages", &log, Shape::Messages, Some(NOON + DAY_US));
    let settings = Settings { zone: Some("+02:00".into()), ..Settings::default() };
    let start = conclude(vec![stream], &settings).incidents[0].times.start.map(second);
    assert_eq!(start, Some(second(WallTime(NOON)) + 600 - 7_200));
}

#[test]
fn suppression_lines_alone_are_no_incident() {
    let log: Vec<Line> = one_burst()
        .into_iter()
        .filter(|line| matches!(line.what, What::Suppressed(_) | What::Passing))
        .collect();
    assert!(found(&[stream_of("m", "log/messages", &log, Shape::Messages, None)]).incidents.is_empty());
}

#[test]
fn a_boot_between_two_bursts_makes_them_two_incidents() {
    let mut machine = Machine::new(NOON, 3);
    machine.burst(0, 3, 5, 0);
    machine.reboot(60 * SECOND_US);
    machine.burst(120 * SECOND_US, 3, 5, 0);
    let conclusion = found(&[stream_of("j", "log/journal", &machine.log(), Shape::Export, None)]);
    assert_eq!(conclusion.incidents.len(), 2);
    assert_ne!(conclusion.incidents[0].boot, conclusion.incidents[1].boot);
}

#[test]
fn the_burst_of_a_single_log_is_bounded_and_its_last_window_is_said() {
    let log = one_burst();
    let drops = &found(&[stream_of("j", "log/journal", &log, Shape::Export, None)]).incidents[0].drops;
    let truth = 40 * 30;
    assert!(drops.low <= truth && drops.low > truth / 2, "{drops:?}");
    assert!(drops.high.is_some_and(|high| high >= truth), "{drops:?}");
    assert_ne!(drops.high_is, HighIs::Unknown);
}

#[test]
fn an_incident_at_the_end_of_its_log_may_go_on_unless_another_log_goes_on_without_it() {
    let log = one_burst();
    let last = log.iter().rposition(|line| matches!(line.what, What::Full(_))).expect("there is a burst");
    let short = stream_of("s", "log/kern.log", &log[..=last], Shape::Plain, None);
    let whole = stream_of("l", "log/messages", &log, Shape::Messages, Some(NOON + DAY_US));
    let ongoing =
        |streams: &[LogStream]| found(streams).incidents.iter().map(|i| i.ongoing).collect::<Vec<_>>();
    assert_eq!(ongoing(std::slice::from_ref(&short)), [true]);
    assert_eq!(ongoing(std::slice::from_ref(&whole)), [false]);
    assert_eq!(ongoing(&[short, whole]), [false]);
}

#[test]
fn evidence_near_an_incident_is_told_once_and_evidence_far_away_is_not() {
    let mut log = one_burst();
    let burst = NOON + 600 * SECOND_US;
    log.retain(|line| !matches!(line.what, What::Related(_) | What::Packet(_)));
    for at in [burst - 500 * SECOND_US, burst - 700 * SECOND_US, burst + 20 * SECOND_US] {
        let place = log.iter().position(|line| line.at > at).expect("the log goes on");
        let line = Line { at, what: What::Related(RelatedKind::Capacity), ..log[place].clone() };
        log.insert(place, line);
    }
    let streams = [
        stream_of("k", "log/kern.log", &log, Shape::Plain, None),
        stream_of("m", "log/messages", &log, Shape::Messages, Some(NOON + DAY_US)),
    ];
    let conclusion = found(&streams);
    let at: Vec<Option<i64>> = conclusion.incidents[0].around.iter().map(|a| a.at.map(second)).collect();
    let burst = burst / SECOND_US;
    assert_eq!(at, [Some(burst - 500), Some(burst + 20)]);
}

#[test]
fn what_was_said_of_the_limit_holds_until_the_next_boot_and_is_told() {
    let burst = NOON + 600 * SECOND_US;
    let told = |kinds: &[(RelatedKind, i64)]| {
        let mut log = one_burst();
        log.retain(|line| !matches!(line.what, What::Related(_) | What::Packet(_)));
        for (kind, before) in kinds {
            let at = burst - before * SECOND_US;
            let place = log.iter().position(|line| line.at > at).expect("the log goes on");
            let line = Line { at, what: What::Related(*kind), ..log[place].clone() };
            log.insert(place, line);
        }
        let conclusion = found(&[stream_of("k", "log/kern.log", &log, Shape::Plain, None)]);
        conclusion.incidents[0].around.iter().map(|around| around.kind).collect::<Vec<_>>()
    };
    let (set, refused) = (RelatedKind::LimitSet, RelatedKind::SettingRefused);
    assert_eq!(told(&[(RelatedKind::Vmalloc, 9_000), (refused, 8_000), (set, 7_000)]), [refused, set]);
    assert_eq!(told(&[(set, 9_000), (RelatedKind::BootBegins, 8_000)]), []);
}

#[test]
fn each_namespace_has_its_own_incident_with_its_own_ends() {
    let mut machine = Machine::new(NOON, 7);
    machine.burst(0, 10, 1, 1);
    machine.burst(30 * SECOND_US, 10, 1, 0);
    machine.passing(30);
    let conclusion = found(&[stream_of("k", "log/kern.log", &machine.log(), Shape::Plain, None)]);
    let spans: Vec<(Namespace, Option<i64>, Option<i64>)> = (conclusion.incidents.iter())
        .map(|i| (i.namespace.clone(), i.times.start.map(second), i.times.end.map(second)))
        .collect();
    let noon = NOON / SECOND_US;
    assert_eq!(
        spans,
        [
            (Namespace::Netns(1), Some(noon), Some(noon + 9)),
            (Namespace::Initial, Some(noon + 30), Some(noon + 39)),
        ]
    );
    assert!(conclusion.assumptions.iter().any(|assumption| assumption.about == "namespace"));
}

#[test]
fn only_incidents_of_the_span_and_hosts_asked_for_are_shown() {
    let log = one_burst();
    let stream = stream_of("m", "log/kern.log", &log, Shape::Plain, None);
    let start = NOON + 600 * SECOND_US;
    let shown = |since: Option<i64>, until: Option<i64>, host: Option<&str>| {
        let settings = Settings {
            since: since.map(WallTime),
            until: until.map(WallTime),
            hosts: host.map(Into::into).into_iter().collect(),
            ..Settings::default()
        };
        conclude(vec![stream.clone()], &settings).incidents.len()
    };
    assert_eq!(shown(Some(start + 10 * SECOND_US), None, None), 1, "it overlaps");
    assert_eq!(shown(Some(start + 100 * SECOND_US), None, None), 0);
    assert_eq!(shown(None, Some(start - SECOND_US), None), 0);
    assert_eq!((shown(None, None, Some("WEB8")), shown(None, None, Some("web9"))), (1, 0));
}

#[test]
fn a_file_that_begins_with_an_old_repetition_goes_on_where_the_one_before_ends() {
    let log = conclude_model::summed_up_late(&one_burst());
    let old = |at: &usize| {
        let newest = log[..*at].iter().map(|line| line.at).max();
        matches!(log[*at].what, What::Quoted(..)) && newest > Some(log[*at].at + 10 * SECOND_US)
    };
    let place = (0..log.len()).find(old).expect("the last copies are told long after they came");
    for shape in [Shape::Messages, Shape::Plain, Shape::Export] {
        let (whole, files) = (found(&cut(&log, &[], shape)), found(&cut(&log, &[place, place + 1], shape)));
        assert_eq!(files.goes_on_from.len(), 2, "{shape:?}");
        assert_eq!(bare(&files), bare(&whole), "{shape:?}");
    }
}

#[test]
fn what_is_assumed_of_a_log_is_said_once_however_many_files_it_is_in() {
    let log = one_burst();
    let files = found(&cut(&log, &[20, 40], Shape::Messages));
    let about: Vec<&str> = files.assumptions.iter().map(|assumption| assumption.about).collect();
    assert_eq!(about, ["zone", "year", "era"]);
    let order: Vec<&str> = files.goes_on_from.iter().map(|(_, path)| &**path).collect();
    assert_eq!(order, ["log/messages.2", "log/messages.1"]);
}

/// An hour of a log: a packet of a scanner refused every four seconds, and every twentieth from elsewhere; in the middle
/// ten minutes of a full table, in which they come every so many seconds.
fn firewall_log(name: &str, in_it: i64) -> LogStream {
    let mut lines = Vec::new();
    for second in (0..3_600).step_by(4) {
        let inside = (1_500..2_100).contains(&second);
        let mut say = |what| {
            let (at, since_boot) = (NOON + second * SECOND_US, second * SECOND_US);
            lines.push(Line { at, since_boot, boot: Boot::default(), seq: 0, what });
        };
        if inside && second % 20 == 0 {
            say(What::Full(0));
        }
        if !inside || second % in_it == 0 {
            say(What::Packet(if second % 80 == 0 { 4 } else { 0 }));
        }
    }
    stream_of(name, &format!("log/{name}"), &lines, Shape::Export, Some(NOON + DAY_US))
}

/// Kinds of the facts around the only incident, and how many packets each is about.
fn packet_facts(streams: &[LogStream]) -> Vec<(RelatedKind, u64)> {
    let found = found(streams);
    assert_eq!(found.incidents.len(), 1);
    found.incidents[0].around.iter().map(|around| (around.kind, around.count)).collect()
}

#[test]
fn packets_that_a_firewall_refused_clear_their_source_and_their_lines_grow_fewer_while_the_table_is_full() {
    let facts = packet_facts(&[firewall_log("messages", 40)]);
    let refused = facts.iter().find(|(kind, _)| *kind == RelatedKind::PacketsRefused);
    // Of 1,800 s around and in the incident, rounded to slots of 64 s, 1,200 show a packet every four.
    assert!(refused.is_some_and(|(_, count)| (270..340).contains(count)), "{facts:?}");
    assert!(facts.iter().any(|(kind, _)| *kind == RelatedKind::PacketsDip), "{facts:?}");
    assert!(
        !facts.iter().any(|(kind, _)| *kind == RelatedKind::PacketsOpening),
        "what is refused floods nothing"
    );
}

#[test]
fn where_lines_of_packets_go_on_as_before_no_dip_is_told() {
    let facts = packet_facts(&[firewall_log("messages", 4)]);
    assert!(!facts.iter().any(|(kind, _)| *kind == RelatedKind::PacketsDip), "{facts:?}");
}

#[test]
fn packets_in_two_logs_of_a_host_are_not_added_up() {
    let (one, other) = (firewall_log("messages", 40), firewall_log("kern.log", 40));
    let both = [one.clone(), LogStream { id: "other".into(), ..other }];
    assert_eq!(packet_facts(&both), packet_facts(&[one]));
}
