//! What other inputs say of a table: the program behind a source, rules of the packet filter, addresses that are not all.

use conntriage::model::counters::{Counters, StatCounters};
use conntriage::model::diagnosis::Body;
use conntriage::model::flow::L4;
use conntriage::model::rules::{Nat, Rules};
use conntriage::model::signal::Wording;
use conntriage::model::sockets::{Call, Calls, Sockets};

use crate::table::ip;
use crate::web8::table;
use crate::world::{incident, of_incident, told, words};

const SELF: &str = "192.168.1.38";
const PROXY: &str = "192.168.1.107";

/// Sockets to the proxy by program, process and number.
fn sockets(programs: &[(&str, Option<u32>, u64)]) -> Sockets {
    let mut out = Sockets { from: "ss", ..Sockets::default() };
    for (program, process, sockets) in programs {
        let call =
            Call { program: (*program).into(), local: ip(SELF), peer: ip(PROXY), port: 3128, l4: L4::TCP };
        let calls = Calls { sockets: *sockets, process: *process, several: process.is_none() };
        out.calls.insert(call, calls);
    }
    out
}

fn with(change: impl FnOnce(&mut Counters)) -> Body {
    let mut table = table();
    change(&mut table.counters);
    of_incident(incident(Wording::IpPeriod, 2), vec![table])
}

fn side_effects(body: &Body, id: &str) -> String {
    let remedy = body.remedies.iter().find(|remedy| remedy.id == id);
    remedy
        .map(|remedy| remedy.side_effects.iter().map(words).collect::<Vec<_>>().join(" | "))
        .unwrap_or_default()
}

#[test]
fn the_program_with_most_of_the_sockets_to_the_leading_peer_owns_the_source() {
    let body = with(|counters| {
        counters.sockets = Some(sockets(&[("php-fpm", None, 90), ("curl", Some(7), 12)]));
    });
    let owner = body.top_sources[0].owner.as_ref().unwrap();
    assert_eq!((owner.kind, &*owner.name, &owner.id), ("process", "php-fpm", &None));
    assert!(words(&owner.from).contains("90 of 102 sockets"), "{}", words(&owner.from));
    assert!(body.evidence.iter().any(|evidence| evidence.id == "opened-by"));
    let cure = body.remedies.iter().find(|remedy| remedy.id == "reuse-connections").unwrap();
    assert!(words(&cure.title).contains("php-fpm"), "{}", words(&cure.title));
    assert!(
        !cure
            .commands
            .iter()
            .any(|command| command.line.starts_with("ss ") || command.place.contains("nginx"))
    );
    // The others are no addresses of this host.
    assert!(body.top_sources[1..].iter().all(|source| source.owner.is_none()));

    let one = with(|counters| counters.sockets = Some(sockets(&[("squid", Some(4_711), 1)])));
    assert_eq!(one.top_sources[0].owner.as_ref().unwrap().id.as_deref(), Some("4711"));
}

#[test]
fn programs_that_share_the_sockets_or_call_another_peer_own_nothing() {
    let shared = with(|counters| {
        counters.sockets = Some(sockets(&[("php-fpm", None, 50), ("curl", Some(7), 50)]));
    });
    assert_eq!(shared.top_sources[0].owner, None);
    let mut elsewhere = sockets(&[("php-fpm", None, 50)]);
    elsewhere.calls = elsewhere.calls.into_iter().map(|(call, n)| (Call { port: 80, ..call }, n)).collect();
    let body = with(|counters| counters.sockets = Some(elsewhere));
    assert_eq!(body.top_sources[0].owner, None);
    assert!(!body.evidence.iter().any(|evidence| evidence.id == "opened-by"));
}

#[test]
fn who_opens_the_connections_is_a_gap_until_a_list_of_sockets_says_it() {
    let gap = |table| {
        let diagnosis = told(incident(Wording::IpPeriod, 2), vec![table]);
        diagnosis.gaps.into_iter().find(|gap| words(&gap.what) == "top_sources[].owner")
    };
    assert_eq!(gap(table()).unwrap().command.as_deref(), Some("ss -tanp"));
    let mut named = table();
    named.counters.sockets = Some(sockets(&[("php-fpm", None, 90)]));
    assert_eq!(gap(named), None);
}

#[test]
fn rules_that_translate_raise_the_floor_of_time_wait_and_are_named_beside_notrack() {
    let title = |body: &Body| {
        let remedy = body.remedies.iter().find(|remedy| remedy.id == "shorter-time-wait").unwrap();
        remedy.commands[0].line.clone()
    };
    let plain = with(|_| {});
    assert!(title(&plain).ends_with("=30"), "{}", title(&plain));
    let nat = Nat { masquerade: 1, ..Nat::default() };
    let body = with(|counters| {
        counters.rules = Some(Rules { rules: 9, states: 2, invalid_dropped: 1, nat, ..Rules::default() });
    });
    assert!(title(&body).ends_with("=60"), "{}", title(&body));
    assert!(side_effects(&body, "shorter-time-wait").contains("rules of this host translate"));
    assert!(side_effects(&body, "notrack").contains("none of them may match this pair"));
    assert!(side_effects(&body, "notrack").contains("large packets vanish"));
    assert!(!side_effects(&plain, "notrack").contains("large packets vanish"));
    assert!(body.evidence.iter().any(|evidence| evidence.id == "tracking-needed"));
}

#[test]
fn a_filter_that_asks_for_no_state_needs_no_tracking() {
    let body = with(|counters| counters.rules = Some(Rules { rules: 3, ..Rules::default() }));
    assert!(body.evidence.iter().any(|evidence| evidence.id == "tracking-not-needed"));
}

#[test]
fn an_address_outside_a_list_that_is_not_whole_is_not_taken_for_another_machines() {
    let mut partial = table();
    partial.counters.addresses.retain(|local| local.address != ip(SELF));
    partial.counters.addresses_known = false;
    let diagnosis = told(incident(Wording::IpPeriod, 2), vec![partial.clone()]);
    assert_eq!(diagnosis.incidents[0].body.top_sources[0].is_local, None);
    let gap = diagnosis.gaps.iter().find(|gap| words(&gap.what) == "is_local").unwrap();
    assert!(words(&gap.why).contains("not all of this host's"), "{}", words(&gap.why));
    // All of IPv4 is enough for an address of IPv4.
    partial.counters.addresses_known_v4 = true;
    let diagnosis = told(incident(Wording::IpPeriod, 2), vec![partial]);
    assert_eq!(diagnosis.incidents[0].body.top_sources[0].is_local, Some(false));
}

#[test]
fn counters_of_the_first_processor_alone_count_no_drops() {
    let side = |drop, first_row_only| Counters {
        stat: Some(StatCounters {
            drop: Some(drop),
            insert_failed: Some(0),
            first_row_only,
            ..StatCounters::default()
        }),
        ..Counters::default()
    };
    let mut table = table();
    table.before_after = Some((side(0, false), side(5_000, true)));
    let diagnosis = told(incident(Wording::IpPeriod, 2), vec![table]);
    assert!(diagnosis.incidents[0].confirmed_by.is_empty());
    assert!(diagnosis.gaps.iter().any(|gap| words(&gap.why).contains("first processor only")));
}
