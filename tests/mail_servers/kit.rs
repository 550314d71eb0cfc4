//! A relay that goes wrong when asked to, an outbox with messages, and the program that hands them over.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use conntriage::edge::deliver::smtp::Patience;
use conntriage::edge::store::outbox::Outbox;
use conntriage::model::live::attempt::{Job, Relay as Settings};
use conntriage::model::live::config::Tls;
use conntriage::model::live::message::{Envelope, Written};
use conntriage::model::time::WallTime;
use serde_json::Value;

use crate::common::{conntriage, outcome, root, skip};

/// When messages of these tests are owed.
pub(crate) const BEGIN: i64 = 1_795_400_000;
/// Nothing that goes well takes longer here.
pub(crate) const HURRY: Patience = Patience {
    resolve: Duration::from_secs(2),
    connect: Duration::from_secs(2),
    greeting: Duration::from_secs(2),
    tls: Duration::from_secs(2),
    command: Duration::from_secs(2),
    data: Duration::from_secs(2),
    block: Duration::from_secs(2),
    dot: Duration::from_secs(2),
};
pub(crate) const PYTHON: &str = "/usr/bin/python3";
const OPENSSL: &str = "/usr/bin/openssl";

/// Whether these are all installed; if not, the test says so and is over.
pub(crate) fn there(test: &str, programs: &[&str]) -> bool {
    let missing = programs.iter().find(|program| !Path::new(program).exists());
    if let Some(program) = missing {
        skip(test, &format!("{program} is not installed"));
    }
    missing.is_none()
}

/// Root, for namespaces.
pub(crate) fn is_root(test: &str) -> bool {
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    if !root {
        skip(test, "needs root (namespaces of its own)");
    }
    root
}

/// A relay of `tests/tools/bad_relay.py`.
pub(crate) struct BadRelay {
    child: Child,
    pub(crate) port: u16,
    log: PathBuf,
}

impl BadRelay {
    pub(crate) fn start(directory: &Path, arguments: &[&str]) -> Self {
        Self::start_by(Command::new(PYTHON), directory, arguments)
    }

    /// The same, by a program that runs others in a namespace.
    pub(crate) fn start_by(mut command: Command, directory: &Path, arguments: &[&str]) -> Self {
        let log = directory.join("relay.jsonl");
        command.arg(root().join("tests/tools/bad_relay.py")).arg("--log").arg(&log).args(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut out, &mut line).unwrap();
        Self { child, port: line.trim().parse().unwrap(), log }
    }

    fn lines(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// What it has taken, whether or not it said so.
    pub(crate) fn messages(&self) -> Vec<Value> {
        self.lines().into_iter().filter(|line| line.get("id").is_some()).collect()
    }

    /// Waits until it stands still at a stage.
    pub(crate) fn wait_at(&self, stage: &str) {
        let begun = Instant::now();
        while !self.lines().iter().any(|line| line["at"] == stage) {
            assert!(begun.elapsed() < Duration::from_secs(20), "never came to {stage}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for BadRelay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn message(id: &str) -> Vec<u8> {
    format!(
        "From: a@web8.test\r\nTo: ops@example.org\r\nMessage-ID: <{id}>\r\nSubject: t\r\n\r\n.\r\nhello\r\n"
    )
    .into_bytes()
}

pub(crate) fn envelope(to: &[&str]) -> Envelope {
    Envelope { from: "a@web8.test".to_owned(), to: to.iter().map(|to| (*to).to_owned()).collect() }
}

/// A job for a relay of this machine, in the clear.
pub(crate) fn job(port: u16, to: &[&str]) -> Job {
    Job {
        relay: Settings {
            host: "127.0.0.1".to_owned(),
            port,
            tls: Tls::None,
            user: None,
            password: None,
            known: Vec::new(),
            recent: false,
        },
        hello: "web8.test".to_owned(),
        envelope: envelope(to),
        bytes: message("one@web8.test"),
        smaller: None,
    }
}

/// An outbox with one message, `one@web8.test`.
pub(crate) fn outbox(directory: &Path, to: &[&str]) {
    let mut outbox = Outbox::make(&directory.join("state")).unwrap();
    put(&mut outbox, "one@web8.test", to);
}

pub(crate) fn put(outbox: &mut Outbox, id: &str, to: &[&str]) {
    let created = WallTime(BEGIN * 1_000_000);
    let written = Written { id: id.to_owned(), envelope: envelope(to), bytes: message(id), created };
    outbox.put(&written).unwrap();
}

/// The configuration of a relay of this machine.
pub(crate) fn configure(directory: &Path, lines: &str) {
    let text =
        format!("[mail]\ntransport = \"smtp\"\nfrom = \"a@web8.test\"\nto = [\"ops@example.org\"]\n{lines}");
    std::fs::write(directory.join("config.toml"), text).unwrap();
}

/// `conntriage mail …` at a moment, with the configuration and state of a directory.
pub(crate) fn mail(directory: &Path, seconds: i64, arguments: &[&str]) -> Command {
    let mut command = conntriage(directory);
    command.env("CONNTRIAGE_TEST_CLOCK", (BEGIN + seconds).to_string());
    command.arg("mail").args(arguments).args(["--config", "config.toml", "--state-dir", "state"]);
    command
}

/// Output of `mail deliver`: what it said, and its code.
pub(crate) fn deliver(directory: &Path, seconds: i64) -> (String, i32) {
    said(&mail(directory, seconds, &["deliver"]).output().unwrap())
}

pub(crate) fn said(output: &Output) -> (String, i32) {
    let (out, complaints, code) = outcome(output);
    // A signal has no code: then it is to be seen which.
    let killed = if code < 0 { output.status.to_string() } else { String::new() };
    (out + &complaints + &killed, code)
}

/// The queue's only message.
pub(crate) fn queued(directory: &Path) -> Value {
    let output = mail(directory, 0, &["queue", "--format", "json"]).output().unwrap();
    let queue: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(queue["messages"].as_array().unwrap().len(), 1, "{queue:#}");
    queue["messages"][0].clone()
}

/// Certificates of `tests/tools/certificates.sh`.
pub(crate) fn certificates(test: &str, directory: &Path, name: &str) -> bool {
    if !there(test, &[OPENSSL, PYTHON]) {
        return false;
    }
    let made = Command::new("sh")
        .arg(root().join("tests/tools/certificates.sh"))
        .args([directory.as_os_str(), name.as_ref()])
        .output()
        .unwrap();
    assert!(made.status.success(), "{:?}", outcome(&made));
    true
}

/// Does something with each of many, several at once.
pub(crate) fn each<T: Sync>(all: &[T], work: impl Fn(&T) + Sync) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while let Some(one) = all.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    work(one);
                }
            });
        }
    });
}
