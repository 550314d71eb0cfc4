//! What is to be done, checked: every flag is valid before the first file is opened.

use std::path::PathBuf;

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeZone};
use chrono_tz::Tz;

use super::args::{Analyze, Colour, Format};
use crate::model::era::{TIMEOUTS, bare_key};
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
    /// A scenario without number.
    #[error("--what-if {0}: not KEY=NUMBER, e.g. net.netfilter.nf_conntrack_max=262144")]
    WhatIf(String),
    /// A scenario for a key that no answer is known for.
    #[error(
        "--what-if {key}: not a setting this program can answer for; the nearest it can is {nearest}. Known are {} \
         (with nf_conntrack_ or ip_conntrack_ and net.… in front or without)",
        known_settings().join(", ")
    )]
    UnknownSetting {
        /// As typed.
        key: String,
        /// What may have been meant.
        nearest: &'static str,
    },
    /// A limit of 0.
    #[error(
        "--what-if {0}: 0 is no limit at all, and the table grows until memory is out; give a number of entries"
    )]
    NoLimit(String),
    /// One setting, two values.
    #[error("--what-if {0}: this setting is given twice; all --what-if of one call are one scenario")]
    SettingTwice(String),
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
        what_if: parse_scenario(&typed.what_if)?,
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
    })
}

fn parse_zone(name: &str) -> Result<Tz, PlanError> {
    name.parse().map_err(|_| PlanError::Zone(name.to_owned()))
}

fn parse_what_if(text: &str) -> Result<(String, u64), PlanError> {
    let wrong = || PlanError::WhatIf(text.to_owned());
    let (key, value) = text.split_once('=').ok_or_else(wrong)?;
    let (key, value) = (key.trim(), value.trim().parse().map_err(|_| wrong())?);
    let bare = bare_key(key);
    if bare.is_empty() {
        return Err(wrong());
    }
    if !known_settings().contains(&bare) {
        return Err(PlanError::UnknownSetting { key: key.to_owned(), nearest: nearest_setting(bare) });
    }
    if bare == LIMIT && value == 0 {
        return Err(PlanError::NoLimit(text.to_owned()));
    }
    Ok((key.to_owned(), value))
}

/// All of one call are one scenario: no setting stands in it twice, whatever it is called.
fn parse_scenario(texts: &[String]) -> Result<Vec<(String, u64)>, PlanError> {
    let mut out: Vec<(String, u64)> = Vec::new();
    for text in texts {
        let (key, value) = parse_what_if(text)?;
        if out.iter().any(|(other, _)| bare_key(other) == bare_key(&key)) {
            return Err(PlanError::SettingTwice(key));
        }
        out.push((key, value));
    }
    Ok(out)
}

/// Bare name of the limit.
const LIMIT: &str = "max";

/// Bare names of what can be tried in thought.
fn known_settings() -> Vec<&'static str> {
    std::iter::once(LIMIT).chain(TIMEOUTS).collect()
}

/// The known setting that a word is most like: one that holds it, else the one fewest edits away.
fn nearest_setting(word: &str) -> &'static str {
    let word: String = word.chars().take(64).collect();
    let holds = |name: &&&str| name.contains(word.as_str()) || word.contains(**name);
    let known = known_settings();
    let mut nearest = known.iter().filter(holds).min_by_key(|name| name.len().abs_diff(word.len()));
    nearest = nearest.or_else(|| known.iter().min_by_key(|name| edits(&word, name)));
    nearest.copied().unwrap_or(LIMIT)
}

/// Characters to insert, delete or replace to make one word the other (Levenshtein).
fn edits(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (at, left) in a.chars().enumerate() {
        let mut corner = at;
        let mut before = at + 1;
        let mut next = vec![before];
        for (right, above) in b.chars().zip(row.iter().skip(1)) {
            before = (corner + usize::from(left != right)).min(before + 1).min(above + 1);
            corner = *above;
            next.push(before);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
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
        assert!(parse_what_if("max").is_err() && parse_what_if("=3").is_err());
        assert!(parse_zone("Mars/Olympus").is_err());
    }

    #[test]
    fn a_setting_may_be_named_in_any_form_and_is_kept_as_typed() {
        for key in ["max", "nf_conntrack_max", "net.netfilter.nf_conntrack_max", "net.ipv4.ip_conntrack_max"]
        {
            assert_eq!(parse_what_if(&format!("{key} = 262144")), Ok((key.to_owned(), 262_144)));
        }
        for name in TIMEOUTS {
            for prefix in
                ["", "nf_conntrack_", "net.netfilter.nf_conntrack_", "net.ipv4.netfilter.ip_conntrack_"]
            {
                assert!(parse_what_if(&format!("{prefix}{name}=30")).is_ok(), "{prefix}{name}");
            }
        }
    }

    #[test]
    fn a_setting_without_an_answer_is_refused_with_what_is_known_and_the_nearest() {
        for (key, nearest) in [
            ("net.netfilter.nf_conntrack_maxx", "max"),
            ("tcp_timeout_timewait", "tcp_timeout_time_wait"),
            ("established", "tcp_timeout_established"),
            ("nf_conntrack_udp_timeout_streams", "udp_timeout_stream"),
        ] {
            let refused = parse_what_if(&format!("{key}=1")).unwrap_err();
            assert_eq!(refused, PlanError::UnknownSetting { key: key.to_owned(), nearest });
            let said = refused.to_string();
            assert!(said.starts_with(&format!("--what-if {key}: ")), "{said}");
            assert!(
                said.contains("max, tcp_timeout_syn_sent") && said.contains("sctp_timeout_established"),
                "{said}"
            );
        }
    }

    #[test]
    fn no_limit_and_one_setting_twice_are_no_scenario() {
        assert_eq!(parse_what_if("max=0"), Err(PlanError::NoLimit("max=0".to_owned())));
        let twice = ["max=1000".to_owned(), "net.netfilter.nf_conntrack_max=2000".to_owned()];
        assert!(matches!(parse_scenario(&twice), Err(PlanError::SettingTwice(_))));
    }
}
