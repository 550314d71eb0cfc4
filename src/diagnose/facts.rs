//! The case a rule reads: incident, table and settings put together once, with the numbers derived from them. Rules
//! and remedies ask this page only; it judges nothing.

use std::net::IpAddr;

use crate::model::census::{Census, Class, Leader, LeaderKey, Pair, Peer};
use crate::model::counters::Counters;
use crate::model::diagnosis::Finding;
use crate::model::era::EarlyDrop;
use crate::model::flow::{L3, L4, Reply, State};
use crate::model::incident::{Around, Forerunner, Incident, Namespace, Timeline};
use crate::model::report::{Settings, Snapshot};
use crate::model::signal::RelatedKind;
use crate::model::time::WallTime;

use super::arith::{rounded, share};
use super::correlate::Fit;
use super::idle::Ages;
use super::kernel::Kernel;
use super::locals::Locals;
use super::mix::Mix;
use super::outlook::{Change, outlook};
use super::pace::Pace;
use super::timeouts::Timeouts;

/// Source ports of one client towards one address and port with the default range 32768 to 60999.
const DEFAULT_PORT_RANGE: (u64, u64) = (32_768, 60_999);
/// From this share of the limit on a table is called full.
pub(crate) const FULL: f64 = 0.95;
/// Below this share of the limit, without an incident, nothing is wrong.
pub(crate) const NEAR_FULL: f64 = 0.90;
/// Extension and allocator cost of an entry beside the entry itself, bytes (NAT, helper, accounting).
const EXTENSION_BYTES: u64 = 128;
/// Seconds over which one group of the limiter stretches (`net.core.message_cost`).
const WINDOW_SECONDS: f64 = 5.0;

/// How full the table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Usage {
    /// Entries listed.
    pub(crate) listed: Option<u64>,
    /// Entries as counted by the kernel.
    pub(crate) count: Option<u64>,
    /// Limit; none: not known, or 0 (unlimited).
    pub(crate) max: Option<u64>,
    /// Hash buckets.
    pub(crate) buckets: Option<u64>,
}

impl Usage {
    /// The larger of count and list. An entry that has expired and waits to be collected is counted and not listed.
    pub(crate) fn held(&self) -> Option<u64> {
        self.count.max(self.listed)
    }

    /// The list is longer than a table of that limit can be, by more than a moment's excess.
    pub(crate) fn exceeds(&self, max: u64) -> bool {
        self.listed.is_some_and(|listed| listed.saturating_sub(max) > max / 10)
    }

    /// Held of the limit, 0 to 1 and somewhat above.
    pub(crate) fn share(&self) -> Option<f64> {
        Some(share(self.held()?, self.max?))
    }
}

/// How full, from counters and a census.
pub(crate) fn usage(counters: &Counters, census: Option<&Census>) -> Usage {
    let setting = |name: &str| counters.setting(name).map(|(_, value)| value);
    Usage {
        listed: census.map(|c| c.who.entries),
        // Of two, the one of before the list was read is the greater: it is what filled the table.
        count: counters.counts().max().or_else(|| counters.stat.and_then(|s| s.entries)),
        max: setting("max").filter(|max| *max > 0),
        buckets: setting("buckets"),
    }
}

/// Snapshots that are not the leading one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Others<'a> {
    /// Of the same host, and of a network namespace that is known to be another.
    pub(crate) namespaces: Vec<&'a Snapshot>,
    /// Of other hosts.
    pub(crate) hosts: Vec<&'a Snapshot>,
    /// Of the same incident: other moments, or further counters of the same one.
    pub(crate) moments: Vec<&'a Snapshot>,
}

/// Everything a rule may ask.
#[derive(Debug)]
pub(crate) struct Case<'a> {
    /// The incident; none: a table that belongs to none.
    pub(crate) incident: Option<&'a Incident>,
    /// Starts of the incidents of the same host, table and namespace in these inputs, ascending.
    pub(crate) starts: Vec<WallTime>,
    /// Incidents of the same host and table in these inputs, in any namespace, this one included, in their order.
    pub(crate) past: Vec<&'a Incident>,
    /// What came before the incidents of the same host, table and namespace.
    pub(crate) forerunners: Vec<&'a Forerunner>,
    /// The leading snapshot.
    pub(crate) lead: Option<&'a Fit<'a>>,
    /// Its table.
    pub(crate) census: Option<&'a Census>,
    /// Counters of the leading snapshot, and of others where it leaves one open.
    pub(crate) counters: Counters,
    /// The kernel.
    pub(crate) kernel: Kernel,
    /// Own addresses.
    pub(crate) locals: &'a Locals,
    /// How full.
    pub(crate) usage: Usage,
    /// What else was given.
    pub(crate) others: Others<'a>,
    /// What is found of its host beside the table: lines of other tables, settings that hurt on their own.
    pub(crate) found: Vec<&'a Finding>,
    /// What the log says of another machine's traffic or entries in the minutes before the table was read; of an incident
    /// it stands among what is around it.
    pub(crate) taken_over: Vec<&'a Around>,
    /// What the user set.
    pub(crate) settings: &'a Settings,
}

/// A source that leads, with its leader's description where there is one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Holder<'a> {
    /// Address.
    pub(crate) address: IpAddr,
    /// Entries.
    pub(crate) entries: u64,
    /// Own address; none: not known.
    pub(crate) is_local: Option<bool>,
    /// Described.
    pub(crate) how: &'a Leader,
}

impl<'a> Case<'a> {
    /// Entries in the table, 0 without one.
    pub(crate) fn entries(&self) -> u64 {
        self.census.map_or(0, |c| c.who.entries)
    }

    /// The namespace whose table was full: as the log names it, else as the table does.
    pub(crate) fn namespace(&self) -> &Namespace {
        let of_table = self.lead.map(|fit| &fit.snapshot.namespace);
        let of_log = self.incident.map(|incident| &incident.namespace);
        of_log.filter(|n| **n != Namespace::Unknown).or(of_table).unwrap_or(&Namespace::Unknown)
    }

    /// Classes of the whole table.
    pub(crate) fn mix(&self) -> Option<Mix<'a>> {
        self.census.map(|c| Mix(&c.who.classes))
    }

    /// Lifetimes.
    pub(crate) fn timeouts(&self) -> Timeouts<'_> {
        Timeouts::new(&self.counters, self.kernel, self.census)
    }

    /// Idle ages of the whole table.
    pub(crate) fn ages(&self) -> Option<Ages<'a>> {
        self.census.map(|c| Ages { remaining: &c.who.remaining, classes: &c.who.classes })
    }

    /// The description of a key.
    pub(crate) fn how(&self, key: &LeaderKey) -> Option<&'a Leader> {
        self.census.and_then(|c| c.how.get(key))
    }

    /// The leading source.
    pub(crate) fn top_source(&self) -> Option<Holder<'a>> {
        let who = &self.census?.who;
        let row = who.sources.leading(who.entries).first()?;
        let how = self.how(&LeaderKey::Source(row.key))?;
        Some(Holder { address: row.key, entries: how.entries, is_local: self.locals.is_local(row.key), how })
    }

    /// Share that no source has more than, which is that of the leading one if one leads; none without a table.
    pub(crate) fn top_source_share(&self) -> Option<f64> {
        let who = &self.census?.who;
        Some(share(who.sources.most(who.entries), self.entries()))
    }

    /// Entries that no source has more than; 0 without a table.
    pub(crate) fn most_of_a_source(&self) -> u64 {
        self.census.map_or(0, |census| census.who.sources.most(census.who.entries))
    }

    /// The leading peer: (peer, entries, its description).
    pub(crate) fn top_peer(&self) -> Option<(Peer, u64, &'a Leader)> {
        let who = &self.census?.who;
        let row = who.peers.leading(who.entries).first()?;
        let how = self.how(&LeaderKey::Peer(row.key))?;
        Some((row.key, how.entries, how))
    }

    /// Pairs of a source, descending.
    pub(crate) fn pairs_of(&self, source: IpAddr) -> Vec<(Pair, u64)> {
        let rows = self.census.map_or(&[][..], |c| c.who.pairs.leading(c.who.entries));
        rows.iter().filter(|row| row.key.source == source).map(|row| (row.key, row.count)).collect()
    }

    /// The rate of the whole table; nothing in it without one.
    pub(crate) fn pace(&self) -> Pace {
        self.ages().map(|ages| self.pace_of(ages)).unwrap_or_default()
    }

    /// The rate of a part of the table.
    pub(crate) fn pace_of(&self, ages: Ages<'_>) -> Pace {
        let full = self.incident.is_some() || self.usage.share().is_some_and(|usage| usage >= FULL);
        if full { Pace::of_full(ages, &self.timeouts()) } else { Pace::of(ages, &self.timeouts()) }
    }

    /// New entries a second of the whole table; none where nothing in it tells a rate.
    pub(crate) fn admitted_per_second(&self) -> Option<f64> {
        self.pace().per_second()
    }

    /// New entries a second of a leader nearly all of whose connections are over, by the ages of those in TIME_WAIT.
    pub(crate) fn churn_per_second(&self, leader: &Leader) -> f64 {
        let class = Class { l3: L3::V4, l4: L4::TCP, state: Some(State::TimeWait), replied: Reply::Assured };
        let ages = Ages { remaining: &leader.remaining, classes: &leader.classes };
        ages.per_second(leader.entries, &class, &self.timeouts())
    }

    /// Entries in the long run at the rate of this table, where the entries of some classes live for another time
    /// (`then`: seconds) and no limit stops them.
    pub(crate) fn offered(&self, then: impl Fn(&Class) -> Option<u64>) -> Option<u64> {
        outlook(self, &Change::of_lifetimes(self, then)).offered
    }

    /// The same under the limit that is in force.
    pub(crate) fn settles_at(&self, then: impl Fn(&Class) -> Option<u64>) -> Option<u64> {
        outlook(self, &Change::of_lifetimes(self, then)).steady_state
    }

    /// The most entries one client can have towards one address and port, by `ip_local_port_range`; true: assumed.
    pub(crate) fn port_ceiling(&self) -> (u64, bool) {
        let range = self.counters.sysctl.get("net.ipv4.ip_local_port_range").and_then(|value| {
            let mut ends = value.split_whitespace().map(|end| end.parse::<u64>().ok());
            Some((ends.next()??, ends.next()??))
        });
        let (low, high) = range.unwrap_or(DEFAULT_PORT_RANGE);
        (high.saturating_sub(low).saturating_add(1), range.is_none())
    }

    /// Chance that a new flow finds no entry to evict and is dropped, for a table of this mix, size and kernel
    /// (`early_drop`). Uniform hashing is assumed.
    pub(crate) fn drop_chance(&self) -> Option<f64> {
        let mix = self.mix()?;
        let effective = mix.effective();
        let evictable = share(effective.evictable, mix.total());
        let per_bucket = share(self.usage.max?, self.usage.buckets?);
        let looked_at = match self.kernel.early_drop()? {
            EarlyDrop::OwnChain | EarlyDrop::OneBucket => 2.0 * per_bucket,
            EarlyDrop::EightEntries => (2.0 * per_bucket).max(8.0),
            EarlyDrop::EightBuckets => 16.0 * per_bucket,
        };
        Some((-evictable * looked_at).exp())
    }

    /// Bytes of one entry, and whether that is measured (slab cache) or the era's usual size with extensions.
    pub(crate) fn entry_bytes(&self) -> (u64, bool) {
        match self.counters.slab_total() {
            Some(slab) => (slab.object_bytes, true),
            None => (crate::model::era::entry_bytes(self.kernel.era).saturating_add(EXTENSION_BYTES), false),
        }
    }

    /// The table is read so long after the incident that entries of this lifetime are gone.
    pub(crate) fn later_than(&self, lifetime_seconds: u64) -> bool {
        self.lead
            .and_then(|fit| fit.distance_seconds)
            .is_some_and(|distance| distance > lifetime_seconds as f64)
    }

    /// Packets lost a second, at least, over the incident; none without one, or for a single moment of it.
    pub(crate) fn lost_per_second(&self) -> Option<f64> {
        let incident = self.incident?;
        let length = duration_seconds(incident)?;
        (length >= WINDOW_SECONDS && incident.drops.low > 1).then(|| incident.drops.low as f64 / length)
    }

    /// The greatest loss rate that the log shows: refusals of one window and its ten printed lines, over five seconds.
    pub(crate) fn peak_loss_per_second(&self) -> Option<f64> {
        self.incident.and_then(|incident| peak_loss_per_second(&incident.timeline))
    }

    /// Lines of a kind near the incident; of a table that belongs to none, those that were written before it was read.
    pub(crate) fn marks(&self, kind: RelatedKind) -> impl Iterator<Item = &'a Around> {
        let around = self.incident.map(|incident| incident.around.as_slice()).unwrap_or_default();
        around.iter().chain(self.taken_over.iter().copied()).filter(move |mark| mark.kind == kind)
    }

    /// Seconds from the boot to the first line, where the log tells.
    pub(crate) fn seconds_after_boot(&self) -> Option<f64> {
        let (start, _) = self.incident?.times.since_boot_us?;
        Some(super::arith::seconds(start.max(0)))
    }

    /// Input ids that the table and the settings came from.
    pub(crate) fn from(&self) -> Vec<Box<str>> {
        self.lead.map(|fit| fit.snapshot.inputs.clone()).unwrap_or_default()
    }

    /// Seconds that an entry in TIME_WAIT stays; 120 where nothing tells, never 0.
    pub(crate) fn time_wait_seconds(&self) -> u64 {
        self.timeouts()
            .of(L4::TCP, Some(State::TimeWait), Reply::Assured)
            .map_or(120, |timeout| timeout.seconds.max(1))
    }

    /// The next limit to try: a power of two with room for twice what is held, and for what still comes at the rate
    /// at which a young table filled.
    pub(crate) fn larger_limit(&self) -> Option<u64> {
        let held = self.usage.held()?.max(self.usage.max.unwrap_or(0));
        let settled = rounded(self.pace().settles_at()).unwrap_or(0);
        held.checked_mul(2)?.max(settled).checked_next_power_of_two().filter(|limit| *limit <= 1 << 24)
    }
}

/// Seconds from first to last line.
pub(crate) fn duration_seconds(incident: &Incident) -> Option<f64> {
    let us = match (incident.times.start, incident.times.end, incident.times.since_boot_us) {
        (Some(start), Some(end), _) => end.0.checked_sub(start.0)?,
        (_, _, Some((start, end))) => end.checked_sub(start)?,
        _ => return None,
    };
    Some(super::arith::seconds(us.max(0)))
}

fn peak_loss_per_second(timeline: &Timeline) -> Option<f64> {
    let most = timeline.points.iter().filter_map(|point| point.suppressed).max().filter(|n| *n > 0)?;
    let step = (timeline.step_seconds as f64).max(WINDOW_SECONDS);
    // Ten lines were printed in front of the refusals of one window.
    Some((most as f64 + 10.0 * step / WINDOW_SECONDS) / step)
}
