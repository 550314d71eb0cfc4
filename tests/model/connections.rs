//! A model of the connection-tracking table, connection by connection: they arrive in streams, pass through the states
//! that the kernel gives them, are kept by their packets and removed by their timers; a full table evicts what is not
//! assured, where its era finds it, and else loses the packet. What is predicted of a table can be held against what the
//! model then does.
//!
//! Timers follow `nf_conntrack_proto_tcp.c` and `nf_conntrack_proto_udp.c`: every packet of a connection sets its timer
//! to the timeout of its state as it is set at that moment; a timer that runs keeps its end. The search for room follows
//! `early_drop` of each era.
#![allow(dead_code, reason = "each test file is a crate of its own and uses some of it")]

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::IpAddr;

use conntriage::model::census::Peer;
use conntriage::model::era::{EarlyDrop, TIMEOUTS, default_timeout, timeout_name};
use conntriage::model::flow::{Flow, L3, L4, L4Part, Reply, State, Tuple, Zones};
use conntriage::model::scenario::Deed;

mod dice;

pub(crate) use dice::Dice;

/// There and back.
const ROUND_TRIP: f64 = 0.05;

/// What becomes of a connection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Life {
    /// Opened, used for so long with a packet now and then, closed; the entry ends in this state.
    Tcp { in_use: f64, gap: f64, end: State },
    /// A handshake that nobody finishes, in this state.
    HalfOpen(State),
    /// Used for so long, then its ends vanish without a word.
    Abandoned { in_use: f64, gap: f64 },
    /// One datagram, answered or not.
    Datagram { answered: bool },
    /// Datagrams both ways for so long.
    Stream { in_use: f64, gap: f64 },
}

impl Life {
    fn l4(self) -> L4 {
        match self {
            Self::Tcp { .. } | Self::HalfOpen(_) | Self::Abandoned { .. } => L4::TCP,
            Self::Datagram { .. } | Self::Stream { .. } => L4::UDP,
        }
    }

    /// Seconds of use, and between packets.
    fn used(self) -> (f64, f64) {
        match self {
            Self::Tcp { in_use, gap, .. }
            | Self::Abandoned { in_use, gap }
            | Self::Stream { in_use, gap } => (in_use, gap),
            Self::HalfOpen(_) | Self::Datagram { .. } => (0.0, 1.0),
        }
    }
}

/// Like connections that come at a rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Arrivals {
    pub(crate) source: IpAddr,
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    /// A second.
    pub(crate) rate: f64,
    pub(crate) life: Life,
}

impl Arrivals {
    pub(crate) fn peer(&self) -> Peer {
        Peer { address: self.address, port: Some(self.port), l4: self.life.l4() }
    }
}

/// A connection, and its entry where it has one.
#[derive(Debug, Clone)]
struct Connection {
    of: usize,
    source_port: u16,
    state: Option<State>,
    replied: Reply,
    /// End of the timer; none: it has no entry.
    until: Option<f64>,
    /// In use up to here; for ever: it is kept open.
    used_until: f64,
    /// It lost a packet.
    refused: bool,
    /// Its place in the table: one bucket for each direction.
    buckets: [usize; 2],
}

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    /// The next connection of a stream.
    Arrival(usize),
    /// The next packet of a connection.
    Packet(usize),
    /// The end of a timer, unless it was set back meanwhile.
    Timer(usize),
}

/// Microseconds, so that moments have an order.
type Micros = u64;

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the model runs for days, not for ages"
)]
fn micros(seconds: f64) -> Micros {
    (seconds * 1e6) as Micros
}

/// The table and everything that happens to it.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    streams: Vec<Arrivals>,
    pub(crate) timeouts: BTreeMap<&'static str, u64>,
    pub(crate) max: u64,
    early_drop: EarlyDrop,
    dice: Dice,
    now: f64,
    queue: BinaryHeap<Reverse<(Micros, Next)>>,
    connections: Vec<Connection>,
    buckets: Vec<Vec<usize>>,
    held: u64,
    /// Connections that lost a packet for want of an entry, each once: nobody tries again here.
    pub(crate) lost: u64,
    /// Entries evicted to make room.
    pub(crate) evicted: u64,
    /// The last moment at which a packet found the table full.
    full_at: f64,
}

impl Table {
    pub(crate) fn new(
        seed: u64,
        streams: Vec<Arrivals>,
        max: u64,
        buckets: usize,
        early_drop: EarlyDrop,
    ) -> Self {
        let timeouts = TIMEOUTS.iter().map(|name| (*name, default_timeout(None, name).unwrap()));
        let mut out = Self {
            streams,
            timeouts: timeouts.collect(),
            max,
            early_drop,
            dice: Dice(seed),
            now: 0.0,
            queue: BinaryHeap::new(),
            connections: Vec::new(),
            buckets: vec![Vec::new(); buckets],
            held: 0,
            lost: 0,
            evicted: 0,
            full_at: f64::NEG_INFINITY,
        };
        for of in 0..out.streams.len() {
            out.expect_arrival(of);
        }
        out
    }

    pub(crate) fn held(&self) -> u64 {
        self.held
    }

    pub(crate) fn bucket_count(&self) -> u64 {
        self.buckets.len() as u64
    }

    /// Lets so many seconds pass.
    pub(crate) fn run(&mut self, seconds: f64) {
        let end = self.now + seconds;
        while let Some(Reverse((at, next))) = self.queue.peek().copied() {
            if at > micros(end) {
                break;
            }
            self.queue.pop();
            self.now = at as f64 / 1e6;
            match next {
                Next::Arrival(of) => self.arrive(of),
                Next::Packet(which) => self.packet(which),
                Next::Timer(which) => self.timer(which),
            }
        }
        self.now = end;
    }

    /// Mean number of entries over so many steps of so many seconds.
    pub(crate) fn mean_over(&mut self, steps: u32, step_seconds: f64) -> f64 {
        let mut sum = 0.0;
        for _ in 0..steps {
            self.run(step_seconds);
            sum += self.held as f64;
        }
        sum / f64::from(steps)
    }

    /// Seconds until a packet finds the table full, if one does within so many.
    pub(crate) fn full_within(&mut self, seconds: f64) -> Option<f64> {
        let begin = self.now;
        self.full_at = f64::NEG_INFINITY;
        while self.full_at < begin && self.now < begin + seconds {
            self.run(0.5);
        }
        (self.full_at >= begin).then_some(self.full_at - begin)
    }

    /// Sets a timeout, for timers that are set from now on.
    pub(crate) fn set(&mut self, name: &'static str, seconds: u64) {
        self.timeouts.insert(name, seconds);
    }

    /// Does something to traffic.
    pub(crate) fn act(&mut self, deed: Deed) {
        let is_meant = |stream: &Arrivals| match deed {
            Deed::Remove(source) => stream.source == source,
            Deed::Reuse(peer) => stream.peer() == peer,
            Deed::Untrack(pair) => stream.source == pair.source && stream.peer() == pair.peer,
        };
        let meant: Vec<bool> = self.streams.iter().map(is_meant).collect();
        for (stream, meant) in self.streams.iter_mut().zip(&meant) {
            if *meant {
                stream.rate = 0.0;
            }
        }
        let keeps_open = matches!(deed, Deed::Reuse(_));
        for which in 0..self.connections.len() {
            let connection = &mut self.connections[which];
            if !meant[connection.of] {
                continue;
            }
            if !keeps_open {
                connection.used_until = f64::NEG_INFINITY;
                self.delete(which);
            } else if connection.until.is_some() && !is_over(connection.state) {
                connection.used_until = f64::INFINITY;
            }
        }
        for (of, meant) in meant.iter().enumerate() {
            if *meant && keeps_open {
                self.keep_one_open(of);
            }
        }
    }

    /// Who uses connections again has one open at least.
    fn keep_one_open(&mut self, of: usize) {
        let opened = |c: &Connection| c.of == of && c.until.is_some() && c.used_until == f64::INFINITY;
        if self.connections.iter().any(opened) {
            return;
        }
        let which = self.connection(of, Some(State::Established), Reply::Assured);
        self.connections[which].used_until = f64::INFINITY;
        if self.enter(which) {
            self.later(1.0, Next::Packet(which));
        }
    }

    /// Everything in the table, as it is printed.
    pub(crate) fn flows(&self) -> Vec<Flow> {
        self.connections.iter().filter_map(|connection| self.flow(connection)).collect()
    }

    #[expect(clippy::cast_possible_truncation, reason = "the model runs for days, not for ages")]
    fn flow(&self, connection: &Connection) -> Option<Flow> {
        let until = connection.until?;
        let stream = &self.streams[connection.of];
        let ports = |source, destination| L4Part::Ports { source, destination };
        let (from, to) = (connection.source_port, stream.port);
        Some(Flow {
            l3: L3::V4,
            l4: stream.life.l4(),
            remaining: Some((until - self.now).floor() as i64),
            state: connection.state,
            original: Tuple { source: stream.source, destination: stream.address, l4: ports(from, to) },
            reply: Tuple { source: stream.address, destination: stream.source, l4: ports(to, from) },
            replied: connection.replied,
            zones: Zones { original: 0, reply: 0 },
            original_volume: None,
            reply_volume: None,
            mark: None,
            age_seconds: None,
            id: None,
        })
    }

    fn later(&mut self, seconds: f64, next: Next) {
        self.queue.push(Reverse((micros(self.now + seconds), next)));
    }

    fn expect_arrival(&mut self, of: usize) {
        let rate = self.streams[of].rate;
        if rate > 0.0 {
            let wait = self.dice.until_next(rate);
            self.later(wait, Next::Arrival(of));
        }
    }

    fn arrive(&mut self, of: usize) {
        if self.streams[of].rate <= 0.0 {
            return;
        }
        self.expect_arrival(of);
        let life = self.streams[of].life;
        let (state, replied) = match life {
            Life::Tcp { .. } | Life::Abandoned { .. } | Life::HalfOpen(State::SynSent) => {
                (Some(State::SynSent), Reply::Unreplied)
            }
            Life::HalfOpen(state) => (Some(state), Reply::Replied),
            Life::Datagram { answered } => (None, if answered { Reply::Replied } else { Reply::Unreplied }),
            Life::Stream { .. } => (None, Reply::Assured),
        };
        let which = self.connection(of, state, replied);
        self.connections[which].used_until = self.now + life.used().0;
        if !self.enter(which) {
            return;
        }
        match life {
            Life::HalfOpen(_) | Life::Datagram { .. } => {}
            Life::Tcp { .. } | Life::Abandoned { .. } => self.later(ROUND_TRIP, Next::Packet(which)),
            Life::Stream { gap, .. } => self.later(gap, Next::Packet(which)),
        }
    }

    /// A packet of a connection in use: it is established, or the last one closes it.
    fn packet(&mut self, which: usize) {
        let of = self.connections[which].of;
        let life = self.streams[of].life;
        let (used_until, state) = (self.connections[which].used_until, self.connections[which].state);
        if used_until == f64::NEG_INFINITY {
            return;
        }
        let next = if self.now < used_until {
            let state = (life.l4() == L4::TCP).then_some(State::Established);
            (state, Some(life.used().1.min((used_until - self.now).max(1e-3))))
        } else {
            match life {
                Life::Tcp { end, .. } if state == Some(State::FinWait) => (Some(end), None),
                Life::Tcp { .. } => (Some(State::FinWait), Some(ROUND_TRIP)),
                _ => return,
            }
        };
        let (state, again) = next;
        let connection = &mut self.connections[which];
        connection.state = state;
        connection.replied = Reply::Assured;
        // Entries that were removed meanwhile are made anew, where there is room.
        if connection.until.is_some() {
            self.set_timer(which);
        } else if !self.enter(which) && again.is_none() {
            return;
        }
        if let Some(wait) = again {
            self.later(wait, Next::Packet(which));
        }
    }

    fn timer(&mut self, which: usize) {
        let until = self.connections[which].until;
        if until.is_some_and(|until| until <= self.now + 1e-6) {
            self.delete(which);
        }
    }

    fn connection(&mut self, of: usize, state: Option<State>, replied: Reply) -> usize {
        let bucket = |dice: &mut Dice, n: usize| dice.below(n);
        let buckets = self.buckets.len();
        let connection = Connection {
            of,
            source_port: 32_768 + u16::try_from(self.connections.len() % 28_232).unwrap(),
            state,
            replied,
            until: None,
            used_until: self.now,
            refused: false,
            buckets: [bucket(&mut self.dice, buckets), bucket(&mut self.dice, buckets)],
        };
        self.connections.push(connection);
        self.connections.len() - 1
    }

    /// Puts a connection into the table; false where its packet is lost.
    fn enter(&mut self, which: usize) -> bool {
        if self.held >= self.max {
            self.full_at = self.now;
            if !self.evict_for(which) {
                let again = std::mem::replace(&mut self.connections[which].refused, true);
                self.lost += u64::from(!again);
                return false;
            }
        }
        for bucket in self.connections[which].buckets {
            self.buckets[bucket].push(which);
        }
        self.held += 1;
        self.set_timer(which);
        true
    }

    fn set_timer(&mut self, which: usize) {
        let connection = &self.connections[which];
        let name = timeout_name(self.streams[connection.of].life.l4(), connection.state, connection.replied);
        let seconds = self.timeouts[name.unwrap()] as f64;
        self.connections[which].until = Some(self.now + seconds);
        self.later(seconds, Next::Timer(which));
    }

    fn delete(&mut self, which: usize) {
        if self.connections[which].until.take().is_none() {
            return;
        }
        self.held -= 1;
        for bucket in self.connections[which].buckets {
            self.buckets[bucket].retain(|other| *other != which);
        }
    }

    /// Removes an entry that is not assured, where this era looks for one.
    fn evict_for(&mut self, which: usize) -> bool {
        let first = self.connections[which].buckets[0];
        let all = self.buckets.len();
        let mut looked_at = 0;
        for step in 0..all {
            let more = match self.early_drop {
                EarlyDrop::OwnChain | EarlyDrop::OneBucket => step < 1,
                EarlyDrop::EightEntries => looked_at < 8,
                EarlyDrop::EightBuckets => step < 8,
            };
            if !more {
                break;
            }
            let chain = self.buckets[(first + step) % all].clone();
            looked_at += chain.len();
            let evictable = |which: &&usize| {
                matches!(self.connections[**which].replied, Reply::Unreplied | Reply::Replied)
            };
            let mut found: Vec<usize> = chain.iter().filter(evictable).copied().collect();
            // Up to 4.6 the oldest of the chain goes, later all that may.
            if matches!(self.early_drop, EarlyDrop::OwnChain | EarlyDrop::EightEntries) {
                found.truncate(1);
            }
            if !found.is_empty() {
                for which in found {
                    self.delete(which);
                    self.evicted += 1;
                }
                return true;
            }
        }
        false
    }
}

/// A connection that nobody uses any more, on its way out of the table.
fn is_over(state: Option<State>) -> bool {
    matches!(state, Some(State::FinWait | State::TimeWait | State::Close))
}
