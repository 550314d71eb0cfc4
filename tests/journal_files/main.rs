//! Native journal files: the same records as their export, whatever shape they have; damage is said and never silent;
//! whatever a hostile file says, reading it ends. `journalctl` and `systemd-journal-remote` are the second opinion where
//! they are installed.

#![allow(clippy::disallowed_methods, reason = "tests run programs and read files")]
#![allow(unreachable_pub, reason = "one test, two files")]

#[path = "../common/mod.rs"]
mod common;
mod writer;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use common::{conntriage, outcome, skip};
use conntriage::model::fold::{Part, RecordSink};
use conntriage::model::record::{Content, Record, Trust};
use conntriage::model::signal::Signal;
use conntriage::model::time::{BootId, Moment};
use conntriage::parse::journal_file::{self, Bytes, Fault};
use conntriage::parse::log::export::ExportParser;
use proptest::prelude::*;
use serde_json::Value;
use writer::{Entry, Packing, Shape, Writer, shapes};

/// What a record says, its place aside.
#[derive(Debug, Clone, PartialEq)]
struct Told {
    moment: Moment,
    host: Option<Vec<u8>>,
    boot: Option<BootId>,
    trust: Trust,
    content: Content,
    raw: Vec<u8>,
}

#[derive(Default)]
struct All {
    told: Vec<Told>,
    places: Vec<u64>,
}

#[derive(Default)]
struct Nothing;

impl Part for Nothing {
    fn join(self, _: Self) -> Self {
        self
    }
}

impl RecordSink for All {
    type Part = Nothing;

    fn take(&mut self, record: &Record<'_>) {
        self.places.push(record.moment.offset);
        self.told.push(Told {
            moment: Moment { offset: 0, ..record.moment },
            host: record.host.map(<[u8]>::to_vec),
            boot: record.boot,
            trust: record.trust,
            content: record.content.clone(),
            raw: record.raw.to_vec(),
        });
    }

    fn finish(self) -> Nothing {
        Nothing
    }
}

impl All {
    fn signals(&self) -> Vec<Signal> {
        let signals = self.told.iter().filter_map(|told| match &told.content {
            Content::Signal(signal) => Some(signal.clone()),
            _ => None,
        });
        signals.collect()
    }

    fn malformed(&self) -> usize {
        self.told.iter().filter(|told| matches!(told.content, Content::Malformed(_))).count()
    }

    /// Those that say something, and the first and last of all.
    fn telling(&self) -> Vec<Told> {
        let last = self.told.len().saturating_sub(1);
        let telling = |(at, told): (usize, &Told)| {
            (at == 0 || at == last || told.content != Content::Passing).then(|| told.clone())
        };
        self.told.iter().enumerate().filter_map(telling).collect()
    }
}

/// Bytes in memory; counts what is read.
struct Memory<'a> {
    bytes: &'a [u8],
    read: usize,
}

impl Bytes for Memory<'_> {
    fn length(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> usize {
        let from = usize::try_from(offset).unwrap().min(self.bytes.len());
        let count = into.len().min(self.bytes.len() - from);
        into[..count].copy_from_slice(&self.bytes[from..from + count]);
        self.read += count;
        count
    }
}

fn read(bytes: &[u8]) -> (All, Result<(), Fault>) {
    let mut all = All::default();
    let ended = journal_file::read(&mut Memory { bytes, read: 0 }, &mut all);
    assert!(all.places.is_sorted() || all.malformed() > 0, "records come in order");
    (all, ended)
}

fn read_export(text: &[u8]) -> All {
    let (mut parser, mut all) = (ExportParser::default(), All::default());
    parser.push(text, &mut all);
    parser.finish(&mut all);
    all
}

const FULL: &str = "nf_conntrack: nf_conntrack: table full, dropping packet";

fn fields(lines: &[&str]) -> Vec<Vec<u8>> {
    let common = ["_HOSTNAME=gw1", "_MACHINE_ID=0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f"];
    common.iter().chain(lines).map(|line| line.as_bytes().to_vec()).collect()
}

fn of_kernel(message: &str) -> Vec<Vec<u8>> {
    let message = format!("MESSAGE={message}");
    fields(&["_TRANSPORT=kernel", "SYSLOG_FACILITY=0", "SYSLOG_IDENTIFIER=kernel", "PRIORITY=4", &message])
}

/// A day of a machine in `count` entries, over two boots: every `every`th of the kernel.
fn entries(count: u64, every: u64) -> Vec<Entry> {
    let entry = |number: u64| {
        let monotonic_us = 40_000_000 + number % (count / 2 + 1) * 13_000;
        let mut said = match number % every {
            7 => of_kernel(FULL),
            8 => of_kernel(&format!("net_ratelimit: {} callbacks suppressed", number % 97 + 1)),
            9 => of_kernel(&format!("Command line: {}", "quiet console=ttyS0 ".repeat(40))),
            10 => fields(&[
                "_TRANSPORT=driver",
                "SYSLOG_IDENTIFIER=systemd-journald",
                "MESSAGE_ID=e9bf28e6e834481bb6f48f548ad13606",
                &format!("MESSAGE=Missed {} kernel messages", number % 9 + 1),
            ]),
            // A user wrote it into /dev/kmsg.
            11 => {
                fields(&["_TRANSPORT=kernel", "SYSLOG_FACILITY=1", "PRIORITY=4", &format!("MESSAGE={FULL}")])
            }
            // A user sent it to journald.
            12 => fields(&["_TRANSPORT=syslog", "SYSLOG_IDENTIFIER=kernel", &format!("MESSAGE={FULL}")]),
            _ => fields(&[
                "_TRANSPORT=syslog",
                &format!("_PID={}", number % 50),
                &format!("MESSAGE=request {number}\nof {FULL}"),
            ]),
        };
        if said[2] == b"_TRANSPORT=kernel" {
            said.push(format!("_SOURCE_MONOTONIC_TIMESTAMP={}", monotonic_us - 300).into_bytes());
        }
        let boot = if number <= count / 2 { [0x5a; 16] } else { [0x3c; 16] };
        Entry { realtime_us: 1_789_236_000_000_000 + number * 13_000, monotonic_us, boot, fields: said }
    };
    (0..count).map(entry).collect()
}

fn export(entries: &[Entry]) -> Vec<u8> {
    entries.iter().flat_map(Entry::export).collect()
}

const PLAIN: Shape = Shape { is_compact: false, is_keyed: true, is_sealed: false, packing: Packing::None };

#[test]
fn a_journal_of_any_shape_gives_the_records_of_its_export() {
    let entries = entries(1_500, 20);
    let expected = read_export(&export(&entries));
    assert!(expected.signals().len() > 200);
    for shape in shapes() {
        let (all, ended) = read(&Writer::file(shape, &entries));
        assert_eq!(ended, Ok(()), "{shape:?}");
        assert_eq!(all.telling(), expected.telling(), "{shape:?}");
    }
}

#[test]
fn space_that_is_set_aside_for_more_is_no_damage_and_a_journal_without_entries_no_fault() {
    for count in [0, 1, 2, 300] {
        let entries = entries(count, 20);
        for shape in shapes() {
            let mut bytes = Writer::file(shape, &entries);
            bytes.resize(bytes.len() + 100_000, 0);
            for state in 0..3 {
                bytes[16] = state;
                let (all, ended) = read(&bytes);
                assert_eq!((all.malformed(), ended), (0, Ok(())), "{shape:?}");
                assert_eq!(all.telling(), read_export(&export(&entries)).telling(), "{shape:?}");
            }
        }
    }
}

#[test]
fn kernel_records_are_found_by_the_index_and_not_by_reading_all() {
    let bytes = Writer::file(PLAIN, &entries(60_000, 20_000));
    let mut memory = Memory { bytes: &bytes, read: 0 };
    let mut all = All::default();
    assert_eq!(journal_file::read(&mut memory, &mut all), Ok(()));
    assert_eq!(all.signals().len(), 9);
    assert!(memory.read * 30 < bytes.len(), "{} of {} bytes were read", memory.read, bytes.len());
}

#[test]
fn a_journal_that_was_cut_gives_what_stands_before_the_cut_and_says_so() {
    let entries = entries(400, 20);
    for shape in shapes().into_iter().filter(|shape| shape.packing != Packing::Xz) {
        let mut writer = Writer::new(shape);
        let ends: Vec<usize> = entries
            .iter()
            .map(|entry| {
                writer.entry(entry);
                let at = usize::try_from(*writer.places().last().unwrap()).unwrap();
                let size = u64::from_le_bytes(writer.bytes[at + 8..at + 16].try_into().unwrap());
                at + usize::try_from(size).unwrap()
            })
            .collect();
        for cut in (0..writer.bytes.len()).step_by(4_999) {
            let (all, ended) = read(&writer.bytes[..cut]);
            assert_eq!(ended, Err(Fault::Cut), "{shape:?} cut at {cut}");
            let whole = ends.iter().filter(|end| **end <= cut).count();
            let expected = read_export(&export(&entries[..whole]));
            assert_eq!(all.signals(), expected.signals(), "{shape:?} cut at {cut}");
            assert_eq!(all.malformed(), 0, "{shape:?} cut at {cut}");
        }
    }
}

#[test]
fn a_broken_index_is_said_and_everything_is_read_without_it() {
    let entries = entries(1_500, 20);
    let expected = read_export(&export(&entries));
    for shape in shapes().into_iter().step_by(3) {
        let mut writer = Writer::new(shape);
        for entry in &entries {
            writer.entry(entry);
        }
        let kernel = writer.place(b"_TRANSPORT=kernel");
        let first_array =
            usize::try_from(u64::from_le_bytes(writer.bytes[kernel + 48..kernel + 56].try_into().unwrap()))
                .unwrap();
        // The chain of its hash, its number of entries, its arrays, a use in one of them, the arrays of all entries.
        let places = [kernel + 56 + 1, kernel + 48, first_array + 16, first_array + 24, 176, 112];
        for place in places {
            let mut bytes = writer.bytes.clone();
            bytes[place] ^= 0x18;
            let (all, ended) = read(&bytes);
            assert_eq!(ended, Ok(()), "{shape:?} at {place}");
            assert!(all.malformed() > 0, "{shape:?} at {place}: silent");
            assert_eq!(all.signals(), expected.signals(), "{shape:?} at {place}");
        }
        // A chain of the hash table that is lost looks like nothing there, but the list of the field's values knows.
        let mut bytes = writer.bytes.clone();
        let table = usize::try_from(u64::from_le_bytes(bytes[104..112].try_into().unwrap())).unwrap();
        bytes[table..table + 233 * 16].fill(0);
        let (all, _) = read(&bytes);
        assert!(all.malformed() > 0, "{shape:?}: silent");
        assert_eq!(all.signals(), expected.signals(), "{shape:?}");
    }
}

#[test]
fn objects_that_were_overwritten_are_passed_over_and_what_follows_is_unverified() {
    let entries = entries(1_500, 20);
    let expected = read_export(&export(&entries)).signals().len();
    for shape in shapes().into_iter().step_by(3) {
        let bytes = Writer::file(shape, &entries);
        for (from, filler) in [(40_000, 0), (41_003, 0xff), (60_000, 0), (80_001, 0x55)] {
            let mut bytes = bytes.clone();
            bytes[from..from + 4_096].fill(filler);
            let (all, ended) = read(&bytes);
            assert_eq!(ended, Ok(()), "{shape:?} at {from}");
            let found = all.signals().len();
            // What no record of the kernel needs is not even looked at.
            assert!(all.malformed() > 0 || found == expected, "{shape:?} at {from}: silent");
            assert!(found + 60 > expected && found <= expected, "{shape:?} at {from}: {found} of {expected}");
        }
    }
}

#[test]
fn an_entry_inside_a_message_is_not_found_by_its_looks_as_a_record_of_the_kernel() {
    // Somebody logs the bytes of an entry that refers to kernel values; then the object around it is damaged.
    let mut writer = Writer::new(PLAIN);
    for entry in &entries(100, 20) {
        writer.entry(entry);
    }
    let victim = writer.places()[87];
    let from = usize::try_from(victim).unwrap();
    let size =
        usize::try_from(u64::from_le_bytes(writer.bytes[from + 8..from + 16].try_into().unwrap())).unwrap();
    let copy = writer.bytes[from..from + size].to_vec();
    let value = [&b"MESSAGE="[..], &copy].concat();
    writer.entry(&Entry {
        realtime_us: 2_000_000_000_000_000,
        monotonic_us: 1,
        boot: [1; 16],
        fields: vec![value.clone()],
    });
    let at = writer.place(&value);
    let mut bytes = writer.bytes.clone();
    bytes[at] = 9;
    bytes[at + 8..at + 16].fill(0xee);
    let before = read(&writer.bytes).0;
    let (all, _) = read(&bytes);
    assert!(all.malformed() > 0);
    let verified = |all: &All| {
        all.told
            .iter()
            .filter(|told| matches!(told.content, Content::Signal(_)) && told.trust > Trust::Unverified)
            .count()
    };
    assert!(verified(&all) <= verified(&before));
}

#[test]
fn a_damaged_value_is_said_once_and_never_believed() {
    for shape in shapes().into_iter().step_by(3) {
        let mut writer = Writer::new(shape);
        for entry in &entries(1_500, 20) {
            writer.entry(entry);
        }
        let header = if shape.is_compact { 72 } else { 64 };
        // The message that says it all, and the one line of all the others.
        let mut bytes = writer.bytes.clone();
        let at = writer.place(format!("MESSAGE={FULL}").as_bytes()) + header;
        bytes[at + 20] ^= 1;
        let (all, _) = read(&bytes);
        assert!(
            all.malformed() > 50 && !all.signals().iter().any(|signal| matches!(signal, Signal::Full(_))),
            "{shape:?}"
        );
        // The host's name: the kernel's records are still the kernel's.
        let mut bytes = writer.bytes.clone();
        bytes[writer.place(b"_HOSTNAME=gw1") + header + 11] ^= 1;
        let (all, _) = read(&bytes);
        assert!((1..200).contains(&all.malformed()), "{shape:?}: {}", all.malformed());
        assert!(all.signals().len() > 100, "{shape:?}: {}", all.signals().len());
        assert!(all.told.iter().all(|told| told.host.is_none()), "{shape:?}");
    }
}

#[test]
fn features_of_a_later_systemd_are_refused_by_name() {
    let mut bytes = Writer::file(PLAIN, &entries(100, 20));
    bytes[12] |= 0x40;
    let (all, ended) = read(&bytes);
    assert_eq!((all.told.len(), ended), (0, Err(Fault::Unknown(0x40))));
}

#[test]
fn lists_that_run_in_circles_or_out_of_the_file_come_to_an_end() {
    for shape in shapes().into_iter().take(4) {
        let mut writer = Writer::new(shape);
        for entry in &entries(500, 20) {
            writer.entry(entry);
        }
        let kernel = writer.place(b"_TRANSPORT=kernel");
        let word = |bytes: &[u8], at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        let array = usize::try_from(word(&writer.bytes, kernel + 48)).unwrap();
        for place in [
            kernel + 24,
            kernel + 32,
            kernel + 40,
            kernel + 48,
            array + 8,
            array + 16,
            array + 24,
            104,
            112,
            136,
            152,
            176,
        ] {
            for value in
                [0, 8, kernel as u64, array as u64, writer.bytes.len() as u64, u64::MAX - 7, u64::MAX]
            {
                let mut bytes = writer.bytes.clone();
                bytes[place..place + 8].copy_from_slice(&value.to_le_bytes());
                let begun = Instant::now();
                let (all, _) = read(&bytes);
                assert!(begun.elapsed() < Duration::from_secs(5), "{shape:?} {place} {value}");
                assert!(all.told.len() < 5_000, "{shape:?} {place} {value}");
            }
        }
    }
}

#[test]
fn values_that_unpack_without_measure_end_in_a_word() {
    let shape = Shape { packing: Packing::Zstd, ..PLAIN };
    let mut writer = Writer::new(shape);
    let bomb = [&b"MESSAGE="[..], &vec![b'x'; 60_000]].concat();
    for number in 0..6_000 {
        let mut fields = of_kernel(FULL);
        *fields.last_mut().unwrap() = bomb.clone();
        writer.entry(&Entry {
            realtime_us: 1_789_236_000_000_000 + number,
            monotonic_us: number,
            boot: [1; 16],
            fields,
        });
    }
    let begun = Instant::now();
    let (_, ended) = read(&writer.bytes);
    assert_eq!(ended, Err(Fault::Bomb));
    assert!(begun.elapsed() < Duration::from_secs(20));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// Classic files say the hash of each value twice, so that no single damaged byte changes what is told, except the
    /// times and boots of entries, which nothing guards.
    #[test]
    fn one_damaged_byte_changes_no_signal_in_silence(place in 104_usize..150_000, flip in 1_u8..=255) {
        let entries = entries(400, 20);
        let mut bytes = Writer::file(PLAIN, &entries);
        let place = place % bytes.len();
        prop_assume!(place >= 104);
        bytes[place] ^= flip;
        let (all, ended) = read(&bytes);
        let expected = read_export(&export(&entries)).signals();
        prop_assert!(all.signals() == expected || all.malformed() > 0 || ended.is_err(), "silent at {place}");
        prop_assert!(all.signals().len() <= expected.len());
    }

    #[test]
    fn any_damage_to_any_shape_is_read_to_an_end(
        shape in 0_usize..32,
        damage in prop::collection::vec((0_usize..200_000, any::<[u8; 8]>()), 1..20),
        cut in 0_usize..200_000,
    ) {
        let mut bytes = Writer::file(shapes()[shape], &entries(150, 20));
        for (place, garbage) in damage {
            let place = place % (bytes.len() - 8);
            bytes[place..place + 8].copy_from_slice(&garbage);
        }
        bytes.truncate(bytes.len() - cut.min(bytes.len() / 2));
        let (all, _) = read(&bytes);
        prop_assert!(all.told.len() <= bytes.len() / 8);
    }

    #[test]
    fn bytes_behind_a_good_header_are_read_to_an_end(garbage in prop::collection::vec(any::<u8>(), 0..5_000)) {
        let mut bytes = Writer::file(PLAIN, &entries(50, 20));
        bytes.truncate(8_000);
        bytes.extend_from_slice(&garbage);
        bytes.extend_from_slice(&Writer::file(PLAIN, &entries(50, 20))[8_000..]);
        let (all, _) = read(&bytes);
        prop_assert!(all.told.len() < 10_000);
    }
}

// --- the second opinion

const JOURNALCTL: &str = "/usr/bin/journalctl";
const REMOTE: &str = "/lib/systemd/systemd-journal-remote";

fn export_by_journalctl(file: &Path, matches: &[&str]) -> Vec<u8> {
    let output = Command::new(JOURNALCTL)
        .args(["-q", "--no-pager", "-o", "export", "--file"])
        .arg(file)
        .args(matches)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn journalctl_reads_in_these_files_what_we_read() {
    const NAME: &str = "journalctl_reads_in_these_files_what_we_read";
    if !Path::new(JOURNALCTL).exists() {
        return skip(NAME, "journalctl is not installed");
    }
    let directory = tempfile::tempdir().unwrap();
    for (number, shape) in shapes().into_iter().enumerate() {
        let file = directory.path().join(format!("{number}.journal"));
        let bytes = Writer::file(shape, &entries(1_500, 20));
        std::fs::write(&file, &bytes).unwrap();
        let theirs = read_export(&export_by_journalctl(&file, &[]));
        assert_eq!(theirs.told.len(), 1_500, "{shape:?}");
        assert_eq!(read(&bytes).0.telling(), theirs.telling(), "{shape:?}");
        let verified = Command::new(JOURNALCTL).args(["--verify", "--file"]).arg(&file).output().unwrap();
        let words = String::from_utf8_lossy(&verified.stderr);
        assert!(shape.is_sealed || verified.status.success(), "{shape:?}: {words}");
    }
}

fn report(directory: &Path, paths: &[&str]) -> (Value, String, i32) {
    let output = conntriage(directory).args(["analyze", "--format", "json"]).args(paths).output().unwrap();
    let (stdout, stderr, code) = outcome(&output);
    (serde_json::from_str(&stdout).unwrap_or_default(), stderr, code)
}

/// What is said of the incidents, the names of inputs aside.
fn incidents(report: &Value) -> Vec<Value> {
    let mut incidents = report["incidents"].as_array().unwrap().clone();
    for incident in &mut incidents {
        incident["drops"]["streams"] = Value::Null;
        incident["evidence"] = Value::Null;
    }
    incidents
}

#[test]
fn files_that_systemd_wrote_give_the_incidents_of_their_export_and_both_together_are_copies() {
    const NAME: &str =
        "files_that_systemd_wrote_give_the_incidents_of_their_export_and_both_together_are_copies";
    if !Path::new(REMOTE).exists() || !Path::new(JOURNALCTL).exists() {
        return skip(NAME, "systemd-journal-remote and journalctl are not installed");
    }
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    std::fs::write(here.join("in"), export(&entries(3_000, 20))).unwrap();
    for (compress, compact, keyed) in
        [("yes", "0", "0"), ("yes", "0", "1"), ("yes", "1", "1"), ("no", "1", "0"), ("no", "0", "1")]
    {
        let shape = format!("compress={compress} compact={compact} keyed={keyed}");
        let (file, text) = (here.join("a.journal"), here.join("a.export"));
        let _ = std::fs::remove_file(&file);
        let output = Command::new(REMOTE)
            .env("LD_LIBRARY_PATH", "/usr/lib/x86_64-linux-gnu/systemd")
            .env("SYSTEMD_JOURNAL_COMPACT", compact)
            .env("SYSTEMD_JOURNAL_KEYED_HASH", keyed)
            .arg(format!("--compress={compress}"))
            .arg("-o")
            .arg(&file)
            .arg(here.join("in"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        std::fs::write(&text, export_by_journalctl(&file, &[])).unwrap();
        let theirs = read_export(&std::fs::read(&text).unwrap());
        assert_eq!(read(&std::fs::read(&file).unwrap()).0.telling(), theirs.telling(), "{shape}");
        let (native, stderr, code) = report(here, &["a.journal"]);
        assert_eq!((stderr.as_str(), code), ("", 0), "{shape}");
        assert_eq!(native["inputs"][0]["dialect"], "journal-file");
        let (exported, _, _) = report(here, &["a.export"]);
        assert!(!incidents(&exported).is_empty());
        assert_eq!(incidents(&native), incidents(&exported), "{shape}");
        let (both, _, _) = report(here, &["a.journal", "a.export"]);
        let drops = |report: &Value| -> Vec<Value> {
            incidents(report)
                .iter()
                .map(|i| serde_json::json!([i["start"], i["end"], i["drops"]["low"], i["drops"]["high"]]))
                .collect()
        };
        assert_eq!(drops(&both), drops(&exported), "{shape}");
    }
}

#[test]
fn journals_in_archives_in_packings_and_through_pipes_are_read_like_files() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let bytes =
        Writer::file(Shape { is_compact: true, packing: Packing::Zstd, ..PLAIN }, &entries(3_000, 20));
    std::fs::write(here.join("system.journal"), &bytes).unwrap();
    std::fs::write(here.join("system.journal.zst"), zstd::bulk::compress(&bytes, 3).unwrap()).unwrap();
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o640);
    header.set_cksum();
    builder.append_data(&mut header, "var/log/journal/0f/system.journal", &bytes[..]).unwrap();
    std::fs::write(here.join("logs.tar"), builder.into_inner().unwrap()).unwrap();
    let (expected, stderr, code) = report(here, &["system.journal"]);
    assert_eq!((stderr.as_str(), code), ("", 0));
    assert!(!incidents(&expected).is_empty());
    for path in ["system.journal.zst", "logs.tar"] {
        let (found, stderr, code) = report(here, &[path]);
        assert_eq!((stderr.as_str(), code), ("", 0), "{path}");
        assert_eq!(incidents(&found), incidents(&expected), "{path}");
    }
    let output = conntriage(here)
        .args(["analyze", "--format", "json", "-"])
        .stdin(std::fs::File::open(here.join("system.journal")).unwrap())
        .output()
        .unwrap();
    assert_eq!(incidents(&serde_json::from_slice(&output.stdout).unwrap()), incidents(&expected));
}

#[test]
fn a_cut_or_damaged_journal_is_named_and_the_rest_is_analysed() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let bytes = Writer::file(PLAIN, &entries(3_000, 20));
    std::fs::write(here.join("cut.journal"), &bytes[..bytes.len() / 2]).unwrap();
    let (found, stderr, code) = report(here, &["cut.journal"]);
    assert_eq!(code, 3, "{stderr}");
    assert!(stderr.contains("cut.journal: journal file ends in the middle (truncated)"), "{stderr}");
    assert!(!incidents(&found).is_empty());
    let mut damaged = bytes;
    damaged[50_000..54_000].fill(0);
    std::fs::write(here.join("damaged.journal"), &damaged).unwrap();
    let (found, stderr, code) = report(here, &["damaged.journal"]);
    assert_eq!(code, 3, "{stderr}");
    assert!(stderr.contains("damaged records; the first at byte"), "{stderr}");
    assert!(!incidents(&found).is_empty());
}
