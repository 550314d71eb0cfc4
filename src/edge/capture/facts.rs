//! What stands beside the table: first what changes at once and costs nothing, later what takes longer.
//!
//! Whatever is of a network namespace is read through `/proc/thread-self/net` and `/proc/sys/net`, which follow the
//! thread; `/proc/net` would show the namespace of the process's first thread whatever this one has entered.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use super::programs::{self, NotRun};
use super::reading;
use crate::model::era::Release;
use crate::parse::proc_sockets::socket;

/// Bytes of a file of `/proc` that are kept. The list of routes of a router with a full table is a hundred times longer
/// and tells no more of its own addresses.
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of one setting.
const SETTING_BYTES_MAX: usize = 4096;
/// Settings that are read of one directory.
const SETTINGS_MAX: usize = 2048;
/// Bytes of what a program prints (more are not read by the reader of a bundle either).
const PRINTED_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Files of settings that are kept, and bytes of one.
const CONFIGURED_MAX: usize = 256;
const CONFIGURED_BYTES_MAX: usize = 64 * 1024;
/// How long one program may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// One thing read: the name it has in a capture's directory, and its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Path in the directory.
    pub name: String,
    /// As read.
    pub bytes: Vec<u8>,
}

/// What was read, and what was wanted and was not, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// Read.
    pub read: Vec<Fact>,
    /// Name and why.
    pub not_read: Vec<(String, String)>,
    /// What this kind of machine does not have, with the reason: worth a word, and no gap.
    pub absent: Vec<(String, String)>,
}

impl Facts {
    fn add(&mut self, name: &str, read: Result<Vec<u8>, String>) {
        match read {
            // An empty file of /proc says nothing (a protocol without sockets, a kernel without modules).
            Ok(bytes) if bytes.is_empty() => {
                self.absent.push((name.to_owned(), "is empty".to_owned()));
            }
            Ok(bytes) => self.read.push(Fact { name: name.to_owned(), bytes }),
            Err(why) => self.not_read.push((name.to_owned(), why)),
        }
    }

    /// What need not be there.
    fn add_if_there(&mut self, name: &str, read: Result<Vec<u8>, String>) {
        match read {
            Err(why) => self.absent.push((name.to_owned(), why)),
            read => self.add(name, read),
        }
    }
}

/// Name in the capture, path, and whether it is always there.
type File = (&'static str, &'static str, bool);

/// Statistics, memory, sockets, addresses, in the order in which they go stale.
const CHEAP: [File; 9] = [
    ("stat_nf_conntrack", "/proc/thread-self/net/stat/nf_conntrack", true),
    ("sockstat", "/proc/thread-self/net/sockstat", true),
    ("sockstat6", "/proc/thread-self/net/sockstat6", false),
    ("slabinfo", "/proc/slabinfo", true),
    ("meminfo", "/proc/meminfo", true),
    ("uptime", "/proc/uptime", true),
    ("cmdline", "/proc/cmdline", false),
    ("fib_trie", "/proc/thread-self/net/fib_trie", true),
    ("if_inet6", "/proc/thread-self/net/if_inet6", false),
];

const SLOWER: [File; 6] = [
    ("netstat", "/proc/thread-self/net/netstat", true),
    ("snmp", "/proc/thread-self/net/snmp", true),
    ("snmp6", "/proc/thread-self/net/snmp6", false),
    ("lsmod", "/proc/modules", false),
    ("cpuinfo", "/proc/cpuinfo", true),
    ("os-release", "/etc/os-release", false),
];

/// Settings outside the tracker's own directory that its account depends on.
const BESIDE: [&str; 10] = [
    "kernel/hostname",
    "kernel/osrelease",
    "kernel/random/boot_id",
    "net/core/message_burst",
    "net/core/message_cost",
    "net/nf_conntrack_max",
    "net/ipv4/ip_local_port_range",
    "net/ipv4/tcp_fin_timeout",
    "net/ipv4/ip_forward",
    "net/ipv4/tcp_max_tw_buckets",
];

/// What is read before the table: some 70 small files, a few milliseconds.
pub fn cheap() -> Facts {
    let mut facts = Facts::default();
    let (settings, why) = tracker_settings();
    match why {
        Some(why) => facts.not_read.push(("sysctl".to_owned(), why)),
        None => facts.add("sysctl", Ok(settings.into_bytes())),
    }
    files(&CHEAP, &mut facts);
    facts.add("uname", Ok(uname().into_bytes()));
    facts
}

/// What is read after it. Programs may take until the deadline, each a few seconds at most.
pub fn slower(deadline: Instant) -> Facts {
    let mut facts = Facts::default();
    files(&SLOWER, &mut facts);
    let mut settings = String::new();
    for directory in ["net/core", "net/ipv4", "net/ipv6", "net/bridge", "net/unix"] {
        directory_of_settings(directory, &mut settings);
    }
    facts.add("sysctl-net", Ok(settings.into_bytes()));
    programs_output(deadline, &mut facts);
    configured(&mut facts);
    facts
}

fn files(files: &[File], facts: &mut Facts) {
    for (name, path, always) in files {
        let read = reading::read(path, BYTES_MAX);
        if *always { facts.add(name, read) } else { facts.add_if_there(name, read) }
    }
}

/// The tracker's settings as `key = value`; and why there are none, if so.
fn tracker_settings() -> (String, Option<String>) {
    let mut text = String::new();
    for key in BESIDE {
        setting(key, &mut text);
    }
    directory_of_settings("net/netfilter", &mut text);
    directory_of_settings("net/ipv4/netfilter", &mut text);
    let tracked = text.contains("_conntrack_count = ");
    let why = (!tracked).then(|| match reading::read("/proc/sys/net/netfilter/nf_conntrack_count", 64) {
        Err(why) => why,
        Ok(_) => "/proc/sys/net/netfilter cannot be listed".to_owned(),
    });
    (text, why)
}

fn directory_of_settings(directory: &str, text: &mut String) {
    let Ok(entries) = std::fs::read_dir(format!("/proc/sys/{directory}")) else { return };
    let names: BTreeSet<String> = entries
        .flatten()
        .take(SETTINGS_MAX)
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    for name in names {
        setting(&format!("{directory}/{name}"), text);
    }
}

/// `net.core.somaxconn = 4096`. What cannot be read (some may only be written) is left out: no line is no value.
fn setting(path: &str, text: &mut String) {
    let Ok(bytes) = reading::read(&format!("/proc/sys/{path}"), SETTING_BYTES_MAX) else { return };
    let value = String::from_utf8_lossy(&bytes);
    let Some(value) = value.lines().next().map(str::trim) else { return };
    let _ = writeln!(text, "{} = {value}", path.replace('/', "."));
}

/// As `uname -a`.
fn uname() -> String {
    let uname = rustix::system::uname();
    let words = [uname.sysname(), uname.nodename(), uname.release(), uname.version(), uname.machine()];
    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    format!("{} GNU/Linux\n", words.join(" "))
}

/// The name of this machine.
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The kernel's release as it names itself.
pub fn kernel() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}

/// The kernel's release as far as behaviour depends on it.
pub fn release() -> Option<Release> {
    let name = kernel();
    let mut numbers = name.split(|c: char| !c.is_ascii_digit()).map(|word| word.parse().ok());
    Some(Release(numbers.next()??, numbers.next()??, numbers.next().flatten().unwrap_or(0)))
}

/// What only programs know: addresses with their interfaces, sockets with their owners, the packet filter.
fn programs_output(deadline: Instant, facts: &mut Facts) {
    let mut run = |name: &str, program: &str, arguments: &[&str]| {
        let patience = PATIENCE.min(deadline.saturating_duration_since(Instant::now()));
        if patience.is_zero() {
            return Err(NotRun::Failed("no time was left for it".to_owned()));
        }
        let printed = programs::output(program, arguments, patience, PRINTED_BYTES_MAX)?;
        facts.add(name, Ok(printed));
        Ok(())
    };
    let mut whys: Vec<(&str, NotRun)> = Vec::new();
    for (name, program, arguments) in [
        ("ip-addr", "ip", &["-o", "addr"][..]),
        ("ss", "ss", &["-tanp"]),
        ("nft-ruleset", "nft", &["list", "ruleset"]),
    ] {
        if let Err(why) = run(name, program, arguments) {
            whys.push((name, why));
        }
    }
    // Where rules are kept by the older program, nft prints them all the same if it is there.
    if whys.iter().any(|(name, _)| *name == "nft-ruleset")
        && run("iptables-save", "iptables-save", &["-c"]).is_ok()
    {
        whys.retain(|(name, _)| *name != "nft-ruleset");
    }
    for (name, why) in whys {
        match why {
            NotRun::NotInstalled(_) if name == "ss" => facts.add(name, sockets()),
            NotRun::NotInstalled(program) => {
                facts.absent.push((name.to_owned(), format!("{program} is not installed")));
            }
            NotRun::Failed(why) => facts.not_read.push((name.to_owned(), why)),
        }
    }
}

/// The sockets of TCP as `ss -tan` lists them, without the programs: where `ss` is not installed.
fn sockets() -> Result<Vec<u8>, String> {
    let mut text = "State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n".to_owned();
    for path in ["/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"] {
        let file = match reading::open(path) {
            Ok(file) => file,
            // A kernel without IPv6.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(reading::why(path, &error)),
        };
        for line in BufReader::with_capacity(64 * 1024, file).lines() {
            let line = line.map_err(|error| reading::why(path, &error))?;
            let Some(socket) = socket(&line) else { continue };
            let end = |(address, port): (IpAddr, u16)| {
                let port = if port == 0 { "*".to_owned() } else { port.to_string() };
                if address.is_ipv6() { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
            };
            let _ =
                writeln!(text, "{} 0 0 {} {}", shown(socket.state), end(socket.local), end(socket.remote));
            if text.len() > PRINTED_BYTES_MAX {
                return Err(format!(
                    "has more sockets than fit the {PRINTED_BYTES_MAX} bytes that are kept of them"
                ));
            }
        }
    }
    Ok(text.into_bytes())
}

/// A state in the words of `ss`.
fn shown(state: &str) -> &str {
    match state {
        "ESTABLISHED" => "ESTAB",
        "SYN_SENT" => "SYN-SENT",
        "SYN_RECV" => "SYN-RECV",
        "FIN_WAIT1" => "FIN-WAIT-1",
        "FIN_WAIT2" => "FIN-WAIT-2",
        "TIME_WAIT" => "TIME-WAIT",
        "CLOSE" => "UNCONN",
        "CLOSE_WAIT" => "CLOSE-WAIT",
        "LAST_ACK" => "LAST-ACK",
        other => other,
    }
}

/// Files of settings: what is meant to run. Nothing else of `/etc` is looked at.
fn configured(facts: &mut Facts) {
    let mut kept = 0;
    let mut keep = |name: String, path: &str, wanted: fn(&[u8]) -> bool| {
        let Ok(bytes) = reading::read(path, CONFIGURED_BYTES_MAX) else { return };
        if kept < CONFIGURED_MAX && !bytes.is_empty() && wanted(&bytes) {
            kept += 1;
            facts.add(&name, Ok(bytes));
        }
    };
    // Many distributions ship files of remarks alone.
    let any = |bytes: &[u8]| {
        let mut lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        lines.any(|line| !line.is_empty() && !line.starts_with(b"#") && !line.starts_with(b";"))
    };
    keep("sysctl.d/sysctl.conf".to_owned(), "/etc/sysctl.conf", any);
    // Of two files with one name the first directory's holds (sysctl.d(5)).
    let mut met = BTreeSet::from(["sysctl.conf".to_owned()]);
    for directory in ["/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d"] {
        for name in names(directory).into_iter().filter(|name| is_conf(name)) {
            if met.insert(name.clone()) {
                keep(format!("sysctl.d/{name}"), &format!("{directory}/{name}"), any);
            }
        }
    }
    let of_the_tracker = |bytes: &[u8]| memchr::memmem::find(bytes, b"conntrack").is_some();
    for directory in ["/etc/modprobe.d", "/run/modprobe.d", "/usr/lib/modprobe.d"] {
        for name in names(directory) {
            keep(format!("modprobe.d/{name}"), &format!("{directory}/{name}"), of_the_tracker);
        }
    }
    for name in ["iptables-config", "ip6tables-config", "nf_conntrack"] {
        keep(format!("sysconfig/{name}"), &format!("/etc/sysconfig/{name}"), any);
    }
    keep("sysconfig/ufw".to_owned(), "/etc/default/ufw", any);
}

/// As sysctl.d(5) has it: in small letters.
fn is_conf(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|ending| ending == "conf")
}

/// Names of a directory's files, in order, as far as they are harmless as names of ours.
fn names(directory: &str) -> BTreeSet<String> {
    let harmless = |name: &String| {
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.@+".contains(&byte))
            && !name.starts_with('.')
    };
    let Ok(entries) = std::fs::read_dir(directory) else { return BTreeSet::new() };
    let names =
        entries.flatten().take(CONFIGURED_MAX).filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(harmless).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn sockets_are_listed_as_the_reader_of_ss_reads_them() {
        use crate::parse::counters::{CounterDialect, parse, sniff};

        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let _kept = std::net::TcpStream::connect(address).unwrap();
        let text = sockets().unwrap();
        assert_eq!(sniff(&text, "ss"), Some(CounterDialect::Ss));
        let (counters, _, damaged) = parse(CounterDialect::Ss, "ss", &text);
        assert!(damaged.is_empty(), "{damaged:?}");
        let found = counters.sockets.unwrap();
        assert_eq!(found.established_to.get(&address.port()), Some(&1));
        assert!(found.established_at.contains_key(&address.port()));
    }

    #[test]
    fn the_cheap_facts_are_there_at_once() {
        let started = Instant::now();
        let facts = cheap();
        let took = started.elapsed();
        let _ = writeln!(std::io::stderr(), "MEASURED {} cheap facts in {took:.1?}", facts.read.len());
        assert!(took < Duration::from_secs(2), "{took:?}");
        for name in ["meminfo", "uptime", "uname"] {
            assert!(facts.read.iter().any(|fact| fact.name == name), "{name}: {:?}", facts.not_read);
        }
        // What is not there has its reason.
        assert!(facts.not_read.iter().chain(&facts.absent).all(|(_, why)| !why.is_empty()));
    }
}
