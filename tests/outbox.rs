//! The outbox: what is owed is kept before it is written, handed over once, and tried again as it should be.

#![allow(clippy::disallowed_methods, reason = "tests run programs and read files")]

mod common;

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::{conntriage, outcome};
use conntriage::edge::deliver::{Bound, eml, sendmail};
use conntriage::edge::store::outbox::{Outbox, Turn};
use conntriage::edge::store::state::{Change, State};
use conntriage::model::live::intent::{About, IncidentNo, Notice, NoticeNo, SuppressedList};
use conntriage::model::live::message::{
    Answered, Channel, Envelope, Fate, Letter, MessageState, Next, Owed, RecipientState, Written,
};
use conntriage::model::time::WallTime;
use conntriage::steer::outbox::{after, jittered_us};
use serde_json::Value;

const NOW: WallTime = WallTime(1_795_400_000_000_000);

fn at(seconds: i64) -> WallTime {
    WallTime(NOW.0 + seconds * 1_000_000)
}

fn owed(number: u64) -> Owed {
    let about = About::Opened(IncidentNo(number));
    Owed {
        channel: Channel::Mail,
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

/// How it goes on when this became of every recipient.
fn next(letter: &Letter, fate: &Fate, now: WallTime) -> Next {
    let fates = letter.envelope.to.iter().map(|to| (to.clone(), fate.clone())).collect();
    after(fates, &letter.id, letter.attempts, letter.created, now)
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
    let late = one.answer(&first, &next(&first, &Fate::Never("late".to_owned()), at(902))).unwrap();
    assert_eq!(late, Answered::Lost);
    assert_eq!(states(&one), [MessageState::Leased]);
    let said = other.queue().unwrap().remove(0).last_error.unwrap();
    assert!(said.contains("may have been delivered"), "{said}");
    other.answer(&second, &next(&second, &Fate::Taken, at(903))).unwrap();
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
    let later = next(&letter, &Fate::Misconfigured("no route".to_owned()), at(1));
    outbox.answer(&letter, &later).unwrap();
    assert_eq!(outbox.lease(at(60), at(900)).unwrap(), None);
    let queued = outbox.queue().unwrap().remove(0);
    assert_eq!(
        (queued.attempts, queued.next_attempt, queued.last_error.as_deref()),
        (1, later.at, Some("no route"))
    );
    state.commit(&Change { retry: Some(at(60)), ..Change::default() }).unwrap();
    let letter = outbox.lease(at(60), at(900)).unwrap().unwrap();
    assert_eq!(letter.attempts, 2);
    // One that may have arrived is not hurried: the relay may still be busy with it.
    outbox.answer(&letter, &next(&letter, &Fate::Perhaps("no answer".to_owned()), at(61))).unwrap();
    state.commit(&Change { retry: Some(at(62)), ..Change::default() }).unwrap();
    assert_eq!(outbox.lease(at(62), at(900)).unwrap(), None);
    assert_eq!(outbox.queue().unwrap()[0].to[0].state, RecipientState::Possibly);
}

#[test]
fn whatever_the_clock_does_no_run_has_a_message_twice() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("state");
    let _state = state_with(&root, 2);
    let mut outbox = Outbox::open(&root).unwrap().unwrap();
    let lease = |outbox: &mut Outbox, besides: &BTreeSet<i64>| {
        outbox.lease_next(Channel::Mail, &Turn { besides, begun: at(10) }, at(10), at(900)).unwrap()
    };
    let mut taken = BTreeSet::new();
    // The clock is set back an hour while the run goes on: what is put off is due before the run began.
    for second in [0, -3_600, -3_500] {
        let Some(letter) = lease(&mut outbox, &taken) else { break };
        assert!(taken.insert(letter.number), "{letter:?}");
        outbox.answer(&letter, &next(&letter, &Fate::NotNow("no".to_owned()), at(second))).unwrap();
    }
    assert_eq!(taken.len(), 2);
    assert_eq!(lease(&mut outbox, &taken), None);
    assert!(outbox.lease(at(10), at(900)).unwrap().is_some(), "the next run has it");
}

#[test]
fn what_a_wrong_clock_put_off_for_years_is_due_once_the_clock_is_right() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("state");
    drop(state_with(&root, 3));
    let year = at(365 * 86_400).0;
    rusqlite_of(&root)
        .execute_batch(&format!(
            "UPDATE message SET next_attempt_us = {year} WHERE number = 1;
             UPDATE message SET next_attempt_us = {year}, state = 'leased', attempts = 1 WHERE number = 2;
             UPDATE message SET next_attempt_us = {} WHERE number = 3",
            at(2_100).0
        ))
        .unwrap();
    let mut outbox = Outbox::open(&root).unwrap().unwrap();
    let mut due: Vec<i64> =
        std::iter::from_fn(|| outbox.lease(at(1), at(900)).unwrap()).map(|letter| letter.number).collect();
    due.sort_unstable();
    assert_eq!(due, [1, 2], "the third waits as long as one may");
    // A run that began long ago judges by the clock of now: another has leased and put off since.
    rusqlite_of(&root)
        .execute_batch(&format!(
            "UPDATE message SET next_attempt_us = {}, state = 'waiting' WHERE number = 1;
             UPDATE message SET next_attempt_us = {}, state = 'leased' WHERE number = 2",
            at(7_200 + 1_800).0,
            at(7_200 + 1_200).0
        ))
        .unwrap();
    let turn = Turn { besides: &BTreeSet::from([3]), begun: at(1) };
    assert_eq!(outbox.lease_next(Channel::Mail, &turn, at(7_200), at(8_400)).unwrap(), None);
}

#[test]
fn an_attempt_that_the_table_drained_under_is_tried_again_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("state");
    let mut state = state_with(&root, 2);
    let mut outbox = Outbox::open(&root).unwrap().unwrap();
    let (one, two) =
        (outbox.lease(at(1), at(900)).unwrap().unwrap(), outbox.lease(at(1), at(900)).unwrap().unwrap());
    state.commit(&Change { retry: Some(at(30)), ..Change::default() }).unwrap();
    let kept = outbox.answer(&one, &next(&one, &Fate::Misconfigured("no route".to_owned()), at(40))).unwrap();
    assert_eq!(kept, Answered::Kept(Some(at(30))));
    // What may have arrived is not hurried, and it stays so when a later attempt meets something else.
    let perhaps = next(&two, &Fate::Perhaps("no answer".to_owned()), at(40));
    assert_eq!(outbox.answer(&two, &perhaps).unwrap(), Answered::Kept(perhaps.at));
    let again = outbox.lease(at(50), at(900)).unwrap().unwrap();
    assert_eq!(again.number, one.number);
    // It began after there was room: it waits as it should.
    let later = next(&again, &Fate::NotNow("busy".to_owned()), at(60));
    assert_eq!(outbox.answer(&again, &later).unwrap(), Answered::Kept(later.at));
    let two = outbox.lease_one(two.number, at(2_300), at(2_900)).unwrap().unwrap();
    state.commit(&Change { retry: Some(at(2_400)), ..Change::default() }).unwrap();
    let refused = next(&two, &Fate::NotNow("refused".to_owned()), at(2_410));
    assert_eq!(outbox.answer(&two, &refused).unwrap(), Answered::Kept(refused.at));
    let to = outbox.queue().unwrap().remove(1).to.remove(0);
    assert_eq!(to.state, RecipientState::Possibly);
    let said = to.last_error.unwrap();
    assert!(said.starts_with("possibly delivered") && said.ends_with("refused"), "{said}");
}

#[test]
fn what_nobody_will_send_any_more_is_not_kept_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("state");
    let mut state = state_with(&root, 1);
    let mut outbox = Outbox::open(&root).unwrap().unwrap();
    let letter = outbox.lease(at(1), at(900)).unwrap().unwrap();
    outbox.answer(&letter, &next(&letter, &Fate::Taken, at(2))).unwrap();
    let db = rusqlite_of(&root);
    let count = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM message WHERE bytes IS NULL AND state = 'sent'"), 1);
    db.execute_batch(
        "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
         INSERT INTO message (number, id, notice, sender, created_us, state)
         SELECT i, 'm' || i, '', 'a@b', 1795400000000000, 'dead' FROM n;
         INSERT INTO recipient SELECT number, 0, 'ops@example.org', 'dead', 'no' FROM message WHERE number > 1",
    )
    .unwrap();
    state.commit(&Change { owed: vec![owed(2)], ..Change::default() }).unwrap();
    assert_eq!(count("SELECT count(*) FROM message WHERE state = 'dead'"), 1_000);
    assert_eq!(count("SELECT min(number) FROM message WHERE state = 'dead'"), 501, "the newest stay");
    assert_eq!(count("SELECT count(*) FROM recipient WHERE state = 'dead'"), 1_000);
    let mut later = owed(3);
    later.created = at(31 * 86_400);
    state.commit(&Change { owed: vec![later], ..Change::default() }).unwrap();
    assert_eq!(count("SELECT count(*) FROM message WHERE state <> 'draft'"), 0);
}

#[test]
fn a_draft_that_cannot_be_read_is_given_up_with_words() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("state");
    let (mut state, _) = State::open(&root).unwrap();
    state.commit(&Change { owed: vec![owed(1), owed(2)], ..Change::default() }).unwrap();
    rusqlite_of(&root).execute_batch("UPDATE message SET notice = 'nonsense' WHERE number = 1").unwrap();
    let drafts = state.drafts().unwrap();
    assert_eq!(drafts.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [2]);
    let given_up = Outbox::open(&root).unwrap().unwrap().queue().unwrap().remove(0);
    assert_eq!(given_up.state, MessageState::Dead);
    assert!(given_up.last_error.unwrap().starts_with("what it was to tell cannot be read: "));
}

#[test]
fn several_who_open_an_older_file_at_once_find_it_brought_up_to_date() {
    for _ in 0..10 {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("state");
        drop(state_with(&root, 1));
        rusqlite_of(&root)
            .execute_batch(
                "ALTER TABLE message DROP COLUMN leased_us; DROP INDEX message_incident; DROP TABLE room;
                 PRAGMA user_version = 4",
            )
            .unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert_eq!(Outbox::open(&root).unwrap().unwrap().queue().unwrap().len(), 1));
            }
        });
    }
}

#[test]
fn d11_a_link_above_the_state_is_followed_and_the_state_itself_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    std::fs::create_dir(at("real")).unwrap();
    symlink(at("real"), at("linked")).unwrap();
    drop(state_with(&at("linked/state"), 1));
    assert_eq!(Outbox::open(&at("linked/state")).unwrap().unwrap().queue().unwrap().len(), 1);
    symlink(at("real/state"), at("itself")).unwrap();
    assert!(Outbox::open(&at("itself")).is_err());
    std::fs::create_dir(at("other")).unwrap();
    symlink(at("real/state/state.db"), at("other/state.db")).unwrap();
    assert!(Outbox::open(&at("other")).is_err());
}

#[test]
fn where_there_is_nothing_to_send_nothing_is_amiss() {
    let directory = tempfile::tempdir().unwrap();
    // No relay is named: whoever had to send could not.
    std::fs::write(directory.path().join("c.toml"), "[mail]\ntransport = \"smtp\"\n").unwrap();
    let deliver = || {
        let all = conntriage(directory.path())
            .args(["mail", "deliver", "--state-dir", "state", "--config", "c.toml"])
            .output();
        outcome(&all.unwrap())
    };
    let (_, said, code) = deliver();
    assert!(code == 0 && said.contains("state: holds no state, and so no message"), "{said}");
    let root = directory.path().join("state");
    let mut outbox = Outbox::make(&root).unwrap();
    assert_eq!(deliver(), (String::new(), String::new(), 0));
    let written = Written {
        id: "one@host".to_owned(),
        envelope: Envelope { from: "f@x".to_owned(), to: vec!["a@x".to_owned()] },
        bytes: b"bytes".to_vec(),
        created: WallTime(0),
    };
    outbox.put(&written).unwrap();
    let (_, said, code) = deliver();
    assert!(code != 0 && said.contains("mail.host: is missing"), "{said}");
}

#[test]
fn m08_recipients_of_a_message_fail_one_by_one() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("state");
    let mut outbox = Outbox::make(&root).unwrap();
    let to: Vec<String> = ["a@x", "b@x", "c@x"].map(str::to_owned).to_vec();
    let written = Written {
        id: "one@host".to_owned(),
        envelope: Envelope { from: "f@x".to_owned(), to: to.clone() },
        bytes: b"bytes".to_vec(),
        created: NOW,
    };
    let number = outbox.put(&written).unwrap();
    let letter = outbox.lease_one(number, at(1), at(900)).unwrap().unwrap();
    assert_eq!(letter.envelope.to, to);
    let fates = to.iter().cloned().zip([
        Fate::Taken,
        Fate::Never("550 no such user".to_owned()),
        Fate::NotNow("451 later".to_owned()),
    ]);
    let answer = after(fates.collect(), &letter.id, 1, NOW, at(2));
    outbox.answer(&letter, &answer).unwrap();
    let queued = outbox.queue().unwrap().remove(0);
    assert_eq!(queued.state, MessageState::Waiting);
    assert_eq!(
        queued.to.iter().map(|recipient| recipient.state).collect::<Vec<_>>(),
        [RecipientState::Sent, RecipientState::Dead, RecipientState::Waiting]
    );
    let shown = conntriage(directory.path()).args(["mail", "queue", "--state-dir", "state"]).output();
    let shown = outcome(&shown.unwrap()).0;
    assert!(shown.contains("a@x (sent), b@x (dead), c@x "), "{shown}");
    let json = conntriage(directory.path())
        .args(["mail", "queue", "--state-dir", "state", "--format", "json"])
        .output();
    let json: Value = serde_json::from_str(&outcome(&json.unwrap()).0).unwrap();
    assert_eq!(json["messages"][0]["recipients"][1]["last_error"], "550 no such user");
    // Only who waits is tried again, with the same bytes.
    let again = outbox.lease(answer.at.unwrap(), at(9_000)).unwrap().unwrap();
    assert_eq!((again.envelope.to.as_slice(), &again.bytes), (&to[2..], &letter.bytes));
    outbox.answer(&again, &next(&again, &Fate::Taken, at(100))).unwrap();
    assert_eq!(states(&outbox), [MessageState::Dead], "one recipient never got it");
}

#[test]
fn an_outbox_of_the_version_before_keeps_its_messages() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("state");
    drop(state_with(&root, 3));
    // The tables as they were: recipients stood in their message.
    let old = rusqlite_of(&root);
    old.execute_batch(
        "ALTER TABLE message ADD COLUMN recipients TEXT NOT NULL DEFAULT 'ops@example.org\nnet@example.org';
         DROP TABLE recipient; DROP TABLE relay;
         ALTER TABLE message DROP COLUMN channel; ALTER TABLE message DROP COLUMN repeats;
         ALTER TABLE message DROP COLUMN taken_us; ALTER TABLE message DROP COLUMN leased_us;
         DROP INDEX message_incident; DROP TABLE room;
         UPDATE message SET state = 'sent' WHERE number = 1;
         UPDATE message SET state = 'leased', attempts = 1 WHERE number = 2;
         PRAGMA user_version = 2",
    )
    .unwrap();
    drop(old);
    let mut outbox = Outbox::open(&root).unwrap().unwrap();
    let queue = outbox.queue().unwrap();
    assert_eq!(queue.len(), 3);
    for (queued, state) in
        queue.iter().zip([RecipientState::Sent, RecipientState::Waiting, RecipientState::Waiting])
    {
        let found: Vec<_> = queued.to.iter().map(|to| (to.address.as_str(), to.state)).collect();
        assert_eq!(found, [("ops@example.org", state), ("net@example.org", state)]);
    }
    let letter = outbox.lease(at(1), at(900)).unwrap().unwrap();
    assert_eq!(letter.envelope.to, ["ops@example.org", "net@example.org"]);
}

#[test]
fn m16_a_message_whose_bytes_are_gone_is_given_up_and_holds_up_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("state");
    drop(state_with(&root, 3));
    rusqlite_of(&root).execute_batch("UPDATE message SET bytes = NULL WHERE number = 1").unwrap();
    let mut outbox = Outbox::open(&root).unwrap().unwrap();
    let taken: Vec<i64> =
        std::iter::from_fn(|| outbox.lease(at(1), at(900)).unwrap()).map(|letter| letter.number).collect();
    assert_eq!(taken, [2, 3]);
    let lost = outbox.queue().unwrap().remove(0);
    assert_eq!(lost.state, MessageState::Dead);
    assert!(lost.last_error.as_ref().unwrap().starts_with("its bytes cannot be read: "), "{lost:?}");
}

#[test]
fn m16_a_hundred_thousand_messages_that_wait_keep_nobody_waiting() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("state");
    drop(state_with(&root, 1));
    rusqlite_of(&root)
        .execute_batch(
            "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 100001)
             INSERT INTO message (number, id, notice, sender, bytes, created_us, next_attempt_us, state)
             SELECT i, 'm' || i, '', 'a@b', zeroblob(500), 0, 1795401800000000, 'waiting' FROM n;
             INSERT INTO recipient SELECT number, 0, 'ops@example.org', 'waiting', NULL FROM message WHERE number > 1",
        )
        .unwrap();
    let mut outbox = Outbox::open(&root).unwrap().unwrap();
    let begun = Instant::now();
    let letter = outbox.lease(at(1), at(900)).unwrap().unwrap();
    outbox.answer(&letter, &next(&letter, &Fate::Taken, at(2))).unwrap();
    assert_eq!(outbox.lease(at(3), at(900)).unwrap(), None);
    // An index leads to what is due; a walk through all of them takes a hundred times as long.
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
    let begun = Instant::now();
    assert_eq!(outbox.queue().unwrap().len(), 100_001);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

fn rusqlite_of(root: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(root.join("state.db")).unwrap()
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
        .env("CONNTRIAGE_TEST_CLOCK", (at(60).0 / 1_000_000).to_string())
        .output();
    let (_, said, code) = outcome(&output.unwrap());
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("not handed over, to ops@example.org: out: "), "{said}");
    // Fifteen seconds, longer or shorter by at most a fifth.
    let wait = jittered_us(15_000_000, "conntriage.000000000001.1@web8", 1);
    let again = WallTime(at(60).0 + wait).rfc3339().unwrap();
    assert!(said.contains(&format!("it is tried again at {again}")), "{again}: {said}");
}

#[test]
fn no_message_id_leads_out_of_the_directory() {
    let directory = tempfile::tempdir().unwrap();
    let letter = Letter {
        channel: Channel::Mail,
        repeats: false,
        number: 1,
        id: "../../etc/passwd\0".to_owned(),
        envelope: Envelope::default(),
        bytes: b"x".to_vec(),
        created: NOW,
        attempts: 1,
    };
    let path = eml::write(directory.path(), &letter).unwrap();
    assert_eq!(path.parent(), Some(directory.path()));
    // Nor does what somebody put where it is written first.
    let elsewhere = directory.path().join("elsewhere");
    std::fs::write(&elsewhere, "mine").unwrap();
    symlink(&elsewhere, path.with_extension("eml.tmp")).unwrap();
    eml::write(directory.path(), &letter).unwrap();
    assert_eq!(std::fs::read_to_string(&elsewhere).unwrap(), "mine");
    assert!(std::fs::symlink_metadata(&path).unwrap().is_file());
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
    let outcome = sendmail::hand_over(&program, &owed(1).envelope, bytes, &Bound::of(patience));
    outcome.fates[0].1.clone()
}

#[test]
fn sendmail_gets_the_bytes_and_addresses_and_nothing_of_our_environment() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("got");
    let script = format!(
        "{{ echo \"$@\"; pwd; env | grep -v -e ^PWD= -e ^PATH= -e ^_= -e ^SHLVL= -e ^OLDPWD=; cat; }} > {}",
        out.display()
    );
    // Lines end as on standard input they do; a CR that ends no line is the message's own.
    let kept = b"A: b\r\n\r\n.\r\nhe\rllo\r\r\n";
    assert_eq!(handed_over(&script, kept, Duration::from_secs(20)), Fate::Taken);
    let got = std::fs::read_to_string(out).unwrap();
    assert_eq!(got, "-i -f conntriage@web8 -- ops@example.org\n/\nA: b\n\n.\nhe\rllo\r\n");
}

#[test]
fn sendmail_that_refuses_several_is_asked_for_each() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let script = format!(
        "cat >/dev/null; case \"$*\" in *b@x*) exit 67;; esac; shift 4; echo \"$@\" >> {}",
        log.display()
    );
    let program = faulty(directory.path(), &script);
    let to = ["a@x", "b@x", "c@x"].map(str::to_owned).to_vec();
    let envelope = Envelope { from: "f@x".to_owned(), to };
    let bound = Bound::of(Duration::from_secs(20));
    let fates = sendmail::hand_over(&program, &envelope, b"hello", &bound).fates;
    let never = Fate::Never("sendmail refused it with code 67".to_owned());
    let wanted = [("a@x", Fate::Taken), ("b@x", never), ("c@x", Fate::Taken)];
    assert_eq!(fates, wanted.map(|(to, fate)| (to.to_owned(), fate)));
    assert_eq!(std::fs::read_to_string(log).unwrap(), "a@x\nc@x\n");
}

#[test]
fn m13_each_way_sendmail_can_fail_has_its_class() {
    let patience = Duration::from_secs(20);
    let not_now = |script: &str| match handed_over(script, b"hello", patience) {
        Fate::NotNow(why) => why,
        other => panic!("{script}: {other:?}"),
    };
    assert_eq!(not_now("cat >/dev/null; echo busy >&2; exit 75"), "sendmail ended with code 75: busy");
    // Whoever had all of it may have taken it.
    for signal in ["9", "15"] {
        let killed = handed_over(&format!("cat >/dev/null; kill -{signal} $$"), b"hello", patience);
        assert_eq!(killed, Fate::Perhaps("sendmail was killed".to_owned()));
    }
    for code in [64, 65, 67] {
        let fate = handed_over(&format!("cat >/dev/null; echo no >&2; exit {code}"), b"hello", patience);
        assert_eq!(fate, Fate::Never(format!("sendmail refused it with code {code}: no")));
    }
    // It says much before it reads, and the message is larger than a pipe.
    let much = vec![b'x'; 1 << 20];
    let killed = handed_over("head -c 9 >/dev/null; kill -9 $$", &much, patience);
    assert_eq!(killed, Fate::NotNow("sendmail was killed".to_owned()));
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
fn m13_a_sendmail_that_hangs_is_ended_with_all_that_it_started() {
    let directory = tempfile::tempdir().unwrap();
    let started = directory.path().join("started");
    let script = format!("cat >/dev/null; sleep 600 & echo $! > {}; wait", started.display());
    let begun = Instant::now();
    let why = "sendmail did not end within 2 s".to_owned();
    // It had the whole message, and may have taken it.
    assert_eq!(handed_over(&script, b"hello", Duration::from_secs(2)), Fate::Perhaps(why.clone()));
    let process = std::fs::read_to_string(&started).unwrap();
    let stat = std::path::PathBuf::from(format!("/proc/{}/stat", process.trim()));
    while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(begun.elapsed() < Duration::from_secs(20), "what it started lives on");
        std::thread::sleep(Duration::from_millis(10));
    }
    // It had not.
    let much = vec![b'x'; 1 << 20];
    assert_eq!(handed_over("exec sleep 60", &much, Duration::from_secs(2)), Fate::NotNow(why));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn a_sendmail_is_ended_when_this_program_is_to_stop() {
    let directory = tempfile::tempdir().unwrap();
    for (script, bytes, stopped) in [
        ("exec sleep 60", vec![b'x'; 1 << 20], true),
        ("cat >/dev/null; exec sleep 60", b"x".to_vec(), false),
    ] {
        let program = faulty(directory.path(), script);
        let begun = Instant::now();
        let stop = || begun.elapsed() > Duration::from_secs(1);
        let bound = Bound { wall: Duration::from_mins(1), stop: &stop };
        let outcome = sendmail::hand_over(&program, &owed(1).envelope, &bytes, &bound);
        assert_eq!(outcome.stopped, stopped, "{script}: {outcome:?}");
        assert_eq!(matches!(outcome.fates[0].1, Fate::Perhaps(_)), !stopped, "{script}: {outcome:?}");
        assert!(begun.elapsed() < Duration::from_secs(15), "{script}: {:?}", begun.elapsed());
    }
}
