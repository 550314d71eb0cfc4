//! The outbox: what is owed is kept before it is written, handed over once, and tried again as it should be.

#![allow(clippy::disallowed_methods, reason = "tests run programs and read files")]

mod common;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::{conntriage, outcome};
use conntriage::edge::deliver::{eml, sendmail};
use conntriage::edge::store::outbox::Outbox;
use conntriage::edge::store::state::{Change, State};
use conntriage::model::live::intent::{About, IncidentNo, Notice, NoticeNo, SuppressedList};
use conntriage::model::live::message::{Envelope, Fate, Letter, MessageState, Next, Owed};
use conntriage::model::time::WallTime;
use serde_json::Value;

const NOW: WallTime = WallTime(1_795_400_000_000_000);

fn at(seconds: i64) -> WallTime {
    WallTime(NOW.0 + seconds * 1_000_000)
}

fn owed(number: u64) -> Owed {
    let about = About::Opened(IncidentNo(number));
    Owed {
        notice: Notice { notice: NoticeNo(number), about, ordinal: 1, suppressed: SuppressedList::default() },
        incident: Some(format!("{number:012x}")),
        id: format!("conntriage.{number:012x}.1@web8"),
        envelope: Envelope { from: "conntriage@web8".to_owned(), to: vec!["ops@example.org".to_owned()] },
        created: NOW,
    }
}

/// A state with so many messages, all written.
fn state_with(directory: &Path, messages: u64) -> State {
    let (mut state, _) = State::open(directory).unwrap();
    let owed: Vec<Owed> = (1..=messages).map(owed).collect();
    state.commit(&Change { owed, ..Change::default() }).unwrap();
    for (number, owed) in state.drafts().unwrap() {
        let bytes = format!("Message-ID: <{}>\r\n\r\nhello\r\n", owed.id);
        state.written(number, Ok(bytes.as_bytes()), NOW).unwrap();
    }
    state
}

fn states(outbox: &Outbox) -> Vec<MessageState> {
    outbox.queue().unwrap().into_iter().map(|queued| queued.state).collect()
}

#[test]
fn what_is_owed_outlives_a_crash_before_it_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("state");
    let (mut state, _) = State::open(&root).unwrap();
    state.commit(&Change { owed: vec![owed(1)], ..Change::default() }).unwrap();
    drop(state);
    let (state, _) = State::open(&root).unwrap();
    let drafts = state.drafts().unwrap();
    assert_eq!(drafts.iter().map(|(_, owed)| owed.clone()).collect::<Vec<_>>(), [owed(1)]);
    let mut outbox = Outbox::open(&root).unwrap().unwrap();
    assert_eq!(outbox.lease(at(1_000), at(2_000)).unwrap(), None, "a draft is nothing to hand over");
    state.written(drafts[0].0, Ok(b"once"), NOW).unwrap();
    state.written(drafts[0].0, Ok(b"twice"), NOW).unwrap();
    let letter = outbox.lease(at(1), at(900)).unwrap().unwrap();
    assert_eq!(letter.bytes, b"once", "final bytes stay as they are");
}

#[test]
fn a_leased_message_is_nobody_elses_until_the_lease_ends() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("state");
    let _state = state_with(&root, 1);
    let (mut one, mut other) = (Outbox::open(&root).unwrap().unwrap(), Outbox::open(&root).unwrap().unwrap());
    let first = one.lease(at(1), at(900)).unwrap().unwrap();
    assert_eq!(other.lease(at(2), at(900)).unwrap(), None);
    // Whoever had it was killed: the same bytes, one attempt more.
    let second = other.lease(at(901), at(1_800)).unwrap().unwrap();
    assert_eq!(second, Letter { attempts: 2, ..first.clone() });
    // The first was only slow: its answer is not about this attempt.
    one.answer(&first, &Next::GiveUp("late".to_owned())).unwrap();
    assert_eq!(states(&one), [MessageState::Leased]);
    other.answer(&second, &Next::Done).unwrap();
    assert_eq!(states(&one), [MessageState::Sent]);
    assert_eq!(one.lease(at(9_999), at(99_999)).unwrap(), None);
}

#[test]
fn a_message_that_was_put_off_waits_until_the_table_has_room_again() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("state");
    let mut state = state_with(&root, 1);
    let mut outbox = Outbox::open(&root).unwrap().unwrap();
    let letter = outbox.lease(at(1), at(900)).unwrap().unwrap();
    outbox.answer(&letter, &Next::Again { at: at(1_800), why: "no route".to_owned() }).unwrap();
    assert_eq!(outbox.lease(at(60), at(900)).unwrap(), None);
    let queued = outbox.queue().unwrap().remove(0);
    assert_eq!(
        (queued.attempts, queued.next_attempt, queued.last_error.as_deref()),
        (1, Some(at(1_800)), Some("no route"))
    );
    state.commit(&Change { retry: Some(at(60)), ..Change::default() }).unwrap();
    assert_eq!(outbox.lease(at(60), at(900)).unwrap().unwrap().attempts, 2);
}

#[test]
fn deliver_writes_each_message_as_a_file_once() {
    let directory = tempfile::tempdir().unwrap();
    let _state = state_with(&directory.path().join("state"), 3);
    let mail = |arguments: &[&str]| {
        let all =
            conntriage(directory.path()).arg("mail").args(arguments).args(["--state-dir", "state"]).output();
        outcome(&all.unwrap())
    };
    let (_, said, code) = mail(&["deliver", "--eml", "out"]);
    assert_eq!((code, said.matches(": handed over, to ops@example.org").count()), (0, 3), "{said}");
    let mut names: Vec<PathBuf> =
        std::fs::read_dir(directory.path().join("out")).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(names[0].ends_with("conntriage.000000000001.1@web8.eml"), "{names:?}");
    assert_eq!(mail(&["deliver", "--eml", "out"]), (String::new(), String::new(), 0));
    let (json, _, _) = mail(&["queue", "--format", "json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["messages"].as_array().unwrap().len(), 3);
    assert_eq!(json["messages"][0]["state"], "sent");
    assert_eq!(json["messages"][0]["created_at"], "2026-11-23T02:13:20Z");
    let (text, _, _) = mail(&["queue"]);
    assert!(text.starts_with("STATE  SINCE"), "{text}");
}

#[test]
fn a_file_that_cannot_be_written_is_tried_again() {
    let directory = tempfile::tempdir().unwrap();
    let _state = state_with(&directory.path().join("state"), 1);
    std::fs::write(directory.path().join("out"), "in the way").unwrap();
    let output = conntriage(directory.path())
        .args(["mail", "deliver", "--eml", "out", "--state-dir", "state"])
        .env("SOURCE_DATE_EPOCH", (at(60).0 / 1_000_000).to_string())
        .output();
    let (_, said, code) = outcome(&output.unwrap());
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("not handed over: out: "), "{said}");
    assert!(said.contains("it is tried again at 2026-11-23T02:14:35Z"), "{said}");
}

#[test]
fn no_message_id_leads_out_of_the_directory() {
    let directory = tempfile::tempdir().unwrap();
    let letter = Letter {
        number: 1,
        id: "../../etc/passwd\0".to_owned(),
        envelope: Envelope::default(),
        bytes: b"x".to_vec(),
        created: NOW,
        attempts: 1,
    };
    let path = eml::write(directory.path(), &letter).unwrap();
    assert_eq!(path.parent(), Some(directory.path()));
}

/// A sendmail that goes wrong: no real one does so when asked to.
fn faulty(directory: &Path, script: &str) -> PathBuf {
    let path = directory.join("sendmail");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    path
}

fn handed_over(script: &str, bytes: &[u8], patience: Duration) -> Fate {
    let directory = tempfile::tempdir().unwrap();
    let program = faulty(directory.path(), script);
    sendmail::hand_over(&program, &owed(1).envelope, bytes, patience)
}

#[test]
fn sendmail_gets_the_bytes_and_addresses_and_nothing_of_our_environment() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("got");
    let script = format!(
        "{{ echo \"$@\"; pwd; env | grep -v -e ^PWD= -e ^PATH= -e ^_= -e ^SHLVL= -e ^OLDPWD=; cat; }} > {}",
        out.display()
    );
    assert_eq!(handed_over(&script, b"hello", Duration::from_secs(20)), Fate::Taken);
    let got = std::fs::read_to_string(out).unwrap();
    assert_eq!(got, "-i -f conntriage@web8 -- ops@example.org\n/\nhello");
}

#[test]
fn each_way_sendmail_can_fail_has_its_class() {
    let patience = Duration::from_secs(20);
    let not_now = |script: &str| match handed_over(script, b"hello", patience) {
        Fate::NotNow(why) => why,
        other => panic!("{script}: {other:?}"),
    };
    assert_eq!(not_now("cat >/dev/null; echo busy >&2; exit 75"), "sendmail ended with code 75: busy");
    assert_eq!(not_now("cat >/dev/null; kill -9 $$"), "sendmail was killed");
    for code in [64, 65, 67] {
        let fate = handed_over(&format!("cat >/dev/null; echo no >&2; exit {code}"), b"hello", patience);
        assert_eq!(fate, Fate::Never(format!("sendmail refused it with code {code}: no")));
    }
    // It says much before it reads, and the message is larger than a pipe.
    let much = vec![b'x'; 1 << 20];
    let script = "head -c 1000000 /dev/zero | tr '\\0' e >&2; cat >/dev/null";
    assert_eq!(handed_over(script, &much, patience), Fate::Taken);
    // It ends well and has read nothing.
    assert!(matches!(handed_over("exit 0", &much, patience), Fate::NotNow(_)));
}

#[test]
fn a_delivery_that_goes_on_in_the_background_is_not_waited_for() {
    let begun = Instant::now();
    let fate = handed_over("cat >/dev/null; sleep 30 & exit 0", b"hello", Duration::from_mins(1));
    assert_eq!(fate, Fate::Taken);
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}

#[test]
fn a_sendmail_that_hangs_is_ended() {
    let begun = Instant::now();
    let fate = handed_over("exec sleep 60", b"hello", Duration::from_secs(1));
    assert_eq!(fate, Fate::NotNow("sendmail did not end within 1 s".to_owned()));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}
