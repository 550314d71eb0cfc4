//! What several law tests share: records that own what they point to, and how a list of them is scanned.
#![allow(dead_code, reason = "each test file is a crate of its own and uses some of it")]

use conntriage::detect::join::{Bounds, join_within};
use conntriage::detect::scan::Scan;
use conntriage::model::fold::RecordSink;
use conntriage::model::piece::Piece;
use conntriage::model::record::{Content, Record, Trust};
use conntriage::model::run::Run;
use conntriage::model::signal::{Limiter, NamespaceWord, Signal, Subject, Table, Wording};
use conntriage::model::time::{BootId, Moment};

/// So many random cases, or as many as `CONNTRIAGE_CASES` says.
pub(crate) fn cases(usual: u32) -> u32 {
    std::env::var("CONNTRIAGE_CASES").ok().and_then(|given| given.parse().ok()).unwrap_or(usual)
}

/// A record that owns its text.
#[derive(Debug, Clone)]
pub(crate) struct Owned {
    pub(crate) moment: Moment,
    pub(crate) host: Option<Vec<u8>>,
    pub(crate) boot: Option<BootId>,
    pub(crate) trust: Trust,
    pub(crate) content: Content,
    pub(crate) raw: Vec<u8>,
}

impl Owned {
    pub(crate) fn at(moment: Moment, content: Content) -> Self {
        let raw = format!("line at {}", moment.offset).into_bytes();
        Self { moment, host: Some(b"gw".to_vec()), boot: None, trust: Trust::Unverified, content, raw }
    }

    pub(crate) fn record(&self) -> Record<'_> {
        Record {
            moment: self.moment,
            host: self.host.as_deref(),
            boot: self.boot,
            trust: self.trust,
            content: self.content.clone(),
            raw: if self.content == Content::Passing { b"" } else { &self.raw },
        }
    }
}

/// The sequential scan.
pub(crate) fn scan_within(records: &[Owned], bounds: Bounds) -> Piece {
    let mut scan = Scan::within(bounds);
    for record in records {
        scan.take(&record.record());
    }
    scan.finish()
}

pub(crate) fn scan(records: &[Owned]) -> Piece {
    scan_within(records, Bounds::REAL)
}

/// Cut at these places (indices, taken modulo), joined in the order that `order` says.
pub(crate) fn cut_and_join(records: &[Owned], cuts: &[usize], order: &[usize], bounds: Bounds) -> Piece {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut % (records.len() + 1)).collect();
    places.extend([0, records.len()]);
    places.sort_unstable();
    let mut parts: Vec<Piece> =
        places.windows(2).map(|ends| scan_within(&records[ends[0]..ends[1]], bounds)).collect();
    let mut order = order.iter().cycle();
    while parts.len() > 1 {
        let at = order.next().map_or(0, |at| at % (parts.len() - 1));
        let right = parts.remove(at + 1);
        let left = std::mem::take(&mut parts[at]);
        parts[at] = join_within(left, right, &bounds);
    }
    parts.pop().unwrap_or_default()
}

pub(crate) fn runs(piece: &Piece) -> impl Iterator<Item = &Run> {
    piece.runs.values().flatten()
}

/// Table-full lines of a run, repetitions expanded.
pub(crate) fn visible(run: &Run) -> u64 {
    run.visible.values().chain([&run.other_subjects]).map(|v| v.lines.saturating_add(v.repeated)).sum()
}

pub(crate) fn subject(namespace: Option<u64>) -> Subject {
    match namespace {
        None => Subject {
            table: Table::Conntrack,
            wording: Wording::NfDoubled,
            namespace: NamespaceWord::Unnamed,
        },
        Some(inode) => Subject {
            table: Table::Conntrack,
            wording: Wording::NfDoubledNetns,
            namespace: NamespaceWord::Inode(inode),
        },
    }
}

pub(crate) fn full(namespace: Option<u64>) -> Content {
    Content::Signal(Signal::Full(subject(namespace)))
}

pub(crate) fn suppressed(count: i64) -> Content {
    Content::Signal(Signal::Suppressed { limiter: Limiter::NetRatelimit, count })
}
