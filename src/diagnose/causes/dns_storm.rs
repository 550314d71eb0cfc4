//! C12: lookups of names fill the table, one entry each: pods or a program that ask through this host without a cache.
//! Look-alikes: this host is the server itself (its own address is asked), answers that nobody asked for (53 is the
//! source port), a crawler of peers (one source port, many destination ports).

use std::net::IpAddr;

use crate::model::address_kind::AddressKind;
use crate::model::census::{LeaderKey, Pair, Peer};
use crate::model::diagnosis::{Remedy, WillNotHelp};
use crate::model::flow::L4;
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::super::arith::share;
use super::super::datagrams::{
    Ends, FRESH_PORTS, Flags, MOST, WORTH_NAMING, at_least, counted, holds, is_udp, joined, per_second,
    stream_seconds, to_port, translated, udp_seconds,
};
use super::super::evidence::{Cited, context, contradicts, supports};
use super::super::facts::Case;
use super::super::remedies::{datagrams as cures, raise_limit, untracked};
use super::super::scales::{Scales, Weight};
use super::super::{open, will_not_help};
use super::Candidate;

/// Names.
const PORT: u16 = 53;

struct Storm<'a> {
    how: &'a crate::model::census::Leader,
    ends: Ends<'a>,
    flags: Flags,
    /// Entries that do not go to this host.
    lookups: u64,
    part: f64,
    /// One source that asks most of it.
    asker: Option<(IpAddr, u64)>,
    rate: Option<f64>,
}

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let how = to_port(case, PORT)?;
    let ends = Ends::of(case, &[PORT]);
    let lookups = how.entries.saturating_sub(ends.own);
    let part = share(lookups, case.entries());
    if part < WORTH_NAMING {
        return None;
    }
    let flags = Flags::udp(&how.classes);
    let asker = asker(case, lookups);
    let streams = flags.assured as f64 / stream_seconds(case) as f64;
    let rate = per_second(case, &how.classes, is_udp).unwrap_or(0.0) + streams;
    let storm = Storm { how, ends, flags, lookups, part, asker, rate: (rate > 0.0).then_some(rate) };
    Some(Candidate {
        summary: summary(case, &storm),
        loses: Some(sentence!["lookups of names hold only", Word::Share(part), "of the table"]),
        rate_per_second: storm.rate,
        remedies: remedies(case, &storm),
        will_not_help: useless(case, &storm),
        limit_contributes: true,
        ..Candidate::new(Candidate::tier_of(part), part, scales(case, &storm))
    })
}

/// The source that asks at least half of it: the leading source's own entries to that port.
fn asker(case: &Case<'_>, lookups: u64) -> Option<(IpAddr, u64)> {
    let top = case.top_source()?;
    let (_, of_it) = top.how.common_ports.iter().find(|(port, _)| *port == PORT)?;
    (share(*of_it, lookups) >= MOST).then_some((top.address, *of_it))
}

fn top_peer(storm: &Storm<'_>) -> Option<(Peer, f64)> {
    let (peer, how) = storm.ends.peers.first()?;
    Some((*peer, share(how.entries, storm.how.entries)))
}

fn summary(case: &Case<'_>, storm: &Storm<'_>) -> Vec<Sentence> {
    let mut who = match storm.asker {
        Some((source, _)) if case.locals.is_local(source) == Some(true) => {
            sentence!["DNS lookups of this host (", source, ") hold"]
        }
        Some((source, _)) => sentence!["DNS lookups of", source, "hold"],
        None => joined("DNS lookups of".into(), counted(storm.how.other_ends, noun::SOURCE)).with("hold"),
    };
    who = who
        .with(Word::Share(storm.part))
        .with("of the table (")
        .with(Word::Count(storm.lookups, noun::ENTRY))
        .with(")");
    if let Some((peer, _)) = top_peer(storm).filter(|(_, part)| *part >= MOST) {
        who = who.with(", most to").with(Word::Endpoint(peer.address, peer.port, peer.l4));
    }
    let mut how = sentence![
        "a lookup leaves an entry for",
        Word::Duration(udp_seconds(case) as f64),
        "once it is answered"
    ];
    if share(storm.flags.assured, storm.lookups) >= MOST {
        how = sentence![
            "a third packet on one port makes a lookup's entry stay",
            Word::Duration(stream_seconds(case) as f64),
            "and not evictable"
        ];
    }
    if let Some(rate) = storm.rate {
        how = how.with(":").with(Word::Rate(rate)).with("come in");
    }
    let what = if is_service(storm) {
        sentence!["answer them on the node (NodeLocal DNSCache) and ask for full names (`ndots:1`)"]
    } else {
        sentence!["put a cache next to those who ask; no entry is made for what it answers itself"]
    };
    vec![who, how, what]
}

/// Asked at the address of a service that stands for others: Kubernetes and its kin.
fn is_service(storm: &Storm<'_>) -> bool {
    let behind = storm.how.nat.destination.saturating_add(storm.how.nat.both);
    share(behind, storm.how.entries) >= MOST
}

fn scales(case: &Case<'_>, storm: &Storm<'_>) -> Scales {
    let mut scales = Scales::default();
    scales.speaks_for(
        Weight::Strong,
        holds(case, "dns-lookups", "lookups at port 53 over UDP".into(), storm.lookups),
    );
    who_is_asked(case, storm, &mut scales);
    let answered = storm.flags.answered();
    scales.weigh(
        Weight::Strong,
        answered >= MOST,
        || {
            supports(
                "answered",
                sentence![Word::Share(answered), "of them were answered: an exchange of two packets each"],
            )
            .value("share", answered)
            .read_in_table(case)
        },
        || {
            contradicts(
                "not-answered",
                sentence![
                    "only",
                    Word::Share(answered),
                    "of them were answered: the resolver is silent, or its answers come another way"
                ],
            )
            .value("share", answered)
            .read_in_table(case)
        },
    );
    let ports = FRESH_PORTS.min(storm.how.entries / 4);
    scales.weigh(
        Weight::Strong,
        at_least(storm.how.source_ports, ports),
        || supports("fresh-ports", "each lookup comes from a port of its own, as resolver libraries do it".into()),
        || {
            contradicts(
                "few-ports",
                "they come from few source ports: no resolver library does that, but forged questions and tests do".into(),
            )
        },
    );
    if storm.flags.assured > 0 {
        let said = sentence![
            Word::Count(storm.flags.assured, noun::ENTRY),
            "are assured: kernels before 5.0 count a third packet on one port (a second question) as a stream, which stays",
            Word::Duration(stream_seconds(case) as f64),
            "and is never evicted"
        ];
        scales.add([context("lookups-as-streams", said)
            .value("assured", storm.flags.assured as f64)
            .read_in_table(case)]);
    }
    scales
}

/// What separates it from a server that tracks what it is asked.
fn who_is_asked(case: &Case<'_>, storm: &Storm<'_>, scales: &mut Scales) {
    if case.locals.known() && storm.ends.unknown < storm.lookups / 2 {
        let own = share(storm.ends.own, storm.how.entries);
        scales.weigh(
            Weight::Deciding,
            own < MOST,
            || {
                supports(
                    "asks-others",
                    sentence![
                        "other machines are asked;",
                        Word::Share(own),
                        "of the lookups are for this host itself"
                    ],
                )
                .value("own_share", own)
                .read_in_table(case)
            },
            || {
                contradicts(
                    "asks-this-host",
                    sentence![Word::Share(own), "of the lookups are for this host itself: it is the server"],
                )
                .value("own_share", own)
                .read_in_table(case)
            },
        );
        return;
    }
    let changed = share(translated(storm.how), storm.how.entries);
    if changed >= MOST {
        scales.speaks_for(
            Weight::Deciding,
            supports(
                "lookups-pass-through",
                sentence![
                    "the addresses of",
                    Word::Share(changed),
                    "of the lookups are translated here: they are others' that pass through"
                ],
            )
            .value("share", changed)
            .read_in_table(case),
        );
        return;
    }
    match top_peer(storm) {
        Some((peer, part)) if part >= MOST => {
            scales.not_known(Weight::Deciding, open::is_local(case, peer.address));
        }
        _ => scales.speaks_for(
            Weight::Strong,
            supports(
                "many-servers-asked",
                "no single server is asked for half of them, so this host is not the server".into(),
            ),
        ),
    }
}

fn remedies(case: &Case<'_>, storm: &Storm<'_>) -> Vec<Remedy> {
    let asker = storm.asker.map(|(source, _)| source);
    let mut out = vec![cures::cache_names(case, storm.lookups, is_service(storm), asker)];
    if share(storm.flags.assured, storm.lookups) >= WORTH_NAMING {
        out.extend(cures::shorter_stream(case));
    }
    out.extend(cures::shorter_exchange(case));
    out.extend(raise_limit(case));
    // Nothing is asked of loopback over the wire, and a stub resolver there is what should be asked.
    let pairs: Vec<Pair> = asker.map(|source| pairs(case, source)).unwrap_or_default();
    out.extend(untracked::untrack_between(case, &pairs, false, storm.lookups).ok());
    out
}

fn pairs(case: &Case<'_>, source: IpAddr) -> Vec<Pair> {
    let far = |pair: &Pair| AddressKind::of(pair.peer.address) != AddressKind::Loopback;
    case.pairs_of(source)
        .into_iter()
        .map(|(pair, _)| pair)
        .filter(|pair| pair.peer.l4 == L4::UDP && pair.peer.port == Some(PORT) && far(pair))
        .filter(|pair| case.how(&LeaderKey::Pair(*pair)).is_some())
        .collect()
}

fn useless(case: &Case<'_>, storm: &Storm<'_>) -> Vec<WillNotHelp> {
    let mut out = vec![
        will_not_help::reason(
            "use-vc",
            "asking over TCP leaves an assured entry for 120 s behind each lookup, where UDP leaves one for 30 s that makes room on demand".into(),
        ),
        will_not_help::reason(
            "more-resolvers",
            "an entry stands for a lookup, whoever answers it: more replicas of the resolver make no fewer".into(),
        ),
    ];
    if let Some((source, _)) = storm.asker {
        out.push(will_not_help::reason(
            "block-top-source",
            sentence![source, "asks because its programs need names: blocked, they stand still"],
        ));
    }
    out.extend(will_not_help::limit_alone(case));
    out
}
