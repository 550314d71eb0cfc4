//! TLS and AUTH: what is wrong with them is a matter of settings, is said in words, and never makes anything go out in the
//! clear.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use crate::common::outcome;
use crate::kit::{BadRelay, certificates, configure, each, mail, outbox, queued, said};

const PASSWORD: &str = "geheim-1795";

/// Way, certificate, fault, and the words of what is amiss (none: it arrives); whether it waits for a person.
const ROWS: [(&str, &str, &str, &str, bool); 15] = [
    ("starttls", "good", "", "", false),
    ("wrapper", "good", "", "", false),
    ("starttls", "expired", "", "expired", true),
    ("starttls", "other", "", "not valid for name", true),
    ("starttls", "self", "", "invalid peer certificate", true),
    ("wrapper", "expired", "", "expired", true),
    ("starttls", "good", "no-starttls", "does not offer STARTTLS", true),
    ("starttls", "good", "starttls-454", "454 not now", false),
    ("starttls", "good", "starttls-inject", "somebody on the way put it there", true),
    ("starttls", "good", "tls-garbage", "TLS: ", true),
    ("starttls", "good", "tls-old", "TLS: ", true),
    ("starttls", "good", "auth-535", "AUTH: 535", true),
    ("starttls", "good", "auth-454", "AUTH: 454", false),
    ("starttls", "good", "no-auth", "offers neither", true),
    ("wrapper", "good", "auth-535", "AUTH: 535", true),
];

#[test]
fn m09_m10_a_way_that_is_not_locked_as_it_should_be_is_not_taken() {
    let keys = tempfile::tempdir().unwrap();
    if !certificates("a_way_that_is_not_locked", keys.path(), "DNS:localhost") {
        return;
    }
    let key = |name: &str| keys.path().join(name).display().to_string();
    each(&ROWS, |(tls, certificate, fault, words, person)| {
        let row = format!("{tls} {certificate} {fault}");
        let directory = tempfile::tempdir().unwrap();
        let (cert, secret) = (key(&format!("{certificate}.pem")), key(&format!("{certificate}.key")));
        let relay = BadRelay::start(
            directory.path(),
            &["--address", "127.0.0.1", "--tls", tls, "--fault", fault, "--cert", &cert, "--key", &secret],
        );
        let password = directory.path().join("password");
        std::fs::write(&password, format!("{PASSWORD}\n")).unwrap();
        std::fs::set_permissions(&password, Permissions::from_mode(0o600)).unwrap();
        let word = if *tls == "wrapper" { "wrapper" } else { "required" };
        configure(
            directory.path(),
            &format!(
                "host = \"localhost\"\nport = {}\ntls = \"{word}\"\nuser = \"u\"\npassword_file = \"{}\"\n",
                relay.port,
                password.display()
            ),
        );
        outbox(directory.path(), &["ops@example.org"]);
        let deliver = || {
            let mut command = mail(directory.path(), 60, &["deliver"]);
            said(&command.env("SSL_CERT_FILE", key("ca.pem")).output().unwrap())
        };
        let (text, code) = deliver();
        let taken = usize::from(words.is_empty());
        assert_eq!((relay.messages().len(), code), (taken, if taken == 1 { 0 } else { 3 }), "{row}: {text}");
        assert!(text.contains(words), "{row}: {text}");
        assert!(!text.contains(PASSWORD), "{row}: {text}");
        let queued = queued(directory.path());
        assert_eq!(queued["state"], if taken == 1 { "sent" } else { "waiting" }, "{row}: {queued:#}");
        if taken == 0 {
            // What a person must change is not tried every few seconds.
            let soon = queued["next_attempt_at"].as_str().unwrap() < "2026-11-23T02:20:00Z";
            assert_eq!(soon, !person, "{row}: {queued:#}");
        }
    });
}

#[test]
fn m10_a_password_that_others_can_read_is_not_used_and_not_told() {
    let keys = tempfile::tempdir().unwrap();
    if !certificates("a_password_that_others_can_read", keys.path(), "DNS:localhost") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let password = directory.path().join("password");
    std::fs::write(&password, format!("{PASSWORD}\n")).unwrap();
    std::fs::set_permissions(&password, Permissions::from_mode(0o644)).unwrap();
    let lines =
        format!("host = \"localhost\"\nport = 1\nuser = \"u\"\npassword_file = \"{}\"\n", password.display());
    configure(directory.path(), &lines);
    outbox(directory.path(), &["ops@example.org"]);
    let (text, code) = said(&mail(directory.path(), 60, &["deliver"]).output().unwrap());
    assert_eq!(code, 3, "{text}");
    // Nobody was called: port 1 would have refused.
    assert!(text.contains("can be read by others (mode 0644): chmod 600 it"), "{text}");
    assert!(!text.contains(PASSWORD) && !text.contains("refused"), "{text}");
    let (text, code) = said(&mail(directory.path(), 60, &["test"]).output().unwrap());
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("FAILS   password") && text.contains("chmod 600"), "{text}");
    let doctor = crate::common::conntriage(directory.path())
        .args(["doctor", "--config", "config.toml", "--state-dir", "state"])
        .output()
        .unwrap();
    let (text, code) = said(&doctor);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains("mail transport               SMTP to localhost, port 1: STARTTLS, or nothing is sent"),
        "{text}"
    );
    assert!(text.contains("FAILS   mail password ") && !text.contains(PASSWORD), "{text}");
    // Nothing of it is in what is in force.
    let shown = crate::common::conntriage(directory.path())
        .args(["config", "show", "--config", "config.toml"])
        .output()
        .unwrap();
    assert!(!outcome(&shown).0.contains(PASSWORD));
}

#[test]
fn the_way_is_tried_step_by_step_and_a_dry_run_calls_nobody() {
    let keys = tempfile::tempdir().unwrap();
    if !certificates("the_way_is_tried_step_by_step", keys.path(), "DNS:localhost") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let key = |name: &str| keys.path().join(name).display().to_string();
    let arguments = ["--tls", "starttls", "--fault", "rcpt-550", "--bad", "b@x.test"];
    let keyed = ["--cert", &key("good.pem"), "--key", &key("good.key")].map(str::to_owned);
    let all: Vec<&str> = arguments.into_iter().chain(keyed.iter().map(String::as_str)).collect();
    let relay = BadRelay::start(directory.path(), &all);
    configure(directory.path(), &format!("host = \"localhost\"\nport = {}\n", relay.port));
    let tried = |arguments: &[&str]| {
        let mut command = mail(directory.path(), 0, &[&["test"], arguments].concat());
        said(&command.env("SSL_CERT_FILE", key("ca.pem")).output().unwrap())
    };
    let (text, code) = tried(&["--to", "a@x.test", "--to", "b@x.test"]);
    assert_eq!(code, 3, "{text}");
    for line in [
        "ok      configuration  SMTP to localhost, port ",
        "ok      resolve        localhost: ",
        "ok      connect        127.0.0.1:",
        "ok      greeting       220 relay ready",
        "ok      tls            TLS 1.3, TLS13_AES_256_GCM_SHA384; the certificate is valid for localhost",
        "ok      sender         a@web8.test: 250 sender ok",
        "ok      recipient      a@x.test: 250 recipient ok",
        "FAILS   recipient      b@x.test: 550 5.1.1 no such user",
        "ok      answer         250 2.0.0 queued as 1",
        "Taken for 1 of 2 recipients. Message-ID: <conntriage.test.",
        "b@x.test: refused: 550 5.1.1 no such user",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert_eq!(tried(&["--to", "b@x.test"]).1, 1);
    let (text, code) = tried(&[]);
    assert_eq!(code, 0, "{text}");
    let taken = relay.messages().len();
    assert_eq!(taken, 2);
    let (text, code) = tried(&["--dry-run"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains(".eml: written, and sent to nobody"), "{text}");
    assert_eq!(relay.messages().len(), taken);
    let (text, code) = tried(&["--to", "a@x\r\nBcc: b@x"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("is no address"), "{text}");
}
