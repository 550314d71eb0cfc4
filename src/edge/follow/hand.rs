//! Handing over: what a source has folded goes to the loop with the position behind it, and never makes the source wait.
//!
//! When the channel is full the source goes on folding into its own open part, and what could not be handed over is
//! joined with it later. A position is handed over with the part in front of it, so that whoever keeps both in one
//! commit has every record once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::Duration;

use super::bell::Bell;
use super::{Heard, HeardPart, SourceId};
use crate::model::fold::{Part, RecordSink};
use crate::model::live::clock::Now;
use crate::model::live::gap::{Gap, GapKind, Severity, Trouble};
use crate::model::live::position::Position;
use crate::model::record::{Content, Record, Trust};
use crate::model::signal::Signal;
use crate::model::time::Moment;

/// What says something is handed over at once, but for a storm of lines: not more often than this.
const STEP_US: i64 = 10_000;
/// What says nothing (only the position moved): not more often than this.
const QUIET_STEP_US: i64 = 1_000_000;
/// A full channel is tried again after this long.
const FULL_STEP_US: i64 = 50_000;
/// Gaps that wait to be handed over; further ones are counted into the last one.
const GAPS_MAX: usize = 64;
/// Troubles and recoveries that wait; the oldest are dropped, since the last one tells how it is.
const NOTICES_MAX: usize = 16;

/// Takes records, and notes whether any of them says something.
#[derive(Debug, Default)]
pub(super) struct Noticing<S> {
    sink: S,
    records: u64,
    says_something: bool,
}

impl<S: RecordSink> RecordSink for Noticing<S> {
    type Part = S::Part;

    fn take(&mut self, record: &Record<'_>) {
        self.records += 1;
        self.says_something |= !matches!(record.content, Content::Passing | Content::RepeatedPassing);
        self.sink.take(record);
    }

    fn finish(self) -> S::Part {
        self.sink.finish()
    }
}

/// Where a source puts what it reads.
#[derive(Debug)]
pub struct Out<'a, S> {
    /// Records.
    pub sink: &'a mut S,
    /// Gaps between them.
    pub gaps: &'a mut Vec<Gap>,
    /// When they are read.
    pub now: Now,
}

impl<S: RecordSink> Out<'_, S> {
    /// Records were lost here; `stream` is the offset of the next one.
    pub fn gap(&mut self, kind: GapKind, lost: Option<u64>, words: String, stream: u64) {
        let moment = Moment { offset: stream, stamp: None, precision_us: 0, since_boot_us: None, seq: None };
        let content = Content::Signal(Signal::Lost { count: lost });
        let raw = words.as_bytes();
        self.sink.take(&Record { moment, host: None, boot: None, trust: Trust::Unverified, content, raw });
        self.gap_that_numbers_tell(kind, lost, words);
    }

    /// Records were lost here, and the numbers of those around tell the fold so.
    pub fn gap_that_numbers_tell(&mut self, kind: GapKind, lost: Option<u64>, words: String) {
        push_gap(self.gaps, Gap { kind, noticed: self.now, lost, words });
    }
}

/// One source's hand.
pub(super) struct Hand<S: RecordSink> {
    source: SourceId,
    to: SyncSender<Heard<S::Part>>,
    bell: Arc<Bell>,
    sink: Noticing<S>,
    gaps: Vec<Gap>,
    /// Finished, but the channel was full.
    held: Option<HeardPart<S::Part>>,
    notices: VecDeque<Heard<S::Part>>,
    /// When something was last handed over, or was to be.
    tried_us: i64,
    was_full: bool,
    /// What it suffers from now.
    deaf: Option<Trouble>,
    slower: Option<Trouble>,
    nobody_listens: bool,
}

impl<S> Hand<S>
where
    S: RecordSink + Default,
{
    pub(super) fn new(source: SourceId, to: SyncSender<Heard<S::Part>>, bell: Arc<Bell>) -> Self {
        Self {
            source,
            to,
            bell,
            sink: Noticing::default(),
            gaps: Vec::new(),
            held: None,
            notices: VecDeque::new(),
            tried_us: i64::MIN / 2,
            was_full: false,
            deaf: None,
            slower: None,
            nobody_listens: false,
        }
    }

    /// The source is to end: it was told to, or nobody listens any more.
    pub(super) fn is_done(&self) -> bool {
        self.nobody_listens || self.bell.is_stopped()
    }

    /// Where records and gaps go.
    pub(super) fn out(&mut self, now: Now) -> Out<'_, Noticing<S>> {
        Out { sink: &mut self.sink, gaps: &mut self.gaps, now }
    }

    /// Nothing, or not as it should be, is heard. Told once for as long as the words are the same.
    pub(super) fn trouble(
        &mut self,
        now: Now,
        severity: Severity,
        words: String,
        hint: Option<&'static str>,
    ) {
        let slot = match severity {
            Severity::Deaf => &mut self.deaf,
            Severity::Slower => &mut self.slower,
        };
        if slot.as_ref().is_some_and(|known| known.words == words) {
            return;
        }
        let since = slot.as_ref().map_or(now, |known| known.since);
        let trouble = Trouble { since, severity, words, hint };
        *slot = Some(trouble.clone());
        self.notice(Heard::Trouble { source: self.source, trouble });
    }

    /// The source looked and nothing failed.
    pub(super) fn well(&mut self, now: Now) {
        self.bell.beat(now.uptime_us);
        if let Some(trouble) = self.deaf.take() {
            self.notice(Heard::Recovered { source: self.source, trouble, at: now });
        }
    }

    /// It is no longer slower than it should be.
    pub(super) fn quick(&mut self, now: Now) {
        if let Some(trouble) = self.slower.take() {
            self.notice(Heard::Recovered { source: self.source, trouble, at: now });
        }
    }

    fn notice(&mut self, notice: Heard<S::Part>) {
        if self.notices.len() >= NOTICES_MAX {
            self.notices.pop_front();
        }
        self.notices.push_back(notice);
        self.send_notices();
    }

    /// How long the source may wait until something is due to be handed over; none where nothing is.
    pub(super) fn due_in(&self, now: Now) -> Option<Duration> {
        let step = self.step()?;
        let left = self.tried_us.saturating_add(step).saturating_sub(now.uptime_us);
        Some(Duration::from_micros(u64::try_from(left).unwrap_or(0)))
    }

    fn step(&self) -> Option<i64> {
        let waits = self.held.is_some() || !self.notices.is_empty();
        if self.was_full && waits {
            return Some(FULL_STEP_US);
        }
        if self.sink.says_something || !self.gaps.is_empty() || waits {
            return Some(STEP_US);
        }
        (self.sink.records > 0).then_some(QUIET_STEP_US)
    }

    /// Hands over what is due. `position` is that behind the last record taken.
    pub(super) fn hand_over_if_due(&mut self, now: Now, position: impl FnOnce() -> Option<Position>) {
        if self.due_in(now) == Some(Duration::ZERO) {
            self.hand_over(now, position());
        }
    }

    /// Hands over what there is, due or not. With no position, what was not begun yet goes on with nothing.
    pub(super) fn hand_over(&mut self, now: Now, position: Option<Position>) {
        self.tried_us = now.uptime_us;
        let Some(position) = position else { return self.send_notices() };
        let sink = std::mem::take(&mut self.sink);
        let part = HeardPart {
            source: self.source,
            records: sink.records,
            part: sink.finish(),
            position,
            gaps: std::mem::take(&mut self.gaps),
            at: now,
        };
        let part = match self.held.take() {
            Some(held) => held.followed_by(part),
            None => part,
        };
        self.was_full = false;
        match self.to.try_send(Heard::Part(Box::new(part))) {
            Err(TrySendError::Full(Heard::Part(part))) => {
                self.held = Some(*part);
                self.was_full = true;
            }
            Ok(()) | Err(TrySendError::Full(_)) => {}
            Err(TrySendError::Disconnected(_)) => self.nobody_listens = true,
        }
        self.send_notices();
    }

    fn send_notices(&mut self) {
        while let Some(notice) = self.notices.pop_front() {
            match self.to.try_send(notice) {
                Ok(()) => {}
                Err(TrySendError::Full(notice)) => {
                    self.notices.push_front(notice);
                    self.was_full = true;
                    return;
                }
                Err(TrySendError::Disconnected(_)) => {
                    self.nobody_listens = true;
                    return;
                }
            }
        }
    }

    /// The last hand-over. What a full channel does not take within `patience` stays unread as far as anybody
    /// remembers: its position is not moved.
    pub(super) fn end(mut self, position: Option<&Position>, why: Option<String>, patience: Duration) {
        let begun = super::clocks::now().uptime_us;
        self.hand_over(super::clocks::now(), position.cloned());
        self.notice(Heard::Ended { source: self.source, why });
        loop {
            let now = super::clocks::now();
            let waited = Duration::from_micros(u64::try_from(now.uptime_us - begun).unwrap_or(0));
            let waits = self.held.is_some() || !self.notices.is_empty();
            if !waits || self.nobody_listens || waited >= patience {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
            self.hand_over(now, position.cloned());
        }
    }
}

fn push_gap(gaps: &mut Vec<Gap>, gap: Gap) {
    if gaps.len() < GAPS_MAX {
        return gaps.push(gap);
    }
    if let Some(last) = gaps.last_mut() {
        // A sum of which one part is not known is not known.
        last.lost = last.lost.zip(gap.lost).map(|(a, b)| a.saturating_add(b));
        if last.kind != gap.kind {
            last.kind = GapKind::NotRead;
        }
        last.words = gap.words;
    }
}

impl<P: Part> HeardPart<P> {
    /// This and what comes right behind it.
    fn followed_by(self, behind: Self) -> Self {
        let mut gaps = self.gaps;
        behind.gaps.into_iter().for_each(|gap| push_gap(&mut gaps, gap));
        Self {
            part: self.part.join(behind.part),
            records: self.records.saturating_add(behind.records),
            gaps,
            ..Self { gaps: Vec::new(), part: P::default(), ..behind }
        }
    }
}
