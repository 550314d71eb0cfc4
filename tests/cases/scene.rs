//! A machine at one moment: its table, its settings, its counters, what its log says. A case fills one; the writer makes
//! a bundle of it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::IpAddr;

use crate::draw::{Draw, Net, Share, Whole, floor, place, port};
use crate::flow::{Flags, Flow, Tuple};
use crate::kernel::Kernel;
use crate::life::Timeouts;
use crate::limiter::{self, Caller, Dice, Load, Shape};

/// The smallest table that a seed may have, where its case is larger.
const ENTRIES_MIN: f64 = 3_000.0;
/// The largest that is written.
pub(crate) const ENTRIES_MAX: u64 = 262_144;
/// How long the log goes on.
const LOG_SECONDS: Whole = (20, 60);
/// Of the arrivals at a full table, those that find no place that came free by itself.
const OVERLOAD: Share = (0.1, 0.6);
/// How often a bundle was put together by hand: files beside one another, no manifest.
const BY_HAND: f64 = 0.25;
/// How often a host has its limit in a settings file, as it runs.
const CONFIGURED_AS_IT_RUNS: f64 = 0.35;
/// The first of 2026, and a year.
const TIME: (u64, u64) = (1_767_225_600, 1_767_225_600 + 28_000_000);
/// Local ports of outgoing connections.
pub(crate) const EPHEMERAL: (u64, u64) = (32_768, 60_999);
/// Ports that a connection leaves from where its own is taken behind the translated address (`nf_nat_l4proto_unique_tuple`).
const TRANSLATED_PORTS: Whole = (1_024, 65_535);
/// Tries for an entry that is not there yet.
const TRIES: u64 = 5_000;

/// Statistics of the tracker since boot.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stat {
    pub(crate) found: u64,
    pub(crate) invalid: u64,
    pub(crate) insert: u64,
    pub(crate) insert_failed: u64,
    pub(crate) drop: u64,
    pub(crate) early_drop: u64,
    pub(crate) search_restart: u64,
    /// From 5.15 on.
    pub(crate) chain_too_long: u64,
}

/// Sockets of the host, for `/proc/net/sockstat`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sockets {
    pub(crate) inuse: u64,
    pub(crate) orphan: u64,
    pub(crate) time_wait: u64,
    pub(crate) alloc: u64,
}

/// A line of the log.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// Microseconds from the beginning of the incident.
    pub(crate) at: i64,
    pub(crate) tag: String,
    pub(crate) text: String,
}

/// Files that were read at another moment.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    pub(crate) role: &'static str,
    /// Seconds from the beginning of the incident.
    pub(crate) at: i64,
    pub(crate) files: BTreeMap<String, String>,
}

/// A machine.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is there or is not, by itself")]
pub(crate) struct Scene {
    pub(crate) dice: Dice,
    pub(crate) seed: u64,
    pub(crate) kernel: Kernel,
    pub(crate) times: Timeouts,
    pub(crate) host: String,
    /// Interface, address, prefix.
    pub(crate) local: Vec<(String, IpAddr, u8)>,
    pub(crate) flows: Vec<Flow>,
    /// Tuples of both directions of all entries: no kernel holds one of them twice.
    tuples: HashSet<Tuple>,
    /// Limit in force; 0: as many as there are entries.
    pub(crate) max: u64,
    /// None: as the limit's default has them.
    pub(crate) buckets: Option<u64>,
    /// What the kernel counts; none: what is listed, and a handful more.
    pub(crate) count: Option<i64>,
    pub(crate) accounts: bool,
    /// Further settings, and those that differ.
    pub(crate) settings: BTreeMap<String, String>,
    pub(crate) stat: Stat,
    /// The same some seconds before.
    pub(crate) stat_before: Option<Stat>,
    /// None: from the table.
    pub(crate) sockets: Option<Sockets>,
    pub(crate) memory_mebibytes: Option<u64>,
    pub(crate) processors: u64,
    pub(crate) uptime_seconds: u64,
    /// Further files of the capture, by name.
    pub(crate) files: BTreeMap<String, String>,
    /// Files of a capture that are not there, by name.
    pub(crate) without: BTreeSet<&'static str>,
    /// Captures beside the one at the incident.
    pub(crate) moments: Vec<Moment>,
    /// Files of the bundle itself.
    pub(crate) beside: BTreeMap<String, String>,
    pub(crate) lines: Vec<Line>,
    /// The table was full, as far as the log goes.
    pub(crate) log_seconds: u64,
    /// Beginning of the incident, seconds of Unix time.
    pub(crate) time: u64,
    /// When the files were read, in seconds from there.
    pub(crate) taken: i64,
    /// As the manifest has it: `initial`, `unknown`.
    pub(crate) namespace: &'static str,
    pub(crate) by_hand: bool,
    /// The file of the table is `conntrack-L`.
    pub(crate) by_tool: bool,
    pub(crate) with_configured: bool,
    /// There is a log at all.
    pub(crate) with_log: bool,
    /// Other machines of the same bundle.
    pub(crate) others: Vec<Scene>,
}

impl Scene {
    pub(crate) fn new(name: &str, seed: u64, kernels: &[Kernel]) -> Self {
        let salt = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let mut dice = Dice(salt ^ seed.wrapping_mul(0x9e37_79b9));
        let kernel = Kernel::of(kernels, &mut dice);
        let log_seconds = dice.whole(LOG_SECONDS);
        let number = dice.whole((1, 40));
        let host = format!("{}{number}", dice.one(&["web", "gw", "app", "srv", "node", "edge", "box"]));
        Self {
            seed,
            kernel,
            times: Timeouts::default_with(kernel.udp_stream),
            host,
            local: Vec::new(),
            flows: Vec::new(),
            tuples: HashSet::new(),
            max: 0,
            buckets: None,
            count: None,
            accounts: dice.chance(0.4),
            settings: BTreeMap::new(),
            stat: Stat { invalid: dice.whole((0, 900)), found: dice.whole((0, 40)), ..Stat::default() },
            stat_before: None,
            sockets: None,
            memory_mebibytes: Some(dice.whole((8, 64)) * 1_024),
            processors: 1 << dice.whole((1, 4)),
            uptime_seconds: dice.whole((200_000, 9_000_000)),
            files: BTreeMap::new(),
            without: BTreeSet::new(),
            moments: Vec::new(),
            beside: BTreeMap::new(),
            lines: Vec::new(),
            log_seconds,
            time: dice.whole(TIME),
            taken: i64::try_from(log_seconds * 6 / 10).unwrap(),
            namespace: "initial",
            by_hand: seed > 0 && dice.chance(BY_HAND),
            by_tool: kernel.names() == crate::kernel::Names::Zoned && dice.chance(0.25),
            with_configured: dice.chance(CONFIGURED_AS_IT_RUNS),
            with_log: true,
            others: Vec::new(),
            dice,
        }
    }

    /// How many entries this seed has, of a case that has so many in truth: all of them in the first one, then evenly over
    /// the orders of magnitude, mostly few.
    pub(crate) fn size(&mut self, truth: u64) -> u64 {
        let most = truth.min(ENTRIES_MAX);
        if self.seed == 0 || most as f64 <= ENTRIES_MIN {
            return most;
        }
        let height = self.dice.unit().powi(3);
        floor(ENTRIES_MIN * (most as f64 / ENTRIES_MIN).powf(height)).min(most)
    }

    /// Gives the machine an address.
    pub(crate) fn own(&mut self, interface: &str, address: IpAddr) -> IpAddr {
        let prefix = if address.is_ipv4() { 24 } else { 64 };
        self.local.push((interface.to_owned(), address, prefix));
        address
    }

    /// A private network, of IPv6 in some seeds where the kernel has it.
    pub(crate) fn lan(&mut self, ipv6: f64) -> Net {
        let v6 = self.kernel.era != conntriage::model::era::Era::A && self.seed > 0 && self.dice.chance(ipv6);
        if v6 { self.dice.private_v6() } else { self.dice.private_v4() }
    }

    /// Adds entries that are not there yet.
    pub(crate) fn fill(&mut self, entries: u64, mut make: impl FnMut(&mut Dice) -> Flow) {
        for _ in 0..entries {
            let mut tries = 0;
            while !self.add_from(&mut make) {
                tries += 1;
                assert!(tries < TRIES, "no room for so many different entries");
            }
        }
    }

    fn add_from(&mut self, make: &mut impl FnMut(&mut Dice) -> Flow) -> bool {
        let flow = make(&mut self.dice);
        self.add(flow)
    }

    /// Adds an entry; false: there is one of that name already. Where two translated ones would be answered alike, the
    /// later one leaves from another port, as the kernel's translation has it.
    pub(crate) fn add(&mut self, mut flow: Flow) -> bool {
        // A connection of a port with itself would be answered by the name that it was asked by.
        let fresh = !self.tuples.contains(&flow.asks())
            && self.answered_apart(&mut flow)
            && flow.asks() != flow.answers();
        if fresh {
            self.tuples.insert(flow.asks());
            self.tuples.insert(flow.answers());
            self.flows.push(flow);
        }
        fresh
    }

    /// Gives a translated entry whose answers are another's a port of its own; false: it has none to give.
    fn answered_apart(&mut self, flow: &mut Flow) -> bool {
        let may_move = flow.has_ports() && flow.reply != flow.original.back();
        let mut tries = 0;
        while self.tuples.contains(&flow.answers()) {
            if !may_move || tries == TRIES {
                return false;
            }
            flow.reply.dport = port(self.dice.whole(TRANSLATED_PORTS));
            tries += 1;
        }
        true
    }

    /// Brings the entries into no order, as a hash table has them.
    pub(crate) fn mix(&mut self) {
        // Dice of its own: what is drawn afterwards does not depend on the number of entries.
        let mut dice = Dice(self.seed ^ self.time);
        for at in (1..self.flows.len()).rev() {
            let other = place(dice.whole((0, at as u64)));
            self.flows.swap(at, other);
        }
    }

    /// A setting that differs from the default, or one more.
    pub(crate) fn set(&mut self, key: &str, value: impl std::fmt::Display) {
        self.settings.insert(key.to_owned(), value.to_string());
    }

    /// A line of the log, so many seconds from the beginning of the incident.
    pub(crate) fn says(&mut self, seconds: f64, tag: &str, text: impl Into<String>) {
        self.lines.push(Line { at: micros(seconds), tag: tag.to_owned(), text: text.into() });
    }

    /// Share of entries that early drop may take.
    pub(crate) fn evictable(&self) -> f64 {
        let loose = self.flows.iter().filter(|flow| matches!(flow.flags, Flags::Unreplied | Flags::Replied));
        loose.count() as f64 / (self.flows.len().max(1) as f64)
    }

    /// Buckets in force.
    pub(crate) fn buckets(&self) -> u64 {
        self.buckets.unwrap_or_else(|| (self.limit() / self.kernel.per_bucket).max(1))
    }

    /// Limit in force.
    pub(crate) fn limit(&self) -> u64 {
        if self.max > 0 { self.max } else { self.flows.len() as u64 }
    }

    /// The table is full and so many new entries are asked for each second. What of them finds neither a free place nor
    /// one to evict is dropped, and the log says so as its limiter lets it. A flood of entries that may be evicted leaves
    /// few lines or none.
    pub(crate) fn full(&mut self, arrivals_per_second: f64) {
        let crowded = arrivals_per_second * self.dice.share(OVERLOAD);
        let ratio = self.limit() as f64 / self.buckets() as f64;
        let lost = (-self.kernel.looks * self.evictable() * ratio).exp();
        let seconds = self.log_seconds as f64;
        // Who cannot get through tries again: a full table is never met by one packet alone.
        let least = if lost > 0.05 { 1.5 } else { 0.0 };
        let rate = (crowded * lost).max(least).min(900.0);
        let passed = floor(crowded * (1.0 - lost) * seconds);
        let fallen = floor(rate * seconds);
        self.stat.drop += fallen;
        self.stat.early_drop += passed;
        if rate * seconds >= 1.0 {
            self.drops(rate);
        }
    }

    /// Packets are dropped at this rate, as the log shows.
    pub(crate) fn drops(&mut self, per_second: f64) {
        self.limited(per_second, None);
    }

    /// The same for any line that goes through the limiter of network messages.
    pub(crate) fn limited(&mut self, per_second: f64, text: Option<&str>) {
        let seconds = self.log_seconds as f64;
        let load = Load { shape: Shape::Steady, from: 0, seconds, rate: per_second, by: Caller::Drop(None) };
        let mut calls = load.calls(&mut self.dice);
        if let Some(first) = calls.first_mut() {
            first.at = 0;
        }
        let roll = self.dice.roll();
        let printed = limiter::print(self.kernel.era, calls, roll);
        for (at, line) in printed.lines {
            let text = match (line, text) {
                (limiter::Line::Printed(_), Some(text)) => text.to_owned(),
                (line, _) => limiter::message(self.kernel.era, line),
            };
            self.lines.push(Line { at, tag: "kernel".to_owned(), text });
        }
    }
}

/// Microseconds of a number of seconds.
pub(crate) fn micros(seconds: f64) -> i64 {
    limiter::micros(seconds)
}
