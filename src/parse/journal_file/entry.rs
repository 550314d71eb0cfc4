//! Entries of a journal file, one after another, as the records that its export would give.

use std::collections::BTreeSet;

use crate::model::blemish::BlemishKind;
use crate::model::fold::RecordSink;
use crate::model::record::{Content, Record, Trust};
use crate::model::time::{BootId, Moment, Stamp};
use crate::parse::log::export::ExportParser;

use super::store::{Entry, Exhausted, Layout, NoValue, Store};

/// Bytes of `NAME=value` that are kept: a kernel message has at most 8 KiB.
const VALUE_BYTES_MAX: usize = 64 * 1024;
/// A longer value of another field than MESSAGE says nothing that is wanted.
const OTHER_BYTES_MAX: usize = 4 * 1024;
/// Bytes of a field's name (`journal_field_valid`).
const NAME_BYTES_MAX: usize = 64;
/// Values remembered, and their length: host, boot, priority, transport are the same in most entries.
const REMEMBERED_MAX: usize = 1024;
const REMEMBERED_BYTES_MAX: usize = 256;
/// Damaged objects that are told apart, so that one to which all entries refer is damage once.
const DAMAGED_MAX: usize = 4096;

/// Turns entries into records.
pub(super) struct Entries {
    layout: Layout,
    parser: ExportParser,
    /// Values by the offset of their object, modulo their number.
    remembered: Vec<(u64, Vec<u8>)>,
    damaged: BTreeSet<u64>,
    /// One past the last entry taken: objects do not overlap.
    behind: u64,
    /// No object was looked for by its looks so far: what looks like one may stand in somebody's message.
    is_certain: bool,
    /// One entry in the export's words.
    text: Vec<u8>,
}

/// One entry, read.
#[derive(Default)]
struct Fields {
    /// First object of it that is damaged.
    damage: Option<u64>,
    message: bool,
    of_kernel: bool,
    of_facility_0: bool,
}

impl Fields {
    /// Whatever its damaged fields were, this is a record of the kernel.
    fn is_surely_of_kernel(&self) -> bool {
        self.message && self.of_kernel && self.of_facility_0
    }
}

impl Entries {
    pub(super) fn new(layout: Layout) -> Self {
        Self {
            layout,
            parser: ExportParser::default(),
            remembered: vec![(0, Vec::new()); REMEMBERED_MAX],
            damaged: BTreeSet::new(),
            behind: 0,
            is_certain: true,
            text: Vec::new(),
        }
    }

    /// From here on objects were looked for by their looks.
    pub(super) fn lose_framing(&mut self) {
        self.is_certain = false;
    }

    /// One past the last entry taken, where an object begins; 0 before the first.
    pub(super) fn behind(&self) -> u64 {
        self.behind
    }

    /// The entry at `at`, one record; and one for each damaged object that it is the first to show. False: there is no
    /// entry at `at`.
    pub(super) fn take(
        &mut self,
        at: u64,
        store: &mut Store<'_>,
        sink: &mut impl RecordSink,
    ) -> Result<bool, Exhausted> {
        let entry = store.entry(at, self.layout).filter(|entry| {
            // An entry that lost its last items by a wrong size would be believed without them.
            at >= self.behind && store.is_between_objects(entry.object.end(), self.layout)
        });
        let Some(entry) = entry else { return Ok(false) };
        self.behind = entry.object.end();
        let fields = self.read(&entry, store)?;
        if let Some(damaged) = fields.damage {
            if !fields.is_surely_of_kernel() {
                self.malformed(moment(&entry), Some(BootId(entry.boot)), sink);
                return Ok(true);
            }
            if self.damaged.len() < DAMAGED_MAX && self.damaged.insert(damaged) {
                self.malformed(moment(&entry), Some(BootId(entry.boot)), sink);
            }
        }
        let mut placed = Placed { offset: at, trust: self.trust(), sink };
        self.parser.push(&self.text, &mut placed);
        Ok(true)
    }

    /// Damage at `at`, where no entry could be read.
    pub(super) fn note_damage(&mut self, at: u64, sink: &mut impl RecordSink) {
        let nowhen = Moment { offset: at, stamp: None, precision_us: 0, since_boot_us: None, seq: None };
        self.malformed(nowhen, None, sink);
    }

    fn malformed(&self, moment: Moment, boot: Option<BootId>, sink: &mut impl RecordSink) {
        let content = Content::Malformed(BlemishKind::BrokenFraming);
        sink.take(&Record { moment, host: None, boot, trust: self.trust(), content, raw: b"" });
    }

    fn trust(&self) -> Trust {
        if self.is_certain { Trust::AsRecorded } else { Trust::Unverified }
    }

    /// Writes the entry down as `journalctl -o export` does. The boot is that of the entry, as there.
    fn read(&mut self, entry: &Entry, store: &mut Store<'_>) -> Result<Fields, Exhausted> {
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        put(&mut text, b"__REALTIME_TIMESTAMP", entry.realtime_us.to_string().as_bytes());
        put(&mut text, b"__MONOTONIC_TIMESTAMP", entry.monotonic_us.to_string().as_bytes());
        put(&mut text, b"_BOOT_ID", hex(entry.boot).as_bytes());
        let mut fields = Fields::default();
        for index in 0..entry.items {
            let item = store.item(entry, index, self.layout);
            let at = item.map_or(0, |(at, _)| at);
            let value = match item {
                Some((at, hash)) if at < entry.object.at => self.value(at, hash, store),
                _ => Err(NoValue::Damaged),
            };
            match value {
                Ok(value) => self.put_field(&mut text, at, &value, &mut fields),
                Err(NoValue::Damaged) => drop(fields.damage.get_or_insert(at)),
                Err(NoValue::Exhausted) => return Err(Exhausted),
            }
        }
        text.push(b'\n');
        self.text = text;
        Ok(fields)
    }

    fn put_field(&mut self, text: &mut Vec<u8>, at: u64, value: &Value, fields: &mut Fields) {
        let payload = match value {
            Value::Remembered(slot) => self.remembered.get(*slot).map_or(&[][..], |(_, value)| value),
            Value::Read(value) => value,
            Value::Long => return,
        };
        let equals = memchr::memchr(b'=', payload.get(..=NAME_BYTES_MAX).unwrap_or(payload));
        let Some((name, value)) = equals.and_then(|equals| payload.split_at_checked(equals)) else {
            fields.damage.get_or_insert(at);
            return;
        };
        let value = value.strip_prefix(b"=").unwrap_or(value);
        if !is_name(name) {
            fields.damage.get_or_insert(at);
            return;
        }
        match name {
            b"_BOOT_ID" => return,
            b"MESSAGE" => fields.message = true,
            b"_TRANSPORT" => fields.of_kernel |= value == b"kernel",
            b"SYSLOG_FACILITY" => fields.of_facility_0 |= value == b"0",
            _ => {}
        }
        put(text, name, value);
    }

    /// The value of the DATA object at `at`, which the entry says has this hash.
    fn value(&mut self, at: u64, hash: Option<u64>, store: &mut Store<'_>) -> Result<Value, NoValue> {
        let slot = usize::try_from(at / 8 % REMEMBERED_MAX as u64).unwrap_or(0);
        if self.remembered.get(slot).is_some_and(|(known, _)| *known == at && at != 0) {
            return Ok(Value::Remembered(slot));
        }
        let data = store.data(at, self.layout).ok_or(NoValue::Damaged)?;
        if hash.is_some_and(|hash| hash != data.hash) {
            return Err(NoValue::Damaged);
        }
        let read = store.payload(&data, VALUE_BYTES_MAX, self.layout)?;
        let is_message = read.bytes.starts_with(b"MESSAGE=");
        if !is_message && (!read.is_whole || read.bytes.len() > OTHER_BYTES_MAX) {
            return Ok(Value::Long);
        }
        if read.bytes.len() > REMEMBERED_BYTES_MAX || is_message {
            return Ok(Value::Read(read.bytes));
        }
        match self.remembered.get_mut(slot) {
            Some(place) => {
                *place = (at, read.bytes);
                Ok(Value::Remembered(slot))
            }
            None => Ok(Value::Read(read.bytes)),
        }
    }
}

/// Where a value is.
enum Value {
    Remembered(usize),
    Read(Vec<u8>),
    /// Too long to matter.
    Long,
}

/// Gives records their place in the file instead of that in the export.
struct Placed<'a, S> {
    offset: u64,
    trust: Trust,
    sink: &'a mut S,
}

impl<S: RecordSink> RecordSink for Placed<'_, S> {
    type Part = S::Part;

    fn take(&mut self, record: &Record<'_>) {
        self.sink.take(&Record {
            moment: Moment { offset: self.offset, ..record.moment },
            trust: record.trust.min(self.trust),
            content: record.content.clone(),
            ..*record
        });
    }

    fn finish(self) -> S::Part {
        S::Part::default()
    }
}

fn moment(entry: &Entry) -> Moment {
    Moment {
        offset: entry.object.at,
        stamp: i64::try_from(entry.realtime_us).ok().map(Stamp::Absolute),
        precision_us: u32::from(i64::try_from(entry.realtime_us).is_ok()),
        since_boot_us: i64::try_from(entry.monotonic_us).ok(),
        seq: None,
    }
}

/// `NAME=value`, or the form with a length where the value has line ends.
fn put(text: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    text.extend_from_slice(name);
    if memchr::memchr(b'\n', value).is_some() {
        text.push(b'\n');
        text.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        text.push(b'=');
    }
    text.extend_from_slice(value);
    text.push(b'\n');
}

fn hex(id: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(id))
}

/// `[A-Z_][A-Z0-9_]*`, as in exports: another name would break their framing.
fn is_name(name: &[u8]) -> bool {
    let of_name = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    name.first().is_some_and(|first| !first.is_ascii_digit()) && name.iter().all(of_name)
}
