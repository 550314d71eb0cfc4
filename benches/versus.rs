//! conntriage beside its peers, in one run: whole processes in turn, medians, and their ratio beside its bound.
//!
//! `cargo bench --bench versus` makes the inputs (a gigabyte; deterministic) in a temporary directory, warms the page
//! cache, and prints a row for each piece of work. Absolute times mean little on a shared machine; ratios of runs that
//! alternate mean more. `VERSUS_MEGABYTES` makes the log smaller.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a benchmark runs programs and prints"
)]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[path = "versus/live.rs"]
mod live;

/// Makes this program its own peer.
const RECEIVE: &str = "--receive";

/// Runs of each side.
const RUNS: usize = 5;

/// The peer's patterns: every wording of a full table, and every suppression line.
const FULL: &str = r"\b(ip|nf)_conntrack: (nf_conntrack: )?((CT|VPS|VE)[ #]?\S+?:? )?table full( in netns \d+)?, dropping packet\.?";
const SUPPRESSED: &str =
    r"\b(NET|printk|__ratelimit|net_ratelimit): -?\d+ (messages|callbacks) suppressed\.?";

struct Row {
    work: &'static str,
    /// Of the ratio; none where only the memory is bounded.
    bound: Option<f64>,
    /// Of our peak memory, in MiB.
    memory: f64,
    ours: Vec<String>,
    peer: Vec<String>,
}

fn main() {
    if std::env::args().nth(1).is_some_and(|argument| argument == RECEIVE) {
        println!("{}", live::receive().expect("the table as messages"));
        return;
    }
    // `cargo test --benches` only asks whether it runs at all.
    let smoke = !std::env::args().any(|argument| argument == "--bench");
    let megabytes = if smoke { 1 } else { number("VERSUS_MEGABYTES", 1000) };
    let entries = if smoke { 1000 } else { 1_000_000 };
    let directory = tempfile::tempdir().expect("a temporary directory");
    let log = make_log(directory.path(), megabytes);
    let table = make_table(directory.path(), entries);
    let strangers = make_strangers(directory.path(), 5 * entries);
    println!(
        "{megabytes} MB of messages, a tenth of the lines matching; a table of {entries} entries; {RUNS} runs each, in turn\n"
    );
    println!(
        "{:<46} {:>9} {:>9} {:>7} {:>7}  {:>9} {:>7}",
        "work", "ours s", "peer s", "ratio", "bound", "peak MiB", "bound"
    );
    for row in rows(&log, &table, &strangers) {
        measure(&row, if smoke { 1 } else { RUNS });
    }
    match live::Filled::new(entries) {
        Ok(filled) => live::rows(&filled, directory.path())
            .iter()
            .for_each(|row| measure(row, if smoke { 1 } else { RUNS })),
        Err(why) => println!("a live table is not dumped: {why}"),
    }
}

fn rows(log: &Path, table: &Path, strangers: &Path) -> Vec<Row> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let [log, table, strangers] = [log, table, strangers].map(|path| path.to_str().expect("UTF-8"));
    let program = env!("CARGO_BIN_EXE_conntriage");
    vec![
        Row {
            work: "scan a plain log / rg -c",
            bound: Some(0.8),
            memory: 64.0,
            ours: words(&[program, "scan", log]),
            peer: words(&["rg", "-c", "-e", FULL, "-e", SUPPRESSED, log]),
        },
        Row {
            work: "census of a table, both looks / awk one field",
            bound: Some(0.3),
            memory: 64.0,
            ours: words(&[program, "analyze", "--format", "json", table]),
            peer: words(&["awk", "{ c[$7]++ } END { for (k in c) n++; print n }", table]),
        },
        Row {
            work: "census of a table, both looks / wc -l",
            bound: Some(7.0),
            memory: 64.0,
            ours: words(&[program, "analyze", "--format", "json", table]),
            peer: words(&["wc", "-l", table]),
        },
        Row {
            work: "census of five times as many strangers / wc -l",
            bound: None,
            memory: 128.0,
            ours: words(&[program, "analyze", "--format", "json", strangers]),
            peer: words(&["wc", "-l", strangers]),
        },
    ]
}

fn measure(row: &Row, runs: usize) {
    let (mut ours, mut peers, mut peak) = (Vec::new(), Vec::new(), 0);
    for run in 0..=runs {
        let Some((time, memory)) = timed(&row.ours) else {
            return println!("{:<46} could not be run", row.work);
        };
        let Some((peer, _)) = timed(&row.peer) else {
            let program = row.peer.first().map_or("", String::as_str);
            return println!("{:<46} {program} is not installed", row.work);
        };
        if run > 0 {
            ours.push(time);
            peers.push(peer);
            peak = peak.max(memory);
        }
    }
    let (ours, peers) = (median(ours), median(peers));
    let ratio = ours / peers;
    let peak = peak as f64 / 1024.0;
    let slow = row.bound.is_some_and(|bound| ratio > bound);
    let large = peak > row.memory;
    let verdict = match (slow, large) {
        (false, false) => "",
        (true, false) => "  above its bound",
        (_, true) => "  above the bound of its memory",
    };
    let bound = row.bound.map_or_else(|| "-".to_owned(), |bound| format!("{bound:.2}"));
    println!(
        "{:<46} {ours:>9.3} {peers:>9.3} {ratio:>7.2} {bound:>7}  {peak:>9.1} {:>7.0}{verdict}",
        row.work, row.memory
    );
}

/// Seconds of one run, and its peak memory in KiB; none where the program is not there.
fn timed(command: &[String]) -> Option<(f64, u64)> {
    let (program, arguments) = command.split_first()?;
    let begin = Instant::now();
    let mut child =
        Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().ok()?.is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = peak.max(line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0));
        std::thread::sleep(Duration::from_millis(1));
    }
    Some((begin.elapsed().as_secs_f64(), peak))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn make_log(directory: &Path, megabytes: u64) -> PathBuf {
    let path = directory.join("messages");
    let mut file = BufWriter::with_capacity(1 << 20, File::create(&path).expect("a file"));
    let (mut written, mut line) = (0_u64, 0_u64);
    while written < megabytes * 1_000_000 {
        let second = line / 400;
        let (hour, minute, rest) = (second / 3600 % 24, second / 60 % 60, second % 60);
        let day = 1 + second / 86_400 % 28;
        let text = match line % 40 {
            0 => format!(
                "Nov {day:>2} {hour:02}:{minute:02}:{rest:02} gw1 kernel: net_ratelimit: {} callbacks suppressed\n",
                line % 977
            ),
            10 | 20 | 30 => format!(
                "Nov {day:>2} {hour:02}:{minute:02}:{rest:02} gw1 kernel: nf_conntrack: table full, dropping packet\n"
            ),
            n => format!(
                "Nov {day:>2} {hour:02}:{minute:02}:{rest:02} gw1 sshd[{line}]: Connection closed by 192.0.2.{n} port {} [preauth] after a while\n",
                1024 + line % 60000
            ),
        };
        file.write_all(text.as_bytes()).expect("room on the disk");
        written += text.len() as u64;
        line += 1;
    }
    file.flush().expect("room on the disk");
    path
}

fn make_table(directory: &Path, entries: u64) -> PathBuf {
    let path = directory.join("nf_conntrack");
    let mut file = BufWriter::with_capacity(1 << 20, File::create(&path).expect("a file"));
    for n in 0..entries {
        // Twenty ports of each of 50,000 sources, in no order, each once, the same on every machine: a kernel holds no tuple
        // twice, and a list whose first entry came again would be read as another list.
        let mixed = n.wrapping_mul(618_033) % entries.max(1_000_000);
        let source = mixed % 50_000;
        let (a, b) = (source % 200, source / 200);
        let (port, left) = (1024 + (source * 7_919 + mixed / 50_000) % 60_000, n % 120);
        writeln!(
            file,
            "ipv4     2 tcp      6 {left} TIME_WAIT src=10.1.{a}.{b} dst=192.0.2.7 sport={port} dport=443 \
             src=192.0.2.7 dst=10.1.{a}.{b} sport=443 dport={port} [ASSURED] mark=0 zone=0 use=2"
        )
        .expect("room on the disk");
    }
    file.flush().expect("room on the disk");
    path
}

/// A table in which no source and no destination comes twice.
fn make_strangers(directory: &Path, entries: u64) -> PathBuf {
    let path = directory.join("strangers");
    let mut file = BufWriter::with_capacity(1 << 20, File::create(&path).expect("a file"));
    // Multiplication by an odd number gives each 32-bit number once.
    let address = |n: u32, factor: u32| std::net::Ipv4Addr::from_bits(n.wrapping_mul(factor));
    for n in 0..u32::try_from(entries).expect("as many addresses") {
        let (source, destination) = (address(n, 2_654_435_761), address(n, 2_246_822_519));
        let (port, left) = (1 + n % 65_535, n % 30);
        writeln!(
            file,
            "ipv4     2 udp      17 {left} src={source} dst={destination} sport=53 dport={port} [UNREPLIED] \
             src={destination} dst={source} sport={port} dport=53 mark=0 zone=0 use=2"
        )
        .expect("room on the disk");
    }
    file.flush().expect("room on the disk");
    path
}
