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

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::model::census::{Class, Distinct, LeaderKey, Pair, Peer};
use crate::model::diagnosis::Effect;
use crate::model::flow::L4;
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::arith::{rounded, share};
use super::facts::Case;
use super::headroom::Growth;
use super::idle::Ages;
use super::mix::{Mix, closing};
use super::pace::{GONE_SECONDS, Pace, Tail, WHOLE, lasting, over};
use super::portion::Portion;
use super::timeouts::{Known, Timeouts};

/// First moment that is looked at, seconds.
const FIRST_SECONDS: f64 = 0.25;
/// Each moment that is looked at is later than the one before by this factor.
const STEP: f64 = 1.02;
/// Nothing changes any more after the longest default timeout, twice.
const LAST_SECONDS: f64 = 864_000.0;
/// Below this share of a table a timeout that had to be assumed is not worth a sentence.
const WORTH_SAYING: f64 = 0.01;

/// From this share of a table on, what is assumed of connections in use is said.
const MANY: f64 = 0.1;
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
        match course.reaches(limit as f64, held as f64, change.deleted as f64) {
            Some(seconds) if full || stays => out.full_again_seconds = Some(seconds),
            Some(seconds) if change.limit.is_some() || freed > 0 => {
                out.full_meanwhile_seconds = Some(seconds);
                assumptions.push(sentence![
                    "until the timers that run now have ended it is full once more, after",
                    Word::Duration(seconds)
                ]);
            }
            Some(_) | None => {}
        }
    }
    out.assumptions = assumptions;
    out
}

/// How many come.
struct Rate {
    pace: Pace,
    /// Connections offered for each one that is let in.
    factor: f64,
    /// The table is younger than a lifetime.
    growing: bool,
    lost: Option<f64>,
}

impl Rate {
    fn of(case: &Case<'_>) -> Self {
        let pace = case.pace();
        let growing = pace.still_growing();
        let lost = case.lost_per_second().filter(|_| !growing);
        let factor = match (lost, pace.admitted_per_second()) {
            (Some(lost), Some(admitted)) => 1.0 + lost / admitted,
            _ => 1.0,
        };
        Self { factor, growing, lost, pace }
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
        let in_use = case.mix().map_or(0, |mix| mix.count(lasting));
        if share(in_use, case.entries()) >= MANY {
            out.push(match self.lost {
                Some(_) => {
                    "connections in use become as many more as come in addition, and last as long".into()
                }
                None => "connections in use stay as many".into(),
            });
        }
        out
    }
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

/// The table, divided by what happens to it.
struct Parts {
    /// What goes on as before.
    rest: Portion,
    /// What is over and is not followed by more: it drains.
    drains: Portion,
    /// Connections kept open.
    pool: u64,
    /// Deleted.
    freed: u64,
    assumptions: Vec<Sentence>,
}

impl Parts {
    fn of(case: &Case<'_>, whole: Portion, change: &Change) -> Result<Self, Sentence> {
        let mut out =
            Self { rest: whole, drains: Portion::default(), pool: 0, freed: 0, assumptions: Vec::new() };
        for key in change.gone() {
            let part = Portion::of(held_by(case, &key)?);
            out.freed = out.freed.saturating_add(part.entries());
            out.rest.take_away(&part);
            out.assumptions.push(gone_said(&key, part.entries()));
        }
        for (key, without) in change.reused() {
            let leader = held_by(case, &key)?;
            let mut part = Portion::of(leader);
            for pair in without {
                part.take_away(&Portion::of(held_by(case, &LeaderKey::Pair(pair))?));
            }
            out.rest.take_away(&part);
            let open = Mix(&part.classes).count(|class| !ended(class));
            let clients = match (&key, leader.other_ends) {
                (LeaderKey::Peer(_), Distinct::Exactly(clients)) => clients,
                _ => 1,
            };
            // Who has entries there keeps one connection at least.
            let kept = open.max(clients).min(part.entries());
            part.classes.retain(|class, _| ended(class));
            out.drains.add(&part);
            out.pool = out.pool.saturating_add(kept);
            out.assumptions.push(pool_said(&key, kept));
        }
        Ok(out)
    }
}

impl Change {
    /// What is deleted, each entry under one key.
    fn gone(&self) -> Vec<LeaderKey> {
        let mut keys: Vec<LeaderKey> =
            self.gone_sources.iter().map(|source| LeaderKey::Source(*source)).collect();
        let pairs = self.gone_pairs.iter().filter(|pair| !self.gone_sources.contains(&pair.source));
        keys.extend(pairs.map(|pair| LeaderKey::Pair(*pair)));
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// What is kept open, each entry under one key; with the pairs of it that are deleted.
    fn reused(&self) -> Vec<(LeaderKey, Vec<Pair>)> {
        let is_gone =
            |pair: &Pair| self.gone_sources.contains(&pair.source) || self.gone_pairs.contains(pair);
        let mut out: Vec<(LeaderKey, Vec<Pair>)> = Vec::new();
        for peer in &self.reused_peers {
            let sources = self.gone_sources.iter().map(|source| Pair { source: *source, peer: *peer });
            let pairs = self.gone_pairs.iter().copied().filter(|pair| pair.peer == *peer);
            let mut without: Vec<Pair> = sources.chain(pairs).collect();
            without.sort_unstable();
            without.dedup();
            out.push((LeaderKey::Peer(*peer), without));
        }
        let pairs =
            self.reused_pairs.iter().filter(|pair| !is_gone(pair) && !self.reused_peers.contains(&pair.peer));
        out.extend(pairs.map(|pair| (LeaderKey::Pair(*pair), Vec::new())));
        out.sort_unstable();
        out.dedup();
        out
    }
}

/// A connection that was used and is over.
fn ended(class: &Class) -> bool {
    closing(class.l4, class.state) && class.state != Some(crate::model::flow::State::CloseWait)
}

/// What a key holds; where that is not known, in words.
fn held_by<'a>(case: &Case<'a>, key: &LeaderKey) -> Result<&'a crate::model::census::Leader, Sentence> {
    case.how(key).ok_or_else(|| {
        named(key).with(
            "is not among the leaders of this table, which alone are described: what it holds is not known",
        )
    })
}

fn named(key: &LeaderKey) -> Sentence {
    let end = |peer: &Peer| Word::Endpoint(peer.address, peer.port, peer.l4);
    match key {
        LeaderKey::Source(source) | LeaderKey::Destination(source) => sentence![*source],
        LeaderKey::Peer(peer) => sentence![end(peer)],
        LeaderKey::Pair(pair) => sentence!["from", pair.source, "to", end(&pair.peer)],
        LeaderKey::DestinationPort(port) | LeaderKey::SourcePort(port) => {
            sentence![Word::Port(port.port, port.l4)]
        }
    }
}

fn gone_said(key: &LeaderKey, entries: u64) -> Sentence {
    match key {
        _ if entries == 0 => named(key).with("has no entry in this table"),
        LeaderKey::Pair(_) => sentence![
            "the connections"
        ]
        .and(named(key))
        .with("go on without entries; theirs are deleted, both directions are taken out, and nothing translates their addresses"),
        _ => named(key).with("opens no connection any more, its entries are deleted, and nobody opens them in its place"),
    }
}

fn pool_said(key: &LeaderKey, kept: u64) -> Sentence {
    let out = sentence![
        "as many connections stay open as are in use at once, one for each client at least:",
        Word::Count(kept, noun::CONNECTION)
    ];
    match key {
        LeaderKey::Pair(_) => out,
        _ => out.with("to").and(named(key)),
    }
    .with("; a pool sized for peaks is larger, and what is over now runs out by itself")
}

/// Entries over time under a change.
struct Course {
    /// What its timers alone remove: those there are.
    old: Vec<Leaving>,
    /// What its timers alone remove: those that come, (a second, seconds they stay).
    coming: Vec<(f64, f64)>,
    /// What stays as many.
    constant: f64,
    /// What has been silent for longer than its new timeout: how many are left at the end of their timers.
    silent: Vec<Leaving>,
    /// What grows at a rate until a moment.
    growing: Vec<(f64, f64)>,
    /// Nothing is known of the long run, because.
    unknown: Option<Sentence>,
}

/// Entries whose timers run out: bins (lower end of the remaining seconds, width, entries), ascending, and how many of
/// them are meant for each one in the bins.
struct Leaving {
    bins: Vec<(f64, f64, f64)>,
    entries: f64,
}

impl Leaving {
    /// `entries` that leave as the entries of the bins do; without bins evenly over a lifetime.
    fn of(entries: f64, bins: Vec<(f64, f64, f64)>, lifetime: f64) -> Self {
        let bins = if bins.is_empty() { vec![(0.0, lifetime.max(1.0), 1.0)] } else { bins };
        Self { bins, entries }
    }

    fn left(&self, seconds: f64) -> f64 {
        let (mut all, mut left) = (0.0, 0.0);
        for (low, width, n) in &self.bins {
            all += n;
            left += n * ((low + width - seconds) / width).clamp(0.0, 1.0);
        }
        if all > 0.0 { self.entries * left / all } else { 0.0 }
    }
}

impl Course {
    fn of(case: &Case<'_>, parts: &Parts, change: &Change, rate: &Rate) -> Self {
        let timeouts = case.timeouts();
        let mut out = Self {
            old: Vec::new(),
            coming: Vec::new(),
            constant: parts.pool as f64,
            silent: Vec::new(),
            growing: Vec::new(),
            unknown: None,
        };
        let ages = parts.rest.ages();
        // The rate of the rest, told by the rest alone.
        let pace = if parts.freed == 0 && parts.pool == 0 { rate.pace.clone() } else { case.pace_of(ages) };
        out.drain(&parts.drains, &timeouts);
        let ends = |class: &Class| pace.ends(class);
        let tcp_rate: f64 =
            pace.classes.iter().filter(|(class, _)| over(class)).map(|(_, coming)| coming.per_second).sum();
        let on_the_way = parts.rest.classes.iter().filter(|(class, _)| class.l4 == L4::TCP && !ends(class));
        let on_the_way: f64 =
            on_the_way.map(|(class, n)| *n as f64 * there(parts.rest.ages(), class, &timeouts)).sum();
        let in_use_seconds = if tcp_rate > 0.0 { on_the_way / tcp_rate } else { 0.0 };
        let more = rate.factor - 1.0;
        for (class, entries) in &parts.rest.classes {
            let entries = *entries as f64;
            let known = timeouts.of(class.l4, class.state, class.replied).filter(|t| t.seconds > 0);
            let now = known.map(|timeout| timeout.seconds as f64);
            let then = change.lifetimes.get(class).map(|then| *then as f64);
            match (pace.classes.get(class).filter(|_| ends(class)), now) {
                (Some(coming), Some(now)) => {
                    let stays = then.unwrap_or(now);
                    out.old.push(Leaving::of(entries, bins(&parts.rest, class), now));
                    out.coming.push((coming.per_second, stays));
                    let lost = more * coming.per_second;
                    let ahead = if over(class) { in_use_seconds } else { 0.0 };
                    out.growing.push((lost, ahead + stays));
                }
                _ => out.used(Used {
                    case,
                    class,
                    entries,
                    now,
                    then,
                    parts,
                    stream: pace.streams.get(class).copied(),
                    more,
                }),
            }
        }
        out
    }

    /// What is over, and followed by no more.
    fn drain(&mut self, drains: &Portion, timeouts: &Timeouts<'_>) {
        for (class, entries) in &drains.classes {
            let lifetime =
                timeouts.of(class.l4, class.state, class.replied).map_or(120.0, |t| t.seconds as f64);
            self.old.push(Leaving::of(*entries as f64, bins(drains, class), lifetime));
        }
    }

    /// A class that traffic keeps or moves on.
    fn used(&mut self, used: Used<'_, '_>) {
        let Used { case, class, entries, now, then, parts, stream, more } = used;
        let timeouts = case.timeouts();
        let ages = parts.rest.ages();
        let tail = Tail::of(ages, class, &timeouts).filter(|_| lasting(class));
        let kept = match (now, then) {
            (Some(now), Some(then)) if then < now => match kept_within(ages, class, then, &timeouts) {
                Some(kept) => kept,
                None if !lasting(class) => then / now,
                None => {
                    self.cannot(case, class, entries);
                    1.0
                }
            },
            _ => 1.0,
        };
        let stays = entries * kept;
        self.constant += stays;
        if kept < 1.0 {
            self.silent.push(Leaving::of(
                entries - stays,
                silent_bins(&parts.rest, class, now, then),
                now.unwrap_or(1.0),
            ));
        }
        let part = share(rounded(entries).unwrap_or(0), parts.rest.alike(class));
        match (tail, now, then) {
            // Nobody uses those of the tail any more, and nothing stops more of them from coming.
            (Some(tail), Some(now), _) => {
                let until = then.unwrap_or(now);
                if until > tail.oldest_seconds && (then.is_some() || tail.oldest_seconds < WHOLE * now) {
                    self.growing.push((part * tail.per_second, until - tail.oldest_seconds));
                }
            }
            // Those that reach the end of their timers would stay for the difference.
            (None, Some(now), Some(then)) if then > now => {
                let leaving = stream.or_else(|| Some(part * ages.leaving_per_second(class, &timeouts)?));
                let unknown = if lasting(class) { 0.0 } else { entries / now };
                self.growing.push((leaving.unwrap_or(unknown), then - now));
            }
            _ => {}
        }
        // Those of TCP that come in addition are on their way to their end, which counts them.
        if class.l4 != L4::TCP {
            let in_use = stays.min(entries * there(ages, class, &timeouts));
            let lifetime = match stream {
                Some(rate) if rate > 0.0 => entries / rate,
                _ => now.unwrap_or(1.0).max(1.0),
            };
            self.growing.push((more * in_use / lifetime, lifetime));
        }
    }

    fn cannot(&mut self, case: &Case<'_>, class: &Class, entries: f64) {
        if entries >= WORTH_SAYING * case.entries() as f64 {
            self.unknown = Some(sentence![
                "how long the",
                Word::Count(rounded(entries).unwrap_or(0), noun::ENTRY),
                "of",
                Word::Protocol(class.l4),
                "that are in use have been silent cannot be told: where they settle is not known"
            ]);
        }
    }

    fn known(&self) -> bool {
        self.unknown.is_none()
    }

    /// Entries in the long run.
    fn settles_at(&self) -> f64 {
        let coming: f64 = self.coming.iter().map(|(rate, stays)| rate * stays).sum();
        let growing: f64 = self.growing.iter().map(|(rate, until)| rate * until).sum();
        self.constant + coming + growing
    }

    /// Entries after so many seconds, of which `deleted` are gone from those that leave by their timers.
    fn at(&self, seconds: f64, deleted: f64) -> f64 {
        let left = |leaving: &[Leaving]| leaving.iter().map(|old| old.left(seconds)).sum::<f64>();
        let whole: f64 = self.old.iter().map(|old| old.entries).sum();
        let stays = if whole > 0.0 { (1.0 - deleted / whole).max(0.0) } else { 1.0 };
        let up_to =
            |those: &[(f64, f64)]| those.iter().map(|(rate, end)| rate * seconds.min(*end)).sum::<f64>();
        self.constant
            + stays * left(&self.old)
            + left(&self.silent)
            + up_to(&self.coming)
            + up_to(&self.growing)
    }

    /// When a limit is reached, if it is; `held` are counted now.
    fn reaches(&self, limit: f64, held: f64, deleted: f64) -> Option<f64> {
        if held >= limit {
            return Some(0.0);
        }
        // Expired entries that are not collected yet are counted and not listed.
        let unlisted = (held - self.at(0.0, deleted)).max(0.0);
        let held_at = |seconds: f64| self.at(seconds, deleted) + unlisted;
        let (mut before, mut seconds) = (0.0, FIRST_SECONDS);
        while seconds <= LAST_SECONDS {
            let (low, high) = (held_at(before), held_at(seconds));
            if high >= limit {
                let part = if high > low { ((limit - low) / (high - low)).clamp(0.0, 1.0) } else { 1.0 };
                return Some(before + part * (seconds - before));
            }
            before = seconds;
            seconds *= STEP;
        }
        None
    }
}

/// What is needed to say what becomes of a class that is in use.
struct Used<'a, 'c> {
    case: &'a Case<'c>,
    class: &'a Class,
    entries: f64,
    now: Option<f64>,
    then: Option<f64>,
    parts: &'a Parts,
    /// New ones a second, where datagrams keep them.
    stream: Option<f64>,
    more: f64,
}

/// The share of a class whose ends are still there, as far as silence tells.
fn there(ages: Ages<'_>, class: &Class, timeouts: &Timeouts<'_>) -> f64 {
    if lasting(class) { ages.share_within(class, GONE_SECONDS, timeouts).unwrap_or(1.0) } else { 1.0 }
}

/// The share of a class whose last packet is at most so long ago.
fn kept_within(ages: Ages<'_>, class: &Class, seconds: f64, timeouts: &Timeouts<'_>) -> Option<f64> {
    let seconds = rounded(seconds)?;
    ages.share_within(class, seconds, timeouts)
}

/// Remaining times of the state of a class, as they are.
fn bins(portion: &Portion, class: &Class) -> Vec<(f64, f64, f64)> {
    let remaining = portion.remaining.get(&(class.l4, class.state));
    let bins = remaining.into_iter().flat_map(|remaining| &remaining.bins);
    bins.filter_map(|(bin, n)| {
        let width = crate::model::census::Remaining::width_seconds(*bin)?;
        Some((f64::from(*bin), f64::from(width), *n as f64))
    })
    .collect()
}

/// The same of those that have been silent for longer than `then`.
fn silent_bins(
    portion: &Portion,
    class: &Class,
    now: Option<f64>,
    then: Option<f64>,
) -> Vec<(f64, f64, f64)> {
    let (Some(now), Some(then)) = (now, then) else { return Vec::new() };
    bins(portion, class).into_iter().filter(|(low, _, _)| *low < now - then).collect()
}
