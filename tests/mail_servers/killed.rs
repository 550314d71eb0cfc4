//! kill -9, of the process that keeps the books and of the one that makes the attempt, at every stage: each message arrives
//! once, or twice with the same Message-ID and the same bytes where the relay's answer was lost.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::kit::{BadRelay, PYTHON, configure, deliver, each, mail, outbox, queued, there};

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
    let (limits, arguments, environment) = (of("limits"), of("cmdline"), of("environ"));
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
