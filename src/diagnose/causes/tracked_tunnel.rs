//! C17: the outer packets of a tunnel (VXLAN, Geneve) are tracked: its source port is a hash of what it carries, so each
//! inner connection and direction makes an entry, none of which is ever answered. Look-alikes: one-way messages (other
//! ports, one direction), a scan (many destinations).

use std::collections::BTreeMap;

use crate::model::census::{Class, Leader, Pair, Peer};
use crate::model::diagnosis::{Remedy, WillNotHelp};
use crate::model::flow::L4;
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::super::arith::share;
use super::super::datagrams::{
    FRESH_PORTS, Flags, MOST, NEARLY_ALL, TUNNELS, WORTH_NAMING, at_least, counted, holds, is_udp, joined,
    per_second, to_port, udp_seconds,
};
use super::super::evidence::{Cited, contradicts, supports};
use super::super::facts::Case;
use super::super::remedies::{raise_limit, untracked};
use super::super::scales::{Scales, Weight};
use super::super::will_not_help;
use super::Candidate;

struct Tunnel<'a> {
    /// The port with most entries.
    port: u16,
    how: &'a Leader,
    classes: BTreeMap<Class, u64>,
    entries: u64,
    explains: f64,
    /// Leading pairs, those whose mirror leads too first.
    pairs: Vec<Pair>,
    /// Entries of leading pairs, and of those whose mirror leads too.
    seen: (u64, u64),
}

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let tunnel = measure(case)?;
    let rate = per_second(case, &tunnel.classes, is_udp);
    Some(Candidate {
        summary: summary(case, &tunnel, rate),
        loses: Some(sentence!["packets of tunnels hold only", Word::Share(tunnel.explains), "of the table"]),
        rate_per_second: rate,
        remedies: remedies(case, &tunnel),
        will_not_help: useless(case),
        limit_contributes: true,
        ..Candidate::new(Candidate::tier_of(tunnel.explains), tunnel.explains, scales(case, &tunnel))
    })
}

fn measure<'a>(case: &Case<'a>) -> Option<Tunnel<'a>> {
    let found: Vec<(u16, &Leader)> =
        TUNNELS.into_iter().filter_map(|port| Some((port, to_port(case, port)?))).collect();
    let entries = found.iter().fold(0u64, |sum, (_, how)| sum.saturating_add(how.entries));
    let explains = share(entries, case.entries());
    if explains < WORTH_NAMING {
        return None;
    }
    let (port, how) =
        found.iter().copied().max_by(|a, b| a.1.entries.cmp(&b.1.entries).then(b.0.cmp(&a.0)))?;
    let mut classes: BTreeMap<Class, u64> = BTreeMap::new();
    for (_, how) in &found {
        for (class, n) in how.classes.iter().filter(|(class, _)| is_udp(class)) {
            let sum = classes.entry(*class).or_default();
            *sum = sum.saturating_add(*n);
        }
    }
    let rows = case.census.map_or(&[][..], |c| c.who.pairs.leading(c.who.entries));
    let of_tunnel =
        |pair: &Pair| pair.peer.l4 == L4::UDP && pair.peer.port.is_some_and(|port| TUNNELS.contains(&port));
    let rows: Vec<(Pair, u64)> =
        rows.iter().filter(|row| of_tunnel(&row.key)).map(|row| (row.key, row.count)).collect();
    let mirrored = |pair: &Pair| {
        let back = Pair { source: pair.peer.address, peer: Peer { address: pair.source, ..pair.peer } };
        rows.iter().any(|(other, _)| *other == back)
    };
    let sum = |keep: &dyn Fn(&Pair) -> bool| {
        rows.iter().filter(|(pair, _)| keep(pair)).fold(0u64, |sum, (_, n)| sum.saturating_add(*n))
    };
    let seen = (sum(&|_| true), sum(&mirrored));
    Some(Tunnel {
        port,
        how,
        classes,
        entries,
        explains,
        pairs: rows.iter().map(|(pair, _)| *pair).collect(),
        seen,
    })
}

fn name(port: u16) -> &'static str {
    match port {
        6_081 => "Geneve",
        _ => "VXLAN",
    }
}

fn summary(case: &Case<'_>, tunnel: &Tunnel<'_>, rate: Option<f64>) -> Vec<Sentence> {
    let mut who = sentence![name(tunnel.port), "packets"];
    if let Some(pair) = tunnel.pairs.first().filter(|_| tunnel.pairs.len() <= 2) {
        who = who.with("between").with(pair.source).with("and").with(pair.peer.address);
    }
    let who = who.with("hold").with(Word::Share(tunnel.explains)).with("of the table");
    let mut how = sentence![
        "each inner connection has its own outer source port, unanswered: kept",
        Word::Duration(udp_seconds(case) as f64)
    ];
    if let Some(rate) = rate {
        how = how.with(",").with(Word::Rate(rate));
    }
    let what = sentence![
        "take",
        Word::Port(tunnel.port, L4::UDP),
        "between the nodes out of tracking, in PREROUTING and OUTPUT"
    ];
    vec![who, how, what]
}

fn scales(case: &Case<'_>, tunnel: &Tunnel<'_>) -> Scales {
    let mut scales = Scales::default();
    scales.speaks_for(
        Weight::Strong,
        holds(case, "tunnel-packets", "datagrams to ports of tunnels".into(), tunnel.entries),
    );
    let unanswered = Flags::udp(&tunnel.classes).unanswered();
    scales.weigh(
        Weight::Strong,
        unanswered >= NEARLY_ALL,
        || {
            supports(
                "one-way",
                sentence![
                    Word::Share(unanswered),
                    "of them were never answered, as a tunnel's packets are not"
                ],
            )
            .value("share", unanswered)
            .read_in_table(case)
        },
        || {
            contradicts(
                "answered",
                sentence![
                    Word::Share(1.0 - unanswered),
                    "of them were answered from the port itself: no tunnel does that"
                ],
            )
            .value("share", 1.0 - unanswered)
            .read_in_table(case)
        },
    );
    let ports = at_least(tunnel.how.source_ports, FRESH_PORTS.min(tunnel.how.entries / 8));
    scales.weigh(
        Weight::Strong,
        ports,
        || {
            supports(
                "hashed-ports",
                joined("they come from".into(), counted(tunnel.how.source_ports, noun::PORT))
                    .with(": the hash of what they carry"),
            )
            .read_in_table(case)
        },
        || {
            contradicts(
                "few-ports",
                joined("they come from only".into(), counted(tunnel.how.source_ports, noun::PORT)),
            )
            .read_in_table(case)
        },
    );
    let (seen, both) = tunnel.seen;
    if seen > 0 {
        let explains = share(both, seen);
        scales.weigh(
            Weight::Deciding,
            explains >= MOST,
            || {
                supports(
                    "both-directions",
                    sentence![
                        "of the leading pairs of nodes",
                        Word::Share(explains),
                        "stand there in both directions, each unanswered"
                    ],
                )
                .value("share", explains)
                .read_in_table(case)
            },
            || {
                contradicts(
                    "one-direction",
                    sentence![
                        "only",
                        Word::Share(explains),
                        "of the leading pairs stand there in both directions: a tunnel has two"
                    ],
                )
                .value("share", explains)
                .read_in_table(case)
            },
        );
    }
    scales
}

fn remedies(case: &Case<'_>, tunnel: &Tunnel<'_>) -> Vec<Remedy> {
    let mut out = Vec::new();
    out.extend(untracked::untrack_between(case, &tunnel.pairs, true, tunnel.entries).ok());
    out.extend(raise_limit(case));
    out
}

fn useless(case: &Case<'_>) -> Vec<WillNotHelp> {
    let mut out = vec![
        will_not_help::reason(
            "block-top-source",
            "the source with the most entries is a node of your own network".into(),
        ),
        will_not_help::reason(
            "udp_timeout_stream",
            "governs exchanges both ways: what goes back in a tunnel has other ports, so none of these becomes one".into(),
        ),
        will_not_help::reason(
            "fewer-source-ports",
            "a tunnel with one source port lets the whole traffic of a node go through one queue of the network card".into(),
        ),
    ];
    out.extend(will_not_help::limit_alone(case));
    out
}
