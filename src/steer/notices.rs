//! Which message is sent, and which is only counted.
//!
//! Opened, evidence, a digest while it lasts, closed; so many of one incident in 24 hours, so many of all. What is held
//! back is listed in the next one that is sent; where nothing else is sent, in one of its own.

use super::{HOUR_US, MINUTE_US, Step};
use crate::model::live::intent::{About, Intent, Limit, Notice, NoticeNo, Suppressed};
use crate::model::live::life::{NOTICES_A_DAY_MAX, NOTICES_OF_ONE_MAX, Phase, SUPPRESSED_MAX};

/// One message more in so long.
pub const REFILL_US: i64 = 6 * MINUTE_US;
/// Messages held back are told of in one of their own after this, if no other took them along.
const SUMMARY_US: i64 = 15 * MINUTE_US;
const DAY_US: i64 = 24 * HOUR_US;

/// How long after its opening the nth digest of an incident is due: 15 min, 1 h, then every 6 h.
fn digest_us(nth: u32) -> i64 {
    match nth {
        0 => 15 * MINUTE_US,
        nth => HOUR_US.saturating_add(6 * HOUR_US * i64::from(nth - 1)),
    }
}

impl Step<'_> {
    /// Tells people, or remembers that they were not told.
    pub(super) fn tell(&mut self, about: About) {
        if self.incident_is_exhausted(about) {
            self.suppress(about, Limit::Incident);
        } else if self.all_are_exhausted() {
            self.suppress(about, Limit::All);
        } else {
            self.send(about);
        }
    }

    /// One message of each incident is kept back for its end.
    fn incident_is_exhausted(&self, about: About) -> bool {
        let Some(life) = about.incident().and_then(|incident| self.memory.life(incident)) else {
            return false;
        };
        let limit = usize::try_from(self.policy.per_incident_per_day).unwrap_or(usize::MAX);
        let limit = limit.min(NOTICES_OF_ONE_MAX);
        let kept_back = usize::from(limit > 1 && !matches!(about, About::Closed(_)));
        let today = life.told.sent_us.iter().filter(|at| self.since(**at) < DAY_US).count();
        today >= limit - kept_back
    }

    fn all_are_exhausted(&self) -> bool {
        let waits = self.memory.spent.full_us.saturating_sub(self.uptime()).max(0);
        let burst = i64::from(self.policy.burst);
        let per_day = usize::try_from(self.policy.per_day).unwrap_or(usize::MAX).min(NOTICES_A_DAY_MAX);
        let today = self.memory.spent.sent_us.iter().filter(|at| self.since(**at) < DAY_US).count();
        waits > REFILL_US.saturating_mul(burst - 1) || today >= per_day
    }

    fn send(&mut self, about: About) {
        let now_us = self.uptime();
        let notice = NoticeNo(self.memory.next_notice);
        self.memory.next_notice += 1;
        let spent = &mut self.memory.spent;
        spent.full_us = spent.full_us.max(now_us).saturating_add(REFILL_US);
        remember(&mut spent.sent_us, now_us, NOTICES_A_DAY_MAX);
        let mut ordinal = 1;
        if let Some(life) = about.incident().and_then(|incident| self.life_mut(incident)) {
            life.told.count = life.told.count.saturating_add(1);
            ordinal = life.told.count;
            remember(&mut life.told.sent_us, now_us, NOTICES_OF_ONE_MAX);
        }
        let suppressed = std::mem::take(&mut self.memory.suppressed);
        self.memory.suppressed_since_us = None;
        self.intents.push(Intent::Notify(Notice { notice, about, ordinal, suppressed }));
    }

    fn suppress(&mut self, about: About, why: Limit) {
        let suppressed = &mut self.memory.suppressed;
        if suppressed.listed.len() < SUPPRESSED_MAX {
            suppressed.listed.push(Suppressed { about, at: self.now, why });
        } else {
            suppressed.more = suppressed.more.saturating_add(1);
        }
        // An incident that said enough of itself is no reason for a message.
        if why == Limit::All {
            self.memory.suppressed_since_us.get_or_insert(self.now.uptime_us);
        }
    }

    pub(super) fn notices_due(&mut self) {
        self.digests_due();
        let waits = self.memory.suppressed_since_us.is_some_and(|since| self.since(since) >= SUMMARY_US);
        if waits && !self.all_are_exhausted() {
            self.send(About::Summary);
        }
    }

    /// A digest that was missed, while nothing watched or nothing happened, is not made up for: the next one is due.
    fn digests_due(&mut self) {
        let now_us = self.uptime();
        let mut due = Vec::new();
        for life in &mut self.memory.lives {
            let lasts = now_us.saturating_sub(life.opened_us);
            let lives = matches!(life.phase, Phase::Opened | Phase::Growing);
            if lives && lasts >= digest_us(life.told.digests) {
                while lasts >= digest_us(life.told.digests) {
                    life.told.digests += 1;
                }
                due.push(life.incident);
            }
        }
        for incident in due {
            self.tell(About::Digest(incident));
        }
    }
}

fn remember(sent_us: &mut Vec<i64>, now_us: i64, at_most: usize) {
    sent_us.retain(|at| now_us.saturating_sub(*at) < DAY_US);
    if sent_us.len() >= at_most {
        sent_us.remove(0);
    }
    sent_us.push(now_us);
}
