//! A table that fills up: one early look, so that the story has a before; and the moment at which there is room again.

use super::counters::{forecast, reaches};
use super::{HOUR_US, MINUTE_US, Step};
use crate::model::live::intent::{CaptureNo, Forecast, Intent};
use crate::model::live::life::{Key, Place, TABLES_MAX, TableState};
use crate::model::live::sample::{Netns, Sample};
use crate::model::signal::Table;

/// A table is no longer near full when it is this far below, in percent of the limit.
const RELAXES_PERCENT: u8 = 10;
/// The early look belongs to an incident that begins within this.
const BEFORE_US: i64 = HOUR_US;
/// Waiting messages are sent on their way no more often than this.
const RETRY_US: i64 = MINUTE_US;

impl Step<'_> {
    /// Near full for some polls in a row: one early look, and no other before the table was well below again.
    pub(super) fn watch_near_full(&mut self, sample: &Sample) {
        let place = Place::of(sample.netns);
        let key = Key { boot: self.memory.boot, table: Table::Conntrack, place };
        let percent = self.policy.near_full_percent;
        let polls = usize::try_from(self.policy.near_full_polls).unwrap_or(usize::MAX);
        let polls = polls.clamp(1, super::SAMPLES_MAX);
        let all = |is: &dyn Fn(&Sample) -> bool| {
            self.ring.streak(sample.netns, polls).is_some_and(|mut polls| polls.all(is))
        };
        let near = all(&|sample| reaches(sample, percent) == Some(true));
        let relaxed = all(&|s| reaches(s, percent.saturating_sub(RELAXES_PERCENT)) == Some(false));
        let latched = self.memory.tables.iter().any(|t| t.key == key && t.near_since_us.is_some());
        if latched && relaxed {
            self.table_mut(key).near_since_us = None;
        } else if near && !latched {
            let now_us = self.uptime();
            let table = self.table_mut(key.clone());
            table.near_since_us = Some(now_us);
            table.before = None;
            if self.open_at(Table::Conntrack, &key.place).is_none() {
                self.early_look_due(key);
            }
        }
    }

    /// How the table of a place goes on.
    pub(super) fn forecast_of(&self, place: &Place) -> Option<Forecast> {
        let samples: Vec<&Sample> = self.ring.of(place).collect();
        forecast(samples.into_iter())
    }

    /// The early look at a table, if it is of the last hour.
    pub(super) fn early_look_at(&self, key: &Key) -> Option<CaptureNo> {
        let table = self.memory.tables.iter().find(|table| table.key == *key)?;
        table.near_since_us.filter(|near| self.since(*near) < BEFORE_US)?;
        table.before
    }

    /// The initial namespace has room again: what waited for the network may go.
    pub(super) fn watch_relief(&mut self, netns: Netns) {
        let percent = self.policy.near_full_percent;
        let near = |sample: Option<&Sample>| sample.and_then(|sample| reaches(sample, percent));
        let relieved =
            near(self.ring.last_but_one(netns)) == Some(true) && near(self.ring.last(netns)) == Some(false);
        let lately = self.memory.retried_us.is_some_and(|at| self.since(at) < RETRY_US);
        if netns.initial && relieved && !lately {
            self.memory.retried_us = Some(self.uptime());
            self.intents.push(Intent::RetryOutbox);
        }
    }

    /// What is remembered of a table; the one of which the least is known makes room.
    pub(super) fn table_mut(&mut self, key: Key) -> &mut TableState {
        let tables = &mut self.memory.tables;
        let at = tables.iter().position(|table| table.key == key).unwrap_or_else(|| {
            if tables.len() >= TABLES_MAX {
                let latest =
                    |t: &TableState| t.near_since_us.max(t.before_us).max(t.at_us).max(t.unopened_us);
                let least = (0..tables.len()).min_by_key(|at| tables.get(*at).and_then(latest));
                tables.swap_remove(least.unwrap_or(0));
            }
            tables.push(TableState {
                key,
                near_since_us: None,
                before: None,
                before_us: None,
                at_us: None,
                unopened_us: None,
            });
            tables.len() - 1
        });
        &mut tables[at]
    }
}
