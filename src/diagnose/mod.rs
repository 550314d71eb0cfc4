//! Which table fits which incident, what caused it, what fixes it, what will not help. Rules read censuses, counters
//! and marks, never raw text; they speak in sentence values.

pub mod gather;

use crate::model::diagnosis::Finding;
use crate::model::incident::{Assumption, Conclusion, Gap};
use crate::model::report::{HostView, IncidentView, Settings, Snapshot, SnapshotView};

/// Everything that is said.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Diagnosis {
    /// Hosts with what is known of them.
    pub hosts: Vec<HostView>,
    /// Incidents.
    pub incidents: Vec<IncidentView>,
    /// Tables of no incident.
    pub snapshots: Vec<SnapshotView>,
    /// Look-alikes and warnings.
    pub findings: Vec<Finding>,
    /// Assumptions of `conclude` and of this room.
    pub assumptions: Vec<Assumption>,
    /// Gaps of `conclude` and of this room.
    pub gaps: Vec<Gap>,
}

/// Says it.
pub fn diagnose(conclusion: Conclusion, snapshots: Vec<Snapshot>, settings: &Settings) -> Diagnosis {
    let _ = (snapshots, settings);
    Diagnosis { assumptions: conclusion.assumptions, gaps: conclusion.gaps, ..Diagnosis::default() }
}
