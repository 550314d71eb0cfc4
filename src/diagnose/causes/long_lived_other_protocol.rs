//! C23: protocols other than TCP, UDP and ICMP, with long timers: SCTP, GRE (PPTP), and those without a tracker of their
//! own (ESP, IPIP, OSPF …), which stay ten minutes after each packet. Look-alike: IGMP and VRRP, which call to
//! everybody.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::model::address_kind::AddressKind;
use crate::model::census::{Class, LeaderKey};
use crate::model::diagnosis::{Remedy, WillNotHelp};
use crate::model::flow::{L4, Reply, State};
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::super::arith::share;
use super::super::datagrams::{MOST, WORTH_NAMING, holds};
use super::super::evidence::{Cited, contradicts, supports};
use super::super::facts::Case;
use super::super::remedies::{datagrams as cures, raise_limit, zones};
use super::super::scales::{Scales, Weight};
use super::super::will_not_help;
use super::Candidate;

/// Protocols that other causes speak of.
const KNOWN: [L4; 5] = [L4::TCP, L4::UDP, L4::UDPLITE, L4::ICMP, L4::ICMPV6];
/// From this many seconds on a timer is long: a stream of UDP has 120.
const LONG_SECONDS: u64 = 150;

struct Others {
    /// The leading protocol with its entries.
    l4: L4,
    of_it: u64,
    entries: u64,
    part: f64,
    /// Entries that call to everybody.
    called: u64,
    /// The longest timeout among most of its entries.
    timeout: Option<(&'static str, u64)>,
}

fn is_other(class: &Class) -> bool {
    !KNOWN.contains(&class.l4)
}

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let others = measure(case)?;
    Some(Candidate {
        summary: summary(&others),
        loses: Some(sentence!["other protocols hold only", Word::Share(others.part), "of the table"]),
        remedies: remedies(case, &others),
        will_not_help: useless(case),
        limit_contributes: true,
        ..Candidate::new(Candidate::tier_of(others.part), others.part, scales(case, &others))
    })
}

fn measure(case: &Case<'_>) -> Option<Others> {
    let who = &case.census?.who;
    let mut by_protocol: BTreeMap<L4, u64> = BTreeMap::new();
    for (class, n) in who.classes.iter().filter(|(class, _)| is_other(class)) {
        let sum = by_protocol.entry(class.l4).or_default();
        *sum = sum.saturating_add(*n);
    }
    let entries = by_protocol.values().fold(0u64, |sum, n| sum.saturating_add(*n));
    let part = share(entries, case.entries());
    if part < WORTH_NAMING {
        return None;
    }
    let (l4, of_it) = by_protocol.into_iter().max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)))?;
    let called = who
        .destinations
        .leading(who.entries)
        .iter()
        .filter(|row| matches!(AddressKind::of(row.key), AddressKind::Multicast | AddressKind::Broadcast))
        .filter_map(|row| case.how(&LeaderKey::Destination(row.key)))
        .flat_map(|how| how.classes.iter())
        .filter(|(class, _)| is_other(class))
        .fold(0u64, |sum, (_, n)| sum.saturating_add(*n));
    let timeouts = case.timeouts();
    let timeout = who
        .classes
        .iter()
        .filter(|(class, _)| class.l4 == l4)
        .max_by_key(|(_, n)| **n)
        .and_then(|(class, _)| timeouts.of(class.l4, class.state, class.replied))
        .map(|timeout| (timeout.name, timeout.seconds));
    Some(Others { l4, of_it, entries, part, called, timeout })
}

/// The protocol in the words of those who set it up.
fn name(l4: L4) -> Word {
    match l4.0 {
        4 => Word::Text("IPIP"),
        41 => Word::Text("IPv6 in IPv4"),
        47 => Word::Text("GRE (PPTP and other tunnels)"),
        50 => Word::Text("ESP (IPsec)"),
        51 => Word::Text("AH (IPsec)"),
        89 => Word::Text("OSPF"),
        94 => Word::Text("IPIP (protocol 94)"),
        132 => Word::Text("SCTP"),
        _ => Word::Protocol(l4),
    }
}

fn summary(others: &Others) -> Vec<Sentence> {
    let who = sentence![
        name(others.l4),
        "and others beside TCP and UDP hold",
        Word::Share(others.part),
        "of the table:",
        Word::Count(others.entries, noun::ENTRY)
    ];
    let how = match others.timeout {
        Some((_, seconds)) => sentence![
            Word::Share(share(others.of_it, others.entries)),
            "of them are",
            name(others.l4),
            ", which stays",
            Word::Duration(seconds as f64),
            "after its last packet"
        ],
        None => sentence![
            Word::Share(share(others.of_it, others.entries)),
            "of them are",
            name(others.l4),
            ", whose timers no setting given here tells"
        ],
    };
    let what = match others.l4 {
        L4::SCTP => sentence!["let SCTP go after 210 s, as newer kernels do, or take it out of tracking"],
        L4::GRE => {
            sentence!["find who opens and leaves tunnels; take them out of tracking between known addresses"]
        }
        _ => sentence!["shorten the generic timeout to two minutes, or take that protocol out of tracking"],
    };
    vec![who, how, what]
}

fn scales(case: &Case<'_>, others: &Others) -> Scales {
    let mut scales = Scales::default();
    scales.speaks_for(
        Weight::Deciding,
        holds(
            case,
            "other-protocols",
            "entries of protocols beside TCP, UDP and ICMP".into(),
            others.entries,
        ),
    );
    if let Some((timeout, seconds)) = others.timeout {
        scales.weigh(
            Weight::Strong,
            seconds >= LONG_SECONDS,
            || {
                supports(
                    "long-timer",
                    sentence![
                        Word::Code(case.kernel.key(timeout)),
                        "is",
                        Word::Duration(seconds as f64),
                        ": far longer than a message needs"
                    ],
                )
                .value("seconds", seconds as f64)
                .read_in_table(case)
            },
            || {
                contradicts(
                    "short-timer",
                    sentence![
                        Word::Code(case.kernel.key(timeout)),
                        "is only",
                        Word::Duration(seconds as f64),
                        ": their number comes from a rate, not from a timer"
                    ],
                )
                .value("seconds", seconds as f64)
                .read_in_table(case)
            },
        );
    }
    let called = share(others.called, others.entries);
    scales.weigh(
        Weight::Deciding,
        called < MOST,
        || {
            supports(
                "to-machines",
                sentence![
                    Word::Share(1.0 - called),
                    "of them go to single machines, not to everybody as IGMP and VRRP do"
                ],
            )
            .value("share", 1.0 - called)
            .read_in_table(case)
        },
        || {
            contradicts(
                "to-everybody",
                sentence![Word::Share(called), "of them go to multicast or broadcast addresses"],
            )
            .value("share", called)
            .read_in_table(case)
        },
    );
    scales
}

fn remedies(case: &Case<'_>, others: &Others) -> Vec<Remedy> {
    let mut out = Vec::new();
    match others.l4 {
        L4::SCTP => {
            let long = case.timeouts().of(L4::SCTP, Some(State::Established), Reply::Assured);
            out.extend(long.and_then(|_| cures::shorter_sctp(case)));
        }
        L4::GRE => {}
        _ => out.extend(cures::shorter_generic(case)),
    }
    let pairs = pairs(case, others.l4);
    if !pairs.is_empty() {
        out.extend(zones::untrack_protocol(case, &pairs, others.l4));
    }
    out.extend(raise_limit(case));
    out
}

/// Leading pairs of that protocol whose addresses are not translated, each once whichever way round, with their entries.
fn pairs(case: &Case<'_>, l4: L4) -> Vec<((IpAddr, IpAddr), u64)> {
    let rows = case.census.map_or(&[][..], |c| c.who.pairs.leading(c.who.entries));
    let mut out: Vec<((IpAddr, IpAddr), u64)> = Vec::new();
    for row in rows.iter().filter(|row| row.key.peer.l4 == l4) {
        let (one, other) = (row.key.source, row.key.peer.address);
        let moved = case
            .how(&LeaderKey::Pair(row.key))
            .is_none_or(|how| super::super::datagrams::translated(how) > 0);
        let called = matches!(AddressKind::of(other), AddressKind::Multicast | AddressKind::Broadcast);
        if moved || called {
            continue;
        }
        match out.iter_mut().find(|(ends, _)| *ends == (one, other) || *ends == (other, one)) {
            Some((_, held)) => *held = held.saturating_add(row.count),
            None => out.push(((one, other), row.count)),
        }
    }
    out
}

fn useless(case: &Case<'_>) -> Vec<WillNotHelp> {
    let mut out = vec![will_not_help::reason(
        "udp-timeouts",
        "govern UDP: each protocol has a timeout of its own, and those without a tracker share the generic one".into(),
    )];
    out.extend(will_not_help::established_for_datagrams(case));
    out
}
