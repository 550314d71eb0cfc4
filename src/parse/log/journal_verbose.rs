//! `journalctl -o verbose`: for each entry a line with its time and cursor, then its fields behind four blanks (systemd's
//! `output_verbose`). A stream dialect, by lines.
//!
//! Further lines of a value are indented as far as its first one, so nothing that a user wrote can stand where a header
//! or another field stands. The cursor names boot and both times of reception, in numbers that need no zone.

use crate::model::blemish::BlemishKind;
use crate::model::fold::RecordSink;
use crate::model::record::{Content, Record, Trust};
use crate::model::time::Moment;

use super::header::Line;
use super::journal_entry::{Entry, Recorder};
use super::lines::LINE_BYTES_MAX;
use super::{journal_short, separators, time};

/// Reads blocks of whole lines in order.
#[derive(Debug, Default)]
pub struct VerboseParser {
    entry: Entry,
    /// A field of the entry is the message, and its further lines may follow.
    in_message: bool,
    recorder: Recorder,
}

impl VerboseParser {
    /// A block of whole lines; the stream may end without the last line end. `offset` is that of its first byte.
    pub fn block(&mut self, block: &[u8], offset: u64, sink: &mut impl RecordSink) {
        let mut place = offset;
        for line in block.split_inclusive(|byte| *byte == b'\n') {
            self.line(line.trim_ascii_end(), place, sink);
            place = place.saturating_add(u64::try_from(line.len()).unwrap_or(u64::MAX));
        }
    }

    /// No more lines.
    pub fn finish(mut self, sink: &mut impl RecordSink) {
        self.end_entry(sink);
    }

    fn line(&mut self, line: &[u8], offset: u64, sink: &mut impl RecordSink) {
        if let Some(field) = line.strip_prefix(b"    ") {
            // Of an entry whose header was cut off, or taken for damage, this is the beginning.
            self.entry.begins_at(offset);
            return self.field(field, line.len() >= LINE_BYTES_MAX);
        }
        if line.is_empty() {
            return;
        }
        self.end_entry(sink);
        if let Some((stamp, cursor)) = header(line) {
            self.entry.begins_at(offset);
            match stamp {
                Ok(stamp) => self.entry.header(stamp),
                Err(time::Impossible) => self.entry.damage = Some(BlemishKind::ImpossibleTime),
            }
            self.entry.cursor(cursor);
            return;
        }
        let content = match separators::line(line) {
            Some(Line::BootSeparator) => Content::BootSeparator,
            Some(_) => Content::Passing,
            None => Content::Malformed(BlemishKind::Unrecognised),
        };
        let moment = Moment { offset, stamp: None, precision_us: 0, since_boot_us: None, seq: None };
        let raw = if content == Content::Passing { b"" } else { line.get(..RAW_BYTES_MAX).unwrap_or(line) };
        sink.take(&Record { moment, host: None, boot: None, trust: Trust::Unverified, content, raw });
    }

    fn field(&mut self, field: &[u8], too_long: bool) {
        let name_length = field
            .iter()
            .take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || **byte == b'_')
            .count();
        let (name, value) = field.split_at_checked(name_length).unwrap_or((field, b""));
        if let Some(value) = value.strip_prefix(b"=").filter(|_| !name.is_empty()) {
            // Of a line that was cut the value is not known.
            let value = if too_long { b"" } else { value };
            self.entry.field(name, value);
            self.in_message = name == b"MESSAGE";
        } else if self.in_message {
            // A message of several lines is no message of the kernel.
            self.entry.message_goes_on();
        }
    }

    fn end_entry(&mut self, sink: &mut impl RecordSink) {
        self.in_message = false;
        let entry = std::mem::take(&mut self.entry);
        if entry.has_fields() || entry.damage.is_some() {
            self.recorder.record(&entry, Trust::AsRecorded, sink);
        }
    }
}

/// Bytes of a line kept for the reader.
const RAW_BYTES_MAX: usize = 512;

/// `Wed 2024-05-01 12:00:00.123456 CST [s=…;i=…;b=…;m=…;t=…;x=…]`: the time and the cursor.
fn header(line: &[u8]) -> Option<(Result<time::Written, time::Impossible>, &[u8])> {
    let before_end = line.strip_suffix(b"]")?;
    let (stamp, cursor) = before_end.split_at_checked(memchr::memchr(b'[', before_end)?)?;
    let cursor = cursor.strip_prefix(b"[").filter(|cursor| cursor.starts_with(b"s="))?;
    // A host, a tag and words of a short form would stand between the time and what looks like a cursor.
    let stamp = match journal_short::weekday_stamp(stamp.trim_ascii_end())? {
        Ok((written, b"")) => Ok(written),
        Ok(_) => return None,
        Err(fault) => Err(fault),
    };
    Some((stamp, cursor))
}

/// The head of an input looks like this dialect.
pub fn looks_like(head: &[u8]) -> bool {
    let mut lines =
        head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end).filter(|line| !line.is_empty());
    let first = lines.by_ref().find(|line| separators::line(line).is_none() && !line.starts_with(b"    "));
    first.is_some_and(|line| header(line).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &[u8] = b"Wed 2024-05-01 12:00:00.123456 CST [s=0bf1;i=1;b=5d0e7c1a93b44f278a6ec21f04b98d73;m=5ccbdf3f;t=660f94bcc7de7;x=b3]";

    #[test]
    fn a_head_is_recognised_behind_separators_and_in_the_middle_of_an_entry() {
        let head = [
            b"-- Boot 5d0e7c1a93b44f278a6ec21f04b98d73 --\n    _PID=1\n".as_slice(),
            HEADER,
            b"\n    MESSAGE=x\n",
        ]
        .concat();
        assert!(looks_like(&head));
        assert!(!looks_like(b"Wed 2024-05-01 12:00:00 CST gw1 kernel: x [s=1]\nx\n[s=1]"));
        assert!(!looks_like(b"    MESSAGE=x\n"));
    }
}
