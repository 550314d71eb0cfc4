//! Which lines open an incident at once, and which must wait for the counters to agree.
//!
//! What the kernel gave us itself is believed. Everything else anybody could have written: it opens nothing before the
//! counters of a namespace that it could mean agree, which costs a millisecond. Counters that cannot be read do not
//! disagree; they leave the question open, and the line is asked about again for a minute. A line of an old kernel names
//! no namespace, so that even where it is believed the counters are asked which one it means.
//!
//! A flood of lines costs one entry for each namespace named, a bounded number of them, and a few checks a second.

use super::counters::{Rise, fill_permille, reaches};
use super::lives::Cause;
use super::ring::younger;
use super::{MINUTE_US, SECOND_US, SLACK_US, Step};
use crate::model::live::clock::Now;
use crate::model::live::event::{Checked, Lines};
use crate::model::live::intent::{
    CheckNo, ConfirmedBy, Doubt, IncidentNo, Intent, Stretch, Trigger, Unconfirmed, Whom,
};
use crate::model::live::life::{Disbelief, Place, SUSPICIONS_MAX, Suspicion};
use crate::model::live::sample::{Netns, Sample};
use crate::model::record::Trust;
use crate::model::signal::{NamespaceWord, Table};

/// A sample as old as this still tells of now.
const FRESH_US: i64 = 2 * SECOND_US;
/// Lines that could not be checked are asked about again for so long,
const ASKED_FOR_US: i64 = MINUTE_US;
/// at first after so long, then twice as long each time.
const ASKED_AGAIN_US: i64 = SECOND_US;
/// An answer that did not come by then does not come.
const ANSWER_US: i64 = 5 * SECOND_US;
/// The kernel's own line waits no longer than this to learn where its table is.
const KERNEL_WAITS_US: i64 = SECOND_US;
/// Checks on behalf of lines that anybody could have written are no closer than this.
const CHECKS_APART_US: i64 = SECOND_US / 4;
/// Lines not believed are told of at once, and what comes after that so much later.
const TOLD_AGAIN_US: i64 = 10 * MINUTE_US;

/// What the counters of one namespace say to a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Agrees(ConfirmedBy),
    Disagrees,
    CannotTell,
}

impl Step<'_> {
    /// Lines of one source.
    pub(super) fn lines(&mut self, lines: &Lines) {
        if lines.lines == 0 {
            return;
        }
        let now_us = self.uptime();
        let last_us = lines.last_us.unwrap_or(now_us).min(now_us);
        let first_us = lines.first_us.unwrap_or(last_us).min(last_us);
        let table = lines.subject.table;
        let place = self.place_named(lines, last_us);
        // What an incident covers already is a copy from another source, or more of the same.
        if let Some(incident) = self.covering(table, place.as_ref(), last_us) {
            self.more_lines(incident, lines);
        } else if last_us < 0 || now_us.saturating_sub(last_us) > self.quiet_us() {
            // An incident of then would be over by now, and tables do not outlive their boot.
            self.late(lines, first_us, last_us);
        } else if let Some(place) = place.as_ref().filter(|_| lines.trust == Trust::Kernel) {
            self.begin(Cause {
                table,
                look: place.clone(),
                place: place.clone(),
                trigger: Trigger::KernelLine,
                trust: Trust::Kernel,
                confirmed_by: vec![ConfirmedBy::KernelLine],
                first_us,
                last_us,
                lines: lines.lines,
            });
        } else if table == Table::Conntrack {
            self.suspect(lines, first_us, last_us);
        } else if lines.trust == Trust::Kernel {
            self.begin_somewhere(table, first_us, last_us, lines.lines);
        } else {
            self.disbelieve(&lines.subject.namespace, lines.lines, self.at(first_us), Doubt::NoCounter);
        }
    }

    /// The namespace that lines mean; none: any could be meant.
    fn place_named(&self, lines: &Lines, last_us: i64) -> Option<Place> {
        match &lines.subject.namespace {
            NamespaceWord::Unnamed => lines.names_namespaces.then_some(Place::Initial),
            NamespaceWord::Container(id) => Some(Place::Container(id.clone())),
            NamespaceWord::Inode(inode) => {
                let recycled = self.ring.known().any(|netns| netns.inode == *inode);
                // One that is gone, and whose inode is another's now, is as old as the boot for all that is known, and
                // not the other.
                let gone = Place::Netns { inode: *inode, born_us: recycled.then_some(0) };
                Some(self.ring.named(*inode, last_us).map_or(gone, Place::of))
            }
        }
    }

    fn more_lines(&mut self, incident: IncidentNo, lines: &Lines) {
        if lines.trust == Trust::Kernel {
            self.kernel_lines(incident, lines.lines);
        }
    }

    /// An incident has lines of the kernel's own.
    fn kernel_lines(&mut self, incident: IncidentNo, lines: u64) {
        if let Some(life) = self.life_mut(incident) {
            life.lines = life.lines.saturating_add(lines);
            life.trust = Trust::Kernel;
            if !life.confirmed_by.contains(&ConfirmedBy::KernelLine) {
                life.confirmed_by.push(ConfirmedBy::KernelLine);
            }
        }
    }

    /// Lines that wait for the counters.
    fn suspect(&mut self, lines: &Lines, first_us: i64, last_us: i64) {
        let namespace = &lines.subject.namespace;
        let whom = match namespace {
            NamespaceWord::Inode(inode) => Whom::Inode(*inode),
            NamespaceWord::Unnamed if lines.names_namespaces => Whom::Initial,
            NamespaceWord::Unnamed | NamespaceWord::Container(_) => Whom::Everybody,
        };
        let now = self.now;
        let same = |known: &&mut Suspicion| known.namespace == *namespace && known.whom == whom;
        if let Some(known) = self.memory.suspicions.iter_mut().find(same) {
            known.lines = known.lines.saturating_add(lines.lines);
            known.last = now;
            known.printed_us.1 = known.printed_us.1.max(last_us);
            if lines.trust > known.trust {
                known.trust = lines.trust;
                known.next_us = now.uptime_us;
            }
        } else {
            let doubted = |d: &Disbelief| d.told.namespace.as_ref() == Some(namespace);
            let again = self.memory.disbeliefs.iter().any(doubted) && lines.trust != Trust::Kernel;
            let suspicion = Suspicion {
                boot: self.memory.boot,
                namespace: namespace.clone(),
                whom: whom.clone(),
                trust: lines.trust,
                lines: lines.lines,
                // Counters of a time long before the last line say nothing of it, whatever the first one claims.
                printed_us: (first_us.max(last_us.saturating_sub(MINUTE_US)), last_us),
                first: now,
                last: now,
                asked: None,
                asks: 0,
                // Lines like those that were not believed a moment ago wait for the next poll first.
                next_us: now.uptime_us.saturating_add(if again { ASKED_AGAIN_US } else { 0 }),
            };
            if !self.room_for_suspicion(&suspicion) {
                self.disbelieve(namespace, lines.lines, now, Doubt::CannotCheck);
                return;
            }
            self.memory.suspicions.push(suspicion);
        }
        // The last poll may tell as much as a check.
        let named = self.memory.suspicions.iter().position(|s| s.namespace == *namespace && s.whom == whom);
        if let Some(at) = named {
            let known: Vec<Netns> = self.ring.known().collect();
            self.decide_if_it_agrees(at, &known, FRESH_US);
        }
    }

    /// The kernel's own lines find room: the oldest of the others makes it.
    fn room_for_suspicion(&mut self, newcomer: &Suspicion) -> bool {
        if self.memory.suspicions.len() < SUSPICIONS_MAX {
            return true;
        }
        let others = self.memory.suspicions.iter().position(|known| known.trust != Trust::Kernel);
        let Some(at) = others.filter(|_| newcomer.trust == Trust::Kernel) else { return false };
        let other = self.memory.suspicions.remove(at);
        self.disbelieve(&other.namespace, other.lines, other.first, Doubt::CannotCheck);
        true
    }

    /// A poll of a namespace may confirm lines that wait.
    pub(super) fn suspicions_sampled(&mut self, netns: Netns) {
        let mut at = 0;
        while at < self.memory.suspicions.len() {
            if !self.decide_if_it_agrees(at, &[netns], 0) {
                at += 1;
            }
        }
    }

    /// The answer to a check.
    pub(super) fn checked(&mut self, checked: &Checked) {
        for sample in &checked.samples {
            self.look_at(*sample);
        }
        let asked: Vec<Netns> = checked.samples.iter().map(|sample| sample.netns).collect();
        let is_it = |s: &Suspicion| s.asked.is_some_and(|(check, _)| check == checked.check);
        if let Some(at) = self.memory.suspicions.iter().position(is_it)
            && !self.decide_if_it_agrees(at, &asked, 0)
        {
            self.answered(at, checked, asked.clone());
        }
        for netns in asked {
            self.suspicions_sampled(netns);
        }
    }

    /// An answer that does not agree.
    fn answered(&mut self, at: usize, checked: &Checked, asked: Vec<Netns>) {
        let Some(suspicion) = self.memory.suspicions.get(at).cloned() else { return };
        if suspicion.trust == Trust::Kernel {
            self.memory.suspicions.remove(at);
            let only = match asked.as_slice() {
                [only] if checked.all_found && checked.unreadable.is_empty() => Some(Place::of(*only)),
                _ => None,
            };
            self.believe(&suspicion, only, None);
            return;
        }
        let meant: Vec<Netns> = asked.into_iter().filter(|netns| means(&suspicion, *netns)).collect();
        let unreadable = checked.unreadable.iter().any(|netns| means(&suspicion, *netns));
        let mut verdicts = meant.iter().map(|netns| self.verdict(&suspicion, *netns, 0));
        let all_disagree = verdicts.all(|verdict| verdict == Verdict::Disagrees);
        let everybody = suspicion.whom == Whom::Everybody;
        if !meant.is_empty() && all_disagree && !unreadable && (checked.all_found || !everybody) {
            self.drop_suspicion(at, Doubt::Disagrees);
        } else if meant.is_empty() && !unreadable && checked.all_found {
            // No such namespace, or one that is younger than the line.
            self.drop_suspicion(at, Doubt::CannotCheck);
        } else {
            self.ask_again(at);
        }
    }

    fn drop_suspicion(&mut self, at: usize, why: Doubt) {
        let suspicion = self.memory.suspicions.remove(at);
        self.disbelieve(&suspicion.namespace, suspicion.lines, suspicion.first, why);
    }

    fn ask_again(&mut self, at: usize) {
        let now_us = self.uptime();
        if let Some(suspicion) = self.memory.suspicions.get_mut(at) {
            let wait = ASKED_AGAIN_US.saturating_mul(1 << suspicion.asks.saturating_sub(1).min(5));
            suspicion.asked = None;
            suspicion.next_us = now_us.saturating_add(wait);
        }
    }

    /// Believes the lines if the counters of one of these namespaces agree. `fresh_us`: so much before the line a sample
    /// may be taken.
    fn decide_if_it_agrees(&mut self, at: usize, netns: &[Netns], fresh_us: i64) -> bool {
        let Some(suspicion) = self.memory.suspicions.get(at) else { return false };
        let agreeing = netns.iter().filter(|netns| means(suspicion, **netns)).filter_map(|netns| {
            let Verdict::Agrees(by) = self.verdict(suspicion, *netns, fresh_us) else { return None };
            Some((by, self.ring.last(*netns).and_then(fill_permille), *netns))
        });
        // Packets refused say more than a count; among equals the fullest.
        let Some((by, _, netns)) = agreeing.max() else { return false };
        let suspicion = self.memory.suspicions.remove(at);
        self.believe(&suspicion, Some(Place::of(netns)), Some(by));
        true
    }

    /// What the last sample of a namespace says to lines.
    fn verdict(&self, suspicion: &Suspicion, netns: Netns, fresh_us: i64) -> Verdict {
        let first_us = suspicion.printed_us.0;
        let Some(last) = self.ring.last(netns) else { return Verdict::CannotTell };
        if last.at.uptime_us.saturating_add(fresh_us) < first_us {
            return Verdict::CannotTell;
        }
        let near = reaches(last, self.policy.near_full_percent);
        let before = self.ring.before(netns, first_us.saturating_sub(SLACK_US));
        let before = before.filter(|before| before.at.uptime_us < last.at.uptime_us);
        let seen_before = before.is_some_and(|before| before.at.uptime_us <= first_us);
        let rise = before.and_then(|before: &Sample| Rise::between(before, last));
        match (rise, near) {
            (Some(rise), _) if rise.refused() => Verdict::Agrees(ConfirmedBy::Drops),
            (_, Some(true)) => Verdict::Agrees(ConfirmedBy::Count),
            (Some(_), Some(false)) if seen_before => Verdict::Disagrees,
            _ => Verdict::CannotTell,
        }
    }

    /// Lines that are true open an incident, or belong to one.
    fn believe(&mut self, suspicion: &Suspicion, found: Option<Place>, by: Option<ConfirmedBy>) {
        let kernel = suspicion.trust == Trust::Kernel;
        let (first_us, last_us) = suspicion.printed_us;
        let Some(found) = found else {
            self.begin_somewhere(Table::Conntrack, first_us, last_us, suspicion.lines);
            return;
        };
        let place = match &suspicion.namespace {
            NamespaceWord::Container(id) => Place::Container(id.clone()),
            _ => found.clone(),
        };
        let own = kernel.then_some(ConfirmedBy::KernelLine);
        self.begin(Cause {
            table: Table::Conntrack,
            place,
            look: found,
            trigger: if kernel { Trigger::KernelLine } else { Trigger::ConfirmedLine },
            trust: suspicion.trust,
            confirmed_by: by.into_iter().chain(own).collect(),
            first_us,
            last_us,
            lines: suspicion.lines,
        });
    }

    /// The kernel says that a table was full, and nothing says which.
    fn begin_somewhere(&mut self, table: Table, first_us: i64, last_us: i64, lines: u64) {
        if let Some(incident) = self.open_anywhere(table) {
            self.kernel_lines(incident, lines);
            self.sign(incident, last_us);
            return;
        }
        // Where the initial namespace cannot be asked, it is the first to look into.
        let readable = self.ring.of(&Place::Initial).last().and_then(fill_permille).is_some();
        let look = if readable { Place::Unknown } else { Place::Initial };
        self.begin(Cause {
            table,
            place: Place::Unknown,
            look,
            trigger: Trigger::KernelLine,
            trust: Trust::Kernel,
            confirmed_by: vec![ConfirmedBy::KernelLine],
            first_us,
            last_us,
            lines,
        });
    }

    /// Checks to ask for, answers that did not come, lines that were asked about for long enough.
    pub(super) fn suspicions_due(&mut self) {
        let mut at = 0;
        while let Some(suspicion) = self.memory.suspicions.get(at).cloned() {
            let kernel = suspicion.trust == Trust::Kernel;
            let waited = self.since(suspicion.first.uptime_us);
            if kernel && waited >= KERNEL_WAITS_US {
                self.memory.suspicions.remove(at);
                self.believe(&suspicion, None, None);
                continue;
            }
            if !kernel && waited >= ASKED_FOR_US {
                self.drop_suspicion(at, Doubt::CannotCheck);
                continue;
            }
            match suspicion.asked {
                Some((_, asked)) if self.since(asked) >= ANSWER_US => self.ask_again(at),
                None if suspicion.next_us <= self.uptime() => self.ask(at, kernel),
                _ => {}
            }
            at += 1;
        }
    }

    fn ask(&mut self, at: usize, kernel: bool) {
        let now_us = self.uptime();
        if !kernel && self.memory.next_ask_us > now_us {
            return;
        }
        let check = CheckNo(self.memory.next_check);
        let Some(suspicion) = self.memory.suspicions.get_mut(at) else { return };
        suspicion.asked = Some((check, now_us));
        suspicion.asks = suspicion.asks.saturating_add(1);
        let whom = suspicion.whom.clone();
        self.memory.next_check += 1;
        self.memory.next_ask_us = now_us.saturating_add(CHECKS_APART_US);
        self.intents.push(Intent::Verify { check, whom });
    }

    /// Lines that came to nothing: told of at once, then from time to time.
    fn disbelieve(&mut self, namespace: &NamespaceWord, lines: u64, first: Now, why: Doubt) {
        let last = self.now;
        let disbeliefs = &mut self.memory.disbeliefs;
        let full = disbeliefs.len() >= SUSPICIONS_MAX;
        let at = disbeliefs.iter().position(|d| d.told.namespace.as_ref() == Some(namespace));
        let at = at.or_else(|| disbeliefs.iter().position(|d| d.told.namespace.is_none()).filter(|_| full));
        if let Some(disbelief) = at.and_then(|at| disbeliefs.get_mut(at)) {
            let told = &mut disbelief.told;
            told.first = if told.lines == 0 { first } else { told.first };
            told.lines = told.lines.saturating_add(lines);
            (told.last, told.why) = (last, why);
            return;
        }
        // The last place is for all that are too many to tell apart.
        let all = disbeliefs.len() + 1 >= SUSPICIONS_MAX;
        let told = Unconfirmed { namespace: (!all).then(|| namespace.clone()), lines, first, last, why };
        self.intents.push(Intent::Unconfirmed(told.clone()));
        let due_us = last.uptime_us.saturating_add(TOLD_AGAIN_US);
        disbeliefs.push(Disbelief { told: Unconfirmed { lines: 0, ..told }, due_us });
    }

    pub(super) fn disbeliefs_due(&mut self) {
        let now_us = self.uptime();
        let (intents, disbeliefs) = (&mut self.intents, &mut self.memory.disbeliefs);
        disbeliefs.retain_mut(|disbelief| {
            if disbelief.due_us > now_us {
                return true;
            }
            let more = disbelief.told.lines > 0;
            if more {
                intents.push(Intent::Unconfirmed(disbelief.told.clone()));
                disbelief.told.lines = 0;
                disbelief.due_us = now_us.saturating_add(TOLD_AGAIN_US);
            }
            more
        });
    }

    /// Lines of a boot that ended before the counters could be asked: too late for it now.
    pub(super) fn suspicions_of_former_boots(&mut self) {
        let boot = self.memory.boot;
        let (own, former) =
            std::mem::take(&mut self.memory.suspicions).into_iter().partition(|s| s.boot == boot);
        self.memory.suspicions = own;
        let former: Vec<Suspicion> = former;
        for suspicion in former {
            self.late_stretch(Stretch {
                namespace: suspicion.namespace,
                trust: suspicion.trust,
                lines: suspicion.lines,
                first_us: suspicion.printed_us.0,
                last_us: suspicion.printed_us.1,
            });
        }
    }
}

/// A line could be about this namespace.
fn means(suspicion: &Suspicion, netns: Netns) -> bool {
    let named = match suspicion.whom {
        Whom::Initial => netns.initial,
        Whom::Inode(inode) => netns.inode == inode,
        Whom::Everybody => true,
    };
    named && !younger(netns, suspicion.printed_us.1)
}
