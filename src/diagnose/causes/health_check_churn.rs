//! C04: health checks, probes, scrapes: a few sources open a connection to every address and port of a fleet, each at
//! the pace of a timer, and close it at once. Look-alikes: a proxy without keep-alive (faster, by requests), a crawler
//! (other addresses each time), a scan (nothing is answered).

use std::net::IpAddr;

use crate::model::census::{Leader, LeaderKey, Pair};
use crate::model::diagnosis::{Remedy, WillNotHelp};
use crate::model::flow::State;
use crate::model::sentence::{Noun, Sentence, Word, noun};
use crate::sentence;

use super::super::arith::{rounded, share};
use super::super::churn::{self, TIMER_PER_SECOND, WORTH_NAMING};
use super::super::evidence::{Cited, contradicts, supports};
use super::super::facts::{Case, Holder};
use super::super::idle::Shape;
use super::super::mix::Mix;
use super::super::scales::{Scales, Weight};
use super::super::{open, remedies, will_not_help};
use super::Candidate;

const ADDRESS: Noun = Noun("address and port", "addresses and ports");
/// Checkers are not more than these.
const CHECKERS_MAX: usize = 8;
/// Addresses with ports that one of them checks, at least.
pub(super) const FAN_MIN: u64 = 10;
/// No address may have more than this many times the mean of all.
const UNEVEN: f64 = 4.0;
/// Fewer entries for each address than this are no repeated visit.
const AGAIN: f64 = 1.5;
/// Packets of both directions that a check takes: handshake, perhaps a request and its answer, close.
const PACKETS: f64 = 12.0;
/// Pairs looked at for a comb of their own.
const PAIRS_LOOKED_AT: usize = 16;

struct Checks<'a> {
    checkers: Vec<Holder<'a>>,
    entries: u64,
    ended: u64,
    /// Addresses with ports of the one that has most.
    ends: u64,
    /// New connections a second to each of them.
    pace: f64,
    share_of_table: f64,
    rate: f64,
    comb: Option<Shape>,
}

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let checks = measure(case)?;
    let first = *checks.checkers.first()?;
    Some(Candidate {
        summary: summary(case, &checks, &first),
        loses: Some(sentence![
            "connections that look like checks explain only",
            Word::Share(checks.share_of_table),
            "of the table"
        ]),
        rate_per_second: Some(checks.rate),
        remedies: cures(case, &checks),
        will_not_help: useless(case, &checks, &first),
        limit_contributes: true,
        ..Candidate::new(
            Candidate::tier_of(checks.share_of_table),
            checks.share_of_table,
            scales(case, &checks, &first),
        )
    })
}

/// A source that may check: most of what it opened is over, it goes to many addresses, to all of them alike, to each
/// at a pace that a timer may have.
fn checker<'a>(case: &Case<'a>, address: IpAddr) -> Option<Holder<'a>> {
    let how = case.how(&LeaderKey::Source(address))?;
    let ends = churn::fan(case, how);
    let pairs = case.pairs_of(address);
    let most = pairs.first().map_or(0, |(_, n)| *n);
    let mean = how.entries as f64 / ends.max(1) as f64;
    let alike = most as f64 <= UNEVEN * mean.max(1.0);
    let slow = churn::per_second(case, how).is_some_and(|rate| rate / ends.max(1) as f64 <= TIMER_PER_SECOND);
    (ends >= FAN_MIN && alike && slow && churn::over(how) >= churn::ENDED).then_some(Holder {
        address,
        entries: how.entries,
        is_local: case.locals.is_local(address),
        how,
    })
}

fn measure<'a>(case: &Case<'a>) -> Option<Checks<'a>> {
    let who = &case.census?.who;
    let sources = who.sources.leading(who.entries).iter();
    let checkers: Vec<Holder<'a>> =
        sources.filter_map(|row| checker(case, row.key)).take(CHECKERS_MAX).collect();
    let first = checkers.first()?;
    let sum =
        |of: &dyn Fn(&Leader) -> u64| checkers.iter().fold(0u64, |sum, c| sum.saturating_add(of(c.how)));
    let entries = sum(&|how| how.entries);
    let share_of_table = share(entries, who.entries);
    if share_of_table < WORTH_NAMING {
        return None;
    }
    let rate = checkers.iter().filter_map(|c| churn::per_second(case, c.how)).fold(0.0, |a, b| a + b);
    let ends = churn::fan(case, first.how);
    let pace = churn::per_second(case, first.how)? / ends.max(1) as f64;
    let comb = comb(case, first);
    // Addresses that are met once each are a crawler's, unless all are visited at the strokes of one timer.
    let timed = matches!(comb, Some(Shape::Comb { .. }));
    if !timed && (first.entries as f64) < AGAIN * ends as f64 {
        return None;
    }
    Some(Checks {
        comb,
        entries,
        ended: sum(&|how| Mix(&how.classes).ended()),
        ends,
        pace,
        share_of_table,
        rate,
        checkers,
    })
}

/// The shape of all ages of a checker; where its checks are spread over the period, that of most of its pairs. Spread
/// over it and too few for each pair, they look flat together whatever they are: then it is not known.
fn comb(case: &Case<'_>, checker: &Holder<'_>) -> Option<Shape> {
    let whole = churn::shape(case, checker.how);
    if matches!(whole, Some(Shape::Comb { .. })) {
        return whole;
    }
    let pairs: Vec<(Pair, u64)> = case.pairs_of(checker.address).into_iter().take(PAIRS_LOOKED_AT).collect();
    let shapes = pairs.iter().filter_map(|(pair, _)| churn::shape(case, case.how(&LeaderKey::Pair(*pair))?));
    let shapes: Vec<Shape> = shapes.collect();
    let combs: Vec<Shape> =
        shapes.iter().copied().filter(|shape| matches!(shape, Shape::Comb { .. })).collect();
    if shapes.is_empty() {
        return None;
    }
    if combs.len() * 2 > shapes.len() { combs.first().copied() } else { whole }
}

fn summary(case: &Case<'_>, checks: &Checks<'_>, first: &Holder<'_>) -> Vec<Sentence> {
    let mut who = sentence![first.address];
    if first.is_local == Some(true) {
        who = who.with("(this host)");
    }
    let others = checks.checkers.len() as u64 - 1;
    if others > 0 {
        who = who.with("and").with(Word::Number(others)).with(if others == 1 { "other" } else { "others" });
    }
    let who = who
        .with(if others > 0 { "check" } else { "checks" })
        .with(Word::Count(checks.ends, ADDRESS))
        .with(":")
        .with(Word::Share(checks.share_of_table))
        .with("of the table (")
        .with(Word::Count(checks.entries, noun::ENTRY))
        .with(")");
    let (state, stays) = churn::stays(case, first.how);
    let mut how = sentence!["each is opened"];
    how = match checks.comb {
        Some(Shape::Comb { period_seconds, .. }) => {
            how.with("by a timer every").with(Word::Duration(period_seconds as f64))
        }
        _ => how.with("about every").with(Word::Duration((1.0 / checks.pace.max(1e-6)).max(0.1))),
    };
    let how = how
        .with(", closed at once and kept")
        .with(Word::Duration(stays as f64))
        .with("in")
        .with(state)
        .with(":")
        .with(Word::Rate(checks.rate));
    let what = if state == State::Close {
        "check less often and from fewer places; closing by a reset, as here, is the cheapest already"
    } else {
        "check less often, from fewer places or over kept connections; a close by reset stays only 10 s"
    };
    vec![who, how, what.into()]
}

fn scales(case: &Case<'_>, checks: &Checks<'_>, first: &Holder<'_>) -> Scales {
    let mut scales = Scales::default();
    scales.speaks_for(
        Weight::Strong,
        supports(
            "fan-out",
            sentence![
                Word::Count(checks.checkers.len() as u64, noun::SOURCE),
                if checks.checkers.len() == 1 { "goes to some" } else { "go to some" },
                Word::Count(checks.ends, ADDRESS),
                "alike;",
                Word::Share(share(checks.ended, checks.entries)),
                "of it is over"
            ],
        )
        .value("sources", checks.checkers.len() as f64)
        .value("addresses", checks.ends as f64)
        .read_in_table(case),
    );
    pace(case, checks, first, &mut scales);
    packets(case, first, &mut scales);
    match checks.comb {
        Some(shape @ Shape::Comb { .. }) => {
            scales.speaks_for(Weight::Deciding, churn::shape_said(case, shape));
        }
        Some(shape) => scales.speaks_against(Weight::Strong, churn::shape_said(case, shape)),
        None => scales.not_known(Weight::Strong, open::remaining(case)),
    }
    scales
}

/// To each address again and again, at the pace of a timer.
fn pace(case: &Case<'_>, checks: &Checks<'_>, first: &Holder<'_>, scales: &mut Scales) {
    let each = first.entries as f64 / checks.ends.max(1) as f64;
    let said = |again: bool| {
        let said = sentence![
            first.address,
            "opens to each of them one in",
            Word::Duration(1.0 / checks.pace.max(1e-6)),
            if again {
                ": a timer's pace, not that of requests"
            } else {
                ": hardly any address is met twice, as a crawler's are"
            }
        ];
        supports("pace-of-each", said)
            .value("per_second", checks.pace)
            .value("entries_each", each)
            .read_in_table(case)
    };
    scales.weigh(Weight::Strong, each >= AGAIN, || said(true), || said(false));
}

/// A check takes few packets.
fn packets(case: &Case<'_>, first: &Holder<'_>, scales: &mut Scales) {
    let Some(volumes) = first.how.volumes.filter(|volumes| volumes.entries > 0) else { return };
    let all = volumes.original.packets.saturating_add(volumes.reply.packets);
    let each = all as f64 / volumes.entries as f64;
    let said = || {
        sentence![
            "its connections take",
            Word::Number(rounded(each).unwrap_or(0)),
            "packets each, both directions together"
        ]
    };
    scales.weigh(
        Weight::Strong,
        each <= PACKETS,
        || {
            supports("few-packets", said().with(": enough for a check, not for work"))
                .value("packets", each)
                .read_in_table(case)
        },
        || {
            contradicts("many-packets", said().with(": more than a check takes"))
                .value("packets", each)
                .read_in_table(case)
        },
    );
}

fn cures(case: &Case<'_>, checks: &Checks<'_>) -> Vec<Remedy> {
    let period = match checks.comb {
        Some(Shape::Comb { period_seconds, .. }) => period_seconds as f64,
        _ => 1.0 / checks.pace.max(1e-6),
    };
    let checkers: Vec<IpAddr> = checks.checkers.iter().map(|checker| checker.address).collect();
    let mut out = vec![remedies::check_less(case, &checkers, checks.entries, period)];
    let waiting = checks
        .checkers
        .iter()
        .fold(0u64, |sum, c| sum.saturating_add(Mix(&c.how.classes).tcp(State::TimeWait)));
    out.extend(remedies::close_by_reset(case, waiting));
    out.extend(remedies::raise_limit(case));
    out.extend(remedies::shorter_time_wait(case));
    out.extend(remedies::more_buckets(case));
    out
}

fn useless(case: &Case<'_>, checks: &Checks<'_>, first: &Holder<'_>) -> Vec<WillNotHelp> {
    let mut out = will_not_help::socket_settings(case);
    out.extend(will_not_help::established_for_churn(case));
    out.extend(will_not_help::limit_alone(case));
    out.push(will_not_help::blocking_checkers(first.address, checks.ends));
    out
}
