//! C29: the full table is that of another network namespace than the one that was read. The limit is one number for
//! all, and each namespace is compared with its own count. What must hold: a log that says full, a table that is not,
//! and something that points elsewhere: the line names a namespace or container, a table of another namespace is full,
//! the slab cache holds far more entries than are counted
//! here, or next to nothing is tracked where the count was read. Neighbours: insufficient-evidence (nothing points
//! elsewhere), count-list-mismatch (the count itself is high).

use crate::model::incident::Namespace;
use crate::model::report::Snapshot;
use crate::model::sentence::{Sentence, Word, noun};
use crate::model::signal::Table;
use crate::sentence;

use super::super::arith::share;
use super::super::correlate::before_namespaces;
use super::super::evidence::{Cited, contradicts, supports};
use super::super::facts::{Case, FULL, NEAR_FULL, usage};
use super::super::scales::{Scales, Weight};
use super::super::{open, remedies, will_not_help};
use super::{Candidate, Tier};

/// The table that was read is below this share of its limit.
const NOT_FULL: f64 = 0.5;
/// A slab cache keeps freed objects for a while; from this many times the count on they are entries of others.
const SLAB_TIMES: u64 = 4;
/// And from this share of the limit on they can fill one table.
const SLAB_OF_LIMIT: f64 = 0.5;
/// So many seconds after the boot little is tracked anywhere.
const BOOT_SECONDS: f64 = 60.0;
/// A namespace that holds no more than this many entries tracks nothing.
const NOTHING: u64 = 3;
/// A table read later than this may have drained.
const DRAINED_SECONDS: u64 = 120;

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let incident = case.incident.filter(|incident| incident.table == Table::Conntrack)?;
    let named = named(&incident.namespace);
    if before_namespaces(incident) && named.is_none() {
        return None;
    }
    let here = case.usage.share();
    // A table of the named namespace that was read is analysed as it is, full or not.
    let read_it =
        case.census.is_some() && case.lead.is_some_and(|fit| fit.snapshot.namespace == incident.namespace);
    if here.is_some_and(|usage| usage >= NOT_FULL) || named.is_some() && read_it {
        return None;
    }
    let full = full_elsewhere(case);
    let hidden = hidden_in_slab(case);
    let not_its_own = named.is_some() && case.census.is_none() && !case.others.namespaces.is_empty();
    let named_and_low = named.is_some() && here.is_some();
    // A list that is empty was perhaps not read; the kernel's own count was. Just after the boot there is nothing yet.
    let young = case.seconds_after_boot().is_some_and(|seconds| seconds < BOOT_SECONDS);
    let count = case.usage.count.filter(|_| case.entries() == 0 && !young);
    let tracks_nothing = count.is_some_and(|count| count <= NOTHING);
    if full.is_none() && hidden.is_none() && !not_its_own && !named_and_low && !tracks_nothing {
        return None;
    }
    let mut scales = Scales::default();
    if let (Some(held), Some(max)) = (case.usage.held(), case.usage.max) {
        scales.speaks_for(
            Weight::Strong,
            supports(
                "this-table-not-full",
                sentence![
                    "the table that was read holds",
                    Word::Number(held),
                    "of",
                    Word::Count(max, noun::ENTRY)
                ],
            )
            .value("entries", held as f64)
            .value("max", max as f64)
            .read_in_table(case),
        );
    }
    if let Some(name) = &named {
        scales.speaks_for(
            Weight::Deciding,
            supports("line-names-it", sentence!["the kernel's line names"].with_all(name)).read_in_log(case),
        );
    }
    if let Some((snapshot, held, max)) = full {
        let mut said = name_of(snapshot);
        said = said.with("holds").with(Word::Number(held)).with("of").with(Word::Count(max, noun::ENTRY));
        scales.speaks_for(
            Weight::Deciding,
            supports("full-elsewhere", said).value("entries", held as f64).value("max", max as f64),
        );
    }
    if let Some((active, count)) = hidden {
        scales.speaks_for(
            Weight::Deciding,
            supports(
                "slab-holds-more",
                sentence![
                    "the kernel's memory holds",
                    Word::Count(active, noun::ENTRY),
                    "of all namespaces together, and here are",
                    Word::Number(count)
                ],
            )
            .value("active", active as f64)
            .value("count", count as f64)
            .read_in_table(case),
        );
    }
    if tracks_nothing {
        scales.speaks_for(
            Weight::Deciding,
            supports(
                "tracks-nothing",
                "next to nothing is tracked where the count was read, as in a pod or container of its own: the machine's own namespace, which holds at least the connections one works over, was not read".into(),
            )
            .read_in_table(case),
        );
    }
    if case.later_than(DRAINED_SECONDS) && full.is_none() {
        scales.speaks_against(
            Weight::Slight,
            contradicts(
                "may-have-drained",
                "the table was read so late that it may have drained since".into(),
            ),
        );
    }
    Some(Candidate {
        summary: summary(case, named, full),
        remedies: vec![remedies::find_namespace(case)],
        will_not_help: will_not_help::for_other_namespace(),
        settles_doubts: true,
        ..Candidate::new(Tier::Decided, 1.0, scales)
    })
}

/// The namespace that the line names, in words.
fn named(namespace: &Namespace) -> Option<Sentence> {
    match namespace {
        Namespace::Netns(inode) => Some(sentence!["network namespace", Word::Code(inode.to_string())]),
        Namespace::Container(id) => Some(sentence!["container", Word::Untrusted(id.as_bytes().into())]),
        Namespace::Initial | Namespace::Unknown => None,
    }
}

fn name_of(snapshot: &Snapshot) -> Sentence {
    match &snapshot.namespace {
        Namespace::Initial => "the initial network namespace".into(),
        other => named(other).unwrap_or_else(|| "another namespace".into()),
    }
}

/// Another namespace whose table is full: it, its entries, its limit.
fn full_elsewhere<'a>(case: &Case<'a>) -> Option<(&'a Snapshot, u64, u64)> {
    let of = |snapshot: &'a Snapshot| {
        let usage = usage(&snapshot.counters, snapshot.census.as_ref());
        // The limit is one number for all of them.
        let max = usage.max.or(case.usage.max)?;
        let held = usage.held()?;
        (share(held, max) >= NEAR_FULL).then_some((snapshot, held, max))
    };
    case.others.namespaces.iter().filter_map(|snapshot| of(snapshot)).max_by_key(|(_, held, _)| *held)
}

/// Entries in memory that are not of this namespace: all of them, and those counted here.
fn hidden_in_slab(case: &Case<'_>) -> Option<(u64, u64)> {
    let active = case.counters.slab_total()?.active;
    let count = case.usage.held()?;
    let others = active.saturating_sub(count);
    let enough = case.usage.max.is_none_or(|max| share(others, max) >= SLAB_OF_LIMIT.min(FULL));
    (active / SLAB_TIMES >= count.max(1) && enough).then_some((active, count))
}

fn summary(case: &Case<'_>, named: Option<Sentence>, full: Option<(&Snapshot, u64, u64)>) -> Vec<Sentence> {
    let which = named
        .or_else(|| full.map(|(snapshot, _, _)| name_of(snapshot)))
        .unwrap_or_else(|| "another network namespace".into());
    let mut who = sentence!["the full table is of"].with_all(&which);
    if let (Some(held), Some(max)) = (case.usage.held(), case.usage.max) {
        who = who
            .with("; the one read holds")
            .with(Word::Number(held))
            .with("of")
            .with(Word::Count(max, noun::ENTRY));
    }
    let container = case.incident.is_some_and(|i| matches!(i.namespace, Namespace::Container(_)));
    let how = match full {
        Some((snapshot, held, max)) => leader(snapshot, held, max),
        None if container => {
            sentence!["a container has a limit of its own, and its table is not in that of the host"]
        }
        None => {
            sentence!["the limit is one number for all namespaces, and each is held against its own count"]
        }
    };
    let what = if container {
        let file = case.kernel.names.table_file();
        sentence!["read its table inside it:", Word::Code(open::inside(case, format!("cat {file}")))]
    } else {
        sentence![
            "read every namespace:",
            Word::Code("lsns -t net".to_owned()),
            ", then",
            Word::Code("nsenter -n -t PID conntrack -L".to_owned())
        ]
    };
    vec![who, how, what]
}

/// How full the other table is, and who leads it.
fn leader(snapshot: &Snapshot, held: u64, max: u64) -> Sentence {
    let out = sentence!["it holds", Word::Number(held), "of", Word::Count(max, noun::ENTRY)];
    let Some(who) = snapshot.census.as_ref().map(|census| &census.who) else { return out };
    match who.sources.leading(who.entries).first() {
        Some(row) => {
            out.with(";").with(row.key).with("leads it with").with(Word::Share(share(row.count, who.entries)))
        }
        None => out.with("; no source leads it"),
    }
}
