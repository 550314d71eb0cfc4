//! Relays that go wrong: each fault has its class, and nothing is lost or doubled.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use conntriage::edge::deliver::attempt::{self, WALL};
use conntriage::edge::deliver::{Bound, smtp};
use conntriage::model::live::attempt::{Errand, Outcome, Stage, Step, Told};
use conntriage::model::live::config::Tls;
use conntriage::model::live::message::Fate;

use crate::kit::{BadRelay, HURRY, PYTHON, job, there};

/// The class of a fate, and its words.
fn class(fate: &Fate) -> (&'static str, &str) {
    match fate {
        Fate::Taken => ("taken", ""),
        Fate::NotNow(why) => ("not now", why),
        Fate::Misconfigured(why) => ("misconfigured", why),
        Fate::Perhaps(why) => ("perhaps", why),
        Fate::Never(why) => ("never", why),
    }
}

/// Fault, class, words, and how many messages the relay has then.
const FAULTS: [(&str, &str, &str, usize); 34] = [
    ("", "taken", "", 1),
    ("banner-silent", "not now", "did not answer in time", 0),
    ("banner-drip", "not now", "did not answer in time", 0),
    ("banner-late", "taken", "", 1),
    ("banner-554", "misconfigured", "554 no mail here", 0),
    ("banner-421", "not now", "421 too busy", 0),
    ("banner-latin1", "taken", "", 1),
    ("banner-nul", "taken", "", 1),
    ("banner-blank-ehlo", "taken", "", 1),
    ("endless-line", "not now", "no end after 2048 bytes", 0),
    ("endless-reply", "not now", "longer than 65536 bytes", 0),
    ("ehlo-502", "misconfigured", "EHLO: 502 what is that", 0),
    ("mail-451", "not now", "MAIL: 451 later", 0),
    ("mail-550", "never", "MAIL: 550 never", 0),
    ("mail-530", "misconfigured", "530 5.7.0 log in first", 0),
    ("mail-571", "never", "MAIL: 571 5.7.1 not from you", 0),
    ("rcpt-571", "never", "571 5.7.1 not to them", 0),
    ("rcpt-471", "not now", "471 5.7.1 not to them", 0),
    ("data-571", "never", "DATA: 571", 0),
    ("dot-471", "not now", "471 that is my answer", 0),
    ("dot-571", "never", "571 that is my answer", 0),
    ("rcpt-451", "not now", "451 later", 0),
    ("rcpt-550", "never", "550 5.1.1 no such user", 0),
    ("rcpt-552", "not now", "552 full", 0),
    ("data-451", "not now", "DATA: 451", 0),
    ("data-554", "never", "DATA: 554", 0),
    ("data-250", "not now", "fits no question", 0),
    ("body-reset", "not now", "in the message: ", 0),
    ("dot-451", "not now", "451 that is my answer", 0),
    ("dot-554", "never", "554 that is my answer", 0),
    ("dot-552", "taken", "", 1),
    ("dot-silent", "perhaps", "did not answer in time", 1),
    ("dot-close", "perhaps", "closed the connection", 1),
    ("dot-late", "taken", "", 1),
];

#[test]
fn m04_m05_m06_m12_each_fault_of_a_relay_has_its_class() {
    if !there("each_fault_of_a_relay_has_its_class", &[PYTHON]) {
        return;
    }
    crate::kit::each(&FAULTS, |(fault, wanted, words, taken)| {
        let directory = tempfile::tempdir().unwrap();
        let relay = BadRelay::start(
            directory.path(),
            &["--fault", fault, "--seconds", "0.7", "--bad", "ops@example.org"],
        );
        let mut job = job(relay.port, &["ops@example.org"]);
        if *fault == "body-reset" {
            // More than the kernel takes for itself.
            job.bytes.extend(b"0123456789\r\n".repeat(2 << 20));
        }
        let begun = Instant::now();
        let outcome = smtp::attempt(&job, &HURRY, &mut |_| true);
        let (found, why) = class(&outcome.fates[0].1);
        assert_eq!(found, *wanted, "{fault}: {why}");
        assert!(why.contains(words), "{fault}: {why}");
        assert_eq!(relay.messages().len(), *taken, "{fault}");
        assert!(begun.elapsed() < Duration::from_secs(12), "{fault}: {:?}", begun.elapsed());
    });
}

#[test]
fn m03_a_relay_that_is_not_there_is_tried_again() {
    let outcome = smtp::attempt(&job(1, &["ops@example.org"]), &HURRY, &mut |_| true);
    let (found, why) = class(&outcome.fates[0].1);
    assert_eq!(found, "not now");
    assert!(why.contains("127.0.0.1:1: Connection refused"), "{why}");
}

#[test]
fn m02_where_no_name_is_resolved_remembered_addresses_hold() {
    if !there("remembered_addresses_hold", &[PYTHON]) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let relay = BadRelay::start(directory.path(), &[]);
    let mut job = job(relay.port, &["ops@example.org"]);
    // RFC 6761 §6.4: nobody resolves it.
    job.relay.host = "relay.invalid".to_owned();
    let first = smtp::attempt(&job, &HURRY, &mut |_| true);
    assert_eq!(class(&first.fates[0].1).0, "not now", "{first:?}");
    job.relay.known = vec!["127.0.0.2".parse().unwrap(), "127.0.0.1".parse().unwrap()];
    for recent in [false, true] {
        job.relay.recent = recent;
        let found = smtp::attempt(&job, &HURRY, &mut |_| true);
        assert_eq!(found.fates[0].1, Fate::Taken, "{found:?}");
        assert_eq!(found.addresses[0].to_string(), "127.0.0.1", "the one that works goes first");
        assert!(!found.resolved);
    }
    assert_eq!(relay.messages().len(), 2);
}

#[test]
fn m08_one_bad_recipient_of_three_is_refused_alone() {
    if !there("one_bad_recipient_of_three", &[PYTHON]) {
        return;
    }
    for fault in ["rcpt-550", "rcpt-571"] {
        let directory = tempfile::tempdir().unwrap();
        let relay = BadRelay::start(directory.path(), &["--fault", fault, "--bad", "b@x.test"]);
        let job = job(relay.port, &["a@x.test", "b@x.test", "c@x.test"]);
        let outcome = smtp::attempt(&job, &HURRY, &mut |_| true);
        let classes: Vec<&str> = outcome.fates.iter().map(|(_, fate)| class(fate).0).collect();
        assert_eq!(classes, ["taken", "never", "taken"], "{fault}");
        let messages = relay.messages();
        assert_eq!(messages.len(), 1, "{fault}");
        assert_eq!(messages[0]["to"], serde_json::json!(["a@x.test", "c@x.test"]), "{fault}");
    }
}

#[test]
fn m11_what_is_too_large_goes_once_more_without_what_is_attached() {
    if !there("what_is_too_large", &[PYTHON]) {
        return;
    }
    for (fault, size) in [("dot-552", 0), ("dot-552-close", 0), ("dot-523", 0), ("", 200)] {
        let directory = tempfile::tempdir().unwrap();
        let arguments = ["--fault", fault, "--size", &size.to_string()];
        let relay = BadRelay::start(directory.path(), &arguments);
        let mut job = job(relay.port, &["ops@example.org", "net@example.org"]);
        let head = "Message-ID: <one@web8.test>\r\nMIME-Version: 1.0\r\n";
        job.bytes = format!(
            "{head}Content-Type: multipart/mixed;\r\n boundary=\"=_b\"\r\n\r\n--=_b\r\nContent-Type: text/plain\r\n\r\ntext\r\n\
             --=_b\r\nContent-Disposition: attachment; filename=\"r.json\"\r\nContent-Type: application/json\r\n\r\n{{}}\r\n--=_b--\r\n"
        )
        .into_bytes();
        job.smaller = conntriage::report::mail::without_attachments(&job.bytes);
        assert!(job.bytes.len() > 200 && job.smaller.as_ref().unwrap().len() < 200);
        let mut stages = Vec::new();
        let outcome = smtp::attempt(&job, &HURRY, &mut |told| {
            if let Told::Step(step) = told {
                stages.push(step.stage);
            }
            true
        });
        // Where the relay says beforehand how much it takes, nothing is sent twice.
        let transactions = stages.iter().filter(|stage| **stage == Stage::Sender).count();
        assert_eq!(transactions, if size > 0 { 1 } else { 2 }, "{fault}: {stages:?}");
        assert!(outcome.fates.iter().all(|(_, fate)| *fate == Fate::Taken), "{fault}: {outcome:?}");
        let messages = relay.messages();
        assert_eq!(messages.len(), 1, "{fault}: {messages:?}");
        assert_eq!(
            (&messages[0]["id"], &messages[0]["attached"]),
            (&"<one@web8.test>".into(), &false.into())
        );
        // Where there is nothing to leave out it is refused for good.
        job.smaller = None;
        if size > 0 {
            continue;
        }
        let refused = smtp::attempt(&job, &HURRY, &mut |_| true);
        assert_eq!(class(&refused.fates[0].1).0, "never", "{fault}: {refused:?}");
    }
}

#[test]
fn m07_an_answer_that_comes_late_is_waited_for() {
    if !there("an_answer_that_comes_late", &[PYTHON]) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let relay = BadRelay::start(directory.path(), &["--fault", "dot-late", "--seconds", "8"]);
    // As it is in earnest: a process of its own, with the patience of RFC 5321.
    let mut steps: Vec<Step> = Vec::new();
    let outcome = attempt::run(
        Path::new(env!("CARGO_BIN_EXE_conntriage")),
        &Errand::Mail(job(relay.port, &["ops@example.org"])),
        &Bound::of(WALL),
        &mut |step| steps.push(step.clone()),
    );
    assert_eq!(outcome.fates, [("ops@example.org".to_owned(), Fate::Taken)]);
    assert_eq!(relay.messages().len(), 1);
    let stages: Vec<Stage> = steps.iter().map(|step| step.stage).collect();
    assert_eq!(
        stages,
        [
            Stage::Configuration,
            Stage::Connect,
            Stage::Greeting,
            Stage::Sender,
            Stage::Recipient,
            Stage::Content,
            Stage::Answer
        ]
    );
}

#[test]
fn m04_an_attempt_that_hangs_is_ended_by_whoever_started_it() {
    if !there("an_attempt_that_hangs", &[PYTHON]) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_conntriage"));
    for (fault, wanted) in [("banner-silent", "not now"), ("dot-silent", "perhaps")] {
        let relay = BadRelay::start(directory.path(), &["--fault", fault]);
        let begun = Instant::now();
        let job = job(relay.port, &["ops@example.org"]);
        let outcome =
            attempt::run(program, &Errand::Mail(job), &Bound::of(Duration::from_secs(3)), &mut |_| {});
        let (found, why) = class(&outcome.fates[0].1);
        assert_eq!(found, wanted, "{fault}: {why}");
        assert!(why.starts_with("the attempt was ended after 3 s"), "{fault}: {why}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{fault}: {:?}", begun.elapsed());
    }
}

#[test]
fn m12_whatever_becomes_of_the_process_of_an_attempt_the_message_is_kept() {
    let of = |script: &str| -> Outcome {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("program");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        let errand = Errand::Mail(job(1, &["ops@example.org"]));
        attempt::run(&path, &errand, &Bound::of(Duration::from_secs(20)), &mut |_| {})
    };
    let perhaps = conntriage::wire::attempt::write_told(&Told::Outcome(Outcome::all(
        &["ops@example.org".to_owned()],
        &Fate::Perhaps("?".to_owned()),
    )));
    let perhaps = format!("cat <<'E'\n{perhaps}E\n");
    for (script, wanted, words) in [
        ("exit 0".to_owned(), "not now", "ended without a word"),
        ("echo out of memory >&2; kill -6 $$".to_owned(), "not now", "killed by signal 6: out of memory"),
        ("echo nonsense; exit 101".to_owned(), "not now", "died with code 101"),
        (format!("{perhaps} kill -9 $$"), "perhaps", "killed by signal 9, before the relay's answer"),
        (format!("{perhaps} exit 0"), "perhaps", "?"),
    ] {
        let outcome = of(&script);
        let (found, why) = class(&outcome.fates[0].1);
        assert_eq!(found, wanted, "{script}: {why}");
        assert!(why.contains(words), "{script}: {why}");
    }
    let none =
        attempt::run(Path::new("/no/such"), &Errand::Mail(job(1, &["a@x"])), &Bound::of(WALL), &mut |_| {});
    assert!(class(&none.fates[0].1).1.contains("no process could be made"), "{none:?}");
}

#[test]
fn m09_without_tls_nothing_leaves_this_machine() {
    let mut job = job(25, &["ops@example.org"]);
    // TEST-NET-1: nobody is there, and nobody is called.
    job.relay.host = "192.0.2.1".to_owned();
    let begun = Instant::now();
    let outcome = smtp::attempt(&job, &HURRY, &mut |_| true);
    let (found, why) = class(&outcome.fates[0].1);
    assert_eq!(found, "misconfigured", "{why}");
    assert!(why.contains("without TLS") && begun.elapsed() < Duration::from_secs(1), "{why}");
}

#[test]
fn m09_a_handshake_that_stalls_is_tried_again() {
    if !there("a_handshake_that_stalls", &[PYTHON, "/etc/ssl/certs/ca-certificates.crt"]) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let relay = BadRelay::start(directory.path(), &["--fault", "tls-stall", "--tls", "wrapper"]);
    let mut job = job(relay.port, &["ops@example.org"]);
    job.relay.tls = Tls::Wrapper;
    let outcome = smtp::attempt(&job, &HURRY, &mut |_| true);
    assert_eq!(class(&outcome.fates[0].1), ("not now", "TLS: the relay did not answer in time"));
}
