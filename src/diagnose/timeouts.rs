//! How long entries live: the running setting, else what the table itself shows, else the era's default, which is an
//! assumption and is said to be one.

use std::collections::BTreeMap;

use crate::model::census::{Census, Remaining};
use crate::model::counters::Counters;
use crate::model::era::{Release, timeout_name};
use crate::model::flow::{L4, Reply, State};

use super::kernel::Kernel;

/// Timers that stand in for that of a state.
const SHORTER: [&str; 2] = ["tcp_timeout_max_retrans", "tcp_timeout_unacknowledged"];
/// From 4.9 on `insert` counts only what ctnetlink inserts (conntrackd, CRIU, `conntrack -R`); before, every entry.
pub(crate) const INSERTED_ONLY: Release = Release(4, 9, 0);

/// Whence a timeout is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// A sysctl key that was found.
    Setting,
    /// The longest remaining time in the table is just below the default.
    Observed,
    /// The default of the era.
    Default,
}

/// A timeout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timeout {
    /// Bare name: `tcp_timeout_time_wait`.
    pub(crate) name: &'static str,
    /// Seconds.
    pub(crate) seconds: u64,
    /// Whence.
    pub(crate) known: Known,
}

/// All timeouts of a case.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts<'a> {
    counters: &'a Counters,
    kernel: Kernel,
    census: Option<&'a Census>,
}

impl<'a> Timeouts<'a> {
    /// From settings, the kernel's era and the table.
    pub(crate) fn new(counters: &'a Counters, kernel: Kernel, census: Option<&'a Census>) -> Self {
        Self { counters, kernel, census }
    }

    /// The timeout that an entry of this class was started with last.
    pub(crate) fn of(&self, l4: L4, state: Option<State>, replied: Reply) -> Option<Timeout> {
        let name = timeout_name(l4, state, replied)?;
        if let Some(seconds) = self.named(name) {
            return Some(Timeout { name, seconds, known: Known::Setting });
        }
        let seconds = self.kernel.default_timeout(name)?;
        let longest = self.census.and_then(|c| c.who.remaining.get(&(l4, state))).and_then(longest);
        // Nearly the whole default is left on somebody: it is the default.
        let observed = longest
            .is_some_and(|left| left <= seconds && left.saturating_mul(10) >= seconds.saturating_mul(9));
        Some(Timeout { name, seconds, known: if observed { Known::Observed } else { Known::Default } })
    }

    /// The era's default for a class.
    pub(crate) fn default_of(&self, l4: L4, state: Option<State>, replied: Reply) -> Option<u64> {
        self.kernel.default_timeout(timeout_name(l4, state, replied)?)
    }

    /// The longest of the timers that TCP gives an entry in place of its state's `seconds`: while a packet is sent again
    /// or is not acknowledged, while the window is closed, and as long as a connection that was met in its middle saw no
    /// answer (`nf_conntrack_tcp_packet`). None where both are no shorter than that.
    pub(crate) fn in_place_of(&self, l4: L4, seconds: u64) -> Option<u64> {
        let of_tcp = SHORTER.iter().filter(|_| l4 == L4::TCP);
        of_tcp.filter_map(|name| self.named_or_default(name)).filter(|short| *short < seconds).max()
    }

    /// Programs put entries into this table with timers of their own (conntrackd, `conntrack -R`), as far as the kernel
    /// counts them apart.
    pub(crate) fn inserted(&self) -> bool {
        let apart = self.kernel.release.is_some_and(|release| release >= INSERTED_ONLY);
        apart && self.counters.stat.and_then(|stat| stat.insert).is_some_and(|inserted| inserted > 0)
    }

    /// The running value of a timeout.
    pub(crate) fn named(&self, name: &str) -> Option<u64> {
        self.counters.setting(name).map(|(_, value)| value)
    }

    /// The running value, else the default.
    pub(crate) fn named_or_default(&self, name: &str) -> Option<u64> {
        self.named(name).or_else(|| self.kernel.default_timeout(name))
    }

    /// Entries whose remaining time is above the running setting: their timers were started under an older one.
    /// By bare name: (entries, longest remaining seconds).
    pub(crate) fn outlived(&self) -> BTreeMap<&'static str, (u64, u64)> {
        let mut out: BTreeMap<&'static str, (u64, u64)> = BTreeMap::new();
        let Some(census) = self.census else { return out };
        for ((l4, state), remaining) in &census.who.remaining {
            // UDP and GRE states stand on two timeouts; the longer one counts.
            let Some(name) = timeout_name(*l4, *state, Reply::Assured) else { continue };
            let Some(setting) = self.named(name) else { continue };
            let above = remaining.bins.iter().filter(|(bin, _)| u64::from(**bin) > setting.saturating_add(1));
            for (bin, entries) in above {
                let row = out.entry(name).or_default();
                row.0 = row.0.saturating_add(*entries);
                row.1 = row.1.max(u64::from(*bin));
            }
        }
        out
    }
}

/// The longest remaining time, leaving out the bin of wrapped timers.
pub(crate) fn longest(remaining: &Remaining) -> Option<u64> {
    remaining.bins.range(..1 << 20).next_back().map(|(bin, _)| u64::from(*bin))
}
