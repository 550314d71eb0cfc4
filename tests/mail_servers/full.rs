//! A full table between this machine and the relay: messages wait, and go out once when there is room again; and the rules
//! that `doctor` prints let them out all the while.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use conntriage::edge::store::outbox::Outbox;

use crate::common::{outcome, root, skip};
use crate::kit::{
    BadRelay, PYTHON, certificates, configure, is_root, mail, outbox, put, queued, said, there,
};

const NEEDED: [&str; 5] =
    [PYTHON, "/usr/sbin/ip", "/usr/sbin/nft", "/usr/sbin/conntrack", "/usr/bin/openssl"];
const MAX: &str = "/proc/sys/net/netfilter/nf_conntrack_max";
const RELAY: &str = "10.99.25.2";

/// The machine's one limit: held against other tests that lower it, and put back whatever happens.
struct Limit {
    before: String,
    _lock: std::fs::File,
}

impl Limit {
    fn hold() -> Self {
        let path = std::env::temp_dir().join("conntriage-nf_conntrack_max.lock");
        let lock = std::fs::File::options().create(true).truncate(false).write(true).open(path).unwrap();
        lock.lock().unwrap();
        Self { before: std::fs::read_to_string(MAX).unwrap(), _lock: lock }
    }

    fn set(most: &str) {
        std::fs::write(MAX, most).unwrap();
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        Self::set(&self.before);
    }
}

/// Two namespaces and the wire between them.
struct Net {
    here: String,
    there: String,
}

impl Net {
    fn make() -> Self {
        let own = std::process::id();
        let net = Self { here: format!("ctm{own}a"), there: format!("ctm{own}b") };
        let (a, b) = (&net.here, &net.there);
        for line in [
            format!("netns add {a}"),
            format!("netns add {b}"),
            format!("-n {a} link add wire type veth peer name wire netns {b}"),
            format!("-n {a} addr add 10.99.25.1/24 dev wire"),
            format!("-n {b} addr add {RELAY}/24 dev wire"),
            format!("-n {a} link set wire up"),
            format!("-n {b} link set wire up"),
            format!("-n {a} link set lo up"),
        ] {
            let done = Command::new("ip").args(line.split(' ')).output().unwrap();
            assert!(done.status.success(), "ip {line}: {:?}", outcome(&done));
        }
        // Rules that ask for a state: only then is anything tracked.
        net.run(
            "nft add table inet filter && nft add chain inet filter input '{ type filter hook input priority 0; }' && \
             nft add chain inet filter output '{ type filter hook output priority 0; }' && \
             nft add rule inet filter input ct state established,related accept && \
             nft add rule inet filter output ct state new,established,related accept",
        );
        net
    }

    /// A line of shell on our side of the wire.
    fn run(&self, line: &str) -> String {
        let done = Self::inside(&self.here).args(["sh", "-c", line]).output().unwrap();
        let (out, complaints, code) = outcome(&done);
        assert_eq!(code, 0, "{line}: {out}{complaints}");
        out
    }

    fn inside(side: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", side]);
        command
    }

    /// The program on our side, in a directory.
    fn conntriage(&self, directory: &Path, seconds: i64, arguments: &[&str]) -> (String, i32) {
        let plain = mail(directory, seconds, arguments);
        self.wrapped(directory, &plain)
    }

    fn wrapped(&self, directory: &Path, plain: &Command) -> (String, i32) {
        let mut command = Self::inside(&self.here);
        command.arg(plain.get_program()).args(plain.get_args()).current_dir(directory);
        for (name, value) in plain.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        said(&command.env("SSL_CERT_FILE", directory.join("ca.pem")).output().unwrap())
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for side in [&self.here, &self.there] {
            let _ = Command::new("ip").args(["netns", "del", side]).status();
        }
    }
}

#[test]
fn m01_while_the_table_is_full_messages_wait_and_go_out_once_when_it_drains() {
    const TEST: &str = "while_the_table_is_full_messages_wait";
    if !is_root(TEST) || !there(TEST, &NEEDED) {
        return;
    }
    if std::fs::File::options().write(true).open(MAX).is_err() {
        return skip(TEST, "net.netfilter.nf_conntrack_max cannot be written here");
    }
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    if !certificates(TEST, directory, &format!("IP:{RELAY}")) {
        return;
    }
    let limit = Limit::hold();
    let net = Net::make();
    let relay = BadRelay::start_by(
        {
            let mut command = Net::inside(&net.there);
            command.arg(PYTHON);
            command
        },
        directory,
        &[
            "--address",
            RELAY,
            "--port",
            "587",
            "--tls",
            "starttls",
            "--cert",
            "good.pem",
            "--key",
            "good.key",
        ]
        .map(|word| {
            if word.starts_with("good.") {
                directory.join(word).display().to_string()
            } else {
                word.to_owned()
            }
        })
        .each_ref()
        .map(String::as_str),
    );
    configure(directory, &format!("host = \"{RELAY}\"\n"));
    outbox(directory, &["ops@example.org"]);
    // Far more than the limit: once a minute the kernel evicts some 250 entries of a full table.
    net.run(&format!("{PYTHON} {} fill 2000", root().join("tests/tools/ct_fill.py").display()));
    Limit::set("500");

    let begun = Instant::now();
    let (text, code) = net.conntriage(directory, 60, &["deliver"]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("10.99.25.2:587: no answer within 10 s"), "{text}");
    assert!(begun.elapsed() < Duration::from_secs(14), "{:?}", begun.elapsed());
    assert_eq!((relay.messages().len(), queued(directory)["state"].as_str()), (0, Some("waiting")));

    // The rules that doctor prints: a message goes out while the table is as full as before.
    let doctor = {
        let mut plain = crate::common::conntriage(directory);
        plain.args(["doctor", "--config", "config.toml", "--state-dir", "state"]);
        net.wrapped(directory, &plain).0
    };
    let (by_nft, by_iptables) = doctor.split_once("\niptables:\n").unwrap_or_else(|| panic!("{doctor}"));
    assert!(
        by_iptables
            .contains("-t raw -A OUTPUT -p tcp -s 10.99.25.1 -d 10.99.25.2 --dport 587 -j CT --notrack")
    );
    assert!(
        by_iptables
            .contains("-t raw -A PREROUTING -p tcp -s 10.99.25.2 --sport 587 -d 10.99.25.1 -j CT --notrack")
    );
    let rules: Vec<&str> = by_nft.lines().filter_map(|line| line.strip_prefix("    nft ")).collect();
    assert!(rules.len() >= 7, "{doctor}");
    for rule in rules {
        net.run(&format!("nft {rule}"));
    }
    let mut more = Outbox::open(&directory.join("state")).unwrap().unwrap();
    put(&mut more, "two@web8.test", &["ops@example.org"]);
    drop(more);
    let begun = Instant::now();
    // The first is not due yet.
    let (text, code) = net.conntriage(directory, 61, &["deliver"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("two@web8.test: handed over"), "{text}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let ids = |relay: &BadRelay| relay.messages().iter().map(|one| one["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&relay), ["<two@web8.test>"]);
    net.run("nft delete table inet conntriage");

    // It drains: what waited goes out, once.
    Limit::set(&limit.before);
    let (text, code) = net.conntriage(directory, 120, &["deliver"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("one@web8.test: handed over"), "{text}");
    assert_eq!(net.conntriage(directory, 86_400, &["deliver"]), (String::new(), 0));
    assert_eq!(ids(&relay), ["<two@web8.test>", "<one@web8.test>"]);
}
