//! Messages that are owed: kept with the policy's memory in one transaction, then written on a thread of their own.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::{Done, Watch};
use crate::app::analyze;
use crate::cli::plan;
use crate::edge::capture::clock;
use crate::edge::live;
use crate::edge::store::outbox::Draft;
use crate::model::live::clock::Now;
use crate::model::live::intent::{About, IncidentNo, Notice, NoticeNo, SuppressedList};
use crate::model::live::life::Key;
use crate::model::live::message::{Channel, Envelope, Owed};
use crate::model::time::WallTime;
use crate::report::mail::{self, Content};
use crate::report::{escape, spell};
use crate::wire;
use crate::wire::notice::Told;

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
            channel: Channel::Mail,
            notice,
            incident,
            id,
            envelope: Envelope { from, to },
            created: now.wall,
        });
    }

    /// An alert says from now on who it was.
    pub(super) fn who_is_known(&mut self, incident: IncidentNo, now: Now) {
        self.owe_to(Channel::Alertmanager, About::Evidence(incident), now);
    }

    /// Programs are to be told: of every incident, whatever people's mail is limited to.
    pub(super) fn tell_programs(&mut self, about: About, now: Now) {
        self.owe_to(Channel::Webhook, about, now);
        self.owe_to(Channel::Alertmanager, about, now);
    }

    fn owe_to(&mut self, channel: Channel, about: About, now: Now) {
        let notify = &self.plan.config.notify;
        let url = match channel {
            Channel::Mail => return,
            Channel::Webhook => &notify.webhook_url,
            Channel::Alertmanager => &notify.alertmanager_url,
        };
        let case = about.incident().and_then(|number| self.cases.get(number));
        let (Some(_), Some(case)) = (url, case) else { return };
        let (incident, word) = (case.kept.id.clone(), channel.word());
        let domain = mail::domain(&self.host);
        self.letters.owed.push(Owed {
            channel,
            notice: Notice { notice: NoticeNo(0), about, ordinal: 1, suppressed: SuppressedList::default() },
            id: format!("conntriage.{incident}.{word}.{}@{domain}", now.wall.0),
            incident: Some(incident),
            // Where to is the configuration's: an address may hold what nobody is to see in the list of messages.
            envelope: Envelope { from: String::new(), to: vec![word.to_owned()] },
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
        let life = owed.notice.about.incident().and_then(|incident| self.steer.memory().life(incident));
        let known = life.map(|life| (life.key.clone(), life.start.wall));
        let work = move || {
            let bytes = live::caught(|| written(&owed, root, &host, zone, known));
            Done::Written(number, bytes.and_then(|bytes| bytes))
        };
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

fn written(
    owed: &Owed,
    root: Option<PathBuf>,
    host: &str,
    zone: Option<String>,
    known: Option<(Key, WallTime)>,
) -> Result<Vec<u8>, String> {
    let report = root.map(|root| analyze::report(&plan::of_bundle(&root, zone.as_deref()), zone));
    let json = report.as_ref().map(|report| wire::report::to_json(report, &spell::plain));
    let content = Content { owed, host, report: report.as_ref(), json: json.as_deref() };
    if owed.channel == Channel::Mail {
        return mail::compose(&content).map_err(|error| error.to_string());
    }
    let (summary, description) = mail::brief(&content);
    let (key, start) = known.unzip();
    let told = Told {
        about: owed.notice.about,
        id: &owed.id,
        incident: owed.incident.as_deref().unwrap_or_default(),
        host: &escape::text(host),
        key: key.as_ref(),
        start: start.unwrap_or(owed.created),
        at: owed.created,
        summary: &summary,
        description: &description,
        report: json.as_deref(),
    };
    Ok(match owed.channel {
        Channel::Alertmanager => wire::notice::alerts(&told),
        Channel::Webhook | Channel::Mail => wire::notice::webhook(&told),
    }
    .into_bytes())
}
