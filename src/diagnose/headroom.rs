//! What another limit would hold: where the table settles at this rate, and how long until it is full again. Simple,
//! and honest about what it rests on.

use crate::model::sentence::Sentence;

use super::arith::rounded;
use super::facts::Case;

/// What fills a larger table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Growth {
    /// The table is in balance: what is refused now.
    #[default]
    Lost,
    /// The table is young: what filled it.
    Filling,
}

impl Growth {
    /// At which rate, in words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Lost => "at the rate of the packets lost",
            Self::Filling => "at the rate at which this one filled",
        }
    }
}

/// A prediction for a limit.
#[derive(Debug, Clone, Default)]
pub(crate) struct Headroom {
    /// Entries in the long run, if nothing bounded them.
    pub(crate) steady_state: Option<u64>,
    /// Seconds until it is full again; none: not at this rate, or not known.
    pub(crate) full_again_seconds: Option<f64>,
    /// What fills it.
    pub(crate) growth: Growth,
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
    let pace = case.pace();
    let Some(admitted) = pace.per_second() else {
        return Headroom {
            assumptions: vec![
                "nearly all entries last as long as their connection is used: they tell no rate".into(),
            ],
            ..Headroom::default()
        };
    };
    let mut assumptions: Vec<Sentence> = vec!["new connections keep coming at the rate of this table".into()];
    // A table that filled within one lifetime took in all that came: what was refused then are the same connections.
    let growing = pace.still_growing();
    let lost = case.lost_per_second().filter(|_| !growing);
    assumptions.push(match lost {
        _ if growing => {
            "the table filled in less than a lifetime of its entries: the packets lost are taken for the same connections, tried again".into()
        }
        Some(_) => {
            "each packet lost is one connection that would have had an entry; retries make that too many"
                .into()
        }
        None => "the packets lost are not counted in: their rate is not known".into(),
    });
    let lost = lost.unwrap_or(0.0);
    let passing = pace.passing();
    let lasting = mix.total().saturating_sub(passing);
    let mean_lifetime = pace.settles_at() / admitted;
    let steady_state = rounded((admitted + lost) * mean_lifetime + lasting as f64);
    let filling = if growing { admitted } else { lost };
    let until_full = (filling > 0.0).then(|| max.saturating_sub(held) as f64 / filling);
    let growth = if growing { Growth::Filling } else { Growth::Lost };
    if lasting > passing {
        assumptions.push(
            "most entries last as long as their connection is used: where they settle is not known".into(),
        );
        return Headroom { steady_state: None, full_again_seconds: until_full, growth, assumptions };
    }
    let full_again_seconds = until_full.filter(|_| steady_state.is_some_and(|steady| steady > max));
    Headroom { steady_state, full_again_seconds, growth, assumptions }
}
