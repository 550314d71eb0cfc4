//! The life of an incident: opened → growing → quiet → ending → closed, and again within the hour.
//!
//! A *sign* is what keeps it alive: a line of the kernel's own, packets refused, a count near the limit. Lines that
//! anybody could have written are no signs; if they are true, the counters are.

use super::counters::{Rise, full_between, reaches};
use super::{HOUR_US, MINUTE_US, SKEW_US, SLACK_US, Step};
use crate::model::live::clock::Now;
use crate::model::live::intent::{About, Closing, ConfirmedBy, Ended, IncidentNo, Intent, Opening, Trigger};
use crate::model::live::life::{Drops, Due, Key, LIVES_MAX, Life, Phase, Place, Told};
use crate::model::live::policy::FollowUp;
use crate::model::live::sample::{Netns, Sample};
use crate::model::record::Trust;
use crate::model::report::Role;
use crate::model::signal::Table;
use crate::model::time::SECOND_US;

/// One that was closed for less than this goes on as the same incident.
pub const REJOIN_US: i64 = HOUR_US;
/// Signs closer to the beginning than this are copies of the first, from other sources.
const GROWS_US: i64 = SECOND_US;
/// Nothing was seen for so long, or for half the quiet time: quiet, not yet over.
const SETTLES_US: i64 = MINUTE_US;
/// The quiet time is at least this, whatever the configuration says.
const QUIET_MIN_US: i64 = SECOND_US;
/// The last look is waited for no longer than its time budget and this.
const LAST_LOOK_US: i64 = 2 * MINUTE_US;
/// Every sample of an incident's first hour is kept; then one in ten seconds, after a day one a minute.
const KEPT_EACH_US: i64 = HOUR_US;

/// Why there is an incident.
#[derive(Debug, Clone)]
pub(super) struct Cause {
    pub(super) table: Table,
    pub(super) place: Place,
    /// Where to look, if not there.
    pub(super) look: Place,
    pub(super) trigger: Trigger,
    pub(super) trust: Trust,
    pub(super) confirmed_by: Vec<ConfirmedBy>,
    /// First and last of it, uptime.
    pub(super) first_us: i64,
    pub(super) last_us: i64,
    pub(super) lines: u64,
}

/// The table of this place is the one the incident is about. A namespace made after it began is not.
pub(super) fn is_at(life: &Life, place: &Place) -> bool {
    !is_too_young(life, place) && (life.key.place.may_be(place) || life.look.may_be(place))
}

fn is_too_young(life: &Life, place: &Place) -> bool {
    matches!(place, Place::Netns { born_us: Some(born), .. }
        if *born > life.start.uptime_us.saturating_add(SKEW_US))
}

fn nowhere(life: &Life) -> bool {
    life.key.place == Place::Unknown && life.look == Place::Unknown
}

impl Step<'_> {
    pub(super) fn quiet_us(&self) -> i64 {
        self.policy.quiet_us.max(QUIET_MIN_US)
    }

    /// Nothing was seen for so long: quiet, if not yet over.
    fn settles_us(&self) -> i64 {
        SETTLES_US.min(self.quiet_us() / 2)
    }

    pub(super) fn life_mut(&mut self, incident: IncidentNo) -> Option<&mut Life> {
        self.memory.lives.iter_mut().find(|life| life.incident == incident)
    }

    fn of_this_boot(&self) -> impl Iterator<Item = &Life> {
        self.memory.lives.iter().filter(|life| life.key.boot == self.memory.boot)
    }

    pub(super) fn open_at(&self, table: Table, place: &Place) -> Option<IncidentNo> {
        let mut lives = self.of_this_boot().filter(|life| life.key.table == table);
        lives.find(|life| life.phase != Phase::Closed && is_at(life, place)).map(|life| life.incident)
    }

    /// An open incident of a table, wherever it is; one of which the place is not known first.
    pub(super) fn open_anywhere(&self, table: Table) -> Option<IncidentNo> {
        let lives = self.of_this_boot();
        let open = lives.filter(|life| life.key.table == table && life.phase != Phase::Closed);
        open.min_by_key(|life| (life.key.place != Place::Unknown, life.incident)).map(|life| life.incident)
    }

    /// An incident, be it over, that was seen to last at least until this moment and had begun by then: a line of that
    /// time says nothing new. `None` for the place: any.
    pub(super) fn covering(&self, table: Table, place: Option<&Place>, us: i64) -> Option<IncidentNo> {
        let covers = |life: &&Life| {
            life.key.table == table
                && place.is_none_or(|place| is_at(life, place))
                && us <= life.last_sign.uptime_us
                && us >= life.start.uptime_us.saturating_sub(SLACK_US)
        };
        self.of_this_boot().find(covers).map(|life| life.incident)
    }

    /// One poll of one namespace.
    pub(super) fn sample(&mut self, sample: Sample) {
        self.look_at(sample);
        self.suspicions_sampled(sample.netns);
    }

    /// What a sample says by itself.
    pub(super) fn look_at(&mut self, mut sample: Sample) {
        sample.at.uptime_us = sample.at.uptime_us.min(self.uptime());
        let netns = sample.netns;
        let held: Vec<Netns> = self.ring.known().filter(|netns| self.is_held(*netns)).collect();
        if !self.ring.push(sample, |netns| held.contains(&netns)) {
            return;
        }
        self.sample_of_incident(sample);
        self.watch_near_full(&sample);
        self.watch_relief(netns);
    }

    fn is_held(&self, netns: Netns) -> bool {
        self.open_at(Table::Conntrack, &Place::of(netns)).is_some()
    }

    fn sample_of_incident(&mut self, sample: Sample) {
        let place = Place::of(sample.netns);
        let percent = self.policy.near_full_percent;
        if let Some(incident) = self.open_at(Table::Conntrack, &place) {
            let refused = self.account(incident, &sample);
            if refused || reaches(&sample, percent) == Some(true) {
                self.sign(incident, sample.at.uptime_us);
            }
            return;
        }
        let before = self.ring.last_but_one(sample.netns);
        if before.is_some_and(|before| full_between(before, &sample, percent)) {
            self.begin(Cause {
                table: Table::Conntrack,
                look: place.clone(),
                place,
                trigger: Trigger::Counters,
                trust: Trust::Kernel,
                confirmed_by: vec![ConfirmedBy::Drops],
                first_us: sample.at.uptime_us,
                last_us: sample.at.uptime_us,
                lines: 0,
            });
        }
    }

    /// Counters point at a table while an incident is open of which the place is not known: it is that one.
    fn adopt(&mut self, table: Table, place: &Place) -> Option<IncidentNo> {
        if table != Table::Conntrack || !matches!(place, Place::Initial | Place::Netns { .. }) {
            return None;
        }
        let of_entries = |life: &&Life| life.key.table == Table::Conntrack && life.phase != Phase::Closed;
        let incident = self
            .of_this_boot()
            .filter(of_entries)
            .find(|life| nowhere(life) && !is_too_young(life, place))?
            .incident;
        let life = self.life_mut(incident)?;
        life.look = place.clone();
        self.keep_the_minutes_before(incident);
        self.first_look_due(incident);
        Some(incident)
    }

    /// Something that makes an incident, or belongs to one.
    pub(super) fn begin(&mut self, cause: Cause) {
        let open = self.open_at(cause.table, &cause.place);
        if let Some(incident) = open.or_else(|| self.adopt(cause.table, &cause.place)) {
            self.join(incident, &cause);
            self.sign(incident, cause.last_us);
            return;
        }
        let closed = self.of_this_boot().filter(|life| life.key.table == cause.table);
        let closed = closed.filter(|life| is_at(life, &cause.place) && self.since(life.since_us) < REJOIN_US);
        if let Some(incident) = closed.map(|life| life.incident).max() {
            self.reopen(incident, &cause);
        } else {
            self.open(cause);
        }
    }

    fn join(&mut self, incident: IncidentNo, cause: &Cause) {
        let Some(life) = self.life_mut(incident) else { return };
        life.lines = life.lines.saturating_add(cause.lines);
        life.trust = life.trust.max(cause.trust);
        life.confirmed_by.extend(&cause.confirmed_by);
        life.confirmed_by.sort_unstable();
        life.confirmed_by.dedup();
    }

    fn open(&mut self, cause: Cause) {
        if !self.room_for_one_more(&cause) {
            return;
        }
        let incident = IncidentNo(self.memory.next_incident);
        self.memory.next_incident += 1;
        let start = self.at(cause.first_us.max(self.uptime().saturating_sub(self.quiet_us())));
        let key = Key { boot: self.memory.boot, table: cause.table, place: cause.place };
        let before = self.early_look_at(&key);
        let mut confirmed_by = cause.confirmed_by;
        confirmed_by.sort_unstable();
        self.intents.push(Intent::Open(Opening {
            incident,
            key: key.clone(),
            start,
            trigger: cause.trigger,
            trust: cause.trust,
            confirmed_by: confirmed_by.clone(),
            before,
        }));
        self.memory.lives.push(Life {
            incident,
            key,
            start,
            opened_us: self.uptime(),
            trigger: cause.trigger,
            trust: cause.trust,
            confirmed_by,
            phase: Phase::Opened,
            last_sign: self.at(cause.last_us.max(start.uptime_us)),
            since_us: self.uptime(),
            lines: cause.lines,
            drops: None,
            last_sample: None,
            look: cause.look,
            before,
            told: Told::default(),
        });
        self.looks_due(incident);
        self.keep_the_minutes_before(incident);
        self.tell(About::Opened(incident));
    }

    fn reopen(&mut self, incident: IncidentNo, cause: &Cause) {
        self.join(incident, cause);
        let (now_us, last) = (self.uptime(), self.at(cause.last_us));
        let Some(life) = self.life_mut(incident) else { return };
        life.phase = Phase::Opened;
        life.opened_us = now_us;
        life.since_us = now_us;
        life.last_sign = life.last_sign.max(last);
        life.told.digests = 0;
        if life.look == Place::Unknown {
            life.look = cause.look.clone();
        }
        let was_told = std::mem::take(&mut life.told.closed);
        self.intents.push(Intent::Reopen { incident, trigger: cause.trigger });
        self.looks_due(incident);
        self.keep_the_minutes_before(incident);
        if was_told {
            self.tell(About::Reopened(incident));
        }
    }

    /// Room among the incidents remembered; the one that was closed first makes it. Where all are open, this one is only
    /// counted, once an hour for each table.
    fn room_for_one_more(&mut self, cause: &Cause) -> bool {
        if self.memory.lives.len() < LIVES_MAX {
            return true;
        }
        let closed = self.memory.lives.iter().filter(|life| life.phase == Phase::Closed);
        if let Some(first) = closed.min_by_key(|life| life.since_us).map(|life| life.incident) {
            self.memory.lives.retain(|life| life.incident != first);
            return true;
        }
        let key = Key { boot: self.memory.boot, table: cause.table, place: cause.place.clone() };
        let now_us = self.uptime();
        let table = self.table_mut(key);
        if table.unopened_us.is_none_or(|at| now_us.saturating_sub(at) >= HOUR_US) {
            table.unopened_us = Some(now_us);
            self.memory.suppressed.unopened = self.memory.suppressed.unopened.saturating_add(1);
            self.memory.suppressed_since_us.get_or_insert(now_us);
        }
        false
    }

    /// The last ten minutes of samples go into the incident, and what was refused since it began into its account.
    fn keep_the_minutes_before(&mut self, incident: IncidentNo) {
        let Some(life) = self.memory.life(incident) else { return };
        let place = match &life.look {
            Place::Unknown | Place::Container(_) => Place::Initial,
            place => place.clone(),
        };
        let known = life.last_sample.map_or(i64::MIN, |sample| sample.at.uptime_us);
        let kept: Vec<Sample> = self.ring.of(&place).filter(|s| s.at.uptime_us > known).copied().collect();
        if kept.is_empty() {
            return;
        }
        if life.look == place && life.key.table == Table::Conntrack {
            let begun = life.start.uptime_us.saturating_sub(SLACK_US);
            // From the last sample before the beginning on; where there is none, something may be missing.
            let first = kept.iter().rposition(|sample| sample.at.uptime_us <= begun).unwrap_or(0);
            for sample in kept.iter().skip(first) {
                self.reckon(incident, sample);
            }
        }
        self.intents.push(Intent::Keep { incident, samples: kept });
    }

    /// A sample of an incident's table: kept, and reckoned. Whether packets were refused since the one before.
    fn account(&mut self, incident: IncidentNo, sample: &Sample) -> bool {
        let Some(life) = self.memory.life(incident) else { return false };
        if life.last_sample.is_some_and(|last| last.at.uptime_us >= sample.at.uptime_us) {
            return false;
        }
        let lasts = self.since(life.opened_us);
        let every = match lasts {
            _ if lasts < KEPT_EACH_US => SECOND_US,
            _ if lasts < 24 * HOUR_US => 10 * SECOND_US,
            _ => MINUTE_US,
        };
        let slot = |at: Now| at.uptime_us.saturating_sub(life.opened_us).div_euclid(every);
        let kept = every == SECOND_US || life.last_sample.is_none_or(|last| slot(last.at) != slot(sample.at));
        let refused = self.reckon(incident, sample);
        if kept {
            self.intents.push(Intent::Keep { incident, samples: vec![*sample] });
        }
        refused
    }

    fn reckon(&mut self, incident: IncidentNo, sample: &Sample) -> bool {
        let Some(life) = self.life_mut(incident) else { return false };
        let last = life.last_sample.replace(*sample);
        let Some(last) = last.filter(|last| last.netns == sample.netns) else {
            // The first one that is known of it: what was refused before is not.
            if sample.drop.is_some() {
                let late = sample.at.uptime_us > life.start.uptime_us;
                life.drops.get_or_insert_default().gaps |= late || last.is_some();
            }
            return false;
        };
        let Some(rise) = Rise::between(&last, sample) else {
            if let Some(drops) = &mut life.drops {
                drops.gaps = true;
            }
            return false;
        };
        let Drops { low, high, .. } = life.drops.get_or_insert_default();
        *low = low.saturating_add(rise.low.unwrap_or(0));
        *high = high.saturating_add(rise.high);
        rise.refused()
    }

    /// Something of an open incident was seen at a moment.
    pub(super) fn sign(&mut self, incident: IncidentNo, moment_us: i64) {
        let (now_us, settles, quiet) = (self.uptime(), self.settles_us(), self.quiet_us());
        let at = self.at(moment_us.min(now_us));
        let Some(life) = self.life_mut(incident) else { return };
        if at.uptime_us > life.last_sign.uptime_us {
            life.last_sign = at;
        }
        let still = life.last_sign.uptime_us;
        let since = now_us.saturating_sub(still);
        let phase = match life.phase {
            Phase::Opened if still.saturating_sub(life.start.uptime_us) >= GROWS_US => Phase::Growing,
            Phase::Quiet | Phase::Ending if since < settles => Phase::Growing,
            // A line that comes late: seen too long ago to grow, not long enough to end.
            Phase::Ending if since < quiet => Phase::Quiet,
            phase => phase,
        };
        let was = life.phase;
        if phase == was {
            return;
        }
        self.turn(incident, phase);
        if was == Phase::Ending {
            let waits = |due: &Due| {
                due.incident == Some(incident) && due.role == Role::After && due.running.is_none()
            };
            self.memory.captures.retain(|due| !waits(due));
        }
    }

    fn turn(&mut self, incident: IncidentNo, phase: Phase) {
        let now_us = self.uptime();
        let Some(life) = self.life_mut(incident) else { return };
        life.phase = phase;
        life.since_us = now_us;
        self.intents.push(Intent::Turn { incident, phase });
    }

    /// What has become quiet, what is over, what is forgotten.
    pub(super) fn lives_due(&mut self) {
        let (quiet, settles, now_us) = (self.quiet_us(), self.settles_us(), self.uptime());
        let since = |moment: i64| now_us.saturating_sub(moment);
        self.memory.lives.retain(|life| life.phase != Phase::Closed || since(life.since_us) < REJOIN_US);
        let still = |life: &Life| (life.incident, life.phase, since(life.last_sign.uptime_us));
        let lives: Vec<_> = self.memory.lives.iter().map(still).collect();
        for (incident, phase, still) in lives {
            let busy = matches!(phase, Phase::Opened | Phase::Growing);
            if still >= quiet && (busy || phase == Phase::Quiet) {
                self.turn(incident, Phase::Ending);
                if self.policy.follow_ups.contains(&FollowUp::End) {
                    self.last_look_due(incident);
                }
            } else if busy && still >= settles {
                self.turn(incident, Phase::Quiet);
            }
        }
    }

    /// Incidents whose last look is taken, or was not to be had.
    pub(super) fn lives_that_may_close(&mut self) {
        let patience = self.policy.time_budget_us.max(0).saturating_add(LAST_LOOK_US);
        let waits = |incident| {
            let last_look = |due: &Due| due.incident == Some(incident) && due.role == Role::After;
            self.memory.captures.iter().any(last_look)
        };
        let lives = self.memory.lives.iter().filter(|life| life.phase == Phase::Ending);
        let over = lives.filter(|life| self.since(life.since_us) >= patience || !waits(life.incident));
        let over: Vec<IncidentNo> = over.map(|life| life.incident).collect();
        for incident in over {
            self.close(incident, Ended::Quiet);
        }
    }

    fn close(&mut self, incident: IncidentNo, ended: Ended) {
        let now_us = self.uptime();
        let Some(life) = self.life_mut(incident) else { return };
        life.phase = Phase::Closed;
        life.since_us = now_us;
        let closing = Closing { incident, end: life.last_sign, ended, drops: life.drops };
        self.intents.push(Intent::Close(closing));
        self.memory.captures.retain(|due| due.incident != Some(incident) || due.running.is_some());
        self.tell(About::Closed(incident));
        if let Some(life) = self.life_mut(incident) {
            life.told.closed = true;
        }
    }

    /// Tables do not outlive their boot.
    pub(super) fn end_of_former_boots(&mut self) {
        let boot = self.memory.boot;
        if self.memory.lives.iter().all(|life| life.key.boot == boot)
            && self.memory.captures.iter().all(|due| due.key.boot == boot)
            && self.memory.tables.iter().all(|table| table.key.boot == boot)
            && self.memory.suspicions.iter().all(|suspicion| suspicion.boot == boot)
        {
            return;
        }
        self.memory.captures.retain(|due| due.key.boot == boot);
        self.memory.tables.retain(|table| table.key.boot == boot);
        self.suspicions_of_former_boots();
        let former = self.memory.lives.iter().filter(|life| life.key.boot != boot);
        let open: Vec<IncidentNo> =
            former.filter(|life| life.phase != Phase::Closed).map(|life| life.incident).collect();
        for incident in open {
            self.close(incident, Ended::Rebooted);
        }
        self.memory.lives.retain(|life| life.key.boot == boot);
    }
}
