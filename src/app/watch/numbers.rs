//! Numbers for Prometheus: written by the watcher itself, every fifteen seconds and when an incident begins or ends.

use super::Watch;
use crate::edge::{output, textfile};
use crate::model::live::clock::Now;
use crate::model::live::life::Phase;
use crate::model::live::numbers::{Numbers, Tables};
use crate::model::live::sample::Sample;
use crate::model::time::SECOND_US;
use crate::report::escape;
use crate::steer::tables::Seen;
use crate::wire;

/// Written at least this often: a scrape is seldom closer.
const EVERY_US: i64 = 15 * SECOND_US;

/// What was seen, and what was written of it.
#[derive(Debug, Default)]
pub(super) struct Gauges {
    seen: Seen,
    initial: Tables,
    others: Tables,
    /// When it was last written, uptime, and of how many incidents it spoke.
    written: Option<(i64, (u64, u64))>,
    /// Why it could not be written the last time: said once.
    refused: Option<String>,
}

impl Watch {
    /// One look at all tables.
    pub(super) fn count(&mut self, samples: &[Sample]) {
        (self.gauges.initial, self.gauges.others) = self.gauges.seen.look(samples);
    }

    /// Writes them once more before the end.
    pub(super) fn publish_last(&mut self, now: Now) {
        let samples = self.sampler.samples(now);
        self.count(&samples);
        self.gauges.written = None;
        self.publish(now);
    }

    /// Writes the numbers if it is time to.
    pub(super) fn publish(&mut self, now: Now) {
        let Some(path) = self.plan.config.textfile.clone() else { return };
        let memory = self.steer.memory();
        let open = memory.lives.iter().filter(|life| life.phase != Phase::Closed).count() as u64;
        let incidents = (memory.opened(), open);
        let fresh =
            |(at, told): (i64, (u64, u64))| told == incidents && now.uptime_us.saturating_sub(at) < EVERY_US;
        if self.gauges.written.is_some_and(fresh) {
            return;
        }
        self.gauges.written = Some((now.uptime_us, incidents));
        let backlog = self.state.backlog();
        let numbers = Numbers {
            initial: self.gauges.initial,
            others: self.gauges.others,
            opened: incidents.0,
            open,
            backlog: backlog.as_ref().ok().copied(),
            heard: self.sources.iter().map(|kept| (kept.name.clone(), kept.heard)).collect(),
        };
        if let Err(error) = backlog {
            self.complain(error.to_string());
        }
        let written = textfile::write(&path, &wire::metrics::to_text(&numbers));
        let refused = written.err().map(|error| format!("metrics.textfile: {}: {error}", path.display()));
        if let Some(why) = refused.as_ref().filter(|why| self.gauges.refused.as_ref() != Some(why)) {
            output::complain(&escape::text(why));
        }
        self.gauges.refused = refused;
    }
}
