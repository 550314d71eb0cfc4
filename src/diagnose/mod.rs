//! Which table fits which incident, what caused it, what fixes it, what will not help. Rules read censuses, counters
//! and marks, never raw text; they speak in sentence values.
//!
//! Reading order: [`mod@correlate`] puts snapshots where they belong, [`drops`] takes the kernel's counters over the
//! log's, [`facts`] makes the case that the rules of [`causes`] read, [`scales`] hold what speaks for and against each,
//! [`rank`] decides between them, lets [`doubts`] lower how sure it is and [`limits`] add what contributes ([`wanted`],
//! [`node`] and [`containers`] tell whose limit it is, [`hidden`] what is counted and not listed). [`remedies`],
//! [`will_not_help`] and [`folklore`] are what is advised then and what not; [`beside`] adds what other inputs
//! say of the table, [`hints`] what the log alone says, [`arithmetic`] the numbers; what is said of a change comes from
//! [`mod@outlook`]. [`view`], [`what_if`], [`findings`] and [`gaps`] complete the report. A further cause is one file in
//! `causes` and one row of its family.

mod arith;
mod arithmetic;
mod assemble;
mod beside;
mod causes;
mod changes;
mod churn;
mod cloud;
mod containers;
mod correlate;
mod datagrams;
mod doubts;
mod drops;
mod evidence;
mod facts;
mod findings;
mod folklore;
mod gaps;
mod hidden;
mod hints;
mod hops;
mod idle;
mod kernel;
mod limits;
mod locals;
mod mix;
mod network;
mod node;
mod one_way;
mod open;
mod outlook;
mod pace;
mod platform;
mod portion;
mod rank;
mod recurrence;
mod remedies;
mod scales;
mod timeouts;
mod view;
mod wanted;
mod what_if;
mod will_not_help;

pub mod gather;
pub mod own_way;

use crate::model::diagnosis::Finding;
use crate::model::incident::{Assumption, Conclusion, Gap};
use crate::model::report::{HostView, IncidentView, Settings, Snapshot, SnapshotView};

use assemble::Room;
use correlate::{Correlation, correlate};

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

/// Says it. The order of `snapshots` changes nothing.
pub fn diagnose(conclusion: Conclusion, snapshots: Vec<Snapshot>, settings: &Settings) -> Diagnosis {
    let mut conclusion = conclusion;
    let mut snapshots = snapshots;
    snapshots.sort_by(|a, b| (&a.id, &a.path).cmp(&(&b.id, &b.path)));
    let incidents = std::mem::take(&mut conclusion.incidents);
    let Correlation { fits, alone, assumptions } = correlate(&conclusion.hosts, &incidents, &snapshots);
    let room = Room {
        hosts: &conclusion.hosts,
        incidents: &incidents,
        snapshots: &snapshots,
        fits: &fits,
        forerunners: &conclusion.forerunners,
        other_tables: &conclusion.other_tables,
        taken_over: &conclusion.taken_over,
        found: &[],
        settings,
    };
    let found = room.findings();
    let room = Room { found: &found, ..room };
    let (places, hosts): (Vec<Option<usize>>, Vec<HostView>) = room.hosts().into_iter().unzip();
    let mut out = Diagnosis {
        hosts,
        findings: found.clone(),
        assumptions: conclusion.assumptions,
        gaps: conclusion.gaps,
        ..Diagnosis::default()
    };
    out.assume(assumptions);
    for (index, fits) in fits.iter().enumerate() {
        room.incident(index, fits, &mut out);
    }
    for snapshot in &alone {
        room.snapshot(snapshot, &mut out);
    }
    // Hosts that only a table names stand among those of the logs now: an incident's host is told by its new place.
    for view in &mut out.incidents {
        let place = places.iter().position(|place| *place == Some(view.incident.host));
        view.incident.host = place.unwrap_or(view.incident.host);
    }
    out.findings.sort_by(|a, b| (&a.host, a.cause).cmp(&(&b.host, b.cause)));
    out
}

impl Diagnosis {
    /// Adds what is not said yet.
    fn assume(&mut self, assumptions: Vec<Assumption>) {
        for assumption in assumptions {
            if !self.assumptions.contains(&assumption) {
                self.assumptions.push(assumption);
            }
        }
    }

    /// Adds what is not said yet.
    fn miss(&mut self, gaps: Vec<Gap>) {
        for gap in gaps {
            if !self.gaps.contains(&gap) {
                self.gaps.push(gap);
            }
        }
    }
}
