//! What is not known and would matter, with the one command that would tell, in the names of that kernel.

use crate::model::incident::{Assumption, Gap, Namespace};
use crate::model::report::Role;
use crate::model::sentence::{Sentence, Word, noun};
use crate::model::signal::{RelatedKind, Table};
use crate::sentence;

use super::arith::share;
use super::correlate;
use super::facts::Case;
use super::locals::likely_own;
use super::open::inside;
use super::timeouts::Known;

fn gap(what: &'static str, why: Sentence, command: impl Into<Option<String>>) -> Gap {
    Gap { what: what.into(), why, command: command.into() }
}

/// A setting that is one for the whole machine, but for containers of `OpenVZ`, which have their own.
fn of_container(case: &Case<'_>, line: String) -> String {
    if matches!(case.namespace(), Namespace::Container(_)) { inside(case, line) } else { line }
}

/// The owner of the leading source.
pub(crate) const OWNER: &str = "top_sources[].owner";
/// Causes that no program of this host is behind, or none that opens connections: who opens those of the leading source
/// helps nobody there. A tunnel's packets are sent by the kernel, and a host met in the middle of its connections is the
/// server of them.
const OWNER_OF_NO_USE: [&str; 8] = [
    "no-incident",
    "count-list-mismatch",
    "counter-wrap",
    "event-listener-backlog",
    "expectation-table",
    "other-namespace",
    "tracked-tunnel",
    "mid-stream-pickup",
];

/// Whether a cause asks for the program behind the leading source.
pub(crate) fn owner_matters(cause: &str) -> bool {
    !OWNER_OF_NO_USE.contains(&cause)
}

/// Gaps of one case.
pub(crate) fn gaps(case: &Case<'_>) -> Vec<Gap> {
    let mut out = Vec::new();
    let key = |bare: &str| case.kernel.key(bare);
    if case.census.is_none() {
        let file = case.kernel.names.table_file();
        out.push(gap(
            "census",
            "no table fits: who fills it, and how, is not known; it must be read while the table is full"
                .into(),
            inside(case, format!("cat {file} > table.txt || conntrack -L -o extended > table.txt")),
        ));
    }
    if case.usage.max.is_none() {
        let why = match case.counters.configured("max") {
            Some((key, wanted)) => sentence![
                "a settings file has",
                Word::Code(format!("{key} = {wanted}")),
                "; the limit that runs is in none of the inputs"
            ],
            None => "the limit is in none of the inputs".into(),
        };
        out.push(gap("max", why, of_container(case, format!("sysctl {}", key("max")))));
    }
    if case.usage.count.is_none() && case.census.is_some() {
        out.push(gap(
            "count",
            "the kernel's own count at the moment of the table is in none of the inputs: whether all entries are listed is not known"
                .into(),
            inside(case, format!("sysctl {}", key("count"))),
        ));
    }
    if case.usage.buckets.is_none() {
        out.push(gap(
            "buckets",
            "the number of hash buckets is in none of the inputs: how easily room is found cannot be told"
                .into(),
            of_container(case, format!("sysctl {}", key("buckets"))),
        ));
    }
    if case.census.is_some() && !case.locals.known() {
        out.push(gap(
            "is_local",
            "no list of this host's addresses was given: whether a source is the host itself is not known"
                .into(),
            "ip -o addr".to_owned(),
        ));
    }
    if let Some(why) = super::beside::partial_addresses(case) {
        out.push(gap("is_local", why, "ip -o addr".to_owned()));
    }
    if let Some(why) = super::beside::owner_unknown(case) {
        out.push(gap(OWNER, why, "ss -tanp".to_owned()));
    }
    out.extend(counters(case));
    out.extend(read_late(case));
    out.extend(namespace(case));
    out.extend(throttled(case));
    out
}

fn counters(case: &Case<'_>) -> Option<Gap> {
    let uncounted = case.incident.is_some_and(|i| i.table == Table::Conntrack && i.drops.high.is_none());
    if case.counters.stat.is_some() && !uncounted {
        return None;
    }
    let why: &'static str = if uncounted {
        "the log sets no upper end to the packets lost, and no counters of both sides of the incident were given"
    } else {
        "the kernel's counters of drops and evictions were not given"
    };
    let file = case.kernel.names.stat_file();
    Some(gap("counters", why.into(), inside(case, format!("cat {file} || conntrack -S"))))
}

/// A table of another moment.
fn read_late(case: &Case<'_>) -> Option<Gap> {
    let fit = case.lead.filter(|fit| fit.snapshot.census.is_some() && case.incident.is_some())?;
    let distance = fit.distance_seconds.filter(|distance| *distance > 120.0)?;
    let side: &'static str = if fit.role == Role::Before { "before it began" } else { "after it ended" };
    Some(gap(
        "snapshots",
        sentence![
            "the nearest table was read",
            Word::Duration(distance),
            side,
            ": TIME_WAIT lasts 120 s and UDP 30 s, so the short-lived entries of the incident are not in it"
        ],
        inside(case, format!("cat {} > table.$(date +%s)", case.kernel.names.table_file())),
    ))
}

fn namespace(case: &Case<'_>) -> Option<Gap> {
    let incident = case.incident?;
    if correlate::before_namespaces(incident) {
        return None;
    }
    if incident.namespace != Namespace::Unknown && case.lead.is_none_or(|fit| fit.note.is_none()) {
        return None;
    }
    let why = match case.lead.and_then(|fit| fit.note.clone()) {
        Some(note) => note,
        None => "the kernel's line names no network namespace (it does from 6.18 on): count and limit must be read in each".into(),
    };
    Some(gap("namespace", why, super::remedies::every_namespace(case)))
}

/// Lines of programs that a log daemon dropped near the incident. None of the kernel's is among them.
fn throttled(case: &Case<'_>) -> Option<Gap> {
    let around = case.incident?.around.iter().find(|around| around.kind == RelatedKind::LinesThrottled)?;
    let why = around.fact.clone().with(
        "; the kernel's lines never meet that limit, but what those programs said around the incident may be missing",
    );
    Some(gap("around", why, None))
}

/// What had to be assumed for one case.
pub(crate) fn assumptions(case: &Case<'_>) -> Vec<Assumption> {
    let mut out = Vec::new();
    out.extend(timeouts(case));
    if let Some(address) = case.census.filter(|_| !case.locals.known()).and_then(likely_own) {
        out.push(Assumption {
            about: "local-address",
            text: sentence![
                address,
                "may be this host's own: it is the only leading address that others connect to and that connects to others; a server behind a router looks the same"
            ],
            from: case.lead.map(|fit| fit.snapshot.id.clone()),
        });
    }
    if case.kernel.era.is_none() && case.census.is_some() {
        out.push(Assumption {
            about: "era",
            text: "neither kernel release nor wording is known: keys are called nf_conntrack, sizes are those of 3.10 to 4.x".into(),
            from: None,
        });
    }
    out
}

/// Defaults taken for timeouts that no setting gave, where they hold at least a hundredth of the table.
fn timeouts(case: &Case<'_>) -> Vec<Assumption> {
    let Some(census) = case.census else { return Vec::new() };
    let timeouts = case.timeouts();
    let mut by_name: std::collections::BTreeMap<&'static str, (u64, u64, Known)> =
        std::collections::BTreeMap::new();
    for (class, entries) in &census.who.classes {
        let Some(timeout) =
            timeouts.of(class.l4, class.state, class.replied).filter(|t| t.known != Known::Setting)
        else {
            continue;
        };
        let row = by_name.entry(timeout.name).or_insert((0, timeout.seconds, timeout.known));
        row.0 = row.0.saturating_add(*entries);
    }
    by_name
        .into_iter()
        .filter(|(_, (entries, _, _))| share(*entries, census.who.entries) >= 0.01)
        .map(|(name, (entries, seconds, known))| {
            let why: &'static str = match known {
                Known::Observed => "which the longest remaining time in the table fits",
                Known::Default | Known::Setting => "the default",
            };
            Assumption {
                about: "timeout",
                text: sentence![
                    Word::Code(case.kernel.key(name)),
                    "is",
                    Word::Duration(seconds as f64),
                    ",",
                    why,
                    "; it governs",
                    Word::Count(entries, noun::ENTRY)
                ],
                from: case.lead.map(|fit| fit.snapshot.id.clone()),
            }
        })
        .collect()
}
