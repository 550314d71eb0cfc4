//! Capturing from a real kernel's table, in network namespaces of our own. Needs root.
//!
//! `CONNTRIAGE_SLOW=1` makes the large table one of a million entries, for which `nf_conntrack_max` is raised and put
//! back.

#![allow(clippy::disallowed_methods, reason = "tests run programs and read files")]
#![allow(clippy::disallowed_macros, reason = "measured figures are shown")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::{outcome, root, skip};
use serde_json::Value;

const MAX: &str = "/proc/sys/net/netfilter/nf_conntrack_max";
const NEEDED: [&str; 4] = ["/usr/bin/python3", "/usr/sbin/ip", "/usr/sbin/conntrack", "/usr/bin/setpriv"];

/// Why it cannot run here, if so.
fn missing() -> Option<String> {
    let uid = Command::new("id").arg("-u").output().ok()?.stdout;
    if uid != b"0\n" {
        return Some("needs root (network namespaces and ctnetlink)".to_owned());
    }
    if let Some(program) = NEEDED.iter().find(|program| !Path::new(program).exists()) {
        return Some(format!("{program} is not installed"));
    }
    (!Path::new(MAX).exists()).then(|| "this kernel tracks no connections".to_owned())
}

/// Holds the machine's one limit against other tests that lower or raise it.
fn limit_is_ours() -> File {
    let path = std::env::temp_dir().join("conntriage-nf_conntrack_max.lock");
    let file = File::options().create(true).truncate(false).write(true).open(path).unwrap();
    file.lock().unwrap();
    file
}

/// A network namespace that goes when it is dropped.
struct Netns(String);

impl Netns {
    fn new(name: &str) -> Self {
        let name = format!("ctt-{name}-{}", std::process::id());
        assert!(Command::new("ip").args(["netns", "add", &name]).status().unwrap().success());
        Self(name)
    }

    /// A command that runs in it.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0, program]);
        command
    }

    fn fill(&self, arguments: &[&str]) -> Value {
        let output = self.filling(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn filling(&self, arguments: &[&str]) -> Command {
        let mut command = self.command("python3");
        command.arg(root().join("tests/tools/ct_fill.py")).args(arguments);
        command
    }

    fn sysctl(&self, setting: &str) {
        assert!(self.command("sysctl").args(["-qw", setting]).status().unwrap().success(), "{setting}");
    }

    /// The program, in it.
    fn conntriage(&self, directory: &Path) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_conntriage"));
        command
            .current_dir(directory)
            .env_clear()
            .env("TZ", "UTC")
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}

/// The text of the table in a bundle that is a directory.
fn table(bundle: &Path) -> String {
    let path = bundle.join("capture/1-by-hand/conntrack-L-extended-id.zst");
    let mut text = String::new();
    zstd::stream::read::Decoder::new(File::open(path).unwrap()).unwrap().read_to_string(&mut text).unwrap();
    text
}

fn manifest(bundle: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(bundle.join("manifest.json")).unwrap()).unwrap()
}

fn capture(netns: &Netns, directory: &Path, output: &str) -> Output {
    netns.conntriage(directory).args(["capture", "-o", output]).output().unwrap()
}

/// Lines by id, without what passes while one lists after the other: seconds left, age.
fn by_id(text: &str) -> BTreeMap<String, (String, Vec<u64>)> {
    let lines = text.lines().filter(|line| line.contains(" src="));
    lines
        .map(|line| {
            let id = line.rsplit_once(" id=").unwrap().1.to_owned();
            let mut passing = Vec::new();
            let words: Vec<String> = line
                .split(' ')
                .filter(|word| !word.is_empty())
                .enumerate()
                .map(|(at, word)| {
                    let digits = word.strip_prefix("delta-time=").or((at == 4).then_some(word));
                    match digits.and_then(|digits| digits.parse().ok()) {
                        Some(number) => {
                            passing.push(number);
                            "*".to_owned()
                        }
                        None => word.to_owned(),
                    }
                })
                .collect();
            // The padding of names is held too.
            let front: String = line.chars().take(24).collect();
            (id, (front + &words.join(" "), passing))
        })
        .collect()
}

#[test]
fn the_dump_is_line_for_line_what_conntrack_prints() {
    const NAME: &str = "the_dump_is_line_for_line_what_conntrack_prints";
    if let Some(why) = missing() {
        return skip(NAME, &why);
    }
    let _limit = limit_is_ours();
    for accounting in ["0", "1"] {
        let netns = Netns::new(&format!("zoo{accounting}"));
        let directory = tempfile::tempdir().unwrap();
        netns.sysctl(&format!("net.netfilter.nf_conntrack_acct={accounting}"));
        netns.sysctl(&format!("net.netfilter.nf_conntrack_timestamp={accounting}"));
        let made = netns.fill(&["zoo"])["made"].as_u64().unwrap();
        assert!(made >= 28, "{made}");
        let (out, errors, code) = outcome(&capture(&netns, directory.path(), "bundle"));
        assert_eq!((out.as_str(), code), ("", 0), "{errors}");
        let ours = by_id(&table(&directory.path().join("bundle")));
        let mut theirs = BTreeMap::new();
        for family in ["ipv4", "ipv6"] {
            let output =
                netns.command("conntrack").args(["-L", "-f", family, "-o", "extended,id"]).output().unwrap();
            theirs.extend(by_id(&String::from_utf8(output.stdout).unwrap()));
        }
        assert_eq!(ours.len() as u64, made);
        let without = |lines: &BTreeMap<String, (String, Vec<u64>)>| -> Vec<String> {
            lines.values().map(|(line, _)| line.clone()).collect()
        };
        assert_eq!(without(&ours), without(&theirs));
        for (id, (line, passing)) in &ours {
            let later = &theirs[id].1;
            assert_eq!(passing.len(), later.len(), "{line}");
            assert!(
                passing.iter().zip(later).all(|(a, b)| a.abs_diff(*b) <= 5),
                "{line}: {passing:?} {later:?}"
            );
        }
        // And our own reader finds as many, without complaint.
        let output = netns
            .conntriage(directory.path())
            .args(["analyze", "--format", "json", "bundle"])
            .output()
            .unwrap();
        let (out, errors, code) = outcome(&output);
        assert_eq!((errors.as_str(), code), ("", 0));
        let report: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(report["snapshots"][0]["listed"].as_u64(), Some(made));
        assert_eq!(report["complete"], true);
    }
}

/// A limit raised, and put back whatever happens.
struct Raised(String);

impl Raised {
    fn to(entries: u64) -> Option<Self> {
        let before = std::fs::read_to_string(MAX).unwrap();
        if before.trim().parse::<u64>().unwrap() >= entries {
            return None;
        }
        std::fs::write(MAX, entries.to_string()).unwrap();
        Some(Self(before))
    }
}

impl Drop for Raised {
    fn drop(&mut self) {
        let _ = std::fs::write(MAX, &self.0);
    }
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a program and tells its outcome, how long it took, and its greatest memory in KiB.
fn measured(command: &mut Command) -> (Output, Duration, u64) {
    let started = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let path = format!("/proc/{}/status", child.id());
    let mut most = 0;
    // `ip netns exec` becomes the program: one process throughout.
    while child.try_wait().unwrap().is_none() {
        let status = std::fs::read_to_string(&path).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
        most = most.max(kib.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(2));
    }
    let took = started.elapsed();
    (child.wait_with_output().unwrap(), took, most)
}

/// S01, S02: a large table that another process changes all the while.
#[test]
fn s01_every_entry_that_lives_through_the_dump_is_in_it_once() {
    const NAME: &str = "s01_every_entry_that_lives_through_the_dump_is_in_it_once";
    if let Some(why) = missing() {
        return skip(NAME, &why);
    }
    let slow = std::env::var_os("CONNTRIAGE_SLOW").is_some();
    let stable: u64 = if slow { 1_000_000 } else { 150_000 };
    let _limit = limit_is_ours();
    let _raised = Raised::to(stable + 60_000);
    let netns = Netns::new("s01");
    netns.fill(&["fill", &stable.to_string()]);
    let directory = tempfile::tempdir().unwrap();

    // At rest: the time against the tool's, and the greatest memory.
    let (output, took, most) = measured(netns.conntriage(directory.path()).args(["capture", "-o", "still"]));
    assert!(output.status.success(), "{output:?}");
    let started = Instant::now();
    let listing = netns.command("conntrack").args(["-L", "-o", "extended,id"]).stdout(Stdio::null()).status();
    assert!(listing.unwrap().success());
    let listed_in = started.elapsed();
    let dump_seconds = manifest(&directory.path().join("still"))["captures"][0]["note"].clone();
    let _ = writeln!(
        std::io::stderr(),
        "MEASURED {stable} entries: capture {took:.2?} in all, greatest memory {most} KiB, conntrack -L {listed_in:.2?}; \
         {dump_seconds}"
    );
    assert!(most > 0 && most <= 64 * 1024, "{most} KiB");
    assert_eq!(table(&directory.path().join("still")).lines().count() as u64, stable);

    // While it changes.
    let mut churn = Running(netns.filling(&["churn", "50000", "60"]).stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(churn.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    for run in 0..2 {
        let name = format!("moving{run}");
        let (output, _, most) = measured(netns.conntriage(directory.path()).args(["capture", "-o", &name]));
        assert!(output.status.success(), "{output:?}");
        assert!(most <= 64 * 1024, "{most} KiB");
        let bundle = directory.path().join(&name);
        let text = table(&bundle);
        let tuple = |line: &str| line.split(" src=").nth(1).unwrap().to_owned();
        let all: Vec<String> = text.lines().filter(|line| line.contains(" src=10.")).map(tuple).collect();
        let distinct: BTreeSet<&String> = all.iter().collect();
        assert_eq!(all.len(), distinct.len(), "some entries stand in it twice");
        assert_eq!(all.len() as u64, stable, "entries that lived all the while are missing");
        let capture = &manifest(&bundle)["captures"][0];
        assert_eq!(capture["entries"].as_u64(), Some(text.lines().count() as u64));
        assert!(capture["note"].as_str().unwrap().contains("a walk of"), "{capture}");
    }
}

#[test]
fn a_bundle_is_the_same_in_every_form_and_names_its_files() {
    const NAME: &str = "a_bundle_is_the_same_in_every_form_and_names_its_files";
    if let Some(why) = missing() {
        return skip(NAME, &why);
    }
    let _limit = limit_is_ours();
    let netns = Netns::new("forms");
    netns.fill(&["fill", "3000"]);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    assert!(capture(&netns, path, "bundle").status.success());
    assert!(capture(&netns, path, "bundle.tar.zst").status.success());
    let to_stdout = capture(&netns, path, "-");
    assert!(to_stdout.status.success());
    std::fs::write(path.join("piped.tar.zst"), &to_stdout.stdout).unwrap();
    assert!(netns.conntriage(path).arg("capture").status().unwrap().success());
    let default = names(path).into_iter().find(|name| name.starts_with("conntriage-")).unwrap();
    assert!(default.ends_with("Z.tar.zst"), "{default}");
    for name in ["bundle", "bundle.tar.zst", "piped.tar.zst", &default] {
        let output = netns.conntriage(path).args(["analyze", "--format", "json", name]).output().unwrap();
        let (out, errors, code) = outcome(&output);
        assert_eq!((errors.as_str(), code), ("", 0), "{name}");
        let report: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(report["snapshots"][0]["listed"], 3000, "{name}");
        assert_eq!(report["snapshots"].as_array().unwrap().len(), 1, "{name}");
    }
    let said = manifest(&path.join("bundle"));
    for file in said["files"].as_array().unwrap() {
        let bytes = std::fs::read(path.join("bundle").join(file["path"].as_str().unwrap())).unwrap();
        assert_eq!(file["bytes"].as_u64(), Some(bytes.len() as u64), "{file}");
    }
    let kept: Vec<&str> =
        said["files"].as_array().unwrap().iter().filter_map(|file| file["path"].as_str()).collect();
    for wanted in [
        "sysctl",
        "stat_nf_conntrack",
        "sockstat",
        "uname",
        "uptime",
        "meminfo",
        "conntrack-L-extended-id.zst",
    ] {
        assert!(kept.contains(&format!("capture/1-by-hand/{wanted}").as_str()), "{wanted}: {kept:?}");
    }
    // A bundle is never added to, and nothing half made is left anywhere.
    let (_, errors, code) = outcome(&capture(&netns, path, "bundle"));
    assert_eq!(code, 1);
    assert!(errors.contains("is there already"), "{errors}");
    assert!(names(path).iter().all(|name| !name.contains("partial")), "{:?}", names(path));
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

/// S04: no capability. What can be read is, the rest says what is missing.
#[test]
fn s04_without_the_capability_the_reason_is_said_and_the_file_is_read_instead() {
    const NAME: &str = "s04_without_the_capability_the_reason_is_said_and_the_file_is_read_instead";
    if let Some(why) = missing() {
        return skip(NAME, &why);
    }
    let _limit = limit_is_ours();
    let netns = Netns::new("s04");
    netns.fill(&["zoo"]);
    let directory = tempfile::tempdir().unwrap();
    let without = |capability: &str, name: &str| {
        let mut command = netns.command("setpriv");
        command.args(["--bounding-set", capability, "--inh-caps", capability]);
        command
            .arg(env!("CARGO_BIN_EXE_conntriage"))
            .args(["capture", "-o", name])
            .current_dir(directory.path());
        outcome(&command.output().unwrap())
    };
    let (_, errors, code) = without("-net_admin", "a");
    assert_eq!(code, 3, "{errors}");
    assert!(
        errors.contains("not read: conntrack-L-extended-id: ") && errors.contains("CAP_NET_ADMIN"),
        "{errors}"
    );
    if Path::new("/proc/self/net/nf_conntrack").exists() {
        assert!(errors.contains("read from /proc, which misses and doubles entries"), "{errors}");
        assert!(directory.path().join("a/capture/1-by-hand/nf_conntrack.zst").exists());
    } else {
        assert!(errors.contains("there is no table in this bundle"), "{errors}");
    }
    let report =
        netns.conntriage(directory.path()).args(["analyze", "--format", "json", "a"]).output().unwrap();
    assert!(report.status.success(), "{report:?}");
}

/// S05: what the system calls may say. The kernel's answers are put in its mouth by strace.
#[test]
fn s05_interrupted_calls_are_made_again_and_lost_messages_are_said() {
    const NAME: &str = "s05_interrupted_calls_are_made_again_and_lost_messages_are_said";
    if let Some(why) = missing() {
        return skip(NAME, &why);
    }
    if !Path::new("/usr/bin/strace").exists() {
        return skip(NAME, "strace is not installed");
    }
    let _limit = limit_is_ours();
    let netns = Netns::new("s05");
    netns.fill(&["fill", "2000"]);
    let directory = tempfile::tempdir().unwrap();
    let run = |inject: &str, name: &str| {
        let mut command = netns.command("strace");
        command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("inject=recvmsg:{inject}")]);
        command
            .arg(env!("CARGO_BIN_EXE_conntriage"))
            .args(["capture", "-o", name])
            .current_dir(directory.path());
        outcome(&command.output().unwrap())
    };
    let (_, errors, code) = run("error=EINTR:when=2", "eintr");
    assert_eq!(code, 0, "{errors}");
    assert_eq!(table(&directory.path().join("eintr")).lines().count(), 2000);
    for error in ["ENOBUFS", "ENOMEM"] {
        let (_, errors, code) = run(&format!("error={error}:when=2"), error);
        assert_eq!(code, 3, "{errors}");
        assert!(errors.contains("had no memory for messages (1 times): entries may be missing"), "{errors}");
    }
    let (_, errors, code) = run("error=EIO:when=3+", "eio");
    assert_eq!(code, 3, "{errors}");
    assert!(errors.contains("not read to its end: input/output error"), "{errors}");
    let lines = table(&directory.path().join("eio")).lines().count();
    assert!(lines > 0 && lines < 2000, "{lines}");
}

/// S07: killed at any moment, nothing that could be taken for a bundle is there.
#[test]
fn s07_a_capture_that_is_killed_leaves_nothing_under_its_final_name() {
    const NAME: &str = "s07_a_capture_that_is_killed_leaves_nothing_under_its_final_name";
    if let Some(why) = missing() {
        return skip(NAME, &why);
    }
    let _limit = limit_is_ours();
    let netns = Netns::new("s07");
    netns.fill(&["fill", "20000"]);
    let directory = tempfile::tempdir().unwrap();
    let mut killed = 0;
    for run in 0..25u64 {
        let name = format!("run{run}.tar.zst");
        let mut child = netns
            .conntriage(directory.path())
            .args(["capture", "-o", &name])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(run * 12));
        let _ = child.kill();
        let ended = child.wait().unwrap().success();
        let path = directory.path().join(&name);
        if path.exists() {
            // It was whole before it was killed.
            let output = netns.conntriage(directory.path()).args(["analyze", &name]).output().unwrap();
            assert!(output.status.success(), "{output:?}");
        } else {
            assert!(!ended);
            killed += 1;
        }
    }
    assert!(killed >= 3, "only {killed} runs were killed before they had ended");
}

/// S09: another namespace, and one that is gone.
#[test]
fn s09_another_namespace_is_entered_and_one_that_is_gone_is_said_to_be() {
    const NAME: &str = "s09_another_namespace_is_entered_and_one_that_is_gone_is_said_to_be";
    if let Some(why) = missing() {
        return skip(NAME, &why);
    }
    let _limit = limit_is_ours();
    let (netns, empty) = (Netns::new("s09"), Netns::new("s09-here"));
    netns.fill(&["fill", "700"]);
    let directory = tempfile::tempdir().unwrap();
    let inode = {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata(format!("/run/netns/{}", netns.0)).unwrap().ino()
    };
    for (word, name) in [(netns.0.clone(), "by-name"), (inode.to_string(), "by-inode")] {
        // Asked from a third namespace: nothing of that one may be mixed in.
        let output = empty
            .conntriage(directory.path())
            .args(["capture", "--netns", &word, "-o", name])
            .output()
            .unwrap();
        let (_, errors, code) = outcome(&output);
        assert_eq!(code, 0, "{errors}");
        let bundle = directory.path().join(name);
        assert_eq!(table(&bundle).lines().count(), 700, "{name}");
        assert_eq!(manifest(&bundle)["captures"][0]["namespace"]["inode"].as_u64(), Some(inode));
        let settings = std::fs::read_to_string(bundle.join("capture/1-by-hand/sysctl")).unwrap();
        assert!(settings.contains("net.netfilter.nf_conntrack_count = 700\n"), "{settings}");
    }
    drop(netns);
    let output =
        empty.conntriage(directory.path()).args(["capture", "--netns", &inode.to_string()]).output().unwrap();
    let (_, errors, code) = outcome(&output);
    assert_eq!(code, 1, "{errors}");
    assert!(errors.contains(&format!("no namespace has inode {inode} any more")), "{errors}");
}

/// S10: no question that makes the kernel skip entries with a processor's interrupts held off.
#[test]
fn s10_the_one_question_for_the_table_has_no_family_and_no_filter() {
    const NAME: &str = "s10_the_one_question_for_the_table_has_no_family_and_no_filter";
    if let Some(why) = missing() {
        return skip(NAME, &why);
    }
    if !Path::new("/usr/bin/strace").exists() {
        return skip(NAME, "strace is not installed");
    }
    let _limit = limit_is_ours();
    let netns = Netns::new("s10");
    netns.fill(&["zoo"]);
    let directory = tempfile::tempdir().unwrap();
    let mut command = netns.command("strace");
    command.args(["-f", "-qq", "-x", "-o", "calls", "-e", "trace=sendto,sendmsg,recvmsg"]);
    command.arg(env!("CARGO_BIN_EXE_conntriage")).args(["capture", "-o", "b"]).current_dir(directory.path());
    assert!(command.status().unwrap().success());
    let calls = std::fs::read_to_string(directory.path().join("calls")).unwrap();
    let asked: Vec<&str> =
        calls.lines().filter(|line| line.contains("NLM_F_DUMP") && line.contains("send")).collect();
    let own: Vec<&&str> = asked.iter().filter(|line| line.contains("IPCTNL_MSG_CT_GET,")).collect();
    assert_eq!(own.len(), 1, "{calls}");
    // Header and family alone: 20 bytes, AF_UNSPEC.
    assert!(own[0].contains("nlmsg_len=20") && own[0].contains("AF_UNSPEC"), "{own:?}");
    assert!(calls.lines().any(|line| line.contains("recvmsg") && line.contains("32768")), "{calls}");
}

const BUCKETS: &str = "/proc/sys/net/netfilter/nf_conntrack_buckets";

/// The size of the machine's hash table, put back whatever happens.
struct Buckets(String);

impl Drop for Buckets {
    fn drop(&mut self) {
        let _ = std::fs::write(BUCKETS, &self.0);
    }
}

/// S03: the hash table is made anew under the dump. A setting of the whole machine, so only where that is asked for.
#[test]
fn s03_a_dump_under_which_the_hash_table_was_resized_is_made_again_and_says_so() {
    const NAME: &str = "s03_a_dump_under_which_the_hash_table_was_resized_is_made_again_and_says_so";
    if let Some(why) = missing() {
        return skip(NAME, &why);
    }
    if std::env::var_os("CONNTRIAGE_SLOW").is_none() {
        let why = "resizes the hash table of the whole machine: set CONNTRIAGE_SLOW=1\n";
        let _ = write!(std::io::stderr(), "SKIPPED {NAME}: {why}");
        return;
    }
    let _limit = limit_is_ours();
    let before = Buckets(std::fs::read_to_string(BUCKETS).unwrap());
    let first: u64 = before.0.trim().parse().unwrap();
    let netns = Netns::new("s03");
    netns.fill(&["fill", "150000"]);
    let directory = tempfile::tempdir().unwrap();
    // Once, while it runs.
    let redone = (0..8u64).any(|run| {
        let name = format!("once{run}");
        let child = netns.conntriage(directory.path()).args(["capture", "-o", &name]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(60 + 40 * run));
        std::fs::write(BUCKETS, (first + 8_192 * (run + 1)).to_string()).unwrap();
        assert!(Running(child).0.wait().unwrap().success());
        let bundle = directory.path().join(&name);
        assert_eq!(table(&bundle).lines().count(), 150_000);
        manifest(&bundle)["captures"][0]["note"].as_str().unwrap().contains("made a second time")
    });
    assert!(redone, "no dump was met by a resize");
    // All the while.
    let child = netns.conntriage(directory.path()).args(["capture", "-o", "always"]).spawn().unwrap();
    let mut child = Running(child);
    let mut size = first + 100_000;
    while child.0.try_wait().unwrap().is_none() {
        size += 8_192;
        std::fs::write(BUCKETS, size.to_string()).unwrap();
        std::thread::sleep(Duration::from_millis(30));
    }
    assert_eq!(child.0.wait().unwrap().code(), Some(3));
    let capture = &manifest(&directory.path().join("always"))["captures"][0];
    assert_eq!(capture["complete"], false);
    assert!(capture["note"].as_str().unwrap().contains("resized during the dump, and again"), "{capture}");
}

/// A place that cannot be written to.
#[test]
fn s08_a_full_disk_leaves_no_half_file_and_says_so() {
    const NAME: &str = "s08_a_full_disk_leaves_no_half_file_and_says_so";
    if let Some(why) = missing() {
        return skip(NAME, &why);
    }
    let _limit = limit_is_ours();
    let netns = Netns::new("s08");
    netns.fill(&["fill", "20000"]);
    let directory = tempfile::tempdir().unwrap();
    let disk = directory.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=200k", "none"]).arg(&disk).status();
    if !mounted.is_ok_and(|status| status.success()) {
        return skip(NAME, "no tmpfs can be mounted here");
    }
    let _mount = Mounted(disk.clone());
    let (_, errors, code) = outcome(&capture(&netns, &disk, "b.tar.zst"));
    assert_ne!(code, 0, "{errors}");
    assert!(errors.contains("no space left") || errors.contains("stay free"), "{errors}");
    // Where what stands beside the table found room, that is a bundle, and says that the table found none.
    if names(&disk) == ["b.tar.zst"] {
        assert_eq!(code, 3, "{errors}");
        assert!(errors.contains("conntrack-L-extended-id: was counted, and cannot be kept"), "{errors}");
        let output = netns.conntriage(&disk).args(["analyze", "b.tar.zst"]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    } else {
        assert!(names(&disk).is_empty(), "{:?}", names(&disk));
    }
}

struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

/// Whose sockets they are is found while they are open.
#[test]
fn the_process_behind_the_busiest_pair_is_named() {
    const NAME: &str = "the_process_behind_the_busiest_pair_is_named";
    if let Some(why) = missing() {
        return skip(NAME, &why);
    }
    if !Path::new("/usr/sbin/nft").exists() {
        return skip(NAME, "nft is not installed");
    }
    let _limit = limit_is_ours();
    let netns = Netns::new("owner");
    let script = "ip link set lo up; nft add table inet t; \
                  nft add chain inet t c '{ type filter hook input priority 0; }'; \
                  nft add rule inet t c ct state new accept";
    assert!(netns.command("sh").args(["-c", script]).status().unwrap().success());
    // Connections that are over, and a few that are open, to one port.
    let client = "import socket,time,threading\n\
        l=socket.create_server(('127.0.0.1',3128),backlog=64)\n\
        keep=[]\n\
        def serve():\n\x20while True: keep.append(l.accept()[0])\n\
        threading.Thread(target=serve,daemon=True).start()\n\
        for i in range(40):\n\x20s=socket.create_connection(('127.0.0.1',3128)); s.close() if i>4 else keep.append(s)\n\
        print('ready',flush=True); time.sleep(60)\n";
    let mut child =
        Running(netns.command("python3").args(["-c", client]).stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(child.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let directory = tempfile::tempdir().unwrap();
    assert!(capture(&netns, directory.path(), "b").status.success());
    let owners: Value =
        serde_json::from_str(&std::fs::read_to_string(directory.path().join("b/owners.json")).unwrap())
            .unwrap();
    assert_eq!(owners["schema"], "conntriage.owners/1");
    let owner = owners["owners"].as_array().unwrap().iter().find(|owner| owner["peer"]["port"] == 3128);
    let owner = owner.unwrap_or_else(|| panic!("{owners}"));
    assert_eq!(owner["process"].as_u64(), Some(u64::from(child.0.id())), "{owners}");
    assert!(owner["name"].as_str().unwrap().starts_with("python3"), "{owners}");
    assert!(owner["sockets"]["ESTABLISHED"].as_u64().unwrap() >= 5, "{owners}");
}

#[test]
fn an_idle_machine_gives_one_answer() {
    const NAME: &str = "an_idle_machine_gives_one_answer";
    const PROGRAM: &str = env!("CARGO_BIN_EXE_conntriage");
    if let Some(why) = missing() {
        return skip(NAME, &why);
    }
    let directory = tempfile::tempdir().unwrap();
    let run = |words: &[&str]| {
        let mut command = Command::new(words[0]);
        outcome(&command.args(&words[1..]).current_dir(directory.path()).output().unwrap())
    };
    let (_, errors, code) = run(&["unshare", "-n", PROGRAM, "capture", "-o", "bundle"]);
    assert_eq!(code, 0, "{errors}");
    let (text, errors, code) = run(&[PROGRAM, "analyze", "--format", "json", "bundle"]);
    assert_eq!(code, 0, "{errors}");
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    let snapshots = report["snapshots"].as_array().unwrap();
    let causes: Vec<_> = snapshots.iter().map(|view| view["verdict"]["cause"].as_str().unwrap()).collect();
    assert_eq!(causes, ["no-incident"], "{report:#}");
    let strangers = |input: &&serde_json::Value| input["kind"] == "unrecognised";
    assert_eq!(report["inputs"].as_array().unwrap().iter().filter(strangers).count(), 0, "{report:#}");
}

#[test]
fn doctor_says_which_setting_is_in_the_way() {
    const NAME: &str = "doctor_says_which_setting_is_in_the_way";
    if let Some(why) = missing() {
        return skip(NAME, &why);
    }
    let doctor = |front: &[&str]| {
        let mut words = front.iter().copied().chain([env!("CARGO_BIN_EXE_conntriage"), "doctor"]);
        let mut command = Command::new(words.next().unwrap());
        outcome(&command.args(words).output().unwrap())
    };
    let row = |text: &str, what: &str| {
        text.lines().find(|line| line.contains(what)).unwrap_or_else(|| panic!("{what}: {text}")).to_owned()
    };
    let (text, errors, _) = doctor(&[]);
    assert_eq!(errors, "");
    for what in [
        "source kmsg",
        "source journal",
        "table by netlink",
        "network namespace",
        "headroom",
        "state ",
        "watcher ",
        "CAP_NET_ADMIN",
    ] {
        row(&text, what);
    }
    assert!(row(&text, "table by netlink").starts_with("ok "), "{text}");
    let (text, _, code) = doctor(&["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"]);
    assert_eq!(code, 1, "{text}");
    let said = row(&text, "table by netlink");
    assert!(
        said.starts_with("FAILS ") && said.contains("CAP_NET_ADMIN") && said.contains("PrivateUsers=yes"),
        "{said}"
    );
    let (text, _, code) = doctor(&["unshare", "-n"]);
    let said = row(&text, "network namespace");
    assert!(!said.starts_with("ok ") && matches!(code, 1 | 3), "{said}");
    let (text, _, code) = doctor(&["unshare", "-U", "-r"]);
    let said = row(&text, "user namespace");
    assert!(said.starts_with("FAILS ") && said.contains("PrivateUsers=yes") && code == 1, "{said}");
}

#[test]
fn check_answers_in_one_line() {
    const NAME: &str = "check_answers_in_one_line";
    if let Some(why) = missing() {
        return skip(NAME, &why);
    }
    let _limit = limit_is_ours();
    let netns = Netns::new("check");
    netns.fill(&["fill", "5000"]);
    let run = |arguments: &[&str]| {
        outcome(
            &Command::new(env!("CARGO_BIN_EXE_conntriage")).arg("check").args(arguments).output().unwrap(),
        )
    };
    let (text, errors, code) = run(&[]);
    assert_eq!((text.lines().count(), errors.as_str()), (1, ""), "{text}");
    assert!(text.starts_with("conntrack ") && text.contains(" | count="), "{text}");
    assert!(code < 3, "{text}");
    // The fullest table may be another test's, but it has as many entries as ours at least.
    let count: u64 = text.split("count=").nth(1).unwrap().split(';').next().unwrap().parse().unwrap();
    assert!(count >= 5000, "{text}");
    assert!(run(&["--npd"]).2 < 2);
}
