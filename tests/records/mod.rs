//! Records printed on one line each, and a sink that collects them: what tests of log dialects compare.

#![allow(dead_code, reason = "each test uses a part of it")]

use conntriage::model::fold::{Part, RecordSink};
use conntriage::model::record::{Content, Record, Trust};
use conntriage::model::signal::{NamespaceWord, RelatedKind, Signal};
use conntriage::model::time::{Stamp, YEARLESS_BASE_US};

/// One record as a test sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) offset: u64,
    pub(crate) raw: Vec<u8>,
    pub(crate) printed: String,
}

/// Collects records.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Collector(pub(crate) Vec<Seen>);

impl Part for Collector {
    fn join(mut self, right: Self) -> Self {
        self.0.extend(right.0);
        self
    }
}

impl RecordSink for Collector {
    type Part = Self;

    fn take(&mut self, record: &Record<'_>) {
        self.0.push(Seen { offset: record.moment.offset, raw: record.raw.to_vec(), printed: print(record) });
    }

    fn finish(self) -> Self {
        self
    }
}

/// Everything of a record but its offset and raw bytes; what is absent is not printed.
pub(crate) fn print(record: &Record<'_>) -> String {
    let mut words = Vec::new();
    words.extend(record.moment.stamp.map(stamp));
    if !matches!(record.moment.precision_us, 0 | 1_000_000) {
        words.push(format!("±{}us", record.moment.precision_us));
    }
    words.extend(record.moment.since_boot_us.map(|us| {
        let sign = if us < 0 { '-' } else { '+' };
        format!("{sign}{}.{:06}", us.unsigned_abs() / 1_000_000, us.unsigned_abs() % 1_000_000)
    }));
    words.extend(record.moment.seq.map(|seq| format!("#{seq}")));
    words.extend(record.boot.map(|boot| format!("boot={:02x}{:02x}", boot.0[0], boot.0[15])));
    words.extend(record.host.map(|host| format!("host={}", host.escape_ascii())));
    match record.trust {
        Trust::Unverified => {}
        Trust::AsRecorded => words.push("as-recorded".into()),
        Trust::Kernel => words.push("kernel".into()),
    }
    words.push(content(&record.content));
    words.join(" ")
}

fn stamp(stamp: Stamp) -> String {
    let civil = |us| chrono::DateTime::from_timestamp_micros(us).unwrap();
    match stamp {
        Stamp::Absolute(us) => civil(us).format("%Y-%m-%dT%H:%M:%S%.fZ").to_string(),
        Stamp::Local(us) => civil(us).format("%Y-%m-%dT%H:%M:%S%.f").to_string(),
        Stamp::Yearless(us) => civil(us + YEARLESS_BASE_US).format("%m-%dT%H:%M:%S%.f").to_string(),
    }
}

fn content(content: &Content) -> String {
    match content {
        Content::Passing => "passing".into(),
        Content::RepeatedPassing => "repeated-passing".into(),
        Content::Signal(said) => signal(said),
        Content::Repeated { signal: said, times } => format!("{times}x {}", signal(said)),
        Content::RepeatedUnknown { times } => format!("{times}x ?"),
        Content::BootSeparator => "boot-separator".into(),
        Content::Malformed(kind) => format!("malformed:{kind:?}"),
    }
}

/// What a signal says.
pub(crate) fn signal(signal: &Signal) -> String {
    match signal {
        Signal::Full(subject) => {
            let namespace = match &subject.namespace {
                NamespaceWord::Unnamed => String::new(),
                NamespaceWord::Inode(inode) => format!("({inode})"),
                NamespaceWord::Container(id) => format!("({id})"),
            };
            format!("full:{:?}:{:?}{namespace}", subject.table, subject.wording)
        }
        Signal::Suppressed { limiter, count } => format!("suppressed:{limiter:?}={count}"),
        Signal::Related { kind: RelatedKind::Capacity, capacity: Some(capacity), .. } => {
            let bytes = capacity.entry_bytes.map_or(String::new(), |bytes| format!(",{bytes}B"));
            format!("related:Capacity({},{}{bytes})", capacity.buckets, capacity.max)
        }
        Signal::Related { kind, port, about, .. } => {
            let port = port.map_or(String::new(), |port| format!("({port})"));
            let about = about.as_ref().map_or(String::new(), |about| {
                let value = about.value.map(|value| value.to_string());
                let peer = about.peer.map(|(address, port)| match port {
                    Some(port) => std::net::SocketAddr::new(address, port).to_string(),
                    None => address.to_string(),
                });
                let name = about.name.as_ref().map(ToString::to_string);
                let told: Vec<String> = [value, peer, name].into_iter().flatten().collect();
                format!("({})", told.join(","))
            });
            format!("related:{kind:?}{port}{about}")
        }
        Signal::Packet(packet) => {
            let port = packet.port.map_or(String::new(), |port| format!(":{port}"));
            let opens = if packet.opens { ":opens" } else { "" };
            let l4 = packet.l4.name().map_or_else(|| packet.l4.0.to_string(), ToOwned::to_owned);
            format!("packet:{:?}:{}:{l4}{port}{opens}", packet.fate, packet.source)
        }
        Signal::OtherLimited => "other-limited".into(),
        Signal::Lost { count } => format!("lost:{}", count.map_or("?".into(), |count| count.to_string())),
    }
}
