//! conntrackd committed the entries of another machine to this one's table: after a failover it holds both loads, and
//! what was committed brings timers of its own, above the settings here. Look-alikes: a lowered setting (timers above
//! it, too, but nothing was inserted), an established leak.

use crate::model::diagnosis::Remedy;
use crate::model::sentence::{Sentence, Word, noun};
use crate::model::signal::RelatedKind;
use crate::sentence;

use super::super::arith::share;
use super::super::evidence::{Cited, context, supports};
use super::super::facts::Case;
use super::super::open;
use super::super::scales::{Scales, Weight};
use super::super::timeouts::INSERTED_ONLY;
use super::super::{remedies, will_not_help};
use super::Candidate;

/// Below this share of the table the cause is not worth naming.
const WORTH_NAMING: f64 = 0.2;

struct Injected {
    /// From the log, else from the counter.
    entries: u64,
    from_log: bool,
    counter: Option<u64>,
    above_setting: u64,
    share_of_table: f64,
}

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let injected = measure(case)?;
    Some(Candidate {
        summary: summary(case, &injected),
        loses: Some(sentence![
            "entries committed from another machine explain only",
            Word::Share(injected.share_of_table),
            "of the table"
        ]),
        remedies: cures(case),
        will_not_help: vec![
            will_not_help::timeouts_for_injected(),
            will_not_help::loose(),
            will_not_help::flush_of_pair(),
        ],
        limit_contributes: true,
        ..Candidate::new(
            Candidate::tier_of(injected.share_of_table),
            injected.share_of_table,
            scales(case, &injected),
        )
    })
}

fn measure(case: &Case<'_>) -> Option<Injected> {
    let told = case
        .marks(RelatedKind::EntriesInjected)
        .flat_map(|around| &around.about)
        .filter_map(|(about, times)| Some(about.value?.saturating_mul(*times)))
        .fold(0u64, u64::saturating_add);
    // A kernel of unknown release may count every entry there.
    let counts = case.kernel.release.is_some_and(|release| release >= INSERTED_ONLY);
    let counter = case.counters.stat.and_then(|stat| stat.insert).filter(|n| counts && *n > 0);
    let outlived = case.timeouts().outlived();
    let above_setting = outlived.values().fold(0u64, |sum, (n, _)| sum.saturating_add(*n));
    // The log may show one commit of several: what bears timers of another machine came from there as well, as far as
    // programs have inserted so many.
    let entries =
        if told > 0 { told.max(above_setting.min(counter.unwrap_or(above_setting))) } else { counter? };
    // The counter alone speaks of the time since boot: it matters where timers or the log go with it.
    let moved = case.marks(RelatedKind::Failover).next().is_some();
    if told == 0 && !moved && share(above_setting, case.entries()) < WORTH_NAMING {
        return None;
    }
    let share_of_table = share(entries.min(case.entries()), case.entries());
    (share_of_table >= WORTH_NAMING).then_some(Injected {
        entries,
        from_log: told > 0,
        counter,
        above_setting,
        share_of_table,
    })
}

fn summary(case: &Case<'_>, injected: &Injected) -> Vec<Sentence> {
    let who = sentence![
        Word::Count(injected.entries, noun::ENTRY),
        "of another machine were put into this table of",
        Word::Count(case.entries(), noun::ENTRY)
    ];
    let how = if case.marks(RelatedKind::Failover).next().is_some() {
        sentence!["after a failover it holds both machines' entries, with the timers they came with"]
    } else {
        sentence!["conntrackd (or a restore) put them in, with timers of their own"]
    };
    let what =
        sentence!["give each machine room for both; let conntrackd hand over only what is established"];
    vec![who, how, what]
}

fn scales(case: &Case<'_>, injected: &Injected) -> Scales {
    let mut scales = Scales::default();
    if let Some(around) = case.marks(RelatedKind::EntriesInjected).next().filter(|_| injected.from_log) {
        scales.speaks_for(
            Weight::Deciding,
            supports("entries-injected", around.fact.clone())
                .value("entries", injected.entries as f64)
                .read_in_log(case),
        );
    }
    match injected.counter {
        Some(n) => scales.speaks_for(
            Weight::Strong,
            supports(
                "inserted",
                sentence![
                    Word::Count(n, noun::ENTRY),
                    "were inserted by programs since boot (",
                    Word::Code("insert".to_owned()),
                    "): the kernel itself inserts none"
                ],
            )
            .value("insert", n as f64)
            .read_in_table(case),
        ),
        None => scales.not_known(
            Weight::Slight,
            open::statistics(case, "the column insert says how many entries programs have put in"),
        ),
    }
    if let Some(around) = case.marks(RelatedKind::Failover).next() {
        scales.speaks_for(Weight::Strong, supports("failover", around.fact.clone()).read_in_log(case));
    }
    let part = share(injected.above_setting, case.entries());
    if injected.above_setting > 0 {
        let said = context(
            "timers-of-their-own",
            sentence![
                Word::Count(injected.above_setting, noun::ENTRY),
                "have more time left than the settings of this machine give"
            ],
        )
        .value("entries", injected.above_setting as f64)
        .read_in_table(case);
        let weight = if part >= WORTH_NAMING { Weight::Strong } else { Weight::Slight };
        scales.speaks_for(weight, said);
    }
    scales
}

fn cures(case: &Case<'_>) -> Vec<Remedy> {
    let mut out = Vec::new();
    out.extend(remedies::raise_limit(case));
    out.push(remedies::commit_less());
    out.push(remedies::purge_backup());
    out
}
