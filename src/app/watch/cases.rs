//! Incidents that are open, or were a short while ago: each with its evidence.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::edge::store::evidence::Evidence;
use crate::edge::store::state::KeptIncident;
use crate::model::input::LogStream;
use crate::model::live::intent::IncidentNo;
use crate::model::live::sample::Sample;
use crate::model::report::Role;
use crate::model::time::WallTime;
use crate::wire::bundle::{self, Manifest};
use crate::wire::owners::Owners;

/// One incident.
#[derive(Debug)]
pub(super) struct Case {
    /// What the state knows of it.
    pub(super) kept: KeptIncident,
    /// Where its evidence is, or will be.
    pub(super) root: PathBuf,
    /// Its evidence; none where it cannot be kept.
    pub(super) evidence: Option<Evidence>,
    /// Samples that wait to be kept.
    pub(super) samples: Vec<Sample>,
    /// The sources said something since its signals were last kept.
    pub(super) stale: bool,
    /// An early look at its table, still in a directory of its own.
    pub(super) early: Option<PathBuf>,
    /// Captures that ended before the evidence was begun.
    waiting: Vec<(bundle::Capture, Vec<bundle::File>)>,
    /// Captures that were ordered, so that each has a number of its own.
    captures: usize,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Cases {
    /// `<state>/evidence`.
    pub(super) directory: PathBuf,
    open: BTreeMap<u64, Case>,
}

impl Cases {
    pub(super) fn new(state: &Path) -> Self {
        Self { directory: state.join("evidence"), open: BTreeMap::new() }
    }

    /// Goes on with an incident of an earlier run.
    pub(super) fn resume(&mut self, kept: KeptIncident, machine: Manifest) -> io::Result<()> {
        let evidence = Evidence::resume(&self.directory, &kept.id, machine)?;
        let captures = evidence.captures();
        let root = evidence.root().to_owned();
        let case = Case {
            kept,
            root,
            evidence: Some(evidence),
            samples: Vec::new(),
            stale: false,
            early: None,
            waiting: Vec::new(),
            captures,
        };
        self.open.insert(case.kept.number, case);
        Ok(())
    }

    /// Begins one. Its directory is made later: a capture does not wait for it.
    pub(super) fn open(&mut self, kept: KeptIncident) {
        let root = self.directory.join(&kept.id);
        let case = Case {
            kept,
            root,
            evidence: None,
            samples: Vec::new(),
            stale: true,
            early: None,
            waiting: Vec::new(),
            captures: 0,
        };
        self.open.insert(case.kept.number, case);
    }

    pub(super) fn get(&mut self, incident: IncidentNo) -> Option<&mut Case> {
        self.open.get_mut(&incident.0)
    }

    pub(super) fn all(&mut self) -> impl Iterator<Item = &mut Case> {
        self.open.values_mut()
    }

    pub(super) fn forget(&mut self, gone: &[String]) {
        self.open.retain(|_, case| !gone.contains(&case.kept.id));
    }

    /// Ids of all, and when each closed.
    pub(super) fn ids(&self) -> Vec<(String, Option<i64>)> {
        self.open.values().map(|case| (case.kept.id.clone(), case.kept.closed_us)).collect()
    }
}

impl Case {
    /// The directory of its next capture, within the bundle: `capture/2-follow-up`.
    pub(super) fn next_capture(&mut self, role: Role) -> String {
        self.captures += 1;
        let role = match role {
            Role::Before => "before",
            Role::At => "at",
            Role::FollowUp => "follow-up",
            Role::After => "after",
        };
        format!("capture/{}-{role}", self.captures)
    }
}

impl Case {
    /// Brings its evidence up to date: begins it where it is not begun.
    pub(super) fn keep<'a>(
        &mut self,
        directory: &Path,
        machine: Manifest,
        streams: impl IntoIterator<Item = &'a LogStream>,
    ) -> io::Result<()> {
        let evidence = match &mut self.evidence {
            Some(evidence) => evidence,
            none => none.insert(Evidence::begin(directory, &self.kept.id, machine)?),
        };
        if let Some(early) = self.early.take() {
            evidence.adopt(&early)?;
        }
        for (record, files) in self.waiting.drain(..) {
            evidence.add_capture(record, files)?;
        }
        evidence.set_times(WallTime(self.kept.opened_us), self.kept.closed_us.map(WallTime))?;
        if self.stale {
            evidence.keep_signals(streams)?;
            self.stale = false;
        }
        if !self.samples.is_empty() {
            evidence.add_samples(&self.samples)?;
            self.samples.clear();
        }
        Ok(())
    }

    /// Takes up a capture, now or when its evidence is begun.
    pub(super) fn take_up(
        &mut self,
        record: bundle::Capture,
        files: Vec<bundle::File>,
        owners: Option<&Owners>,
    ) -> io::Result<()> {
        let Some(evidence) = &mut self.evidence else {
            self.waiting.push((record, files));
            return Ok(());
        };
        if let Some(owners) = owners {
            evidence.keep_owners(owners)?;
        }
        evidence.add_capture(record, files)
    }
}
