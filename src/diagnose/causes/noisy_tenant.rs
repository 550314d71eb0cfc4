//! C32: one client among those behind this host (a guest, a container, a machine of the network) holds most of a table
//! that all of them share. Look-alikes: the host itself, a hop that others hide behind, a scanner (nothing is
//! answered), checks, a test, a datastore's client, many users.

use crate::model::census::{LeaderKey, Pair};
use crate::model::diagnosis::{Remedy, WillNotHelp};
use crate::model::flow::{L4, Reply, State};
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::super::arith::share;
use super::super::churn::{self, TIMER_PER_SECOND, WORTH_NAMING};
use super::super::evidence::{Cited, contradicts, supports};
use super::super::facts::{Case, Holder};
use super::super::hops;
use super::super::idle::Shape;
use super::super::mix::Mix;
use super::super::scales::{Scales, Weight};
use super::super::{open, remedies, will_not_help};
use super::Candidate;

/// Most of what a tenant holds is answered and assured; what is not has causes of its own.
const ASSURED: f64 = 0.5;
/// Share of its entries that go to this host itself, from which on it is a visitor and no tenant.
const TO_US: f64 = 0.5;
/// Share of its entries that bear this host's address outside: then it stands behind it.
const TRANSLATED: f64 = 0.5;
/// The next source has no more than this part of its entries.
const NEXT: f64 = 0.5;
/// Pairs for which lines are printed.
const PAIRS_MAX: usize = 4;

struct Tenant<'a> {
    holder: Holder<'a>,
    pairs: Vec<(Pair, u64)>,
    /// Share of its entries that are over.
    over: f64,
    next: u64,
    share_of_table: f64,
    rate: Option<f64>,
}

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let tenant = measure(case)?;
    Some(Candidate {
        summary: summary(case, &tenant),
        loses: Some(sentence![
            "the client with most of it holds only",
            Word::Share(tenant.share_of_table),
            "of the table"
        ]),
        rate_per_second: tenant.rate,
        remedies: cures(case, &tenant),
        will_not_help: useless(case, &tenant),
        limit_contributes: true,
        ..Candidate::new(
            Candidate::tier_of(tenant.share_of_table),
            tenant.share_of_table,
            scales(case, &tenant),
        )
    })
}

fn measure<'a>(case: &Case<'a>) -> Option<Tenant<'a>> {
    let holder = case.top_source()?;
    let share_of_table = share(holder.entries, case.entries());
    let nat = holder.how.nat;
    let translated = share(nat.source.saturating_add(nat.both), holder.entries) >= TRANSLATED;
    let behind = match holder.is_local {
        Some(local) => !local,
        None => translated,
    };
    let assured = Mix(&holder.how.classes).replied(Reply::Assured);
    if !behind
        || share_of_table < WORTH_NAMING
        || share(assured, holder.entries) < ASSURED
        || share(churn::to_own(case, &holder), holder.entries) >= TO_US
    {
        return None;
    }
    let who = &case.census?.who;
    let next = who.sources.leading(who.entries).get(1).map_or(0, |row| row.count);
    let pairs = case.pairs_of(holder.address).into_iter().filter(|(pair, _)| pair.peer.l4 == L4::TCP);
    Some(Tenant {
        pairs: pairs.take(PAIRS_MAX).collect(),
        over: churn::over(holder.how),
        rate: churn::per_second(case, holder.how),
        holder,
        next,
        share_of_table,
    })
}

/// Most of its connections are over.
fn churns(tenant: &Tenant<'_>) -> bool {
    tenant.over >= churn::ENDED
}

fn summary(case: &Case<'_>, tenant: &Tenant<'_>) -> Vec<Sentence> {
    let holder = &tenant.holder;
    let mut who = sentence![
        holder.address,
        ", behind this host, holds",
        Word::Share(tenant.share_of_table),
        ":",
        Word::Count(holder.entries, noun::ENTRY)
    ];
    if let Some((pair, entries)) = tenant.pairs.first() {
        who = churn::mostly_to(who, share(*entries, holder.entries), 0.5, pair.peer);
    }
    let how = if churns(tenant) {
        churn::how_line(churn::stays(case, holder.how), tenant.rate, ", each used once")
    } else {
        let mix = Mix(&holder.how.classes);
        sentence![
            Word::Share(share(mix.established_assured(), holder.entries)),
            "of its entries are established connections,",
            Word::Share(tenant.over),
            "are over: it opens more than its share"
        ]
    };
    let what = if churns(tenant) {
        "let that client reuse its connections; until then limit it alone, before it is tracked"
    } else {
        "ask what that client does; until then limit it, before it is tracked, so that others have room"
    };
    vec![who, how, what.into()]
}

fn scales(case: &Case<'_>, tenant: &Tenant<'_>) -> Scales {
    let holder = &tenant.holder;
    let mut scales = Scales::default();
    if tenant.pairs.len() == 1 && churn::carries_nothing(holder.how) == Some(true) {
        let said =
            "its connections are opened and closed and carry nothing: a test rather than a tenant's work";
        scales.speaks_against(
            Weight::Deciding,
            contradicts("carries-nothing", said.into()).read_in_table(case),
        );
    }
    scales.speaks_for(
        Weight::Strong,
        supports(
            "share-of-top-source",
            sentence![
                holder.address,
                "is the source of",
                Word::Share(tenant.share_of_table),
                "of all entries"
            ],
        )
        .value("entries", holder.entries as f64)
        .value("share", tenant.share_of_table)
        .read_in_table(case),
    );
    behind(case, tenant, &mut scales);
    let said = |stands_out: bool| {
        let said = match (tenant.next, stands_out) {
            (0, _) => "no other source holds any entry".into(),
            (next, true) => {
                sentence!["the next source holds", Word::Count(next, noun::ENTRY), ": this one stands out"]
            }
            (next, false) => sentence![
                "the next source holds",
                Word::Count(next, noun::ENTRY),
                ": it does not stand out by far"
            ],
        };
        supports("next-source", said).value("entries", tenant.next as f64).read_in_table(case)
    };
    let stands_out = share(tenant.next, holder.entries) <= NEXT;
    scales.weigh(Weight::Strong, stands_out, || said(true), || said(false));
    neighbours(case, tenant, &mut scales);
    scales
}

/// It stands behind this host, and is not a hop that others hide behind.
fn behind(case: &Case<'_>, tenant: &Tenant<'_>, scales: &mut Scales) {
    let address = tenant.holder.address;
    if tenant.holder.is_local.is_some() {
        let said = sentence![
            address,
            "is no address of this host, and what it talks to is none either: it is forwarded"
        ];
        scales.speaks_for(Weight::Deciding, supports("source-is-forwarded", said).read_in_table(case));
    } else {
        let said =
            sentence!["the connections of", address, "leave under another address: this host forwards them"];
        scales.speaks_for(Weight::Strong, supports("source-is-translated", said).read_in_table(case));
        scales.not_known(Weight::Deciding, open::is_local(case, address));
    }
    let peer = tenant.pairs.first().map(|(pair, _)| pair.peer.address);
    if let Some(hop) = hops::hop(case.locals, &case.counters, address, peer) {
        let weight = if hop.is_sure() { Weight::Deciding } else { Weight::Slight };
        scales.speaks_against(weight, contradicts("hop", hop.words()).read_in_table(case));
    }
}

/// What would make it another cause.
fn neighbours(case: &Case<'_>, tenant: &Tenant<'_>, scales: &mut Scales) {
    let holder = &tenant.holder;
    if share(churn::to_datastores(&tenant.pairs), holder.entries) >= 0.5 {
        let said = "most of it goes to a datastore: an application without a pool, whoever runs it";
        scales.speaks_against(Weight::Strong, contradicts("datastore-port", said.into()).read_in_table(case));
    }
    let ends = churn::fan(case, holder.how);
    let slow = tenant.rate.is_some_and(|rate| rate / ends.max(1) as f64 <= TIMER_PER_SECOND);
    if churns(tenant) && slow && ends >= super::health_check_churn::FAN_MIN {
        let said = sentence![
            "it goes to",
            Word::Number(ends),
            "addresses, each at the pace of a timer: checks do that"
        ];
        scales.speaks_against(Weight::Strong, contradicts("many-addresses", said).read_in_table(case));
    }
    if let Some(shape @ Shape::Comb { .. }) = churn::shape(case, holder.how) {
        scales.speaks_against(Weight::Strong, churn::shape_said(case, shape));
    }
    let first = tenant.pairs.first().and_then(|(pair, _)| case.how(&LeaderKey::Pair(*pair)));
    let swept = first.and_then(|how| churn::sweep(case, how)).is_some_and(|sweep| sweep >= churn::SWEEP);
    let to_one = tenant.pairs.first().is_some_and(|(_, n)| share(*n, holder.entries) >= churn::TO_ONE);
    if let Some(seconds) = first.filter(|_| to_one).and_then(|how| churn::began(case, how)) {
        let weight = if swept { Weight::Deciding } else { Weight::Strong };
        scales.speaks_against(
            weight,
            contradicts(
                "began-at-once",
                sentence![
                    "it began",
                    Word::Duration(seconds as f64),
                    "before the table was read: a test does that"
                ],
            )
            .read_in_table(case),
        );
    }
    let mix = Mix(&holder.how.classes);
    if share(mix.tcp(State::Established), holder.entries) >= 0.5 {
        let silent =
            super::super::idle::older_than(
                600,
                &super::super::idle::Ages { remaining: &holder.how.remaining, classes: &holder.how.classes }
                    .of(L4::TCP, Some(State::Established), &case.timeouts()),
            );
        if share(silent, holder.entries) >= 0.5 {
            let said = sentence![
                Word::Number(silent),
                "of its connections are established and silent for over 10 min: they leak, whoever opened them"
            ];
            scales.speaks_against(Weight::Strong, contradicts("silent", said).read_in_table(case));
        }
    }
}

fn cures(case: &Case<'_>, tenant: &Tenant<'_>) -> Vec<Remedy> {
    let mut out = Vec::new();
    if churns(tenant) && tenant.pairs.len() < PAIRS_MAX {
        out.extend(remedies::reuse_connections(case, &tenant.pairs));
    }
    out.push(remedies::limit_one_client(case, &tenant.holder, tenant.rate));
    out.extend(remedies::delete_time_wait(case, &tenant.pairs));
    out.extend(remedies::raise_limit(case));
    out.extend(remedies::shorter_time_wait(case));
    out.extend(remedies::more_buckets(case));
    out
}

fn useless(case: &Case<'_>, tenant: &Tenant<'_>) -> Vec<WillNotHelp> {
    let mut out = Vec::new();
    if churns(tenant) {
        out.extend(will_not_help::socket_settings(case));
        out.extend(will_not_help::established_for_churn(case));
    }
    out.extend(will_not_help::limit_alone(case));
    out.extend(will_not_help::connlimit(&tenant.holder));
    out
}
