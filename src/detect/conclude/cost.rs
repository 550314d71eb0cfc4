//! What an incident cost, from the runs that count and their neighbours.

use super::copies::Part;
use super::incidents::{Case, Known};
use crate::model::incident::{Drops, HighIs, Method, StreamDrops};
use crate::model::signal::{Limiter, Wording};

/// The drop interval of a case.
pub(super) fn drops(
    case: &Case<'_>,
    known: &Known<'_>,
    wordings: &[Wording],
    limiters: &[Limiter],
    streams: Vec<StreamDrops>,
) -> Drops {
    let _ = (wordings, limiters);
    let mut visible = 0_u64;
    let mut repeated = 0_u64;
    for counted in case.counted {
        match counted.part {
            Part::Whole => {
                let (all, copies) = known.topics.visible(&known.runs[counted.run], case.topic);
                visible = visible.saturating_add(all);
                repeated = repeated.saturating_add(copies);
            }
            Part::Outside { low, .. } => visible = visible.saturating_add(low),
        }
    }
    Drops {
        visible,
        repeated,
        suppressed: 0,
        low: visible,
        high: None,
        high_is: HighIs::Unknown,
        method: Method::Log,
        widened_by: Vec::new(),
        streams,
        host_total: None,
    }
}
