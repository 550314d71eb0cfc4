//! A machine whose log is known: bursts of drops through the limiter of a recent kernel, written in the shapes in which
//! logs keep them.

use conntriage::detect::scan::Scan;
use conntriage::model::flow::L4;
use conntriage::model::fold::RecordSink;
use conntriage::model::input::{Hints, LogStream};
use conntriage::model::packets::{Fate, Packet};
use conntriage::model::record::{Content, Record, Trust};
use conntriage::model::signal::{Limiter, NamespaceWord, RelatedKind, Signal, Subject, Table, Wording};
use conntriage::model::time::{BootId, Moment, SECOND_US, Stamp, WallTime, YEARLESS_BASE_US};

/// The first boot of the machine.
pub(crate) const BOOT: BootId = BootId([7; 16]);
/// How long before the start of its log the machine booted.
const UPTIME_US: i64 = 5_000 * SECOND_US;
/// Bytes of every line.
const LINE_BYTES: u64 = 100;

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    Passing,
    /// The table of a namespace is full: 0 names none.
    Full(u8),
    /// Further copies of the table-full line before.
    Repeated(u8, u64),
    /// The same, with the text of the line in it: it is understood wherever it stands.
    Quoted(u8, u64),
    /// Copies of a line that says nothing.
    PassingAgain,
    Suppressed(i64),
    Other,
    Related(RelatedKind),
    /// A packet that a rule logged, from one of a few sources.
    Packet(u8),
    Reboot,
}

/// Which boot a line is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Boot {
    pub(crate) number: u8,
    pub(crate) at: i64,
}

/// One line: true wall time, what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// What its stamp shows, as UTC.
    pub(crate) at: i64,
    /// The printk clock.
    pub(crate) since_boot: i64,
    pub(crate) boot: Boot,
    /// The kernel's record number.
    pub(crate) seq: u64,
    pub(crate) what: What,
}

/// In which words a log keeps lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Microseconds, zone, printk clock, boot id; as recorded.
    Export,
    /// Microseconds, zone, printk clock in brackets.
    Bracketed,
    /// Microseconds, zone.
    Plain,
    /// RFC 3164: seconds, neither year nor zone.
    Messages,
    /// The printk clock alone, no host.
    Dmesg,
    /// The same with the kernel's record numbers, as recorded.
    Kmsg,
}

/// Whole seconds of a point in time.
pub(crate) fn second(at: WallTime) -> i64 {
    at.0.div_euclid(SECOND_US)
}

/// Draws numbers without a clock.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap_or(0) % below.max(1)
    }
}

/// What happens to the machine, before its limiter.
pub(crate) struct Machine {
    start: i64,
    dice: Dice,
    calls: Vec<(i64, What)>,
    unlimited: Vec<(i64, What)>,
}

impl Machine {
    pub(crate) fn new(start: i64, seed: u64) -> Self {
        Self { start, dice: Dice(seed), calls: Vec::new(), unlimited: Vec::new() }
    }

    /// Drops for some seconds, so many a second.
    pub(crate) fn burst(&mut self, after: i64, seconds: i64, rate: i64, namespace: u8) {
        for number in 0..seconds * rate {
            let jitter = self.dice.roll(SECOND_US / rate.max(1) / 2);
            let at =
                self.start + after + number * SECOND_US / rate.max(1) + if number == 0 { 0 } else { jitter };
            self.calls.push((at, What::Full(namespace)));
        }
    }

    /// Lines of other users of the limiter, now and then.
    pub(crate) fn others(&mut self, count: i64) {
        for _ in 0..count {
            let at = self.start + self.dice.roll(4_100 * SECOND_US);
            self.calls.push((at, What::Other));
        }
    }

    /// Lines that say nothing, so many seconds apart.
    pub(crate) fn passing(&mut self, seconds: i64) {
        let last = self.calls.iter().map(|(at, _)| *at).max().unwrap_or(self.start);
        let mut at = self.start - 20 * seconds * SECOND_US;
        while at < last + 700 * SECOND_US {
            let moment = at + self.dice.roll(SECOND_US);
            match self.dice.roll(40) {
                // This one goes through the limiter, and that one does not.
                0 => self.calls.push((moment, What::Related(RelatedKind::NeighbourOverflow))),
                1 => self.unlimited.push((moment, What::Related(RelatedKind::Vmalloc))),
                2 | 3 => self.unlimited.push((moment, What::Packet(0))),
                4 => self.unlimited.push((moment, What::Packet(1))),
                _ => self.unlimited.push((moment, What::Passing)),
            }
            at += seconds * SECOND_US;
        }
    }

    pub(crate) fn reboot(&mut self, after: i64) {
        self.unlimited.push((self.start + after, What::Reboot));
    }

    /// The log: calls go through a window of five seconds with ten tokens; a count stands before the next line.
    pub(crate) fn log(mut self) -> Vec<Line> {
        self.calls.sort_by_key(|(at, _)| *at);
        let mut lines: Vec<(i64, What)> = self.unlimited.clone();
        let (mut begin, mut tokens, mut missed) = (i64::MIN, 0, 0);
        for (at, what) in self.calls {
            if begin == i64::MIN || at > begin + 5 * SECOND_US {
                if missed > 0 {
                    lines.push((at, What::Suppressed(missed)));
                }
                (begin, tokens, missed) = (at, 10, 0);
            }
            if tokens > 0 {
                tokens -= 1;
                lines.push((at, what));
            } else {
                missed += 1;
            }
        }
        // A line of the same microsecond keeps its place: the count stands before its message.
        lines.sort_by_key(|(at, _)| *at);
        let mut boot = Boot { number: BOOT.0[0], at: self.start - UPTIME_US };
        let mut seq = 700;
        let place = |(at, what): (i64, What)| {
            if what == What::Reboot {
                boot = Boot { number: boot.number + 1, at };
                seq = 0;
            }
            seq += 1;
            Line { at, since_boot: at - boot.at, boot, seq, what }
        };
        lines.into_iter().map(place).collect()
    }
}

/// As a daemon writes it that sums up equal lines.
pub(crate) fn compressed(lines: &[Line]) -> Vec<Line> {
    let mut kept: Vec<Line> = Vec::new();
    for line in lines {
        let What::Full(namespace) = line.what else {
            kept.push(line.clone());
            continue;
        };
        match kept.last_mut() {
            Some(Line { what: What::Repeated(of, times), at, since_boot, .. }) if *of == namespace => {
                *times += 1;
                (*at, *since_boot) = (line.at, line.since_boot);
            }
            Some(Line { what: What::Full(of), .. }) if *of == namespace => {
                kept.push(Line { what: What::Repeated(namespace, 1), ..line.clone() });
            }
            _ => kept.push(line.clone()),
        }
    }
    kept
}

/// As rsyslog writes it: it holds a message back while copies of it arrive, lets lines of other programs pass, and
/// writes how many there were, with the time of the last, when the kernel says something else.
pub(crate) fn summed_up_late(lines: &[Line]) -> Vec<Line> {
    let mut kept: Vec<Line> = Vec::new();
    let mut said: Option<u8> = None;
    let mut held: Option<Line> = None;
    for line in lines {
        let full = if let What::Full(namespace) = line.what { Some(namespace) } else { None };
        if line.what == What::Passing {
            kept.push(line.clone());
            continue;
        }
        if let Some(namespace) = full.filter(|_| said == full) {
            let times =
                if let Some(Line { what: What::Quoted(_, times), .. }) = held { times + 1 } else { 1 };
            held = Some(Line { what: What::Quoted(namespace, times), ..line.clone() });
            continue;
        }
        kept.extend(held.take());
        kept.push(line.clone());
        said = full;
    }
    kept.extend(held);
    kept
}

/// The same done to lines of some program that say nothing: now and then one of them repeats an older one.
pub(crate) fn with_late_repetitions(lines: &[Line], late: &[i64]) -> Vec<Line> {
    let again = |(line, late): (&Line, &i64)| {
        let old = *late > 0 && line.what == What::Passing;
        let back = if old { late * SECOND_US } else { 0 };
        let what = if old { What::PassingAgain } else { line.what.clone() };
        Line { at: line.at - back, since_boot: line.since_boot - back, what, ..line.clone() }
    };
    lines.iter().zip(late.iter().cycle()).map(again).collect()
}

/// Stamps as a clock in Berlin shows them around the end of summer time 2024.
pub(crate) fn in_berlin(lines: &[Line]) -> Vec<Line> {
    let change = 1_729_990_800 * SECOND_US;
    let ahead = |at: i64| if at < change { 7_200 } else { 3_600 };
    lines.iter().map(|line| Line { at: line.at + ahead(line.at) * SECOND_US, ..line.clone() }).collect()
}

/// The stream of a file.
pub(crate) fn stream_of(
    id: &str,
    path: &str,
    lines: &[Line],
    shape: Shape,
    written: Option<i64>,
) -> LogStream {
    let mut scan = Scan::default();
    for (number, line) in lines.iter().enumerate() {
        let offset = number as u64 * LINE_BYTES;
        let raw = format!("{} {:?}", line.at, line.what);
        let passing = matches!(line.what, What::Passing | What::PassingAgain | What::Reboot);
        scan.take(&Record {
            moment: moment(line, offset, shape),
            host: (!matches!(shape, Shape::Dmesg | Shape::Kmsg)).then_some(b"web8".as_slice()),
            boot: (shape == Shape::Export).then_some(BootId([line.boot.number; 16])),
            trust: match shape {
                Shape::Export | Shape::Kmsg => Trust::AsRecorded,
                _ => Trust::Unverified,
            },
            content: match content(&line.what) {
                // What the first line of a file repeats is not there.
                Content::Repeated { times, .. } if number == 0 && matches!(line.what, What::Repeated(..)) => {
                    Content::RepeatedUnknown { times }
                }
                // Records that say of themselves that they begin again.
                Content::BootSeparator if shape == Shape::Kmsg => Content::Passing,
                content => content,
            },
            raw: if passing { b"" } else { raw.as_bytes() },
        });
    }
    let mut piece = scan.finish();
    piece.range = (0, lines.len() as u64 * LINE_BYTES);
    let hints = Hints {
        path: path.into(),
        modified: written.map(WallTime),
        reader_zone: Some("UTC".into()),
        directory: path.rsplit_once('/').map(|(directory, _)| directory.into()),
        ..Hints::default()
    };
    LogStream { id: id.into(), hints, dialect: "syslog", piece }
}

fn moment(line: &Line, offset: u64, shape: Shape) -> Moment {
    let (stamp, precision_us) = match shape {
        Shape::Export | Shape::Bracketed | Shape::Plain => (Some(Stamp::Absolute(line.at)), 1),
        Shape::Messages => (Some(Stamp::Yearless(yearless(line.at))), 1_000_000),
        Shape::Dmesg | Shape::Kmsg => (None, 0),
    };
    let clocked = matches!(shape, Shape::Export | Shape::Bracketed | Shape::Dmesg | Shape::Kmsg);
    let since_boot_us = clocked.then_some(line.since_boot);
    Moment { offset, stamp, precision_us, since_boot_us, seq: (shape == Shape::Kmsg).then_some(line.seq) }
}

/// What RFC 3164 leaves of a time.
fn yearless(at: i64) -> i64 {
    use chrono::{DateTime, Datelike};
    let shown =
        DateTime::from_timestamp_micros(at - at.rem_euclid(SECOND_US)).expect("tests stay in the calendar");
    let moved = shown.with_year(2000).expect("2000 has every day");
    moved.timestamp_micros() - YEARLESS_BASE_US
}

fn content(what: &What) -> Content {
    let full = |namespace: u8| {
        let (wording, word) = match namespace {
            0 => (Wording::NfDoubled, NamespaceWord::Unnamed),
            inode => (Wording::NfDoubledNetns, NamespaceWord::Inode(u64::from(inode))),
        };
        Signal::Full(Subject { table: Table::Conntrack, wording, namespace: word })
    };
    match what {
        What::Passing => Content::Passing,
        What::PassingAgain => Content::RepeatedPassing,
        What::Full(namespace) => Content::Signal(full(*namespace)),
        What::Repeated(namespace, times) | What::Quoted(namespace, times) => {
            Content::Repeated { signal: full(*namespace), times: *times }
        }
        What::Suppressed(count) => {
            Content::Signal(Signal::Suppressed { limiter: Limiter::NetRatelimit, count: *count })
        }
        What::Other => Content::Signal(Signal::OtherLimited),
        What::Related(kind) => {
            Content::Signal(Signal::Related { kind: *kind, capacity: None, port: None, about: None })
        }
        What::Packet(source) => Content::Signal(Signal::Packet(Packet {
            fate: Fate::ALL[usize::from(*source) % 4],
            source: [203, 0, 113, *source].into(),
            l4: L4::TCP,
            port: Some(23),
            opens: true,
        })),
        What::Reboot => Content::BootSeparator,
    }
}
