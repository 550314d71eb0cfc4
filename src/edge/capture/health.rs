//! What the program can and cannot see and do on this machine: `doctor`.
//!
//! Each row is examined by doing what a watcher would do, on the smallest scale, and never by asking who this process
//! is: a unit's setting, a security module and a missing module all say no in ways of their own.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::io::Errno;
use rustix::thread::CapabilitySet;

use super::{namespaces, netlink, reading};

/// What is said of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// How it is.
    pub verdict: Verdict,
    /// What.
    pub what: String,
    /// In words: what was found; where it is amiss, what to change.
    pub said: String,
}

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Fine,
    /// Good to know.
    Note,
    /// This machine does not have it.
    Absent,
    /// It would fail.
    Fails,
    /// It could not be examined.
    Unknown,
}

impl Verdict {
    /// In one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::Note => "note",
            Self::Absent => "absent",
            Self::Fails => "FAILS",
            Self::Unknown => "unknown",
        }
    }
}

/// Bytes of a kernel record; a shorter buffer loses the record.
const RECORD_BYTES: usize = 8_192;
/// From so many hundredths of the limit on a table would soon be full.
const FILLING_PERCENT: u64 = 90;
/// More entries than this for each bucket make every lookup walk.
const RATIO_MAX: u64 = 8;

/// Logs that a syslog daemon writes kernel lines to.
const MESSAGES: [&str; 3] = ["/var/log/messages", "/var/log/syslog", "/var/log/kern.log"];
/// Where journald keeps its files.
const JOURNALS: [&str; 2] = ["/var/log/journal", "/run/log/journal"];

/// Examines all.
pub fn examine() -> Vec<Row> {
    let mut rows = vec![kmsg(), journal()];
    rows.extend(messages());
    rows.push(table());
    rows.extend(counters());
    rows.push(own_namespace());
    rows.push(users());
    rows.extend(capabilities());
    rows.push(others());
    rows.extend(headroom());
    rows
}

fn row(verdict: Verdict, what: &str, said: impl Into<String>) -> Row {
    Row { verdict, what: what.to_owned(), said: said.into() }
}

/// Opens without ever waiting.
fn open(path: &str) -> io::Result<File> {
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    std::fs::OpenOptions::new().read(true).custom_flags(nonblocking).open(path)
}

fn kmsg() -> Row {
    const WHAT: &str = "source kmsg";
    let read = open("/dev/kmsg").and_then(|mut file| match file.read(&mut vec![0; RECORD_BYTES]) {
        // Nothing there yet, or overwritten while it was read: both are readable.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock || is(&error, Errno::PIPE) => Ok(0),
        other => other,
    });
    match read {
        Ok(_) => row(
            Verdict::Fine,
            WHAT,
            "/dev/kmsg can be read: lines from the kernel itself, which nobody can forge",
        ),
        Err(error) if error.kind() == io::ErrorKind::NotFound => row(
            Verdict::Fails,
            WHAT,
            "/dev/kmsg is not there: PrivateDevices=yes or ProtectKernelLogs=yes of the unit hides it; use \
             DevicePolicy=closed with DeviceAllow=/dev/kmsg r, and ProtectKernelLogs=no",
        ),
        Err(error) if is(&error, Errno::PERM) => row(
            Verdict::Fails,
            WHAT,
            "/dev/kmsg may not be read (EPERM): with kernel.dmesg_restrict=1 it needs CAP_SYSLOG, which \
             ProtectKernelLogs=yes takes away; a DevicePolicy= needs DeviceAllow=/dev/kmsg r",
        ),
        Err(error) => row(Verdict::Fails, WHAT, reading::why("/dev/kmsg", &error)),
    }
}

fn is(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno.raw_os_error())
}

fn journal() -> Row {
    const WHAT: &str = "source journal";
    let there: Vec<&str> = JOURNALS.into_iter().filter(|path| Path::new(path).is_dir()).collect();
    if there.is_empty() {
        return row(
            Verdict::Absent,
            WHAT,
            "there is neither /var/log/journal nor /run/log/journal: no journald here",
        );
    }
    let program = ["/usr/bin/journalctl", "/bin/journalctl"].iter().any(|path| Path::new(path).exists());
    if !program {
        return row(Verdict::Fails, WHAT, "journalctl is not installed, which follows the journal");
    }
    match journal_file(&there) {
        Err(why) => row(Verdict::Fails, WHAT, why),
        Ok(None) => row(
            Verdict::Absent,
            WHAT,
            format!("{} holds no journal of this machine: journald does not run here", there.join(", ")),
        ),
        Ok(Some(path)) => match open(&path) {
            Ok(_) => row(Verdict::Fine, WHAT, format!("{path} can be read")),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => row(
                Verdict::Fails,
                WHAT,
                format!("{path} may not be read: join the group systemd-journal (or adm), or run as root"),
            ),
            Err(error) => row(Verdict::Fails, WHAT, reading::why(&path, &error)),
        },
    }
}

/// The system's journal below one of these directories; none: journald keeps none there.
fn journal_file(directories: &[&str]) -> Result<Option<String>, String> {
    for directory in directories {
        let machines = std::fs::read_dir(directory).map_err(|error| reading::why(directory, &error))?;
        let files = machines.flatten().map(|machine| machine.path().join("system.journal"));
        if let Some(path) = files.into_iter().find(|path| path.exists()) {
            return Ok(Some(path.display().to_string()));
        }
    }
    Ok(None)
}

fn messages() -> Vec<Row> {
    let what = |path: &str| format!("source file:{path}");
    let there = MESSAGES.into_iter().filter(|path| Path::new(path).exists());
    let mut rows: Vec<Row> = there
        .map(|path| match open(path) {
            Ok(_) => row(
                Verdict::Fine,
                &what(path),
                "can be read; anybody may write such lines, so that each is checked against the counters",
            ),
            Err(error) => row(Verdict::Fails, &what(path), reading::why(path, &error)),
        })
        .collect();
    if rows.is_empty() {
        rows.push(row(Verdict::Absent, "source file", format!("there is none of {}", MESSAGES.join(", "))));
    }
    rows
}

fn table() -> Row {
    const WHAT: &str = "table by netlink";
    match netlink::probe() {
        Ok(()) => row(Verdict::Fine, WHAT, "the kernel lists its table to this process"),
        Err(why) => {
            let fallback = match reading::open("/proc/self/net/nf_conntrack") {
                Ok(_) => {
                    "/proc/net/nf_conntrack can be read instead, and misses entries while the table changes"
                        .to_owned()
                }
                Err(error) => format!(
                    "and there is no other way: {}",
                    reading::why("/proc/self/net/nf_conntrack", &error)
                ),
            };
            row(Verdict::Fails, WHAT, format!("{why}; {fallback}"))
        }
    }
}

fn counters() -> Vec<Row> {
    [
        "/proc/sys/net/netfilter/nf_conntrack_count",
        "/proc/sys/net/netfilter/nf_conntrack_max",
        "/proc/self/net/stat/nf_conntrack",
    ]
    .into_iter()
    .filter_map(|path| {
        let why = reading::read(path, 1 << 20).err()?;
        Some(row(Verdict::Fails, "counters", why))
    })
    .collect::<Vec<_>>()
    .into_iter()
    .chain(accounting())
    .collect()
}

/// Whether entries carry volumes and ages. They do from the next entry on; nothing here ever turns it on.
fn accounting() -> Option<Row> {
    let on = |name| netlink::number(name).map(|value| if value == 0 { "off" } else { "on" });
    let (volumes, ages) = (on("acct")?, on("timestamp")?);
    Some(row(
        Verdict::Note,
        "accounting",
        format!(
            "nf_conntrack_acct is {volumes} (packets and bytes of an entry), nf_conntrack_timestamp is {ages} (its age); \
             both hold for new entries alone, and are left as they are"
        ),
    ))
}

fn own_namespace() -> Row {
    const WHAT: &str = "network namespace";
    let own = match namespaces::own() {
        Ok(own) => own,
        Err(error) => return row(Verdict::Unknown, WHAT, reading::why("/proc/self/ns/net", &error)),
    };
    if own.initial {
        return row(Verdict::Fine, WHAT, format!("{}, the one that the machine booted with", own.inode));
    }
    row(
        Verdict::Fails,
        WHAT,
        format!(
            "{}, which is not the machine's: only this one's table is seen. PrivateNetwork=yes of the unit does that, and \
             a container without the host's network",
            own.inode
        ),
    )
}

fn users() -> Row {
    const WHAT: &str = "user namespace";
    match reading::read("/proc/self/uid_map", 4_096) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            let whole = text.split_whitespace().eq(["0", "0", "4294967295"]);
            if whole {
                row(Verdict::Fine, WHAT, "the machine's")
            } else {
                let said = "one of its own: CAP_NET_ADMIN counts for nothing in the machine's network namespace. \
                            PrivateUsers=yes of the unit does that";
                row(Verdict::Fails, WHAT, said)
            }
        }
        Err(why) => row(Verdict::Unknown, WHAT, why),
    }
}

/// What each capability is for, and whether nothing goes without it.
const CAPABILITIES: [(CapabilitySet, &str, &str); 5] = [
    (CapabilitySet::NET_ADMIN, "CAP_NET_ADMIN", "to list the table"),
    (CapabilitySet::SYSLOG, "CAP_SYSLOG", "to read /dev/kmsg where kernel.dmesg_restrict=1"),
    (CapabilitySet::DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH", "to read slabinfo and logs of other users"),
    (CapabilitySet::SYS_PTRACE, "CAP_SYS_PTRACE", "to see whose sockets and namespaces they are"),
    (CapabilitySet::SYS_ADMIN, "CAP_SYS_ADMIN", "to enter another network namespace"),
];

fn capabilities() -> Vec<Row> {
    let held = match rustix::thread::capabilities(None) {
        Ok(sets) => sets.effective,
        Err(error) => {
            return vec![row(Verdict::Unknown, "capabilities", reading::errno(error.raw_os_error()))];
        }
    };
    let of = |&(capability, name, what): &(CapabilitySet, &str, &str)| {
        if held.contains(capability) {
            row(Verdict::Fine, name, what)
        } else {
            row(Verdict::Note, name, format!("is not held: it is needed {what}"))
        }
    };
    CAPABILITIES.iter().map(of).collect()
}

fn others() -> Row {
    const WHAT: &str = "other namespaces";
    let known = namespaces::known();
    let count = known.places.len();
    let mut said = match count {
        1 => "1 network namespace is known".to_owned(),
        count => format!("{count} network namespaces are known"),
    };
    if known.left_out > 0 {
        let _ = write!(said, ", {} more are not watched", known.left_out);
    }
    if known.hidden > 0 {
        let processes = if known.hidden == 1 { "process" } else { "processes" };
        let _ = write!(
            said,
            "; {} {processes} may not be looked at, and may be in others (CAP_SYS_PTRACE lets them be)",
            known.hidden
        );
        return row(Verdict::Note, WHAT, said);
    }
    row(Verdict::Fine, WHAT, said)
}

/// How much room there is today.
fn headroom() -> Vec<Row> {
    let (Some(count), Some(max)) = (netlink::number("count"), netlink::number("max")) else {
        return vec![row(Verdict::Unknown, "headroom", "count or limit of the table cannot be read")];
    };
    let mut rows = Vec::new();
    if max == 0 {
        rows.push(row(
            Verdict::Note,
            "headroom",
            format!("{count} entries, and no limit: the table grows until memory is out"),
        ));
        return rows;
    }
    let percent = count.saturating_mul(100) / max;
    let verdict = if percent >= FILLING_PERCENT { Verdict::Fails } else { Verdict::Fine };
    rows.push(row(verdict, "headroom", format!("{count} of {max} entries ({percent} %)")));
    if let Some(buckets) = netlink::number("buckets").filter(|buckets| *buckets > 0) {
        let said = format!(
            "{buckets} for a limit of {max}: {:.1} entries for each when it is full",
            max as f64 / buckets as f64
        );
        let many = max / buckets > RATIO_MAX;
        let said =
            if many { format!("{said}; every lookup walks: raise nf_conntrack_buckets") } else { said };
        rows.push(row(if many { Verdict::Note } else { Verdict::Fine }, "buckets", said));
    }
    rows
}
