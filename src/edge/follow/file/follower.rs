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

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::FileType;

use super::identity::{Seen, number_at, open_seen};
use super::lines::Lines;
use super::reading::{Ended, PackedFile, Plain};
use super::siblings::{NAMES_MAX, Sibling, siblings};
use crate::edge::follow::hand::Out;
use crate::model::fold::RecordSink;
use crate::model::live::clock::Now;
use crate::model::live::gap::GapKind;
use crate::model::live::position::{FileIdentity, FilePlace, PLACES_MAX, Place, Position};

/// Bytes read in one look; the thread looks again at once where there is more.
const LOOK_BYTES: u64 = 1024 * 1024;
/// Places of files that were read to their end and let go, should the path come to name one of them again.
const FINISHED_MAX: usize = 16;
/// Generations opened at once. Older ones are given up, with a gap.
const QUEUE_MAX: usize = 64;
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

/// Something that failed, and is tried again with the next look.
#[derive(Debug)]
pub struct Failure {
    /// What, and what the system said.
    pub words: String,
    /// What a person can do.
    pub hint: Option<&'static str>,
}

/// One generation in the queue.
enum Generation {
    Plain(Box<Plain>),
    Packed(Box<PackedFile>),
}

impl Generation {
    fn identity(&self) -> FileIdentity {
        match self {
            Self::Plain(plain) => plain.seen.identity,
            Self::Packed(packed) => packed.seen.identity,
        }
    }

    fn place(&self) -> FilePlace {
        match self {
            Self::Plain(plain) => plain.place(),
            Self::Packed(packed) => packed.place(),
        }
    }

    fn begins_as(&self, sibling: &Sibling) -> bool {
        match self {
            Self::Plain(plain) => plain.begins_as(&sibling.head),
            Self::Packed(packed) => sibling.is_copy_of(&packed.head),
        }
    }
}

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
    elders: Vec<(FileIdentity, Vec<u8>)>,
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
        let surplus = self.late.len().saturating_sub(PLACES_MAX - 1);
        let late = self.late.iter().skip(surplus).map(Plain::place);
        let places = late.chain(self.queue.front().map(Generation::place)).collect();
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

    // ---- which files -------------------------------------------------------------------------------------------

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
        let Some((path_file, elders)) = self.survey()? else { return Ok(()) };
        let (file, seen) = path_file;
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

    /// The file that the path names, with the generations beside it: both of one moment. None where it names nothing;
    /// the generations are then not looked for.
    #[expect(clippy::type_complexity, reason = "a file and its siblings, taken apart at once")]
    fn survey(&mut self) -> Result<Option<((File, Seen), Vec<Sibling>)>, Failure> {
        let mut last = None;
        for _ in 0..TRIES_MAX {
            let (file, seen) = match open_seen(&self.path) {
                Ok(opened) => opened,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(self.failed("cannot be opened", &error)),
            };
            if seen.kind != FileType::RegularFile {
                return Err(self.not_a_file(seen.kind));
            }
            self.directory_ns = self.directory_time();
            let siblings = siblings(&self.directory, &self.name)
                .map_err(|error| self.failed("has older generations that cannot be looked for", &error))?;
            let still = number_at(&self.path)
                .is_ok_and(|number| number == (seen.identity.device, seen.identity.inode))
                && self.directory_time() == self.directory_ns;
            last = Some(((file, seen), siblings));
            if still {
                break;
            }
        }
        Ok(last)
    }

    fn directory_time(&self) -> i64 {
        rustix::fs::stat(&self.directory).map_or(0, |stat| super::identity::modified_ns(&stat))
    }

    fn make_elders(&mut self, siblings: Vec<Sibling>) {
        self.elders = siblings.into_iter().map(|sibling| (sibling.identity, sibling.head)).collect();
    }

    /// What the path names now, and what it named since the last look.
    fn notice<S: RecordSink>(
        &mut self,
        now: Now,
        out: &mut Out<'_, S>,
        turned: &mut bool,
    ) -> Result<(), Failure> {
        let number = match number_at(&self.path) {
            Ok(number) => number,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.set_rotated(true, now);
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
                return Err(self.failure(words, Some("it is read from its beginning as soon as it is there")));
            }
            Err(error) => {
                return Err(self.failed("cannot be looked at", &error));
            }
        };
        self.missing_since_us = None;
        let newest = self.queue.back().map(|generation| {
            let identity = generation.identity();
            (identity.device, identity.inode)
        });
        let fresh = self.queue.len() == 1 && self.front_is_unread();
        if newest == Some(number) {
            self.set_rotated(false, now);
            // A copy that appears beside a file of which nothing was read may be all that is left of what was in it.
            if fresh && self.directory_time() != self.directory_ns {
                let Some((_, siblings)) = self.survey()? else { return Ok(()) };
                let unread = self.unread(&siblings);
                self.enqueue(unread, None, now, out)?;
                self.make_elders(siblings);
            }
            return Ok(());
        }
        let Some(((file, seen), siblings)) = self.survey()? else { return Ok(()) };
        let unread = self.unread(&siblings);
        self.set_rotated(true, now);
        self.enqueue(unread, Some((file, seen)), now, out)?;
        self.make_elders(siblings);
        *turned = true;
        Ok(())
    }

    fn front_is_unread(&self) -> bool {
        matches!(self.queue.front(), Some(Generation::Plain(plain)) if plain.offset == 0)
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
                self.elders.iter().any(|(identity, head)| {
                    *identity == sibling.identity || !head.is_empty() && sibling.is_copy_of(head)
                }) || self.queue.iter().any(|generation| {
                    generation.identity() == sibling.identity || generation.begins_as(sibling)
                }) || self
                    .late
                    .iter()
                    .any(|late| late.seen.identity == sibling.identity || late.begins_as(&sibling.head))
                    || self.finished.iter().any(|(place, head)| {
                        place.file == sibling.identity || !head.is_empty() && sibling.is_copy_of(head)
                    })
            };
        let mut unread: Vec<Sibling> = Vec::new();
        for sibling in siblings.iter().filter(|sibling| !sibling.head.is_empty() && !known(sibling)) {
            // A file that is being packed is there twice; the packed one may not be whole.
            match unread.iter_mut().find(|other| other.is_copy_of(&sibling.head)) {
                Some(other) if other.packed => *other = sibling.clone(),
                Some(_) => {}
                None => unread.push(sibling.clone()),
            }
        }
        unread
    }

    /// Puts generations into the queue: those unread in front of the file that the path names, and that behind them.
    fn enqueue<S: RecordSink>(
        &mut self,
        mut unread: Vec<Sibling>,
        newest: Option<(File, Seen)>,
        now: Now,
        out: &mut Out<'_, S>,
    ) -> Result<(), Failure> {
        let room = QUEUE_MAX.saturating_sub(self.queue.len());
        let surplus = unread.len().saturating_sub(room);
        if surplus > 0 {
            unread.drain(..surplus);
            let words =
                format!("{surplus} generations of {} were passed over: too many", self.path.display());
            out.gap(GapKind::NotRead, None, words, self.lines.stream);
        }
        let mut opened = Vec::new();
        for sibling in &unread {
            // Gone again: packed, perhaps. The next look finds it under its new name, since it is not known.
            match Self::open_unread(sibling, now.uptime_us) {
                Ok(generation) => opened.push(generation),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(self.failure("has older generations that are just being moved", None));
                }
                Err(error) => return Err(self.failed("has an older generation that cannot be read", &error)),
            }
        }
        let newest = match newest {
            Some((file, seen)) => Some(self.known_or_new(file, seen, now.uptime_us)),
            None => self.queue.pop_back(),
        };
        self.queue.extend(opened.into_iter().chain(newest));
        Ok(())
    }

    fn open_unread(sibling: &Sibling, now_us: i64) -> io::Result<Generation> {
        let (file, seen) = open_seen(&sibling.path)?;
        if seen.identity != sibling.identity {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(if sibling.packed {
            Generation::Packed(Box::new(PackedFile::new(file, seen)))
        } else {
            let mut plain = Plain::new(file, seen, now_us);
            plain.rotated = true;
            Generation::Plain(Box::new(plain))
        })
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

    // ---- going on after a restart ------------------------------------------------------------------------------

    fn resume<S: RecordSink>(
        &mut self,
        places: &[FilePlace],
        now: Now,
        out: &mut Out<'_, S>,
    ) -> Result<(), Failure> {
        let (named, siblings) = if let Some((named, siblings)) = self.survey()? {
            (Some(named), siblings)
        } else {
            let beside = siblings(&self.directory, &self.name)
                .map_err(|error| self.failed("has older generations that cannot be looked for", &error))?;
            (None, beside)
        };
        let Some((newest, older)) = places.split_last() else {
            // There was no file; whatever is there now is new.
            let named = named.map(|(file, seen)| Plain::new(file, seen, now.uptime_us));
            self.queue.extend(named.map(|plain| Generation::Plain(Box::new(plain))));
            self.make_elders(siblings);
            return Ok(());
        };
        let found = self.find_all(newest, older, named.as_ref(), &siblings, now);
        let (whereabouts, was_cut) = match found {
            Ok(found) => found,
            Err(error) => {
                self.forget_files();
                return Err(self.failed("has older generations that cannot be read", &error));
            }
        };
        let candidates = match whereabouts {
            Whereabouts::Sibling(at) => siblings.get(at + 1..).unwrap_or_default().to_vec(),
            // At its beginning a file cannot be told from what it was before it was cut.
            Whereabouts::Named if newest.offset > 0 => Vec::new(),
            Whereabouts::Named | Whereabouts::Elsewhere | Whereabouts::Nowhere => {
                siblings.iter().filter(|sibling| sibling.modified_ns > newest.modified_ns).cloned().collect()
            }
        };
        let unread = self.unread(&candidates);
        let named = named.filter(|_| whereabouts != Whereabouts::Named);
        if let Err(failure) = self.enqueue(unread, named, now, out) {
            self.forget_files();
            return Err(failure);
        }
        self.tell_what_is_lost(whereabouts, was_cut, out);
        self.make_elders(siblings);
        let look_back = match self.queue.front() {
            Some(Generation::Plain(plain)) => plain.look_back().unwrap_or_default(),
            Some(Generation::Packed(packed)) => packed.look_back.clone(),
            None => Vec::new(),
        };
        self.lines.warm_up(&look_back);
        Ok(())
    }

    fn forget_files(&mut self) {
        self.queue.clear();
        self.late.clear();
    }

    fn tell_what_is_lost<S: RecordSink>(
        &self,
        whereabouts: Whereabouts,
        was_cut: bool,
        out: &mut Out<'_, S>,
    ) {
        let path = self.path.display();
        let (kind, words) = match (was_cut, whereabouts) {
            (false, Whereabouts::Nowhere) => (
                GapKind::FileGone,
                format!(
                    "the file that was being read is neither {path} nor beside it; what was written to it since, and \
                     to generations that are gone, is lost"
                ),
            ),
            (true, Whereabouts::Nowhere) => (
                GapKind::Truncated,
                format!("{path} was cut while it was not watched, and no copy of it was found"),
            ),
            (true, _) => (
                GapKind::Truncated,
                format!(
                    "{path} was cut while it was not watched; its copy was read on, but what was written between the \
                     copy and the cut is lost"
                ),
            ),
            (false, _) => return,
        };
        out.gap(kind, None, words, self.lines.stream);
    }

    /// Opens what places remember. Tells where the newest one is, and whether the file of that place was cut.
    fn find_all(
        &mut self,
        newest: &FilePlace,
        older: &[FilePlace],
        named: Option<&(File, Seen)>,
        siblings: &[Sibling],
        now: Now,
    ) -> io::Result<(Whereabouts, bool)> {
        for place in older {
            match find(place, named, siblings, now)? {
                Some((Generation::Plain(mut plain), _)) => {
                    plain.rotated = true;
                    self.late.push(*plain);
                }
                Some((packed @ Generation::Packed(_), _)) => self.queue.push_back(packed),
                None => {}
            }
        }
        let was_cut_if_not_found = named.is_some_and(|(_, seen)| is_same(&seen.identity, &newest.file));
        let found = match find(newest, named, siblings, now)? {
            None => self.find_by_number(newest, now)?,
            found => found,
        };
        Ok(match found {
            Some((generation, whereabouts)) => {
                self.queue.push_back(generation);
                (whereabouts, was_cut_if_not_found && whereabouts != Whereabouts::Named)
            }
            None => (Whereabouts::Nowhere, was_cut_if_not_found),
        })
    }

    /// Under any other name, in the directory of the path or in that of the file behind a link.
    fn find_by_number(&self, place: &FilePlace, now: Now) -> io::Result<Option<(Generation, Whereabouts)>> {
        let behind = std::fs::canonicalize(&self.path).ok();
        let directories = [Some(self.directory.as_path()), behind.as_deref().and_then(Path::parent)];
        for directory in directories.into_iter().flatten() {
            for entry in std::fs::read_dir(directory)?.take(NAMES_MAX).flatten() {
                if std::os::unix::fs::DirEntryExt::ino(&entry) != place.file.inode {
                    continue;
                }
                let Ok((file, seen)) = open_seen(&entry.path()) else { continue };
                if is_same(&seen.identity, &place.file)
                    && let Some(mut plain) = Plain::at(file, seen, place, now.uptime_us)?
                {
                    plain.rotated = true;
                    return Ok(Some((Generation::Plain(Box::new(plain)), Whereabouts::Elsewhere)));
                }
            }
        }
        Ok(None)
    }

    // ---- reading -----------------------------------------------------------------------------------------------

    /// What late writers wrote to files that were rotated away.
    fn read_late<S: RecordSink>(&mut self, now: Now, out: &mut Out<'_, S>) -> Result<(), Failure> {
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

    fn let_go(&mut self, plain: &Plain) {
        self.finished.push_back((plain.place(), plain.head().to_vec()));
        if self.finished.len() > FINISHED_MAX {
            self.finished.pop_front();
        }
    }

    /// Reads from the front on. True where there is more.
    fn read_queue<S: RecordSink>(&mut self, now: Now, out: &mut Out<'_, S>) -> Result<bool, Failure> {
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
                Ok(Ended::Changed) => self.front_was_cut(now, out)?,
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
    fn front_was_cut<S: RecordSink>(&mut self, now: Now, out: &mut Out<'_, S>) -> Result<(), Failure> {
        self.directory_ns = self.directory_time();
        let siblings = siblings(&self.directory, &self.name)
            .map_err(|error| self.failed("has older generations that cannot be looked for", &error))?;
        let Some(Generation::Plain(front)) = self.queue.front() else { return Ok(()) };
        let copy = self.copy_of(front, &siblings, now);
        let newer = copy.as_ref().map_or(0, |(_, at)| at + 1);
        let unread = self.unread(siblings.get(newer..).unwrap_or_default());
        let mut opened = Vec::new();
        for sibling in &unread {
            opened.push(
                Self::open_unread(sibling, now.uptime_us)
                    .map_err(|error| self.failed("has an older generation that cannot be read", &error))?,
            );
        }
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
        opened.into_iter().rev().for_each(|generation| self.queue.push_front(generation));
        if let Some((copy, _)) = copy {
            self.queue.push_front(copy);
        }
        self.make_elders(siblings);
        Ok(())
    }

    /// The rest of what was cut, where somebody copied it before.
    fn copy_of(&self, front: &Plain, siblings: &[Sibling], now: Now) -> Option<(Generation, usize)> {
        let is_elder = |sibling: &Sibling| {
            self.elders.iter().any(|(identity, _)| *identity == sibling.identity)
                || self.late.iter().any(|late| late.seen.identity == sibling.identity)
        };
        siblings.iter().enumerate().filter(|(_, sibling)| !is_elder(sibling)).find_map(|(at, sibling)| {
            let (file, seen) = open_seen(&sibling.path).ok()?;
            let copy = if sibling.packed {
                let packed = (front.offset > 0)
                    .then(|| PackedFile::at(file, seen, &front.place()).ok())
                    .flatten()??;
                Generation::Packed(Box::new(packed))
            } else {
                Generation::Plain(Box::new(front.continued_in(file, seen, now.uptime_us).ok()??))
            };
            Some((copy, at))
        })
    }

    // ---- words -------------------------------------------------------------------------------------------------

    fn failed(&self, what: &str, error: &io::Error) -> Failure {
        let errno = rustix::io::Errno::from_io_error(error);
        let hint = match errno {
            Some(rustix::io::Errno::ACCESS | rustix::io::Errno::PERM) => {
                Some("let the user that conntriage runs as read it (group adm, or CAP_DAC_READ_SEARCH)")
            }
            Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE) => {
                Some("too many open files: raise LimitNOFILE= of the unit")
            }
            Some(rustix::io::Errno::IO | rustix::io::Errno::STALE) => {
                Some("the disk or the network file system fails; the place is held")
            }
            _ => None,
        };
        self.failure(&format!("{what}: {}", crate::edge::read::open::words(error)), hint)
    }

    fn failure(&self, what: &str, hint: Option<&'static str>) -> Failure {
        Failure { words: format!("{} {what}", self.path.display()), hint }
    }

    fn not_a_file(&self, kind: FileType) -> Failure {
        let what = match kind {
            FileType::Directory => "is a directory",
            FileType::Fifo => "became a FIFO; start again to read it as one",
            FileType::Socket => "is a socket",
            _ => "is a device",
        };
        self.failure(&format!("{what}, not a file; nothing of it is read"), None)
    }
}

/// Where the newest place was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whereabouts {
    /// The path names it.
    Named,
    /// Among the older generations, at this place in their order.
    Sibling(usize),
    /// Under another name.
    Elsewhere,
    Nowhere,
}

/// The file of a place: by identity, else by what stands in front of the place.
fn find(
    place: &FilePlace,
    named: Option<&(File, Seen)>,
    siblings: &[Sibling],
    now: Now,
) -> io::Result<Option<(Generation, Whereabouts)>> {
    let plain = |file: File, seen: Seen| {
        let plain = Plain::at(file, seen, place, now.uptime_us)?;
        Ok::<_, io::Error>(plain.map(|plain| Generation::Plain(Box::new(plain))))
    };
    if let Some((file, seen)) = named.filter(|(_, seen)| is_same(&seen.identity, &place.file))
        && let Some(generation) = plain(file.try_clone()?, *seen)?
    {
        return Ok(Some((generation, Whereabouts::Named)));
    }
    let (by_identity, others): (Vec<_>, Vec<_>) =
        siblings.iter().enumerate().partition(|(_, sibling)| is_same(&sibling.identity, &place.file));
    let by_content = others
        .into_iter()
        .filter(|(_, sibling)| place.offset > 0 && sibling.modified_ns >= place.modified_ns);
    for (at, sibling) in by_identity.into_iter().chain(by_content) {
        let (file, seen) = match open_seen(&sibling.path) {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let generation = if sibling.packed {
            // One that is damaged in front of the place is not it.
            let packed = PackedFile::at(file, seen, place).ok().flatten();
            packed.map(|packed| Generation::Packed(Box::new(packed)))
        } else {
            plain(file, seen)?
        };
        if let Some(mut generation) = generation {
            if let Generation::Plain(plain) = &mut generation {
                plain.rotated = true;
            }
            return Ok(Some((generation, Whereabouts::Sibling(at))));
        }
    }
    Ok(None)
}

/// The same file, by what the file system says. Devices may have other numbers after a boot.
fn is_same(now: &FileIdentity, then: &FileIdentity) -> bool {
    now == then || now.same_but_for_device(then)
}
