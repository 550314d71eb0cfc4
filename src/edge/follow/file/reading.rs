//! One generation of a followed file while it is read: a plain file that may grow, or a packed one.
//!
//! What stands in front of the place is compared with each read, in the same system call as what is behind it: a file
//! that was cut and filled again is seen however fast it grew.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use rustix::fs::SeekFrom;

use super::identity::{Seen, hash, modified_ns, seen};
use super::lines::Lines;
use super::siblings::Sibling;
use crate::edge::follow::cut::{Used, cut};
use crate::edge::read::decode::decode;
use crate::model::fold::RecordSink;
use crate::model::live::position::{BEFORE_BYTES, FilePlace};
use crate::parse::log::lines::{LINE_BYTES_MAX, LOOK_BACK_BYTES};

/// Bytes read at a time, more than a line may have.
const BLOCK_BYTES: usize = 4 * LINE_BYTES_MAX;
/// Bytes at the head of a file by which its copies are told from other files.
pub(super) const HEAD_BYTES: usize = 512;

/// A plain file being read.
#[derive(Debug)]
pub(super) struct Plain {
    file: File,
    pub(super) seen: Seen,
    /// Start of the next line; see [`FilePlace::offset`].
    pub(super) offset: u64,
    /// The bytes in front of it.
    before: Vec<u8>,
    /// The first bytes of the file, as far as they were read, at most [`BEFORE_BYTES`].
    head: Vec<u8>,
    /// Where those are all NUL, the first bytes behind the hole, at most [`HEAD_BYTES`].
    behind_hole: Vec<u8>,
    inside_long_line: bool,
    /// Where the file ended when it was last read.
    end: u64,
    /// Uptime when it last grew, or was opened.
    pub(super) grew_us: i64,
    /// The path no longer names it.
    pub(super) rotated: bool,
    /// It is a copy of what was cut: nobody writes to it.
    pub(super) is_copy: bool,
}

/// How a read ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// At the end of the file.
    AtEnd,
    /// There is more.
    More,
    /// What stood in front of the place is no longer there.
    Changed,
}

impl Plain {
    /// From the beginning.
    pub(super) fn new(file: File, seen: Seen, now_us: i64) -> Self {
        Self {
            file,
            seen,
            offset: 0,
            before: Vec::new(),
            head: Vec::new(),
            behind_hole: Vec::new(),
            inside_long_line: false,
            end: 0,
            grew_us: now_us,
            rotated: false,
            is_copy: false,
        }
    }

    /// At the start of the last line that has no end yet, or at the end.
    pub(super) fn at_end(file: File, seen: Seen, now_us: i64) -> io::Result<Self> {
        let mut tail = vec![0; LINE_BYTES_MAX];
        let from = seen.size.saturating_sub(tail.len() as u64);
        let count = read_at(&file, &mut tail, from)?;
        let tail = tail.get(..count).unwrap_or_default();
        let mut reading = Self::new(file, seen, now_us);
        match memchr::memrchr(b'\n', tail) {
            Some(end) => reading.move_to(from + end as u64 + 1)?,
            None if from == 0 => {}
            None => {
                reading.move_to(from + count as u64)?;
                // A hole is no line.
                reading.inside_long_line = tail.last() != Some(&0);
            }
        }
        Ok(reading)
    }

    /// Behind all that stands in it; a line that has no end yet is passed with its rest.
    pub(super) fn passed(file: File, seen: Seen, now_us: i64) -> io::Result<Self> {
        let mut reading = Self::new(file, seen, now_us);
        reading.move_to(seen.size)?;
        reading.inside_long_line = reading.before.last().is_some_and(|byte| *byte != b'\n');
        Ok(reading)
    }

    /// At a place that was remembered, if what stands in front of it is what stood there.
    pub(super) fn at(file: File, seen: Seen, place: &FilePlace, now_us: i64) -> io::Result<Option<Self>> {
        let mut reading = Self::new(file, seen, now_us);
        if seen.size < place.offset {
            return Ok(None);
        }
        reading.move_to(place.offset)?;
        reading.inside_long_line = place.inside_long_line;
        Ok((hash(&reading.before) == place.before).then_some(reading))
    }

    /// The same place in a copy, if it is one.
    pub(super) fn continued_in(&self, file: File, seen: Seen, now_us: i64) -> io::Result<Option<Self>> {
        let mut copy = Self::new(file, seen, now_us);
        if seen.size < self.offset || self.offset == 0 {
            return Ok(None);
        }
        copy.move_to(self.offset)?;
        copy.inside_long_line = self.inside_long_line;
        copy.is_copy = true;
        copy.rotated = true;
        Ok((copy.before == self.before).then_some(copy))
    }

    fn move_to(&mut self, offset: u64) -> io::Result<()> {
        let length = offset.min(BEFORE_BYTES as u64);
        let read = |from: u64| {
            let mut bytes = vec![0; usize::try_from(length).unwrap_or(BEFORE_BYTES)];
            let count = read_at(&self.file, &mut bytes, from)?;
            bytes.truncate(count);
            Ok::<_, io::Error>(bytes)
        };
        (self.before, self.head) = (read(offset - length)?, read(0)?);
        self.offset = offset;
        self.behind_hole.clear();
        self.look_behind_hole();
        Ok(())
    }

    /// The next lines, of at most one block.
    pub(super) fn read<S: RecordSink>(
        &mut self,
        lines: &mut Lines,
        sink: &mut S,
        buffer: &mut Vec<u8>,
        now_us: i64,
    ) -> io::Result<Ended> {
        let kept = self.before.len();
        buffer.resize(kept + BLOCK_BYTES, 0);
        let from = self.offset - kept as u64;
        let count = read_at(&self.file, buffer, from)?;
        let bytes = buffer.get(..count).unwrap_or_default();
        if bytes.get(..kept) != Some(self.before.as_slice()) {
            return Ok(Ended::Changed);
        }
        let data = bytes.get(kept..).unwrap_or_default();
        let at_end = count < buffer.len();
        let end = from + count as u64;
        if end != self.end {
            (self.end, self.grew_us) = (end, now_us);
            self.seen.modified_ns = modified_ns(&rustix::fs::fstat(&self.file)?);
        }
        if data.first() == Some(&0) && !self.inside_long_line {
            return self.pass_hole(lines);
        }
        let stream = lines.stream;
        let used = cut(data, self.inside_long_line, |block, at| lines.block(block, stream + at as u64, sink));
        self.advance(bytes, kept, used);
        lines.stream += used.bytes as u64;
        Ok(if at_end { Ended::AtEnd } else { Ended::More })
    }

    fn advance(&mut self, bytes: &[u8], kept: usize, used: Used) {
        let read = bytes.get(..kept + used.bytes).unwrap_or(bytes);
        if self.offset <= BEFORE_BYTES as u64 && self.offset == kept as u64 {
            self.head = read.get(..BEFORE_BYTES).unwrap_or(read).to_vec();
        }
        if used.bytes > 0 {
            self.look_behind_hole();
        }
        let tail = read.len().saturating_sub(BEFORE_BYTES);
        self.before.clear();
        self.before.extend_from_slice(read.get(tail..).unwrap_or_default());
        self.offset += used.bytes as u64;
        self.inside_long_line = used.inside_long_line;
    }

    fn look_behind_hole(&mut self) {
        let is_hole = !self.head.is_empty() && self.head.iter().all(|byte| *byte == 0);
        if is_hole
            && self.behind_hole.len() < HEAD_BYTES
            && let Ok(again) = self.file.try_clone()
        {
            self.behind_hole = head_behind_hole(again);
        }
    }

    /// A writer that did not notice that its file was cut goes on where it was: in front of it is a hole. What is all
    /// NUL up to the end may be room that somebody reserved, and is not passed.
    fn pass_hole(&mut self, lines: &mut Lines) -> io::Result<Ended> {
        let mut target = self.offset;
        let mut chunk = vec![0; BLOCK_BYTES];
        loop {
            // The file system may know how far the hole goes.
            target = match rustix::fs::seek(&self.file, SeekFrom::Data(target)) {
                Ok(at) => at.max(target),
                Err(rustix::io::Errno::NXIO) => return Ok(Ended::AtEnd),
                Err(_) => target,
            };
            let count = read_at(&self.file, &mut chunk, target)?;
            let bytes = chunk.get(..count).unwrap_or_default();
            match bytes.iter().position(|byte| *byte != 0) {
                Some(at) => target += at as u64,
                None if count == 0 => return Ok(Ended::AtEnd),
                None => {
                    target += count as u64;
                    continue;
                }
            }
            break;
        }
        lines.stream += target - self.offset;
        self.move_to(target)?;
        Ok(Ended::More)
    }

    /// What stands behind the last line end, given out as a line: its writer is done. True if there was any.
    pub(super) fn give_out_rest<S: RecordSink>(
        &mut self,
        lines: &mut Lines,
        sink: &mut S,
    ) -> io::Result<bool> {
        if self.inside_long_line {
            return Ok(false);
        }
        let mut rest = vec![0; LINE_BYTES_MAX];
        let count = read_at(&self.file, &mut rest, self.offset)?;
        let rest = rest.get(..count).unwrap_or_default();
        if rest.iter().all(|byte| *byte == 0) {
            return Ok(false);
        }
        lines.block(rest, lines.stream, sink);
        lines.stream += count as u64;
        self.move_to(self.offset + count as u64)?;
        Ok(true)
    }

    /// The file was cut or rewritten: where does what is new begin? Behind the lines at its head that are still those
    /// that were read.
    pub(super) fn start_over(&mut self) -> io::Result<()> {
        let now = seen(&self.file)?;
        let mut head = vec![0; BEFORE_BYTES];
        let count = read_at(&self.file, &mut head, 0)?;
        let head = head.get(..count).unwrap_or_default();
        let common = head.iter().zip(&self.head).take_while(|(now, then)| now == then).count();
        let offset = if head.first() == Some(&0) {
            // A hole is nobody's content.
            0
        } else if common == BEFORE_BYTES {
            // It was cut somewhere further back, and nobody can say where.
            now.size.min(self.offset)
        } else {
            let same = head.get(..common).unwrap_or_default();
            memchr::memrchr(b'\n', same).map_or(0, |end| end as u64 + 1)
        };
        self.inside_long_line = false;
        (self.seen, self.end) = (now, 0);
        self.move_to(offset)
    }

    /// Up to [`LOOK_BACK_BYTES`] in front of the place.
    pub(super) fn look_back(&self) -> io::Result<Vec<u8>> {
        let length = self.offset.min(LOOK_BACK_BYTES as u64);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(LOOK_BACK_BYTES)];
        let count = read_at(&self.file, &mut bytes, self.offset - length)?;
        bytes.truncate(count);
        Ok(bytes)
    }

    pub(super) fn place(&self) -> FilePlace {
        FilePlace {
            file: self.seen.identity,
            offset: self.offset,
            before: hash(&self.before),
            inside_long_line: self.inside_long_line,
            modified_ns: self.seen.modified_ns,
            rotated: self.rotated,
        }
    }

    /// What stands in front of the place.
    pub(super) fn before(&self) -> &[u8] {
        &self.before
    }

    /// Its first bytes behind a hole, as far as they were read.
    pub(super) fn head(&self) -> &[u8] {
        let zeros = self.head.iter().take_while(|byte| **byte == 0).count();
        match self.head.get(zeros..) {
            Some(head) if !head.is_empty() => head.get(..HEAD_BYTES).unwrap_or(head),
            _ => &self.behind_hole,
        }
    }

    /// Content that begins so is this file's, as it was or as it is.
    pub(super) fn begins_as(&self, sibling: &Sibling) -> bool {
        same_lines(&sibling.head, self.head()) || self.is_now(sibling)
    }

    /// Content that begins so is this file's as it is now. Half a line may be that of any file; it is believed of the
    /// file that the path names, which is the one that is copied, and of a copy with the time of the file, as packers
    /// make them.
    pub(super) fn is_now(&self, sibling: &Sibling) -> bool {
        let now = self.head_now();
        let is_likely = !self.rotated || self.modified_ns_now() == sibling.modified_ns;
        same_lines(&sibling.head, &now) || is_likely && !now.is_empty() && sibling.head == now
    }

    fn head_now(&self) -> Vec<u8> {
        let mut now = vec![0; HEAD_BYTES];
        let count = read_at(&self.file, &mut now, 0).unwrap_or(0);
        now.truncate(count);
        if now.first() == Some(&0)
            && let Ok(again) = self.file.try_clone()
        {
            now = head_behind_hole(again);
        }
        now
    }

    /// When it was last written to, by now.
    pub(super) fn modified_ns_now(&self) -> i64 {
        rustix::fs::fstat(&self.file).map_or(self.seen.modified_ns, |stat| modified_ns(&stat))
    }

    /// What stood in front of the place is no longer there.
    pub(super) fn was_cut(&self) -> io::Result<bool> {
        let mut before = vec![0; self.before.len()];
        let count = read_at(&self.file, &mut before, self.offset - self.before.len() as u64)?;
        Ok(before.get(..count) != Some(self.before.as_slice()))
    }
}

/// The first bytes of a file that begins with a hole. (Places are read by their offsets, so that it does not matter
/// where the shared file offset is left.)
fn head_behind_hole(mut file: File) -> Vec<u8> {
    if io::Seek::rewind(&mut file).is_err() {
        return Vec::new();
    }
    head_of(file).0
}

/// One is the beginning of the other, by a whole line at least: half a line may be that of any file.
pub(super) fn same_lines(a: &[u8], b: &[u8]) -> bool {
    let length = a.len().min(b.len());
    let (a, b) = (a.get(..length), b.get(..length));
    a == b && a.is_some_and(|head| head.contains(&b'\n') || head.len() == HEAD_BYTES)
}

/// Reads until the buffer is full or the file ends.
fn read_at(file: &File, buffer: &mut [u8], from: u64) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
        match file.read_at(room, from + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// A packed generation being read: it does not grow, and is read to its end.
pub(super) struct PackedFile {
    reader: Box<dyn Read>,
    pub(super) seen: Seen,
    pub(super) offset: u64,
    before: Vec<u8>,
    pub(super) head: Vec<u8>,
    inside_long_line: bool,
    /// Unpacked, behind the place.
    open: Vec<u8>,
    ended: bool,
    /// What stands in front of the place where it was opened, for the parser.
    pub(super) look_back: Vec<u8>,
}

impl PackedFile {
    pub(super) fn new(file: File, seen: Seen) -> Self {
        let decoded = decode(Box::new(file), &[]);
        let head = decoded.face.head.get(..HEAD_BYTES).unwrap_or(&decoded.face.head).to_vec();
        Self {
            reader: decoded.reader,
            seen,
            offset: 0,
            before: Vec::new(),
            head,
            inside_long_line: false,
            open: Vec::new(),
            ended: false,
            look_back: Vec::new(),
        }
    }

    /// At a place that was remembered, if what stands in front of it is what stood there. Unpacks all that.
    pub(super) fn at(file: File, seen: Seen, place: &FilePlace) -> io::Result<Option<Self>> {
        let mut packed = Self::new(file, seen);
        let mut passed = 0;
        let mut chunk = vec![0; BLOCK_BYTES];
        while passed < place.offset {
            let wanted = usize::try_from(place.offset - passed).unwrap_or(BLOCK_BYTES).min(BLOCK_BYTES);
            let count = match packed.reader.read(chunk.get_mut(..wanted).unwrap_or_default()) {
                Ok(0) => return Ok(None),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            passed += count as u64;
            packed.look_back.extend_from_slice(chunk.get(..count).unwrap_or_default());
            let surplus = packed.look_back.len().saturating_sub(LOOK_BACK_BYTES);
            packed.look_back.drain(..surplus);
        }
        let tail = packed.look_back.len().saturating_sub(BEFORE_BYTES);
        packed.before = packed.look_back.get(tail..).unwrap_or_default().to_vec();
        packed.offset = passed;
        packed.inside_long_line = place.inside_long_line;
        Ok((hash(&packed.before) == place.before).then_some(packed))
    }

    /// The next lines, of about one block; at the end what has no line end too.
    pub(super) fn read<S: RecordSink>(&mut self, lines: &mut Lines, sink: &mut S) -> io::Result<Ended> {
        if !self.ended {
            let wanted = (2 * BLOCK_BYTES).saturating_sub(self.open.len()) as u64;
            let read = (&mut self.reader).take(wanted).read_to_end(&mut self.open);
            // What came in front of an error is good.
            self.ended = !matches!(read, Ok(count) if count > 0);
            if let Err(error) = read {
                self.use_open(lines, sink);
                return Err(error);
            }
        }
        self.use_open(lines, sink);
        if self.ended {
            if !self.inside_long_line && !self.open.is_empty() {
                lines.block(&self.open, lines.stream, sink);
                lines.stream += self.open.len() as u64;
                let rest = std::mem::take(&mut self.open);
                self.pass(&rest);
            }
            return Ok(Ended::AtEnd);
        }
        Ok(Ended::More)
    }

    fn use_open<S: RecordSink>(&mut self, lines: &mut Lines, sink: &mut S) {
        let stream = lines.stream;
        let used = cut(&self.open, self.inside_long_line, |block, at| {
            lines.block(block, stream + at as u64, sink);
        });
        lines.stream += used.bytes as u64;
        self.inside_long_line = used.inside_long_line;
        let rest = self.open.get(used.bytes..).unwrap_or_default();
        let zeros = rest.iter().take_while(|byte| **byte == 0).count();
        lines.stream += zeros as u64;
        let passed: Vec<u8> = self.open.drain(..used.bytes + zeros).collect();
        self.pass(&passed);
    }

    /// What stands in front of the place.
    pub(super) fn before(&self) -> &[u8] {
        &self.before
    }

    fn pass(&mut self, bytes: &[u8]) {
        self.offset += bytes.len() as u64;
        self.before.extend_from_slice(bytes.get(bytes.len().saturating_sub(BEFORE_BYTES)..).unwrap_or(bytes));
        let surplus = self.before.len().saturating_sub(BEFORE_BYTES);
        self.before.drain(..surplus);
    }

    pub(super) fn place(&self) -> FilePlace {
        FilePlace {
            file: self.seen.identity,
            offset: self.offset,
            before: hash(&self.before),
            inside_long_line: self.inside_long_line,
            modified_ns: self.seen.modified_ns,
            rotated: true,
        }
    }
}

/// The first bytes of a file, unpacked and behind a hole; and whether it is packed. None where it cannot be read.
pub(super) fn head_of(file: File) -> (Vec<u8>, bool) {
    let face = decode(Box::new(file), &[]).without_padding().face;
    let head = face.head.iter().copied().skip_while(|byte| *byte == 0).take(HEAD_BYTES).collect();
    (head, !face.via.is_empty())
}
