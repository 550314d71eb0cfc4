use super::*;
use crate::model::live::clock::Now;
use crate::model::live::intent::{IncidentNo, Limit, NoticeNo, Suppressed, SuppressedList};
use crate::model::live::message::{Channel, Envelope};

fn owed(about: About, ordinal: u32, incident: Option<&str>, host: &str) -> Owed {
    let notice = Notice { notice: NoticeNo(7), about, ordinal, suppressed: SuppressedList::default() };
    let created = WallTime(1_795_400_000_000_000);
    Owed {
        channel: Channel::Mail,
        id: message_id(&notice, incident, host, created),
        notice,
        incident: incident.map(str::to_owned),
        envelope: Envelope {
            from: sender(host),
            to: vec!["ops@example.org".to_owned(), "net@example.org".to_owned()],
        },
        created,
    }
}

fn written(owed: &Owed, host: &str, json: Option<&str>) -> String {
    let bytes = compose(&Content { owed, host, report: None, json }).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn messages_of_one_incident_are_one_thread_and_the_same_bytes_each_time() {
    let first = owed(About::Opened(IncidentNo(1)), 1, Some("0123456789ab"), "web8.example.org");
    let second = owed(About::Closed(IncidentNo(1)), 2, Some("0123456789ab"), "web8.example.org");
    let (first, again) =
        (written(&first, "web8", Some("{}")), written(&second, "web8.example.org", Some("{}")));
    assert!(first.contains("Message-ID: <conntriage.0123456789ab.1@web8.example.org>\r\n"), "{first}");
    assert!(!first.contains("In-Reply-To"), "{first}");
    assert!(again.contains("In-Reply-To: <conntriage.0123456789ab.1@web8.example.org>\r\n"), "{again}");
    assert!(again.contains("References: <conntriage.0123456789ab.1@web8.example.org>\r\n"), "{again}");
    assert!(again.contains("Auto-Submitted: auto-generated\r\n"), "{again}");
    assert!(again.contains("List-Id: <conntriage.web8.example.org>\r\n"), "{again}");
    assert_eq!(again, written(&second, "web8.example.org", Some("{}")));
}

#[test]
fn a_hostile_host_name_adds_no_header_and_no_address() {
    for host in [
        "a\r\nBcc: x@y",
        "\u{202e}evil",
        "=?utf-8?q?x?=",
        "",
        "-f",
        "<script>",
        &"x".repeat(3_000),
        &"abc.".repeat(900),
    ] {
        let owed = owed(About::Summary, 1, None, host);
        let text = written(&owed, host, None);
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        let names: Vec<&str> = head
            .split("\r\n")
            .filter(|line| !line.starts_with([' ', '\t']))
            .map(|line| line.split(':').next().unwrap())
            .collect();
        assert!(!names.contains(&"Bcc"), "{head}");
        assert_eq!(names.iter().filter(|name| **name == "Subject").count(), 1, "{head}");
        assert!(text.split("\r\n").all(|line| line.len() <= 998 && line.is_ascii()), "{head}");
    }
}

#[test]
fn what_was_not_sent_is_listed_in_the_next_message() {
    let mut owed = owed(About::Summary, 1, None, "web8");
    let at = Now { uptime_us: 0, wall: WallTime(1_795_400_000_000_000) };
    let one = Suppressed { about: About::Digest(IncidentNo(3)), at, why: Limit::All };
    owed.notice.suppressed = SuppressedList { listed: vec![one; 30], more: 1_000, unopened: 2 };
    let text = written(&owed, "web8", None);
    assert!(text.contains("Not sent since the last message (1,030 in all):"), "{text}");
    assert!(text.contains("and 1,010 more"), "{text}");
    assert!(text.contains("Not even opened"), "{text}");
}

#[test]
fn text_that_is_too_long_ends_at_a_line_and_says_so() {
    let text = words::cut("0123456789\n".repeat(10_000), TEXT_MAX, "`conntriage incidents show`");
    assert!(text.len() < TEXT_MAX + 200);
    assert!(text.ends_with("than a message may be: `conntriage incidents show` has it.)\n"));
    assert!(text.contains("0123456789\n\n(The rest"), "{}", text.get(TEXT_MAX - 50..).unwrap_or_default());
}

#[test]
fn m11_without_its_attachment_a_message_is_the_same_message() {
    let owed = owed(About::Opened(IncidentNo(1)), 2, Some("0123456789ab"), "web8");
    let whole = written(&owed, "web8", Some("{\"a\": \"=_ \u{e4}\"}"));
    let less = String::from_utf8(without_attachments(whole.as_bytes()).unwrap()).unwrap();
    let (head, text) = less.split_once("\r\n\r\n").unwrap();
    for header in ["Message-ID:", "Subject:", "Date:", "References:", "From:", "To:"] {
        let of = |text: &str| text.split("\r\n").find(|line| line.starts_with(header)).map(str::to_owned);
        assert_eq!(of(head), of(&whole), "{header}");
        assert!(of(head).is_some(), "{header}: {head}");
    }
    assert_eq!(head.matches("Content-Type: ").count(), 1, "{head}");
    assert!(head.contains("Content-Type: text/plain; charset=utf-8\r\n"), "{head}");
    assert!(head.contains("Content-Transfer-Encoding: quoted-printable"), "{head}");
    assert!(!less.contains("application/json") && !less.contains("=_"), "{less}");
    assert!(text.ends_with("the relay found the whole message too large.)\r\n"), "{text}");
    assert_eq!(without_attachments(less.as_bytes()), None);
    assert_eq!(without_attachments(b""), None);
}

#[test]
fn a_long_report_takes_nothing_away_from_what_stands_after_it() {
    let mut owed = owed(About::Closed(IncidentNo(1)), 2, Some("0123456789ab"), "web8");
    let at = Now { uptime_us: 0, wall: WallTime(1_795_400_000_000_000) };
    let one = Suppressed { about: About::Digest(IncidentNo(3)), at, why: Limit::All };
    owed.notice.suppressed = SuppressedList { listed: vec![one], more: 0, unopened: 0 };
    let content = Content { owed: &owed, host: "web8", report: None, json: None };
    let large = "x".repeat((1 << 20) + 1);
    for (json, where_it_is, attached) in [
        (Some("{}"), "the attached JSON, or `conntriage incidents show`,", true),
        (Some(large.as_str()), "`conntriage incidents show`", false),
        (None, "`conntriage incidents show`", false),
    ] {
        let rest = Rest::of(json, "`conntriage incidents show`");
        let after = rest.left_out() + &words::after(&content);
        let head = Head {
            envelope: &owed.envelope,
            id: &owed.id,
            first: None,
            created: owed.created,
            subject: "s".to_owned(),
            domain: "web8".to_owned(),
        };
        let said = Said {
            text: "0123456789\n".repeat(10_000),
            end: rest.left_out() + &words::end(&content),
            page: None,
            rest,
            name: "r.json".to_owned(),
        };
        // Quoted-printable breaks lines within words.
        let bytes = String::from_utf8(write(head, said).unwrap()).unwrap().replace("=\r\n", "");
        assert!(bytes.contains(&format!("a message may be: {where_it_is} has it.)")), "{where_it_is}");
        assert!(bytes.contains("Not sent since the last message (1 in all):"));
        assert!(bytes.contains("conntriage on web8, message 2 of incident 0123456789ab"));
        let too_large = "larger than 1 MiB and is not attached";
        let said_so = json.is_some() && !attached;
        assert_eq!((bytes.contains(too_large), after.contains(too_large)), (said_so, said_so));
        assert_eq!(bytes.contains("application/json"), attached);
    }
}
