//! Reading: the queue from its front on, late writers, and what to do where something was cut or cannot be read.

use std::io;

use super::super::identity::open_seen;
use super::super::reading::{Ended, PackedFile, Plain};
use super::super::siblings::Sibling;
use super::generations::Generation;
use super::{FINISHED_MAX, Failure, Follower, LOOK_BYTES};
use crate::edge::follow::hand::Out;
use crate::model::fold::RecordSink;
use crate::model::live::clock::Now;
use crate::model::live::gap::GapKind;
use crate::model::live::position::PLACES_MAX;

impl Follower {
    /// What late writers wrote to files that were rotated away.
    pub(super) fn read_late<S: RecordSink>(&mut self, now: Now, out: &mut Out<'_, S>) -> Result<(), Failure> {
        let linger_us = i64::try_from(self.manner.linger.as_micros()).unwrap_or(i64::MAX);
        let mut failure = None;
        let mut kept = Vec::new();
        for mut late in std::mem::take(&mut self.late) {
            let ended = late.read(&mut self.lines, out.sink, &mut self.buffer, now.uptime_us);
            let is_over = now.uptime_us.saturating_sub(late.grew_us) >= linger_us;
            match ended {
                Ok(Ended::More) => kept.push(late),
                Ok(Ended::AtEnd) if !is_over => kept.push(late),
                Ok(Ended::AtEnd) => {
                    let _ = late.give_out_rest(&mut self.lines, out.sink);
                    self.let_go(&late);
                }
                Ok(Ended::Changed) => {
                    let words = format!("an older generation of {} was cut", self.path.display());
                    out.gap(GapKind::Truncated, None, words, self.lines.stream);
                }
                Err(error) if is_over => {
                    let words =
                        format!("an older generation of {} cannot be read: {error}", self.path.display());
                    out.gap(GapKind::Damaged, None, words, self.lines.stream);
                }
                Err(error) => {
                    failure = Some(self.failed("has an older generation that cannot be read", &error));
                    kept.push(late);
                }
            }
        }
        self.late = kept;
        // More writers than anybody has: the oldest is read no more.
        while self.late.len() >= PLACES_MAX {
            let mut oldest = self.late.remove(0);
            let _ = oldest.give_out_rest(&mut self.lines, out.sink);
            self.let_go(&oldest);
        }
        failure.map_or(Ok(()), Err)
    }

    pub(super) fn let_go(&mut self, plain: &Plain) {
        self.finished.push_back((plain.place(), plain.head().to_vec()));
        if self.finished.len() > FINISHED_MAX {
            self.finished.pop_front();
        }
    }

    /// Reads from the front on. True where there is more.
    pub(super) fn read_queue<S: RecordSink>(
        &mut self,
        now: Now,
        out: &mut Out<'_, S>,
    ) -> Result<bool, Failure> {
        let begun = self.lines.stream;
        while self.lines.stream - begun < LOOK_BYTES {
            let ended = match self.queue.front_mut() {
                None => return Ok(false),
                Some(Generation::Plain(plain)) => {
                    plain.read(&mut self.lines, out.sink, &mut self.buffer, now.uptime_us)
                }
                Some(Generation::Packed(packed)) => packed.read(&mut self.lines, out.sink),
            };
            match ended {
                Ok(Ended::More) => {}
                Ok(Ended::AtEnd) => {
                    if !self.next_generation(now, out) {
                        return Ok(false);
                    }
                }
                Ok(Ended::Changed) => {
                    let (named, siblings) = self.survey()?;
                    self.arrange(named, siblings, now, out)?;
                }
                Err(error) => self.front_failed(&error, now, out)?,
            }
        }
        Ok(true)
    }

    /// The front was read to its end. False where there is nothing behind it.
    fn next_generation<S: RecordSink>(&mut self, now: Now, out: &mut Out<'_, S>) -> bool {
        let linger_us = i64::try_from(self.manner.linger.as_micros()).unwrap_or(i64::MAX);
        let is_last = self.queue.len() == 1;
        match self.queue.front_mut() {
            Some(Generation::Plain(plain)) if is_last && !plain.is_copy => {
                let silent = now.uptime_us.saturating_sub(plain.grew_us) >= linger_us;
                if !plain.rotated || !silent {
                    return false;
                }
            }
            Some(_) => {}
            None => return false,
        }
        match self.queue.pop_front() {
            Some(Generation::Plain(mut plain)) if is_last || plain.is_copy => {
                let _ = plain.give_out_rest(&mut self.lines, out.sink);
                self.let_go(&plain);
            }
            Some(Generation::Plain(mut plain)) => {
                (plain.rotated, plain.grew_us) = (true, now.uptime_us);
                self.late.push(*plain);
            }
            Some(Generation::Packed(packed)) => {
                self.finished.push_back((packed.place(), packed.head.clone()));
            }
            None => {}
        }
        true
    }

    /// The front cannot be read. The file that the path names is tried again for ever, an older one for a while; a
    /// packed one that is damaged stays so.
    fn front_failed<S: RecordSink>(
        &mut self,
        error: &io::Error,
        now: Now,
        out: &mut Out<'_, S>,
    ) -> Result<(), Failure> {
        let linger_us = i64::try_from(self.manner.linger.as_micros()).unwrap_or(i64::MAX);
        let gives_up = match self.queue.front() {
            Some(Generation::Packed(_)) => true,
            Some(Generation::Plain(plain)) => {
                plain.rotated && now.uptime_us.saturating_sub(plain.grew_us) >= linger_us
            }
            None => false,
        };
        if !gives_up {
            return Err(self.failed("cannot be read", error));
        }
        self.queue.pop_front();
        let words =
            format!("an older generation of {} cannot be read to its end: {error}", self.path.display());
        out.gap(GapKind::Damaged, None, words, self.lines.stream);
        Ok(())
    }

    /// What stood in front of the place in the front file is no longer there. Its copy, if there is one, is read on
    /// first, then what was written since.
    pub(super) fn start_over<S: RecordSink>(
        &mut self,
        copy: Option<Generation>,
        out: &mut Out<'_, S>,
    ) -> Result<(), Failure> {
        let Some(Generation::Plain(mut front)) = self.queue.pop_front() else { return Ok(()) };
        let started = front.start_over();
        self.queue.push_front(Generation::Plain(front));
        started.map_err(|error| self.failed("cannot be read", &error))?;
        let what = if copy.is_some() { "its copy is read on" } else { "no copy of it was found" };
        let words = format!(
            "{} was cut while it was being read; {what}; what was written between the last look and the cut, and is \
             in no copy, is lost",
            self.path.display()
        );
        out.gap(GapKind::Truncated, None, words, self.lines.stream);
        if let Some(copy) = copy {
            self.queue.push_front(copy);
        }
        Ok(())
    }

    /// The rest of what was cut, where somebody copied it before.
    pub(super) fn copy_of(&self, front: &Plain, siblings: &[Sibling], now: Now) -> Option<Generation> {
        let is_another = |sibling: &Sibling| {
            self.elders.iter().any(|elder| elder.identity == sibling.identity)
                || self.late.iter().any(|late| late.seen.identity == sibling.identity)
                || self.queue.iter().any(|generation| generation.identity() == sibling.identity)
        };
        siblings.iter().filter(|sibling| !is_another(sibling)).find_map(|sibling| {
            let (file, seen) = open_seen(&sibling.path).ok()?;
            let copy = if sibling.packed {
                let packed = (front.offset > 0)
                    .then(|| PackedFile::at(file, seen, &front.place()).ok())
                    .flatten()??;
                Generation::Packed(Box::new(packed))
            } else {
                Generation::Plain(Box::new(front.continued_in(file, seen, now.uptime_us).ok()??))
            };
            Some(copy)
        })
    }
}
