//! C15: one program talks to thousands of others from one port: BitTorrent and its DHT, IPFS, a crawler, a mesh of
//! tunnels. Look-alikes: a scan (one to three destination ports, TCP, nothing assured), lookups of names (one
//! destination port), a gateway of many (no source leads).

use std::net::IpAddr;

use crate::model::census::{Leader, LeaderKey, Peer};
use crate::model::diagnosis::{Remedy, WillNotHelp};
use crate::model::flow::L4;
use crate::model::sentence::{Sentence, Word, noun};
use crate::model::services::service;
use crate::sentence;

use super::super::arith::share;
use super::super::datagrams::{
    Flags, MOST, WORTH_NAMING, at_least, counted, holds, is_udp, joined, per_second, ports_from, translated,
};
use super::super::evidence::{Cited, contradicts, supports};
use super::super::facts::{Case, Holder};
use super::super::remedies::{datagrams as cures, raise_limit, untracked};
use super::super::scales::{Scales, Weight};
use super::super::{open, will_not_help};
use super::Candidate;

/// Others that it talks to: far more than any client has servers.
const OTHERS_MIN: u64 = 200;
/// Destination ports: others chose theirs at random.
const RANDOM_PORTS: u64 = 100;
/// So few are services; a scan asks for these.
const FEW_PORTS: u64 = 8;
/// Below this share of UDP it is something else; such programs try TCP too.
const UDP_MIN: f64 = 0.3;
/// Its own port: what one port may miss, since others' connections stand beside it.
const FROM_ONE_PORT: f64 = 0.5;
/// Ports of tunnels that meet in a mesh: WireGuard, Tailscale, ZeroTier.
const MESH: [u16; 4] = [51_820, 51_821, 41_641, 9_993];

struct Crawler<'a> {
    holder: Holder<'a>,
    udp: Flags,
    /// The one port it speaks from, and entries from it.
    port: Option<(u16, u64)>,
    /// Entries that others began, to that port.
    inbound: u64,
    explains: f64,
    rate: Option<f64>,
}

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let crawler = measure(case)?;
    Some(Candidate {
        summary: summary(&crawler),
        loses: Some(sentence![
            "what",
            crawler.holder.address,
            "talks to holds only",
            Word::Share(crawler.explains),
            "of the table"
        ]),
        rate_per_second: crawler.rate,
        remedies: remedies(case, &crawler),
        will_not_help: useless(case, &crawler),
        limit_contributes: true,
        ..Candidate::new(Candidate::tier_of(crawler.explains), crawler.explains, scales(case, &crawler))
    })
}

fn measure<'a>(case: &Case<'a>) -> Option<Crawler<'a>> {
    let holder = case.top_source()?;
    let udp = Flags::udp(&holder.how.classes);
    if !at_least(holder.how.other_ends, OTHERS_MIN) || share(udp.entries, holder.entries) < UDP_MIN {
        return None;
    }
    let port = own_port(case, &holder, udp.entries);
    let inbound = port.map_or(0, |(port, _)| {
        let peer = Peer { address: holder.address, port: Some(port), l4: L4::UDP };
        case.how(&LeaderKey::Peer(peer)).map_or(0, |how| how.entries)
    });
    let explains = share(holder.entries.saturating_add(inbound), case.entries());
    // One destination port for all is a service that is asked, unless it is that of a mesh.
    let mesh = port.is_some_and(|(port, _)| MESH.contains(&port));
    if explains < WORTH_NAMING || (!at_least(holder.how.destination_ports, FEW_PORTS + 1) && !mesh) {
        return None;
    }
    Some(Crawler {
        udp,
        port,
        inbound,
        explains,
        rate: per_second(case, &holder.how.classes, is_udp),
        holder,
    })
}

/// The source port that most of its datagrams come from. Ports are counted whoever sends from them: one that has more
/// entries than the source itself belongs to others as well.
fn own_port(case: &Case<'_>, holder: &Holder<'_>, datagrams: u64) -> Option<(u16, u64)> {
    let others = OTHERS_MIN.min(holder.entries / 4);
    let fits = |how: &Leader| {
        share(how.entries, datagrams) >= FROM_ONE_PORT
            && how.entries <= datagrams.saturating_add(datagrams / 10)
            && at_least(how.other_ends, others)
    };
    ports_from(case).into_iter().find(|(_, how)| fits(how)).map(|(port, how)| (port, how.entries))
}

fn is_mesh(crawler: &Crawler<'_>) -> bool {
    crawler.port.is_some_and(|(port, _)| MESH.contains(&port))
}

fn summary(crawler: &Crawler<'_>) -> Vec<Sentence> {
    let holder = &crawler.holder;
    let mut who = match holder.is_local {
        Some(true) => sentence!["this host (", holder.address, ") holds"],
        _ => sentence![holder.address, "holds"],
    };
    who = who.with(Word::Share(crawler.explains)).with(": it talks to");
    who = joined(who, counted(holder.how.other_ends, noun::PEER));
    if let Some((port, _)) = crawler.port {
        who = who.with("from").with(Word::Port(port, L4::UDP));
    }
    let mut how = sentence![Word::Share(crawler.udp.unanswered()), "of its datagrams are not answered"];
    if let Some(rate) = crawler.rate {
        how = how.with(", new ones at").with(Word::Rate(rate));
    }
    how = if is_mesh(crawler) {
        how.with(": a mesh of tunnels")
    } else {
        how.with(": as peer-to-peer programs do")
    };
    let what = match (holder.is_local, crawler.port) {
        (Some(true), Some(_)) if translated(holder.how) == 0 => {
            sentence!["limit that program's peers, or take its port out of tracking, both directions"]
        }
        _ => sentence!["limit that program's peers where it runs; by itself this is no sign of an attack"],
    };
    vec![who, how, what]
}

fn scales(case: &Case<'_>, crawler: &Crawler<'_>) -> Scales {
    let holder = &crawler.holder;
    let mut scales = Scales::default();
    scales.speaks_for(
        Weight::Strong,
        holds(
            case,
            "share-of-top-source",
            joined(
                sentence!["exchanges of", holder.address, "with"],
                counted(holder.how.other_ends, noun::PEER),
            ),
            holder.entries.saturating_add(crawler.inbound),
        ),
    );
    match crawler.port {
        Some((port, entries)) => scales.speaks_for(
            Weight::Strong,
            supports(
                "one-source-port",
                sentence![
                    Word::Count(entries, noun::ENTRY),
                    "come from one and the same source port,",
                    Word::Port(port, L4::UDP),
                    ": one socket talks to all of them"
                ],
            )
            .value("entries", entries as f64)
            .read_in_table(case),
        ),
        None => scales.speaks_against(
            Weight::Strong,
            contradicts(
                "many-source-ports",
                "no source port stands out: a socket for each, as clients have them".into(),
            )
            .read_in_table(case),
        ),
    }
    let random = at_least(holder.how.destination_ports, RANDOM_PORTS);
    scales.weigh(
        Weight::Deciding,
        random || is_mesh(crawler),
        || {
            if random {
                supports(
                    "random-ports",
                    joined("it talks to".into(), counted(holder.how.destination_ports, noun::PORT))
                        .with("of others: they chose theirs at random, a service or a scan has few"),
                )
                .read_in_table(case)
            } else {
                supports(
                    "mesh-port",
                    "the port is that of a mesh of tunnels, whose members all have it".into(),
                )
            }
        },
        || {
            contradicts(
                "few-destination-ports",
                joined("it talks to only".into(), counted(holder.how.destination_ports, noun::PORT))
                    .with("of others: a service, or a scan of a few ports"),
            )
            .read_in_table(case)
        },
    );
    some_last(case, crawler, &mut scales);
    if let Some(name) = crawler.port.and_then(|(port, _)| service(port, L4::UDP)) {
        scales.add([super::super::evidence::context(
            "usual-program",
            sentence!["usually behind that port:", Word::Text(name)],
        )]);
    }
    if holder.is_local.is_none() {
        scales.not_known(Weight::Slight, open::is_local(case, holder.address));
    }
    scales
}

/// Peers that come and go: some exchanges last, some meet nobody.
fn some_last(case: &Case<'_>, crawler: &Crawler<'_>, scales: &mut Scales) {
    let some_assured = crawler.udp.assured > 0 && crawler.udp.unreplied > 0;
    scales.weigh(
        Weight::Strong,
        some_assured,
        || {
            supports(
                "some-last",
                sentence![
                    Word::Count(crawler.udp.assured, noun::ENTRY),
                    "became streams and",
                    Word::Count(crawler.udp.unreplied, noun::ENTRY),
                    "met nobody: peers that come and go"
                ],
            )
            .value("assured", crawler.udp.assured as f64)
            .value("unreplied", crawler.udp.unreplied as f64)
            .read_in_table(case)
        },
        || {
            contradicts(
                "none-last",
                "either none of its exchanges lasts or none fails: peers that come and go have both".into(),
            )
            .read_in_table(case)
        },
    );
}

fn remedies(case: &Case<'_>, crawler: &Crawler<'_>) -> Vec<Remedy> {
    let holder = &crawler.holder;
    let held = holder.entries.saturating_add(crawler.inbound);
    let mut out = vec![cures::cap_program(case, holder.address, crawler.port.map(|(port, _)| port), held)];
    if let Some((port, entries)) = crawler.port {
        let moved = translated(holder.how) > 0;
        let freed = entries.saturating_add(crawler.inbound);
        out.extend(untracked::untrack_own_port(case, holder.address, port, freed, moved).ok());
    }
    if share(crawler.udp.assured, crawler.udp.entries) >= MOST {
        out.extend(cures::shorter_stream(case));
    }
    out.extend(cures::shorter_exchange(case));
    out.extend(raise_limit(case));
    out
}

fn useless(case: &Case<'_>, crawler: &Crawler<'_>) -> Vec<WillNotHelp> {
    let address: IpAddr = crawler.holder.address;
    let mut out = vec![
        will_not_help::reason(
            "block-peers",
            "the others change by the minute; the next thousand take the place of those that are blocked"
                .into(),
        ),
        will_not_help::reason(
            "virus-hunt",
            sentence![
                "a program that talks to thousands from one port is what",
                address,
                "runs on purpose, as a rule: ask its owner first"
            ],
        ),
    ];
    out.extend(will_not_help::established_for_datagrams(case));
    out.extend(will_not_help::limit_alone(case));
    out
}
