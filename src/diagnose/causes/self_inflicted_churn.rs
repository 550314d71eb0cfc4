//! C01: this host opens one connection per request towards one peer or a few, and fills its own table with
//! connections that are over. Look-alikes: a client behind this router (its source is not local), visitors of a
//! service here (many sources, one local destination), a scan (many destinations, nothing assured).

use crate::model::census::{LeaderKey, Pair};
use crate::model::diagnosis::{Evidence, Remedy, WillNotHelp};
use crate::model::flow::{L4, Reply, State};
use crate::model::sentence::{Noun, Sentence, Word, noun};
use crate::sentence;

use super::super::arith::share;
use super::super::churn::{self, WORTH_NAMING};
use super::super::evidence::{Cited, context, contradicts, supports};
use super::super::facts::{Case, Holder};
use super::super::hops::{self, Hop};
use super::super::idle::Shape;
use super::super::mix::Mix;
use super::super::scales::{Scales, Weight};
use super::super::{open, remedies, will_not_help};
use super::Candidate;

/// Peers that "a few" may be.
const PEERS_MAX: usize = 4;
const ADDRESS: Noun = Noun("address", "addresses");
/// Share of the source's entries that go to those few.
const TO_FEW: f64 = 0.8;
/// From this share of a client's source ports on, they are the next thing to run out.
const PORTS_NEARLY_OUT: f64 = 0.8;

/// Addresses from which on nobody checks their health: a crawler or a mailer goes to them.
const CRAWLED_MIN: u64 = 256;

/// The churn of one source, measured.
struct Churn<'a> {
    holder: Holder<'a>,
    pairs: Vec<(Pair, u64)>,
    ended: u64,
    waiting: u64,
    lifetime_seconds: u64,
    rate_per_second: f64,
    share_of_table: f64,
    /// It goes to very many addresses, none of which leads: so many, and the port that most of it goes to.
    wide: Option<(u64, Option<u16>)>,
}

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let churn = measure(case)?;
    Some(Candidate {
        summary: summary(case, &churn),
        loses: Some(sentence![
            "connections of",
            churn.holder.address,
            "that are over explain only",
            Word::Share(churn.share_of_table),
            "of the table"
        ]),
        rate_per_second: Some(churn.rate_per_second),
        remedies: cures(case, &churn),
        will_not_help: useless(case, &churn),
        limit_contributes: true,
        ..Candidate::new(Candidate::tier_of(churn.share_of_table), churn.share_of_table, scales(case, &churn))
    })
}

fn measure<'a>(case: &Case<'a>) -> Option<Churn<'a>> {
    let holder = case.top_source()?;
    let mix = Mix(&holder.how.classes);
    let share_of_table = share(holder.entries, case.entries());
    if holder.is_local == Some(false) || share_of_table < WORTH_NAMING {
        return None;
    }
    let ended = mix.ended();
    let pairs: Vec<(Pair, u64)> = case
        .pairs_of(holder.address)
        .into_iter()
        .filter(|(pair, _)| pair.peer.l4 == L4::TCP)
        .take(PEERS_MAX)
        .collect();
    let to_few = pairs.iter().fold(0u64, |sum, (_, n)| sum.saturating_add(*n));
    let to_few = share(to_few, holder.entries) >= TO_FEW;
    let ends = churn::fan(case, holder.how);
    // Many addresses are a proxy's servers where each is connected to faster than a timer would.
    let fast = churn::per_second(case, holder.how)
        .is_some_and(|rate| rate / ends.max(1) as f64 > churn::TIMER_PER_SECOND);
    let narrow = to_few || fast;
    // A crawler or a mailer: only where it is this host for sure, and so many ends that nobody checks them.
    let crawls = holder.is_local == Some(true) && ends >= CRAWLED_MIN;
    // Where it goes to each address once, no pair leads.
    if share(ended, holder.entries) < churn::ENDED || (pairs.is_empty() && !crawls) || !(narrow || crawls) {
        return None;
    }
    let wide =
        (!narrow || pairs.is_empty()).then(|| (ends, holder.how.common_ports.first().map(|(port, _)| *port)));
    let lifetime_seconds = case.time_wait_seconds();
    Some(Churn {
        rate_per_second: case.churn_per_second(holder.how),
        waiting: mix.tcp(State::TimeWait),
        holder,
        pairs,
        ended,
        lifetime_seconds,
        share_of_table,
        wide,
    })
}

/// One line each on a page of 100 columns: they are the first three of the report.
fn summary(case: &Case<'_>, churn: &Churn<'_>) -> Vec<Sentence> {
    vec![who(churn), how(churn), what_to_do(case, churn)]
}

fn who(churn: &Churn<'_>) -> Sentence {
    let mut out = match churn.holder.is_local {
        Some(true) => sentence!["this host (", churn.holder.address, ") holds"],
        _ => sentence![churn.holder.address, ", perhaps this host, holds"],
    };
    out = out.with(Word::Share(churn.share_of_table));
    if let Some((ends, port)) = churn.wide {
        // So many words go into a line, and no more.
        out = out
            .with(":")
            .with(Word::Count(churn.holder.entries, noun::ENTRY))
            .with("to")
            .with(Word::Count(ends, ADDRESS));
        return match port {
            Some(port) => out.with(", most on").with(Word::Port(port, L4::TCP)),
            None => out,
        };
    }
    out = out.with("of the table:").with(Word::Count(churn.holder.entries, noun::ENTRY));
    if let Some((pair, entries)) = churn.pairs.first() {
        out = churn::mostly_to(out, share(*entries, churn.holder.entries), 0.0, pair.peer);
    }
    out
}

fn how(churn: &Churn<'_>) -> Sentence {
    sentence![
        "most are over and stay",
        Word::Duration(churn.lifetime_seconds as f64),
        "in",
        State::TimeWait,
        ": new ones at",
        Word::Rate(churn.rate_per_second),
        ", each used once"
    ]
}

fn what_to_do(case: &Case<'_>, churn: &Churn<'_>) -> Sentence {
    if churn.wide.is_some() {
        return "let that crawler or mailer open fewer at once and reuse connections; size the limit for the rest".into();
    }
    let mut out = sentence!["reuse connections"];
    if let Some((pair, _)) = churn.pairs.first() {
        out = out.with("to").with(Word::Endpoint(pair.peer.address, pair.peer.port, pair.peer.l4));
    }
    let reloads =
        case.kernel.names == crate::model::era::Names::Ip || matches!(case.kernel.enterprise, Some(5..=7));
    out.with(if reloads {
        "(keep-alive); make a larger limit survive module reloads"
    } else {
        "(keep-alive); make a larger limit survive reboots"
    })
}

fn scales(case: &Case<'_>, churn: &Churn<'_>) -> Scales {
    let holder = &churn.holder;
    let mut scales = Scales::default();
    scales.speaks_for(
        Weight::Strong,
        supports(
            "share-of-top-source",
            sentence![
                holder.address,
                "is the source of",
                Word::Share(churn.share_of_table),
                "of all entries"
            ],
        )
        .value("entries", holder.entries as f64)
        .value("share", churn.share_of_table)
        .read_in_table(case),
    );
    scales.speaks_for(
        Weight::Strong,
        supports(
            "ended-connections",
            sentence![
                Word::Share(share(churn.ended, holder.entries)),
                "of its entries are connections that are over"
            ],
        )
        .value("ended", churn.ended as f64)
        .value("time_wait", churn.waiting as f64)
        .read_in_table(case),
    );
    if holder.is_local.is_some() {
        scales.speaks_for(
            Weight::Deciding,
            supports("source-is-local", sentence![holder.address, "is an address of this host"])
                .read_in_table(case),
        );
    } else {
        let open = open::is_local(case, holder.address);
        scales.add([contradicts("source-not-known-local", open.why.clone())]);
        scales.not_known(Weight::Deciding, open);
    }
    neighbours(case, churn, &mut scales);
    let assured = Mix(&holder.how.classes).replied(Reply::Assured);
    scales.add([context(
        "assured",
        sentence![
            Word::Share(share(assured, holder.entries)),
            "of the entries of",
            holder.address,
            "are assured: the kernel evicts none of them"
        ],
    )
    .value("assured", assured as f64)]);
    scales.add(churn.pairs.first().and_then(|pair| port_use(case, *pair)));
    scales
}

/// What would make it another cause.
fn neighbours(case: &Case<'_>, churn: &Churn<'_>, scales: &mut Scales) {
    let holder = &churn.holder;
    let mut against = |weight, id, said| {
        scales.speaks_against(weight, contradicts(id, said).read_in_table(case));
    };
    if share(churn::to_datastores(&churn.pairs), holder.entries) >= 0.5 {
        let said = "most of it goes to the port of a datastore: a pool is missing, not keep-alive";
        against(Weight::Deciding, "datastore-port", said.into());
    }
    let peer = churn.pairs.first().map(|(pair, _)| pair.peer.address);
    let hop = hops::hop(case.locals, &case.counters, holder.address, peer);
    if let Some(hop) = hop.filter(Hop::is_sure) {
        against(Weight::Deciding, "hop", hop.words());
    }
    if let Some(tool) = churn::load_tool(case, holder) {
        let said = sentence![
            Word::Untrusted(tool.as_bytes().into()),
            "opens them, which is a program that makes load"
        ];
        against(Weight::Deciding, "load-tool", said);
    }
    let translated = holder.how.nat.source.saturating_add(holder.how.nat.both);
    if holder.is_local.is_none() && share(translated, holder.entries) >= 0.5 {
        let said = sentence![
            "the connections of",
            holder.address,
            "leave under another address: this host forwards them"
        ];
        against(Weight::Deciding, "source-is-translated", said);
    }
    let first = churn.pairs.first().and_then(|(pair, _)| case.how(&LeaderKey::Pair(*pair)));
    let swept = first.and_then(|how| churn::sweep(case, how)).is_some_and(|sweep| sweep >= churn::SWEEP);
    let to_one = churn.pairs.first().is_some_and(|(_, n)| share(*n, holder.entries) >= churn::TO_ONE);
    let unnamed = super::super::beside::owner(case, holder.address).is_none();
    if let Some(seconds) = first.filter(|_| to_one && unnamed).and_then(|how| churn::began(case, how)) {
        let weight = if swept { Weight::Deciding } else { Weight::Strong };
        let said = sentence![
            "it began at once,",
            Word::Duration(seconds as f64),
            "before the table was read, towards one address and port: a test does that, or a restart"
        ];
        against(weight, "began-at-once", said);
    }
    let Some(shape) = churn::shape(case, holder.how) else { return };
    let said = churn::shape_said(case, shape);
    match shape {
        Shape::Comb { .. } => scales.speaks_against(Weight::Strong, said),
        Shape::Flat => scales.speaks_for(Weight::Slight, said),
        Shape::OneEvent { .. } => scales.add([said]),
    }
}

/// One client has one connection per source port towards one address and port.
fn port_use(case: &Case<'_>, (pair, entries): (Pair, u64)) -> Option<Evidence> {
    let (ceiling, assumed) = case.port_ceiling();
    let used = share(entries, ceiling);
    let range: &'static str =
        if assumed { "source ports of the default range" } else { "source ports of its range" };
    let peer = Word::Endpoint(pair.peer.address, pair.peer.port, pair.peer.l4);
    if used > 1.0 {
        return Some(
            context(
                "more-than-its-ports",
                sentence![
                    Word::Number(entries),
                    "connections to",
                    peer,
                    "are more than the",
                    Word::Number(ceiling),
                    range,
                    ": impossible for one untuned client, so that range is wider, or several clients share the address"
                ],
            )
            .value("ceiling", ceiling as f64),
        );
    }
    (used >= PORTS_NEARLY_OUT).then(|| {
        context(
            "ports-nearly-out",
            sentence![
                Word::Number(entries),
                "of",
                Word::Number(ceiling),
                range,
                "are taken towards",
                peer,
                ": with a larger table, ports are the next to run out"
            ],
        )
        .value("ceiling", ceiling as f64)
    })
}

fn cures(case: &Case<'_>, churn: &Churn<'_>) -> Vec<Remedy> {
    let mut out = Vec::new();
    if let Some((_, port)) = churn.wide {
        out.push(remedies::open_fewer(case, churn.holder.address, port));
        out.extend(remedies::raise_limit(case));
        out.extend(remedies::shorter_time_wait(case));
        out.extend(remedies::more_buckets(case));
        return out;
    }
    out.extend(remedies::reuse_connections(case, &churn.pairs));
    out.extend(remedies::delete_time_wait(case, &churn.pairs));
    out.extend(remedies::raise_limit(case));
    out.extend(churn.pairs.first().and_then(|(pair, _)| remedies::notrack(case, *pair).ok()));
    out.extend(remedies::shorter_time_wait(case));
    out.extend(remedies::more_buckets(case));
    out
}

fn useless(case: &Case<'_>, churn: &Churn<'_>) -> Vec<WillNotHelp> {
    let mut out = will_not_help::socket_settings(case);
    out.extend(will_not_help::established_for_churn(case));
    out.extend(will_not_help::limit_alone(case));
    out.extend(will_not_help::blocking_oneself(&churn.holder));
    out.extend(will_not_help::connlimit(&churn.holder));
    let one_peer = churn.pairs.first().filter(|_| churn.wide.is_none());
    out.extend(one_peer.and_then(|(pair, _)| refused(case, *pair)));
    out
}

fn refused(case: &Case<'_>, pair: Pair) -> Option<WillNotHelp> {
    case.how(&LeaderKey::Pair(pair))?;
    remedies::notrack(case, pair).err().map(will_not_help::no_notrack)
}
