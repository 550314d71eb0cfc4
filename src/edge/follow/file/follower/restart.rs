//! Going on after a restart: which files the places of a position are now, and what was lost in between.

use std::fs::File;
use std::io;
use std::path::Path;

use super::super::identity::{Seen, open_seen};
use super::super::reading::{PackedFile, Plain};
use super::super::siblings::{NAMES_MAX, Sibling};
use super::generations::Generation;
use super::{Failure, Follower};
use crate::edge::follow::hand::Out;
use crate::model::fold::RecordSink;
use crate::model::live::clock::Now;
use crate::model::live::gap::GapKind;
use crate::model::live::position::{FileIdentity, FilePlace};

impl Follower {
    pub(super) fn resume<S: RecordSink>(
        &mut self,
        places: &[FilePlace],
        now: Now,
        out: &mut Out<'_, S>,
    ) -> Result<(), Failure> {
        let (named, siblings) = self.survey()?;
        let Some((newest, older)) = places.split_last() else {
            // There was no file; whatever is there now is new.
            self.make_elders(siblings.clone());
            return self.arrange(named, siblings, now, out).map(drop);
        };
        let found = self.find_all(newest, older, named.as_ref(), &siblings, now);
        let (whereabouts, was_cut) = match found {
            Ok(found) => found,
            Err(error) => {
                self.forget_files();
                return Err(self.failed("has older generations that cannot be read", &error));
            }
        };
        // At its beginning a file cannot be told from what it was before it was cut, unless nobody wrote to it at all.
        let may_be_cut = newest.offset == 0
            && self.queue.back().is_some_and(|found| match found {
                Generation::Plain(plain) => plain.seen.modified_ns != newest.modified_ns,
                Generation::Packed(_) => false,
            });
        let is_new = |at: usize, sibling: &Sibling| {
            let is_behind = match whereabouts {
                Whereabouts::Sibling(own) => at > own,
                Whereabouts::Named => false,
                Whereabouts::Elsewhere | Whereabouts::Nowhere => sibling.modified_ns > newest.modified_ns,
            };
            is_behind || may_be_cut && sibling.modified_ns > newest.modified_ns
        };
        // Of which nothing was read. It may be a copy by now; or it was packed, and is another file.
        let blanks = older.iter().filter(|place| place.offset == 0);
        let is_there = |place: &FilePlace| {
            let mut seen = siblings.iter().map(|sibling| &sibling.identity);
            seen.any(|identity| is_same(identity, &place.file))
                || named.as_ref().is_some_and(|(_, seen)| is_same(&seen.identity, &place.file))
        };
        let (there, gone): (Vec<&FilePlace>, Vec<&FilePlace>) = blanks.partition(|place| is_there(place));
        let may_be_packed_from =
            |place: &FilePlace, sibling: &Sibling| sibling.packed && sibling.modified_ns >= place.modified_ns;
        let was_blank = |sibling: &Sibling| {
            there.iter().any(|place| is_same(&sibling.identity, &place.file))
                || gone.iter().any(|place| may_be_packed_from(place, sibling))
        };
        let is_lost =
            |place: &&&FilePlace| !siblings.iter().any(|sibling| may_be_packed_from(place, sibling));
        let lost = gone.iter().filter(is_lost).count();
        let elders: Vec<Sibling> = siblings
            .iter()
            .enumerate()
            .filter(|(at, sibling)| !is_new(*at, sibling) && !was_blank(sibling))
            .map(|(_, sibling)| sibling.clone())
            .collect();
        self.make_elders(elders);
        if let Err(failure) = self.arrange(named, siblings, now, out) {
            self.forget_files();
            return Err(failure);
        }
        self.tell_what_is_lost(whereabouts, was_cut, out);
        if lost > 0 {
            let words = format!(
                "{lost} older generations of {} that were empty, or held half a line, are gone; what was written to \
                 them late is lost",
                self.path.display()
            );
            out.gap(GapKind::FileGone, None, words, self.lines.stream);
        }
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
        self.elders.clear();
        self.blanks.clear();
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
        for place in older.iter().filter(|place| place.offset > 0) {
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
        // Half a line may be that of any file: it tells nothing.
        let tells = is_same(&sibling.identity, &place.file)
            || generation.as_ref().is_some_and(Generation::stands_behind_a_line);
        if let Some(mut generation) = generation.filter(|_| tells) {
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
