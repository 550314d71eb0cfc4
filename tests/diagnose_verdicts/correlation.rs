//! Which table is taken for which incident, and what distance does to the answer.

use conntriage::diagnose::diagnose;
use conntriage::model::counters::{Counters, StatCounters};
use conntriage::model::diagnosis::{Confidence, Evidence};
use conntriage::model::incident::{Conclusion, Host, Method, Namespace};
use conntriage::model::report::{Role, Settings, Snapshot};
use conntriage::model::signal::Wording;
use conntriage::model::time::{SECOND_US, WallTime};

use crate::cases::gateway;
use crate::web8;
use crate::world::{LENGTH, START, conclusion, incident, told, words};

fn at(mut table: Snapshot, seconds: i64) -> Snapshot {
    table.taken_from = conntriage::model::report::TakenFrom::Recorded;
    table.taken_at = Some(WallTime((START + seconds) * SECOND_US));
    table
}

#[test]
fn roles_follow_the_distance() {
    for (seconds, role) in [
        (-100, Role::Before),
        (5, Role::At),
        (LENGTH + 20, Role::At),
        (LENGTH + 300, Role::FollowUp),
        (LENGTH + 4_000, Role::After),
    ] {
        let diagnosis = told(incident(Wording::NfPlain, 402), vec![at(gateway(), seconds)]);
        assert_eq!(diagnosis.incidents[0].snapshots[0].role, role, "{seconds}");
    }
}

#[test]
fn the_nearest_table_leads() {
    let mut near = at(gateway(), 20);
    near.id = "near".into();
    let mut far = at(gateway(), -3_000);
    far.id = "far".into();
    for order in [vec![near.clone(), far.clone()], vec![far, near]] {
        let diagnosis = told(incident(Wording::NfPlain, 402), order);
        let uses = &diagnosis.incidents[0].snapshots;
        assert_eq!((&*uses[0].id, uses[0].leads, uses[1].leads), ("near", true, false));
    }
}

#[test]
fn a_table_of_another_day_belongs_to_no_incident() {
    let diagnosis = told(incident(Wording::NfPlain, 402), vec![at(gateway(), 200_000)]);
    assert!(diagnosis.incidents[0].snapshots.is_empty());
    assert_eq!(diagnosis.snapshots.len(), 1);
    assert_eq!(diagnosis.incidents[0].body.verdict.cause.0, "insufficient-evidence");
}

#[test]
fn a_table_read_ten_minutes_later_lowers_confidence_and_leaves_a_gap() {
    let late = at(web8::table(), LENGTH + 600);
    let diagnosis = told(incident(Wording::IpPeriod, 402), vec![late]);
    let body = &diagnosis.incidents[0].body;
    assert!(body.verdict.confidence < Confidence::High);
    assert!(
        body.evidence
            .iter()
            .any(|e| e.id == "read-late" && words(&e.fact).contains("600 s after the last line"))
    );
    let gap = diagnosis.gaps.iter().find(|gap| words(&gap.what) == "snapshots").unwrap();
    assert!(gap.command.as_ref().unwrap().contains("/proc/net/ip_conntrack"));
}

#[test]
fn short_and_long_host_words_are_one_and_others_are_not() {
    for (word, fits) in [("BOX", true), ("box.example.org", true), ("box2", false), ("other.box", false)] {
        let mut table = gateway();
        table.host = Some(word.into());
        let diagnosis = told(incident(Wording::NfPlain, 402), vec![table]);
        assert_eq!(!diagnosis.incidents[0].snapshots.is_empty(), fits, "{word}");
        assert_eq!(diagnosis.hosts.len(), if fits { 1 } else { 2 });
    }
}

#[test]
fn a_table_without_a_host_fits_only_where_there_is_one_host() {
    let mut table = gateway();
    table.host = None;
    let diagnosis = told(incident(Wording::NfPlain, 402), vec![table.clone()]);
    assert_eq!(diagnosis.incidents[0].snapshots.len(), 1);
    assert!(diagnosis.assumptions.iter().any(|a| a.about == "host"));
    let mut two = conclusion(vec![incident(Wording::NfPlain, 402)]);
    two.hosts.push(Host { name: "other".into(), also_written_as: Vec::new(), boot_ids: Vec::new() });
    let diagnosis = diagnose(two, vec![table], &Settings::default());
    assert!(diagnosis.incidents[0].snapshots.is_empty());
    assert_eq!(diagnosis.snapshots.len(), 1);
}

#[test]
fn another_namespace_never_fits_and_an_unknown_one_is_said() {
    let mut named = incident(Wording::NfDoubledNetns, 402);
    named.namespace = Namespace::Netns(4_026_532_246);
    let mut other = gateway();
    other.namespace = Namespace::Netns(4_026_531_840);
    assert!(told(named.clone(), vec![other]).incidents[0].snapshots.is_empty());
    let diagnosis = told(named, vec![gateway()]);
    let note = diagnosis.incidents[0].snapshots[0].note.as_ref().unwrap();
    assert!(words(note).contains("4026532246"));
    assert!(diagnosis.gaps.iter().any(|gap| words(&gap.what) == "namespace"));
}

#[test]
fn a_table_of_unknown_time_is_assumed_to_be_of_the_incident() {
    let mut table = gateway();
    table.taken_at = None;
    let diagnosis = told(incident(Wording::NfPlain, 402), vec![table]);
    assert_eq!(diagnosis.incidents[0].snapshots[0].role, Role::At);
    assert_eq!(diagnosis.incidents[0].snapshots[0].offset_seconds, None);
    assert!(diagnosis.assumptions.iter().any(|a| a.about == "snapshot-time"));
}

fn stat(drop: u64, insert_failed: u64, chain_too_long: u64) -> Counters {
    Counters {
        stat: Some(StatCounters {
            drop: Some(drop),
            insert_failed: Some(insert_failed),
            chain_too_long: Some(chain_too_long),
            ..StatCounters::default()
        }),
        ..Counters::default()
    }
}

#[test]
fn counters_of_both_sides_win_over_the_log() {
    let mut table = gateway();
    table.before_after = Some((stat(100, 5, 0), stat(19_443, 25, 8)));
    let diagnosis = told(incident(Wording::NfPlain, 402), vec![table]);
    let view = &diagnosis.incidents[0];
    let drops = &view.incident.drops;
    // Δdrop 19,343; Δinsert_failed 20, of which 8 were chains too long: 12 may be clashes.
    assert_eq!((drops.low, drops.high, drops.method), (19_331, Some(19_343), Method::Counters));
    assert_eq!(view.confirmed_by, ["counters"]);
    assert!(view.counters.is_some());
}

#[test]
fn counters_that_fell_or_fit_twice_are_not_used() {
    let mut table = gateway();
    table.before_after = Some((stat(500, 0, 0), stat(100, 0, 0)));
    let diagnosis = told(incident(Wording::NfPlain, 402), vec![table.clone()]);
    assert_eq!(diagnosis.incidents[0].incident.drops.method, Method::Log);
    assert!(diagnosis.gaps.iter().any(|gap| words(&gap.why).contains("fell in between")));
    table.before_after = Some((stat(0, 0, 0), stat(5_000, 0, 0)));
    let twice = conclusion(vec![incident(Wording::NfPlain, 402), incident(Wording::NfPlain, 402)]);
    let diagnosis = diagnose(twice, vec![table], &Settings::default());
    assert!(diagnosis.incidents.iter().all(|view| view.incident.drops.method == Method::Log));
    assert!(diagnosis.gaps.iter().any(|gap| words(&gap.why).contains("more than one incident")));
}

#[test]
fn counters_without_a_table_still_tell_the_limit() {
    let mut only = gateway();
    only.census = None;
    let diagnosis = told(incident(Wording::NfPlain, 402), vec![only]);
    let uses = &diagnosis.incidents[0].snapshots[0];
    assert_eq!((uses.max, uses.listed, uses.leads), (Some(32_768), None, false));
    assert_eq!(diagnosis.incidents[0].body.verdict.cause.0, "insufficient-evidence");
    assert!(words(&diagnosis.incidents[0].body.verdict.summary[1]).contains("32768 entries"));
}

#[test]
fn a_hosts_kernel_and_addresses_are_shown_with_their_origin() {
    let mut table = gateway();
    table.counters = crate::world::released(table.counters, "3.10.0-1160.el7");
    let diagnosis = told(incident(Wording::NfPlain, 402), vec![table]);
    let host = &diagnosis.hosts[0];
    assert_eq!(host.kernel.as_deref(), Some("3.10.0-1160.el7"));
    assert_eq!(host.local_addresses.len(), 2);
    assert_eq!(&*host.local_addresses[0].1, "aaaaaaaaaaaa");
    assert_eq!(host.incidents, 1);
}

#[test]
fn a_time_within_the_doubt_about_the_incidents_own_is_of_the_incident() {
    let mut assumed = incident(Wording::NfPlain, 402);
    assumed.times.uncertainty_us = Some(14 * 3_600 * SECOND_US);
    let diagnosis = told(assumed, vec![at(gateway(), -8 * 3_600)]);
    assert_eq!(diagnosis.incidents[0].snapshots[0].role, Role::At);
    let diagnosis = told(incident(Wording::NfPlain, 402), vec![at(gateway(), -8 * 3_600)]);
    assert_eq!(diagnosis.incidents[0].snapshots[0].role, Role::Before);
}

#[test]
fn a_kernel_without_namespaces_leaves_no_gap_about_them() {
    let diagnosis = told(incident(Wording::IpPeriod, 2), vec![web8::table()]);
    assert!(diagnosis.incidents[0].snapshots[0].note.is_none());
    assert!(diagnosis.gaps.iter().all(|gap| words(&gap.what) != "namespace"));
}

/// Counters of another directory than the table's.
fn settings_elsewhere(max: u64, host: Option<&str>) -> Snapshot {
    let mut of = gateway();
    of.census = None;
    of.counters = crate::world::counters(&[("net.netfilter.nf_conntrack_max", max)], &["192.0.2.1"]);
    (of.id, of.path, of.inputs) =
        ("cccccccccccc".into(), "settings/sysctl".into(), vec!["cccccccccccc".into()]);
    of.host = host.map(Into::into);
    of
}

fn bare_table() -> Snapshot {
    let mut table = gateway();
    (table.host, table.counters) = (None, Counters::default());
    table
}

#[test]
fn settings_of_another_directory_are_of_the_only_table_and_that_is_assumed() {
    let entries = bare_table().census.unwrap().who.entries;
    for host in [None, Some("box")] {
        let all = vec![bare_table(), settings_elsewhere(entries, host)];
        let diagnosis = diagnose(Conclusion::default(), all, &Settings::default());
        assert_eq!(diagnosis.snapshots.len(), 1);
        let facts = &diagnosis.snapshots[0].facts;
        assert_eq!((facts.max, facts.leads), (Some(entries), true));
        assert!(
            diagnosis.snapshots[0].body.evidence.iter().any(|e| e.id == "usage-full"),
            "its limit is known"
        );
        let assumed = diagnosis.assumptions.iter().find(|a| a.about == "settings").unwrap();
        assert!(words(&assumed.text).contains("settings/sysctl"));
        assert!(!diagnosis.gaps.iter().any(|gap| words(&gap.what) == "is_local"), "so are its addresses");
    }
}

#[test]
fn settings_that_may_be_of_another_table_are_joined_to_none() {
    let entries = bare_table().census.unwrap().who.entries;
    let mut second = bare_table();
    (second.id, second.path) = ("dddddddddddd".into(), "other/table".into());
    let mut named = bare_table();
    named.host = Some("other".into());
    let mut elsewhere = bare_table();
    elsewhere.namespace = Namespace::Netns(1);
    let mut here = settings_elsewhere(entries, None);
    here.namespace = Namespace::Netns(2);
    for all in [
        // Two tables.
        vec![bare_table(), second, settings_elsewhere(entries, None)],
        // Another host.
        vec![named, settings_elsewhere(entries, Some("box"))],
        // Another namespace.
        vec![elsewhere, here],
        // Far more entries than those settings allow.
        vec![bare_table(), settings_elsewhere(entries / 2, None)],
    ] {
        let tables = all.len();
        let diagnosis = diagnose(Conclusion::default(), all, &Settings::default());
        assert_eq!(diagnosis.snapshots.len(), tables);
        assert!(!diagnosis.assumptions.iter().any(|a| a.about == "settings"));
    }
}

#[test]
fn what_a_settings_file_has_is_never_taken_for_what_runs() {
    let mut table = gateway();
    let running = table.counters.setting("max").unwrap().1;
    table
        .counters
        .configured
        .insert("net.netfilter.nf_conntrack_max".into(), ("1048576".into(), "max.conf".into()));
    let diagnosis = told(incident(Wording::NfPlain, 402), vec![table.clone()]);
    assert_eq!(diagnosis.incidents[0].snapshots[0].max, Some(running));
    let body = &diagnosis.incidents[0].body;
    let differs = |e: &&Evidence| ["configured-differs", "configured-not-running"].contains(&e.id);
    let said: Vec<&Evidence> = body.evidence.iter().filter(differs).collect();
    assert_eq!(said.len(), 1, "it is said once");
    assert_eq!(said[0].values[..], [("configured", 1_048_576.0), ("running", running as f64)]);
    // The same value in both is not worth a word.
    table
        .counters
        .configured
        .insert("net.netfilter.nf_conntrack_max".into(), (running.to_string().into(), "max.conf".into()));
    let diagnosis = told(incident(Wording::NfPlain, 402), vec![table.clone()]);
    assert!(diagnosis.incidents[0].body.evidence.iter().all(|e| !differs(&e)));
    // Where only the file is known, the limit is not.
    table.counters.sysctl.clear();
    let diagnosis = told(incident(Wording::NfPlain, 402), vec![table]);
    assert_eq!(diagnosis.incidents[0].snapshots[0].max, None);
    let gap = diagnosis.gaps.iter().find(|gap| words(&gap.what) == "max").unwrap();
    assert!(words(&gap.why).contains(&running.to_string()), "{}", words(&gap.why));
}
