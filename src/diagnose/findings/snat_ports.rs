//! L3: one address and port is reached through one address of this router, whose source ports run out long before the
//! table does. New connections to that peer fail, all others work.

use crate::model::census::{LeaderKey, Peer};
use crate::model::diagnosis::{Effect, Finding, Remedy};
use crate::model::flow::L4;
use crate::model::sentence::{Word, noun};
use crate::sentence;

use super::super::arith::share;
use super::super::causes::SNAT_PORT_EXHAUSTION;
use super::super::evidence::{Cited, context, supports};
use super::super::facts::Case;

/// Source ports that translation has for one address and peer: 1024 to 65535 (`nf_nat_l4proto_unique_tuple`).
const CEILING: u64 = 64_512;
/// From this share on they are nearly out: a free one is no longer found in the tries that are made.
const NEARLY_OUT: f64 = 0.85;
/// Above this they are of several addresses, and how full each is is not known.
const OF_ONE: f64 = 1.02;

pub(super) fn find(case: &Case<'_>) -> Option<Finding> {
    let who = &case.census?.who;
    let mut found: Vec<(Peer, u64)> = Vec::new();
    for row in who.peers.leading(who.entries) {
        let Some(how) = case.how(&LeaderKey::Peer(row.key)) else { continue };
        let behind = how.nat.source.saturating_add(how.nat.both);
        let part = share(behind, CEILING);
        if matches!(row.key.l4, L4::TCP | L4::UDP) && (NEARLY_OUT..=OF_ONE).contains(&part) {
            found.push((row.key, behind));
        }
    }
    found.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let (peer, behind) = *found.first()?;
    let end = Word::Endpoint(peer.address, peer.port, peer.l4);
    let mut evidence = vec![
        supports(
            "ports-of-one-address",
            sentence![
                Word::Count(behind, noun::CONNECTION),
                "to",
                end.clone(),
                "are translated; one address has",
                Word::Number(CEILING),
                "source ports for it"
            ],
        )
        .value("connections", behind as f64)
        .value("ceiling", CEILING as f64)
        .read_in_table(case),
    ];
    match case.counters.stat.and_then(|stat| stat.found) {
        Some(taken) if taken > 0 => evidence.push(
            supports(
                "ports-found-taken",
                sentence!["a port was tried and found taken", Word::Number(taken), "times since boot"],
            )
            .value("found", taken as f64)
            .read_in_table(case),
        ),
        Some(_) => {}
        None => evidence.push(context(
            "ports-found-taken",
            "the counter of ports found taken (found in conntrack -S) was not given".into(),
        )),
    }
    if let (Some(held), Some(max)) = (case.usage.held(), case.usage.max) {
        evidence.push(
            context(
                "room-in-table",
                sentence!["the table holds", Word::Number(held), "of", Word::Count(max, noun::ENTRY)],
            )
            .read_in_table(case),
        );
    }
    Some(Finding {
        host: None,
        cause: SNAT_PORT_EXHAUSTION,
        summary: vec![
            sentence![
                Word::Number(behind),
                "of the",
                Word::Count(CEILING, noun::PORT),
                "that one address has towards",
                end.clone(),
                "are taken"
            ],
            sentence!["translate to more addresses, or use connections again; a larger table adds no port"],
        ],
        evidence,
        remedies: vec![Remedy {
            id: "more-snat-addresses",
            title: sentence![
                "translate what goes to",
                end,
                "to several addresses (SNAT with a range), or let clients keep their connections open"
            ],
            commands: Vec::new(),
            effect: Effect {
                entries_freed_now: Some(0),
                steady_state_entries: None,
                note: sentence!["each address adds", Word::Count(CEILING, noun::PORT), "for each peer"],
            },
            side_effects: vec!["a peer that ties sessions to an address sees them come from several".into()],
            persists: true,
        }],
    })
}
