//! Programs that are told: a webhook, Alertmanager, Prometheus's textfile collector.

#![allow(clippy::disallowed_methods, reason = "tests run programs and read files")]

mod common;

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{conntriage, outcome, skip};
use conntriage::edge::deliver::http::{self, Patience};
use conntriage::edge::store::outbox::Outbox;
use conntriage::edge::store::state::{Change, KeptIncident, State};
use conntriage::edge::textfile;
use conntriage::model::live::attempt::Post;
use conntriage::model::live::intent::{About, IncidentNo, Notice, NoticeNo, SuppressedList};
use conntriage::model::live::life::{Key, Place};
use conntriage::model::live::message::{Channel, Envelope, Fate, Letter, MessageState, Owed, RecipientState};
use conntriage::model::live::numbers::{Backlog, Numbers, Tables};
use conntriage::model::signal::Table;
use conntriage::model::time::{BootId, WallTime};
use conntriage::steer::outbox::{REPEAT_US, after, again};
use conntriage::wire::{metrics, notice};
use serde_json::Value;

const INCIDENT: &str = "0123456789ab";

/// A program that a test started; ends with it.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The server of `tests/tools/hook.py`: its address, and where it keeps what it got.
fn hook(directory: &Path) -> (Server, String, PathBuf) {
    hook_with(directory, &[])
}

/// The same, with a certificate and its key.
fn hook_with(directory: &Path, keys: &[PathBuf]) -> (Server, String, PathBuf) {
    let log = directory.join("requests");
    let mut command = Command::new("python3");
    command.arg(common::root().join("tests/tools/hook.py")).arg(&log).args(keys);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut port = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
    (Server(child), format!("http://127.0.0.1:{}", port.trim()), log)
}

fn requests(log: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn letter() -> Letter {
    Letter {
        channel: Channel::Webhook,
        repeats: false,
        number: 1,
        id: "conntriage.0123456789ab.webhook.1@web8".to_owned(),
        envelope: Envelope { from: String::new(), to: vec!["webhook".to_owned()] },
        bytes: b"{\"a\":1}".to_vec(),
        created: WallTime(0),
        attempts: 1,
    }
}

/// The letter goes to this address.
fn post(url: &str, token: Option<&Path>, letter: &Letter, patience: Patience) -> Fate {
    let post = Post {
        to: "webhook".to_owned(),
        url: url.to_owned(),
        token: token.map(Path::to_owned),
        id: letter.id.clone(),
        bytes: letter.bytes.clone(),
        smaller: notice::without_report(&letter.bytes),
    };
    http::post(&post, patience)
}

const SHORT: Patience = Patience { connect: Duration::from_secs(2), whole: Duration::from_secs(3) };

#[test]
fn each_way_a_server_can_answer_has_its_class() {
    let directory = tempfile::tempdir().unwrap();
    let (_server, base, log) = hook(directory.path());
    let at = |path: &str| post(&format!("{base}/{path}"), None, &letter(), SHORT);
    for taken in ["200", "202", "204"] {
        assert_eq!(at(taken), Fate::Taken, "{taken}");
    }
    for never in ["400", "410", "413", "422"] {
        assert!(
            matches!(at(never), Fate::Never(why) if why.starts_with(&format!("HTTP {never}"))),
            "{never}"
        );
    }
    for to_be_put_right in ["401", "403", "404", "405", "407"] {
        assert!(
            matches!(at(to_be_put_right), Fate::Misconfigured(why) if why.starts_with("HTTP 4")),
            "{to_be_put_right}"
        );
    }
    for later in ["408", "429", "500", "502", "503", "504"] {
        assert!(
            matches!(at(later), Fate::NotNow(why) if why.starts_with(&format!("HTTP {later}"))),
            "{later}"
        );
    }
    let before = requests(&log).len();
    for elsewhere in ["301", "302", "307", "308"] {
        assert!(
            matches!(at(elsewhere), Fate::Misconfigured(why) if why.contains("not followed")),
            "{elsewhere}"
        );
    }
    assert_eq!(requests(&log).len(), before + 4, "a redirect was followed");
    for broken in ["silent", "drip", "headers", "hangup", "garbage"] {
        let begun = Instant::now();
        assert!(matches!(at(broken), Fate::NotNow(_)), "{broken}: {:?}", at(broken));
        assert!(begun.elapsed() < Duration::from_secs(9), "{broken}: {:?}", begun.elapsed());
    }
    let begun = Instant::now();
    assert!(matches!(at("body"), Fate::Never(why) if why.len() < 400));
    assert!(begun.elapsed() < SHORT.whole + Duration::from_secs(2));
    // Nobody listens; no such name; what is no address.
    assert!(matches!(post("http://127.0.0.1:1/", None, &letter(), SHORT), Fate::NotNow(_)));
    assert!(matches!(post("http://nobody.invalid/", None, &letter(), SHORT), Fate::NotNow(_)));
    assert!(matches!(post("http://[", None, &letter(), SHORT), Fate::Misconfigured(_)));
    // TLS where none is spoken.
    let tls = base.replace("http:", "https:");
    assert!(!matches!(post(&tls, None, &letter(), SHORT), Fate::Taken));
}

#[test]
fn a_server_that_finds_a_report_too_large_gets_the_message_without_it() {
    let directory = tempfile::tempdir().unwrap();
    let (_server, base, log) = hook(directory.path());
    let owed = owed(Channel::Webhook, About::Opened(IncidentNo(1)), at(0));
    let with_report = Letter { bytes: body(&owed, at(0)).into_bytes(), ..letter() };
    assert_eq!(post(&format!("{base}/small"), None, &with_report, SHORT), Fate::Taken);
    let got: Vec<Value> = requests(&log)
        .iter()
        .map(|request| serde_json::from_str(request["body"].as_str().unwrap()).unwrap())
        .collect();
    assert_eq!(got.len(), 2);
    assert!(got[0]["report"].is_object() && got[1]["report"].is_null());
    assert!(got[1]["report_left_out"].as_str().unwrap().contains("too large"), "{}", got[1]);
    for (name, value) in got[0].as_object().unwrap() {
        assert!(name.starts_with("report") || *value == got[1][name], "{name}");
    }
    // Where there is nothing to leave out it is refused, and that is all.
    let refused = post(&format!("{base}/413"), None, &letter(), SHORT);
    assert!(matches!(&refused, Fate::Never(why) if why.starts_with("HTTP 413")), "{refused:?}");
    assert_eq!(requests(&log).len(), 3);
}

#[test]
fn a_request_is_what_it_says_and_carries_a_token_only_from_a_file_of_ones_own() {
    let directory = tempfile::tempdir().unwrap();
    let (_server, base, log) = hook(directory.path());
    let token = directory.path().join("token");
    std::fs::write(&token, "geheim\nmore\n").unwrap();
    std::fs::set_permissions(&token, Permissions::from_mode(0o644)).unwrap();
    let url = format!("{base}/200?a=b");
    let open = post(&url, Some(&token), &letter(), SHORT);
    assert!(
        matches!(&open, Fate::Misconfigured(why) if why.contains("chmod 600") && !why.contains("geheim")),
        "{open:?}"
    );
    assert!(requests(&log).is_empty());
    std::fs::set_permissions(&token, Permissions::from_mode(0o600)).unwrap();
    assert_eq!(post(&url, Some(&token), &letter(), SHORT), Fate::Taken);
    let request = requests(&log).remove(0);
    let headers: BTreeMap<String, String> = request["headers"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(
        (&request["method"], &request["path"], &request["body"]),
        (&"POST".into(), &"/200?a=b".into(), &"{\"a\":1}".into())
    );
    assert_eq!(headers["authorization"], "Bearer geheim");
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["idempotency-key"], letter().id);
    // What cannot stand in a header is refused, and never sent.
    std::fs::write(&token, "a\u{1}b\n").unwrap();
    let strange = post(&url, Some(&token), &letter(), SHORT);
    assert!(matches!(&strange, Fate::Misconfigured(why) if why.contains("is no token")), "{strange:?}");
    assert_eq!(requests(&log).len(), 1);
}

fn owed(channel: Channel, about: About, at: WallTime) -> Owed {
    Owed {
        channel,
        notice: Notice { notice: NoticeNo(0), about, ordinal: 1, suppressed: SuppressedList::default() },
        incident: Some(INCIDENT.to_owned()),
        id: format!("conntriage.{INCIDENT}.{}.{}@web8", channel.word(), at.0),
        envelope: Envelope { from: String::new(), to: vec![channel.word().to_owned()] },
        created: at,
    }
}

/// As the watcher writes it.
fn body(owed: &Owed, start: WallTime) -> String {
    let key = Key {
        boot: BootId([7; 16]),
        table: Table::Conntrack,
        place: Place::Netns { inode: 4_026_532_177, born_us: None },
    };
    let told = notice::Told {
        about: owed.notice.about,
        id: &owed.id,
        incident: INCIDENT,
        host: "web8 \"<x>\u{202e}",
        key: Some(&key),
        start,
        at: owed.created,
        summary: "conntrack full: 192.168.1.38 \u{2192} :3128",
        description: "192.168.1.38 holds 97 % of it.",
        report: Some("{\"incidents\": []}"),
    };
    match owed.channel {
        Channel::Alertmanager => notice::alerts(&told),
        _ => notice::webhook(&told),
    }
}

fn incident(closed_us: Option<i64>) -> KeptIncident {
    KeptIncident { number: 1, id: INCIDENT.to_owned(), opened_us: 0, closed_us, row: None }
}

/// Has these owed and writes them; the last says whether their incident goes on.
fn keep(state: &mut State, owed: Vec<Owed>, start: WallTime) {
    let last = owed.last().unwrap();
    let over = matches!(last.notice.about, About::Closed(_)).then_some(last.created.0);
    state.commit(&Change { owed, incidents: vec![incident(over)], ..Change::default() }).unwrap();
    for (number, owed) in state.drafts().unwrap() {
        state.written(number, Ok(body(&owed, start).as_bytes()), owed.created).unwrap();
    }
}

fn at(seconds: i64) -> WallTime {
    WallTime(1_795_400_000_000_000 + seconds * 1_000_000)
}

#[test]
fn an_alert_is_said_again_until_it_is_over() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("state");
    let (mut state, _) = State::open(&root).unwrap();
    let opened = owed(Channel::Alertmanager, About::Opened(IncidentNo(1)), at(0));
    keep(&mut state, vec![opened], at(0));
    let mut outbox = Outbox::open(&root).unwrap().unwrap();
    assert_eq!(outbox.lease(at(1), at(900)).unwrap(), None, "it is no mail");
    let answer = |outbox: &mut Outbox, letter: &Letter, fate: Fate, now: WallTime| {
        let next = again(
            after(vec![("alertmanager".to_owned(), fate)], &letter.id, letter.attempts, letter.created, now),
            now,
        );
        outbox.answer(letter, &next).unwrap();
        next.at
    };
    let mut now = at(1);
    let first = outbox.lease_of(Channel::Alertmanager, now, at(900)).unwrap().unwrap();
    assert_eq!(state.backlog().unwrap(), Backlog { waiting: 1, dead: 0 });
    for _ in 0..50 {
        let letter = match outbox.lease_of(Channel::Alertmanager, now, WallTime(now.0 + 1)).unwrap() {
            Some(letter) => letter,
            None => first.clone(),
        };
        assert_eq!((letter.attempts, &letter.bytes), (1, &first.bytes), "the same bytes, counted anew");
        let next = answer(&mut outbox, &letter, Fate::Taken, now).unwrap();
        assert_eq!(next.0 - now.0, REPEAT_US);
        assert_eq!(state.backlog().unwrap(), Backlog::default(), "what was taken waits for nothing");
        now = next;
    }
    // It fails now: the wait is the first one, and it counts as not through.
    let letter = outbox.lease_of(Channel::Alertmanager, now, WallTime(now.0 + 1)).unwrap().unwrap();
    let next = answer(&mut outbox, &letter, Fate::NotNow("HTTP 503".to_owned()), now).unwrap();
    assert!(next.0 - now.0 < 20_000_000);
    assert_eq!(state.backlog().unwrap(), Backlog { waiting: 1, dead: 0 });
    // It is over while an attempt has it: the answer changes nothing any more.
    let leased = outbox.lease_of(Channel::Alertmanager, next, WallTime(next.0 + 1)).unwrap().unwrap();
    let closed = owed(Channel::Alertmanager, About::Closed(IncidentNo(1)), next);
    keep(&mut state, vec![closed], at(0));
    answer(&mut outbox, &leased, Fate::Taken, next);
    let queue = outbox.queue().unwrap();
    assert_eq!(
        queue.iter().map(|queued| queued.state).collect::<Vec<_>>(),
        [MessageState::Replaced, MessageState::Waiting]
    );
    let last = outbox.lease_of(Channel::Alertmanager, next, WallTime(next.0 + 1)).unwrap().unwrap();
    assert!(!last.repeats);
    outbox
        .answer(&last, &after(vec![("alertmanager".to_owned(), Fate::Taken)], &last.id, 1, next, next))
        .unwrap();
    let queue = outbox.queue().unwrap();
    assert_eq!((queue[1].state, queue[1].to[0].state), (MessageState::Sent, RecipientState::Sent));
}

#[test]
fn an_alert_whose_incident_is_over_is_said_no_more_even_if_nobody_said_that_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("state");
    let (mut state, _) = State::open(&root).unwrap();
    keep(&mut state, vec![owed(Channel::Alertmanager, About::Opened(IncidentNo(1)), at(0))], at(0));
    let mut outbox = Outbox::open(&root).unwrap().unwrap();
    assert!(outbox.lease_of(Channel::Alertmanager, at(1), at(2)).unwrap().is_some());
    state.commit(&Change { incidents: vec![incident(Some(at(3).0))], ..Change::default() }).unwrap();
    assert_eq!(outbox.lease_of(Channel::Alertmanager, at(9), at(10)).unwrap(), None);
    // It does not stand in the queue for ever either: the next run sees to that.
    let word = |outbox: &Outbox| outbox.queue().unwrap().remove(0).state;
    rusqlite::Connection::open(root.join("state.db"))
        .unwrap()
        .execute_batch("UPDATE message SET state = 'waiting'")
        .unwrap();
    assert_eq!(state.backlog().unwrap().waiting, 1);
    outbox.tidy().unwrap();
    assert_eq!((word(&outbox), state.backlog().unwrap().waiting), (MessageState::Replaced, 0));
    state.forget(&[INCIDENT.to_owned()]).unwrap();
    assert_eq!(outbox.lease_of(Channel::Alertmanager, at(9), at(10)).unwrap(), None);
}

#[test]
fn deliver_posts_to_a_webhook_without_any_mail_being_configured() {
    let directory = tempfile::tempdir().unwrap();
    let (_server, base, log) = hook(directory.path());
    let (mut state, _) = State::open(&directory.path().join("state")).unwrap();
    let about = [About::Opened(IncidentNo(1)), About::Closed(IncidentNo(1))];
    keep(&mut state, about.map(|about| owed(Channel::Webhook, about, at(0))).to_vec(), at(-60));
    let deliver = |path: &str| {
        std::fs::write(
            directory.path().join("c.toml"),
            format!("[notify]\nwebhook_url = \"{base}/{path}\"\n"),
        )
        .unwrap();
        let mut command = conntriage(directory.path());
        command.args(["mail", "deliver", "--state-dir", "state", "--config", "c.toml"]);
        command.env("CONNTRIAGE_TEST_CLOCK", (at(60).0 / 1_000_000).to_string());
        outcome(&command.output().unwrap())
    };
    let (_, said, code) = deliver("200");
    assert_eq!((code, said.matches(": handed over, to webhook").count()), (0, 2), "{said}");
    let got = requests(&log);
    let bodies: Vec<Value> =
        got.iter().map(|request| serde_json::from_str(request["body"].as_str().unwrap()).unwrap()).collect();
    assert_eq!(bodies[0]["event"], "opened");
    assert_eq!((&bodies[1]["event"], &bodies[1]["namespace"]), (&"closed".into(), &"netns".into()));
    assert_eq!(bodies[1]["started_at"], "2026-11-23T02:12:20Z");
    assert!(bodies[1]["report"].is_object() && bodies[1]["report_left_out"].is_null(), "{}", bodies[1]);
    assert_eq!(deliver("200").2, 0);
    assert_eq!(requests(&log).len(), 2, "each once");
    // What a server says is nobody's terminal.
    keep(&mut state, vec![owed(Channel::Webhook, about[0], at(1))], at(-60));
    let (_, said, code) = deliver("422");
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("given up, for webhook: HTTP 422: so ") && !said.contains('\u{1b}'), "{said}");
}

/// `mail deliver` at a second, with this webhook, and these authorities trusted.
fn deliver_to(directory: &Path, url: &str, second: i64, trusted: Option<&Path>) -> (String, i32) {
    std::fs::write(directory.join("c.toml"), format!("[notify]\nwebhook_url = \"{url}\"\n")).unwrap();
    let mut command = conntriage(directory);
    command.args(["mail", "deliver", "--only", "programs", "--state-dir", "state", "--config", "c.toml"]);
    command.env("CONNTRIAGE_TEST_CLOCK", (at(second).0 / 1_000_000).to_string());
    command.envs(trusted.map(|path| ("SSL_CERT_FILE", path)));
    let (_, said, code) = outcome(&command.output().unwrap());
    (said, code)
}

#[test]
fn a_certificate_that_is_not_right_waits_for_a_person() {
    let keys = tempfile::tempdir().unwrap();
    let made = Command::new("sh")
        .arg(common::root().join("tests/tools/certificates.sh"))
        .args([keys.path().as_os_str(), "DNS:localhost".as_ref()])
        .output();
    if !made.is_ok_and(|made| made.status.success()) {
        return skip("a_certificate_that_is_not_right", "openssl is not installed");
    }
    for (certificate, words) in [
        ("good", ""),
        ("expired", "expired"),
        ("other", "not valid for name"),
        ("self", "invalid peer certificate"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let pair = ["pem", "key"].map(|kind| keys.path().join(format!("{certificate}.{kind}")));
        let (_server, base, log) = hook_with(directory.path(), &pair);
        let url = format!("{}/200", base.replace("http://127.0.0.1", "https://localhost"));
        let (mut state, _) = State::open(&directory.path().join("state")).unwrap();
        keep(&mut state, vec![owed(Channel::Webhook, About::Opened(IncidentNo(1)), at(0))], at(-60));
        let (said, code) = deliver_to(directory.path(), &url, 60, Some(&keys.path().join("ca.pem")));
        assert_eq!(code, if words.is_empty() { 0 } else { 3 }, "{certificate}: {said}");
        assert!(said.contains(words), "{certificate}: {said}");
        assert_eq!(requests(&log).len(), usize::from(words.is_empty()), "{certificate}: {said}");
        if !words.is_empty() {
            assert!(said.contains("TLS: "), "{certificate}: {said}");
            let outbox = Outbox::open(&directory.path().join("state")).unwrap().unwrap();
            let next = outbox.queue().unwrap().remove(0).next_attempt.unwrap();
            assert!(next > at(60 + 20 * 60), "{certificate}: it is tried every few seconds");
        }
    }
}

#[test]
fn a_program_hears_of_an_incident_in_the_order_in_which_it_happened() {
    let directory = tempfile::tempdir().unwrap();
    let (_server, base, log) = hook(directory.path());
    let (mut state, _) = State::open(&directory.path().join("state")).unwrap();
    let about = [About::Opened(IncidentNo(1)), About::Closed(IncidentNo(1))];
    keep(&mut state, vec![owed(Channel::Webhook, about[0], at(0))], at(-60));
    // The first is put off; the second is due before it.
    let (said, code) = deliver_to(directory.path(), &format!("{base}/503"), 1, None);
    assert_eq!(code, 3, "{said}");
    keep(&mut state, vec![owed(Channel::Webhook, about[1], at(2))], at(-60));
    assert_eq!(deliver_to(directory.path(), &format!("{base}/200"), 3, None), (String::new(), 0));
    assert_eq!(requests(&log).len(), 1);
    let (said, code) = deliver_to(directory.path(), &format!("{base}/200"), 60, None);
    assert_eq!((code, said.matches(": handed over, to webhook").count()), (0, 2), "{said}");
    let events: Vec<Value> = requests(&log)
        .iter()
        .map(|request| {
            serde_json::from_str::<Value>(request["body"].as_str().unwrap()).unwrap()["event"].clone()
        })
        .collect();
    assert_eq!(events, ["opened", "opened", "closed"]);
}

#[test]
fn a_program_that_does_not_answer_is_asked_once_in_a_run() {
    let directory = tempfile::tempdir().unwrap();
    let (_server, base, log) = hook(directory.path());
    let (mut state, _) = State::open(&directory.path().join("state")).unwrap();
    let of = |number: i64| Owed {
        incident: Some(format!("{number:012x}")),
        ..owed(Channel::Webhook, About::Opened(IncidentNo(1)), at(number))
    };
    keep(&mut state, (1..=5).map(of).collect(), at(-60));
    for (path, requested) in [("503", 1), ("401", 2), ("422", 5)] {
        let (said, _) = deliver_to(directory.path(), &format!("{base}/{path}"), 10, None);
        assert_eq!(requests(&log).len(), requested, "{path}: {said}");
    }
}

#[test]
fn what_is_posted_is_posted_by_a_process_of_its_own_that_is_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let (_server, base, log) = hook(directory.path());
    let (mut state, _) = State::open(&directory.path().join("state")).unwrap();
    keep(&mut state, vec![owed(Channel::Webhook, About::Opened(IncidentNo(1)), at(0))], at(-60));
    std::fs::write(directory.path().join("c.toml"), format!("[notify]\nwebhook_url = \"{base}/silent\"\n"))
        .unwrap();
    let mut command = conntriage(directory.path());
    command.args(["mail", "deliver", "--state-dir", "state", "--config", "c.toml"]);
    command.env("CONNTRIAGE_TEST_CLOCK", (at(60).0 / 1_000_000).to_string());
    let mut parent = Server(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let begun = Instant::now();
    while requests(&log).is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(20), "nothing was posted");
        std::thread::sleep(Duration::from_millis(10));
    }
    let process = parent.0.id();
    let children = std::fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", children.trim())).unwrap();
    for (name, most) in [("Max address space", "536870912"), ("Max core file size", "0")] {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        assert!(line[name.len()..].trim_start().starts_with(most), "{limits}");
    }
    // Told to stop, it ends what it began; the message is as good as before.
    assert!(Command::new("kill").arg(process.to_string()).status().unwrap().success());
    assert_eq!(parent.0.wait().unwrap().code(), Some(3));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    let queued = Outbox::open(&directory.path().join("state")).unwrap().unwrap().queue().unwrap().remove(0);
    assert_eq!(
        (queued.state, queued.attempts, queued.next_attempt),
        (MessageState::Waiting, 0, Some(at(60)))
    );
}

/// Debian's Alertmanager on a port of its own; its address.
fn alertmanager(directory: &Path) -> Result<(Server, String), String> {
    let program = ["/usr/bin/prometheus-alertmanager", "/usr/bin/alertmanager"];
    let program =
        program.into_iter().find(|path| Path::new(path).exists()).ok_or("Alertmanager is not installed")?;
    std::fs::write(directory.join("am.yml"), "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
        .unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let said = std::fs::File::create(directory.join("am.log")).unwrap();
    let child = Command::new(program)
        .current_dir(directory)
        .args(["--config.file=am.yml", "--storage.path=am", "--cluster.listen-address="])
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stdout(Stdio::null())
        .stderr(said)
        .spawn()
        .unwrap();
    let (server, base) = (Server(child), format!("http://127.0.0.1:{port}"));
    let begun = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        let log = std::fs::read_to_string(directory.join("am.log")).unwrap();
        assert!(begun.elapsed() < Duration::from_secs(30), "it does not start: {log}");
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok((server, base))
}

fn alerts_of(base: &str) -> Vec<Value> {
    let script = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=10).read().decode())";
    let output =
        Command::new("python3").args(["-c", script]).arg(format!("{base}/api/v2/alerts")).output().unwrap();
    let (text, said, _) = outcome(&output);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}{said}"))
}

#[test]
fn the_real_alertmanager_shows_the_alert_and_takes_it_back_when_it_is_over() {
    let directory = tempfile::tempdir().unwrap();
    let (_server, base) = match alertmanager(directory.path()) {
        Ok(started) => started,
        Err(why) => return skip("the real Alertmanager", &why),
    };
    let now = || {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        WallTime(i64::try_from(since.as_micros()).unwrap())
    };
    std::fs::write(directory.path().join("c.toml"), format!("[notify]\nalertmanager_url = \"{base}/\"\n"))
        .unwrap();
    let deliver = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_conntriage"));
        command.current_dir(directory.path()).env_clear();
        command.args(["mail", "deliver", "--state-dir", "state", "--config", "c.toml"]);
        outcome(&command.output().unwrap())
    };
    let begun = now();
    let start = WallTime(begun.0 - 60_000_000);
    let (mut state, _) = State::open(&directory.path().join("state")).unwrap();
    keep(&mut state, vec![owed(Channel::Alertmanager, About::Opened(IncidentNo(1)), begun)], start);
    let (_, said, code) = deliver();
    assert!(code == 0 && said.contains("while the incident lasts, again at"), "{said}");
    let alerts = alerts_of(&base);
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    let labels = &alerts[0]["labels"];
    for (label, value) in [
        ("alertname", "ConntrackTableFull"),
        ("host", "web8 \"<x>\u{202e}"),
        ("table", "conntrack"),
        ("namespace", "netns"),
        ("severity", "critical"),
        ("incident", INCIDENT),
    ] {
        assert_eq!(labels[label], value, "{labels}");
    }
    assert_eq!(alerts[0]["status"]["state"], "active");
    assert!(alerts[0]["annotations"]["summary"].as_str().unwrap().contains("192.168.1.38"));
    // It would be over by itself in five minutes; it is said again before that.
    let ends = chrono::DateTime::parse_from_rfc3339(alerts[0]["endsAt"].as_str().unwrap()).unwrap();
    assert!(ends.timestamp_micros() - now().0 > REPEAT_US, "{}", alerts[0]);
    keep(&mut state, vec![owed(Channel::Alertmanager, About::Closed(IncidentNo(1)), now())], start);
    let (_, said, code) = deliver();
    assert!(code == 0 && said.contains("handed over, to alertmanager\n"), "{said}");
    let left = alerts_of(&base);
    assert!(left.is_empty(), "{left:?}");
}

/// A strict reader of the text format 0.0.4: families with HELP, TYPE and their series together, each series once.
fn read_metrics(text: &str) -> Result<BTreeMap<String, f64>, String> {
    let name = |word: &str| {
        !word.is_empty()
            && word
                .chars()
                .enumerate()
                .all(|(at, c)| c.is_ascii_alphabetic() || c == '_' || at > 0 && c.is_ascii_digit())
    };
    let (mut all, mut family, mut seen) = (BTreeMap::new(), String::new(), Vec::new());
    if !text.ends_with('\n') {
        return Err("does not end with a line end".to_owned());
    }
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            rest.split(' ').next().unwrap().clone_into(&mut family);
            let kind = lines.next().and_then(|line| line.strip_prefix(&format!("# TYPE {family} ")));
            if seen.contains(&family) || !name(&family) || !matches!(kind, Some("gauge" | "counter")) {
                return Err(format!("family {family}, {kind:?}"));
            }
            if (kind == Some("counter")) != family.ends_with("_total") {
                return Err(format!("{family} is a {kind:?}"));
            }
            seen.push(family.clone());
            continue;
        }
        let (series, value) = line.rsplit_once(' ').ok_or(line)?;
        let rest = series.strip_prefix(&family).ok_or(format!("{line}: not of {family}"))?;
        if !rest.is_empty() {
            let inner = rest.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).ok_or(line)?;
            let (label, quoted) = inner.split_once('=').ok_or(line)?;
            let bare = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or(line)?;
            let plain = bare.replace("\\\\", "").replace("\\\"", "").replace("\\n", "");
            if !name(label) || plain.contains(['"', '\\', '\n']) {
                return Err(line.to_owned());
            }
        }
        let value = value.parse::<f64>().map_err(|error| format!("{line}: {error}"))?;
        if all.insert(series.to_owned(), value).is_some() {
            return Err(format!("{series} twice"));
        }
    }
    Ok(all)
}

fn numbers() -> Numbers {
    Numbers {
        initial: Tables {
            namespaces: 1,
            count: Some(30_611),
            max: Some(30_611),
            fullest: Some(1.0),
            dropped: Some(17),
        },
        others: Tables {
            namespaces: 2,
            count: Some(5),
            max: Some(61_222),
            fullest: Some(0.000_1),
            dropped: Some(0),
        },
        opened: 3,
        open: 1,
        backlog: Some(Backlog { waiting: 2, dead: 1 }),
        heard: vec![
            ("journal".to_owned(), Some(at(0))),
            ("file:/var/log/\"a\\b\n".to_owned(), Some(at(1))),
            ("kmsg".to_owned(), None),
        ],
    }
}

#[test]
fn numbers_are_written_as_prometheus_reads_them_and_what_is_not_known_is_left_out() {
    let text = metrics::to_text(&numbers());
    let all = read_metrics(&text).unwrap_or_else(|why| panic!("{why}: {text}"));
    for (series, value) in [
        ("conntriage_table_entries{namespace=\"initial\"}", 30_611.0),
        ("conntriage_table_limit{namespace=\"others\"}", 61_222.0),
        ("conntriage_dropped_packets_total{namespace=\"initial\"}", 17.0),
        ("conntriage_dropped_packets_total{namespace=\"others\"}", 0.0),
        ("conntriage_incidents_opened_total", 3.0),
        ("conntriage_incidents_open", 1.0),
        ("conntriage_messages{state=\"waiting\"}", 2.0),
        ("conntriage_messages{state=\"dead\"}", 1.0),
        ("conntriage_last_record_timestamp_seconds{source=\"journal\"}", 1_795_400_000.0),
        ("conntriage_last_record_timestamp_seconds{source=\"file:/var/log/\\\"a\\\\b\\n\"}", 1_795_400_001.0),
    ] {
        assert_eq!(all.get(series), Some(&value), "{series}: {text}");
    }
    assert!(!text.contains("kmsg"), "{text}");
    let bare = metrics::to_text(&Numbers::default());
    read_metrics(&bare).unwrap();
    assert!(!bare.contains("conntriage_table_entries") && !bare.contains("conntriage_messages"), "{bare}");
    // The reader sees.
    for (from, to) in [
        ("# TYPE", "# TIPE"),
        ("gauge", "counter"),
        (" 3\n", " three\n"),
        ("journal\"", "journal"),
        ("\n# HELP", "\nx 1\n# HELP"),
    ] {
        assert!(read_metrics(&text.replacen(from, to, 1)).is_err(), "{from}");
    }
}

#[test]
fn whoever_reads_the_file_finds_it_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("conntriage.prom");
    let text = metrics::to_text(&numbers());
    textfile::write(&path, &text).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
    // What a killed one left behind is in nobody's way.
    std::fs::write(directory.path().join(".conntriage.prom.tmp"), "half").unwrap();
    let (write, content) = (path.clone(), text.clone());
    let writer =
        std::thread::spawn(move || (0..2_000).for_each(|_| textfile::write(&write, &content).unwrap()));
    while !writer.is_finished() {
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
    writer.join().unwrap();
    let left: Vec<_> =
        std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["conntriage.prom"]);
    assert!(textfile::write(&directory.path().join("none/x.prom"), &text).is_err());
}

#[test]
fn a_watcher_writes_its_numbers() {
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    std::fs::write(place("messages"), "Nov 23 02:13:20 gw sshd[1]: hello\n").unwrap();
    let keys = format!("[metrics]\ntextfile = \"{}\"\n", place("x.prom").display());
    std::fs::write(place("c.toml"), keys).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_conntriage"));
    command.current_dir(directory.path()).env_clear().env("TZ", "UTC");
    command.args([
        "watch",
        "--config",
        "c.toml",
        "--state-dir",
        "state",
        "--once",
        "--source",
        "file:messages",
    ]);
    let (_, said, code) = outcome(&command.output().unwrap());
    assert_eq!(code, 0, "{said}");
    let text = std::fs::read_to_string(place("x.prom")).unwrap_or_else(|error| panic!("{error}: {said}"));
    let all = read_metrics(&text).unwrap_or_else(|why| panic!("{why}: {text}"));
    assert_eq!(all.get("conntriage_incidents_open"), Some(&0.0), "{text}");
    assert!(all.contains_key("conntriage_last_record_timestamp_seconds{source=\"file:messages\"}"), "{text}");
}
