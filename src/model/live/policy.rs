//! What a person may choose of the policy (`[incident]`, `[capture]` and `[mail]` of the configuration).

use crate::model::time::SECOND_US;

/// Whether a table of another namespace is looked at from inside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Enter {
    /// `named-in-line`: only the one that a line or a full count points at.
    #[default]
    NamedInLine,
    /// `none`: its counters must do.
    Never,
}

/// A further look at a table that was full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FollowUp {
    /// So many microseconds after the incident opened.
    After(i64),
    /// When it is over.
    End,
}

/// At most so many follow-ups of one incident are listened to.
pub const FOLLOW_UPS_MAX: usize = 8;

/// The policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// `incident.quiet`, microseconds: an incident of which nothing was seen for so long is over.
    pub quiet_us: i64,
    /// `incident.near_full`, percent of the limit.
    pub near_full_percent: u8,
    /// `incident.near_full_polls`: so many polls in a row.
    pub near_full_polls: u32,
    /// `capture.cooldown`, microseconds between two dumps of the same table as it fills up; follow-ups do not count.
    pub cooldown_us: i64,
    /// `capture.follow_ups`. Those beyond [`FOLLOW_UPS_MAX`] are not listened to.
    pub follow_ups: Vec<FollowUp>,
    /// `capture.time_budget`, microseconds: a dump that has not been heard of for longer is given up.
    pub time_budget_us: i64,
    /// `capture.enter`.
    pub enter: Enter,
    /// `--no-capture` makes this false: nothing is dumped, samples are kept all the same.
    pub capture: bool,
    /// `mail.per_incident_per_day`.
    pub per_incident_per_day: u32,
    /// `mail.burst`: so many at once; one more every six minutes.
    pub burst: u32,
    /// `mail.per_day`, in any 24 hours.
    pub per_day: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            quiet_us: 600 * SECOND_US,
            near_full_percent: 90,
            near_full_polls: 3,
            cooldown_us: 600 * SECOND_US,
            follow_ups: vec![
                FollowUp::After(30 * SECOND_US),
                FollowUp::After(120 * SECOND_US),
                FollowUp::End,
            ],
            time_budget_us: 60 * SECOND_US,
            enter: Enter::NamedInLine,
            capture: true,
            per_incident_per_day: 6,
            burst: 10,
            per_day: 250,
        }
    }
}
