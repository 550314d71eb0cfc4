//! `conntriage.incidents/1`: a summary row for each incident, as `incidents list --format json` prints it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::report::{IncidentView, Report};

use super::report::shape::{Endpoint, Namespace};
use super::report::words::{HighIs, Table};
use super::value::{pretty, schema_of};

/// Name and version of the format.
pub const SCHEMA: &str = "conntriage.incidents/1";

/// The list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Incidents {
    /// Name and version of this format.
    #[schemars(extend("const" = "conntriage.incidents/1"))]
    pub schema: String,
    /// Rows, by host and start.
    pub incidents: Vec<Row>,
}

/// One incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// 12 hex digits.
    pub id: String,
    /// Host.
    pub host: Option<String>,
    /// Table.
    pub table: Table,
    /// Namespace.
    pub namespace: Namespace,
    /// First line.
    #[schemars(extend("format" = "date-time"))]
    pub start: Option<String>,
    /// Last line.
    #[schemars(extend("format" = "date-time"))]
    pub end: Option<String>,
    /// Cause, by its slug.
    pub cause: String,
    /// Address of the source with most entries.
    pub top_source: Option<String>,
    /// The peer with most entries.
    pub top_peer: Option<Endpoint>,
    /// Cost.
    pub drops: DropsRow,
    /// Bytes of evidence kept for it; null: none is kept, or it is not known.
    pub evidence_bytes: Option<u64>,
}

/// Cost, in short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DropsRow {
    /// At least.
    pub low: u64,
    /// At most; null: no upper end.
    pub high: Option<u64>,
    /// What `high` is.
    pub high_is: HighIs,
}

/// The row of one incident of a report.
pub fn row(report: &Report, view: &IncidentView, evidence_bytes: Option<u64>) -> Row {
    let incident = super::report::incident_without_prose(report, view);
    let peer = incident.top_peers.into_iter().next();
    Row {
        id: incident.id,
        host: incident.host,
        table: incident.table,
        namespace: incident.namespace,
        start: incident.start,
        end: incident.end,
        cause: incident.verdict.cause,
        top_source: incident.top_sources.into_iter().next().map(|source| source.address),
        top_peer: peer.map(|peer| Endpoint {
            address: peer.address,
            port: peer.port,
            protocol: peer.protocol,
        }),
        drops: DropsRow {
            low: incident.drops.low,
            high: incident.drops.high,
            high_is: incident.drops.high_is,
        },
        evidence_bytes,
    }
}

/// The list as JSON, pretty-printed, with a final line end.
pub fn to_json(incidents: Vec<Row>) -> String {
    pretty(&Incidents { schema: SCHEMA.to_owned(), incidents })
}

/// Rows as words: id, when it began, how long it lasted, packets lost, cause, who had most entries.
pub fn lines(rows: &[Row]) -> Vec<[String; 6]> {
    rows.iter().map(line).collect()
}

fn line(row: &Row) -> [String; 6] {
    let read = |text: &Option<String>| chrono::DateTime::parse_from_rfc3339(text.as_deref()?).ok();
    let (start, end) = (read(&row.start), read(&row.end));
    let began =
        start.map_or_else(|| "not known".to_owned(), |at| at.format("%Y-%m-%d %H:%M:%S UTC").to_string());
    let lasted = start.zip(end).map(|(start, end)| (end - start).num_seconds().max(0));
    let lasted = match lasted {
        None => "not known".to_owned(),
        Some(seconds) if seconds < 120 => format!("{seconds} s"),
        Some(seconds) if seconds < 7_200 => format!("{} min", seconds / 60),
        Some(seconds) => format!("{} h", seconds / 3_600),
    };
    let drops = match row.drops.high {
        Some(high) if high == row.drops.low => high.to_string(),
        Some(high) => format!("{} to {high}", row.drops.low),
        None => format!("at least {}", row.drops.low),
    };
    let peer = row.top_peer.as_ref().map(|peer| {
        peer.port.map_or_else(|| peer.address.clone(), |port| format!("{}:{port}", peer.address))
    });
    let most = match (&row.top_source, peer) {
        (None, None) => "not known".to_owned(),
        (Some(source), None) => source.clone(),
        (None, Some(peer)) => format!("all to {peer}"),
        (Some(source), Some(peer)) => format!("{source} to {peer}"),
    };
    [row.id.clone(), began, lasted, drops, row.cause.clone(), most]
}

/// One row as JSON, to be kept.
pub fn row_to_json(row: &Row) -> String {
    // Strings and numbers can always be written.
    serde_json::to_string(row).unwrap_or_default()
}

/// A row that was kept. An error says what is wrong with it.
pub fn row_from_json(json: &str) -> Result<Row, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

/// Its JSON Schema.
pub fn schema() -> String {
    schema_of::<Incidents>()
}
