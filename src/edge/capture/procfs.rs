//! The table as `/proc` prints it: what is left where netlink is not to be had.
//!
//! Worth less, and labelled so: it misses entries that lived all the while, and doubles some, whenever the table changes
//! under it. On older kernels every read walks the table from its beginning, so that a table of a million entries takes
//! hours; there it is not read beyond [`ENTRIES_MAX`].

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use super::clock;
use super::netlink::{Around, DumpError, Dumped, Shortfall, number};
use super::reading;
use crate::model::era::Release;
use crate::model::fold::{FlowSink, TableItem};
use crate::parse::table::{TableDialect, TableReader};

/// Entries up to which the list of an older kernel is read.
const ENTRIES_MAX: u64 = 50_000;
/// The first release of which it is known that a read goes on where the last one ended.
const RESUMES_FROM: Release = Release(6, 17, 0);
/// How long it may take, whatever else is granted: on an older kernel its cost grows with the square of its length.
const BUDGET_MAX: Duration = Duration::from_secs(5);
/// Bytes of a read. (The kernel gives a page at a time.)
const BLOCK_BYTES: usize = 64 * 1024;

/// The file of this thread's namespace; that of before 2.6.25 is of no namespace.
const PATHS: [(&str, TableDialect); 2] = [
    ("/proc/thread-self/net/nf_conntrack", TableDialect::ProcNfConntrack),
    ("/proc/net/ip_conntrack", TableDialect::ProcIpConntrack),
];

/// Reads it, if it is there and can be read in time.
pub(super) fn dump<S, W>(
    budget: Duration,
    release: Option<Release>,
    because: String,
    (mut sink, out): (S, W),
) -> Result<Dumped<S::Part, W>, DumpError>
where
    S: FlowSink,
    W: Write,
{
    let (count, buckets) = (number("count"), number("buckets"));
    let resumes = release.is_some_and(|release| release >= RESUMES_FROM);
    if let Some(count) = count.filter(|count| *count > ENTRIES_MAX && !resumes) {
        return Err(DumpError::Refused(format!(
            "/proc/net/nf_conntrack of {count} entries is not read: on this kernel the time for it grows with the square \
             of its length (at most {ENTRIES_MAX} entries are read so)"
        )));
    }
    let (began, started) = (clock::now(), Instant::now());
    let deadline = started + budget.min(BUDGET_MAX);
    let mut whys = Vec::new();
    let opened = PATHS.into_iter().find_map(|(path, dialect)| match reading::open(path) {
        Ok(file) => Some((file, dialect)),
        Err(error) => {
            whys.push(reading::why(path, &error));
            None
        }
    });
    let Some((mut file, dialect)) = opened else {
        return Err(DumpError::Refused(whys.into_iter().next().unwrap_or_default()));
    };
    let mut encoder = zstd::stream::write::Encoder::new(out, 1).map_err(DumpError::Keep)?;
    let mut counting = Counting { sink: &mut sink, entries: 0 };
    let mut lines = TableReader::new(dialect);
    let mut shortfalls = vec![Shortfall::FromProc(because)];
    let (mut block, mut filled, mut text_bytes) = (vec![0; BLOCK_BYTES], 0, 0u64);
    let mut kept = Ok(());
    loop {
        if Instant::now() >= deadline {
            shortfalls.push(Shortfall::OutOfTime(budget.min(BUDGET_MAX)));
            break;
        }
        let read = match file.read(block.get_mut(filled..).unwrap_or_default()) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                shortfalls.push(Shortfall::Receive(reading::words(&error)));
                break;
            }
        };
        let fresh = block.get(filled..filled + read).unwrap_or_default();
        kept = kept.and_then(|()| encoder.write_all(fresh));
        filled += read;
        // Whole lines; what is left of the last one goes in front of the next block.
        let end = match memchr::memrchr(b'\n', block.get(..filled).unwrap_or_default()) {
            Some(at) if read > 0 && filled < BLOCK_BYTES => at + 1,
            Some(at) if read > 0 => at + 1,
            _ => filled,
        };
        lines.block(block.get(..end).unwrap_or_default(), text_bytes, &mut counting);
        text_bytes += end as u64;
        block.copy_within(end..filled, 0);
        filled -= end;
        if read == 0 {
            break;
        }
    }
    lines.finish(&mut counting);
    let entries = counting.entries;
    let kept = kept.and_then(|()| encoder.finish()).map_err(|error| reading::words(&error));
    Ok(Dumped {
        part: sink.finish(),
        kept,
        began,
        took: started.elapsed(),
        entries,
        duplicates: 0,
        text_bytes,
        count: Around { before: count, after: number("count") },
        buckets: Around { before: buckets, after: number("buckets") },
        redone: false,
        shortfalls,
    })
}

/// Counts entries on their way.
struct Counting<'a, S> {
    sink: &'a mut S,
    entries: u64,
}

impl<S: FlowSink> FlowSink for Counting<'_, S> {
    type Part = Nothing;

    fn take(&mut self, item: &TableItem) {
        self.entries += u64::from(matches!(item, TableItem::Flow(_)));
        self.sink.take(item);
    }

    fn finish(self) -> Nothing {
        Nothing
    }
}

/// No part: the sink within is finished by its owner, or nothing is to be folded.
#[derive(Debug, Default)]
pub(super) struct Nothing;

impl FlowSink for Nothing {
    type Part = Self;

    fn take(&mut self, _: &TableItem) {}

    fn finish(self) -> Self {
        self
    }
}

impl crate::model::fold::Part for Nothing {
    fn join(self, _: Self) -> Self {
        self
    }
}
