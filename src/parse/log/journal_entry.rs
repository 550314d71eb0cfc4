//! An entry of the journal, whatever form it came in: the fields that matter, and the record they make.
//!
//! `_TRANSPORT` is written by journald itself, which drops a client's. But what a user writes into /dev/kmsg comes back
//! with `_TRANSPORT=kernel` too: only with facility 0, or none, is it the kernel's.

use crate::model::blemish::BlemishKind;
use crate::model::fold::RecordSink;
use crate::model::record::{Content, Record, Trust};
use crate::model::signal::Signal;
use crate::model::time::{BootId, Moment, Stamp};
use crate::parse::kernel;
use crate::parse::programs::{self, Program};

use super::loss;
use super::recall::Recall;
use super::time::Written;

/// Bytes of the words kept for the reader.
const RAW_BYTES_MAX: usize = 512;
/// Message id of journald's `Missed %u kernel messages`.
const MISSED_KERNEL_MESSAGES: &[u8] = b"e9bf28e6e834481bb6f48f548ad13606";

/// Stands for the further lines of a message: a line end, which no message of the kernel holds, and an ellipsis.
const MORE_LINES: &[u8] = b"\n\xe2\x80\xa6";

/// Makes records of entries, in the order of the stream.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    recall: Recall,
}

impl Recorder {
    /// One entry, one record.
    pub(super) fn record(&mut self, entry: &Entry, trust: Trust, sink: &mut impl RecordSink) {
        let moment = entry.moment();
        let content = match entry.damage {
            Some(kind) => Content::Malformed(kind),
            None => self.content(entry, &moment),
        };
        let raw = match content {
            Content::Passing => b"",
            _ => entry.message.get(..RAW_BYTES_MAX).unwrap_or(&entry.message),
        };
        sink.take(&Record { moment, host: entry.host.as_deref(), boot: entry.boot, trust, content, raw });
    }

    fn content(&mut self, entry: &Entry, moment: &Moment) -> Content {
        let understood = if entry.is_of_kernel() {
            self.recall.turn_to(entry.host.as_deref(), moment.offset);
            self.kernel_message(&entry.message, moment)
        } else if entry.is_of_journald() {
            loss::journal_entry(&entry.message)
        } else {
            Ok(entry.program.and_then(|program| programs::read(program, &entry.message)))
        };
        match understood {
            Ok(Some(signal)) => Content::Signal(signal),
            Ok(None) => Content::Passing,
            Err(kind) => Content::Malformed(kind),
        }
    }

    fn kernel_message(&mut self, message: &[u8], moment: &Moment) -> Result<Option<Signal>, BlemishKind> {
        self.recall.remember(moment.offset, None);
        let understood = kernel::read(message);
        // The packet filter's own limit: no token is used, and what waits goes on waiting.
        if let Ok(Some(Signal::Packet(_))) = understood {
            return understood;
        }
        let right_behind = self.recall.is_right_behind(moment);
        match understood {
            Ok(Some(Signal::Suppressed { .. })) => self.recall.wait_behind(*moment),
            Ok(None) if right_behind => return Ok(Some(Signal::OtherLimited)),
            _ => {}
        }
        understood
    }
}

/// The fields of one entry that matter.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// Offset of its first byte.
    start: Option<u64>,
    has_fields: bool,
    /// `__REALTIME_TIMESTAMP`: when journald received it.
    received_us: Option<i64>,
    /// `_SOURCE_REALTIME_TIMESTAMP`, for streams that name no reception.
    sent_us: Option<i64>,
    /// Written in front of the fields, for streams that name neither.
    written: Option<Written>,
    /// `__MONOTONIC_TIMESTAMP`.
    received_since_boot_us: Option<i64>,
    /// `_SOURCE_MONOTONIC_TIMESTAMP`: the printk clock.
    sent_since_boot_us: Option<i64>,
    boot: Option<BootId>,
    host: Option<Vec<u8>>,
    transport: Option<Transport>,
    /// `SYSLOG_FACILITY` is there and not 0: a user wrote it into /dev/kmsg.
    of_user: bool,
    is_journald: bool,
    /// A program whose words may be evidence, by the name it gave itself.
    program: Option<Program>,
    message: Vec<u8>,
    /// What is wrong with it.
    pub(super) damage: Option<BlemishKind>,
}

/// How an entry came to journald; journald itself writes this field and drops a client's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transport {
    Kernel,
    Driver,
    Other,
}

impl Entry {
    /// Its first byte stands here, if nothing of it stood before.
    pub(super) fn begins_at(&mut self, offset: u64) {
        self.start.get_or_insert(offset);
    }

    /// Its words are nobody's that is asked: only its moment counts.
    pub(super) fn silence(&mut self) {
        self.message.clear();
        self.program = None;
        self.is_journald = false;
    }

    /// Any field was seen.
    pub(super) fn has_fields(&self) -> bool {
        self.has_fields
    }

    /// One field. (A collector may have put a name of its own in the place of some; see `otherwise`.)
    pub(super) fn field(&mut self, name: &[u8], value: &[u8]) {
        self.has_fields = true;
        match name {
            b"__REALTIME_TIMESTAMP" => self.received_us = self.time(value),
            b"_SOURCE_REALTIME_TIMESTAMP" => self.sent_us = self.time(value),
            b"__MONOTONIC_TIMESTAMP" => self.received_since_boot_us = self.time(value),
            b"_SOURCE_MONOTONIC_TIMESTAMP" => self.sent_since_boot_us = self.time(value),
            b"_BOOT_ID" => self.boot = boot_id(value),
            b"_HOSTNAME" => self.host = Some(value.to_vec()),
            b"_TRANSPORT" => {
                // Written twice it is only what both say.
                let transport = transport(value);
                let agreed = self.transport.is_none_or(|before| before == transport);
                self.transport = Some(if agreed { transport } else { Transport::Other });
            }
            b"SYSLOG_FACILITY" => self.of_user |= value != b"0",
            b"SYSLOG_IDENTIFIER" => {
                self.is_journald |= matches!(value, b"systemd-journald" | b"systemd-journal");
                self.program = Program::named(value);
            }
            b"MESSAGE_ID" => self.is_journald |= value == MISSED_KERNEL_MESSAGES,
            b"MESSAGE" if self.message.is_empty() => self.message = value.to_vec(),
            _ => {}
        }
    }

    /// What the wrapper of the entry says, where the entry itself does not.
    pub(super) fn otherwise(&mut self, stamp_us: Option<i64>, host: Option<&[u8]>, message: Option<&[u8]>) {
        self.sent_us = self.sent_us.or(stamp_us);
        self.host = self.host.take().or_else(|| host.map(<[u8]>::to_vec));
        if let Some(message) = message.filter(|_| self.message.is_empty()) {
            self.message = message.to_vec();
        }
    }

    /// Times that stand in front of the fields (`-o verbose`).
    pub(super) fn header(&mut self, stamp: Written) {
        self.has_fields = true;
        self.written = Some(stamp);
    }

    /// A cursor, `s=…;i=…;b=…;m=…;t=…;x=…`: boot (`b`), time since it (`m`) and time (`t`, both in hexadecimal) of the
    /// entry's reception.
    pub(super) fn cursor(&mut self, cursor: &[u8]) {
        let hexadecimal = |value: &[u8]| i64::from_str_radix(std::str::from_utf8(value).ok()?, 16).ok();
        for part in cursor.split(|byte| *byte == b';') {
            match part {
                [b'b', b'=', id @ ..] => self.boot = self.boot.or_else(|| boot_id(id)),
                [b'm', b'=', us @ ..] => self.received_since_boot_us = hexadecimal(us),
                [b't', b'=', us @ ..] => self.received_us = hexadecimal(us),
                _ => {}
            }
        }
    }

    /// The message has more lines than the one that was given.
    pub(super) fn message_goes_on(&mut self) {
        if !self.message.ends_with(MORE_LINES) {
            self.message.extend_from_slice(MORE_LINES);
        }
    }

    /// Microseconds in decimal.
    fn time(&mut self, value: &[u8]) -> Option<i64> {
        let us = std::str::from_utf8(value).ok().and_then(|text| text.parse::<u64>().ok());
        let us = us.and_then(|us| i64::try_from(us).ok());
        if us.is_none() {
            self.damage = Some(BlemishKind::ImpossibleNumber);
        }
        us
    }

    fn moment(&self) -> Moment {
        let known = self.received_us.or(self.sent_us).map(Stamp::Absolute);
        let stamp = known.or(self.written.map(|written| written.stamp));
        Moment {
            offset: self.start.unwrap_or_default(),
            stamp,
            precision_us: known.map_or(self.written.map_or(0, |written| written.precision_us), |_| 1),
            since_boot_us: self.sent_since_boot_us.or(self.received_since_boot_us),
            seq: None,
        }
    }

    /// The kernel's own record, and no user's.
    pub(super) fn is_of_kernel(&self) -> bool {
        self.transport == Some(Transport::Kernel) && !self.of_user
    }

    /// What journald says of itself.
    pub(super) fn is_of_journald(&self) -> bool {
        self.is_journald && self.transport.is_none_or(|transport| transport == Transport::Driver)
    }
}

fn transport(value: &[u8]) -> Transport {
    match value {
        b"kernel" => Transport::Kernel,
        b"driver" => Transport::Driver,
        _ => Transport::Other,
    }
}

/// 32 hexadecimal digits.
fn boot_id(value: &[u8]) -> Option<BootId> {
    let mut id = [0; 16];
    if value.len() != 2 * id.len() || !value.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    for (byte, pair) in id.iter_mut().zip(value.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(BootId(id))
}
