//! The drop interval of an incident: from the runs that tell of it, how many packets were dropped, at least and at most.
//!
//! What stands on a log of the kernel's limiter (`net_ratelimit`): at most ten calls print in a window of five seconds
//! that the first of them opens; every further one is counted, and the count is printed in front of the first message
//! behind the window, however late that comes (`lib/ratelimit.c`; before 2.6.26 a bucket of tokens in `net/core/utils.c`
//! and `kernel/printk.c`, which gives one line per five seconds and counts alike). One limiter serves all namespaces and
//! all rate-limited network messages, so a count may hold refusals of others.
//!
//! Hence: the lines are certain. A count closes the window before it, and is ours as far as everything seen in that
//! window is. The last window's count is known only if the log goes on. This file asks; `account` reads one log's runs,
//! `window` follows the windows to the last, `bounds` adds up. Pure functions, no clock, no input. Counters are not asked
//! here: `diagnose` puts them in the place of what the log says.

mod account;
mod bounds;
mod window;

pub use bounds::drops;

use crate::model::era::Era;
use crate::model::piece::Loss;
use crate::model::run::Run;
use crate::model::signal::Subject;

/// Whom a table-full line counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Whose {
    /// The incident asked for.
    Ours,
    /// The same table of another namespace: it shares the limiter and is part of the host's total.
    OtherNamespace,
    /// Another table: it only shares the limiter.
    OtherTable,
}

/// A run with the microseconds to add to its clock to be on the incident's.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// The run.
    pub run: &'a Run,
    /// Its shift.
    pub shift_us: i64,
}

/// What one log tells of the incident. Logs that cover the same time are copies: only the leading one is asked.
#[derive(Debug, Clone, Default)]
pub struct Account<'a> {
    /// Its runs in byte order, all of one boot. Limited runs between them that show no line of ours belong here too:
    /// their suppression lines close our windows.
    pub runs: Vec<Told<'a>>,
    /// The last limited run before the first of them, whatever its distance; none where the log has none.
    pub before: Option<Told<'a>>,
    /// The next limited run behind the last of them, whatever its distance; none where the log has none.
    pub after: Option<Told<'a>>,
    /// When the log's coverage begins, on the incident's clock; none: not known.
    pub covered_from: Option<i64>,
    /// When it ends, likewise.
    pub covered_to: Option<i64>,
    /// Losses that the log tells of, from the first window to the end of the last.
    pub losses: Vec<&'a Loss>,
}

/// Settings of the limiter, where a sysctl listing of that boot tells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// `net.core.message_burst`: tokens in a window.
    pub burst: Option<u64>,
    /// `net.core.message_cost`: seconds. 0: the limiter is off and every drop prints its line.
    pub cost_seconds: Option<u64>,
}

/// What is asked: the cost of one incident, i.e. of one host, boot, table and namespace.
pub struct Question<'a> {
    /// The logs that count, each for a time that no other covers.
    pub accounts: Vec<Account<'a>>,
    /// Lines and refusals that other logs show outside the time that the leading one covers: surely ours, perhaps ours.
    pub beside: (u64, u64),
    /// Whom a subject counts for.
    pub whose: &'a dyn Fn(&Subject) -> Whose,
    /// Era of the limiter, where wordings and limiters tell it.
    pub era: Option<Era>,
    /// Its settings, where known.
    pub limits: Limits,
}
