//! A machine with its clocks, tables and sources, as far as the policy sees them, and everything the policy decided.

#![allow(dead_code, reason = "each test file uses its part")]

use conntriage::model::live::clock::Now;
use conntriage::model::live::event::{Captured, Checked, Ending, Event, Lines};
use conntriage::model::live::intent::{About, CaptureOrder, CheckNo, Depth, Intent, Notice, Whom};
use conntriage::model::live::life::Memory;
use conntriage::model::live::policy::Policy;
use conntriage::model::live::sample::{Netns, Sample};
use conntriage::model::record::Trust;
use conntriage::model::signal::{NamespaceWord, Subject, Table, Wording};
use conntriage::model::time::{BootId, SECOND_US, WallTime};
use conntriage::steer::Steer;

pub(crate) const S: i64 = SECOND_US;
pub(crate) const MIN: i64 = 60 * S;
pub(crate) const H: i64 = 60 * MIN;
/// The limit of every table.
pub(crate) const MAX: u64 = 100_000;

/// One namespace and its counters.
#[derive(Debug, Clone)]
pub(crate) struct Ns {
    pub(crate) netns: Netns,
    pub(crate) count: u64,
    pub(crate) drop: u64,
    pub(crate) clash: u64,
    /// What can be seen of it: neither, the count, all.
    pub(crate) counters: Sight,
}

/// How much of the counters can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sight {
    All,
    NoClashes,
    Nothing,
}

/// The machine and its watcher.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) now: Now,
    pub(crate) boot: BootId,
    pub(crate) policy: Policy,
    pub(crate) spaces: Vec<Ns>,
    /// Every namespace of the machine can be found.
    pub(crate) all_found: bool,
    pub(crate) steer: Steer,
    /// Checks asked for and not answered.
    pub(crate) checks: Vec<(CheckNo, Whom)>,
    /// Captures ordered and not ended.
    pub(crate) orders: Vec<CaptureOrder>,
    /// Everything decided.
    pub(crate) log: Vec<(Now, Intent)>,
    /// Answer checks at once.
    pub(crate) answers: bool,
    /// End captures at once.
    pub(crate) captures: bool,
}

pub(crate) fn netns(index: u64, born_us: Option<i64>) -> Netns {
    Netns { inode: 4_026_531_840 + index, initial: index == 0, born_us }
}

pub(crate) fn lines(trust: Trust, word: NamespaceWord) -> Lines {
    let subject = Subject { table: Table::Conntrack, wording: Wording::NfDoubled, namespace: word };
    Lines { trust, subject, names_namespaces: true, lines: 10, first_us: None, last_us: None }
}

pub(crate) fn kernel_line() -> Lines {
    lines(Trust::Kernel, NamespaceWord::Unnamed)
}

pub(crate) fn forged_line() -> Lines {
    lines(Trust::Unverified, NamespaceWord::Unnamed)
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Policy::default())
    }

    pub(crate) fn with(policy: Policy) -> Self {
        Self::at(policy, Now { uptime_us: 10 * H, wall: WallTime(1_800_000_000 * S) })
    }

    pub(crate) fn at(policy: Policy, now: Now) -> Self {
        let boot = BootId([1; 16]);
        let steer = Steer::resume(Memory::new(boot, now), policy.clone(), boot, now);
        let initial = Ns { netns: netns(0, None), count: 1_000, drop: 0, clash: 0, counters: Sight::All };
        Self {
            now,
            boot,
            policy,
            spaces: vec![initial],
            all_found: true,
            steer,
            checks: Vec::new(),
            orders: Vec::new(),
            log: Vec::new(),
            answers: true,
            captures: true,
        }
    }

    /// Another namespace; its index.
    pub(crate) fn add(&mut self, born_us: Option<i64>) -> usize {
        let at = self.spaces.len();
        let netns = netns(u64::try_from(at).unwrap(), born_us);
        self.spaces.push(Ns { netns, count: 10, drop: 0, clash: 0, counters: Sight::All });
        at
    }

    pub(crate) fn step(&mut self, event: Event) -> Vec<Intent> {
        let mut all = Vec::new();
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            for intent in self.steer.step(event, self.now) {
                self.log.push((self.now, intent.clone()));
                match &intent {
                    Intent::Verify { check, whom } => self.checks.push((*check, whom.clone())),
                    Intent::Capture(order) => self.orders.push(order.clone()),
                    _ => {}
                }
                all.push(intent);
            }
            if self.answers {
                let checks = std::mem::take(&mut self.checks);
                events.extend(checks.iter().map(|(check, whom)| self.answer(*check, whom)));
            }
            if self.captures {
                let ended = |order: CaptureOrder| {
                    Event::Captured(Captured { capture: order.capture, ending: Ending::Kept })
                };
                events.extend(std::mem::take(&mut self.orders).into_iter().map(ended));
            }
        }
        all
    }

    pub(crate) fn answer(&self, check: CheckNo, whom: &Whom) -> Event {
        let meant = |ns: &&Ns| match whom {
            Whom::Initial => ns.netns.initial,
            Whom::Inode(inode) => ns.netns.inode == *inode,
            Whom::Everybody => true,
        };
        let (seen, unseen): (Vec<&Ns>, Vec<&Ns>) =
            self.spaces.iter().filter(meant).partition(|ns| ns.counters != Sight::Nothing);
        Event::Checked(Checked {
            check,
            samples: seen.iter().map(|ns| self.sample_of(ns)).collect(),
            unreadable: unseen.iter().map(|ns| ns.netns).collect(),
            all_found: self.all_found,
        })
    }

    fn sample_of(&self, ns: &Ns) -> Sample {
        let all = ns.counters != Sight::Nothing;
        let clashes = ns.counters == Sight::All;
        Sample {
            at: self.now,
            netns: ns.netns,
            count: all.then_some(ns.count),
            max: all.then_some(MAX),
            drop: all.then_some(ns.drop + ns.clash),
            early_drop: None,
            insert_failed: clashes.then_some(ns.clash),
            chain_too_long: clashes.then_some(0),
            new: None,
        }
    }

    pub(crate) fn poll(&mut self, at: usize) -> Vec<Intent> {
        let sample = self.sample_of(&self.spaces[at]);
        self.step(Event::Sample(sample))
    }

    pub(crate) fn poll_all(&mut self) -> Vec<Intent> {
        (0..self.spaces.len()).flat_map(|at| self.poll(at)).collect()
    }

    pub(crate) fn wait(&mut self, us: i64) {
        self.now.uptime_us += us;
        self.now.wall.0 += us;
    }

    /// Time passes with a poll of everything once a second.
    pub(crate) fn live(&mut self, us: i64) -> Vec<Intent> {
        let mut all = Vec::new();
        for _ in 0..us / S {
            self.wait(S);
            all.extend(self.poll_all());
        }
        all
    }

    /// Time passes with nothing but ticks.
    pub(crate) fn tick(&mut self, us: i64, every: i64) -> Vec<Intent> {
        let mut all = Vec::new();
        for _ in 0..us / every {
            self.wait(every);
            all.extend(self.step(Event::Tick));
        }
        all
    }

    pub(crate) fn hear(&mut self, lines: Lines) -> Vec<Intent> {
        self.step(Event::Lines(lines))
    }

    /// The watcher starts anew, with what it remembers and nothing else.
    pub(crate) fn restart(&mut self) {
        let memory = self.steer.memory().clone();
        self.steer = Steer::resume(memory, self.policy.clone(), self.boot, self.now);
        self.checks.clear();
        let running: Vec<_> = self.steer.memory().running().collect();
        self.orders.clear();
        for running in running {
            let ended = Captured { capture: running.capture, ending: Ending::Interrupted };
            self.step(Event::Captured(ended));
        }
    }

    /// The machine is booted anew, after so long by the wall clock.
    pub(crate) fn reboot(&mut self, wall_us: i64) {
        self.now = Now { uptime_us: 20 * S, wall: WallTime(self.now.wall.0 + wall_us) };
        self.boot = BootId([self.boot.0[0].wrapping_add(1); 16]);
        for ns in &mut self.spaces {
            (ns.count, ns.drop, ns.clash) = (10, 0, 0);
            ns.netns.born_us = None;
        }
        self.restart();
    }

    pub(crate) fn memory(&self) -> &Memory {
        self.steer.memory()
    }

    pub(crate) fn dumps(&self) -> Vec<(Now, CaptureOrder)> {
        captures(&self.log).into_iter().filter(|(_, order)| order.depth == Depth::Full).collect()
    }

    pub(crate) fn mails(&self) -> Vec<(Now, Notice)> {
        self.log
            .iter()
            .filter_map(|(at, intent)| match intent {
                Intent::Notify(notice) => Some((*at, notice.clone())),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn told(&self) -> Vec<About> {
        self.mails().into_iter().map(|(_, notice)| notice.about).collect()
    }

    pub(crate) fn count(&self, is: impl Fn(&Intent) -> bool) -> usize {
        self.log.iter().filter(|(_, intent)| is(intent)).count()
    }

    pub(crate) fn opened(&self) -> usize {
        self.count(|intent| matches!(intent, Intent::Open(_)))
    }

    pub(crate) fn closed(&self) -> usize {
        self.count(|intent| matches!(intent, Intent::Close(_)))
    }
}

pub(crate) fn captures(log: &[(Now, Intent)]) -> Vec<(Now, CaptureOrder)> {
    log.iter()
        .filter_map(|(at, intent)| match intent {
            Intent::Capture(order) => Some((*at, order.clone())),
            _ => None,
        })
        .collect()
}
