//! Doubts that are common to all causes: how full the table is, how late it was read, whether count and list and log
//! agree. Each is said aloud as evidence, and each caps how sure a verdict may be.

use crate::model::diagnosis::{Confidence, Evidence};
use crate::model::incident::Namespace;
use crate::model::report::Role;
use crate::model::sentence::{Word, noun};
use crate::model::signal::{RelatedKind, Table};
use crate::sentence;

use super::arith::share;
use super::causes::Candidate;
use super::evidence::{Cited, context, contradicts, supports};
use super::facts::{Case, FULL};
use super::hidden::{hidden, raised_since};

/// Below this chance of a drop, a log that says full and the mix of the table do not go together.
const HARDLY: f64 = 0.001;
/// So few drops may be luck.
const DROPS_MIN: u64 = 10;
/// Lifetime of the longest of the short states: what a table read later than this no longer shows.
const SHORT_LIVED_SECONDS: u64 = 120;

/// A doubt (or its absence) and how sure a verdict may still be.
#[derive(Debug)]
pub(crate) struct Doubt {
    /// Said aloud.
    pub(crate) evidence: Evidence,
    /// Caps the confidence.
    pub(crate) at_most: Confidence,
}

fn harmless(evidence: Evidence) -> Doubt {
    Doubt { evidence, at_most: Confidence::High }
}

/// All of them, in order.
pub(crate) fn doubts(case: &Case<'_>, leader: &Candidate) -> Vec<Doubt> {
    if case.incident.is_none_or(|incident| incident.table == Table::Expectation) && case.incident.is_some() {
        return Vec::new();
    }
    let mut out = Vec::new();
    if leader.settles_doubts {
        out.extend(damage(case));
        return out;
    }
    out.extend(more_than_fits(case));
    out.extend(fullness(case));
    out.extend(lateness(case, leader));
    out.extend(unnamed_namespace(case));
    out.extend(count_and_list(case));
    out.extend(log_and_mix(case));
    out.extend(log_and_counters(case));
    out.extend(older_timers(case));
    out.extend(damage(case));
    out
}

/// More entries are listed than the kernel counts or lets in: a listing pasted twice, two listings in one file, or a
/// limit that was lowered later.
fn more_than_fits(case: &Case<'_>) -> Option<Doubt> {
    let listed = case.usage.listed?;
    let count = case.usage.count.filter(|count| *count > 0 && listed / 2 >= *count - *count / 4);
    let max = case.usage.max.filter(|max| case.usage.exceeds(*max));
    let mut said = match (count, max) {
        (Some(count), _) => {
            sentence![
                "the table lists",
                Word::Number(listed),
                "entries, and the kernel counts",
                Word::Number(count)
            ]
        }
        (None, Some(max)) => {
            sentence!["the table lists", Word::Number(listed), "entries, and its limit is", Word::Number(max)]
        }
        (None, None) => return None,
    };
    let times = same_divisor(case).filter(|times| *times >= 2);
    said = match times {
        Some(times) => said
            .with(": every number in it divides by")
            .with(Word::Number(times))
            .with(", so each line seems to be given so many times; shares hold, numbers and rates are so many times too high"),
        None if count.is_none() => said.with(
            ": more than fit, so the file holds more than one listing, or the limit was lowered after its entries came",
        ),
        None => said.with(": the file holds more than one listing, or the count is of another moment or namespace"),
    };
    let mut evidence = contradicts("more-than-fits", said).value("listed", listed as f64).read_in_table(case);
    evidence = count.into_iter().fold(evidence, |evidence, n| evidence.value("count", n as f64));
    evidence = max.into_iter().fold(evidence, |evidence, n| evidence.value("max", n as f64));
    evidence = times.into_iter().fold(evidence, |evidence, n| evidence.value("times", n as f64));
    Some(Doubt { evidence, at_most: Confidence::Medium })
}

/// The greatest number that divides the entries of every class and of every second of remaining time.
fn same_divisor(case: &Case<'_>) -> Option<u64> {
    let who = &case.census?.who;
    let bins = who.remaining.values().flat_map(|remaining| remaining.bins.values());
    let all = who.classes.values().chain(bins).copied();
    all.reduce(|mut a, mut b| {
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a
    })
}

fn fullness(case: &Case<'_>) -> Option<Doubt> {
    case.census?;
    if case.usage.max.is_some_and(|max| case.usage.exceeds(max)) {
        return None;
    }
    let Some(usage) = case.usage.share() else {
        return Some(Doubt {
            evidence: context(
                "usage-unknown",
                "the limit is not known: whether this table was full is not known either".into(),
            ),
            at_most: Confidence::Medium,
        });
    };
    let (held, max) = (case.usage.held()?, case.usage.max?);
    // Some more than the limit are held for a moment: an entry is counted before it is refused.
    let said = sentence![
        "the table holds",
        Word::Number(held),
        "of",
        Word::Count(max, noun::ENTRY),
        "(",
        Word::Share(usage),
        ")"
    ];
    let cite = |evidence: Evidence| {
        evidence.value("entries", held as f64).value("max", max as f64).read_in_table(case)
    };
    if usage >= FULL {
        return Some(harmless(cite(supports("usage-full", said))));
    }
    if case.incident.is_none() {
        return Some(harmless(cite(context("usage", said))));
    }
    let said = match raised_since(case) {
        Some(limit) => said
            .with(": it holds as many as a limit of")
            .with(Word::Number(limit))
            .with("lets in, so the limit was perhaps raised since"),
        None => said.with(": it was not full when it was read"),
    };
    Some(Doubt { evidence: cite(contradicts("usage-not-full", said)), at_most: Confidence::Low })
}

/// The line names a namespace, and the table names none.
fn unnamed_namespace(case: &Case<'_>) -> Option<Doubt> {
    let Namespace::Netns(inode) = case.incident?.namespace else { return None };
    let of = case.lead.filter(|fit| fit.snapshot.census.is_some())?;
    (of.snapshot.namespace == Namespace::Unknown).then(|| Doubt {
        evidence: contradicts(
            "namespace-unnamed",
            sentence![
                "the line names the network namespace",
                Word::Code(inode.to_string()),
                ", and the table names none: it may be of another"
            ],
        ),
        at_most: Confidence::Medium,
    })
}

/// The kernel's own counter against the drops of the log. It counts since the boot, so it is never below them.
fn log_and_counters(case: &Case<'_>) -> Option<Doubt> {
    let incident = case.incident?;
    let stat = case.counters.stat.filter(|stat| !stat.first_row_only)?;
    let counted = stat.drop?;
    let early = case.lead.is_some_and(|fit| fit.role == Role::Before);
    let anew = [RelatedKind::Capacity, RelatedKind::BootBegins];
    let begun_anew = anew.into_iter().any(|kind| case.marks(kind).next().is_some());
    if counted >= incident.drops.visible || incident.drops.visible < DROPS_MIN || early || begun_anew {
        return None;
    }
    // Read while it went on, the counter knows nothing of the lines that came after.
    let amid = case.lead.is_some_and(|fit| fit.distance_seconds.is_some_and(|distance| distance <= 0.0));
    if amid && counted >= incident.drops.visible / 2 {
        return None;
    }
    Some(Doubt {
        evidence: contradicts(
            "log-against-counters",
            sentence![
                "the kernel's drop counter stands at",
                Word::Number(counted),
                "since the boot, and the log has",
                Word::Count(incident.drops.visible, noun::LINE),
                "of drops: the counter is of another namespace, another boot or an earlier moment"
            ],
        )
        .value("drop", counted as f64)
        .value("lines", incident.drops.visible as f64)
        .read_in_table(case),
        at_most: Confidence::Medium,
    })
}

fn lateness(case: &Case<'_>, leader: &Candidate) -> Option<Doubt> {
    let fit = case.lead?;
    let distance = fit.distance_seconds.filter(|d| *d > 0.0)?;
    let early = fit.offset_seconds.is_some_and(|offset| offset < 0.0);
    let side: &'static str = if early { "before the first line" } else { "after the last line" };
    let said = sentence!["the table was read", Word::Duration(distance), side];
    if !case.later_than(SHORT_LIVED_SECONDS) {
        return Some(harmless(context("read-near", said).value("seconds", distance)));
    }
    let still_full = case.usage.share().is_some_and(|usage| usage >= FULL);
    let tail: &'static str = if still_full {
        ": it is full again or still, but its short-lived entries are not those of the incident"
    } else {
        ": entries that live for two minutes or less are no longer those of the incident"
    };
    // Entries that live for days are still there hours later.
    let lasting = leader.rate_per_second.is_none() || still_full;
    Some(Doubt {
        evidence: contradicts("read-late", said.with(tail)).value("seconds", distance),
        at_most: if lasting { Confidence::Medium } else { Confidence::Low },
    })
}

fn count_and_list(case: &Case<'_>) -> Option<Doubt> {
    let (listed, count) = (case.usage.listed?, case.usage.count?);
    let evidence = |said| {
        context("count-and-list", said)
            .value("listed", listed as f64)
            .value("count", count as f64)
            .read_in_table(case)
    };
    if count <= listed {
        return None;
    }
    let said = sentence!["the kernel counts", Word::Number(count), "entries and lists", Word::Number(listed)];
    if share(listed, count) >= 0.9 {
        return Some(harmless(evidence(
            said.with(": those not confirmed yet or expired and not collected are counted only"),
        )));
    }
    let at_most = if share(listed, count) < 0.5 { Confidence::Low } else { Confidence::Medium };
    if hidden(case).is_some_and(|hidden| hidden.is_waiting()) {
        let why = ": as many expire within the minute between two passes of the garbage collector at this rate, and reading the list collects them";
        return Some(harmless(evidence(said.with(why))));
    }
    let why = ": expired entries wait for up to a minute to be collected, and reading the list collects them; where a count taken after it is still far above, entries leak or another namespace was listed";
    Some(Doubt { evidence: Evidence { speaks_for: Some(false), ..evidence(said.with(why)) }, at_most })
}

/// Whether a table of this mix would drop packets as the log says.
fn log_and_mix(case: &Case<'_>) -> Option<Doubt> {
    let incident = case.incident?;
    let chance = case.drop_chance()?;
    let effective = case.mix()?.effective();
    let evictable = share(effective.evictable, case.entries());
    let said = sentence![
        Word::Share(evictable),
        "of the table could be evicted to make room, so by the kernel's search",
        Word::Share(chance),
        "of new flows would be refused"
    ];
    let cite = |evidence: Evidence| {
        evidence.value("chance", chance).value("evictable_share", evictable).read_in_table(case)
    };
    if chance >= HARDLY || incident.drops.low < DROPS_MIN {
        return Some(harmless(cite(context("drop-chance", said))));
    }
    let evictions = case.counters.stat.and_then(|stat| stat.early_drop);
    if evictions.is_some_and(|n| n >= incident.drops.low.saturating_mul(100)) {
        return Some(harmless(cite(context(
            "drop-chance",
            said.with(
                "; the counters show evictions in such numbers that the log's drops are the rest of them",
            ),
        ))));
    }
    let said = said.with(", and yet the log says full: a flood far above what this table shows, another namespace, or a table of another moment");
    if evictions == Some(0) {
        return Some(Doubt {
            evidence: cite(contradicts(
                "log-against-mix",
                said.with("; the counters show no eviction at all, so they are not those of the full table"),
            )),
            at_most: Confidence::Low,
        });
    }
    Some(Doubt { evidence: cite(contradicts("log-against-mix", said)), at_most: Confidence::Medium })
}

/// Timers above the setting: the setting came later, and is not retroactive.
fn older_timers(case: &Case<'_>) -> Vec<Doubt> {
    if case.counters.stat.and_then(|stat| stat.insert).is_some_and(|n| n > 0) {
        return Vec::new();
    }
    let timeouts = case.timeouts();
    let outlived = timeouts.outlived();
    outlived
        .into_iter()
        .map(|(name, (entries, longest))| {
            harmless(
                context(
                    "older-timers",
                    sentence![
                        Word::Count(entries, noun::ENTRY),
                        "have up to",
                        Word::Duration(longest as f64),
                        "left, above",
                        Word::Code(format!(
                            "{} = {}",
                            case.kernel.key(name),
                            timeouts.named(name).unwrap_or(0)
                        )),
                        ": it was lowered after their last packet, and running timers keep their end"
                    ],
                )
                .value("entries", entries as f64)
                .value("longest_seconds", longest as f64)
                .read_in_table(case),
            )
        })
        .collect()
}

fn damage(case: &Case<'_>) -> Vec<Doubt> {
    let Some(census) = case.census else { return Vec::new() };
    let mut out = Vec::new();
    let damaged = census.who.damaged.values().fold(0u64, |sum, b| sum.saturating_add(b.count));
    if damaged > 0 {
        out.push(Doubt {
            evidence: contradicts(
                "damaged",
                sentence![
                    Word::Count(damaged, noun::LINE),
                    "of the table could not be read and are left out"
                ],
            )
            .value("lines", damaged as f64)
            .read_in_table(case),
            at_most: if share(damaged, census.who.entries) > 0.1 {
                Confidence::Low
            } else {
                Confidence::High
            },
        });
    }
    if census.changed_between_looks {
        out.push(Doubt {
            evidence: contradicts(
                "changed-while-read",
                "the file changed while it was read: totals and details are of two moments".into(),
            ),
            at_most: Confidence::Medium,
        });
    }
    out
}
