//! What is said where little is known: of a log alone, of ages, of numbers about the long run, of another machine's entries.

use conntriage::diagnose::diagnose;
use conntriage::model::counters::StatCounters;
use conntriage::model::diagnosis::{Body, NoAge};
use conntriage::model::flow::{Reply, State};
use conntriage::model::incident::{Around, Conclusion, Namespace};
use conntriage::model::report::{Settings, Snapshot};
use conntriage::model::sentence::Word;
use conntriage::model::signal::{About, RelatedKind, Wording};
use conntriage::model::time::{SECOND_US, WallTime};

use crate::table::{Group, tcp, udp};
use crate::world::*;

const LIMIT: &str = "net.netfilter.nf_conntrack_max";

fn log_only(counters: conntriage::model::counters::Counters) -> Body {
    let snapshot = Snapshot { census: None, ..snapshot(&[], counters) };
    of_incident(incident(Wording::NfDoubled, 402), vec![snapshot])
}

#[test]
fn a_log_alone_is_answered_with_what_finds_out_and_what_gains_time() {
    let body = of_incident(incident(Wording::NfDoubled, 402), Vec::new());
    assert_eq!(body.verdict.cause.0, "insufficient-evidence");
    let ids: Vec<&str> = body.remedies.iter().map(|remedy| remedy.id).collect();
    assert_eq!(ids, ["find-out", "gain-time"]);
    let lines = lines(&body);
    let place = |part: &str| {
        lines.iter().position(|line| line.contains(part)).unwrap_or_else(|| panic!("{part}: {lines:#?}"))
    };
    // Memory is looked at before the limit is raised, and the old limit is shown before it is gone.
    assert!(place("/proc/meminfo") < place("sysctl -w"));
    assert!(lines[place("sysctl -w") - 1].ends_with(LIMIT), "{lines:#?}");
    assert!(place("> table") < place("src="), "{lines:#?}");
}

#[test]
fn a_limit_is_raised_by_no_more_than_a_small_part_of_the_memory() {
    let limit = |body: &Body| {
        let written = lines(body).into_iter().find(|line| line.starts_with("sysctl -w"));
        written.and_then(|line| line.rsplit('=').next()?.parse::<u64>().ok())
    };
    let with = |memory: Option<u64>, max: u64| {
        let mut counters = counters(&[(LIMIT, max)], &[]);
        counters.memory_bytes = memory;
        log_only(counters)
    };
    assert_eq!(limit(&with(Some(64 << 30), 65_536)), Some(131_072));
    assert!(lines(&with(Some(64 << 30), 65_536)).iter().all(|line| !line.contains("meminfo")));
    let small = limit(&with(Some(256 << 20), 65_536)).unwrap();
    assert!((82_000..131_072).contains(&small), "{small}");
    assert_eq!(limit(&with(Some(64 << 20), 65_536)), None, "too little memory for a larger table");
    assert!(lines(&with(None, 65_536)).iter().any(|line| line.contains("meminfo")));
}

#[test]
fn a_full_container_is_looked_at_from_inside_and_its_table_is_saved_outside() {
    let mut full = incident(Wording::NfDoubled, 402);
    full.namespace = Namespace::Container("101".into());
    let lines = lines(&of_incident(full, Vec::new()));
    assert!(lines.iter().any(|line| line.starts_with("vzctl exec 101 cat ") && line.contains("> table")));
    // What is computed is computed by the shell inside.
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("vzctl exec 101 sh -c 'sysctl -w ") && line.contains("$((2 *")),
        "{lines:#?}"
    );
}

fn failed_over(seconds_before: i64, entries: u64) -> Conclusion {
    let line = Around {
        at: Some(WallTime((START + 10 - seconds_before) * SECOND_US)),
        about: vec![(About { value: Some(entries), ..About::default() }, 1)],
        ..around(RelatedKind::EntriesInjected)
    };
    Conclusion { taken_over: vec![(0, line)], ..conclusion(Vec::new()) }
}

#[test]
fn a_table_of_no_incident_that_was_read_after_a_failover_holds_the_other_machines_entries() {
    let groups: Vec<Group> = (0..100u32)
        .map(|n| tcp(&format!("10.1.0.{n}"), ("192.0.2.1", 443), State::Established, 60, (90, 130)))
        .collect();
    let table = || {
        let settings = [(LIMIT, 6_000), ("net.netfilter.nf_conntrack_count", 6_000)];
        snapshot(&groups, released(counters(&settings, &[]), "6.1.0-18-amd64"))
    };
    let cause = |known: Conclusion| {
        diagnose(known, vec![table()], &Settings::default()).snapshots.remove(0).body.verdict.cause.0
    };
    assert_eq!(cause(failed_over(40, 4_000)), "failover-injected");
    assert_ne!(cause(failed_over(4_000, 4_000)), "failover-injected", "an hour ago: they have ended since");
    assert_ne!(cause(failed_over(-40, 4_000)), "failover-injected", "after the table was read");
}

#[test]
fn ages_and_what_they_leave_out_are_all_entries() {
    let groups = [
        tcp("10.1.0.1", ("192.0.2.1", 443), State::Established, 500, (431_000, 431_999)),
        tcp("10.1.0.2", ("192.0.2.1", 443), State::Established, 70, (0, 299)),
        udp("10.1.0.3", ("192.0.2.9", 53), Reply::Replied, 40, (0, 29)),
        udp("10.1.0.4", ("192.0.2.9", 443), Reply::Assured, 30, (0, 119)),
    ];
    let settings = [(LIMIT, 640), ("net.netfilter.nf_conntrack_count", 640)];
    let census =
        of_table(snapshot(&groups, released(counters(&settings, &[]), "6.1.0-18-amd64"))).census.unwrap();
    let told: u64 = census.idle_age.iter().map(|bar| bar.entries).sum();
    let left_out: Vec<(NoAge, u64)> = census.idle_unknown.iter().map(|row| (row.why, row.entries)).collect();
    assert_eq!(left_out, [(NoAge::SeveralTimers, 70), (NoAge::ShorterTimer, 70)]);
    assert_eq!(told + 140, census.entries);
}

#[test]
fn what_programs_put_in_is_said_to_have_timers_of_its_own() {
    let groups = [tcp("10.1.0.1", ("192.0.2.1", 443), State::Established, 900, (100_000, 431_999))];
    let settings = [(LIMIT, 900), ("net.netfilter.nf_conntrack_count", 900)];
    let body = |insert: u64| {
        let mut counters = released(counters(&settings, &[]), "6.1.0-18-amd64");
        counters.stat = Some(StatCounters { insert: Some(insert), ..StatCounters::default() });
        of_table(snapshot(&groups, counters))
    };
    let said = |body: &Body| body.evidence.iter().any(|fact| fact.id == "ages-of-inserted");
    assert!(said(&body(600)));
    assert!(!said(&body(0)));
    assert!(!said(&body(9)), "a handful since boot");
}

#[test]
fn every_number_about_the_long_run_says_what_it_rests_on() {
    let groups = [
        udp("10.1.0.3", ("239.255.255.250", 1900), Reply::Unreplied, 900, (0, 29)),
        tcp("10.1.0.1", ("192.0.2.1", 443), State::Established, 60, (431_000, 431_999)),
    ];
    let settings = [(LIMIT, 960), ("net.netfilter.nf_conntrack_count", 960)];
    let body = of_table(snapshot(&groups, released(counters(&settings, &["10.1.0.254"]), "6.1.0-18-amd64")));
    assert_eq!(body.verdict.cause.0, "multicast-discovery");
    let founded = |note: &conntriage::model::sentence::Sentence| {
        note.0.iter().any(|word| matches!(word, Word::Text(text) if text.contains("assumed:")))
    };
    let numbers = body.remedies.iter().filter(|remedy| remedy.effect.steady_state_entries.is_some());
    assert!(numbers.clone().count() > 0 && numbers.clone().all(|remedy| founded(&remedy.effect.note)));
    // Without memberships nothing is gained by the timeout that tunnels live by.
    assert!(lines(&body).iter().all(|line| !line.contains("generic_timeout")));
}
