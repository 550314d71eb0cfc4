//! A path followed through rotations: which files it named, which of them are read to their end, which are still
//! written to. Everything here happens in [`Follower::look`]; the thread around it only waits.
//!
//! Generations wait in a queue, from old to new: the front one is read, and the next begins when it is read to its
//! end. What was read to its end and rotated away is looked at until it has not grown for a while, since its writer may
//! still hold it. What its writer writes then comes out when it is read: behind lines of the newer file that were read
//! before.
//!
//! What no reader can see is lost: lines that are cut away or removed before anybody looked. A cut is told as a gap. What
//! cannot be told:
//!
//! - a file that was cut and filled again with bytes that end in front of the place exactly as before (4096 of them);
//! - a cut somewhere behind the first 4096 bytes, with new lines up to the old place or beyond: nothing says where they
//!   begin, and reading goes on at the old place;
//! - generations that came and were rotated away while nobody watched, when there was no file at all before: nothing
//!   says that they are new;
//! - which of two generations is newer, where both were last written within one tick of the clock (4 ms, before Linux
//!   6.13) and their names do not say so;
//! - where a link pointed to before it was turned back, over a restart and more than [`Manner::linger`] later: that file
//!   is read from its beginning.

mod generations;
mod reading;
mod restart;
mod words;

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::FileType;

use super::identity::{Seen, number_at, open_seen};
use super::lines::Lines;
use super::reading::{PackedFile, Plain};
use super::siblings::{Sibling, siblings};
use crate::edge::follow::hand::Out;
use crate::model::fold::RecordSink;
use crate::model::live::clock::Now;
use crate::model::live::gap::GapKind;
use crate::model::live::position::{FileIdentity, FilePlace, PLACES_MAX, Place, Position};
use generations::{Blank, Elder, Generation, Unread};
pub use words::Failure;

/// Bytes read in one look; the thread looks again at once where there is more.
const LOOK_BYTES: u64 = 1024 * 1024;
/// Places of files that were read to their end and let go, should the path come to name one of them again.
const FINISHED_MAX: usize = 16;
/// Generations opened at once. Older ones are given up, with a gap.
const QUEUE_MAX: usize = 64;
/// Empty generations that are looked at, should something come into them.
const BLANKS_MAX: usize = 8;
/// How often a directory that changes while it is read is read again within one look.
const TRIES_MAX: usize = 5;
/// How long the path may name nothing (between a rename and the new file) before that is told.
const MISSING_US: i64 = 3_000_000;

/// How a path is followed.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// A file that was never followed is read from its beginning.
    pub from_beginning: bool,
    /// How long a rotated file is looked at after it last grew.
    pub linger: Duration,
}

/// What came of a look.
#[derive(Debug, Default)]
pub struct Look {
    /// There is more to read.
    pub more: bool,
    /// What failed. Everything else was done.
    pub trouble: Option<Failure>,
    /// Another file is being read, or the first.
    pub turned: bool,
}

/// The path's file, and the generations beside it.
type Survey = (Option<(File, Seen)>, Vec<Sibling>);

/// How far the follower is.
enum State {
    /// Nothing was looked at yet.
    Begin(Option<Position>),
    Following,
}

/// A path being followed.
pub struct Follower {
    path: PathBuf,
    directory: PathBuf,
    name: OsString,
    manner: Manner,
    state: State,
    queue: VecDeque<Generation>,
    late: Vec<Plain>,
    finished: VecDeque<(FilePlace, Vec<u8>)>,
    /// Generations that were there when the newest file was opened: they are not new, whatever they are called now.
    elders: Vec<Elder>,
    /// Generations that came when nothing stood in them. What comes into them later is somebody's late lines, or a copy
    /// that is just being made: only then can that be told.
    blanks: Vec<Blank>,
    /// Something beside the newest file is a copy of it as it is now, and may soon be all that is left of it.
    is_being_copied: bool,
    /// When the directory last changed, as far as was looked.
    directory_ns: i64,
    missing_since_us: Option<i64>,
    lines: Lines,
    buffer: Vec<u8>,
}

impl Follower {
    /// Goes on from a position, or begins.
    pub fn new(path: &Path, position: Option<Position>, manner: Manner) -> Self {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let stream = position.as_ref().map_or(0, |position| position.stream);
        Self {
            path: path.to_owned(),
            directory: parent.unwrap_or(Path::new(".")).to_owned(),
            name: path.file_name().unwrap_or_default().to_owned(),
            manner,
            state: State::Begin(position),
            queue: VecDeque::new(),
            late: Vec::new(),
            finished: VecDeque::new(),
            elders: Vec::new(),
            blanks: Vec::new(),
            is_being_copied: false,
            directory_ns: 0,
            missing_since_us: None,
            lines: Lines::at(stream),
            buffer: Vec::new(),
        }
    }

    /// The directory whose changes matter.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where to go on behind everything that was taken; none before anything could be looked at.
    pub fn position(&self) -> Option<Position> {
        if let State::Begin(position) = &self.state {
            return position.clone();
        }
        // Of older files it must be known what was read of them: what is written to them later would make them look new.
        let finished = self.finished.iter().map(|(place, _)| place.clone());
        let blanks = self.blanks.iter().map(Blank::place);
        let late = self.late.iter().map(Plain::place);
        let mut places: Vec<FilePlace> = finished.chain(blanks).chain(late).collect();
        places.extend(self.queue.front().map(Generation::place));
        let surplus = places.len().saturating_sub(PLACES_MAX);
        places.drain(..surplus);
        Some(Position { stream: self.lines.stream, place: Place::File(places) })
    }

    /// Looks at the path and reads what is new.
    pub fn look<S: RecordSink>(&mut self, now: Now, out: &mut Out<'_, S>) -> Look {
        let mut look = Look::default();
        if let State::Begin(position) = &self.state {
            let position = position.clone();
            match self.begin(position, now, out) {
                Ok(()) => (self.state, look.turned) = (State::Following, true),
                Err(failure) => return Look { trouble: Some(failure), ..look },
            }
        }
        look.trouble = self.notice(now, out, &mut look.turned).err();
        if let Err(failure) = self.read_late(now, out) {
            look.trouble.get_or_insert(failure);
        }
        match self.read_queue(now, out) {
            Ok(more) => look.more = more,
            Err(failure) => drop(look.trouble.get_or_insert(failure)),
        }
        look
    }

    /// Whether everything was read: nothing waits, nothing is missing that might come.
    pub fn has_read_all(&self) -> bool {
        matches!(self.state, State::Following) && self.queue.len() <= 1
    }

    /// Gives out last lines without end: no more will be read.
    pub fn finish<S: RecordSink>(&mut self, out: &mut Out<'_, S>) {
        let generations = self.queue.iter_mut().filter_map(|generation| match generation {
            Generation::Plain(plain) => Some(&mut **plain),
            Generation::Packed(_) => None,
        });
        for plain in self.late.iter_mut().chain(generations) {
            // What cannot be read now was told before.
            let _ = plain.give_out_rest(&mut self.lines, out.sink);
        }
    }

    fn begin<S: RecordSink>(
        &mut self,
        position: Option<Position>,
        now: Now,
        out: &mut Out<'_, S>,
    ) -> Result<(), Failure> {
        match position {
            Some(Position { place: Place::File(places), .. }) => self.resume(&places, now, out),
            _ => self.begin_afresh(now),
        }
    }

    fn begin_afresh(&mut self, now: Now) -> Result<(), Failure> {
        let (named, elders) = self.survey()?;
        let surplus = elders.len().saturating_sub(PLACES_MAX - 1);
        for elder in elders.iter().skip(surplus).filter(|elder| !elder.packed) {
            if let Ok((file, seen)) = open_seen(&elder.path)
                && let Ok(plain) = Plain::passed(file, seen, now.uptime_us)
            {
                self.let_go(&plain);
            }
        }
        let Some((file, seen)) = named else {
            // What is beside it is older than whatever will be there.
            self.make_elders(elders);
            return Ok(());
        };
        let plain = if self.manner.from_beginning {
            Plain::new(file, seen, now.uptime_us)
        } else {
            Plain::at_end(file, seen, now.uptime_us).map_err(|error| self.failed("cannot be read", &error))?
        };
        self.lines = Lines::at(plain.offset);
        self.lines.warm_up(&plain.look_back().unwrap_or_default());
        self.queue.push_back(Generation::Plain(Box::new(plain)));
        self.make_elders(elders);
        Ok(())
    }

    /// The file that the path names, if there is one, and the generations beside it: both of one moment.
    fn survey(&mut self) -> Result<Survey, Failure> {
        let mut tries = 0;
        loop {
            tries += 1;
            let named = match open_seen(&self.path) {
                Ok(opened) => Some(opened),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(self.failed("cannot be opened", &error)),
            };
            if let Some((_, seen)) = named.as_ref().filter(|(_, seen)| seen.kind != FileType::RegularFile) {
                return Err(self.not_a_file(seen.kind));
            }
            let directory_ns = self.directory_time();
            let siblings = siblings(&self.directory, &self.name)
                .map_err(|error| self.failed("has older generations that cannot be looked for", &error))?;
            let number = named.as_ref().map(|(_, seen)| (seen.identity.device, seen.identity.inode));
            let still = number_at(&self.path).ok() == number && self.directory_time() == directory_ns;
            if still || tries == TRIES_MAX {
                self.directory_ns = directory_ns;
                return Ok((named, siblings));
            }
        }
    }

    fn directory_time(&self) -> i64 {
        rustix::fs::stat(&self.directory).map_or(0, |stat| super::identity::modified_ns(&stat))
    }

    /// What is there now is not new later. A copy of the newest file as it is now is left out: should that be cut, the
    /// copy is what is left of it.
    fn make_elders(&mut self, siblings: Vec<Sibling>) {
        let newest = match self.queue.back() {
            Some(Generation::Plain(newest)) if !newest.rotated => Some(newest),
            _ => None,
        };
        let is_blank =
            |sibling: &Sibling| self.blanks.iter().any(|blank| blank.seen.identity == sibling.identity);
        let (copies, elders): (Vec<Sibling>, Vec<Sibling>) = siblings
            .into_iter()
            .filter(|sibling| !is_blank(sibling))
            .partition(|sibling| newest.is_some_and(|newest| newest.is_now(sibling)));
        self.is_being_copied = !copies.is_empty();
        self.elders = elders
            .into_iter()
            .map(|elder| Elder { identity: elder.identity, head: elder.head, modified_ns: elder.modified_ns })
            .collect();
    }

    /// What the path names now, and what it named since the last look.
    fn notice<S: RecordSink>(
        &mut self,
        now: Now,
        out: &mut Out<'_, S>,
        turned: &mut bool,
    ) -> Result<(), Failure> {
        let number = match number_at(&self.path) {
            Ok(number) => Some(number),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(self.failed("cannot be looked at", &error)),
        };
        let newest = self.queue.back().map(|generation| {
            let identity = generation.identity();
            (identity.device, identity.inode)
        });
        let is_unread = self.queue.back().is_some_and(Generation::is_unread);
        let is_same = number.is_some() && newest == number;
        self.set_rotated(!is_same, now);
        // A copy that appears beside a file of which nothing was read may be all that is left of what was in it.
        let may_be_new = !is_same || is_unread;
        let must_survey = number.is_some() && !is_same
            || may_be_new && (self.is_being_copied || self.directory_time() != self.directory_ns)
            || self.a_blank_was_written_to(now);
        if must_survey {
            let (named, siblings) = self.survey()?;
            *turned |= self.arrange(named, siblings, now, out)?;
        }
        if number.is_some() {
            self.missing_since_us = None;
            return Ok(());
        }
        let since = *self.missing_since_us.get_or_insert(now.uptime_us);
        let held = self.queue.back().is_some();
        if now.uptime_us.saturating_sub(since) < MISSING_US && held {
            return Ok(());
        }
        let words = if held {
            "is gone; what is still written to the file that was removed is read"
        } else {
            "is not there"
        };
        Err(self.failure(words, Some("it is read from its beginning as soon as it is there")))
    }

    /// Those in which nothing comes for a while are nobody's.
    fn a_blank_was_written_to(&mut self, now: Now) -> bool {
        let linger_us = i64::try_from(self.manner.linger.as_micros()).unwrap_or(i64::MAX);
        let is_over = |blank: &Blank| now.uptime_us.saturating_sub(blank.since_us) >= linger_us;
        let written = self.blanks.iter().any(Blank::was_written_to);
        if written {
            return true;
        }
        let over = self.blanks.extract_if(.., |blank| is_over(blank));
        let elders = over.map(|blank| Elder {
            identity: blank.seen.identity,
            head: Vec::new(),
            modified_ns: blank.seen.modified_ns,
        });
        self.elders.extend(elders);
        false
    }

    fn set_rotated(&mut self, rotated: bool, now: Now) {
        if let Some(Generation::Plain(newest)) = self.queue.back_mut() {
            if rotated && !newest.rotated {
                newest.grew_us = now.uptime_us;
            }
            newest.rotated = rotated;
        }
    }

    /// The generations of which nothing was read, from old to new: those that were not there when the newest file was
    /// opened, and are no copies of what was read or was there.
    fn unread(&self, siblings: &[Sibling]) -> Vec<Sibling> {
        let known =
            |sibling: &Sibling| {
                self.elders.iter().any(|elder| {
                    elder.identity == sibling.identity || sibling.is_copy_of(&elder.head, elder.modified_ns)
                }) || self.queue.iter().any(|generation| {
                    generation.identity() == sibling.identity || generation.begins_as(sibling)
                }) || self
                    .late
                    .iter()
                    .any(|late| late.seen.identity == sibling.identity || late.begins_as(sibling))
                    || self.finished.iter().any(|(place, head)| {
                        place.file == sibling.identity || sibling.is_copy_of(head, place.modified_ns)
                    })
            };
        let mut unread: Vec<Sibling> = Vec::new();
        for sibling in siblings.iter().filter(|sibling| !known(sibling)) {
            // A file that is being packed is there twice; the packed one may not be whole.
            match unread.iter_mut().find(|other| {
                other.is_copy_of(&sibling.head, sibling.modified_ns)
                    || other.is_packed_from(sibling)
                    || sibling.is_packed_from(other)
            }) {
                Some(other) if other.packed => *other = sibling.clone(),
                Some(_) => {}
                None => unread.push(sibling.clone()),
            }
        }
        unread
    }

    /// Brings the queue in line with what is there: the path's file is the last in it, what was never read is in its
    /// place, and the copy of what was cut in front of it. True where the newest file is another one now.
    fn arrange<S: RecordSink>(
        &mut self,
        named: Option<(File, Seen)>,
        siblings: Vec<Sibling>,
        now: Now,
        out: &mut Out<'_, S>,
    ) -> Result<bool, Failure> {
        let is_cut = match self.queue.front() {
            Some(Generation::Plain(front)) => {
                front.was_cut().map_err(|error| self.failed("cannot be read", &error))?
            }
            _ => false,
        };
        let copy = match self.queue.front() {
            Some(Generation::Plain(front)) if is_cut => self.copy_of(front, &siblings, now),
            _ => None,
        };
        let mut unread = self.unread(&siblings);
        if let Some(copy) = &copy {
            unread.retain(|sibling| sibling.identity != copy.identity());
        }
        let opened = self.open_all(unread, now, out)?;
        if is_cut {
            self.start_over(copy, out)?;
        }
        for (generation, sibling) in opened {
            let at = self.place_in_queue(&sibling, &siblings, named.as_ref());
            self.queue.insert(at, generation);
        }
        let turned = named.is_some_and(|(file, seen)| self.make_newest(file, seen, now));
        self.make_elders(siblings);
        Ok(turned)
    }

    /// Opens what is to be read. What is empty waits until something comes into it.
    fn open_all<S: RecordSink>(
        &mut self,
        mut unread: Vec<Sibling>,
        now: Now,
        out: &mut Out<'_, S>,
    ) -> Result<Vec<(Generation, Sibling)>, Failure> {
        let (mut opened, mut blanks) = (Vec::new(), Vec::new());
        let room = QUEUE_MAX.saturating_sub(self.queue.len());
        let filled = unread.iter().filter(|sibling| !sibling.is_empty).count();
        let mut surplus = filled.saturating_sub(room);
        if surplus > 0 {
            let words =
                format!("{surplus} generations of {} were passed over: too many", self.path.display());
            out.gap(GapKind::NotRead, None, words, self.lines.stream);
        }
        unread.retain(|sibling| {
            let keeps = sibling.is_empty || surplus == 0;
            surplus -= usize::from(!keeps);
            keeps
        });
        for sibling in unread {
            // Gone again: packed, perhaps. The next look finds it under its new name, since it is not known.
            match Self::open_unread(&sibling, now.uptime_us) {
                Ok(Unread::Generation(generation)) => opened.push((generation, sibling)),
                Ok(Unread::Blank(blank)) => blanks.push(blank),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(self.failure("has older generations that are just being moved", None));
                }
                Err(error) => return Err(self.failed("has an older generation that cannot be read", &error)),
            }
        }
        let was_there = |blank: &Blank| {
            self.blanks
                .iter()
                .find(|other| other.seen.identity == blank.seen.identity)
                .map(|other| other.since_us)
        };
        for blank in &mut blanks {
            blank.since_us = was_there(blank).unwrap_or(now.uptime_us);
        }
        let surplus = blanks.len().saturating_sub(BLANKS_MAX);
        blanks.drain(..surplus);
        self.blanks = blanks;
        Ok(opened)
    }

    fn open_unread(sibling: &Sibling, now_us: i64) -> io::Result<Unread> {
        let (file, seen) = open_seen(&sibling.path)?;
        if seen.identity != sibling.identity {
            return Err(io::ErrorKind::NotFound.into());
        }
        if sibling.is_empty {
            // As it was when it was compared with others.
            let seen = Seen { modified_ns: sibling.modified_ns, ..seen };
            return Ok(Unread::Blank(Blank { file, seen, since_us: now_us }));
        }
        Ok(Unread::Generation(if sibling.packed {
            Generation::Packed(Box::new(PackedFile::new(file, seen)))
        } else {
            let mut plain = Plain::new(file, seen, now_us);
            plain.rotated = true;
            Generation::Plain(Box::new(plain))
        }))
    }

    /// In front of all that is newer.
    fn place_in_queue(&self, sibling: &Sibling, siblings: &[Sibling], named: Option<&(File, Seen)>) -> usize {
        let order = |identity: FileIdentity| siblings.iter().position(|other| other.identity == identity);
        let own = order(sibling.identity);
        let is_newer = |generation: &Generation| {
            let identity = generation.identity();
            if named.is_some_and(|(_, seen)| seen.identity == identity) {
                return true;
            }
            match (order(identity), generation) {
                (Some(other), _) => Some(other) > own,
                // It was removed. If nothing of it was read, this may be its copy.
                (None, Generation::Plain(plain)) => {
                    plain.offset == 0 && plain.modified_ns_now() > sibling.modified_ns
                }
                (None, Generation::Packed(_)) => false,
            }
        };
        self.queue.iter().position(is_newer).unwrap_or(self.queue.len())
    }

    /// The path's file is the newest. True where another one was before.
    fn make_newest(&mut self, file: File, seen: Seen, now: Now) -> bool {
        let is_it = |generation: &Generation| generation.identity() == seen.identity;
        if self.queue.back().is_some_and(is_it) {
            return false;
        }
        self.set_rotated(true, now);
        let newest = match self.queue.iter().position(is_it).and_then(|at| self.queue.remove(at)) {
            Some(newest) => newest,
            None => self.known_or_new(file, seen, now.uptime_us),
        };
        self.queue.push_back(newest);
        self.set_rotated(false, now);
        true
    }

    /// A file that the path names: one that was read before goes on where it was left.
    fn known_or_new(&mut self, file: File, seen: Seen, now_us: i64) -> Generation {
        if let Some(at) = self.late.iter().position(|late| late.seen.identity == seen.identity) {
            let mut plain = self.late.remove(at);
            plain.rotated = false;
            return Generation::Plain(Box::new(plain));
        }
        let left = self.finished.iter().find(|(place, _)| place.file == seen.identity);
        if let Some((place, _)) = left
            && let Ok(again) = file.try_clone()
            && let Ok(Some(plain)) = Plain::at(again, seen, place, now_us)
        {
            return Generation::Plain(Box::new(plain));
        }
        Generation::Plain(Box::new(Plain::new(file, seen, now_us)))
    }
}
