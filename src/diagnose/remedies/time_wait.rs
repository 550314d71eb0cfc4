//! A shorter TIME_WAIT timeout: beside the cure, never instead of it, and not too short for a NAT.

use crate::model::diagnosis::Remedy;
use crate::model::flow::State;

use super::super::beside;
use super::super::facts::Case;
use super::shorter::{Shorter, shorter};

/// A NAT frees the port with the entry, while a Linux peer still holds the connection in TIME_WAIT for 60 s.
const NAT_FLOOR_SECONDS: u64 = 60;
/// For a host that translates nothing.
const HOST_SECONDS: u64 = 30;

/// The timeout lowered as far as is safe here.
pub(crate) fn shorter_time_wait(case: &Case<'_>) -> Option<Remedy> {
    let census = case.census?;
    let nat = census.who.nat;
    let in_table = nat.source > 0 || nat.destination > 0 || nat.both > 0;
    let translated = in_table || beside::translates(case);
    let seconds = if translated { NAT_FLOOR_SECONDS } else { HOST_SECONDS };
    let now = case.time_wait_seconds();
    let guard = if translated && !in_table {
        "not below 60 s here: rules of this host translate addresses, and a port freed earlier meets a peer that is still in TIME_WAIT"
    } else if translated {
        "not below 60 s here: entries of this table are translated, and a port freed earlier meets a peer that is still in TIME_WAIT"
    } else {
        "only as long as this host translates no addresses (no such entry is in this table); with NAT not below 60 s"
    };
    let what = Shorter {
        id: "shorter-time-wait",
        keep: "beside the cure, not instead of it: keep connections that are over for",
        state: State::TimeWait,
        seconds,
        now,
    };
    Some(Remedy {
        side_effects: vec![
            guard.into(),
            "late packets of an old connection find no entry and may be dropped as invalid".into(),
        ],
        ..shorter(case, &what)?
    })
}
