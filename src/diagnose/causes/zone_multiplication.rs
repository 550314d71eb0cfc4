//! C30: the same connection stands in several zones, an entry in each: Open vSwitch and OVN track it at every port with
//! a stateful rule, nested translation in every stage. Told by source ports: a client has one connection from a port
//! to a peer, so more entries of a pair than source ports are copies. Look-alike: tenants in zones of their own,
//! whose connections differ.

use crate::model::census::{Distinct, LeaderKey, Pair};
use crate::model::diagnosis::{Remedy, WillNotHelp};
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::super::arith::share;
use super::super::datagrams::{MOST, WORTH_NAMING};
use super::super::evidence::{Cited, contradicts, supports};
use super::super::facts::Case;
use super::super::remedies::{raise_limit, zones};
use super::super::scales::{Scales, Weight};
use super::super::will_not_help;
use super::Candidate;

/// From so many entries for each connection on, copies are the rule.
const COPIES: f64 = 1.5;
/// Zones that a sentence names.
const NAMED: usize = 4;
/// A zone with less than this share of the largest one is not on the way of the same connections.
const BESIDE: f64 = 0.5;
/// One source with this share has a cause of its own, which the zones only multiply.
const ONE_SOURCE: f64 = 0.5;

struct Zones {
    /// Zones by entries, descending.
    numbers: Vec<(u16, u64)>,
    /// Entries for each connection, in the leading pairs that stand in several zones.
    times: f64,
    /// Entries of these pairs, and connections they stand for.
    copied: u64,
    connections: u64,
    /// Entries of all leading pairs with ports.
    looked_at: u64,
    part: f64,
}

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let found = measure(case)?;
    Some(Candidate {
        summary: summary(&found),
        loses: Some("zones hold copies, but another cause says who makes the connections".into()),
        remedies: remedies(case, &found),
        will_not_help: useless(&found),
        limit_contributes: true,
        ..Candidate::new(Candidate::tier_of(found.part), found.part, scales(case, &found))
    })
}

fn measure(case: &Case<'_>) -> Option<Zones> {
    let who = &case.census?.who;
    let mut numbers: Vec<(u16, u64)> = who.zones.iter().map(|(zone, n)| (*zone, *n)).collect();
    numbers.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    if numbers.len() < 2 {
        return None;
    }
    let (mut copied, mut connections, mut looked_at) = (0u64, 0u64, 0u64);
    for row in &who.pairs.rows {
        let Some((entries, ports, several)) = of_pair(case, row.key) else { continue };
        looked_at = looked_at.saturating_add(entries);
        if several && entries as f64 >= COPIES * ports as f64 {
            copied = copied.saturating_add(entries);
            connections = connections.saturating_add(ports);
        }
    }
    // What the leading pairs are like is taken for the whole table: each entry of it is as likely a copy.
    let part = share(copied, looked_at);
    if part < WORTH_NAMING || connections == 0 {
        return None;
    }
    Some(Zones { numbers, times: share(copied, connections), copied, connections, looked_at, part })
}

/// Entries of a pair, its source ports, and whether it stands in several zones.
fn of_pair(case: &Case<'_>, pair: Pair) -> Option<(u64, u64, bool)> {
    pair.peer.port?;
    let how = case.how(&LeaderKey::Pair(pair))?;
    match how.source_ports {
        Distinct::Exactly(ports) if ports > 0 => {
            let several = !matches!(how.zones, Distinct::Exactly(0 | 1));
            Some((how.entries, ports, several))
        }
        _ => None,
    }
}

/// "6, 16 and 2 more".
fn named(zones: &[(u16, u64)]) -> Sentence {
    let mut out = Sentence::default();
    for (place, (zone, _)) in zones.iter().take(NAMED).enumerate() {
        if place > 0 {
            out = out.with(",");
        }
        out = out.with(Word::Code(zone.to_string()));
    }
    if zones.len() > NAMED {
        out = out.with("and more");
    }
    out
}

fn tenths(times: f64) -> Sentence {
    // A sentence holds whole numbers; copies are counted for each ten connections.
    let ten = super::super::arith::rounded(times * 10.0).unwrap_or(0);
    if ten.is_multiple_of(10) {
        return sentence![Word::Count(ten / 10, noun::ENTRY), "for each connection"];
    }
    sentence![Word::Count(ten, noun::ENTRY), "for each ten connections"]
}

fn summary(found: &Zones) -> Vec<Sentence> {
    let mut who = sentence!["the same connections are tracked in zones"];
    let most = found.numbers.first().map_or(0, |(_, n)| *n);
    let alike = found.numbers.iter().copied().filter(|(_, n)| share(*n, most) >= BESIDE);
    who.0.extend(named(&alike.collect::<Vec<_>>()).0);
    who = who.with(":");
    who.0.extend(tenths(found.times).0);
    let how = sentence![
        "Open vSwitch and OVN track a connection anew in each zone:",
        Word::Share(found.part),
        "of the leading ones are so"
    ];
    let what = sentence![
        "make rules stateless where no state is needed; size the limit for connections times zones"
    ];
    vec![who, how, what]
}

fn scales(case: &Case<'_>, found: &Zones) -> Scales {
    let mut scales = Scales::default();
    scales.speaks_for(
        Weight::Deciding,
        supports(
            "copies",
            sentence![
                "the leading pairs in several zones hold",
                Word::Count(found.copied, noun::ENTRY),
                "from only",
                Word::Count(found.connections, noun::PORT),
                ": a client has one connection from a port to a peer, the others are copies of it"
            ],
        )
        .value("entries", found.copied as f64)
        .value("connections", found.connections as f64)
        .value("looked_at", found.looked_at as f64)
        .read_in_table(case),
    );
    let first = found.numbers.first().map_or(0, |(_, n)| *n);
    let second = found.numbers.get(1).map_or(0, |(_, n)| *n);
    let mut said = sentence!["zones"];
    said.0.extend(named(found.numbers.get(..2).unwrap_or(&found.numbers)).0);
    let alike = share(second, first) >= BESIDE;
    said = said.with("hold").with(Word::Number(first)).with("and").with(Word::Count(second, noun::ENTRY));
    scales.weigh(
        Weight::Strong,
        alike,
        || {
            supports("zones-alike", said.clone().with(", about as many: the same connections pass both"))
                .value("first", first as f64)
                .value("second", second as f64)
                .read_in_table(case)
        },
        || {
            contradicts("zones-differ", said.clone().with(", so most connections stand in one of them only"))
                .value("first", first as f64)
                .value("second", second as f64)
                .read_in_table(case)
        },
    );
    if let Some(top) = case.top_source_share() {
        scales.weigh(
            Weight::Deciding,
            top < ONE_SOURCE,
            || {
                supports(
                    "nobody-leads",
                    sentence![
                        "no source has more than",
                        Word::Share(top),
                        "of the entries: the copies are what fills it"
                    ],
                )
                .value("share", top)
                .read_in_table(case)
            },
            || {
                contradicts(
                    "one-source-leads",
                    sentence![
                        "one source has",
                        Word::Share(top),
                        "of the entries: what it does fills the table, and the zones multiply it"
                    ],
                )
                .value("share", top)
                .read_in_table(case)
            },
        );
    }
    if share(found.looked_at, case.entries()) < MOST / 5.0 {
        scales.speaks_against(
            Weight::Slight,
            contradicts(
                "few-looked-at",
                sentence![
                    "the leading pairs hold only",
                    Word::Share(share(found.looked_at, case.entries())),
                    "of the table; the rest is taken to be like them"
                ],
            )
            .read_in_table(case),
        );
    }
    scales
}

fn remedies(case: &Case<'_>, found: &Zones) -> Vec<Remedy> {
    let mut out = vec![zones::fewer_zones(case, found.times)];
    out.extend(raise_limit(case));
    out.extend(zones::zone_limits(case, &found.numbers));
    out
}

fn useless(found: &Zones) -> Vec<WillNotHelp> {
    vec![
        will_not_help::reason(
            "hunt-top-source",
            sentence![
                "each connection has",
                Word::Count(super::super::arith::rounded(found.times).unwrap_or(0).max(2), noun::ENTRY),
                "here: who leads opens that many times fewer connections than its entries say"
            ],
        ),
        will_not_help::reason(
            "short-timeouts",
            "copies have the timers of their connection: shorter ones cut every connection, and keep the factor".into(),
        ),
    ]
}
