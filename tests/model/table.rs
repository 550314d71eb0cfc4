//! A model of a connection table: streams of new entries go through states, each of which ends after a time of use or by
//! its timer; a limit refuses what finds no place; early drop evicts what is not assured. It answers what a table settles
//! at, what it holds by state, and when it is full, by counting, so that predictions can be held against it.
//!
//! As in the kernel a timer is set when a state begins (every packet of use sets it back to the same), so that a changed
//! timeout acts on what enters the state afterwards (`nf_ct_refresh_acct`); expired entries leave at once, that is without
//! the up to 60 s until the collector comes.
#![allow(dead_code, reason = "each test file is a crate of its own and uses some of it")]

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use conntriage::model::era::EarlyDrop;

use crate::limiter::Dice;

/// How long an entry stays in a state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Stay {
    /// As long as the connection is used, in seconds on average (exponentially distributed).
    Used(f64),
    /// Until the timer of the state runs out, in seconds.
    Timer(f64),
}

/// One state on the way of an entry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stage {
    /// `TIME_WAIT`, or any word for a state of a protocol that has none.
    pub(crate) state: &'static str,
    pub(crate) stay: Stay,
    /// Not assured: early drop may take it.
    pub(crate) evictable: bool,
}

/// New entries of one kind.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stream {
    /// A second, at random times.
    pub(crate) rate: f64,
    /// States, one after the other; behind the last one the entry is gone.
    pub(crate) stages: Vec<Stage>,
}

/// Short TCP connections: used for so long, then closed.
pub(crate) fn short_connections(rate: f64, used_seconds: f64, time_wait_seconds: f64) -> Stream {
    let used = Stage { state: "ESTABLISHED", stay: Stay::Used(used_seconds), evictable: false };
    let over = Stage { state: "TIME_WAIT", stay: Stay::Timer(time_wait_seconds), evictable: false };
    Stream { rate, stages: vec![used, over] }
}

/// What nobody answers, kept until its timer runs out.
pub(crate) fn unanswered(rate: f64, state: &'static str, timeout_seconds: f64) -> Stream {
    Stream { rate, stages: vec![Stage { state, stay: Stay::Timer(timeout_seconds), evictable: true }] }
}

/// The table's bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) limit: u64,
    pub(crate) buckets: u64,
    /// None: nothing is ever evicted.
    pub(crate) early_drop: Option<EarlyDrop>,
}

/// What happened in a span of time.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Span {
    /// New entries that found a place.
    pub(crate) accepted: u64,
    /// New ones that found none.
    pub(crate) refused: u64,
    /// Entries evicted for new ones.
    pub(crate) evicted: u64,
    /// Entries on average over the span.
    pub(crate) mean: f64,
    /// Seconds into the span at which the table was first full.
    pub(crate) full_after: Option<f64>,
}

/// The table while it runs. Time in microseconds.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    bounds: Bounds,
    streams: Vec<Stream>,
    dice: Dice,
    now: u64,
    /// What happens next: when, and to whom.
    events: BinaryHeap<Reverse<(u64, Event)>>,
    entries: Vec<Entry>,
    /// Free places in `entries`.
    free: Vec<usize>,
    /// Places of entries that may be evicted.
    evictable: Vec<usize>,
    live: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A new entry of a stream.
    Arrival(usize),
    /// The state of the entry at a place ends, if it still is the one it was (its number of birth).
    End(usize, u64),
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    stream: usize,
    stage: usize,
    /// Counts up with every entry that had this place; 0 while the place is free.
    birth: u64,
    /// When its state ends.
    ends: u64,
    /// Its index among those that may be evicted.
    listed: Option<usize>,
    alive: bool,
}

const SECOND: f64 = 1e6;

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "spans are positive and far below 2^52 µs"
)]
fn micros(seconds: f64) -> u64 {
    (seconds * SECOND).max(0.0) as u64
}

impl Model {
    /// An empty table at time 0.
    pub(crate) fn new(bounds: Bounds, streams: Vec<Stream>, seed: u64) -> Self {
        let mut model = Self {
            bounds,
            streams,
            dice: Dice(seed),
            now: 0,
            events: BinaryHeap::new(),
            entries: Vec::new(),
            free: Vec::new(),
            evictable: Vec::new(),
            live: 0,
        };
        for stream in 0..model.streams.len() {
            model.expect_arrival(stream);
        }
        model
    }

    /// Entries now.
    pub(crate) fn count(&self) -> u64 {
        self.live
    }

    /// Entries now, by state.
    pub(crate) fn by_state(&self) -> BTreeMap<&'static str, u64> {
        let mut out = BTreeMap::new();
        for entry in self.entries.iter().filter(|entry| entry.alive) {
            *out.entry(self.streams[entry.stream].stages[entry.stage].state).or_default() += 1;
        }
        out
    }

    /// Every entry now: its stream, its state, and what is left on its timer, in seconds (none while it is used).
    pub(crate) fn rows(&self) -> Vec<(usize, &'static str, Option<f64>)> {
        let row = |entry: &Entry| {
            let stage = self.streams[entry.stream].stages[entry.stage];
            let left = (entry.ends.saturating_sub(self.now)) as f64 / SECOND;
            (entry.stream, stage.state, matches!(stage.stay, Stay::Timer(_)).then_some(left))
        };
        self.entries.iter().filter(|entry| entry.alive).map(row).collect()
    }

    /// Another limit from now on. What is above it stays until it ends.
    pub(crate) fn set_limit(&mut self, limit: u64) {
        self.bounds.limit = limit;
    }

    /// Another timeout of a state for what enters it from now on.
    pub(crate) fn set_timer(&mut self, state: &str, seconds: f64) {
        for stage in self.streams.iter_mut().flat_map(|stream| &mut stream.stages) {
            if stage.state == state && matches!(stage.stay, Stay::Timer(_)) {
                stage.stay = Stay::Timer(seconds);
            }
        }
    }

    /// Removes all entries in a state, as `conntrack -D --state` does; how many there were.
    pub(crate) fn delete(&mut self, state: &str) -> u64 {
        let mut deleted = 0;
        for place in 0..self.entries.len() {
            let entry = self.entries[place];
            if entry.alive && self.streams[entry.stream].stages[entry.stage].state == state {
                self.remove(place);
                deleted += 1;
            }
        }
        deleted
    }

    /// Lets so many seconds pass.
    pub(crate) fn advance(&mut self, seconds: f64) -> Span {
        let (start, end) = (self.now, self.now + micros(seconds));
        let mut span = Span::default();
        let mut area = 0.0;
        while let Some(Reverse((at, event))) = self.events.peek().copied().filter(|next| next.0.0 <= end) {
            self.events.pop();
            area += (at - self.now) as f64 * self.live as f64;
            self.now = at;
            match event {
                Event::Arrival(stream) => {
                    self.arrive(stream, &mut span);
                    self.expect_arrival(stream);
                }
                Event::End(place, birth) => self.go_on(place, birth),
            }
            if self.live >= self.bounds.limit && span.full_after.is_none() {
                span.full_after = Some((self.now - start) as f64 / SECOND);
            }
        }
        area += (end - self.now) as f64 * self.live as f64;
        self.now = end;
        span.mean = area / (end - start).max(1) as f64;
        span
    }

    fn expect_arrival(&mut self, stream: usize) {
        let rate = self.streams[stream].rate;
        if rate > 0.0 {
            let wait = -(1.0 - self.dice.unit()).ln() / rate;
            self.events.push(Reverse((self.now + micros(wait).max(1), Event::Arrival(stream))));
        }
    }

    fn arrive(&mut self, stream: usize, span: &mut Span) {
        if self.live >= self.bounds.limit {
            if !self.finds_one_to_evict() {
                span.refused += 1;
                return;
            }
            let lot = self.dice.roll() % self.evictable.len() as u64;
            let place = self.evictable[usize::try_from(lot).unwrap()];
            self.remove(place);
            span.evicted += 1;
        }
        span.accepted += 1;
        let entry = Entry { stream, stage: 0, birth: 0, ends: 0, listed: None, alive: true };
        let place = self.free.pop().unwrap_or_else(|| {
            self.entries.push(Entry { alive: false, ..entry });
            self.entries.len() - 1
        });
        let birth = self.entries[place].birth + 1;
        self.entries[place] = Entry { birth, ..entry };
        self.live += 1;
        self.enter(place);
    }

    /// Early drop's look at a few chains. Every entry stands in two of them.
    fn finds_one_to_evict(&mut self) -> bool {
        let loose = self.evictable.len() as f64;
        let in_a_bucket = 2.0 * loose / self.bounds.buckets as f64;
        let none = match self.bounds.early_drop {
            None => return false,
            Some(_) if self.evictable.is_empty() => return false,
            Some(EarlyDrop::OwnChain | EarlyDrop::OneBucket) => (-in_a_bucket).exp(),
            Some(EarlyDrop::EightBuckets) => (-8.0 * in_a_bucket).exp(),
            Some(EarlyDrop::EightEntries) => (1.0 - loose / self.live as f64).powi(8),
        };
        self.dice.unit() >= none
    }

    /// The entry begins the state that it is in.
    fn enter(&mut self, place: usize) {
        let entry = self.entries[place];
        let stage = self.streams[entry.stream].stages[entry.stage];
        let seconds = match stage.stay {
            Stay::Used(mean) => -(1.0 - self.dice.unit()).ln() * mean,
            Stay::Timer(timeout) => timeout,
        };
        let ends = self.now + micros(seconds).max(1);
        self.entries[place].ends = ends;
        self.events.push(Reverse((ends, Event::End(place, entry.birth))));
        match (stage.evictable, entry.listed) {
            (true, None) => {
                self.entries[place].listed = Some(self.evictable.len());
                self.evictable.push(place);
            }
            (false, Some(_)) => self.unlist(place),
            _ => {}
        }
    }

    fn go_on(&mut self, place: usize, birth: u64) {
        let entry = self.entries[place];
        if !entry.alive || entry.birth != birth {
            return;
        }
        if entry.stage + 1 < self.streams[entry.stream].stages.len() {
            self.entries[place].stage += 1;
            self.enter(place);
        } else {
            self.remove(place);
        }
    }

    fn remove(&mut self, place: usize) {
        self.unlist(place);
        self.entries[place].alive = false;
        self.free.push(place);
        self.live -= 1;
    }

    fn unlist(&mut self, place: usize) {
        let Some(index) = self.entries[place].listed.take() else { return };
        self.evictable.swap_remove(index);
        if let Some(moved) = self.evictable.get(index).copied() {
            self.entries[moved].listed = Some(index);
        }
    }
}
