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

/// Its JSON Schema.
pub fn schema() -> String {
    schema_of::<Incidents>()
}
