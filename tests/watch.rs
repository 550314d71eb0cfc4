//! `watch` on a real kernel's full table: one burst, followed at once on the kernel's ring, on a real journald, on a file
//! that a real rsyslog writes, and by a watcher that is killed in the middle. What each keeps is held against the
//! kernel's own drop counter.

#![allow(clippy::disallowed_methods, reason = "tests run programs and read files")]

mod common;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{conntriage, outcome, root, skip};
use serde_json::Value;

const NEEDED: [&str; 6] = [
    "/usr/bin/python3",
    "/usr/sbin/ip",
    "/usr/sbin/nft",
    "/usr/sbin/rsyslogd",
    "/usr/bin/journalctl",
    "/lib/systemd/systemd-journald",
];

/// Why it cannot run here, if so.
fn missing() -> Option<String> {
    let uid = Command::new("id").arg("-u").output().ok()?.stdout;
    if uid != b"0\n" {
        return Some(
            "needs root (network namespaces, /dev/kmsg and net.netfilter.nf_conntrack_max)".to_owned(),
        );
    }
    if let Some(program) = NEEDED.iter().find(|program| !Path::new(program).exists()) {
        return Some(format!("{program} is not installed"));
    }
    let max = "/proc/sys/net/netfilter/nf_conntrack_max";
    if File::options().write(true).open(max).is_err() {
        return Some("net.netfilter.nf_conntrack_max cannot be written here".to_owned());
    }
    (!Path::new("/dev/kmsg").exists()).then(|| "there is no /dev/kmsg".to_owned())
}

/// Holds the machine's one limit against other tests that lower or raise it.
fn limit_is_ours() -> File {
    let path = std::env::temp_dir().join("conntriage-nf_conntrack_max.lock");
    let file = File::options().create(true).truncate(false).write(true).open(path).unwrap();
    file.lock().unwrap();
    file
}

const CONFIGURATION: &str = "[incident]\nquiet = \"12s\"\n[capture]\nfollow_ups = [\"4s\", \"end\"]\n\
    [mail]\nfrom = \"conntriage@example.org\"\nto = [\"ops@example.org\"]\n\
    [notify]\nwebhook_url = \"http://127.0.0.1:9/x\"\nalertmanager_url = \"http://127.0.0.1:9\"\n";

/// A watcher with a state of its own.
struct Watcher {
    directory: PathBuf,
    source: String,
    child: Child,
}

impl Watcher {
    fn start(directory: PathBuf, source: String) -> Self {
        std::fs::create_dir_all(&directory).unwrap();
        let textfile = format!("[metrics]\ntextfile = \"{}\"\n", directory.join("x.prom").display());
        std::fs::write(directory.join("config.toml"), CONFIGURATION.to_owned() + &textfile).unwrap();
        let child = Self::spawn(&directory, &source);
        Self { directory, source, child }
    }

    fn spawn(directory: &Path, source: &str) -> Child {
        let said = File::options().create(true).append(true).open(directory.join("said")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_conntriage"));
        command.current_dir(directory).env_clear().env("TZ", "UTC");
        command.args(["watch", "--config", "config.toml", "--state-dir", "state", "--source", source]);
        command.stdout(Stdio::null()).stderr(said).spawn().unwrap()
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.directory.join("said")).unwrap_or_default()
    }

    /// Kills it as the kernel would, and starts it anew.
    fn crash(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = Self::spawn(&self.directory, &self.source);
    }

    fn wait_for(&self, words: &str, patience: Duration) {
        let begun = Instant::now();
        while !self.said().contains(words) {
            assert!(begun.elapsed() < patience, "{}: no {words:?} in:\n{}", self.source, self.said());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Ends as an administrator would have it end.
    fn stop(&mut self) {
        let begun = Instant::now();
        let asked = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(asked.success());
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{}: {status}:\n{}", self.source, self.said());
        assert!(begun.elapsed() < Duration::from_secs(8), "{}: {:?}", self.source, begun.elapsed());
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = conntriage(&self.directory).args(arguments).output().unwrap();
        let (text, complaints, _) = outcome(&output);
        serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}{complaints}{}", self.said()))
    }

    /// The incidents of one namespace.
    fn incidents(&self, inode: &Value) -> Vec<Value> {
        let list = self.json(&["incidents", "list", "--state-dir", "state", "--format", "json"]);
        let rows = list["incidents"].as_array().unwrap().clone();
        rows.into_iter().filter(|row| row["namespace"]["inode"] == *inode).collect()
    }

    fn report(&self, id: &str) -> Value {
        self.json(&["incidents", "show", id, "--state-dir", "state", "--format", "json"])
    }
}

impl Drop for Watcher {
    /// A test that failed leaves no watcher behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A report without what may differ: when and by what it was made, and where its inputs stood.
fn comparable(mut report: Value, here: &[&str]) -> String {
    for field in ["generated_at", "tool", "inputs"] {
        report.as_object_mut().unwrap().remove(field);
    }
    here.iter().fold(report.to_string(), |text, place| text.replace(place, "the bundle"))
}

fn what_was_kept_is_true(watcher: &Watcher, truth: &Value) {
    let name = &watcher.source;
    let found = watcher.incidents(&truth["netns_inode"]);
    assert_eq!(found.len(), 1, "{name}: {found:#?}\n{}", watcher.said());
    let id = found[0]["id"].as_str().unwrap();
    let report = watcher.report(id);
    let incident = report["incidents"].as_array().unwrap().iter().find(|incident| incident["id"] == id);
    let incident = incident.unwrap_or_else(|| panic!("{name}: {report:#}"));
    assert_eq!(incident["top_sources"][0]["address"], "192.168.10.2", "{name}");
    assert_eq!(incident["top_peers"][0]["port"], 3128, "{name}");
    assert_eq!(incident["ongoing"], false, "{name}");
    let drops = truth["drops"].as_u64().unwrap();
    let (low, high) = (incident["drops"]["low"].as_u64().unwrap(), incident["drops"]["high"].as_u64());
    assert!(
        low <= drops && high.is_none_or(|high| drops <= high),
        "{name}: {low} {drops} {high:?}: {:#}",
        incident["drops"]
    );
    let at = incident["snapshots"].as_array().unwrap().iter().find(|snapshot| snapshot["role"] == "at");
    let at = at.unwrap_or_else(|| panic!("{name}: {:#}", incident["snapshots"]));
    assert_eq!(at["leads"], true, "{name}: {:#}", incident["snapshots"]);
    // Stamps of a file are whole seconds; the machine may be busy.
    let late = at["offset_seconds"].as_f64().unwrap();
    assert!((-1.0..5.0).contains(&late), "{name}: captured {late} s after the first line");
    eprintln!("{name}: captured {late} s after the first line; drops {low} to {high:?} of {drops}");
    let points = incident["timeline"]["points"].as_array().unwrap();
    assert!(points.iter().any(|point| point["count"].as_u64() == Some(400)), "{name}: {points:#?}");

    let exported = conntriage(&watcher.directory)
        .args(["incidents", "export", id, "--state-dir", "state", "-o", "exported.tar.zst"])
        .status()
        .unwrap();
    assert!(exported.success(), "{name}");
    let again = watcher.json(&["analyze", "--format", "json", "exported.tar.zst"]);
    let here = [format!("state/evidence/{id}"), format!("exported.tar.zst!conntriage-{id}")];
    let places: Vec<&str> = here.iter().map(String::as_str).collect();
    assert_eq!(comparable(report, &places), comparable(again, &places), "{name}");
}

/// Each message was written once, and the last tells the whole.
fn what_was_mailed_is_one_thread(watcher: &Watcher, truth: &Value) {
    let name = &watcher.source;
    let id = watcher.incidents(&truth["netns_inode"])[0]["id"].as_str().unwrap().to_owned();
    let queue = watcher.json(&["mail", "queue", "--state-dir", "state", "--format", "json"]);
    let ours = |message: &&Value| message["incident"] == id.as_str() && message["kind"] == "mail";
    let messages: Vec<&Value> = queue["messages"].as_array().unwrap().iter().filter(ours).collect();
    let ids: Vec<&str> = messages.iter().map(|message| message["id"].as_str().unwrap()).collect();
    assert!((2..=4).contains(&ids.len()), "{name}: {queue:#}\n{}", watcher.said());
    for (ordinal, id_of_message) in (1..).zip(&ids) {
        assert!(id_of_message.starts_with(&format!("conntriage.{id}.{ordinal}@")), "{name}: {ids:?}");
    }
    assert!(messages.iter().all(|message| message["state"] == "waiting"), "{name}: {queue:#}");
    let delivered = conntriage(&watcher.directory)
        .args(["mail", "deliver", "--eml", "out", "--state-dir", "state", "--config", "config.toml"])
        .output()
        .unwrap();
    assert!(delivered.status.success(), "{name}: {:?}", outcome(&delivered));
    let last = ids.last().unwrap();
    let message = std::fs::read_to_string(watcher.directory.join(format!("out/{last}.eml"))).unwrap();
    assert!(message.contains("\r\nTo: ops@example.org\r\n"), "{name}: {message}");
    assert!(message.contains(&format!("\r\nIn-Reply-To: <{}>\r\n", ids[0])), "{name}: {message}");
    assert!(message.contains("192.168.10.2"), "{name}: {message}");
}

/// Programs are told of the beginning and the end, and of nothing else; the one alert that is left is over.
fn what_programs_get_is_whole(watcher: &Watcher, truth: &Value) {
    let name = &watcher.source;
    let id = watcher.incidents(&truth["netns_inode"])[0]["id"].as_str().unwrap().to_owned();
    let state = rusqlite::Connection::open(watcher.directory.join("state/state.db")).unwrap();
    let bodies = |channel: &str| -> Vec<(String, Value)> {
        let mut all = state
            .prepare("SELECT state, bytes FROM message WHERE incident = ?1 AND channel = ?2 ORDER BY number")
            .unwrap();
        let rows = all.query_map([id.as_str(), channel], |row| {
            let bytes: Option<Vec<u8>> = row.get(1)?;
            let body = bytes.map_or(Value::Null, |bytes| serde_json::from_slice(&bytes).unwrap());
            Ok((row.get(0)?, body))
        });
        rows.unwrap().map(Result::unwrap).collect()
    };
    let told = bodies("webhook");
    let events: Vec<&str> = told.iter().map(|(_, body)| body["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["opened", "closed"], "{name}: {}", watcher.said());
    let last = &told[1].1;
    assert_eq!(
        (&last["schema"], &last["namespace"]),
        (&Value::from("conntriage.notice/1"), &Value::from("netns"))
    );
    assert_eq!(last["report"]["incidents"][0]["id"], id.as_str(), "{name}");
    assert_eq!(last["report"]["incidents"][0]["top_sources"][0]["address"], "192.168.10.2", "{name}");
    let alerts = bodies("alertmanager");
    let (state_of_last, last) = alerts.last().unwrap();
    assert_eq!(state_of_last, "waiting", "{name}");
    assert!(last[0]["endsAt"].is_string(), "{name}: {last}");
    for (state, before) in &alerts[..alerts.len() - 1] {
        assert_eq!(state, "replaced", "{name}");
        assert!(
            before.is_null() || before[0]["labels"] == last[0]["labels"] && before[0]["endsAt"].is_null()
        );
    }
    assert_eq!(last[0]["labels"]["incident"], id.as_str());
    let numbers = std::fs::read_to_string(watcher.directory.join("x.prom")).unwrap();
    let value = |series: &str| {
        let line = numbers
            .lines()
            .find(|line| line.starts_with(series))
            .unwrap_or_else(|| panic!("{series}: {numbers}"));
        line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()
    };
    assert!(value("conntriage_incidents_opened_total") >= 1.0, "{name}: {numbers}");
    assert!(value("conntriage_table_entries{namespace=\"initial\"}") >= 0.0, "{name}: {numbers}");
    assert!(value("conntriage_messages{state=\"waiting\"}") >= 3.0, "{name}: {numbers}");
    assert!(value("conntriage_last_record_timestamp_seconds{source=") > 1e9, "{name}: {numbers}");
}

#[test]
fn a_full_table_is_captured_kept_and_told_as_it_was_whatever_is_followed() {
    const NAME: &str = "a_full_table_is_captured_kept_and_told_as_it_was_whatever_is_followed";
    if let Some(why) = missing() {
        return skip(NAME, &why);
    }
    let _limit = limit_is_ours();
    let directory = tempfile::tempdir().unwrap();
    let (work, out) = (directory.path().join("work"), directory.path().join("out"));
    std::fs::create_dir_all(work.join("run/log/journal")).unwrap();
    let at = |name: &str, source: String| Watcher::start(directory.path().join(name), source);
    let mut watchers = vec![
        at("kmsg", "kmsg".to_owned()),
        at("journal", format!("journal:{}", work.join("run/log/journal").display())),
        at("file", format!("file:{}", work.join("messages").display())),
        at("killed", "kmsg".to_owned()),
    ];
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let mut burst = Command::new("python3")
        .arg(root().join("tests/tools/burst.py"))
        .args(["--max", "400", "--flush", "1", "--load", "150x7", "--no-table"])
        .args(["--host", host.trim(), "--boot-id", boot.trim(), "--work"])
        .arg(&work)
        .arg("--out")
        .arg(&out)
        .spawn()
        .unwrap();
    watchers[3].wait_for(": a connection-tracking table is full", Duration::from_secs(90));
    std::thread::sleep(Duration::from_secs(2));
    watchers[3].crash();
    assert!(burst.wait().unwrap().success(), "the burst could not be made");
    let truth: Value =
        serde_json::from_str(&std::fs::read_to_string(out.join("truth.json")).unwrap()).unwrap();
    assert!(truth["drops"].as_u64().unwrap() > 20, "the table was not full: {truth}");
    for watcher in &mut watchers {
        watcher.wait_for(": over;", Duration::from_mins(1));
        watcher.stop();
        what_was_kept_is_true(watcher, &truth);
        what_programs_get_is_whole(watcher, &truth);
        what_was_mailed_is_one_thread(watcher, &truth);
    }
}

#[test]
fn s12_lines_that_anybody_could_have_written_start_nothing_while_the_counters_disagree() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("messages");
    std::fs::write(&log, "").unwrap();
    let mut watcher = Watcher::start(directory.path().join("watcher"), format!("file:{}", log.display()));
    std::thread::sleep(Duration::from_secs(1));
    let now = Command::new("date").arg("+%b %e %H:%M:%S").output().unwrap().stdout;
    let now = String::from_utf8(now).unwrap();
    let line =
        format!("{} gw kernel: nf_conntrack: nf_conntrack: table full, dropping packet\n", now.trim_end());
    std::fs::write(&log, line.repeat(100_000)).unwrap();
    std::thread::sleep(Duration::from_secs(5));
    watcher.stop();
    let list = watcher.json(&["incidents", "list", "--state-dir", "state", "--format", "json"]);
    assert_eq!(list["incidents"].as_array().unwrap().len(), 0, "{list:#}\n{}", watcher.said());
    let evidence = std::fs::read_dir(watcher.directory.join("state/evidence"));
    assert_eq!(evidence.map_or(0, std::iter::Iterator::count), 0, "nothing was captured");
}

#[test]
fn d10_two_watchers_do_not_share_a_state() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("messages");
    std::fs::write(&log, "").unwrap();
    let mut first = Watcher::start(directory.path().join("watcher"), format!("file:{}", log.display()));
    let lock = first.directory.join("state/lock");
    let begun = Instant::now();
    while !std::fs::read_to_string(&lock).is_ok_and(|pid| !pid.is_empty()) {
        assert!(begun.elapsed() < Duration::from_secs(20), "{}", first.said());
        std::thread::sleep(Duration::from_millis(50));
    }
    let second = conntriage(&first.directory)
        .args(["watch", "--config", "config.toml", "--state-dir", "state", "--once", "--source"])
        .arg(format!("file:{}", log.display()))
        .output()
        .unwrap();
    let (_, complaint, code) = outcome(&second);
    assert_eq!(code, 1, "{complaint}");
    assert!(complaint.contains(&format!("is in use by process {}", first.child.id())), "{complaint}");
    first.stop();
}

#[test]
fn a_damaged_state_is_set_aside_and_is_no_reason_not_to_start() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("messages");
    std::fs::write(&log, "Nov 27 03:00:00 gw sshd[1]: hello\n").unwrap();
    let once = || {
        let output = conntriage(directory.path())
            .args(["watch", "--state-dir", "state", "--once", "--source", "file:messages"])
            .output()
            .unwrap();
        outcome(&output)
    };
    let (_, complaint, code) = once();
    assert_eq!(code, 0, "{complaint}");
    std::fs::write(directory.path().join("state/state.db"), vec![0x5a; 40_960]).unwrap();
    let (_, complaint, code) = once();
    assert_eq!(code, 0, "{complaint}");
    assert!(complaint.contains("it was set aside as state/state.db.damaged"), "{complaint}");
    assert!(directory.path().join("state/state.db.damaged").exists());
    let (_, complaint, code) = once();
    assert_eq!((code, complaint.as_str()), (0, ""));
}

#[test]
fn an_old_log_that_is_read_once_is_not_passed_over_in_silence() {
    let directory = tempfile::tempdir().unwrap();
    let line = "Nov 27 03:00:00 gw kernel: nf_conntrack: nf_conntrack: table full, dropping packet\n";
    std::fs::write(directory.path().join("messages"), line.repeat(3) + "Nov 27 03:00:01 gw sshd[1]: hello\n")
        .unwrap();
    let output = conntriage(directory.path())
        .args(["watch", "--state-dir", "state", "--once", "--source", "file:messages"])
        .output()
        .unwrap();
    let (_, complaint, code) = outcome(&output);
    assert_eq!(code, 0, "{complaint}");
    assert!(complaint.contains("file:messages: 3 of 4 lines tell of a full table"), "{complaint}");
    assert!(complaint.contains("`conntriage analyze` reports on them"), "{complaint}");
}

#[test]
fn a_wrong_configuration_is_told_whole_with_its_lines() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("c.toml"), "quiet = 1\n[capture]\nenter = \"all\"\n").unwrap();
    let output =
        conntriage(directory.path()).args(["config", "check", "--config", "c.toml"]).output().unwrap();
    let (_, complaint, code) = outcome(&output);
    assert_eq!(code, 1);
    assert!(
        complaint.contains("c.toml: line 1: quiet: no such key; did you mean incident.quiet?"),
        "{complaint}"
    );
    assert!(complaint.contains("c.toml: line 3: capture.enter: "), "{complaint}");
}

#[test]
fn the_unit_gives_the_watcher_little_and_all_are_understood_by_systemd() {
    const NAME: &str = "the_unit_gives_the_watcher_little_and_all_are_understood_by_systemd";
    let security = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--threshold=25"])
        .arg(root().join("dist/conntriage-watch.service"))
        .output();
    let Ok(security) = security else {
        return skip(NAME, "systemd-analyze is not installed");
    };
    let (text, complaint, _) = outcome(&security);
    let last = text.lines().last().unwrap_or_default();
    assert!(security.status.success(), "more than 2.5: {last}{complaint}");
    let units = [
        "conntriage-watch.service",
        "conntriage-mail.service",
        "conntriage-mail.timer",
        "conntriage-notify.service",
        "conntriage-notify.timer",
    ];
    let verified = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .args(units.map(|unit| root().join("dist").join(unit)))
        .output();
    let (_, complaint, _) = outcome(&verified.unwrap());
    let wrong: Vec<&str> = complaint.lines().filter(|line| !line.contains("is not executable")).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}
