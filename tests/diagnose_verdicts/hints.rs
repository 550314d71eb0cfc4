//! What a log alone tells: hints, called so, that never make a verdict of it.

use conntriage::diagnose::{Diagnosis, diagnose};
use conntriage::model::diagnosis::Evidence;
use conntriage::model::incident::{Conclusion, Forerunner, Incident, Namespace, TimelinePoint, Widening};
use conntriage::model::record::Trust;
use conntriage::model::report::Settings;
use conntriage::model::sentence::Sentence;
use conntriage::model::signal::{Limiter, RelatedKind, Table, Wording};
use conntriage::model::time::{BootId, SECOND_US, WallTime};

use crate::cases::gateway;
use crate::world::{START, around, conclusion, incident, told, words};

fn alone(incident: Incident) -> Diagnosis {
    diagnose(conclusion(vec![incident]), Vec::new(), &Settings::default())
}

/// What a hint of the last incident says; empty: there is none.
fn said(diagnosis: &Diagnosis, id: &str) -> String {
    let body = &diagnosis.incidents.last().unwrap().body;
    assert_eq!(body.verdict.cause.0, "insufficient-evidence");
    let found: Vec<&Evidence> = body.evidence.iter().filter(|evidence| evidence.id == id).collect();
    assert!(found.iter().all(|evidence| evidence.speaks_for.is_none()), "a hint speaks for nothing");
    found.iter().map(|evidence| words(&evidence.fact)).collect::<Vec<_>>().join(" | ")
}

/// An incident that the limiter reported on each of these seconds, with so many refusals.
fn reported(reports: &[(i64, u64)]) -> Incident {
    let mut out = incident(Wording::NfDoubled, 402);
    out.timeline.step_seconds = 1;
    let point = |(second, suppressed): &(i64, u64)| TimelinePoint {
        at_us: (START + second) * SECOND_US,
        visible: Some(10),
        suppressed: Some(*suppressed),
        ..TimelinePoint::default()
    };
    out.timeline.points = reports.iter().map(point).collect();
    out
}

fn every_five(counts: &[u64]) -> Diagnosis {
    let reports: Vec<(i64, u64)> = (0i64..).map(|n| n * 5).zip(counts.iter().copied()).collect();
    alone(reported(&reports))
}

#[test]
fn every_hint_is_called_one() {
    let mut many = incident(Wording::NfDoubled, 402);
    for kind in [
        RelatedKind::PortsExhausted,
        RelatedKind::PacketsPassed,
        RelatedKind::PacketsRefused,
        RelatedKind::PacketsInvalid,
        RelatedKind::PacketsLogged,
        RelatedKind::SynFlood,
        RelatedKind::RulesReloaded,
        RelatedKind::Failover,
        RelatedKind::NeighbourOverflow,
        RelatedKind::BridgeTracked,
        RelatedKind::AllocationFailed,
        RelatedKind::Victim,
        RelatedKind::LinkChanged,
        RelatedKind::PortForwarding,
    ] {
        many.around.push(around(kind));
    }
    many.drops.widened_by.push(Widening::LinesLost(Some(31)));
    let diagnosis = alone(many);
    let body = &diagnosis.incidents[0].body;
    let hints: Vec<String> =
        body.evidence.iter().map(|e| words(&e.fact)).filter(|fact| fact.starts_with("hint:")).collect();
    assert!(hints.len() >= 15, "{hints:#?}");
    let marked = |e: &&Evidence| e.id.starts_with("around-") && !words(&e.fact).starts_with("hint:");
    assert!(body.evidence.iter().filter(marked).count() == 0);
    let remedies: Vec<&str> = body.remedies.iter().map(|remedy| remedy.id).collect();
    assert_eq!(remedies, ["find-out"], "no remedy follows from a hint, and none takes memory that is short");
}

#[test]
fn a_blocked_source_is_cleared_and_one_let_through_is_only_looked_at() {
    let mut logged = incident(Wording::NfPlain, 402);
    logged.around.push(around(RelatedKind::PacketsRefused));
    logged.around.push(around(RelatedKind::PacketsPassed));
    let diagnosis = alone(logged);
    assert!(said(&diagnosis, "around-refused").contains("it fills nothing"));
    assert!(said(&diagnosis, "around-passed").contains("only the table tells"));
}

#[test]
fn losses_that_are_steady_grow_or_die_away_are_told_apart() {
    let steady = every_five(&[90, 100, 95, 105, 98, 99]);
    assert!(said(&steady, "losses-steady").contains("no burst"));
    let growing = every_five(&[40, 60, 90, 140, 200, 290]);
    assert!(said(&growing, "losses-grow").contains("retries"));
    let dying = every_five(&[290, 200, 140, 90, 60, 40]);
    assert!(said(&dying, "losses-die-away").contains("timers"));
    for (other, ids) in
        [(&steady, ["losses-grow", "losses-die-away"]), (&growing, ["losses-steady", "losses-die-away"])]
    {
        assert!(ids.iter().all(|id| said(other, id).is_empty()));
    }
    let wild = every_five(&[100, 400, 90, 350, 110, 380]);
    for id in ["losses-grow", "losses-die-away"] {
        assert!(said(&wild, id).is_empty(), "{id}");
    }
    assert!(said(&every_five(&[100, 100]), "losses-steady").is_empty(), "too few to tell");
}

#[test]
fn windows_without_a_pause_are_full_at_every_moment_and_others_are_not() {
    assert!(!said(&every_five(&[90, 100, 95, 105, 98, 99]), "hard-full").is_empty());
    let pauses = alone(reported(&[(0, 90), (5, 100), (21, 95), (40, 105), (62, 98), (67, 99)]));
    assert!(said(&pauses, "hard-full").is_empty());
}

#[test]
fn a_module_loaded_in_the_middle_of_an_uptime_is_told_from_a_boot() {
    let mut reloaded = incident(Wording::NfPlain, 402);
    let mut load = around(RelatedKind::Capacity);
    load.at = Some(WallTime((START - 90) * SECOND_US));
    reloaded.around.push(load);
    let middle = said(&alone(reloaded.clone()), "around-module-load");
    assert!(
        middle.contains("in the middle of an uptime") && middle.contains("90 s before the first line"),
        "{middle}"
    );
    reloaded.around.push(around(RelatedKind::BootBegins));
    assert!(!said(&alone(reloaded), "around-module-load").contains("middle of an uptime"));
}

/// The first incident of each boot, so many seconds after it.
fn boots(after: &[i64]) -> Diagnosis {
    let incidents = after.iter().zip(1u8..).map(|(after, boot)| {
        let mut of = incident(Wording::NfPlain, 100);
        of.boot = Some(BootId([boot; 16]));
        of.times.since_boot_us = Some((after * SECOND_US, (after + 60) * SECOND_US));
        of.times.start = Some(WallTime((START + i64::from(boot) * 400_000 + after * 7) * SECOND_US));
        of.times.end = of.times.start.map(|start| WallTime(start.0 + 60 * SECOND_US));
        of
    });
    diagnose(conclusion(incidents.collect()), Vec::new(), &Settings::default())
}

#[test]
fn as_long_after_each_boot_is_a_leak_and_at_once_is_order_or_a_wrong_count() {
    assert!(said(&boots(&[90_000, 91_000, 92_500]), "equal-uptime").contains("in 3 boots"));
    assert!(said(&boots(&[90_000, 31_000, 12_500]), "equal-uptime").is_empty());
    assert!(said(&boots(&[20]), "soon-after-boot").contains("20 s after the boot"));
    assert!(said(&boots(&[90_000]), "soon-after-boot").is_empty());
}

#[test]
fn another_namespace_each_time_is_a_turnover_of_containers() {
    let of = |inodes: &[u64]| {
        let incidents = inodes.iter().zip(0i64..).map(|(inode, n)| {
            let mut of = incident(Wording::NfDoubledNetns, 100);
            of.namespace = Namespace::Netns(*inode);
            of.times.start = Some(WallTime((START + n * 7_777) * SECOND_US));
            of.times.end = of.times.start;
            of
        });
        said(
            &diagnose(conclusion(incidents.collect()), Vec::new(), &Settings::default()),
            "namespace-turnover",
        )
    };
    assert!(of(&[4_026_532_001, 4_026_532_107, 4_026_532_213]).contains("3 incidents"));
    assert!(of(&[4_026_532_001, 4_026_532_001, 4_026_532_213]).is_empty());
}

#[test]
fn what_came_before_incidents_is_told_with_how_often_it_came_without_one() {
    let forerunner = Forerunner {
        host: 0,
        table: Table::Conntrack,
        namespace: Namespace::Unknown,
        kind: RelatedKind::RulesReloaded,
        name: Some("iptables-restor".into()),
        before: 5,
        incidents: 6,
        alone: 2,
        chance: 0.000_1,
    };
    let of = |forerunner: Forerunner| {
        let conclusion =
            Conclusion { forerunners: vec![forerunner], ..conclusion(vec![incident(Wording::NfPlain, 9)]) };
        said(&diagnose(conclusion, Vec::new(), &Settings::default()), "came-before")
    };
    let told = of(forerunner.clone());
    for part in ["5 of 6 incidents", "iptables-restor", "2 other times without one"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(of(Forerunner { namespace: Namespace::Netns(1), ..forerunner }).is_empty(), "of another table");
}

#[test]
fn lines_that_no_one_kernel_prints_lower_the_trust_and_are_said_beside_every_verdict() {
    let judged = |wordings: &[Wording], limiters: &[Limiter]| {
        let mut of = incident(Wording::NfPlain, 402);
        of.trust = Trust::AsRecorded;
        (of.wordings, of.limiters) = (wordings.to_vec(), limiters.to_vec());
        let view = told(of, vec![gateway()]).incidents.remove(0);
        let impossible =
            view.body.evidence.iter().any(|e| e.id == "impossible-log" && e.speaks_for == Some(false));
        (impossible, view.incident.trust)
    };
    for (wordings, limiters) in [
        (&[Wording::NfPlain, Wording::NfDoubled][..], &[Limiter::NetRatelimit][..]),
        (&[Wording::IpPeriod, Wording::NfPlain][..], &[][..]),
        (&[Wording::NfDoubled][..], &[Limiter::Printk][..]),
        (&[Wording::NfDoubled][..], &[Limiter::Ratelimit][..]),
    ] {
        assert_eq!(judged(wordings, limiters), (true, Trust::Unverified), "{wordings:?} {limiters:?}");
    }
    for (wordings, limiters) in [
        (&[Wording::NfPlain][..], &[Limiter::NetRatelimit][..]),
        (&[Wording::NfDoubled, Wording::NfDoubledNetns][..], &[Limiter::NetRatelimit][..]),
        (&[Wording::IpPeriod][..], &[Limiter::Printk][..]),
        (&[Wording::NfPeriod][..], &[Limiter::Ratelimit][..]),
    ] {
        assert_eq!(judged(wordings, limiters), (false, Trust::AsRecorded), "{wordings:?} {limiters:?}");
    }
}

#[test]
fn the_reports_own_field_says_how_an_incident_comes_back() {
    let nights = |nights: &[(i64, i64)]| {
        let incidents = nights.iter().map(|(day, minute)| {
            let mut of = incident(Wording::NfPlain, 100);
            of.times.start = Some(WallTime((1_699_833_600 + day * 86_400 + minute * 60) * SECOND_US));
            of.times.end = of.times.start;
            of
        });
        let diagnosis = diagnose(conclusion(incidents.collect()), Vec::new(), &Settings::default());
        let field = |pattern: &Sentence| words(pattern);
        let of = diagnosis.incidents[0].recurrence.as_ref();
        of.map(|recurrence| (field(&recurrence.pattern), recurrence.occurrences))
    };
    let (pattern, times) = nights(&[(0, 180), (1, 184), (2, 178), (5, 181)]).unwrap();
    assert!(pattern.contains("same time of the day") && times == 4, "{pattern}");
    assert_eq!(nights(&[(0, 180)]), None, "once");
    let (pattern, times) = nights(&[(0, 180), (0, 971), (3, 20)]).unwrap();
    assert!(pattern.starts_with("with no rhythm") && times == 3, "{pattern}");
}
