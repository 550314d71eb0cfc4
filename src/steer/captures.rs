//! Which look at a table is due, and how close it may be.
//!
//! A dump of a table costs the machine something, just when it has nothing to give: there are so many an hour and no
//! more, one at a time, and none of the same table twice within the cooldown. What is spared is a light look instead.

use super::{HOUR_US, MINUTE_US, SECOND_US, Step};
use crate::model::live::event::{Captured, Ending};
use crate::model::live::intent::{About, CaptureNo, CaptureOrder, Depth, IncidentNo, Intent, Spared};
use crate::model::live::life::{CAPTURES_MAX, Due, Key, Phase, Place, Running};
use crate::model::live::policy::{Enter, FOLLOW_UPS_MAX, FollowUp};
use crate::model::report::Role;
use crate::model::signal::Table;

/// Dumps in any hour, of all tables and in all roles.
pub const DUMPS_AN_HOUR: usize = 6;
/// Of them, kept for first looks at tables that are full.
pub const DUMPS_KEPT_BACK: usize = 1;
/// A dump of which nothing was heard for its time budget and this is given up.
const PATIENCE_US: i64 = 30 * SECOND_US;
/// A first look that failed is tried once more, so much later, unless a follow-up is due by then.
const AGAIN_US: i64 = 5 * SECOND_US;
/// A first look that had to wait for longer than this is none any more: the follow-ups stand for it.
const FIRST_LOOK_US: i64 = MINUTE_US;

impl Step<'_> {
    /// The looks that an incident begins with.
    pub(super) fn looks_due(&mut self, incident: IncidentNo) {
        let Some(look) = self.memory.life(incident).map(|life| life.look.clone()) else { return };
        // An early look that still waits would come too late.
        let replaced =
            |due: &Due| due.incident == Some(incident) || (due.role == Role::Before && due.key.place == look);
        self.memory.captures.retain(|due| due.running.is_some() || !replaced(due));
        self.first_look_due(incident);
        let follow_ups: Vec<FollowUp> = self.policy.follow_ups.iter().copied().take(FOLLOW_UPS_MAX).collect();
        for follow_up in follow_ups {
            if let FollowUp::After(us) = follow_up {
                self.look_due(incident, Role::FollowUp, us.max(0));
            }
        }
    }

    pub(super) fn first_look_due(&mut self, incident: IncidentNo) {
        self.look_due(incident, Role::At, 0);
    }

    pub(super) fn last_look_due(&mut self, incident: IncidentNo) {
        self.look_due(incident, Role::After, 0);
    }

    fn look_due(&mut self, incident: IncidentNo, role: Role, in_us: i64) {
        let Some(life) = self.memory.life(incident) else { return };
        let key = Key { place: life.look.clone(), ..life.key.clone() };
        let not_younger_than_us = life.start.uptime_us;
        self.due(Some(incident), key, role, in_us, not_younger_than_us);
    }

    pub(super) fn early_look_due(&mut self, key: Key) {
        self.due(None, key, Role::Before, 0, self.uptime());
    }

    fn due(
        &mut self,
        incident: Option<IncidentNo>,
        key: Key,
        role: Role,
        in_us: i64,
        not_younger_than_us: i64,
    ) {
        if !self.policy.capture || self.memory.captures.len() >= CAPTURES_MAX {
            return;
        }
        self.memory.captures.push(Due {
            incident,
            key,
            role,
            due_us: self.uptime().saturating_add(in_us),
            not_younger_than_us,
            light_taken: false,
            again: false,
            running: None,
        });
    }

    /// Orders what is due; first looks before all others.
    pub(super) fn captures_due(&mut self) {
        self.give_up_what_is_not_heard_of();
        let now_us = self.uptime();
        self.memory.dumps_us.retain(|at| now_us.saturating_sub(*at) < HOUR_US);
        let dues = std::mem::take(&mut self.memory.captures);
        let later = |due: &Due| {
            let newer = |other: &Due| {
                other.incident == due.incident
                    && other.role == Role::FollowUp
                    && other.running.is_none()
                    && other.due_us > due.due_us
                    && other.due_us <= now_us
            };
            due.role == Role::FollowUp && due.running.is_none() && dues.iter().any(newer)
        };
        // Two follow-ups at once, after a standstill, are one.
        let mut left: Vec<Due> = dues.iter().filter(|due| !later(due)).cloned().collect();
        left.sort_by_key(|due| due.role != Role::At);
        for due in &left {
            if due.running.is_some() || due.due_us > now_us {
                self.memory.captures.push(due.clone());
            }
        }
        for due in left {
            if due.running.is_none() && due.due_us <= now_us {
                self.order(due);
            }
        }
    }

    fn order(&mut self, mut due: Due) {
        let depth = self.depth(&due);
        let waits = depth == Depth::Light(Spared::Busy);
        if waits && due.role != Role::At {
            self.memory.captures.push(due);
            return;
        }
        if due.light_taken && depth != Depth::Full {
            let late = self.since(due.due_us) >= FIRST_LOOK_US;
            if waits && !late {
                self.memory.captures.push(due);
            }
            return;
        }
        if waits {
            // The cheap facts now, the dump when it can be.
            self.memory.captures.push(Due { light_taken: true, ..due.clone() });
        }
        let capture = CaptureNo(self.memory.next_capture);
        self.memory.next_capture += 1;
        let now_us = self.uptime();
        if depth == Depth::Full {
            self.memory.dumps_us.push(now_us);
        }
        match due.role {
            Role::Before => {
                let table = self.table_mut(due.key.clone());
                table.before = Some(capture);
                table.before_us = Some(now_us).filter(|_| depth == Depth::Full).or(table.before_us);
            }
            Role::At if depth == Depth::Full => self.table_mut(due.key.clone()).at_us = Some(now_us),
            _ => {}
        }
        let forecast = (due.role == Role::Before).then(|| self.forecast_of(&due.key.place)).flatten();
        self.intents.push(Intent::Capture(CaptureOrder {
            capture,
            incident: due.incident,
            key: due.key.clone(),
            role: due.role,
            depth,
            not_younger_than_us: due.not_younger_than_us,
            forecast,
        }));
        due.running = Some(Running { capture, depth, since_us: now_us });
        self.memory.captures.push(due);
    }

    fn depth(&self, due: &Due) -> Depth {
        let enters = match due.key.place {
            Place::Initial => true,
            Place::Netns { .. } => self.policy.enter == Enter::NamedInLine,
            Place::Container(_) | Place::Unknown => false,
        };
        let light = Depth::Light;
        if due.key.table == Table::Expectation {
            light(Spared::NotEntries)
        } else if !enters {
            light(Spared::NotEntered)
        } else if self.cools_down(due) {
            light(Spared::Cooldown)
        } else if self.memory.dumps_us.len() >= allowance(due.role) {
            light(Spared::Budget)
        } else if self.memory.running().any(|running| running.depth == Depth::Full) {
            light(Spared::Busy)
        } else {
            Depth::Full
        }
    }

    fn cools_down(&self, due: &Due) -> bool {
        let Some(table) = self.memory.tables.iter().find(|table| table.key == due.key) else { return false };
        let last = match due.role {
            Role::Before => table.before_us.max(table.at_us),
            // The second attempt is of the same look.
            Role::At if !due.again => table.at_us,
            _ => None,
        };
        last.is_some_and(|at| self.since(at) < self.policy.cooldown_us)
    }

    fn give_up_what_is_not_heard_of(&mut self) {
        let patience = self.policy.time_budget_us.max(0).saturating_add(PATIENCE_US);
        let running: Vec<Running> = self.memory.running().collect();
        for running in running {
            if self.since(running.since_us) >= patience {
                self.captured(Captured { capture: running.capture, ending: Ending::Failed });
            }
        }
    }

    /// A look ended. One that is not known (given up, or of another boot) changes nothing.
    pub(super) fn captured(&mut self, captured: Captured) {
        let is_it = |due: &Due| due.running.is_some_and(|running| running.capture == captured.capture);
        let Some(at) = self.memory.captures.iter().position(is_it) else { return };
        let due = self.memory.captures.remove(at);
        let Some(incident) = due.incident else { return };
        let Some(life) = self.memory.life(incident) else { return };
        let open = life.phase != Phase::Closed;
        let told = life.told.evidence;
        let of_it = |other: &&Due| other.incident == Some(incident) && other.running.is_none();
        let again_us = self.uptime().saturating_add(AGAIN_US);
        let soon = |other: &Due| other.role == Role::FollowUp && other.due_us <= again_us;
        let follow_up_soon = self.memory.captures.iter().filter(of_it).any(soon);
        let first_look_waits = self.memory.captures.iter().filter(of_it).any(|other| other.role == Role::At);
        match captured.ending {
            Ending::Kept if open && !told && due.role != Role::After && !first_look_waits => {
                if let Some(life) = self.life_mut(incident) {
                    life.told.evidence = true;
                }
                self.intents.push(Intent::Known(incident));
                self.tell(About::Evidence(incident));
            }
            Ending::Failed | Ending::Interrupted
                if open && due.role == Role::At && !due.again && !first_look_waits && !follow_up_soon =>
            {
                self.memory.captures.push(Due { due_us: again_us, again: true, running: None, ..due });
            }
            Ending::Gone => {
                // What is gone does not come again.
                let looks_there = |other: &Due| {
                    other.incident == Some(incident) && other.key == due.key && other.running.is_none()
                };
                self.memory.captures.retain(|other| !looks_there(other));
            }
            _ => {}
        }
    }
}

/// How many dumps there may have been this hour for one more in a role.
fn allowance(role: Role) -> usize {
    match role {
        Role::At => DUMPS_AN_HOUR,
        Role::Before | Role::FollowUp | Role::After => DUMPS_AN_HOUR - DUMPS_KEPT_BACK,
    }
}
