//! What is said where nothing decides: no table, a table that contradicts the log, or one that no rule explains.
//! It guesses nothing; it gives what the log alone tells, and the command that would decide.

use crate::model::address_kind::AddressKind;
use crate::model::census::{Pair, Peer};
use crate::model::diagnosis::{Evidence, Remedy};
use crate::model::flow::{L4, State};
use crate::model::incident::Incident;
use crate::model::sentence::{Sentence, Word, noun};
use crate::model::signal::Table;
use crate::sentence;

use super::super::arith::share;
use super::super::evidence::{Cited, context, contradicts};
use super::super::facts::{Case, Holder, NEAR_FULL};
use super::super::hidden::raised_since;
use super::super::mix::Mix;
use super::super::open::Open;
use super::super::scales::{Scales, Weight};
use super::super::{hints, remedies};
use super::{Candidate, Tier};

/// A log that says full and a table below this share of its limit contradict each other.
const CONTRADICTION: f64 = 0.5;
/// From this share on, a source or a pair leads by far.
const LEADS: f64 = 0.8;
/// From this share on a source stands out at all.
const SOME: f64 = 0.1;
/// From this share on: all.
const ALL: f64 = 0.995;

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let mut scales = Scales::default();
    scales.add(hints::all(case));
    let (tier, summary) = match (case.incident, case.mix()) {
        (None, None) => (Tier::Decided, only_counters(case)),
        (Some(incident), None) => (Tier::Decided, only_log(case, incident)),
        (Some(incident), Some(_)) if contradicted(case, incident) => {
            scales.speaks_against(Weight::Deciding, contradiction(case)?);
            scales.not_known(Weight::Deciding, elsewhere(case));
            (Tier::Decided, not_this_table(case)?)
        }
        (_, Some(mix)) => {
            let none = "no cause that this program knows explains the table";
            scales.add([context("no-rule-fits", none.into())]);
            (Tier::Fallback, unexplained(case, mix))
        }
    };
    Some(Candidate {
        summary,
        rate_per_second: case.admitted_per_second(),
        remedies: cures(case),
        ..Candidate::new(tier, 0.0, scales)
    })
}

fn contradicted(case: &Case<'_>, incident: &Incident) -> bool {
    incident.table == Table::Conntrack
        && case.usage.share().is_some_and(|usage| usage < CONTRADICTION)
        && raised_since(case).is_none()
}

fn contradiction(case: &Case<'_>) -> Option<Evidence> {
    let (held, max) = (case.usage.held()?, case.usage.max?);
    Some(
        contradicts(
            "table-not-full",
            sentence![
                "the log says full, and the table that was read holds",
                Word::Number(held),
                "of",
                Word::Count(max, noun::ENTRY)
            ],
        )
        .value("entries", held as f64)
        .value("max", max as f64)
        .read_in_table(case),
    )
}

/// What would tell another namespace from a table that has drained.
fn elsewhere(case: &Case<'_>) -> Open {
    Open {
        what: "other namespaces",
        why: "the counts of the other network namespaces at that moment were not given: one of them may be the full one".into(),
        command: Some(remedies::every_namespace(case)),
    }
}

/// What the log says, what it hides, what would decide. Of one that comes back: when it is due next, and what to do then.
fn only_log(case: &Case<'_>, incident: &Incident) -> Vec<Sentence> {
    let drops = &incident.drops;
    let says_full = sentence![
        "the log says full (",
        Word::Count(drops.visible, noun::LINE),
        ",",
        Word::Count(drops.low, noun::PACKET),
        "lost or more); no table shows who filled it"
    ];
    if let Some((hint, then)) = hints::foremost(case) {
        return vec![says_full, hint, then];
    }
    if let Some((again, look)) = hints::recurrence::lines(case) {
        return vec![says_full, again, save_then(case, look)];
    }
    let who = sentence![
        "the log says the table was full (",
        Word::Count(drops.visible, noun::LINE),
        "); no table was given that shows who filled it"
    ];
    let mut how = match drops.high {
        Some(high) if high == drops.low => sentence!["it cost", Word::Count(high, noun::PACKET)],
        Some(high) => {
            sentence!["it cost between", Word::Number(drops.low), "and", Word::Count(high, noun::PACKET)]
        }
        None => {
            sentence!["it cost at least", Word::Count(drops.low, noun::PACKET), "; the log sets no upper end"]
        }
    };
    if let Some(max) = case.usage.max {
        how = how.with("; the limit is").with(Word::Count(max, noun::ENTRY));
    }
    let what = sentence![
        "save the table while it is full (",
        Word::Code(format!("cat {}", case.kernel.names.table_file())),
        "); doubling the limit gives time"
    ];
    vec![who, how, what]
}

/// What to do when it comes again.
fn save_then(case: &Case<'_>, look: Option<&'static str>) -> Sentence {
    let save = Word::Code(format!("cat {} > table", case.kernel.names.table_file()));
    match look {
        Some(look) => sentence![look, ", and have the table saved:", save],
        None => sentence!["have the table saved when it comes again:", save],
    }
}

/// The command that lists the table on that kernel.
fn save_table(case: &Case<'_>) -> String {
    format!("cat {} > table || conntrack -L > table", case.kernel.names.table_file())
}

fn only_counters(case: &Case<'_>) -> Vec<Sentence> {
    let mut who = sentence!["counters and settings were given, but neither a log nor a table"];
    if let (Some(count), Some(max)) = (case.usage.count, case.usage.max) {
        who = who
            .with("; the kernel counts")
            .with(Word::Number(count))
            .with("of")
            .with(Word::Count(max, noun::ENTRY));
    }
    vec![
        who,
        sentence!["who holds the entries is not in them"],
        sentence!["save the table while it is full:", Word::Code(save_table(case))],
    ]
}

fn not_this_table(case: &Case<'_>) -> Option<Vec<Sentence>> {
    let (held, max) = (case.usage.held()?, case.usage.max?);
    Some(vec![
        sentence![
            "the log says full, but the table that was read holds",
            Word::Number(held),
            "of",
            Word::Count(max, noun::ENTRY)
        ],
        sentence![
            "another namespace's table was full, or this one was read too late, or its limit was changed"
        ],
        "read the count of every network namespace at that moment: the command is under Not known".into(),
    ])
}

/// A table that no rule explains: who leads it, how and at which rate, what can be done whatever the cause.
fn unexplained(case: &Case<'_>, mix: Mix<'_>) -> Vec<Sentence> {
    vec![leaders(case, mix), pace(case, mix), first_steps(case, mix)]
}

fn part(entries: u64, mix: Mix<'_>) -> Word {
    Word::Share(share(entries, mix.total()))
}

fn endpoint(peer: Peer) -> Word {
    Word::Endpoint(peer.address, peer.port, peer.l4)
}

/// Who.
fn leaders(case: &Case<'_>, mix: Mix<'_>) -> Sentence {
    let Some(top) = leading(case) else {
        let mut out = sentence![Word::Count(mix.total(), noun::ENTRY), "of"];
        out.0.extend(sources(case).0);
        let out = out.with(", none with over").with(part(case.most_of_a_source(), mix));
        return match case.top_peer() {
            Some((peer, entries, _)) => {
                out.with(";").with(part(entries, mix)).with("go to").with(endpoint(peer))
            }
            None => out,
        };
    };
    let who = match top.is_local {
        Some(true) => sentence!["this host (", top.address, ") holds"],
        // What kind of address it is says so as well, and is said behind it.
        Some(false) if AddressKind::of(top.address).aside().is_none() => {
            sentence![top.address, "(not this host) holds"]
        }
        Some(false) | None => sentence![top.address, "holds"],
    };
    let out = who.with(part(top.entries, mix)).with("of").with(Word::Count(mix.total(), noun::ENTRY));
    match (the_pair(case, &top), case.top_peer()) {
        (Some((pair, entries)), _) => {
            let joint: &'static str =
                if share(entries, top.entries) >= ALL { ", all to" } else { ", most to" };
            out.with(joint).with(endpoint(pair.peer))
        }
        (None, Some((peer, entries, _))) => {
            out.with(";").with(part(entries, mix)).with("go to").with(endpoint(peer))
        }
        (None, None) => out,
    }
}

/// The source that leads, where one does: below a good share of the table it is one among others, and no suspect.
fn leading<'a>(case: &Case<'a>) -> Option<Holder<'a>> {
    case.top_source().filter(|top| share(top.entries, case.entries()) >= SOME)
}

/// How many sources there are.
fn sources(case: &Case<'_>) -> Sentence {
    match case.census.and_then(|census| census.who.sources.distinct) {
        Some(n) => sentence![Word::Count(n, noun::SOURCE)],
        None => sentence!["more than 32,768 sources"],
    }
}

/// The pair that holds most of the leading source's entries, where one does and the source leads by far.
fn the_pair(case: &Case<'_>, top: &Holder<'_>) -> Option<(Pair, u64)> {
    let (pair, entries) = case.pairs_of(top.address).first().copied()?;
    (share(top.entries, case.entries()) >= LEADS && share(entries, top.entries) >= LEADS)
        .then_some((pair, entries))
}

/// How: the commonest state, the rate, and what that comes to.
fn pace(case: &Case<'_>, mix: Mix<'_>) -> Sentence {
    let out = match mix.commonest_state() {
        Some((State::TimeWait, entries)) => sentence![
            part(entries, mix),
            "are over and stay",
            Word::Duration(case.time_wait_seconds() as f64),
            "in",
            State::TimeWait
        ],
        Some((state, entries)) => sentence![part(entries, mix), "are in", state],
        None => sentence!["its entries have no states"],
    };
    let Some(rate) = case.admitted_per_second() else { return out };
    let offered = case.offered(|_| None).filter(|_| case.pace().still_growing());
    match offered.filter(|offered| case.usage.max.is_some_and(|max| *offered > max)) {
        Some(offered) => out
            .with("; new ones at")
            .with(Word::Rate(rate))
            .with("need")
            .with(Word::Count(offered, noun::ENTRY)),
        None => out.with("; new ones come at").with(Word::Rate(rate)),
    }
}

/// What can be done whatever the cause.
fn first_steps(case: &Case<'_>, mix: Mix<'_>) -> Sentence {
    let over = churning(case).filter(|_| share(mix.ended(), mix.total()) >= LEADS);
    if let Some((pair, _)) = over {
        return sentence![
            "see which program on",
            pair.source,
            "opens them (",
            Word::Code("ss -tanp".to_owned()),
            "there) and let it reuse connections"
        ];
    }
    if leading(case).is_none() {
        return sentence!["no source leads: see what they all talk to (below); a larger limit gives time"];
    }
    sentence![
        "see which program of the leading source does it (",
        Word::Code("ss -tanp".to_owned()),
        "there); a larger limit gives time"
    ]
}

/// The pair that fills the table with connections that are over.
fn churning(case: &Case<'_>) -> Option<(Pair, u64)> {
    let top = case.top_source()?;
    let over = share(Mix(&top.how.classes).ended(), top.entries) >= LEADS;
    the_pair(case, &top).filter(|(pair, _)| over && pair.peer.l4 == L4::TCP)
}

fn cures(case: &Case<'_>) -> Vec<Remedy> {
    let mut out = Vec::new();
    // The log alone says that it is full: look who fills it, and gain time meanwhile.
    if case.census.is_none() && case.incident.is_some_and(|incident| incident.table == Table::Conntrack) {
        out.push(remedies::find_out(case));
        out.extend(remedies::gain_time(case));
        return out;
    }
    let is_full = case.usage.share().is_some_and(|usage| usage >= NEAR_FULL);
    if !is_full || case.census.is_none() {
        return out;
    }
    if let Some(pair) = churning(case) {
        out.extend(remedies::reuse_connections(case, &[pair]));
        out.extend(remedies::delete_time_wait(case, &[pair]));
    }
    out.extend(remedies::raise_limit(case));
    out
}
