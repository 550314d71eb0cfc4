//! Lines of former times: found in a log at the start, or brought by a source that was deaf. Nothing can be captured of
//! them any more, and however many incidents they tell of, they make one message.

use super::{MINUTE_US, Step};
use crate::model::live::event::Lines;
use crate::model::live::intent::{About, Backlog, Intent, Stretch};
use crate::model::live::life::{Late, STRETCHES_MAX};
use crate::model::record::Trust;

/// A backlog is told of when nothing more of it came for so long,
const SETTLED_US: i64 = MINUTE_US;
/// or so long after it began to come.
const TOLD_US: i64 = 15 * MINUTE_US;

impl Step<'_> {
    pub(super) fn late(&mut self, lines: &Lines, first_us: i64, last_us: i64) {
        let stretch = Stretch {
            namespace: lines.subject.namespace.clone(),
            trust: lines.trust,
            lines: lines.lines,
            first_us,
            last_us,
        };
        self.late_stretch(stretch);
    }

    pub(super) fn late_stretch(&mut self, stretch: Stretch) {
        let (now_us, quiet) = (self.uptime(), self.quiet_us());
        let late = self.memory.late.get_or_insert_with(|| Late {
            since_us: now_us,
            last_us: now_us,
            backlog: Backlog::default(),
            believed: false,
        });
        late.last_us = now_us;
        let believed = stretch.trust == Trust::Kernel;
        late.believed |= believed;
        let close = |known: &&mut Stretch| {
            known.namespace == stretch.namespace
                && stretch.first_us.saturating_sub(known.last_us) < quiet
                && known.first_us.saturating_sub(stretch.last_us) < quiet
        };
        if let Some(known) = late.backlog.stretches.iter_mut().find(close) {
            known.trust = known.trust.max(stretch.trust);
            known.lines = known.lines.saturating_add(stretch.lines);
            known.first_us = known.first_us.min(stretch.first_us);
            known.last_us = known.last_us.max(stretch.last_us);
        } else if late.backlog.stretches.len() < STRETCHES_MAX {
            late.backlog.stretches.push(stretch);
        } else {
            late.backlog.more = late.backlog.more.saturating_add(1);
            // What anybody could have written makes room for the kernel's own.
            let forgeable = |known: &&mut Stretch| known.trust != Trust::Kernel;
            if let Some(known) = late.backlog.stretches.iter_mut().rev().find(forgeable).filter(|_| believed)
            {
                *known = stretch;
            }
        }
    }

    pub(super) fn backlog_due(&mut self) {
        let settled =
            |late: &Late| self.since(late.last_us) >= SETTLED_US || self.since(late.since_us) >= TOLD_US;
        if !self.memory.late.as_ref().is_some_and(settled) {
            return;
        }
        let Some(late) = self.memory.late.take() else { return };
        // What anybody could have written makes no message, all the less when it is too late to ask the counters.
        self.intents.push(Intent::Backlog(late.backlog));
        if late.believed {
            self.tell(About::Backlog);
        }
    }
}
