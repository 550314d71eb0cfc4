//! Records that own what they point to, and what must hold of any list of them: no record is lost, a piece is the join
//! of its parts, what is counted is what was said, and what is written is read again as it was.

use conntriage::detect::scan::Scan;
use conntriage::model::fold::{Part, RecordSink};
use conntriage::model::input::{Hints, LogStream};
use conntriage::model::piece::{LossKind, Piece};
use conntriage::model::record::{Content, Record, Trust};
use conntriage::model::signal::Signal;
use conntriage::model::time::{BootId, Moment};
use conntriage::wire::signals;

use crate::dice::Dice;

/// A record that owns its text.
#[derive(Debug, Clone, PartialEq)]
pub struct Owned {
    pub moment: Moment,
    pub host: Option<Vec<u8>>,
    pub boot: Option<BootId>,
    pub trust: Trust,
    pub content: Content,
    pub raw: Vec<u8>,
}

impl Owned {
    fn record(&self) -> Record<'_> {
        Record {
            moment: self.moment,
            host: self.host.as_deref(),
            boot: self.boot,
            trust: self.trust,
            content: self.content.clone(),
            raw: &self.raw,
        }
    }
}

/// Collects records.
#[derive(Debug, Default, PartialEq)]
pub struct Collector(pub Vec<Owned>);

impl Part for Collector {
    fn join(mut self, right: Self) -> Self {
        self.0.extend(right.0);
        self
    }
}

impl RecordSink for Collector {
    type Part = Self;

    fn take(&mut self, record: &Record<'_>) {
        assert!(record.raw.len() <= 512, "{} raw bytes", record.raw.len());
        self.0.push(Owned {
            moment: record.moment,
            host: record.host.map(<[u8]>::to_vec),
            boot: record.boot,
            trust: record.trust,
            content: record.content.clone(),
            raw: record.raw.to_vec(),
        });
    }

    fn finish(self) -> Self {
        self
    }
}

/// Two readings of one stream gave the same records; says where they first differ.
pub fn same(whole: &[Owned], parts: &[Owned], how: &str) {
    let differ = whole.iter().zip(parts).position(|(one, other)| one != other);
    let at = differ.unwrap_or(whole.len().min(parts.len()));
    let (one, other) = (whole.get(at), parts.get(at));
    assert!(one == other, "{how}: record {at} is {one:#?} of the whole and {other:#?} of the parts");
}

/// What holds of the piece of these records.
pub fn laws_of_pieces(records: &[Owned], dice: &mut Dice) {
    let whole = scan(records);
    assert_eq!(whole.records, records.len() as u64);
    let (left, right) = records.split_at(dice.below(records.len() + 1));
    let (middle, right) = right.split_at(dice.below(right.len() + 1));
    let [left, middle, right] = [left, middle, right].map(scan);
    assert_eq!(whole, left.clone().join(middle.clone()).join(right.clone()), "joined from the left");
    assert_eq!(whole, left.join(middle.join(right)), "joined from the right");
    counts_what_was_said(records, &whole);
    is_read_as_it_was_written(whole);
}

fn scan(records: &[Owned]) -> Piece {
    let mut scan = Scan::default();
    records.iter().for_each(|record| scan.take(&record.record()));
    scan.finish()
}

/// Lines and copies, counted by somebody who knows nothing of runs. (Those of unknown repetitions, which a piece
/// understands by the line in front of them, are left to the tests of the fold.)
fn counts_what_was_said(records: &[Owned], piece: &Piece) {
    if piece.keys_left_out > 0
        || records.iter().any(|record| matches!(record.content, Content::RepeatedUnknown { .. }))
    {
        return;
    }
    let told = |record: &Owned| match &record.content {
        Content::Signal(Signal::Full(_)) => 1,
        Content::Repeated { signal: Signal::Full(_), times } => *times,
        _ => 0,
    };
    let told = records.iter().map(told).fold(0_u64, u64::saturating_add);
    let runs = || piece.runs.values().flatten();
    let visible = |run: &conntriage::model::run::Run| {
        let seen = run.visible.values().chain([&run.other_subjects]);
        seen.map(|seen| seen.lines.saturating_add(seen.repeated)).fold(0_u64, u64::saturating_add)
    };
    let counted = runs().map(visible).fold(0_u64, u64::saturating_add);
    assert_eq!(counted, told, "lines and copies");
    let negative =
        piece.losses.iter().filter(|loss| loss.kind == LossKind::NegativeSuppression).count() as u64;
    let suppressions: u64 = runs().map(|run| run.suppression_lines).sum();
    if piece.losses_left_out == 0 {
        let all = told.saturating_add(suppressions).saturating_add(negative);
        assert_eq!(piece.signals, all, "signals");
    }
}

fn is_read_as_it_was_written(piece: Piece) {
    let given = LogStream { id: "0123456789ab".into(), hints: Hints::default(), dialect: "lines", piece };
    let line = signals::write(&given);
    assert!(signals::looks_like(line.as_bytes()) && !line.contains('\n'));
    assert_eq!(signals::read(line.as_bytes()).as_ref(), Ok(&given));
}
