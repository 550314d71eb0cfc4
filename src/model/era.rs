//! What each kernel era prints, is called, and defaults to. Tables, no logic.
//!
//! Sources: formats.md §1, §5; corrections.md §2.

/// Eras of the rate limiter (formats.md §1.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Era {
    /// Token bucket: 2.4.21 to 2.6.18.
    A,
    /// Fixed window, `__ratelimit`: 2.6.26 to 2.6.32.
    B,
    /// Fixed window, `net_ratelimit`: 2.6.33 to 4.9.
    C,
    /// As C; text doubled: 4.10 to 6.x.
    D,
    /// Tokens that never miscount: 6.18.
    E,
}

use super::signal::{Limiter, Wording};

/// The era that wordings and limiters point at; none where they say nothing. Of several the narrowest wins.
pub fn era(wordings: &[Wording], limiters: &[Limiter]) -> Option<Era> {
    if wordings.contains(&Wording::NfDoubledNetns) {
        return Some(Era::E);
    }
    for limiter in limiters {
        match limiter {
            Limiter::Net | Limiter::Printk => return Some(Era::A),
            Limiter::Ratelimit => return Some(Era::B),
            Limiter::NetRatelimit => {}
        }
    }
    for wording in wordings {
        match wording {
            Wording::MaximumLimit | Wording::IpPeriod | Wording::Container => return Some(Era::A),
            Wording::NfPlain => return Some(Era::C),
            Wording::NfDoubled => return Some(Era::D),
            Wording::NfPeriod if limiters.contains(&Limiter::NetRatelimit) => return Some(Era::C),
            Wording::NfPeriod => return Some(Era::B),
            Wording::NfDoubledNetns | Wording::Expectation => {}
        }
    }
    limiters.contains(&Limiter::NetRatelimit).then_some(Era::C)
}
