//! When a message is tried again, and when it is given up.

pub use crate::model::live::message::LEASE_US;
use crate::model::live::message::{Fate, Fates, Next, RecipientState};
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
    LONG_US,
];
/// The longest of them. So long too where a person has to change something first, and where the message may have arrived:
/// a relay that is still busy with it must not get a second one.
const LONG_US: i64 = 30 * MINUTE_US;
/// Waits differ by as much as a fifth, so that many machines whose relay was away do not come back at once.
const JITTER_PERCENT: i64 = 20;
/// A message is given up after five days, as MTAs do (RFC 5321 §4.5.4.1).
const GIVEN_UP_US: i64 = 5 * 24 * HOUR_US;
/// And not before so many attempts, which take a day: the machine may have been off, or its clock wrong when the message
/// was owed.
const GIVEN_UP_ATTEMPTS: u32 = 48;

/// What is repeated is said again after this: Alertmanager takes an alert to be over that it has not heard of for five
/// minutes (`resolve_timeout`, where nobody changed it).
pub const REPEAT_US: i64 = 2 * MINUTE_US;

/// How it goes on with a message that is repeated: whoever took it gets it again, and whoever did not, as soon: the alert
/// would lapse.
pub fn again(next: Next, now: WallTime) -> Next {
    let taken = next.recipients.iter().any(|(_, state, _)| *state == RecipientState::Sent);
    let soon = WallTime(now.0.saturating_add(REPEAT_US));
    let recipients = next.recipients.into_iter().map(|(address, state, why)| match state {
        RecipientState::Sent => (address, RecipientState::Waiting, why),
        state => (address, state, why),
    });
    let recipients = recipients.collect();
    Next { recipients, at: if taken { Some(soon) } else { next.at.map(|at| at.min(soon)) } }
}

/// How it goes on after attempt number `attempts` (from 1) of the message `id`, owed since `created`.
pub fn after(fates: Fates, id: &str, attempts: u32, created: WallTime, now: WallTime) -> Next {
    let late = now.0.saturating_sub(created.0) >= GIVEN_UP_US && attempts >= GIVEN_UP_ATTEMPTS;
    let give_up =
        |why: String| format!("given up after five days and {attempts} attempts; the last one: {why}");
    let mut wait: Option<i64> = None;
    let mut settle = |address: String, fate: Fate| {
        let (state, why, us) = match fate {
            Fate::Taken => return (address, RecipientState::Sent, None),
            Fate::Never(why) => return (address, RecipientState::Dead, Some(why)),
            Fate::NotNow(why) => (RecipientState::Waiting, why, wait_us(attempts)),
            Fate::Misconfigured(why) => (RecipientState::Waiting, why, LONG_US),
            Fate::Perhaps(why) => (RecipientState::Possibly, format!("possibly delivered: {why}"), LONG_US),
        };
        if late {
            return (address, RecipientState::Dead, Some(give_up(why)));
        }
        wait = wait.max(Some(us));
        (address, state, Some(why))
    };
    let recipients = fates.into_iter().map(|(address, fate)| settle(address, fate)).collect();
    let at = wait.map(|us| WallTime(now.0.saturating_add(jittered_us(us, id, attempts))));
    Next { recipients, at }
}

fn wait_us(attempts: u32) -> i64 {
    let place = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    WAITS_US.get(place).copied().unwrap_or(LONG_US)
}

/// A wait, longer or shorter by what message and attempt say: no dice, so that the same history gives the same times.
pub fn jittered_us(wait_us: i64, id: &str, attempts: u32) -> i64 {
    // FNV-1a, whose low bits are good enough for a spread.
    let mut hash: u32 = 0x811c_9dc5;
    for byte in id.bytes().chain(attempts.to_le_bytes()) {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    let span = wait_us / 100 * JITTER_PERCENT;
    wait_us - span + i64::from(hash % 2_001) * (2 * span) / 2_000
}

#[cfg(test)]
mod tests {
    use super::*;

    const TO: &str = "ops@example.org";

    fn one(fate: Fate, attempts: u32, days: i64) -> Next {
        let now = WallTime(days * 24 * HOUR_US);
        after(vec![(TO.to_owned(), fate)], "id@host", attempts, WallTime(0), now)
    }

    fn no(why: &str) -> Fate {
        Fate::NotNow(why.to_owned())
    }

    #[test]
    fn waits_grow_to_half_an_hour_and_end_after_five_days() {
        let waits: Vec<i64> =
            (1..=10).map(|attempts| one(no("no"), attempts, 0).at.unwrap().0 / SECOND_US).collect();
        for (wait, middle) in waits.iter().zip([15, 30, 60, 120, 300, 600, 1_200, 1_800, 1_800, 1_800]) {
            assert!((middle * 80..=middle * 120).contains(&(wait * 100)), "{waits:?}");
        }
        assert_eq!(one(no("no"), 240, 4).recipients[0].1, RecipientState::Waiting);
        // A clock that was wrong when it was owed, or a machine that was off, takes no attempt away.
        for attempts in [1, 9, 47] {
            assert_eq!(one(no("no"), attempts, 500).recipients[0].1, RecipientState::Waiting, "{attempts}");
        }
        let given_up = one(no("no"), 240, 5);
        assert_eq!((given_up.at, given_up.recipients[0].1), (None, RecipientState::Dead));
        assert!(given_up.why().unwrap().ends_with("no"));
    }

    #[test]
    fn waits_differ_by_a_fifth_and_are_the_same_each_time() {
        let waits: Vec<i64> =
            (0..1_000).map(|n| jittered_us(100 * SECOND_US, &format!("{n}@host"), 1)).collect();
        assert!(waits.iter().all(|us| (80 * SECOND_US..=120 * SECOND_US).contains(us)), "{waits:?}");
        assert!(waits.iter().any(|us| *us < 85 * SECOND_US) && waits.iter().any(|us| *us > 115 * SECOND_US));
        assert_eq!(jittered_us(SECOND_US, "a", 1), jittered_us(SECOND_US, "a", 1));
        assert_ne!(jittered_us(SECOND_US, "a", 1), jittered_us(SECOND_US, "a", 2));
    }

    #[test]
    fn what_is_refused_for_good_is_not_tried_again() {
        let refused = one(Fate::Never("no such user".to_owned()), 1, 0);
        assert_eq!(
            refused.recipients,
            [(TO.to_owned(), RecipientState::Dead, Some("no such user".to_owned()))]
        );
        assert_eq!(refused.at, None);
        assert_eq!(one(Fate::Taken, 3, 0).recipients, [(TO.to_owned(), RecipientState::Sent, None)]);
    }

    #[test]
    fn what_may_have_arrived_and_what_a_person_must_change_wait_the_longest() {
        for fate in [Fate::Perhaps("no answer".to_owned()), Fate::Misconfigured("no password".to_owned())] {
            let wait = one(fate, 1, 0).at.unwrap().0;
            assert!((24 * MINUTE_US..=36 * MINUTE_US).contains(&wait), "{wait}");
        }
        let perhaps = one(Fate::Perhaps("no answer".to_owned()), 1, 0);
        assert_eq!(perhaps.recipients[0].1, RecipientState::Possibly);
        assert_eq!(perhaps.why().unwrap(), "possibly delivered: no answer");
    }

    #[test]
    fn what_is_repeated_waits_no_longer_than_an_alert_lasts_whatever_failed() {
        for fate in [no("HTTP 503"), Fate::Misconfigured("HTTP 401".to_owned()), Fate::Taken] {
            for attempts in [1, 5, 100] {
                let at = again(one(fate.clone(), attempts, 0), WallTime(0)).at.unwrap().0;
                assert!(at <= REPEAT_US, "{fate:?}, attempt {attempts}: {at}");
            }
        }
        assert_eq!(again(one(Fate::Never("HTTP 400".to_owned()), 1, 0), WallTime(0)).at, None);
    }

    #[test]
    fn no_wait_is_longer_than_the_longest() {
        for n in 0..2_000 {
            let wait = jittered_us(LONG_US, &format!("{n}@host"), n);
            assert!(wait <= crate::model::live::message::WAIT_MAX_US, "{wait}");
        }
    }

    #[test]
    fn recipients_fail_one_by_one() {
        let fates = vec![
            ("a@x".to_owned(), Fate::Taken),
            ("b@x".to_owned(), Fate::Never("550".to_owned())),
            ("c@x".to_owned(), no("452")),
        ];
        let next = after(fates, "id@host", 1, WallTime(0), WallTime(0));
        let states: Vec<RecipientState> = next.recipients.iter().map(|(_, state, _)| *state).collect();
        assert_eq!(states, [RecipientState::Sent, RecipientState::Dead, RecipientState::Waiting]);
        assert!(next.at.is_some());
        assert_eq!(next.why().unwrap(), "b@x: 550; c@x: 452");
    }
}
