//! Event + time → intents: the life of an incident, captures due, messages due and their budgets, when to believe an
//! unverified line. Pure policy: no clock, no files, no chance. The same events at the same times give the same intents.
//!
//! - [`lives`]: opened → growing → quiet → ending → closed, and again.
//! - [`belief`]: which lines open an incident, and which must wait for the counters to agree.
//! - [`counters`]: what two samples say; [`ring`]: the samples of the last ten minutes.
//! - [`captures`]: which look is due, and how close it may be.
//! - [`notices`]: which message is sent, and which is counted.
//! - [`backlog`]: lines of former times.
//! - [`boots`]: what is remembered, on another boot's clock.
//!
//! Everything that waits goes by the clock that never steps ([`Now::uptime_us`]).

mod backlog;
mod belief;
mod boots;
mod captures;
mod counters;
mod lives;
mod near;
mod notices;
pub mod outbox;
mod ring;
pub mod tables;

use crate::model::live::clock::Now;
use crate::model::live::event::Event;
use crate::model::live::intent::Intent;
use crate::model::live::life::{Memory, Place};
use crate::model::live::policy::Policy;
use crate::model::live::sample::Sample;
use crate::model::time::{BootId, SECOND_US, WallTime};
use ring::Ring;

pub use captures::{DUMPS_AN_HOUR, DUMPS_KEPT_BACK};
pub use lives::REJOIN_US;
pub use notices::REFILL_US;
pub use ring::{NAMESPACES_MAX, SAMPLES_MAX};

/// One minute.
const MINUTE_US: i64 = 60 * SECOND_US;
/// One hour.
const HOUR_US: i64 = 60 * MINUTE_US;
/// A line and the counters that tell of the same refusal may be so far apart: log daemons are late, stamps are cut to
/// seconds.
const SLACK_US: i64 = 10 * SECOND_US;
/// A namespace is younger than a line only if it is younger by more than this: the line's clock is not the one that its
/// age is on.
const SKEW_US: i64 = 2 * SECOND_US;

/// The policy at work.
#[derive(Debug, Clone)]
pub struct Steer {
    policy: Policy,
    memory: Memory,
    ring: Ring,
}

impl Steer {
    /// Goes on from what is remembered: after a restart of the watcher, in the same boot or in another. The samples of
    /// the last minutes are not remembered; captures that the restart interrupted are to be told as
    /// [`Event::Captured`].
    pub fn resume(memory: Memory, policy: Policy, boot: BootId, now: Now) -> Self {
        Self { policy, memory: boots::moved(memory, boot, now), ring: Ring::default() }
    }

    /// One event at one moment, and what is to be done, in this order.
    pub fn step(&mut self, event: Event, now: Now) -> Vec<Intent> {
        // Threads hand over what they saw a moment ago: time stands still rather than go back.
        let now = Now { uptime_us: now.uptime_us.max(self.memory.last.uptime_us), wall: now.wall };
        self.memory.last = now;
        let mut step = Step {
            policy: &self.policy,
            memory: &mut self.memory,
            ring: &mut self.ring,
            now,
            intents: Vec::new(),
        };
        step.end_of_former_boots();
        match event {
            Event::Tick => {}
            Event::Lines(lines) => step.lines(&lines),
            Event::Sample(sample) => step.sample(sample),
            Event::Checked(checked) => step.checked(&checked),
            Event::Captured(captured) => step.captured(captured),
        }
        step.whatever_is_due();
        step.intents
    }

    /// What must be committed together with the effect of the intents.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The samples of the last ten minutes of one namespace, ascending.
    pub fn recent(&self, place: &Place) -> Vec<Sample> {
        self.ring.of(place).copied().collect()
    }

    /// Another policy from now on (SIGHUP). What is already due stays due.
    pub fn obey(&mut self, policy: Policy) {
        self.policy = policy;
    }
}

/// One event being dealt with.
struct Step<'a> {
    policy: &'a Policy,
    memory: &'a mut Memory,
    ring: &'a mut Ring,
    now: Now,
    intents: Vec<Intent>,
}

impl Step<'_> {
    fn whatever_is_due(&mut self) {
        self.suspicions_due();
        self.lives_due();
        self.captures_due();
        self.lives_that_may_close();
        self.disbeliefs_due();
        self.backlog_due();
        self.notices_due();
    }

    fn uptime(&self) -> i64 {
        self.now.uptime_us
    }

    /// The time since a moment that was; never below zero.
    fn since(&self, moment_us: i64) -> i64 {
        self.now.uptime_us.saturating_sub(moment_us).max(0)
    }

    /// A moment of this boot on both clocks, as the wall clock runs now.
    fn at(&self, uptime_us: i64) -> Now {
        let ago = self.now.uptime_us.saturating_sub(uptime_us);
        Now { uptime_us, wall: WallTime(self.now.wall.0.saturating_sub(ago)) }
    }
}
