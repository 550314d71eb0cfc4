//! `watch`: follow, capture, keep, tell. One loop that alone touches the policy and the state; whatever takes time has a
//! thread of its own in `edge`.

mod cases;
mod heard;
mod letters;
mod look;
mod numbers;
mod start;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use super::analyze;
use crate::cli::exit::Exit;
use crate::cli::plan::{self, WatchPlan};
use crate::detect::conclude::incident_id;
use crate::detect::live::{Clocks, told};
use crate::edge::capture::{clock, namespaces};
use crate::edge::follow::{Following, Heard, HeardPart};
use crate::edge::live::{self, Jobs, Signals, Ticks, Woken};
use crate::edge::output;
use crate::edge::store::evidence::{self, Evidence};
use crate::edge::store::state::{Change, KeptIncident, State};
use crate::model::live::clock::Now;
use crate::model::live::event::{Captured, Checked, Ending, Event, Lines};
use crate::model::live::gap::Severity;
use crate::model::live::intent::{About, CaptureOrder, CheckNo, Closing, IncidentNo, Intent, Opening, Whom};
use crate::model::live::life::{Memory, Phase};
use crate::model::piece::Piece;
use crate::model::time::{BootId, SECOND_US};
use crate::report::escape;
use crate::steer::Steer;
use crate::wire;
use crate::wire::bundle::Manifest;
use cases::Cases;
use heard::Kept;
use letters::Letters;
use numbers::Gauges;

pub use start::run;
pub(super) use start::{configuration, of_flags};

/// A position that moved and says nothing is committed this often: what is read again after a crash says nothing either.
const COMMIT_EVERY_US: i64 = 10 * SECOND_US;
/// What the sources say of an open incident is kept this often.
const KEEP_EVERY_US: i64 = 2 * SECOND_US;
/// Which namespaces there are is looked at this often.
const LOOK_EVERY_SECONDS: u64 = 5;
/// Early looks that are kept while no incident has claimed them.
const EARLY_MAX: usize = 8;
/// A source that has not looked for so long is deaf, whatever it says.
const DEAF_US: i64 = 30 * SECOND_US;
/// What is durable is finished within this when told to stop.
const LAST_PATIENCE: Duration = Duration::from_secs(3);

/// What a thread brought back.
enum Done {
    /// A look at a table.
    Looked(Box<look::Looked>),
    /// The row of an incident.
    Described(u64, Result<String, String>),
    /// A message, by its number in the outbox.
    Written(i64, Result<Vec<u8>, String>),
}

/// All that the loop holds.
struct Watch {
    plan: WatchPlan,
    zone: Option<String>,
    machine: Manifest,
    host: String,
    boot: BootId,
    names_namespaces: bool,
    steer: Steer,
    state: State,
    committed: Memory,
    committed_us: i64,
    kept_us: i64,
    sources: Vec<Kept>,
    cases: Cases,
    changed: Vec<u64>,
    early: BTreeMap<u64, PathBuf>,
    sampler: namespaces::Sampler,
    jobs: Jobs<Done>,
    letters: Letters,
    gauges: Gauges,
    urgent: bool,
    /// Sources that said they hear nothing, and those that ended though they should not have.
    deaf: Vec<bool>,
    failed: Vec<bool>,
    complained: Option<String>,
    seconds: u64,
}

impl Watch {
    /// Until it is told to stop, or there is nothing left to hear.
    fn go(&mut self, sources: &Receiver<Heard<Piece>>, following: Following, signals: &Signals) -> Exit {
        let mut ticks = Ticks::new();
        let mut left = self.sources.len();
        live::ready(&self.status());
        while left > 0 && !signals.stop() {
            match ticks.wait(sources) {
                Woken::Heard(Heard::Ended { source, why }) => {
                    left -= 1;
                    self.ended(source.0, why);
                }
                Woken::Heard(heard) => self.hear(heard),
                Woken::Second => self.second(&following, signals),
                Woken::Nobody => break,
            }
            self.settle();
        }
        live::stopping();
        following.stop();
        while left > 0 {
            match sources.recv_timeout(LAST_PATIENCE) {
                Ok(Heard::Ended { .. }) => left -= 1,
                Ok(heard) => self.hear(heard),
                Err(_) => break,
            }
        }
        following.stop_and_wait(Duration::from_secs(1));
        self.finish()
    }

    fn hear(&mut self, heard: Heard<Piece>) {
        match heard {
            Heard::Part(part) => self.part(*part),
            Heard::Trouble { source, trouble } => {
                let hint = trouble.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
                self.say_of(source.0, &format!("{}{hint}", trouble.words));
                if let (Severity::Deaf, Some(deaf)) = (trouble.severity, self.deaf.get_mut(source.0)) {
                    *deaf = true;
                }
            }
            Heard::Recovered { source, trouble, .. } => {
                self.say_of(source.0, &format!("is heard again (it was: {})", trouble.words));
                if let Some(deaf) = self.deaf.get_mut(source.0) {
                    *deaf = false;
                }
            }
            Heard::Ended { source, why } => self.ended(source.0, why),
        }
    }

    fn ended(&mut self, source: usize, why: Option<String>) {
        if let Some(why) = why {
            self.say_of(source, &format!("cannot be followed any more: {why}"));
            if let Some(failed) = self.failed.get_mut(source) {
                *failed = true;
            }
        }
    }

    fn say_of(&self, source: usize, words: &str) {
        let name = self.sources.get(source).map_or("a source", |kept| &kept.name);
        output::complain(&escape::text(&format!("{name}: {words}")));
    }

    /// What a source handed over: who must decide now hears of it first.
    fn part(&mut self, heard: HeardPart<Piece>) {
        let HeardPart { source, part, position, gaps, .. } = heard;
        let now = clock::now();
        let clocks =
            Clocks { now, boot: Some(self.boot), asleep_us: live::asleep_us(), zone: self.zone.as_deref() };
        let lines = told(&part, &clocks);
        for gap in gaps {
            let lost = gap.lost.map(|lost| format!(" ({lost} records)")).unwrap_or_default();
            self.say_of(source.0, &format!("{}{lost}", gap.words));
        }
        let Some(kept) = self.sources.get_mut(source.0) else { return };
        // Without a place that is remembered a crash would have it begin at the end once more.
        self.urgent |= kept.position.is_none();
        kept.take(part, position, now);
        for told in lines {
            self.urgent = true;
            let (first_us, last_us) = told.printed_us.unzip();
            let (trust, subject, lines) = (told.trust, told.subject, told.lines);
            let names_namespaces = self.names_namespaces;
            self.step(Event::Lines(Lines { trust, subject, names_namespaces, lines, first_us, last_us }));
        }
        if self.urgent {
            self.cases.all().filter(|case| case.kept.closed_us.is_none()).for_each(|case| case.stale = true);
        }
    }

    fn step(&mut self, event: Event) {
        let now = clock::now();
        for intent in self.steer.step(event, now) {
            self.effect(intent, now);
        }
    }

    fn effect(&mut self, intent: Intent, now: Now) {
        // Samples are kept with the evidence, within two seconds; all else is committed at once.
        self.urgent |= !matches!(intent, Intent::Keep { .. });
        match intent {
            Intent::Open(opening) => {
                self.open(&opening);
                self.tell_programs(About::Opened(opening.incident), now);
            }
            Intent::Reopen { incident, .. } => {
                if let Some(case) = self.cases.get(incident) {
                    case.kept.closed_us = None;
                    (case.stale, case.kept.row) = (true, None);
                    self.changed.push(incident.0);
                }
                self.tell_programs(About::Reopened(incident), now);
            }
            Intent::Turn { incident, .. } => {
                if let Some(case) = self.cases.get(incident) {
                    case.stale = true;
                }
            }
            Intent::Close(closing) => self.close(&closing, now),
            Intent::Capture(order) => self.capture(order),
            Intent::Keep { incident, samples } => {
                if let Some(case) = self.cases.get(incident) {
                    case.samples.extend(samples);
                }
            }
            Intent::Verify { check, whom } => {
                let event = self.check(&whom, now);
                self.step(Event::Checked(Checked { check, ..event }));
            }
            Intent::Unconfirmed(doubted) => {
                let lines = doubted.lines;
                output::complain(&format!(
                    "{lines} lines say that a table was full, and the counters do not: nothing was captured, nobody was told"
                ));
            }
            Intent::Backlog(backlog) => {
                let stretches = backlog.stretches.len() as u64 + backlog.more;
                output::complain(&format!(
                    "a table was full before this program ran, {stretches} times: `conntriage analyze` tells of it"
                ));
            }
            Intent::Known(incident) => self.who_is_known(incident, now),
            Intent::Notify(notice) => self.notify(notice, now),
            Intent::RetryOutbox => self.letters.retry = true,
        }
    }

    fn open(&mut self, opening: &Opening) {
        let (key, start) = (&opening.key, opening.start.wall.0);
        let second = Some(start.div_euclid(SECOND_US));
        let namespace = key.place.namespace();
        let id = incident_id(&self.host, Some(key.boot), key.table, &namespace, second).to_string();
        let number = opening.incident.0;
        output::complain(&format!("incident {id}: a connection-tracking table is full"));
        self.cases.open(KeptIncident { number, id, opened_us: start, closed_us: None, row: None });
        self.changed.push(number);
        if let (Some(before), Some(case)) = (opening.before, self.cases.get(opening.incident)) {
            case.early = self.early.remove(&before.0);
        }
    }

    fn close(&mut self, closing: &Closing, now: Now) {
        let Some(case) = self.cases.get(closing.incident) else { return };
        case.kept.closed_us = Some(now.wall.0);
        case.stale = true;
        let id = case.kept.id.clone();
        self.changed.push(closing.incident.0);
        self.tell_programs(About::Closed(closing.incident), now);
        output::complain(&format!("incident {id}: over; `conntriage incidents show {id}` tells of it"));
        self.keep(closing.incident.0);
        self.describe(closing.incident.0);
        let gone =
            evidence::make_room(&self.cases.directory, &self.cases.ids(), &self.plan.config.keep, now.wall.0);
        for id in &gone {
            output::complain(&format!(
                "incident {id}: its evidence was removed to keep within the limits of [evidence]"
            ));
        }
        if let Err(error) = self.state.forget(&gone) {
            self.complain(error.to_string());
        }
        self.cases.forget(&gone);
    }

    /// The row of an incident, made on a thread of its own.
    fn describe(&mut self, number: u64) {
        let Some(case) = self.cases.get(IncidentNo(number)) else { return };
        let (root, id) = (case.root.clone(), case.kept.id.clone());
        let zone = self.zone.clone();
        let work = move || {
            let report = analyze::report(&plan::of_bundle(&root, zone.as_deref()), zone);
            let row = report
                .incident(&id)
                .map(|view| wire::incidents::row(&report, view, Some(evidence::bytes(&root))));
            let row = row.ok_or_else(|| "its evidence tells of no incident".to_owned());
            Done::Described(number, row.map(|row| wire::incidents::row_to_json(&row)))
        };
        if let Err(error) = self.jobs.begin("describe", work) {
            self.complain(format!("no thread could be made: {error}"));
        }
    }

    fn capture(&mut self, order: CaptureOrder) {
        let (root, directory) = if let Some(case) = order.incident.and_then(|of| self.cases.get(of)) {
            let directory = case.next_capture(order.role);
            (case.root.clone(), directory)
        } else {
            let root = self.cases.directory.join(evidence::early_name(order.capture.0));
            (root, "capture/0-before".to_owned())
        };
        let (budget, capture) = (self.plan.config.policy.time_budget_us, order.capture);
        let work = move || Done::Looked(Box::new(look::at(order, root, directory, budget)));
        if let Err(error) = self.jobs.begin("capture", work) {
            self.complain(format!("no thread could be made for a capture: {error}"));
            let ending = Ending::Failed;
            self.step(Event::Captured(Captured { capture, ending }));
        }
    }

    fn looked(&mut self, looked: look::Looked) {
        let look::Looked { order, root, result, ending } = looked;
        match result {
            Ok((record, files, owners)) => {
                let case = order.incident.and_then(|incident| self.cases.get(incident));
                let kept = if let Some(case) = case {
                    case.take_up(record, files, owners.as_ref())
                } else {
                    self.early.insert(order.capture.0, root.clone());
                    let kept = Evidence::early(&root, self.machine.clone(), record, files);
                    kept.and_then(|()| self.drop_surplus_early())
                };
                if let Err(error) = kept {
                    self.complain(format!("{}: {error}", root.display()));
                }
            }
            Err(why) => output::complain(&escape::text(&format!("a table could not be captured: {why}"))),
        }
        self.urgent = true;
        self.step(Event::Captured(Captured { capture: order.capture, ending }));
    }

    /// Of early looks that no incident has claimed the latest are kept.
    fn drop_surplus_early(&mut self) -> std::io::Result<()> {
        while self.early.len() > EARLY_MAX {
            let Some((_, root)) = self.early.pop_first() else { break };
            evidence::drop_early(&root)?;
        }
        Ok(())
    }

    /// The counters of the namespaces that are meant, now.
    fn check(&mut self, whom: &Whom, now: Now) -> Checked {
        self.sampler.look();
        let wanted = |inode: u64, initial: bool| match whom {
            Whom::Initial => initial,
            Whom::Inode(wanted) => inode == *wanted,
            Whom::Everybody => true,
        };
        let samples = self.sampler.samples(now);
        let samples: Vec<_> =
            samples.into_iter().filter(|s| wanted(s.netns.inode, s.netns.initial)).collect();
        let unreadable =
            samples.iter().filter(|s| s.count.is_none() && s.drop.is_none()).map(|s| s.netns).collect();
        let samples = samples.into_iter().filter(|s| s.count.is_some() || s.drop.is_some()).collect();
        let known = self.sampler.known();
        let all_found = known.left_out == 0 && known.hidden == 0;
        Checked { check: CheckNo(0), samples, unreadable, all_found }
    }

    fn second(&mut self, following: &Following, signals: &Signals) {
        self.seconds += 1;
        if self.seconds.is_multiple_of(LOOK_EVERY_SECONDS) {
            self.sampler.look();
            if self.letters.wait {
                self.write_drafts();
            }
        }
        let now = clock::now();
        let samples = self.sampler.samples(now);
        self.count(&samples);
        for sample in samples {
            if sample.count.is_some() || sample.drop.is_some() {
                self.step(Event::Sample(sample));
            }
        }
        self.step(Event::Tick);
        for done in self.jobs.done() {
            self.done(done);
        }
        if signals.reload() {
            self.reload();
        }
        self.publish(now);
        let idle = self.steer.memory().lives.iter().all(|life| life.phase == Phase::Closed);
        if idle {
            let quiet_us = self.plan.config.policy.quiet_us;
            self.sources.iter_mut().for_each(|kept| kept.forget(now, quiet_us));
        }
        let hears = following.looked().iter().zip(self.failed.iter().zip(&self.deaf)).any(
            |(looked, (failed, deaf))| {
                !failed && !deaf && looked.is_none_or(|looked| now.uptime_us.saturating_sub(looked) < DEAF_US)
            },
        );
        // Without the word systemd starts it anew: better than a watcher that hears nothing and says nothing.
        if hears {
            live::alive(&self.status());
        }
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Looked(looked) => self.looked(*looked),
            Done::Described(number, Ok(row)) => {
                if let Some(case) = self.cases.get(IncidentNo(number)) {
                    case.kept.row = Some(row);
                    self.changed.push(number);
                    self.urgent = true;
                }
            }
            Done::Described(_, Err(why)) => self.complain(why),
            Done::Written(number, bytes) => self.draft_written(number, &bytes),
        }
    }

    fn reload(&mut self) {
        match start::configuration(&self.plan.from) {
            Ok(config) => {
                if config.sources != self.plan.config.sources
                    || config.state_dir != self.plan.config.state_dir
                {
                    output::complain(
                        "the configuration was read again; sources and state_dir need a restart",
                    );
                } else {
                    output::complain("the configuration was read again");
                }
                let mut policy = config.policy.clone();
                policy.capture = self.plan.config.policy.capture;
                self.steer.obey(policy.clone());
                self.plan.config.keep = config.keep;
                self.plan.config.mail = config.mail;
                self.plan.config.notify = config.notify;
                self.plan.config.textfile = config.textfile;
                self.plan.config.policy = policy;
            }
            Err(error) => {
                output::complain(&escape::text(&format!("the configuration stays as it was: {error:#}")));
            }
        }
    }

    /// Commits what must be, when it must be.
    fn settle(&mut self) {
        let now = clock::now();
        let moved = self.sources.iter().any(|kept| kept.moved);
        let late = now.uptime_us.saturating_sub(self.committed_us) >= COMMIT_EVERY_US;
        if self.urgent || (moved && late) {
            self.commit(now);
        }
        if now.uptime_us.saturating_sub(self.kept_us) >= KEEP_EVERY_US {
            self.keep_all(now);
        }
    }

    fn commit(&mut self, now: Now) {
        let numbers: Vec<u64> = std::mem::take(&mut self.changed);
        for number in &numbers {
            self.keep(*number);
        }
        let memory = self.steer.memory();
        let incidents = numbers
            .iter()
            .filter_map(|number| Some(self.cases.get(IncidentNo(*number))?.kept.clone()))
            .collect();
        let sources = self.sources.iter().filter(|kept| kept.moved);
        let sources = sources
            .filter_map(|kept| Some((kept.name.clone(), kept.position.as_ref()?, Some(&kept.stream))))
            .collect();
        let memory_changed = memory.differs(&self.committed);
        let owed = std::mem::take(&mut self.letters.owed);
        let retry = self.letters.retry.then_some(now.wall);
        let change = Change { sources, memory: memory_changed.then_some(memory), incidents, owed, retry };
        let committed = self.state.commit(&change);
        let Change { owed, .. } = change;
        match committed {
            Ok(()) => {
                self.letters.retry = false;
                if !owed.is_empty() {
                    self.write_drafts();
                }
                if memory_changed {
                    self.committed = self.steer.memory().clone();
                }
                self.sources.iter_mut().for_each(|kept| kept.moved = false);
                (self.urgent, self.committed_us) = (false, now.uptime_us);
                if self.complained.take().is_some() {
                    output::complain("the state is kept again");
                }
            }
            Err(error) => {
                // Nothing is lost yet: it is tried again with the next commit.
                self.changed = numbers;
                self.letters.owed = owed;
                (self.urgent, self.committed_us) = (false, now.uptime_us);
                self.sources.iter_mut().for_each(|kept| kept.moved = true);
                self.complain(error.to_string());
            }
        }
    }

    fn keep_all(&mut self, now: Now) {
        self.kept_us = now.uptime_us;
        let numbers: Vec<u64> = self.cases.all().map(|case| case.kept.number).collect();
        for number in numbers {
            self.keep(number);
        }
    }

    /// Brings the evidence of an incident up to date.
    fn keep(&mut self, number: u64) {
        let directory = self.cases.directory.clone();
        let machine = self.machine.clone();
        let streams = self.sources.iter().map(|kept| &kept.stream);
        let Some(case) = self.cases.get(IncidentNo(number)) else { return };
        if let Err(error) = case.keep(&directory, machine, streams) {
            let path = case.root.clone();
            self.complain(format!("{}: {error}", path.display()));
        }
    }

    /// Says something once, until it is well again.
    fn complain(&mut self, words: String) {
        if self.complained.as_ref() != Some(&words) {
            output::complain(&escape::text(&words));
            self.complained = Some(words);
        }
    }

    fn status(&self) -> String {
        let open = self.steer.memory().lives.iter().filter(|life| life.phase != Phase::Closed).count();
        format!("following {} sources; {open} incidents open", self.sources.len())
    }

    /// Finishes what is durable.
    fn finish(&mut self) -> Exit {
        let patience = live::instant() + LAST_PATIENCE;
        self.wait_for_jobs(patience);
        let now = clock::now();
        self.keep_all(now);
        self.sources.iter_mut().for_each(|kept| kept.moved = kept.position.is_some());
        self.commit(now);
        if self.plan.once && self.cases.all().next().is_none() {
            self.tell_what_was_read();
        }
        // Messages that this commit owes; what is not written in time is written at the next start.
        self.wait_for_jobs(patience);
        self.publish_last(now);
        if self.complained.is_some() || (!self.failed.is_empty() && self.failed.iter().all(|failed| *failed))
        {
            Exit::Failed
        } else {
            Exit::Done
        }
    }

    /// Lines that made no incident, as those of an old log, are not passed over in silence.
    fn tell_what_was_read(&self) {
        for kept in self.sources.iter().filter(|kept| kept.stream.piece.signals > 0) {
            let (signals, records) = (kept.stream.piece.signals, kept.stream.piece.records);
            output::complain(&escape::text(&format!(
                "{}: {signals} of {records} lines tell of a full table, and no table here is full now: `conntriage \
                 analyze` reports on them",
                kept.name
            )));
        }
    }

    fn wait_for_jobs(&mut self, until: Instant) {
        while self.jobs.running() > 0 {
            let left = until.saturating_duration_since(live::instant());
            match self.jobs.wait(left) {
                Some(done) => self.done(done),
                None => break,
            }
        }
        for done in self.jobs.done() {
            self.done(done);
        }
    }
}
