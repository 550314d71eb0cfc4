//! Drops as the kernel counted them, where its counters stand on both sides of an incident. They win over the log.

use crate::model::counters::Counters;
use crate::model::incident::{Drops, HighIs, Incident, Method, Widening};

use super::correlate::Fit;

/// Why counters were not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unused {
    /// A counter is missing, or fell between the two sides.
    NoIncrease,
    /// They are those of the first processor only.
    OneProcessor,
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
    let first_only = |counters: &Counters| counters.stat.is_some_and(|stat| stat.first_row_only);
    if first_only(&sides.0) || first_only(&sides.1) {
        return Err(Unused::OneProcessor);
    }
    let (low, high) = sides
        .0
        .stat
        .zip(sides.1.stat)
        .and_then(|(before, after)| before.drops_until(&after))
        .ok_or(Unused::NoIncrease)?;
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

/// Counters that do not reach to the end of an incident: so many it were at least. Where the log's upper end is below
/// that, the log is not whole and bounds nothing.
pub(crate) fn at_least(incident: &mut Incident, (before, after): &(Counters, Counters)) {
    let counted = before.stat.zip(after.stat).and_then(|(before, after)| before.drops_until(&after));
    let Some((low, _)) = counted else { return };
    let drops = &mut incident.drops;
    drops.low = drops.low.max(low);
    if drops.high.is_some_and(|high| high < low) {
        (drops.high, drops.high_is) = (None, HighIs::Unknown);
        if !drops.widened_by.iter().any(|why| matches!(why, Widening::LinesLost(_))) {
            drops.widened_by.push(Widening::LinesLost(None));
        }
    }
}
