//! The kernel's ring, `/dev/kmsg` (Documentation/ABI/testing/dev-kmsg; `devkmsg_read`, kernel/printk/printk.c).
//!
//! One read gives one record. EPIPE says that the next one was written over before it was read, and how many is told by
//! the numbers; EINVAL that a record did not fit and is gone. Facility 0 is the kernel's own: what users write there gets
//! another one, and is passed over. Numbers begin again with each boot, so a place is a boot and a number.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, open};
use rustix::io::{Errno, read};

use super::bell::Bell;
use super::hand::{Hand, Out};
use super::{LAST_PATIENCE, LOOK_EVERY, Options, clocks};
use crate::model::fold::{Part, RecordSink};
use crate::model::live::gap::{GapKind, Severity};
use crate::model::live::position::{Place, Position};
use crate::model::record::{Content, Record, Trust};
use crate::model::time::{BootId, Stamp};
use crate::parse::log::kmsg::{Numbered, numbered};
use crate::parse::log::lines::LineParser;

/// Room for one record: what does not fit is consumed and lost (`PRINTKRB_RECORD_MAX`, at most 8 KiB up to 6.x).
const RECORD_BYTES: usize = 16 * 1024;
/// Records read in one go.
const RECORDS_MAX: usize = 4_096;
/// Wall time of a record: printk's clock drifts by so much from the monotonic one in a while.
const PRECISION_US: u32 = 1_000;

/// What one read gave.
enum Given<'a> {
    Record(&'a [u8]),
    /// Nothing more for now.
    End,
    /// The next record was written over.
    Overrun,
    /// A record was lost.
    Unreadable,
}

/// Follows the ring.
pub(super) fn run<S: RecordSink + Default>(
    position: Option<Position>,
    options: &Options,
    bell: &Arc<Bell>,
    mut hand: Hand<S>,
) {
    let boot = match clocks::boot_id() {
        Ok(boot) => boot,
        Err(error) => {
            return hand.end(
                position.as_ref(),
                Some(format!("this boot has no name: {error}")),
                LAST_PATIENCE,
            );
        }
    };
    let mut ring = Ring::new(boot, position, options.from_beginning || options.once);
    let mut file = None;
    let mut buffer = vec![0; RECORD_BYTES];
    while !hand.is_done() {
        let now = clocks::now();
        bell.beat(now.uptime_us);
        let opened = match file.take() {
            Some(file) => Ok(file),
            None => open_ring(&options.kmsg),
        };
        let opened = match opened {
            Ok(opened) => opened,
            Err(error) => {
                let (words, hint) = refused(&options.kmsg, &error);
                hand.trouble(now, Severity::Deaf, words, Some(hint));
                hand.hand_over_if_due(now, || ring.position());
                if options.once || bell.wait(LOOK_EVERY, None).is_err() {
                    break;
                }
                continue;
            }
        };
        let ended = match ring.read(&opened, &mut buffer, &mut hand) {
            Ok(ended) => {
                hand.well(now);
                file = Some(opened);
                ended
            }
            // It is opened again, and what was read already is told by its number.
            Err(error) => {
                let words = format!("{} cannot be read: {error}", options.kmsg.display());
                hand.trouble(now, Severity::Deaf, words, None);
                ring.reopened();
                true
            }
        };
        let now = clocks::now();
        if std::mem::take(&mut ring.turned) {
            hand.hand_over(now, ring.position());
        } else {
            hand.hand_over_if_due(now, || ring.position());
        }
        if !ended {
            continue;
        }
        if options.once {
            break;
        }
        let patience = hand.due_in(clocks::now()).unwrap_or(LOOK_EVERY).min(LOOK_EVERY);
        if bell.wait(patience, file.as_ref().map(AsFd::as_fd)).is_err() {
            std::thread::sleep(patience);
        }
    }
    hand.end(ring.position().as_ref(), None, LAST_PATIENCE);
}

fn open_ring(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    Ok(File::from(open(path, flags, Mode::empty())?))
}

/// Why the ring cannot be opened, and what to do.
fn refused(path: &Path, error: &io::Error) -> (String, &'static str) {
    let hint = match Errno::from_io_error(error) {
        Some(Errno::PERM) => {
            "kernel.dmesg_restrict is 1: give CAP_SYSLOG (systemd: AmbientCapabilities=CAP_SYSLOG, ProtectKernelLogs=no)"
        }
        Some(Errno::ACCESS) => {
            "the device may not be read: its mode, or DeviceAllow=/dev/kmsg r with DevicePolicy=closed"
        }
        Some(Errno::NOENT | Errno::NXIO | Errno::NODEV) => {
            "the device is hidden: PrivateDevices=no with DeviceAllow=/dev/kmsg r (in a container: follow the journal)"
        }
        _ => "follow the journal or a file instead",
    };
    (format!("{} cannot be opened: {}", path.display(), crate::edge::read::open::words(error)), hint)
}

/// Where the reader of the ring is.
struct Ring {
    boot: BootId,
    /// Behind this record, if any was passed.
    last: Option<u64>,
    stream: u64,
    /// Records up to the present end are passed over; those that came after this moment (monotonic) are not.
    only_from_us: Option<i64>,
    /// What was passed before a restart: not more than a note of it, until the first record tells.
    resumed: bool,
    /// The position moved for another reason than records.
    turned: bool,
    overrun: bool,
    parser: LineParser,
    host: Option<Vec<u8>>,
}

impl Ring {
    fn new(boot: BootId, position: Option<Position>, from_beginning: bool) -> Self {
        let stream = position.as_ref().map_or(0, |position| position.stream);
        let (last, only_from_us) = match position.map(|position| position.place) {
            Some(Place::Kmsg { boot: then, seq }) if then == boot => (Some(seq), None),
            // Another boot's place: all of this boot is new.
            Some(_) => (None, None),
            None => (None, (!from_beginning).then(clocks::monotonic_us)),
        };
        let host = rustix::system::uname().nodename().to_bytes().to_vec();
        Self {
            boot,
            last,
            stream,
            only_from_us,
            resumed: last.is_some(),
            turned: false,
            overrun: false,
            parser: LineParser::default(),
            host: Some(host).filter(|host| !host.is_empty()),
        }
    }

    /// None while what is not asked for is being passed over, or the ring is empty.
    fn position(&self) -> Option<Position> {
        let seq = self.last.filter(|_| self.only_from_us.is_none())?;
        Some(Position { stream: self.stream, place: Place::Kmsg { boot: self.boot, seq } })
    }

    /// The file was opened anew and stands at the oldest record.
    fn reopened(&mut self) {
        self.resumed = self.last.is_some();
    }

    /// Reads what there is, some of it at least. True at the end.
    fn read<S: RecordSink + Default>(
        &mut self,
        file: &File,
        buffer: &mut [u8],
        hand: &mut Hand<S>,
    ) -> io::Result<bool> {
        for _ in 0..RECORDS_MAX {
            let given = match read(file, &mut *buffer) {
                Ok(0) | Err(Errno::AGAIN) => Given::End,
                Ok(count) => Given::Record(buffer.get(..count).unwrap_or_default()),
                Err(Errno::PIPE) => Given::Overrun,
                Err(Errno::INVAL) => Given::Unreadable,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            let clocks = Clocks { monotonic_us: clocks::monotonic_us(), wall_us: clocks::now().wall.0 };
            let now = clocks::now();
            if !self.take(&given, clocks, &mut hand.out(now)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// False at the end.
    fn take<S: RecordSink>(&mut self, given: &Given<'_>, clocks: Clocks, out: &mut Out<'_, S>) -> bool {
        match given {
            Given::End => {
                // From here on everything is new.
                self.turned |= self.only_from_us.take().is_some();
                return false;
            }
            Given::Overrun => self.overrun = true,
            Given::Unreadable => {
                let words = "a record of the kernel's ring could not be read and is lost".to_owned();
                out.gap_that_numbers_tell(GapKind::Unreadable, Some(1), words);
                // Its number is not used by the next one.
                self.last = self.last.map(|last| last + 1);
            }
            Given::Record(record) => self.record(record, clocks, out),
        }
        true
    }

    fn record<S: RecordSink>(&mut self, bytes: &[u8], clocks: Clocks, out: &mut Out<'_, S>) {
        let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let Some(numbered) = numbered(line) else {
            // Not a record at all: whatever was opened is not the kernel's ring.
            let words = "what is no record was read from the kernel's ring".to_owned();
            return out.gap_that_numbers_tell(GapKind::Unreadable, None, words);
        };
        if self.resumed && self.last.is_some_and(|last| numbered.seq <= last) {
            return;
        }
        self.note_gap(numbered.seq, out);
        self.last = Some(numbered.seq);
        if self.only_from_us.is_some_and(|from| numbered.since_boot_us < from) {
            return;
        }
        let mut own = Own { sink: out.sink, ring: (self.boot, self.host.as_deref()), numbered, clocks };
        self.parser.block(line, self.stream, &mut own);
        self.stream += bytes.len() as u64;
    }

    fn note_gap<S: RecordSink>(&mut self, seq: u64, out: &mut Out<'_, S>) {
        let (overrun, resumed) = (std::mem::take(&mut self.overrun), std::mem::take(&mut self.resumed));
        // In front of the first record of all nothing was promised.
        let Some(last) = self.last.filter(|_| self.only_from_us.is_none()) else { return };
        let missing = seq.saturating_sub(last).saturating_sub(1);
        if missing == 0 {
            return;
        }
        let words = if resumed {
            format!("{missing} records of the kernel's ring were written over while nobody read it")
        } else if overrun {
            format!("{missing} records of the kernel's ring were written over before they were read")
        } else {
            format!("the kernel's ring goes on {missing} records later")
        };
        out.gap_that_numbers_tell(GapKind::Overrun, Some(missing), words);
    }
}

/// Both clocks at the moment of reading.
#[derive(Debug, Clone, Copy)]
struct Clocks {
    monotonic_us: i64,
    wall_us: i64,
}

/// Makes the parser's records those of a ring that we read ourselves.
struct Own<'a, S> {
    sink: &'a mut S,
    ring: (BootId, Option<&'a [u8]>),
    numbered: Numbered,
    clocks: Clocks,
}

/// [`Own`] only passes on.
#[derive(Debug, Default)]
struct Passed;

impl Part for Passed {
    fn join(self, _: Self) -> Self {
        self
    }
}

impl<S: RecordSink> RecordSink for Own<'_, S> {
    type Part = Passed;

    fn take(&mut self, record: &Record<'_>) {
        let mut record = record.clone();
        let age_us = self.clocks.monotonic_us.saturating_sub(self.numbered.since_boot_us).max(0);
        let wall_us = self.clocks.wall_us.saturating_sub(age_us);
        (record.moment.stamp, record.moment.precision_us) = (Some(Stamp::Absolute(wall_us)), PRECISION_US);
        (record.boot, record.host) = (Some(self.ring.0), self.ring.1);
        record.trust = Trust::Kernel;
        if self.numbered.facility != 0 {
            // Only its number counts.
            (record.content, record.raw) = (Content::Passing, b"");
        }
        self.sink.take(&record);
    }

    fn finish(self) -> Passed {
        Passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::live::clock::Now;
    use crate::model::live::gap::Gap;
    use crate::model::signal::Signal;
    use crate::model::time::WallTime;

    const BOOT: BootId = BootId([7; 16]);
    const FULL: &str = "nf_conntrack: nf_conntrack: table full, dropping packet";

    /// Records as they came: number, whether it says something, wall time.
    #[derive(Debug, Default)]
    struct Seen(Vec<(u64, bool, Option<i64>, Trust)>);

    impl Part for Seen {
        fn join(self, _: Self) -> Self {
            self
        }
    }

    impl RecordSink for Seen {
        type Part = Self;

        fn take(&mut self, record: &Record<'_>) {
            assert_eq!(record.boot, Some(BOOT));
            let says = matches!(record.content, Content::Signal(Signal::Full(_)));
            let us = record.moment.stamp.map(Stamp::us);
            self.0.push((record.moment.seq.unwrap(), says, us, record.trust));
        }

        fn finish(self) -> Self {
            self
        }
    }

    struct Bench {
        ring: Ring,
        seen: Seen,
        gaps: Vec<Gap>,
        clocks: Clocks,
    }

    impl Bench {
        fn new(position: Option<Position>) -> Self {
            let ring = Ring::new(BOOT, position, true);
            let clocks = Clocks { monotonic_us: 100_000_000, wall_us: 1_700_000_000_000_000 };
            Self { ring, seen: Seen::default(), gaps: Vec::new(), clocks }
        }

        fn give(&mut self, given: &Given<'_>) -> bool {
            let now = Now { uptime_us: 0, wall: WallTime(0) };
            let mut out = Out { sink: &mut self.seen, gaps: &mut self.gaps, now };
            self.ring.take(given, self.clocks, &mut out)
        }

        fn record(&mut self, priority: u8, seq: u64, text: &str) {
            let record = format!("{priority},{seq},99000000,-;{text}\n SUBSYSTEM=net\n DEVICE=+x\n");
            assert!(self.give(&Given::Record(record.as_bytes())));
        }

        fn numbers(&self) -> Vec<u64> {
            self.seen.0.iter().map(|seen| seen.0).collect()
        }

        fn losses(&self) -> Vec<Option<u64>> {
            self.gaps.iter().map(|gap| gap.lost).collect()
        }
    }

    fn behind(boot: BootId, seq: u64) -> Position {
        Position { stream: 5, place: Place::Kmsg { boot, seq } }
    }

    #[test]
    fn k01_an_overrun_loses_exactly_as_many_as_the_numbers_say() {
        let mut bench = Bench::new(None);
        bench.record(4, 10, FULL);
        assert!(bench.give(&Given::Overrun));
        bench.record(4, 1_011, FULL);
        assert_eq!((bench.numbers(), bench.losses()), (vec![10, 1_011], vec![Some(1_000)]));
        bench.record(4, 1_012, FULL);
        assert_eq!(bench.gaps.len(), 1);
    }

    #[test]
    fn k02_after_a_restart_what_was_read_is_passed_over_and_what_was_lost_is_counted() {
        let mut bench = Bench::new(Some(behind(BOOT, 11)));
        (10..14).for_each(|seq| bench.record(4, seq, FULL));
        assert_eq!((bench.numbers(), bench.losses()), (vec![12, 13], vec![]));
        let mut bench = Bench::new(Some(behind(BOOT, 11)));
        bench.record(4, 20, FULL);
        assert_eq!((bench.numbers(), bench.losses()), (vec![20], vec![Some(8)]));
        assert_eq!(bench.ring.position().unwrap().place, Place::Kmsg { boot: BOOT, seq: 20 });
    }

    #[test]
    fn k03_a_new_boot_is_read_from_its_oldest_record() {
        let mut bench = Bench::new(Some(behind(BootId([8; 16]), 5_000)));
        (3..6).for_each(|seq| bench.record(4, seq, FULL));
        assert_eq!((bench.numbers(), bench.losses()), (vec![3, 4, 5], vec![]));
    }

    #[test]
    fn k04_what_a_user_wrote_says_nothing_and_its_number_counts() {
        let mut bench = Bench::new(None);
        bench.record(4, 1, FULL);
        bench.record(12, 2, FULL);
        bench.record(8, 3, "nginx: connect() failed (110: Connection timed out)");
        bench.record(4, 4, FULL);
        let says: Vec<bool> = bench.seen.0.iter().map(|seen| seen.1).collect();
        assert_eq!((says, bench.losses()), (vec![true, false, false, true], vec![]));
        assert!(bench.seen.0.iter().all(|seen| seen.3 == Trust::Kernel));
    }

    #[test]
    fn k05_continuations_long_records_and_escapes_are_read() {
        let mut bench = Bench::new(None);
        bench.record(4, 1, &"x".repeat(4_000));
        assert!(bench.give(&Given::Record(
            b"4,2,99000000,c,caller=T1;nf_conntrack: nf_conntrack: table full, dropping packet\n"
        )));
        bench.record(4, 3, r"a\x0ab\x1b[31m");
        assert!(bench.give(&Given::Record(b"no record")));
        assert_eq!(bench.numbers(), [1, 2, 3]);
        assert!(bench.seen.0[1].1);
        assert_eq!(bench.losses(), [None]);
    }

    #[test]
    fn k07_the_wall_time_of_a_record_follows_the_clock_at_the_time_of_reading() {
        let mut bench = Bench::new(None);
        bench.record(4, 1, FULL);
        bench.clocks.wall_us += 3_600_000_000;
        bench.record(4, 2, FULL);
        let times: Vec<i64> = bench.seen.0.iter().filter_map(|seen| seen.2).collect();
        assert_eq!(times, [1_699_999_999_000_000, 1_700_003_599_000_000]);
    }

    #[test]
    fn an_unreadable_record_is_one_loss_and_not_two() {
        let mut bench = Bench::new(None);
        bench.record(4, 1, FULL);
        assert!(bench.give(&Given::Unreadable));
        bench.record(4, 3, FULL);
        assert_eq!((bench.numbers(), bench.losses()), (vec![1, 3], vec![Some(1)]));
    }

    #[test]
    fn from_now_on_begins_at_the_end_of_what_there_is() {
        let mut bench = Bench::new(None);
        bench.ring.only_from_us = Some(99_500_000);
        bench.record(4, 1, FULL);
        bench.record(4, 2, FULL);
        assert_eq!(bench.ring.position(), None);
        assert!(!bench.give(&Given::End));
        assert!(bench.ring.turned);
        assert_eq!(bench.ring.position().unwrap().place, Place::Kmsg { boot: BOOT, seq: 2 });
        bench.record(4, 3, FULL);
        assert_eq!((bench.numbers(), bench.losses()), (vec![3], vec![]));
    }
}
