//! kill -9, of the process that keeps the books and of the one that makes the attempt, at every stage: each message arrives
//! once, or twice with the same Message-ID and the same bytes where the relay's answer was lost.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use conntriage::edge::store::outbox::Outbox;
use conntriage::model::live::attempt::Errand;
use conntriage::wire::attempt::write_errand;

use crate::kit::{BEGIN, BadRelay, PYTHON, configure, deliver, each, job, mail, outbox, put, queued, there};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    /// `mail deliver`.
    Parent,
    /// The process of the attempt.
    Child,
}

/// Whom, at which stage, and how often the message is then taken in all.
const KILLS: [(Who, &str, usize); 14] = [
    (Who::Parent, "banner", 1),
    (Who::Child, "banner", 1),
    (Who::Parent, "ehlo", 1),
    (Who::Child, "ehlo", 1),
    (Who::Parent, "mail", 1),
    (Who::Child, "mail", 1),
    (Who::Parent, "rcpt", 1),
    (Who::Child, "rcpt", 1),
    (Who::Parent, "data", 1),
    (Who::Child, "data", 1),
    // The relay has it, and its answer is lost.
    (Who::Parent, "dot", 2),
    (Who::Child, "dot", 2),
    // The answer came, and was told before goodbye was said; only who keeps the books did not write it down yet.
    (Who::Parent, "quit", 2),
    (Who::Child, "quit", 1),
];

/// The only child of a process, once it has one.
fn child_of(parent: &Child) -> u32 {
    let path = format!("/proc/{0}/task/{0}/children", parent.id());
    let begun = Instant::now();
    loop {
        let children = std::fs::read_to_string(&path).unwrap_or_default();
        if let Some(child) = children.split_whitespace().next() {
            return child.parse().unwrap();
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "no attempt was begun");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn kill(process: u32) {
    assert!(Command::new("kill").args(["-9", &process.to_string()]).status().unwrap().success());
}

fn is_gone(process: u32) -> bool {
    // A zombie is gone, too: nobody here waits for it.
    let state = std::fs::read_to_string(format!("/proc/{process}/stat"));
    state.map_or(true, |stat| stat.contains(") Z "))
}

#[test]
fn m17_whoever_is_killed_no_message_is_lost_and_none_comes_twice_but_where_an_answer_was_lost() {
    if !there("whoever_is_killed", &[PYTHON]) {
        return;
    }
    each(&KILLS, |(who, stage, wanted)| {
        let row = format!("{who:?} at {stage}");
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let fault = format!("pause-{stage}");
        // QUIT is waited for two seconds only.
        let relay = BadRelay::start(directory, &["--fault", &fault, "--times", "1", "--seconds", "60"]);
        configure(directory, &format!("host = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n", relay.port));
        outbox(directory, &["ops@example.org"]);
        let mut command = mail(directory, 60, &["deliver"]);
        let mut parent = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let child = child_of(&parent);
        relay.wait_at(stage);
        kill(if *who == Who::Parent { parent.id() } else { child });
        let output = {
            let status = parent.wait().unwrap();
            let mut said = String::new();
            std::io::Read::read_to_string(&mut parent.stderr.take().unwrap(), &mut said).unwrap();
            (status, said)
        };
        let begun = Instant::now();
        while !is_gone(child) {
            assert!(begun.elapsed() < Duration::from_secs(5), "{row}: the attempt outlives whoever began it");
            std::thread::sleep(Duration::from_millis(10));
        }
        let queued_now = queued(directory);
        match (who, *stage) {
            (Who::Parent, _) => assert_eq!(queued_now["state"], "leased", "{row}"),
            (Who::Child, "quit") => assert_eq!(queued_now["state"], "sent", "{row}: {output:?}"),
            (Who::Child, "dot") => {
                assert_eq!(queued_now["recipients"][0]["state"], "possibly delivered", "{row}: {output:?}");
                // The long step, since a second copy is worse than a late one.
                assert!(
                    queued_now["next_attempt_at"].as_str().unwrap() > "2026-11-23T02:37:00Z",
                    "{queued_now:#}"
                );
                assert_eq!(deliver(directory, 600), (String::new(), 0), "{row}");
            }
            (Who::Child, _) => {
                assert_eq!(queued_now["recipients"][0]["state"], "waiting", "{row}: {output:?}");
                assert!(output.1.contains("killed by signal 9"), "{row}: {output:?}");
            }
        }
        let (text, code) = deliver(directory, 2 * 3_600);
        assert_eq!(code, 0, "{row}: {text}");
        assert_eq!(queued(directory)["state"], "sent", "{row}: {text}");
        let messages = relay.messages();
        assert_eq!(messages.len(), *wanted, "{row}: {messages:?}");
        for message in &messages {
            assert_eq!(
                (&message["id"], &message["sha256"]),
                (&"<one@web8.test>".into(), &messages[0]["sha256"]),
                "{row}"
            );
        }
        // And that was all.
        assert_eq!(deliver(directory, 24 * 3_600), (String::new(), 0), "{row}");
    });
}

#[test]
fn m12_an_attempt_is_bounded_and_knows_nothing_that_others_could_read() {
    if !there("an_attempt_is_bounded", &[PYTHON]) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let relay = BadRelay::start(directory, &["--fault", "pause-banner"]);
    configure(directory, &format!("host = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n", relay.port));
    outbox(directory, &["ops@example.org"]);
    let mut command = mail(directory, 60, &["deliver"]);
    let mut parent = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let child = child_of(&parent);
    relay.wait_at("banner");
    let of = |name: &str| {
        let bytes = std::fs::read(Path::new("/proc").join(child.to_string()).join(name)).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let (limits, arguments) = (of("limits"), of("cmdline"));
    // Nobody but root looks into it: it leaves no core behind, and nobody attaches to it.
    let environment = std::fs::read(Path::new("/proc").join(child.to_string()).join("environ"));
    let environment = environment.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let me_is_root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    assert_eq!(environment.is_ok(), me_is_root, "{environment:?}");
    let environment = environment.unwrap_or_default();
    kill(parent.id());
    parent.wait().unwrap();
    for (name, most) in [
        ("Max address space", "536870912"),
        ("Max cpu time", "60"),
        ("Max open files", "64"),
        ("Max core file size", "0"),
    ] {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        let numbers: Vec<&str> = line[name.len()..].split_whitespace().take(2).collect();
        assert_eq!(numbers, [most, most], "{limits}");
    }
    assert_eq!(arguments, "conntriage\0mail\0attempt\0");
    let names: Vec<&str> = environment.split('\0').filter_map(|one| one.split('=').next()).collect();
    assert!(names.iter().all(|name| name.is_empty() || name.starts_with("SSL_CERT_")), "{names:?}");
}

/// The hidden command itself, as `mail deliver` begins it: what it said on standard error. Nobody listens to its output.
fn attempted(port: u16, parent: u32, listens: bool) -> String {
    let errand = Errand::Mail(job(port, &["ops@example.org"]));
    let mut child = Command::new(env!("CARGO_BIN_EXE_conntriage"))
        .args(["mail", "attempt"])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let output = child.stdout.take().unwrap();
    let output = listens.then_some(output);
    let mut input = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, &write_errand(&errand, parent)).unwrap();
    drop(input);
    let ended = child.wait_with_output().unwrap();
    drop(output);
    String::from_utf8_lossy(&ended.stderr).into_owned()
}

#[test]
fn m17_an_attempt_that_nobody_waits_for_sends_nothing() {
    if !there("an_attempt_that_nobody_waits_for", &[PYTHON]) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let relay = BadRelay::start(directory.path(), &[]);
    let me = std::process::id();
    // Whoever began it was gone before it could ask to die with them.
    let said = attempted(relay.port, me + 1, true);
    assert!(said.contains("whoever began it is gone: nothing is sent"), "{said}");
    // Its word that the dot is to be sent is heard by nobody.
    attempted(relay.port, me, false);
    assert_eq!(relay.messages().len(), 0);
    attempted(relay.port, me, true);
    assert_eq!(relay.messages().len(), 1);
}

#[test]
fn m17_a_run_that_is_told_to_stop_gives_back_what_it_did_not_send() {
    if !there("a_run_that_is_told_to_stop", &[PYTHON]) {
        return;
    }
    each(&["banner", "data", "dot"], |stage| {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let fault = format!("pause-{stage}");
        let relay = BadRelay::start(directory, &["--fault", &fault, "--times", "1", "--seconds", "60"]);
        configure(directory, &format!("host = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n", relay.port));
        outbox(directory, &["ops@example.org"]);
        let mut command = mail(directory, 60, &["deliver"]);
        let parent = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let child = child_of(&parent);
        relay.wait_at(stage);
        let begun = Instant::now();
        assert!(Command::new("kill").arg(parent.id().to_string()).status().unwrap().success());
        let ended = parent.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(3), "{stage}: {ended:?}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{stage}: {:?}", begun.elapsed());
        assert!(is_gone(child), "{stage}");
        let queued_now = queued(directory);
        let sent = *stage == "dot";
        let wanted = if sent { "possibly delivered" } else { "waiting" };
        assert_eq!(queued_now["recipients"][0]["state"], wanted, "{stage}: {queued_now:#}");
        assert_eq!(queued_now["attempts"], u64::from(sent), "{stage}: {queued_now:#}");
        let (text, code) = deliver(directory, if sent { 3 * 3_600 } else { 61 });
        assert_eq!((code, relay.messages().len()), (0, if sent { 2 } else { 1 }), "{stage}: {text}");
    });
}

#[test]
fn m16_an_answer_that_cannot_be_kept_at_once_is_kept_when_it_can() {
    if !there("an_answer_that_cannot_be_kept_at_once", &[PYTHON]) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let relay = BadRelay::start(directory, &["--fault", "pause-rcpt", "--times", "1", "--seconds", "2"]);
    configure(directory, &format!("host = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n", relay.port));
    outbox(directory, &["ops@example.org"]);
    let mut more = Outbox::open(&directory.join("state")).unwrap().unwrap();
    put(&mut more, "two@web8.test", &["ops@example.org"]);
    drop(more);
    let mut command = mail(directory, 60, &["deliver"]);
    let parent = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    relay.wait_at("rcpt");
    // Somebody has the file for longer than SQLite waits, while the relay takes the message.
    let other = rusqlite::Connection::open(directory.join("state/state.db")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    std::thread::sleep(Duration::from_secs(9));
    assert_eq!(relay.messages().len(), 1);
    other.execute_batch("ROLLBACK").unwrap();
    let ended = parent.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!((ended.status.code(), said.matches(": handed over, to ").count()), (Some(0), 2), "{said}");
    assert_eq!(deliver(directory, 24 * 3_600), (String::new(), 0));
    assert_eq!(relay.messages().len(), 2, "each once");
}

#[test]
fn a_relay_that_lets_nobody_in_is_tried_once_in_a_run() {
    if !there("a_relay_that_lets_nobody_in", &[PYTHON]) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let relay = BadRelay::start(directory, &["--fault", "ehlo-502"]);
    configure(directory, &format!("host = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n", relay.port));
    outbox(directory, &["ops@example.org"]);
    let mut more = Outbox::open(&directory.join("state")).unwrap().unwrap();
    for id in ["two@web8.test", "three@web8.test"] {
        put(&mut more, id, &["ops@example.org"]);
    }
    let (text, code) = deliver(directory, 60);
    assert_eq!((code, text.matches("EHLO: 502").count()), (3, 1), "{text}");
    let attempts: Vec<u32> = more.queue().unwrap().iter().map(|queued| queued.attempts).collect();
    assert_eq!(attempts, [1, 0, 0]);
}

#[test]
fn m02_where_the_relay_is_is_asked_while_there_is_nothing_to_send() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    configure(directory, "host = \"localhost\"\nport = 1\ntls = \"none\"\n");
    let outbox = Outbox::make(&directory.join("state")).unwrap();
    for (second, asked) in [(60, 60), (120, 60), (659, 60), (661, 661)] {
        assert_eq!(deliver(directory, second), (String::new(), 0));
        let found = outbox.relay("localhost").unwrap().unwrap();
        assert!(found.addresses.iter().all(std::net::IpAddr::is_loopback), "{found:?}");
        assert_eq!(found.resolved.0, (BEGIN + asked) * 1_000_000, "at second {second}");
    }
    // An address needs nobody to be asked.
    configure(directory, "host = \"127.0.0.1\"\nport = 1\ntls = \"none\"\n");
    assert_eq!(deliver(directory, 700), (String::new(), 0));
    assert_eq!(outbox.relay("127.0.0.1").unwrap(), None);
}
