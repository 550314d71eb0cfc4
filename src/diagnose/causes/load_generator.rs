//! C05: a load test or a replay, on this host or through it: one source opens connections to one address and port,
//! from the moment it was started, through all the source ports it has; or, in [`replay`], in the name of a network. Look-alikes: a program that keeps no
//! connection (it has done so for long), a client behind this router, a load balancer in front of a service here.

pub(super) mod replay;

use crate::model::census::{Leader, LeaderKey, Pair};
use crate::model::diagnosis::{Remedy, WillNotHelp};
use crate::model::flow::L4;
use crate::model::sentence::{Noun, Sentence, Word, noun};
use crate::model::services::is_datastore;
use crate::sentence;

use super::super::arith::{rounded, share};
use super::super::churn::{self, SWEEP, WORTH_NAMING, at_least};
use super::super::evidence::{Cited, contradicts, supports};
use super::super::facts::{Case, Holder};
use super::super::hops;
use super::super::scales::{Scales, Weight};
use super::super::{open, remedies, will_not_help};
use super::Candidate;

/// Share of them that ended, at least: a test that meets a full table leaves handshakes as well.
const ENDED: f64 = 0.5;

const SOURCE_PORT: Noun = Noun("source port", "source ports");

struct Load<'a> {
    holder: Holder<'a>,
    pair: Pair,
    how: &'a Leader,
    tool: Option<Box<str>>,
    /// Seconds before the table was read.
    began: Option<u64>,
    /// Source ports used, of those that one client has.
    sweep: Option<f64>,
    share_of_table: f64,
    rate: Option<f64>,
}

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    match (one_source(case), replay::judge(case)) {
        (Some(a), Some(b)) => Some(if b.score() > a.score() { b } else { a }),
        (a, b) => a.or(b),
    }
}

fn one_source(case: &Case<'_>) -> Option<Candidate> {
    let load = measure(case)?;
    Some(Candidate {
        summary: summary(&load),
        loses: Some("nothing but its program would tell, and it is not known".into()),
        rate_per_second: load.rate,
        remedies: cures(case, &load),
        will_not_help: useless(case, &load),
        ..Candidate::new(Candidate::tier_of(load.share_of_table), load.share_of_table, scales(case, &load))
    })
}

fn measure<'a>(case: &Case<'a>) -> Option<Load<'a>> {
    let holder = case.top_source()?;
    let share_of_table = share(holder.entries, case.entries());
    let (pair, entries) =
        case.pairs_of(holder.address).into_iter().find(|(pair, _)| pair.peer.l4 == L4::TCP)?;
    let how = case.how(&LeaderKey::Pair(pair))?;
    if share_of_table < WORTH_NAMING
        || share(entries, holder.entries) < churn::TO_ONE
        || churn::over(how) < ENDED
    {
        return None;
    }
    let load = Load {
        tool: churn::load_tool(case, &holder),
        began: churn::began(case, how),
        sweep: churn::sweep(case, how),
        rate: churn::per_second(case, how),
        holder,
        pair,
        how,
        share_of_table,
    };
    // One sign of a test, at least; else there is nothing to name.
    let sign = load.tool.is_some()
        || load.began.is_some()
        || load.sweep.is_some_and(|sweep| sweep >= SWEEP)
        || churn::carries_nothing(how) == Some(true);
    sign.then_some(load)
}

fn summary(load: &Load<'_>) -> Vec<Sentence> {
    let to = Word::Endpoint(load.pair.peer.address, load.pair.peer.port, load.pair.peer.l4);
    let mut who = match &load.tool {
        Some(tool) => sentence![Word::Untrusted(tool.as_bytes().into()), "on", load.holder.address],
        None => sentence![load.holder.address],
    };
    if load.holder.is_local == Some(true) {
        who = who.with("(this host)");
    }
    let who = who
        .with("load-tests")
        .with(to)
        .with(":")
        .with(Word::Share(load.share_of_table))
        .with("of the table,")
        .with(Word::Count(load.holder.entries, noun::ENTRY));
    let mut how = match load.began {
        Some(seconds) => {
            sentence!["it began", Word::Duration(seconds as f64), "before the table was read"]
        }
        None => sentence!["one source tries one address and port"],
    };
    if let Some(rate) = load.rate {
        how = how.with(", at").with(Word::Rate(rate));
    }
    let how = how.with(", from").with(Word::Count(at_least(load.how.source_ports), SOURCE_PORT));
    let what = "stop the test, or let its connections pass untracked; the limit is not to be sized for it";
    vec![who, how, what.into()]
}

fn scales(case: &Case<'_>, load: &Load<'_>) -> Scales {
    let mut scales = Scales::default();
    let to = Word::Endpoint(load.pair.peer.address, load.pair.peer.port, load.pair.peer.l4);
    scales.speaks_for(
        Weight::Strong,
        supports("one-to-one", sentence![load.holder.address, "opens nearly all of its connections to", to])
            .value("share", load.share_of_table)
            .read_in_table(case),
    );
    beginning(case, load, &mut scales);
    ports(case, load, &mut scales);
    if let Some(bare) = churn::carries_nothing(load.how) {
        scales.weigh(
            Weight::Deciding,
            bare,
            || {
                let said =
                    "its connections are opened and closed and carry nothing: only a test does that so often";
                supports("carries-nothing", said.into()).read_in_table(case)
            },
            || {
                contradicts("carries-data", "its connections carry requests and answers".into())
                    .read_in_table(case)
            },
        );
    }
    program(case, load, &mut scales);
    if load.pair.peer.port.is_some_and(|port| is_datastore(port, load.pair.peer.l4)) && load.tool.is_none() {
        let said = "it goes to a datastore: a program that keeps no connection does the same";
        scales.speaks_against(Weight::Strong, contradicts("datastore-port", said.into()).read_in_table(case));
    }
    let hop = hops::hop(case.locals, &case.counters, load.holder.address, Some(load.pair.peer.address));
    if let Some(hop) = hop.filter(hops::Hop::is_sure) {
        scales.speaks_against(Weight::Deciding, contradicts("hop", hop.words()).read_in_table(case));
    }
    scales
}

fn beginning(case: &Case<'_>, load: &Load<'_>, scales: &mut Scales) {
    match load.began {
        Some(seconds) => scales.speaks_for(
            Weight::Strong,
            supports(
                "began-at-once",
                sentence![
                    "it began at once,",
                    Word::Duration(seconds as f64),
                    "before the table was read; nothing was full before"
                ],
            )
            .value("seconds", seconds as f64)
            .read_in_table(case),
        ),
        // A program that makes load may have done so for long.
        None if load.tool.is_some() => {}
        None => scales.speaks_against(
            Weight::Strong,
            contradicts(
                "no-beginning",
                "no beginning is seen: its connections reach over their whole lifetime, or the table was full before"
                    .into(),
            )
            .read_in_table(case),
        ),
    }
}

fn ports(case: &Case<'_>, load: &Load<'_>, scales: &mut Scales) {
    let Some(sweep) = load.sweep else { return };
    let said = || {
        sentence![
            "it uses",
            Word::Number(at_least(load.how.source_ports)),
            "source ports towards it,",
            Word::Share(sweep),
            "of those that one client has"
        ]
    };
    scales.weigh(
        Weight::Strong,
        sweep >= SWEEP,
        || supports("sweeps-ports", said()).value("share", sweep).read_in_table(case),
        || contradicts("sweeps-ports", said()).value("share", sweep).read_in_table(case),
    );
}

fn program(case: &Case<'_>, load: &Load<'_>, scales: &mut Scales) {
    if let Some(tool) = &load.tool {
        let said = sentence![Word::Untrusted(tool.as_bytes().into()), "is a program that makes load"];
        scales.speaks_for(Weight::Deciding, supports("load-tool", said).read_in_table(case));
        return;
    }
    match super::super::beside::owner(case, load.holder.address) {
        Some(owner) => {
            let said = sentence![
                Word::Untrusted(owner.name.as_bytes().into()),
                "opens them, which is no program known to make load"
            ];
            scales.speaks_against(Weight::Deciding, contradicts("program", said).read_in_table(case));
        }
        None => scales.not_known(Weight::Deciding, open::who_is(case, load.holder.address)),
    }
}

fn cures(case: &Case<'_>, load: &Load<'_>) -> Vec<Remedy> {
    let pairs = [(load.pair, load.how.entries)];
    let mut out = vec![remedies::stop_the_test(case, load.holder.address, load.pair.peer, load.how.entries)];
    out.extend(remedies::delete_time_wait(case, &pairs));
    if case.locals.is_local(load.pair.peer.address) != Some(true) {
        out.extend(remedies::notrack(case, load.pair).ok());
    }
    out
}

fn useless(case: &Case<'_>, load: &Load<'_>) -> Vec<WillNotHelp> {
    let mut out = vec![will_not_help::limit_for_a_test(load.rate.and_then(rounded))];
    out.extend(will_not_help::socket_settings(case));
    out.extend(will_not_help::established_for_churn(case));
    out
}
