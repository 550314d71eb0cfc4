//! Event + time → intents: the life of an incident, captures due, messages due and their budgets, when to believe an
//! unverified line. Pure policy: no clock, no files, no chance. The same events at the same times give the same intents.

use crate::model::live::clock::Now;
use crate::model::live::event::Event;
use crate::model::live::intent::Intent;
use crate::model::live::life::Memory;
use crate::model::live::policy::Policy;
use crate::model::time::BootId;

/// The policy at work.
#[derive(Debug, Clone)]
pub struct Steer {
    policy: Policy,
    memory: Memory,
}

impl Steer {
    /// Goes on from what is remembered: after a restart of the watcher, in the same boot or in another.
    pub fn resume(memory: Memory, policy: Policy, boot: BootId, now: Now) -> Self {
        let _ = (boot, now);
        Self { policy, memory }
    }

    /// One event at one moment, and what is to be done.
    pub fn step(&mut self, event: Event, now: Now) -> Vec<Intent> {
        let _ = (event, now);
        Vec::new()
    }

    /// What must be committed together with the effect of the intents.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Another policy from now on (SIGHUP).
    pub fn obey(&mut self, policy: Policy) {
        self.policy = policy;
    }
}
