//! A real MTA: Exim with TLS and AUTH, in namespaces of its own, delivering to a maildir that is read; and its `sendmail`.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use conntriage::edge::store::outbox::Outbox;

use crate::common::{root, samples, stage};
use crate::kit::{BEGIN, certificates, configure, is_root, put, queued, said, there};

const NEEDED: [&str; 4] = ["/usr/sbin/exim4", "/usr/bin/unshare", "/usr/bin/nsenter", "/usr/sbin/ip"];
const USER: &str = "Debian-exim";

/// Everything in one file: who may relay, which recipients there are, where messages go.
const CONFIGURATION: &str = r"
primary_hostname = relay.test
spool_directory = @/spool
log_file_path = @/spool/log/%slog
pid_file_path = @/spool/exim.pid
daemon_smtp_ports = 25 : 465 : 587
tls_on_connect_ports = 465
tls_advertise_hosts = *
tls_certificate = @/good.pem
tls_privatekey = @/good.key
auth_advertise_hosts = ${if eq{$tls_in_cipher}{}{}{*}}
acl_smtp_mail = mail
acl_smtp_rcpt = rcpt
acl_smtp_data = accept
acl_not_smtp = accept
keep_environment =
add_environment =
begin acl
mail:
  accept condition = ${if or{{eq{$received_port}{25}}{def:authenticated_id}}}
  deny message = log in first
rcpt:
  accept recipients = ops@example.org : net@example.org
  deny message = no such user here
begin routers
here:
  driver = accept
  transport = maildir
begin transports
maildir:
  driver = appendfile
  directory = @/mail
  maildir_format
  envelope_to_add
  return_path_add
  user = Debian-exim
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and{{eq{$auth2}{conntriage}}{eq{$auth3}{geheim}}}}
  server_set_id = $auth2
";

/// An Exim, in its namespaces.
struct Exim {
    directory: tempfile::TempDir,
    daemon: Child,
}

impl Exim {
    fn start(test: &str) -> Option<Self> {
        if !is_root(test) || !there(test, &NEEDED) {
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        if !certificates(test, directory.path(), "DNS:relay.test") {
            return None;
        }
        let here = directory.path();
        std::fs::write(
            here.join("exim4.conf"),
            CONFIGURATION.replace('@', &here.display().to_string()).replace(
                // The one @ that is none.
                &format!("ops{0}example.org : net{0}example.org", here.display()),
                "ops@example.org : net@example.org",
            ),
        )
        .unwrap();
        std::fs::write(here.join("hosts"), "127.0.0.1 localhost relay.test\n").unwrap();
        std::fs::write(here.join("password"), "geheim\n").unwrap();
        std::fs::write(here.join("wrong"), "falsch\n").unwrap();
        let script = format!(
            "set -e; cd {0}; chmod 755 .; chmod 600 password wrong; mkdir spool mail; chown {USER} spool mail good.key; \
             mount -t tmpfs none /etc/exim4; cp exim4.conf /etc/exim4/; mount --bind hosts /etc/hosts; ip link set lo up; \
             exec /usr/sbin/exim4 -bdf -q30m",
            here.display()
        );
        let said = std::fs::File::create(here.join("said")).unwrap();
        let daemon = Command::new("unshare")
            .args(["--net", "--mount", "sh", "-c", &script])
            .stdout(Stdio::null())
            .stderr(said)
            .spawn()
            .unwrap();
        let exim = Self { directory, daemon };
        let begun = Instant::now();
        while !exim.path("spool/exim.pid").exists() {
            let said = std::fs::read_to_string(exim.path("said")).unwrap();
            assert!(begun.elapsed() < Duration::from_secs(20), "Exim does not start: {said}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(exim)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The program, in the namespaces of the MTA.
    fn conntriage(&self, arguments: &[&str]) -> (String, i32) {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.daemon.id().to_string(), "--net", "--mount", "--"]);
        command.arg(env!("CARGO_BIN_EXE_conntriage")).args(arguments);
        command.arg("--config").arg(self.path("config.toml")).arg("--state-dir").arg(self.path("state"));
        command.env_clear().env("TZ", "UTC").env("SSL_CERT_FILE", self.path("ca.pem"));
        command.env("CONNTRIAGE_TEST_CLOCK", (BEGIN + 60).to_string());
        said(&command.output().unwrap())
    }

    /// Messages in the maildir, once there are so many.
    fn mailbox(&self, wanted: usize) -> Vec<String> {
        let begun = Instant::now();
        loop {
            let new = std::fs::read_dir(self.path("mail/new"));
            let paths = new.map(|new| new.map(|entry| entry.unwrap().path()).collect::<Vec<_>>());
            let paths = paths.unwrap_or_default();
            if paths.len() >= wanted {
                // One more would have come at the same time.
                std::thread::sleep(Duration::from_millis(100));
                return paths.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
            }
            let log = std::fs::read_to_string(self.path("spool/log/mainlog")).unwrap_or_default();
            assert!(begun.elapsed() < Duration::from_secs(20), "{} of {wanted}: {log}", paths.len());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn configure(&self, lines: &str) {
        configure(self.directory.path(), &format!("host = \"relay.test\"\n{lines}"));
    }

    fn login(&self, password: &str) -> String {
        format!("user = \"conntriage\"\npassword_file = \"{}\"\n", self.path(password).display())
    }
}

impl Drop for Exim {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// The value of a header that is there once, on one line.
fn header<'a>(message: &'a str, name: &str) -> &'a str {
    let mut found = message.lines().filter_map(|line| line.strip_prefix(name));
    let first = found.next().unwrap_or_else(|| panic!("no {name} in {message}"));
    assert_eq!(found.next(), None, "{name} twice in {message}");
    first.trim()
}

#[test]
fn m08_a_real_relay_takes_mail_over_starttls_and_tls_and_refuses_one_recipient_alone() {
    let Some(exim) = Exim::start("a_real_relay_takes_mail") else { return };
    exim.configure(&exim.login("password"));
    let to = ["--to", "ops@example.org", "--to", "nobody@example.org", "--to", "net@example.org"];
    let (text, code) = exim.conntriage(&[&["mail", "test"], &to[..]].concat());
    assert_eq!(code, 3, "{text}");
    for line in [
        "ok      password       read from ",
        "ok      tls            TLS 1.3, ",
        "ok      login          AUTH PLAIN: 235 ",
        "FAILS   recipient      nobody@example.org: 550 no such user here",
        "Taken for 2 of 3 recipients.",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let mailbox = exim.mailbox(2);
    let mut to: Vec<&str> = mailbox.iter().map(|message| header(message, "Envelope-to:")).collect();
    to.sort_unstable();
    assert_eq!(to, ["net@example.org", "ops@example.org"]);
    assert_eq!(header(&mailbox[0], "Message-ID:"), header(&mailbox[1], "Message-ID:"));
    assert!(mailbox[0].contains("mail is in order."), "{}", mailbox[0]);
    assert_eq!(header(&mailbox[0], "Auto-Submitted:"), "auto-generated");

    // The outbox, over TLS from the first byte: each recipient is settled for itself.
    exim.configure(&(exim.login("password") + "tls = \"wrapper\"\n"));
    let mut outbox = Outbox::make(&exim.path("state")).unwrap();
    put(&mut outbox, "one@web8.test", &["ops@example.org", "nobody@example.org"]);
    drop(outbox);
    let (text, code) = exim.conntriage(&["mail", "deliver"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("one@web8.test: handed over, to ops@example.org"), "{text}");
    assert!(text.contains("one@web8.test: given up, for nobody@example.org: 550"), "{text}");
    let mailbox = exim.mailbox(3);
    let one = mailbox.iter().filter(|message| header(message, "Message-ID:") == "<one@web8.test>");
    let one: Vec<&String> = one.collect();
    assert_eq!(one.len(), 1);
    assert!(
        one[0].contains("\n.\n") || one[0].contains("\n.\r\n"),
        "a line of one dot arrives as it is: {one:?}"
    );
    let states: Vec<String> = queued(exim.directory.path())["recipients"]
        .as_array()
        .unwrap()
        .iter()
        .map(|recipient| recipient["state"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(states, ["sent", "dead"]);
    assert_eq!(exim.conntriage(&["mail", "deliver"]), (String::new(), 0));

    // A login that is wrong, and none at all where one is wanted, lose nothing.
    for (lines, words) in [(exim.login("wrong"), "AUTH: 535"), (String::new(), "log in first")] {
        exim.configure(&lines);
        let (text, code) = exim.conntriage(&["mail", "test", "--to", "ops@example.org"]);
        assert_eq!(code, 1, "{text}");
        assert!(text.contains(words) && !text.contains("falsch"), "{text}");
    }
    assert_eq!(exim.mailbox(3).len(), 3);
}

#[test]
fn a_report_goes_through_the_sendmail_of_a_real_mta() {
    let Some(exim) = Exim::start("a_report_goes_through_sendmail") else { return };
    configure(exim.directory.path(), "");
    let by_sendmail =
        std::fs::read_to_string(exim.path("config.toml")).unwrap().replace("\"smtp\"", "\"sendmail\"");
    std::fs::write(exim.path("config.toml"), by_sendmail).unwrap();
    let sample = samples().into_iter().find(|sample| sample.ends_with("web8")).unwrap();
    let staged = stage(&sample);
    let input = staged.path().join("input").display().to_string();
    let (text, code) = exim.conntriage(&["analyze", "--mail", "--no-progress", &input]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains(": handed over, to ops@example.org"), "{text}");
    let report = std::fs::read_to_string(sample.join("expected.txt")).unwrap();
    assert!(text.contains(report.lines().next().unwrap()), "the report is written all the same: {text}");
    let mailbox = exim.mailbox(1);
    assert_eq!(mailbox.len(), 1);
    let message = &mailbox[0];
    assert_eq!(header(message, "Return-path:"), "<a@web8.test>");
    assert!(header(message, "Message-ID:").starts_with("<conntriage.report."), "{message}");
    assert!(header(message, "Subject:").contains("conntrack"), "{message}");
    assert!(message.contains("filename=\"conntriage-report.json\""), "{message}");
    assert_eq!(queued(exim.directory.path())["state"], "sent");

    let (text, code) = exim.conntriage(&["mail", "test"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("is Exim (/usr/sbin/exim4), which keeps a queue on disk"), "{text}");
    assert_eq!(exim.mailbox(2).len(), 2);
    let (text, _) = exim.conntriage(&["doctor"]);
    assert!(text.contains("is Exim (/usr/sbin/exim4): it keeps a queue on disk"), "{text}");
}

#[test]
fn a_report_that_is_only_to_be_looked_at_is_sent_to_nobody() {
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path(), "host = \"relay.invalid\"\n");
    let sample = root().join("samples/web8/input");
    let run = |arguments: &[&str]| {
        let mut command = crate::common::conntriage(directory.path());
        command.args(["analyze", "--no-progress", "--config", "config.toml", "--state-dir", "state"]);
        said(&command.args(arguments).arg(&sample).output().unwrap())
    };
    let (text, code) = run(&["--mail", "--dry-run"]);
    assert_eq!(code, 0, "{text}");
    let eml: Vec<PathBuf> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
        .collect();
    assert_eq!(eml.len(), 1, "{text}");
    let message = std::fs::read_to_string(&eml[0]).unwrap();
    assert!(
        message.lines().all(|line| line.len() <= 998) && message.contains("To: ops@example.org"),
        "{message}"
    );
    assert!(!Path::new(&directory.path().join("state")).exists(), "a dry run keeps nothing");
    assert_eq!(run(&["--dry-run"]).1, 2, "nothing would be sent anyway");
    // What cannot be mailed now is kept, and said to be.
    let (text, code) = run(&["--mail"]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("not handed over, to ops@example.org: relay.invalid: "), "{text}");
    assert_eq!(queued(directory.path())["state"], "waiting");
    std::fs::write(directory.path().join("config.toml"), "").unwrap();
    let (text, code) = run(&["--mail"]);
    assert_eq!(code, 1);
    assert!(text.contains("names nobody"), "{text}");
}
