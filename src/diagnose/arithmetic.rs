//! The arithmetic behind a verdict, as facts with their numbers: the rate, the ports of the busiest pair, the memory of
//! twice the limit, and how long that would last. Each says what it assumes.

use crate::model::census::{Class, LeaderKey};
use crate::model::diagnosis::Evidence;
use crate::model::flow::L4;
use crate::model::sentence::{Sentence, Word, noun};
use crate::model::signal::Table;
use crate::sentence;

use super::arith::share;
use super::evidence::{Cited, context};
use super::facts::{Case, NEAR_FULL};
use super::hidden::{hidden, impossible};
use super::outlook::headroom;
use super::timeouts::{Known, Timeout};

/// From this share of a client's source ports on a pair's ports are worth a sentence.
const MUCH: f64 = 0.1;
/// Facts of rules that say the same of their pair.
const PORTS_SAID: [&str; 2] = ["ports-nearly-out", "more-than-its-ports"];
/// Fact of the rule whose entries are old, though their timers are young.
const RENEWED_SAID: &str = "always-young";
/// Below this share of the limit the table that was read is not the full one: twice its limit is nobody's question.
const FULL_IN_PART: f64 = 0.5;

/// From this share of the table on, entries that were put in since boot may be among those whose ages are told.
const INSERTED_MANY: f64 = 0.05;
/// A rate of a verdict that is this many times the table's own is that of a burst.
const BURST: f64 = 1.5;

/// What is not said yet. `told`: the rate that the verdict gives. Of a table that is mostly not listed the list tells neither
/// a rate nor how long a larger limit would last.
pub(crate) fn evidence(case: &Case<'_>, said: &[Evidence], told: Option<f64>) -> Vec<Evidence> {
    if case.incident.is_some_and(|incident| incident.table == Table::Expectation)
        || impossible(case).is_some()
        || hidden(case).is_some_and(|hidden| hidden.is_most())
    {
        return Vec::new();
    }
    let ports_said = said.iter().any(|fact| PORTS_SAID.contains(&fact.id));
    // Timers that are set back make old entries look new: no rate is told by them.
    let renewed = said.iter().any(|fact| fact.id == RENEWED_SAID);
    let mut out: Vec<Evidence> = rate(case, told).filter(|_| !renewed).into_iter().collect();
    out.extend(ports(case).filter(|_| !ports_said));
    out.extend(inserted(case, said));
    out.extend(memory(case));
    out.extend(full_again(case).filter(|_| !renewed));
    out
}

/// Entries over lifetime, for the class that most of those are in which only their timers remove; of a class that came in
/// less than that, entries over the time in which they came. Where the verdict speaks of a burst among them, both are told
/// apart.
fn rate(case: &Case<'_>, told: Option<f64>) -> Option<Evidence> {
    let pace = case.pace();
    let ends = pace.classes.iter().filter(|(class, _)| pace.ends(class));
    let (class, coming) = ends.max_by(|a, b| a.1.entries.cmp(&b.1.entries).then(b.0.cmp(a.0)))?;
    let timeout = case.timeouts().of(class.l4, class.state, class.replied)?;
    let young = coming.entries as f64 <= super::pace::WHOLE * coming.per_second * timeout.seconds as f64;
    // The verdict's own rate is that of what it names; this one is of everybody.
    let fact =
        called(class, sentence![Word::Count(coming.entries, noun::ENTRY), "of"]).with("in the whole table");
    let fact = if young {
        let span = coming.entries as f64 / coming.per_second;
        fact.with(", which came over").with(Word::Duration(span)).with("or so: on average")
    } else {
        whence(timeout, fact.with(", each for").with(Word::Duration(timeout.seconds as f64)))
            .with(": new ones at")
    };
    let fact = fact.with(Word::Rate(coming.per_second));
    let fact = match told.filter(|told| young && *told >= BURST * coming.per_second) {
        Some(told) => fact.with("; most of them came in a burst, at").with(Word::Rate(told)),
        None => fact,
    };
    Some(
        context("rate", fact)
            .value("entries", coming.entries as f64)
            .value("lifetime_seconds", timeout.seconds as f64)
            .value("per_second", coming.per_second)
            .read_in_table(case),
    )
}

fn called(class: &Class, fact: Sentence) -> Sentence {
    match class.state {
        Some(state) => fact.with(state),
        None => fact.with(Word::Protocol(class.l4)),
    }
}

/// Where a timeout is not read, that is said.
fn whence(timeout: Timeout, fact: Sentence) -> Sentence {
    match timeout.known {
        Known::Setting => fact,
        Known::Observed => fact.with("(the default, which the longest remaining time fits)"),
        Known::Default => fact.with("(assumed: the default)"),
    }
}

/// Entries that programs put in begin with timers of their own: what is gone of the usual timer is no age then.
fn inserted(case: &Case<'_>, said: &[Evidence]) -> Option<Evidence> {
    let inserted = case.counters.stat?.insert.filter(|_| case.timeouts().inserted())?;
    if share(inserted, case.census?.who.entries) < INSERTED_MANY {
        return None;
    }
    let bound = "how long such an entry has been silent is an upper end: it may have begun with less than the whole timeout";
    let fact = if said.iter().any(|fact| fact.id == "inserted") {
        sentence!["timers of entries that were put in are their own:", Word::Text(bound)]
    } else {
        sentence![
            "programs have put in",
            Word::Count(inserted, noun::ENTRY),
            "since boot (",
            Word::Code("insert".to_owned()),
            "), with timers of their own;",
            Word::Text(bound)
        ]
    };
    Some(context("ages-of-inserted", fact).value("insert", inserted as f64).read_in_table(case))
}

/// A client has one entry per source port towards one address and port.
fn ports(case: &Case<'_>) -> Option<Evidence> {
    let who = &case.census?.who;
    let row = who.pairs.leading(who.entries).first()?;
    row.key.peer.port.filter(|_| matches!(row.key.peer.l4, L4::TCP | L4::UDP))?;
    let entries = case.how(&LeaderKey::Pair(row.key)).map_or(row.count, |how| how.entries);
    let (ceiling, assumed) = case.port_ceiling();
    if share(entries, ceiling) < MUCH {
        return None;
    }
    let fact = sentence![
        row.key.source,
        "holds",
        Word::Number(entries),
        "entries to",
        Word::Endpoint(row.key.peer.address, row.key.peer.port, row.key.peer.l4),
        "; one client can hold",
        Word::Number(ceiling),
        "to one address and port, one for each source port",
        if assumed { "(assumed: of the default range)" } else { "of its range" }
    ];
    Some(
        context("port-ceiling", fact)
            .value("entries", entries as f64)
            .value("ceiling", ceiling as f64)
            .read_in_table(case),
    )
}

/// Twice the limit, where the table is full or nearly so.
fn doubled(case: &Case<'_>) -> Option<u64> {
    let near = case.usage.share().is_some_and(|usage| usage >= NEAR_FULL);
    let partly = case.usage.share().is_none_or(|usage| usage >= FULL_IN_PART);
    case.usage.max?.checked_mul(2).filter(|_| near || partly && case.incident.is_some())
}

fn memory(case: &Case<'_>) -> Option<Evidence> {
    let doubled = doubled(case).filter(|_| case.census.is_some())?;
    let (bytes, measured) = case.entry_bytes();
    let more = (doubled / 2).saturating_mul(bytes);
    let fact = sentence![
        "twice the limit,",
        Word::Count(doubled, noun::ENTRY),
        ", takes up to",
        Word::Bytes(more),
        "more at full, at",
        Word::Bytes(bytes),
        if measured {
            "an entry as the slab cache has it"
        } else {
            "an entry (assumed: the size of this kernel's era, with extensions)"
        }
    ];
    Some(
        context("memory-of-twice-the-limit", fact)
            .value("limit", doubled as f64)
            .value("bytes_more", more as f64)
            .value("entry_bytes", bytes as f64)
            .read_in_table(case),
    )
}

fn full_again(case: &Case<'_>) -> Option<Evidence> {
    let doubled = doubled(case)?;
    let out = headroom(case, doubled);
    let offered = out.offered?;
    let fact = sentence!["with twice the limit,", Word::Count(doubled, noun::ENTRY), ","];
    let fact = match out.full_again_seconds {
        Some(seconds) => {
            fact.with(out.growth.words()).with("the table is full again after").with(Word::Duration(seconds))
        }
        None => fact.with("at this rate the table settles at").with(Word::Count(offered, noun::ENTRY)),
    };
    let mut out_fact = context("full-again-after-doubling", fact)
        .value("limit", doubled as f64)
        .value("offered_entries", offered as f64);
    if let Some(seconds) = out.full_again_seconds {
        out_fact = out_fact.value("full_again_seconds", seconds);
    }
    Some(out_fact.read_in_table(case))
}
