//! C01: this host opens one connection per request towards one peer or a few, and fills its own table with
//! connections that are over. Look-alikes: a client behind this router (its source is not local), visitors of a
//! service here (many sources, one local destination), a scan (many destinations, nothing assured).

use crate::model::census::{LeaderKey, Pair};
use crate::model::diagnosis::{Evidence, Remedy, WillNotHelp};
use crate::model::flow::{L4, Reply, State};
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::super::arith::share;
use super::super::evidence::{Cited, context, contradicts, supports};
use super::super::facts::{Case, Holder};
use super::super::mix::Mix;
use super::super::scales::{Scales, Weight};
use super::super::{open, remedies, will_not_help};
use super::Candidate;

/// Share of the source's entries that are connections which ended.
const ENDED: f64 = 0.7;
/// Peers that "a few" may be.
const PEERS_MAX: usize = 4;
/// Share of the source's entries that go to those few.
const TO_FEW: f64 = 0.8;
/// Below this share of the table the cause is not worth naming.
const WORTH_NAMING: f64 = 0.2;
/// From this share of a client's source ports on, they are the next thing to run out.
const PORTS_NEARLY_OUT: f64 = 0.8;

/// The churn of one source, measured.
struct Churn<'a> {
    holder: Holder<'a>,
    pairs: Vec<(Pair, u64)>,
    ended: u64,
    waiting: u64,
    lifetime_seconds: u64,
    rate_per_second: f64,
    share_of_table: f64,
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
    if share(ended, holder.entries) < ENDED || share(to_few, holder.entries) < TO_FEW {
        return None;
    }
    let lifetime_seconds = case.time_wait_seconds();
    Some(Churn {
        rate_per_second: case.churn_per_second(holder.how),
        waiting: mix.tcp(State::TimeWait),
        holder,
        pairs,
        ended,
        lifetime_seconds,
        share_of_table,
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
    out = out
        .with(Word::Share(churn.share_of_table))
        .with("of the table:")
        .with(Word::Count(churn.holder.entries, noun::ENTRY));
    if let Some((pair, entries)) = churn.pairs.first() {
        let part: &'static str = match share(*entries, churn.holder.entries) {
            all if all >= 0.995 => ", all to",
            most if most >= 0.5 => ", most to",
            _ => ", the largest part to",
        };
        out = out.with(part).with(Word::Endpoint(pair.peer.address, pair.peer.port, pair.peer.l4));
    }
    out
}

fn how(churn: &Churn<'_>) -> Sentence {
    sentence![
        "most are over and stay",
        Word::Duration(churn.lifetime_seconds as f64),
        "in",
        State::TimeWait,
        ": new connections at",
        Word::Rate(churn.rate_per_second),
        ", each used once"
    ]
}

fn what_to_do(case: &Case<'_>, churn: &Churn<'_>) -> Sentence {
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
    match holder.is_local {
        Some(_) => scales.speaks_for(
            Weight::Deciding,
            supports("source-is-local", sentence![holder.address, "is an address of this host"])
                .read_in_table(case),
        ),
        None => {
            let open = open::is_local(case, holder.address);
            scales.add([contradicts("source-not-known-local", open.why.clone())]);
            scales.not_known(Weight::Deciding, open);
        }
    }
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
    out.push(will_not_help::connlimit_for_churn(&churn.holder));
    out.extend(churn.pairs.first().and_then(|(pair, _)| refused(case, *pair)));
    out
}

fn refused(case: &Case<'_>, pair: Pair) -> Option<WillNotHelp> {
    case.how(&LeaderKey::Pair(pair))?;
    remedies::notrack(case, pair).err().map(will_not_help::no_notrack)
}
