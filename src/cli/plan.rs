//! What is to be done, checked: every flag is valid before the first file is opened.

use std::path::PathBuf;

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeZone};
use chrono_tz::Tz;

use super::args::{Analyze, Colour, ConfigFlags, Format};
use super::scenario::{self, Scenario, ScenarioError};
use crate::model::live::config::Config;
use crate::model::report::Settings;
use crate::model::time::WallTime;

/// Runs of one table closer than this are one incident.
pub const QUIET_SECONDS: u64 = 600;

/// A flag that makes no sense, in words.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PlanError {
    /// A zone nobody knows.
    #[error("--tz {0}: no such time zone; give a name of the tz database such as Europe/Berlin or UTC")]
    Zone(String),
    /// A time nobody can read.
    #[error(
        "{0} {1}: not a time; give 2026-11-23, \"2026-11-23 04:00\", 2026-11-23T04:00:00Z or @1790000000"
    )]
    Time(&'static str, String),
    /// A scenario that makes no sense.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The span is empty.
    #[error("--until is not after --since: nothing can lie between")]
    EmptySpan,
}

/// `analyze`, ready to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnalyzePlan {
    /// What to read.
    pub paths: Vec<PathBuf>,
    /// What the analysis is told.
    pub settings: Settings,
    /// Form.
    pub format: Format,
    /// Where to; none: standard output.
    pub output: Option<PathBuf>,
    /// Colour.
    pub colour: Colour,
    /// Answer 10 on an incident.
    pub fail_on_incident: bool,
    /// Progress may be shown.
    pub progress: bool,
    /// Zone in which times are shown.
    pub shown_zone: String,
    /// The report is mailed, too.
    pub mail: Option<MailPlan>,
}

/// How a report is mailed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailPlan {
    /// By which configuration.
    pub from: Origin,
    /// Into a file instead.
    pub dry_run: bool,
}

/// Checks what was typed. `local_zone` is the zone of this machine, if it has one.
pub fn analyze(typed: Analyze, local_zone: Option<&str>) -> Result<AnalyzePlan, PlanError> {
    let zone = typed.tz.as_deref().map(parse_zone).transpose()?;
    let shown = zone.or_else(|| local_zone.and_then(|name| name.parse().ok())).unwrap_or(Tz::UTC);
    let time = |flag: &'static str, text: &Option<String>| {
        text.as_deref().map(|text| parse_time(flag, text, shown)).transpose()
    };
    let (since, until) = (time("--since", &typed.since)?, time("--until", &typed.until)?);
    if matches!((since, until), (Some(since), Some(until)) if until <= since) {
        return Err(PlanError::EmptySpan);
    }
    let Scenario { settings: what_if, deeds: what_if_traffic } = scenario::parse(&typed.what_if)?;
    let settings = Settings {
        zone: zone.map(|zone| zone.name().into()),
        year: typed.year,
        host_name: typed.host_name.map(Into::into),
        hosts: typed.host.into_iter().map(Into::into).collect(),
        since,
        until,
        local: typed.local,
        top: usize::from(typed.top),
        quiet_seconds: QUIET_SECONDS,
        what_if,
        what_if_traffic,
    };
    Ok(AnalyzePlan {
        paths: typed.paths,
        settings,
        format: typed.format,
        output: typed.output,
        colour: typed.color,
        fail_on_incident: typed.fail_on_incident,
        progress: !typed.no_progress,
        shown_zone: shown.name().to_owned(),
        mail: typed.mail.then(|| MailPlan { from: Origin::of(&typed.config), dry_run: typed.dry_run }),
    })
}

/// The analysis of an incident's evidence: nothing is asked for but what it tells.
pub fn of_bundle(root: &std::path::Path, local_zone: Option<&str>) -> AnalyzePlan {
    let shown = local_zone.and_then(|name| name.parse().ok()).unwrap_or(Tz::UTC);
    AnalyzePlan {
        paths: vec![root.to_owned()],
        settings: Settings { top: TOP, quiet_seconds: QUIET_SECONDS, ..Settings::default() },
        format: Format::Text,
        output: None,
        colour: Colour::Never,
        fail_on_incident: false,
        progress: false,
        shown_zone: shown.name().to_owned(),
        mail: None,
    }
}

/// Rows of each ranking, where nobody asks for another number.
pub const TOP: usize = 5;

/// `watch`, ready to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchPlan {
    /// The configuration, with the flags over it.
    pub config: Config,
    /// Where it came from, to read it again.
    pub from: Origin,
    /// It stops when the sources end.
    pub once: bool,
}

/// Which configuration was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The file; none: the usual one.
    pub file: Option<PathBuf>,
    /// The state directory; none: the configuration's.
    pub state_dir: Option<PathBuf>,
}

impl Origin {
    /// What the flags say.
    pub fn of(flags: &ConfigFlags) -> Self {
        Self { file: flags.config.clone(), state_dir: flags.state_dir.clone() }
    }
}

fn parse_zone(name: &str) -> Result<Tz, PlanError> {
    name.parse().map_err(|_| PlanError::Zone(name.to_owned()))
}

/// Forms of civil time.
const CIVIL: [&str; 4] = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"];

fn parse_time(flag: &'static str, text: &str, zone: Tz) -> Result<WallTime, PlanError> {
    let wrong = || PlanError::Time(flag, text.to_owned());
    if let Some(seconds) = text.strip_prefix('@') {
        let seconds: i64 = seconds.parse().map_err(|_| wrong())?;
        return seconds.checked_mul(1_000_000).map(WallTime).ok_or_else(wrong);
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(WallTime(time.timestamp_micros()));
    }
    let civil = CIVIL
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
        .or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0))
        .ok_or_else(wrong)?;
    let local = zone.from_local_datetime(&civil).earliest().ok_or_else(wrong)?;
    Ok(WallTime(local.timestamp_micros()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_the_zone_that_is_shown() {
        let berlin = "Europe/Berlin".parse().unwrap();
        let at = |text: &str| parse_time("--since", text, berlin).unwrap().0 / 1_000_000;
        assert_eq!(at("2026-11-23"), 1_795_388_400);
        assert_eq!(at("2026-11-23 00:00"), 1_795_388_400);
        assert_eq!(at("2026-11-22T23:00:00Z"), 1_795_388_400);
        assert_eq!(at("@1795388400"), 1_795_388_400);
    }

    #[test]
    fn nonsense_is_refused_with_the_flag_and_the_word() {
        let refused = parse_time("--until", "yesterday-ish", Tz::UTC).unwrap_err().to_string();
        assert!(refused.starts_with("--until yesterday-ish: not a time"), "{refused}");
        assert!(parse_zone("Mars/Olympus").is_err());
    }
}
