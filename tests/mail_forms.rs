//! Messages as mail programs see them: read by a strict reader, and looked at in a browser.

#![allow(clippy::disallowed_methods, reason = "tests run programs and read files")]

mod common;
mod report_synthetic;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::skip;
use conntriage::model::incident::{Timeline, TimelinePoint};
use conntriage::model::live::clock::Now;
use conntriage::model::live::intent::{
    About, IncidentNo, Limit, Notice, NoticeNo, Suppressed, SuppressedList,
};
use conntriage::model::live::message::{Channel, Envelope, Owed};
use conntriage::model::report::Report;
use conntriage::model::time::WallTime;
use conntriage::report::mail::{self, Analysis, Content};
use conntriage::report::spell;
use conntriage::wire;
use proptest::prelude::*;
use report_synthetic::hostile::{filled, hostile};
use report_synthetic::{at, everything, quiet, web8};

const HOST: &str = "web8.example.org";

/// The story of web8 as a watcher sees it: its counters before, during and after.
fn watched() -> Report {
    let mut report = web8::report();
    for view in &mut report.incidents {
        let point = |second: i64| {
            let full = (300..900).contains(&second);
            let grown = 1_200 + u64::try_from(second).unwrap() * 95;
            TimelinePoint {
                at_us: at(second - 300).0,
                visible: Some(u64::from(full && second % 120 == 0) * 5),
                suppressed: Some(if full { 40 + u64::try_from(second % 170).unwrap() } else { 0 }),
                count: Some(if second < 900 { grown.min(30_611) } else { 21_000 }),
                max: Some(30_611),
                ..TimelinePoint::default()
            }
        };
        let points = (0..1_200).step_by(20).map(point).collect();
        view.incident.timeline = Timeline { step_seconds: 20, points };
    }
    report
}

fn owed(about: About, incident: Option<&str>, host: &str) -> Owed {
    let suppressed = SuppressedList {
        listed: vec![Suppressed {
            about: About::Digest(IncidentNo(3)),
            at: Now { uptime_us: 0, wall: at(0) },
            why: Limit::All,
        }],
        more: 0,
        unopened: 0,
    };
    let notice = Notice { notice: NoticeNo(7), about, ordinal: 2, suppressed };
    let created = WallTime(1_795_400_000_000_000);
    Owed {
        channel: Channel::Mail,
        id: mail::message_id(&notice, incident, host, created),
        notice,
        incident: incident.map(str::to_owned),
        envelope: Envelope { from: mail::sender(host), to: vec!["ops@example.org".to_owned()] },
        created,
    }
}

/// The message about the first incident of a report.
fn letter(report: &Report, host: &str) -> Vec<u8> {
    // Ids are made of hex digits by this program itself; all else of a report may come from strangers.
    let id = report.incidents.first().map(|view| view.incident.id.to_string());
    let id =
        id.map(|id| if id.bytes().all(|b| b.is_ascii_hexdigit()) { id } else { "0123456789ab".to_owned() });
    let about = if id.is_some() { About::Closed(IncidentNo(1)) } else { About::Backlog };
    let json = wire::report::to_json(report, &spell::plain);
    let owed = owed(about, id.as_deref(), host);
    mail::compose(&Content { owed: &owed, host, report: Some(report), json: Some(&json) }).unwrap()
}

fn analysis(report: &Report) -> Vec<u8> {
    let envelope = Envelope { from: "c@example.org".to_owned(), to: vec!["ops@example.org".to_owned()] };
    let of = Analysis { envelope: &envelope, id: "conntriage.report.1@web8", created: at(0), host: HOST };
    mail::compose_analysis(&of, report, &wire::report::to_json(report, &spell::plain)).unwrap()
}

/// What a strict reader finds wrong; the page goes to `page`.
fn wrong_with(message: &[u8], page: Option<&Path>) -> String {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("message.eml");
    std::fs::write(&path, message).unwrap();
    let mut command = Command::new("python3");
    command.arg(common::root().join("tests/tools/look_at_mail.py")).arg(&path).args(page);
    let output = command.output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// All kinds of messages, by name.
fn letters() -> Vec<(&'static str, Vec<u8>)> {
    let bare = |about, incident| {
        let owed = owed(about, incident, HOST);
        mail::compose(&Content { owed: &owed, host: HOST, report: None, json: None }).unwrap()
    };
    vec![
        ("web8", letter(&web8::report(), HOST)),
        ("watched", letter(&watched(), HOST)),
        ("everything", letter(&everything::report(), HOST)),
        ("quiet", analysis(&quiet())),
        ("analysis", analysis(&everything::report())),
        ("hostile", letter(&filled(&hostile()), "a\r\nBcc: x@y <script>\u{202e}`")),
        ("backlog", bare(About::Backlog, None)),
        ("summary", bare(About::Summary, None)),
        ("unreadable", bare(About::Opened(IncidentNo(1)), Some("0123456789ab"))),
    ]
}

#[test]
fn a_strict_reader_finds_every_part_and_nothing_wrong() {
    for (name, message) in letters() {
        assert_eq!(wrong_with(&message, None), "", "{name}");
    }
    // The reader sees: each of these is found.
    let message = String::from_utf8(letter(&watched(), HOST)).unwrap();
    for (from, to, found) in [
        ("Content-ID: <timeline-1", "Content-ID: <timeline-2", "pictures shown"),
        ("Content-Transfer-Encoding: base64", "Content-Transfer-Encoding: quoted-printable", ""),
        ("<h1 style", "<script>1</script><h1 style", "element script"),
        ("Subject: ", "Bcc: x@example.org\r\nSubject: ", "nobody asked for"),
    ] {
        let broken = message.replace(from, to);
        assert_ne!(broken, message, "{from}");
        let said = wrong_with(broken.as_bytes(), None);
        assert!(!said.is_empty() && said.contains(found), "{from}: {said}");
    }
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    assert_eq!(letter(&watched(), HOST), letter(&watched(), HOST));
}

#[test]
fn the_page_says_what_the_text_says() {
    let message = String::from_utf8(letter(&web8::report(), HOST)).unwrap();
    let message = message.replace("=\r\n", "");
    for said in ["29,457", "192.168.1.38"] {
        assert!(message.matches(said).count() >= 3, "{said}");
    }
    for once_in_each in ["Not sent since the last message", "message 2 of incident"] {
        assert_eq!(message.matches(once_in_each).count(), 2, "{once_in_each}");
    }
}

#[test]
fn a_page_that_grows_too_long_leaves_sections_out_and_says_so() {
    let mut report = watched();
    let one = report.incidents[0].clone();
    report.incidents = (0..200_u32)
        .map(|number| {
            let mut view = one.clone();
            view.incident.id = format!("{number:012x}").into();
            view
        })
        .collect();
    let directory = tempfile::tempdir().unwrap();
    let page = directory.path().join("page.html");
    assert_eq!(wrong_with(&analysis(&report), Some(&page)), "");
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("more sections are longer than this page may be"), "{}", page.len());
}

#[test]
fn m11_without_what_is_attached_the_text_is_left() {
    for (name, message) in letters() {
        let less = String::from_utf8(mail::without_attachments(&message).unwrap()).unwrap();
        let (head, text) = less.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("Content-Type: text/plain; charset=utf-8"), "{name}: {head}");
        assert!(!less.contains("=_") && !less.contains("text/html"), "{name}: {less}");
        assert!(text.contains("the relay found the whole message too large"), "{name}");
        let whole = String::from_utf8(message).unwrap();
        let of = |text: &str| text.lines().find(|line| line.starts_with("Message-ID:")).map(str::to_owned);
        assert_eq!(of(&less), of(&whole));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_was_read_and_however_a_host_is_called_it_stays_a_message(
        words in prop::collection::vec("[<>\"'&`|@=\\[\\]()\\\\\r\n\u{1b}\u{202e}a-c:/ ]{0,40}", 1..5),
        host in "[<>\"`\r\n\u{202e}a-c=?: .-]{0,80}",
    ) {
        prop_assert_eq!(wrong_with(&letter(&filled(&words), &host), None), "");
    }
}

/// Where Debian has the browser, and where others have it.
const BROWSERS: [&str; 3] = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

#[test]
fn pages_are_right_on_a_phone_and_a_screen_light_and_dark() {
    let Some(browser) = BROWSERS.into_iter().find(|path| Path::new(path).exists()) else {
        return skip("mail in a browser", "no Chromium is installed");
    };
    let directory = tempfile::tempdir().unwrap();
    // Whoever wants to look at them says where to.
    let kept = std::env::var_os("CONNTRIAGE_PICTURES").map(PathBuf::from);
    for (name, message) in letters() {
        if ["backlog", "summary", "unreadable"].contains(&name) {
            continue;
        }
        let page = directory.path().join(format!("mail-{name}.html"));
        assert_eq!(wrong_with(&message, Some(&page)), "", "{name}");
        let mut command = Command::new("python3");
        command
            .arg(common::root().join("tests/tools/look_at_page.py"))
            .arg(browser)
            .arg(&page)
            .arg("360,800");
        let output = command.args(kept.as_deref()).output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success() && said.is_empty(), "{name}: {said}");
    }
}
