//! What becomes of this very table under a change: what is freed at once, where it settles, when it is full again.
//!
//! Two kinds of entries, two laws.
//!
//! - What only its timer removes (TIME_WAIT, CLOSE, a datagram's entry) comes at a rate and stays for its timeout:
//!   entries = rate × timeout. Under another timeout the next ones stay as long as that says, and those that are there
//!   keep their timers.
//! - What traffic keeps or moves on (ESTABLISHED, FIN_WAIT, UDP streams) is there because of its last packet. A shorter
//!   timeout would have removed exactly those that have been silent for longer, so what stays is counted, not scaled.
//!
//! Where packets were lost, more connections come than the table takes in: as many more as were lost. They would pass
//! through every state as those do that were let in. Where the table is younger than a lifetime, it took in all that
//! came, and will hold more.

mod course;
mod parts;

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::model::census::{Class, Pair, Peer};
use crate::model::diagnosis::Effect;
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::arith::{rounded, share};
use super::facts::{Case, FULL, duration_seconds};
use super::pace::{Pace, lasting, over};
use super::portion::Portion;
use super::timeouts::Known;
use course::Course;
use parts::Parts;

/// Below this share of a table a timeout that had to be assumed is not worth a sentence.
const WORTH_SAYING: f64 = 0.01;
/// From this share of a table on, what is assumed of connections in use is said.
const MANY: f64 = 0.1;
/// Over fewer seconds than this ages tell no rate.
const SPAN_MIN: f64 = 5.0;
/// Below this share of all that come, classes in balance cannot be told from stragglers.
const OTHERS_MIN: f64 = 0.1;
/// Two predictions that differ by this share are both said.
const WORTH_A_RANGE: f64 = 0.05;
/// Where a limit is missed by less than this share of it, a table that is full now stays full.
const NEARLY: f64 = 0.01;

/// A change, in thought. All of it happens at once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Change {
    /// Seconds that the next entries of a class live, where that changes.
    pub(crate) lifetimes: BTreeMap<Class, u64>,
    /// Sources that open nothing any more, and whose entries are deleted.
    pub(crate) gone_sources: Vec<IpAddr>,
    /// Pairs that leave no entry any more, and whose entries are deleted.
    pub(crate) gone_pairs: Vec<Pair>,
    /// Peers whose connections are kept open and used again, by everybody.
    pub(crate) reused_peers: Vec<Peer>,
    /// Pairs whose connections are kept open and used again.
    pub(crate) reused_pairs: Vec<Pair>,
    /// Entries that are deleted once and come again.
    pub(crate) deleted: u64,
    /// Another limit.
    pub(crate) limit: Option<u64>,
}

impl Change {
    /// Other lifetimes for the classes of a table.
    pub(crate) fn of_lifetimes(case: &Case<'_>, then: impl Fn(&Class) -> Option<u64>) -> Self {
        let classes = case.census.into_iter().flat_map(|census| census.who.classes.keys());
        Self {
            lifetimes: classes.filter_map(|class| Some((*class, then(class)?))).collect(),
            ..Self::default()
        }
    }
}

/// What fills a larger table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Growth {
    /// The table is in balance: what is refused now.
    #[default]
    Lost,
    /// The table is young: what filled it.
    Filling,
}

impl Growth {
    /// At which rate, in words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Lost => "at the rate of the packets lost",
            Self::Filling => "at the rate at which this one filled, on average,",
        }
    }
}

/// The prediction.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outlook {
    /// Entries freed at once; none: not known.
    pub(crate) freed_now: Option<u64>,
    /// Entries in the long run, if no limit stopped them.
    pub(crate) offered: Option<u64>,
    /// Entries in the long run.
    pub(crate) steady_state: Option<u64>,
    /// Seconds until the table is full for good; 0: it is, and stays so. None: it will not be, or is not known.
    pub(crate) full_again_seconds: Option<f64>,
    /// It is full once more, for a while, after so many seconds: until timers that run now have ended.
    pub(crate) full_meanwhile_seconds: Option<f64>,
    /// What fills it.
    pub(crate) growth: Growth,
    /// What all this rests on.
    pub(crate) assumptions: Vec<Sentence>,
}

impl Outlook {
    /// As a remedy's effect, with what is to be said of it; what the numbers rest on is said behind it.
    pub(crate) fn effect(&self, case: &Case<'_>, note: Sentence) -> Effect {
        let note = match rests_on(case).filter(|_| self.steady_state.is_some()) {
            Some(assumed) if note.0.is_empty() => sentence!["assumed:"].with(assumed),
            Some(assumed) => note.with("; assumed:").with(assumed),
            None => note,
        };
        Effect { entries_freed_now: self.freed_now, steady_state_entries: self.steady_state, note }
    }
}

/// In one clause: what every number about the long run assumes.
fn rests_on(case: &Case<'_>) -> Option<&'static str> {
    let pace = case.pace();
    pace.admitted_per_second()?;
    Some(match case.lost_per_second() {
        _ if pace.still_growing() => {
            "the rate stays, and packets lost were the same connections, tried again"
        }
        Some(_) => "the rate stays, and each packet lost was one more connection",
        None => "the rate stays",
    })
}

/// The prediction for a limit of `max` entries and nothing else changed.
pub(crate) fn headroom(case: &Case<'_>, max: u64) -> Outlook {
    outlook(case, &Change { limit: Some(max), ..Change::default() })
}

/// The prediction for this table. Without a table nothing is known.
pub(crate) fn outlook(case: &Case<'_>, change: &Change) -> Outlook {
    let Some(census) = case.census else {
        let why = "no table was given: neither rate nor lifetime is known";
        return Outlook { assumptions: vec![why.into()], ..Outlook::default() };
    };
    let mut parts = match Parts::of(case, Portion::of_table(census), change) {
        Ok(parts) => parts,
        Err(why) => return Outlook { assumptions: vec![why], ..Outlook::default() },
    };
    let rate = Rate::of(case);
    let mut assumptions = rate.assumptions(case);
    assumptions.extend(lifetimes_said(case, change));
    assumptions.append(&mut parts.assumptions);
    let freed = parts.freed.saturating_add(change.deleted);
    let course = Course::of(case, &parts, change, &rate);
    if let Some(why) = &course.unknown {
        assumptions.push(why.clone());
    }
    let offered = course.known().then(|| rounded(course.settles_at())).flatten();
    assumptions.extend(offered.and_then(|offered| without_the_lost(case, &parts, change, &rate, offered)));
    let limit = change.limit.or(case.usage.max);
    // A table that is above its limit (lowered since, or an excess of a moment) keeps what it has.
    let most = limit.map(|limit| if change.limit.is_some() { limit } else { limit.max(case.entries()) });
    let steady_state = offered.map(|offered| most.map_or(offered, |most| offered.min(most)));
    let mut out = Outlook {
        freed_now: Some(freed),
        offered,
        steady_state,
        growth: if rate.growing { Growth::Filling } else { Growth::Lost },
        ..Outlook::default()
    };
    if let (Some(limit), true) = (limit, course.known()) {
        let held = case.usage.held().unwrap_or(0).saturating_sub(freed);
        let full = offered.is_some_and(|offered| offered >= limit);
        // The list is never longer than the table, and packets were lost: what comes is no less than what stands here.
        let stays = case.incident.is_some()
            && change.limit.is_none()
            && case.usage.held() >= Some(limit)
            && freed == 0
            && offered.is_some_and(|offered| offered as f64 >= (1.0 - NEARLY) * limit as f64);
        let may = full || stays || change.limit.is_some() || freed > 0;
        let reached = may.then(|| course.reaches(limit as f64, held as f64, change.deleted as f64));
        match reached.flatten() {
            Some(seconds) if full || stays => out.full_again_seconds = Some(seconds),
            Some(seconds) => {
                out.full_meanwhile_seconds = Some(seconds);
                assumptions.push(sentence![
                    "until the timers that run now have ended it is full once more, after",
                    Word::Duration(seconds)
                ]);
            }
            None => {}
        }
    }
    out.assumptions = assumptions;
    out
}

/// Each packet lost is counted as one more connection, which retries make too many. Without them it settles lower: what
/// comes true lies between.
fn without_the_lost(
    case: &Case<'_>,
    parts: &Parts,
    change: &Change,
    rate: &Rate,
    offered: u64,
) -> Option<Sentence> {
    let admitted = Rate { pace: rate.pace.clone(), factor: 1.0, ..*rate };
    let low = rounded(Course::of(case, parts, change, &admitted).settles_at())?;
    (low as f64 <= (1.0 - WORTH_A_RANGE) * offered as f64).then(|| {
        sentence![
            "counted without the packets lost it settles at",
            Word::Count(low, noun::ENTRY),
            "and with them at",
            Word::Count(offered, noun::ENTRY),
            ": the truth lies between"
        ]
    })
}

/// How many come.
struct Rate {
    pace: Pace,
    /// Connections offered for each one that is let in, of those classes that are not young.
    factor: f64,
    /// The table is younger than a lifetime.
    growing: bool,
    lost: Option<f64>,
}

impl Rate {
    fn of(case: &Case<'_>) -> Self {
        let pace = case.pace();
        let lost = case.lost_per_second();
        let factor = lost.and_then(|lost| offered_for_each(case, &pace, lost)).unwrap_or(1.0);
        let growing = pace.still_growing();
        Self { pace, factor, growing, lost: lost.filter(|_| !growing || factor > 1.0) }
    }

    fn assumptions(&self, case: &Case<'_>) -> Vec<Sentence> {
        let full = case.incident.is_some();
        if self.pace.admitted_per_second().is_none() {
            return vec![
                "nearly all entries last as long as their connection is used: they tell no rate".into(),
            ];
        }
        let mut out: Vec<Sentence> = vec!["new connections keep coming at the rate of this table".into()];
        out.extend(match self.lost {
            _ if self.growing && self.factor > 1.0 => Some(
                "entries that came in less than their lifetime came at the rate at which they did; what else was lost is counted to the others".into(),
            ),
            _ if self.growing => Some(
                "the table filled in less than a lifetime of its entries: the packets lost are taken for the same connections, tried again".into(),
            ),
            Some(_) => Some(
                "each packet lost is one connection that would have had an entry; retries make that too many"
                    .into(),
            ),
            None if full => Some("the packets lost are not counted in: their rate is not known".into()),
            None => None,
        });
        let mix = case.mix();
        let in_use = mix.map_or(0, |mix| mix.count(lasting));
        if share(in_use, case.entries()) >= MANY {
            out.push(match self.lost {
                Some(_) => {
                    "connections in use become as many more as come in addition, and last as long".into()
                }
                None => "connections in use stay as many".into(),
            });
        }
        let evictable = mix.map_or(0, |mix| mix.effective().evictable);
        let may_evict = case.usage.share().is_some_and(|usage| usage >= FULL);
        let none_was = case.counters.stat.and_then(|stat| stat.early_drop) == Some(0);
        if may_evict && evictable > 0 && !none_was {
            out.push(
                "what the kernel evicted to make room is not in the table: more may come than it tells"
                    .into(),
            );
        }
        out
    }
}

/// Connections offered for each one let in, of the classes that are not young. Young ones came at the rate at which they
/// did, and a full table let in no more of them since: what comes beside them are the others.
fn offered_for_each(case: &Case<'_>, pace: &Pace, lost: f64) -> Option<f64> {
    let mean = pace.admitted_per_second()?;
    let offered = admitted_meanwhile(case, pace).unwrap_or(mean) + lost;
    let young = pace.classes.iter().filter(|(class, _)| pace.young(class));
    let young: f64 = young.map(|(_, coming)| coming.per_second).sum();
    let others = mean - young;
    (others >= OTHERS_MIN * offered).then(|| ((offered - young) / others).max(1.0))
}

/// New entries a second over the time in which packets were lost. A table that filled at once empties and fills in waves,
/// so that more are lost while less are let in. Of a connection that is over, the age says when it ended; it was let in
/// before that by the time for which it was used.
fn admitted_meanwhile(case: &Case<'_>, pace: &Pace) -> Option<f64> {
    let since_start = case.lead?.offset_seconds?;
    let since_end = (since_start - duration_seconds(case.incident?)?).max(0.0);
    let span = since_start - since_end;
    let (ages, timeouts) = (case.ages()?, case.timeouts());
    let in_use = pace.in_use_seconds(ages, &timeouts);
    let mut sum = pace.admitted_per_second()?;
    for (class, coming) in pace.classes.iter().filter(|(class, _)| pace.ends(class)) {
        let before = if over(class) { in_use } else { 0.0 };
        let (from, until) = ((since_end - before).max(0.0), since_start - before);
        if until - from < SPAN_MIN || until > coming.lifetime_seconds as f64 {
            continue;
        }
        let alike = ages.classes.iter().filter(|(c, _)| c.l4 == class.l4 && c.state == class.state);
        let alike = alike.fold(0u64, |sum, (_, n)| sum.saturating_add(*n));
        if let Some(those) = ages.between_per_second(class, (from, until), &timeouts) {
            let ended = those * (until - from) * share(coming.entries, alike);
            // Those that are still in use were let in meanwhile, as far as that reaches back.
            let unended = (before - since_end).clamp(0.0, span) * coming.per_second;
            sum += (ended + unended) / span - coming.per_second;
        }
    }
    Some(sum)
}

/// What is said of timeouts: those that had to be assumed, and what a change of them means.
fn lifetimes_said(case: &Case<'_>, change: &Change) -> Vec<Sentence> {
    let mut out = Vec::new();
    let timeouts = case.timeouts();
    if !change.lifetimes.is_empty() {
        out.push("timers that run keep their old end: a timeout frees no entry at once".into());
        if change.lifetimes.keys().any(|class| !over(class)) {
            out.push("a shorter timeout keeps those entries whose last packet is not as long ago, and connections behave as before".into());
        }
    }
    let assumed: u64 = case
        .census
        .into_iter()
        .flat_map(|census| &census.who.classes)
        .filter(|(class, _)| {
            let timeout = timeouts.of(class.l4, class.state, class.replied);
            timeout.is_some_and(|timeout| timeout.known != Known::Setting)
        })
        .fold(0, |sum, (_, n)| sum.saturating_add(*n));
    if share(assumed, case.entries()) >= WORTH_SAYING {
        out.push(sentence![
            "the timeouts of",
            Word::Count(assumed, noun::ENTRY),
            "are in none of the inputs: the kernel's defaults are taken"
        ]);
    }
    out
}
