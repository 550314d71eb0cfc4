//! Messages that are owed: kept with the policy's memory in one transaction, then written on a thread of their own.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::{Done, Watch};
use crate::app::analyze;
use crate::cli::plan;
use crate::edge::capture::clock;
use crate::edge::store::outbox::Draft;
use crate::model::live::clock::Now;
use crate::model::live::intent::Notice;
use crate::model::live::message::{Envelope, Owed};
use crate::report::mail::{self, Content};
use crate::report::spell;
use crate::wire;

/// What is on its way into the outbox.
#[derive(Debug, Default)]
pub(super) struct Letters {
    /// Owed, and not committed yet.
    pub(super) owed: Vec<Owed>,
    /// What waits in the outbox is to be tried at once, with the next commit.
    pub(super) retry: bool,
    /// A draft could not be written or kept: it is tried again.
    pub(super) wait: bool,
    /// Drafts that are being written, by their numbers in the outbox.
    writing: BTreeSet<i64>,
}

impl Watch {
    /// People are to be told. Where nobody is to be mailed nothing is owed.
    pub(super) fn notify(&mut self, notice: Notice, now: Now) {
        let to = self.plan.config.mail.to.clone();
        if to.is_empty() {
            return;
        }
        let incident = notice.about.incident().and_then(|number| self.cases.get(number));
        let incident = incident.map(|case| case.kept.id.clone());
        let from = self.plan.config.mail.from.clone().unwrap_or_else(|| mail::sender(&self.host));
        let id = mail::message_id(&notice, incident.as_deref(), &self.host, now.wall);
        self.letters.owed.push(Owed {
            notice,
            incident,
            id,
            envelope: Envelope { from, to },
            created: now.wall,
        });
    }

    /// Has every draft of the outbox written that nobody is writing.
    pub(super) fn write_drafts(&mut self) {
        let drafts = match self.state.drafts() {
            Ok(drafts) => drafts,
            Err(error) => {
                self.letters.wait = true;
                return self.complain(error.to_string());
            }
        };
        self.letters.wait = false;
        for draft in drafts {
            if self.letters.writing.insert(draft.0) {
                self.write_draft(draft);
            }
        }
    }

    fn write_draft(&mut self, (number, owed): Draft) {
        if let Some(incident) = owed.notice.about.incident() {
            self.keep(incident.0);
        }
        let root = owed.incident.as_ref().map(|id| self.cases.directory.join(id));
        let (host, zone) = (self.host.clone(), self.zone.clone());
        let work = move || Done::Written(number, written(&owed, root, &host, zone));
        if let Err(error) = self.jobs.begin("mail", work) {
            self.letters.writing.remove(&number);
            self.letters.wait = true;
            self.complain(format!("no thread could be made: {error}"));
        }
    }

    pub(super) fn draft_written(&mut self, number: i64, bytes: &Result<Vec<u8>, String>) {
        self.letters.writing.remove(&number);
        if let Err(why) = bytes {
            self.complain(format!("a message cannot be written: {why}"));
        }
        let bytes = bytes.as_deref().map_err(String::as_str);
        if let Err(error) = self.state.written(number, bytes, clock::now().wall) {
            self.letters.wait = true;
            self.complain(error.to_string());
        }
    }
}

fn written(owed: &Owed, root: Option<PathBuf>, host: &str, zone: Option<String>) -> Result<Vec<u8>, String> {
    let report = root.map(|root| analyze::report(&plan::of_bundle(&root, zone.as_deref()), zone));
    let json = report.as_ref().map(|report| wire::report::to_json(report, &spell::plain));
    let content = Content { owed, host, report: report.as_ref(), json: json.as_deref() };
    mail::compose(&content).map_err(|error| error.to_string())
}
