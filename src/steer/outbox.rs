//! When a message is tried again, and when it is given up.

use crate::model::live::message::{Fate, Next};
use crate::model::time::{SECOND_US, WallTime};

use super::{HOUR_US, MINUTE_US};

/// Microseconds after the first attempts; then every half hour.
const WAITS_US: [i64; 8] = [
    15 * SECOND_US,
    30 * SECOND_US,
    MINUTE_US,
    2 * MINUTE_US,
    5 * MINUTE_US,
    10 * MINUTE_US,
    20 * MINUTE_US,
    30 * MINUTE_US,
];
/// A message is given up after five days, as MTAs do (RFC 5321 §4.5.4.1).
const GIVEN_UP_US: i64 = 5 * 24 * HOUR_US;

/// How long an attempt may have a message for itself: longer than any attempt takes, so that no two have it at once.
pub const LEASE_US: i64 = 15 * MINUTE_US;

/// How it goes on after attempt number `attempts` (from 1) of a message that is owed since `created`.
pub fn after(fate: Fate, attempts: u32, created: WallTime, now: WallTime) -> Next {
    match fate {
        Fate::Taken => Next::Done,
        Fate::Never(why) => Next::GiveUp(why),
        Fate::NotNow(why) if now.0.saturating_sub(created.0) >= GIVEN_UP_US => {
            Next::GiveUp(format!("given up after five days; the last attempt: {why}"))
        }
        Fate::NotNow(why) => Next::Again { at: WallTime(now.0.saturating_add(wait_us(attempts))), why },
    }
}

fn wait_us(attempts: u32) -> i64 {
    let [.., longest] = WAITS_US;
    let place = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    WAITS_US.get(place).copied().unwrap_or(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(attempts: u32, days: i64) -> Next {
        let now = WallTime(days * 24 * HOUR_US);
        after(Fate::NotNow("no".to_owned()), attempts, WallTime(0), now)
    }

    #[test]
    fn waits_grow_to_half_an_hour_and_end_after_five_days() {
        let waits: Vec<i64> = (1..=10)
            .map(|attempts| match again(attempts, 0) {
                Next::Again { at, .. } => at.0 / SECOND_US,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(waits, [15, 30, 60, 120, 300, 600, 1_200, 1_800, 1_800, 1_800]);
        assert!(matches!(again(240, 4), Next::Again { .. }));
        assert!(matches!(again(240, 5), Next::GiveUp(why) if why.ends_with("no")));
    }

    #[test]
    fn what_is_refused_for_good_is_not_tried_again() {
        let refused = after(Fate::Never("no such user".to_owned()), 1, WallTime(0), WallTime(1));
        assert_eq!(refused, Next::GiveUp("no such user".to_owned()));
        assert_eq!(after(Fate::Taken, 3, WallTime(0), WallTime(1)), Next::Done);
    }
}
