//! A model of the kernel's limiter of network messages: calls go in, the log of a kernel of the chosen era comes out,
//! and how many packets were dropped is known.
//!
//! The eras follow `net_ratelimit` (2.4, net/core/utils.c), `__printk_ratelimit` (2.6.9 to 2.6.25, kernel/printk.c) and
//! `___ratelimit` (lib/ratelimit.c). Up to 4.9 the window of lib/ratelimit.c begins at the second call behind an expiry
//! (`begin = 0`); up to 6.17 a call that finds the lock taken is neither printed nor counted.
#![allow(dead_code, reason = "each test file is a crate of its own and uses some of it")]

use conntriage::model::era::Era;
use conntriage::model::record::Content;
use conntriage::model::signal::{
    Limiter as Printer, NamespaceWord, RelatedKind, Signal, Subject, Table, Wording,
};
use conntriage::model::time::{Moment, SECOND_US, Stamp};

use crate::owned::Owned;

mod dice;

pub(crate) use dice::Dice;

pub(crate) const BURST: u32 = 10;
pub(crate) const COST_US: i64 = 5 * SECOND_US;
/// Wall time of the boot.
const BOOT_US: i64 = 1_700_000_000 * SECOND_US + 123_456;

/// Seconds as the clock of the model counts them.
#[expect(clippy::cast_possible_truncation, reason = "the model runs for hours, not for ages")]
pub(crate) fn micros(seconds: f64) -> i64 {
    (seconds * 1e6) as i64
}

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A dropped packet of this namespace; none: the initial one.
    Drop(Option<u64>),
    /// Another user whose line is known to be rate-limited.
    Known,
    /// Another user whose line looks like any other.
    Unknown,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    pub(crate) at: i64,
    pub(crate) by: Caller,
}

/// How calls arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Steady,
    RampUp,
    RampDown,
    OnOff,
    /// All at once.
    Burst,
    /// Steady, and ten times as many in the last second.
    Surge,
}

/// A load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) shape: Shape,
    pub(crate) from: i64,
    pub(crate) seconds: f64,
    /// Calls a second.
    pub(crate) rate: f64,
    pub(crate) by: Caller,
}

impl Load {
    /// Its calls, in order of time.
    pub(crate) fn calls(&self, dice: &mut Dice) -> Vec<Call> {
        let mut calls = Vec::new();
        let mut now = 0.0;
        let most = self.rate * 10.0;
        loop {
            now += -(1.0 - dice.unit()).ln() / most;
            if now > self.seconds {
                return calls;
            }
            // A tenth of the greatest rate passes where the rate is the mean one.
            if dice.unit() * 10.0 < self.share_at(now) {
                let at = self.from + micros(now);
                calls.push(Call { at, by: self.by });
            }
        }
    }

    /// Rate at a time as a multiple of the mean rate, at most 10.
    fn share_at(&self, now: f64) -> f64 {
        let part = now / self.seconds;
        match self.shape {
            Shape::Steady => 1.0,
            Shape::RampUp => 0.2 + 1.6 * part,
            Shape::RampDown => 1.8 - 1.6 * part,
            Shape::OnOff => f64::from(u8::from((now / 3.0).floor() % 2.0 == 0.0)) * 2.0,
            Shape::Burst => f64::from(u8::from(part < 0.1)) * 10.0,
            Shape::Surge => {
                if self.seconds - now < 1.0 {
                    10.0
                } else {
                    1.0
                }
            }
        }
    }
}

/// One printed line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    Suppressed(u64),
    Printed(Caller),
}

/// The limiter.
#[derive(Debug, Clone)]
pub(crate) struct Limiter {
    era: Era,
    begin: Option<i64>,
    printed: u32,
    missed: u64,
    /// Era A: the bucket, in microseconds.
    tokens: i64,
    last_call: i64,
    dice: Dice,
}

/// Share of calls that find the lock taken when the call before was this near.
const CONTENDED: (f64, i64) = (0.015, 100);

impl Limiter {
    pub(crate) fn new(era: Era, seed: u64) -> Self {
        let tokens = COST_US * i64::from(BURST);
        Self { era, begin: None, printed: 0, missed: 0, tokens, last_call: i64::MIN / 2, dice: Dice(seed) }
    }

    /// One call; what it prints goes to `print`.
    pub(crate) fn call(&mut self, call: Call, mut print: impl FnMut(Line)) {
        let near = call.at - self.last_call < CONTENDED.1;
        let idle = call.at - self.last_call;
        self.last_call = call.at;
        let allowed = match self.era {
            Era::A => self.takes_from_bucket(idle),
            Era::B | Era::C | Era::D if near && self.dice.unit() < CONTENDED.0 => return,
            _ => self.takes_from_window(call.at, &mut print),
        };
        if !allowed {
            self.missed += 1;
            return;
        }
        if self.era == Era::A && self.missed > 0 {
            print(Line::Suppressed(std::mem::take(&mut self.missed)));
        }
        print(Line::Printed(call.by));
    }

    fn takes_from_bucket(&mut self, idle: i64) -> bool {
        self.tokens = (self.tokens + idle).min(COST_US * i64::from(BURST));
        let allowed = self.tokens >= COST_US;
        self.tokens -= if allowed { COST_US } else { 0 };
        allowed
    }

    fn takes_from_window(&mut self, now: i64, print: &mut impl FnMut(Line)) -> bool {
        let begin = *self.begin.get_or_insert(now);
        if now > begin + COST_US {
            if self.missed > 0 {
                print(Line::Suppressed(std::mem::take(&mut self.missed)));
            }
            self.begin = (!matches!(self.era, Era::B | Era::C)).then_some(now);
            self.printed = 0;
        }
        let allowed = self.printed < BURST;
        self.printed += u32::from(allowed);
        allowed
    }
}

/// Which clock the log has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    SinceBoot,
    /// Whole seconds of wall time, no printk clock.
    Seconds,
}

/// What a machine prints under some calls.
#[derive(Debug, Clone)]
pub(crate) struct Printed {
    pub(crate) era: Era,
    pub(crate) lines: Vec<(i64, Line)>,
}

/// All calls through one limiter.
pub(crate) fn print(era: Era, mut calls: Vec<Call>, seed: u64) -> Printed {
    calls.sort_by_key(|call| call.at);
    let mut limiter = Limiter::new(era, seed);
    let mut lines = Vec::new();
    for call in calls {
        limiter.call(call, |line| lines.push((call.at, line)));
    }
    Printed { era, lines }
}

impl Printed {
    /// The records of a log that covers this span of time, with a passing record at either end.
    pub(crate) fn records(&self, clock: Clock, from: i64, to: i64) -> Vec<Owned> {
        let mut records = vec![Owned::at(moment(clock, from, 0), Content::Passing)];
        let mut behind_count = false;
        for (at, line) in self.lines.iter().filter(|(at, _)| (from..=to).contains(at)) {
            let offset = 80 * records.len() as u64;
            let content = match line {
                Line::Printed(Caller::Unknown) if !behind_count => Content::Passing,
                line => Content::Signal(self.signal(*line)),
            };
            behind_count = matches!(line, Line::Suppressed(_));
            let mut record = Owned::at(moment(clock, *at, offset), content);
            record.raw = self.text(*at, *line).into_bytes();
            records.push(record);
        }
        let offset = 80 * records.len() as u64;
        records.push(Owned::at(moment(clock, to, offset), Content::Passing));
        records
    }

    /// The same as `dmesg` prints it.
    pub(crate) fn dmesg(&self) -> String {
        self.lines.iter().map(|(at, line)| self.text(*at, *line) + "\n").collect()
    }

    fn text(&self, at: i64, line: Line) -> String {
        format!("[{:5}.{:06}] {}", at / SECOND_US, at % SECOND_US, message(self.era, line))
    }

    fn signal(&self, line: Line) -> Signal {
        match line {
            Line::Suppressed(count) => Signal::Suppressed {
                limiter: match self.era {
                    Era::A => Printer::Printk,
                    Era::B => Printer::Ratelimit,
                    _ => Printer::NetRatelimit,
                },
                count: i64::try_from(count).unwrap(),
            },
            Line::Printed(Caller::Drop(namespace)) => Signal::Full(subject(self.era, namespace)),
            Line::Printed(Caller::Known) => Signal::Related {
                kind: RelatedKind::NeighbourOverflow,
                capacity: None,
                port: None,
                about: None,
            },
            Line::Printed(Caller::Unknown) => Signal::OtherLimited,
        }
    }
}

/// What the kernel of an era prints.
pub(crate) fn message(era: Era, line: Line) -> String {
    match (line, era) {
        (Line::Suppressed(count), Era::A) => format!("printk: {count} messages suppressed."),
        (Line::Suppressed(count), Era::B) => format!("__ratelimit: {count} callbacks suppressed"),
        (Line::Suppressed(count), _) => format!("net_ratelimit: {count} callbacks suppressed"),
        (Line::Printed(Caller::Known), Era::A | Era::B) => "Neighbour table overflow.".into(),
        (Line::Printed(Caller::Known), _) => "neighbour: arp_cache: neighbor table overflow!".into(),
        (Line::Printed(Caller::Unknown), _) => "martian source 10.0.0.1 from 10.9.9.9, on dev eth0".into(),
        (Line::Printed(Caller::Drop(_)), Era::A) => "ip_conntrack: table full, dropping packet.".into(),
        (Line::Printed(Caller::Drop(_)), Era::B) => "nf_conntrack: table full, dropping packet.".into(),
        (Line::Printed(Caller::Drop(_)), Era::C) => "nf_conntrack: table full, dropping packet".into(),
        (Line::Printed(Caller::Drop(Some(inode))), Era::E) => {
            format!("nf_conntrack: nf_conntrack: table full in netns {inode}, dropping packet")
        }
        (Line::Printed(Caller::Drop(_)), _) => {
            "nf_conntrack: nf_conntrack: table full, dropping packet".into()
        }
    }
}

pub(crate) fn subject(era: Era, namespace: Option<u64>) -> Subject {
    let namespace = namespace.filter(|_| era == Era::E);
    Subject {
        table: Table::Conntrack,
        wording: match era {
            Era::A => Wording::IpPeriod,
            Era::B => Wording::NfPeriod,
            Era::C => Wording::NfPlain,
            Era::E if namespace.is_some() => Wording::NfDoubledNetns,
            Era::D | Era::E => Wording::NfDoubled,
        },
        namespace: namespace.map_or(NamespaceWord::Unnamed, NamespaceWord::Inode),
    }
}

fn moment(clock: Clock, at: i64, offset: u64) -> Moment {
    let seconds = (BOOT_US + at).div_euclid(SECOND_US) * SECOND_US;
    let (stamp, precision_us, since_boot_us) = match clock {
        Clock::SinceBoot => (None, 0, Some(at)),
        Clock::Seconds => (Some(Stamp::Absolute(seconds)), 1_000_000, None),
    };
    Moment { offset, stamp, precision_us, since_boot_us, seq: None }
}
