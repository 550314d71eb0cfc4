//! What programs are told of an incident: `conntriage.notice/1`, which a webhook gets, and the alerts of Alertmanager's API,
//! version 2. What is written here is kept as it is and posted byte for byte on every attempt.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::model::live::intent::About;
use crate::model::live::life::Key;
use crate::model::signal::Table;
use crate::model::time::WallTime;

/// Name and version of what a webhook gets.
pub const SCHEMA: &str = "conntriage.notice/1";
/// Bytes of a report that goes with it; a larger one is left out, and that is said.
const REPORT_MAX: usize = 1 << 20;

/// What is told.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// What happened.
    pub about: About,
    /// Id of the message, the same on every attempt.
    pub id: &'a str,
    /// Id of the incident.
    pub incident: &'a str,
    /// Name of the host, made safe for a page.
    pub host: &'a str,
    /// Which table, where that is remembered.
    pub key: Option<&'a Key>,
    /// When the incident began.
    pub start: WallTime,
    /// When this is said.
    pub at: WallTime,
    /// One line for people: `conntrack full: 192.168.1.38 → :3128 (97 % of 30,611)`.
    pub summary: &'a str,
    /// What is known, in sentences.
    pub description: &'a str,
    /// `conntriage.report/1` of this incident, if it could be made.
    pub report: Option<&'a str>,
}

#[derive(Serialize)]
struct Notice<'a> {
    schema: &'static str,
    id: &'a str,
    event: &'static str,
    incident: &'a str,
    host: &'a str,
    table: &'static str,
    namespace: &'static str,
    started_at: Option<String>,
    at: Option<String>,
    summary: &'a str,
    description: &'a str,
    report: Option<Value>,
    report_left_out: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Alert<'a> {
    labels: BTreeMap<&'static str, &'a str>,
    annotations: BTreeMap<&'static str, &'a str>,
    starts_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<String>,
}

/// What a webhook gets.
pub fn webhook(told: &Told<'_>) -> String {
    let (table, namespace) = subject(told.key);
    let fits = told.report.filter(|report| report.len() <= REPORT_MAX);
    let report = fits.and_then(|report| serde_json::from_str(report).ok());
    let why = match told.report {
        None => "the evidence of this incident cannot be read",
        Some(_) => "it is larger than 1 MiB: `conntriage incidents show` prints it",
    };
    let notice = Notice {
        schema: SCHEMA,
        id: told.id,
        event: event(told.about),
        incident: told.incident,
        host: told.host,
        table,
        namespace,
        started_at: told.start.rfc3339(),
        at: told.at.rfc3339(),
        summary: told.summary,
        description: told.description,
        report_left_out: report.is_none().then_some(why),
        report,
    };
    // Strings and numbers can always be written.
    serde_json::to_string(&notice).unwrap_or_default()
}

/// What a webhook gets whose server finds it too large; none: there is nothing to leave out.
pub fn without_report(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut notice: Value = serde_json::from_slice(bytes).ok()?;
    let fields = notice.as_object_mut()?;
    let report = fields.get_mut("report").filter(|report| !report.is_null())?;
    *report = Value::Null;
    let why = "the server found it too large (413): `conntriage incidents show` prints it";
    fields.insert("report_left_out".to_owned(), why.into());
    serde_json::to_vec(&notice).ok()
}

/// What Alertmanager gets: one alert. Its labels are the same from its first word to its last, since they are what it is
/// known by; while the incident goes on it has no end, and is over when it is not heard of any more.
pub fn alerts(told: &Told<'_>) -> String {
    let (table, namespace) = subject(told.key);
    let over = matches!(told.about, About::Closed(_));
    let labels = [
        ("alertname", "ConntrackTableFull"),
        ("host", told.host),
        ("table", table),
        ("namespace", namespace),
        ("severity", "critical"),
        ("incident", told.incident),
    ];
    let alert = Alert {
        labels: labels.into(),
        annotations: [("summary", told.summary), ("description", told.description)].into(),
        starts_at: told.start.rfc3339(),
        ends_at: if over { told.at.rfc3339() } else { None },
    };
    // As above.
    serde_json::to_string(&[alert]).unwrap_or_default()
}

/// Table and kind of namespace, in the words of `conntriage.report/1`.
fn subject(key: Option<&Key>) -> (&'static str, &'static str) {
    use crate::model::live::life::Place;
    let Some(key) = key else { return ("conntrack", "unknown") };
    let table = match key.table {
        Table::Conntrack => "conntrack",
        Table::Expectation => "expectation",
    };
    let namespace = match key.place {
        Place::Initial => "initial",
        Place::Netns { .. } => "netns",
        Place::Container(_) => "container",
        Place::Unknown => "unknown",
    };
    (table, namespace)
}

fn event(about: About) -> &'static str {
    match about {
        About::Opened(_) => "opened",
        About::Evidence(_) => "evidence",
        About::Digest(_) => "digest",
        About::Closed(_) => "closed",
        About::Reopened(_) => "reopened",
        About::Backlog => "backlog",
        About::Summary => "summary",
    }
}
