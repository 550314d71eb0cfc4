//! What surrounds a table in these tests: settings, addresses, an incident; and a way to read sentences.

use std::net::IpAddr;

use conntriage::diagnose::{Diagnosis, diagnose};
use conntriage::model::counters::{Counters, LocalAddress, StatCounters, Uname};
use conntriage::model::diagnosis::{Body, Verdict};
use conntriage::model::incident::{
    Around, Conclusion, Drops, HighIs, Host, Incident, Method, Namespace, TimeBasis, Timeline, Times,
};
use conntriage::model::record::Trust;
use conntriage::model::report::{Settings, Snapshot, TakenFrom};
use conntriage::model::sentence::{Sentence, Word};
use conntriage::model::signal::{Limiter, RelatedKind, Table, Wording};
use conntriage::model::time::{SECOND_US, WallTime};

use crate::first_lines;
use crate::table::{Group, census, ip};

/// Start of the incident, seconds.
pub(crate) const START: i64 = 1_600_000_000;
/// Its length, seconds.
pub(crate) const LENGTH: i64 = 60;

pub(crate) fn counters(settings: &[(&str, u64)], local: &[&str]) -> Counters {
    let mut out = Counters::default();
    for (key, value) in settings {
        out.sysctl.insert((*key).into(), value.to_string().into());
    }
    out.addresses =
        local.iter().map(|address| LocalAddress { address: ip(address), interface: None }).collect();
    out.addresses_known = !local.is_empty();
    out
}

pub(crate) fn released(mut counters: Counters, release: &str) -> Counters {
    counters.uname = Some(Uname { host: "box".into(), release: release.into() });
    counters
}

pub(crate) fn with_stat(mut counters: Counters, drop: u64, early_drop: u64) -> Counters {
    counters.stat =
        Some(StatCounters { drop: Some(drop), early_drop: Some(early_drop), ..StatCounters::default() });
    counters
}

pub(crate) fn snapshot(groups: &[Group], counters: Counters) -> Snapshot {
    let local: Vec<IpAddr> = counters.addresses.iter().map(|local| local.address).collect();
    Snapshot {
        id: "aaaaaaaaaaaa".into(),
        path: "table".into(),
        host: Some("box".into()),
        namespace: Namespace::Unknown,
        taken_at: Some(WallTime((START + 10) * SECOND_US)),
        taken_from: TakenFrom::Recorded,
        role: None,
        took_seconds: None,
        census: Some(census(groups, &local)),
        counters,
        before_after: None,
        inputs: vec!["aaaaaaaaaaaa".into()],
    }
}

pub(crate) fn incident(wording: Wording, low: u64) -> Incident {
    Incident {
        id: "0123456789ab".into(),
        host: 0,
        boot: None,
        table: if wording == Wording::Expectation { Table::Expectation } else { Table::Conntrack },
        wordings: vec![wording],
        limiters: vec![if wording == Wording::IpPeriod { Limiter::Printk } else { Limiter::NetRatelimit }],
        namespace: Namespace::Unknown,
        trust: Trust::Unverified,
        times: Times {
            start: Some(WallTime(START * SECOND_US)),
            end: Some(WallTime((START + LENGTH) * SECOND_US)),
            since_boot_us: None,
            basis: TimeBasis::Stamped,
            precision_us: 1_000_000,
            uncertainty_us: Some(0),
        },
        drops: Drops {
            visible: low.min(20),
            repeated: 0,
            suppressed: low.saturating_sub(20),
            low,
            high: Some(low),
            high_is: HighIs::Bound,
            method: Method::Log,
            widened_by: Vec::new(),
            streams: Vec::new(),
            host_total: None,
        },
        sampled: None,
        timeline: Timeline::default(),
        around: Vec::new(),
        lines: Vec::new(),
        ongoing: false,
    }
}

pub(crate) fn around(kind: RelatedKind) -> Around {
    Around {
        at: Some(WallTime(START * SECOND_US)),
        kind,
        fact: "a line".into(),
        from: "bbbbbbbbbbbb".into(),
        count: 1,
        port: None,
        capacity: None,
        about: Vec::new(),
    }
}

pub(crate) fn conclusion(incidents: Vec<Incident>) -> Conclusion {
    let hosts = vec![Host { name: "box".into(), also_written_as: Vec::new(), boot_ids: Vec::new() }];
    Conclusion { hosts, incidents, ..Conclusion::default() }
}

/// The body of the only incident.
pub(crate) fn of_incident(incident: Incident, snapshots: Vec<Snapshot>) -> Body {
    let mut diagnosis = told(incident, snapshots);
    assert_eq!(diagnosis.incidents.len(), 1);
    diagnosis.incidents.remove(0).body
}

/// Everything about the only incident.
pub(crate) fn told(incident: Incident, snapshots: Vec<Snapshot>) -> Diagnosis {
    diagnose(conclusion(vec![incident]), snapshots, &Settings::default())
}

/// The body of a table without any incident.
pub(crate) fn of_table(snapshot: Snapshot) -> Body {
    let mut diagnosis = diagnose(Conclusion::default(), vec![snapshot], &Settings::default());
    assert_eq!(diagnosis.snapshots.len(), 1);
    diagnosis.snapshots.remove(0).body
}

/// A sentence in plain words, roughly as `report` would spell it.
pub(crate) fn words(sentence: &Sentence) -> String {
    let part = |word: &Word| match word {
        Word::Text(text) => (*text).to_owned(),
        Word::Count(n, noun) => format!("{n} {}", if *n == 1 { noun.0 } else { noun.1 }),
        Word::Number(n) => n.to_string(),
        Word::Rate(rate) => format!("{rate:.0}/s"),
        Word::Share(share) => format!("{:.1} %", share * 100.0),
        Word::Bytes(n) => format!("{n} B"),
        Word::Duration(seconds) => format!("{seconds} s"),
        Word::Moment(at) => format!("@{}", at.0),
        Word::Address(address) => address.to_string(),
        Word::Endpoint(address, port, _) => format!("{address}:{}", port.unwrap_or(0)),
        Word::Port(port, _) => format!("port {port}"),
        Word::Protocol(l4) => format!("{l4:?}"),
        Word::State(state) => format!("{state:?}"),
        Word::Code(code) => format!("`{code}`"),
        Word::Untrusted(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    };
    sentence
        .0
        .iter()
        .map(part)
        .collect::<Vec<_>>()
        .join(" ")
        .replace(" ,", ",")
        .replace(" :", ":")
        .replace("( ", "(")
        .replace(" )", ")")
}

/// The first lines obey their law.
pub(crate) fn is_fit(body: &Body) {
    let Verdict { cause, summary, .. } = &body.verdict;
    let wrong = first_lines::wrong(&first_lines::head(cause.0, false, summary));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Every command line and its undoing.
pub(crate) fn lines(body: &Body) -> Vec<String> {
    body.remedies
        .iter()
        .flat_map(|remedy| &remedy.commands)
        .flat_map(|command| std::iter::once(command.line.clone()).chain(command.undo.clone()))
        .collect()
}

pub(crate) fn runners_up(body: &Body) -> Vec<&'static str> {
    body.runners_up.iter().map(|runner| runner.cause.0).collect()
}
