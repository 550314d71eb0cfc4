//! What another limit would hold: where the table settles at this rate, and how long until it is full again. Simple,
//! and honest about what it rests on.

use crate::model::sentence::Sentence;

use super::arith::rounded;
use super::facts::Case;
use super::mix::Mix;

/// A prediction for a limit.
#[derive(Debug, Clone, Default)]
pub(crate) struct Headroom {
    /// Entries in the long run, if nothing bounded them.
    pub(crate) steady_state: Option<u64>,
    /// Seconds until it is full again; none: not at this rate, or not known.
    pub(crate) full_again_seconds: Option<f64>,
    /// What it rests on.
    pub(crate) assumptions: Vec<Sentence>,
}

/// The prediction for a limit of `max` entries: offered rate = admitted + lost, entries = rate × lifetime.
pub(crate) fn headroom(case: &Case<'_>, max: u64) -> Headroom {
    let (Some(mix), Some(held)) = (case.mix(), case.usage.held()) else {
        return Headroom {
            assumptions: vec!["no table was given: neither rate nor lifetime is known".into()],
            ..Headroom::default()
        };
    };
    let Some(admitted) = case.admitted_per_second(mix) else {
        return Headroom {
            assumptions: vec![
                "nearly all entries last as long as their connection is used: they tell no rate".into(),
            ],
            ..Headroom::default()
        };
    };
    let mut assumptions: Vec<Sentence> = vec!["new connections keep coming at the rate of this table".into()];
    let lost = case.lost_per_second();
    assumptions.push(match lost {
        Some(_) => {
            "each packet lost is one connection that would have had an entry; retries make that too many"
                .into()
        }
        None => "the packets lost are not counted in: their rate is not known".into(),
    });
    let lost = lost.unwrap_or(0.0);
    let lasting = lasting(case, mix);
    let passing = mix.total().saturating_sub(lasting);
    let mean_lifetime = passing as f64 / admitted;
    let steady_state = rounded((admitted + lost) * mean_lifetime + lasting as f64);
    if lasting > passing {
        assumptions.push(
            "most entries last as long as their connection is used: where they settle is not known".into(),
        );
        let full_again_seconds = (lost > 0.0).then(|| max.saturating_sub(held) as f64 / lost);
        return Headroom { steady_state: None, full_again_seconds, assumptions };
    }
    let full_again_seconds = match steady_state {
        Some(steady) if steady > max && lost > 0.0 => Some(max.saturating_sub(held) as f64 / lost),
        _ => None,
    };
    Headroom { steady_state, full_again_seconds, assumptions }
}

/// Entries that tell no rate.
fn lasting(case: &Case<'_>, mix: Mix<'_>) -> u64 {
    let timeouts = case.timeouts();
    mix.count(|class| {
        let single = std::collections::BTreeMap::from([(*class, 1)]);
        case.admitted_per_second(Mix(&single)).is_none()
            || timeouts.of(class.l4, class.state, class.replied).is_none()
    })
}
