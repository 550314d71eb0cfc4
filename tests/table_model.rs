//! Laws of the model of a table, which the program's predictions are held against: without them it would be only another
//! opinion. And the program's predictions, held against it.

#![allow(clippy::disallowed_methods, reason = "writes the model's table to a file that the program reads")]

use std::fmt::Write as _;

#[path = "model/limiter.rs"]
mod limiter;
#[path = "owned/mod.rs"]
mod owned;
#[path = "model/table.rs"]
mod table;

use conntriage::app::analyze;
use conntriage::cli::args::{Colour, Format};
use conntriage::cli::plan::{AnalyzePlan, QUIET_SECONDS};
use conntriage::model::era::EarlyDrop;
use conntriage::model::report::Settings;
use table::{Bounds, Model, short_connections, unanswered};

const WIDE: Bounds = Bounds { limit: 1_000_000, buckets: 1_000_000, early_drop: None };

fn near(found: f64, wanted: f64, part: f64) {
    assert!((found - wanted).abs() <= wanted * part, "{found} is not within {part} of {wanted}");
}

#[test]
fn a_table_settles_at_rate_times_lifetime_of_each_state() {
    let mut model = Model::new(WIDE, vec![short_connections(245.0, 4.0, 120.0)], 1);
    model.advance(200.0);
    let span = model.advance(300.0);
    near(span.mean, 245.0 * 124.0, 0.01);
    let by_state = model.by_state();
    near(by_state["TIME_WAIT"] as f64, 245.0 * 120.0, 0.02);
    near(by_state["ESTABLISHED"] as f64, 245.0 * 4.0, 0.15);
}

#[test]
fn an_empty_table_without_evictable_entries_is_full_after_limit_over_rate() {
    let bounds = Bounds { limit: 10_000, buckets: 2_500, early_drop: Some(EarlyDrop::EightBuckets) };
    let mut model = Model::new(bounds, vec![short_connections(200.0, 1.0, 120.0)], 2);
    let span = model.advance(600.0);
    near(span.full_after.unwrap(), 50.0, 0.03);
    // Once it is full only what comes free is given away: 10,000 entries of 121 s.
    let span = model.advance(600.0);
    near(span.accepted as f64 / 600.0, 10_000.0 / 121.0, 0.02);
    near(span.refused as f64 / 600.0, 200.0 - 10_000.0 / 121.0, 0.03);
    assert_eq!(span.evicted, 0);
    near(span.mean, 10_000.0, 0.01);
}

#[test]
fn a_table_of_evictable_entries_refuses_next_to_nothing() {
    let bounds = Bounds { limit: 10_000, buckets: 10_000, early_drop: Some(EarlyDrop::EightBuckets) };
    let mut model = Model::new(bounds, vec![unanswered(400.0, "SYN_SENT", 120.0)], 3);
    model.advance(60.0);
    let span = model.advance(60.0);
    assert!(span.evicted > 20_000, "{span:?}");
    assert_eq!(span.refused, 0, "exp(-16) of the arrivals");
}

#[test]
fn a_few_evictable_entries_among_assured_ones_are_found_as_seldom_as_the_kernel_finds_them() {
    // 5 % may go, one bucket for each entry: exp(-16 · 0.05) = 45 % of the arrivals find none at first. What is evicted is
    // not replaced by its like, so that soon next to all are refused.
    let bounds = Bounds { limit: 10_000, buckets: 10_000, early_drop: Some(EarlyDrop::EightBuckets) };
    let streams = vec![short_connections(300.0, 1.0, 1_000.0), unanswered(12.0, "SYN_SENT", 1_000.0)];
    let mut model = Model::new(bounds, streams, 4);
    model.advance(33.0);
    let late = model.advance(20.0);
    assert!(late.refused > late.evicted, "{late:?}");
}

#[test]
fn a_shorter_timeout_acts_on_what_enters_the_state_afterwards() {
    let mut model = Model::new(WIDE, vec![short_connections(100.0, 1.0, 120.0)], 5);
    model.advance(300.0);
    model.set_timer("TIME_WAIT", 30.0);
    let span = model.advance(1.0);
    near(span.mean, 100.0 * 121.0, 0.03);
    model.advance(150.0);
    let span = model.advance(100.0);
    near(span.mean, 100.0 * 31.0, 0.03);
}

#[test]
fn a_deletion_frees_the_state_and_nothing_else() {
    let streams = vec![short_connections(100.0, 1.0, 120.0), unanswered(20.0, "SYN_SENT", 120.0)];
    let mut model = Model::new(WIDE, streams, 6);
    model.advance(300.0);
    let before = model.by_state();
    assert_eq!(model.delete("TIME_WAIT"), before["TIME_WAIT"]);
    let after = model.by_state();
    assert_eq!(after.get("TIME_WAIT"), None);
    assert_eq!((after["SYN_SENT"], after["ESTABLISHED"]), (before["SYN_SENT"], before["ESTABLISHED"]));
    assert_eq!(model.count(), before["SYN_SENT"] + before["ESTABLISHED"]);
}

// --- what the program predicts, held against it -----------------------------------------------------------------------

/// The model's table as the kernel's file: stream 0 are connections of one host to one proxy, stream 1 what it sends to
/// machines that do not answer, stream 2 its lookups.
fn file(model: &Model) -> String {
    let mut text = String::new();
    for (number, (stream, state, left)) in model.rows().into_iter().enumerate() {
        let sport = 32_768 + number % 28_000;
        let tail = number / 28_000;
        let left = left.unwrap_or(431_990.0).floor();
        let _ = match (stream, state) {
            (0, state) => writeln!(
                text,
                "ipv4     2 tcp      6 {left} {state} src=10.1.0.38 dst=10.2.{tail}.107 sport={sport} dport=3128 src=10.2.{tail}.107 dst=10.1.0.38 sport=3128 dport={sport} [ASSURED] mark=0 zone=0 use=2"
            ),
            (1, state) => writeln!(
                text,
                "ipv4     2 tcp      6 {left} {state} src=10.1.0.38 dst=10.3.{tail}.9 sport={sport} dport=443 [UNREPLIED] src=10.3.{tail}.9 dst=10.1.0.38 sport=443 dport={sport} mark=0 zone=0 use=2"
            ),
            _ => writeln!(
                text,
                "ipv4     2 udp      17 {left} src=10.1.0.38 dst=10.4.{tail}.53 sport={sport} dport=53 src=10.4.{tail}.53 dst=10.1.0.38 sport=53 dport={sport} mark=0 zone=0 use=2"
            ),
        };
    }
    text
}

/// What the program says the table settles at under one change.
fn predicted(model: &Model, limit: u64, change: (&str, u64)) -> Option<u64> {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| std::fs::write(directory.path().join(name), text).unwrap();
    write("nf_conntrack", file(model));
    write(
        "ip-addr",
        "2: eth0    inet 10.1.0.38/24 scope global eth0\\       valid_lft forever preferred_lft forever\n"
            .into(),
    );
    write("uname", "Linux web8 5.4.0-216-generic #236-Ubuntu SMP x86_64 GNU/Linux\n".into());
    write(
        "sysctl",
        format!(
            "net.netfilter.nf_conntrack_count = {}\nnet.netfilter.nf_conntrack_max = {limit}\nnet.netfilter.nf_conntrack_tcp_timeout_established = 432000\nnet.netfilter.nf_conntrack_tcp_timeout_syn_sent = 120\nnet.netfilter.nf_conntrack_tcp_timeout_time_wait = 120\nnet.netfilter.nf_conntrack_udp_timeout = 30\n",
            model.count()
        ),
    );
    let plan = AnalyzePlan {
        paths: vec![directory.path().to_owned()],
        settings: Settings {
            top: 10,
            quiet_seconds: QUIET_SECONDS,
            what_if: vec![(change.0.to_owned(), change.1)],
            ..Settings::default()
        },
        format: Format::Json,
        output: None,
        colour: Colour::Never,
        fail_on_incident: false,
        progress: false,
        shown_zone: "UTC".to_owned(),
    };
    let report = analyze::report(&plan, Some("UTC".to_owned()));
    report.snapshots.first()?.body.what_if.first()?.steady_state_entries
}

#[test]
fn what_if_predicts_where_the_model_settles() {
    const LIMIT: u64 = 60_000;
    let streams = vec![
        short_connections(150.0, 2.0, 120.0),
        unanswered(15.0, "SYN_SENT", 120.0),
        unanswered(40.0, "udp", 30.0),
    ];
    let mut settled = Model::new(Bounds { limit: LIMIT, buckets: LIMIT / 4, early_drop: None }, streams, 7);
    settled.advance(400.0);
    for (setting, state, seconds) in [
        ("tcp_timeout_time_wait", "TIME_WAIT", 30),
        ("tcp_timeout_time_wait", "TIME_WAIT", 240),
        ("tcp_timeout_syn_sent", "SYN_SENT", 20),
        ("udp_timeout", "udp", 10),
        ("udp_timeout", "udp", 120),
    ] {
        let predicted = predicted(&settled, LIMIT, (setting, seconds));
        let mut model = settled.clone();
        model.set_timer(state, seconds as f64);
        model.advance(600.0);
        let found = model.advance(200.0).mean;
        let predicted = predicted.unwrap_or_else(|| panic!("{setting} = {seconds}: nothing is predicted"));
        let error = (predicted as f64 - found).abs() / found;
        assert!(
            error < 0.05,
            "{setting} = {seconds}: {predicted} predicted, the model settles at {found:.0}"
        );
    }
}
