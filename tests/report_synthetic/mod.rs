//! Reports made by hand: the story of web8, an empty one, and one in which every field holds something and every
//! text that could come from input is hostile.
#![allow(dead_code)] // each test file uses its own part of it

pub(crate) mod everything;
pub(crate) mod hostile;
pub(crate) mod web8;

use conntriage::model::input::{Input, InputKind};
use conntriage::model::report::{Report, Settings};
use conntriage::model::time::WallTime;

/// 2012-04-12 11:17:55 in Berlin.
pub(crate) const START: i64 = 1_334_222_275;

pub(crate) fn at(seconds_after_start: i64) -> WallTime {
    WallTime((START + seconds_after_start) * 1_000_000)
}

pub(crate) fn input(id: &str, path: &str, kind: InputKind, dialect: Option<&'static str>) -> Input {
    Input {
        id: id.into(),
        path: path.into(),
        member: None,
        via: vec![],
        kind,
        dialect,
        bytes: 1,
        records: 1,
        signals: 0,
        malformed: 0,
        first_malformed: None,
        first: None,
        last: None,
        complete: true,
        named: true,
        note: None,
        goes_on_from: None,
    }
}

/// A report with two inputs and nothing found in them.
pub(crate) fn quiet() -> Report {
    let log = Input {
        records: 48_211,
        bytes: 4_211_003,
        first: Some(at(-400_000)),
        last: Some(at(0)),
        ..input("0123456789ab", "/var/log/messages", InputKind::Log, Some("syslog"))
    };
    let strange =
        Input { named: false, ..input("ba9876543210", "/var/log/lastlog", InputKind::Unrecognised, None) };
    Report {
        generated_at: at(90_000),
        zone: "Europe/Berlin".into(),
        settings: Settings { top: 10, quiet_seconds: 600, ..Settings::default() },
        complete: true,
        inputs: vec![log, strange],
        hosts: vec![],
        incidents: vec![],
        snapshots: vec![],
        findings: vec![],
        assumptions: vec![],
        gaps: vec![],
    }
}
