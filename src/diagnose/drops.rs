//! Drops as the kernel counted them, where its counters stand on both sides of an incident. They win over the log.
//!
//! `drop` also counts clashes that were not resolved (4.7 on, and el7), which rise together with `insert_failed`;
//! inserts into a chain that was too long are in `insert_failed` and not in `drop`. Hence the interval
//! [Δdrop − (Δinsert_failed − Δchaintoolong), Δdrop].

use crate::model::counters::{Counters, StatCounters};
use crate::model::incident::{Drops, HighIs, Incident, Method};

use super::correlate::Fit;

/// An increase between the two sides.
fn increase(
    before: &StatCounters,
    after: &StatCounters,
    of: fn(&StatCounters) -> Option<u64>,
) -> Option<u64> {
    of(after)?.checked_sub(of(before)?)
}

/// The interval of drops; none where a counter is missing or fell (a reboot, another machine).
pub(crate) fn interval(before: &Counters, after: &Counters) -> Option<(u64, u64)> {
    let (before, after) = (before.stat.as_ref()?, after.stat.as_ref()?);
    let dropped = increase(before, after, |stat| stat.drop)?;
    let failed = increase(before, after, |stat| stat.insert_failed).unwrap_or(0);
    let too_long = increase(before, after, |stat| stat.chain_too_long).unwrap_or(0);
    let clashes = failed.saturating_sub(too_long);
    Some((dropped.saturating_sub(clashes), dropped))
}

/// Why counters were not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unused {
    /// A counter is missing, or fell between the two sides.
    NoIncrease,
    /// They fit several incidents: the increase is of all of them together.
    Several,
    /// They rose by less than the lines that can be seen.
    BelowVisible,
}

/// The counters of both sides that fit an incident, if any snapshot has them, and that snapshot's id.
pub(crate) fn both_sides<'a>(fits: &[Fit<'a>]) -> Option<(&'a str, &'a (Counters, Counters))> {
    fits.iter().find_map(|fit| Some((&*fit.snapshot.id, fit.snapshot.before_after.as_ref()?)))
}

/// Puts the counted drops in the place of those from the log. `fitting`: how many incidents they fit.
pub(crate) fn count(
    incident: &mut Incident,
    sides: &(Counters, Counters),
    fitting: usize,
) -> Result<(), Unused> {
    let (low, high) = interval(&sides.0, &sides.1).ok_or(Unused::NoIncrease)?;
    if fitting != 1 {
        return Err(Unused::Several);
    }
    if high < incident.drops.visible {
        return Err(Unused::BelowVisible);
    }
    incident.drops = Drops {
        low,
        high: Some(high),
        high_is: HighIs::Bound,
        method: Method::Counters,
        widened_by: Vec::new(),
        host_total: None,
        ..incident.drops.clone()
    };
    Ok(())
}
