//! Network namespaces of this machine: which there are, how each is reached, how full each table is.
//!
//! A kernel line names a namespace by its inode, and inodes are given to new namespaces within minutes. What is found
//! under an inode therefore says since when it has been there at least ([`Place::since_us`]): if that is after the line,
//! the namespace that was full may be gone, and another have its number.
//!
//! Nothing here enters a namespace that can be read from outside: `/proc/PID/net` shows the namespace of a process to
//! anybody. One that no process is in is entered by a short-lived thread of its own, never by a thread that goes on to
//! do other work.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::clock;
use super::netlink;
use super::reading;
use crate::model::live::clock::Now;
use crate::model::live::sample::{Netns, Sample};
use crate::model::time::SECOND_US;
use crate::parse::counters::{CounterDialect, parse};

/// Namespaces that are kept account of. A node with more containers than this has its further ones counted, not polled.
pub const PLACES_MAX: usize = 1_024;
/// Processes that are looked at.
const PROCESSES_MAX: usize = 65_536;
/// Names looked at in one directory of names.
const NAMES_MAX: usize = 4_096;
/// Directories that hold namespaces by name: iproute2 and the container runtimes, docker.
const DIRECTORIES: [&str; 2] = ["/run/netns", "/run/docker/netns"];
/// The namespace that the machine booted with has one of the first inodes: `PROC_NET_INIT_INO` (4026531833) where that is
/// fixed, else one of the 208 behind `PROC_DYNAMIC_FIRST` (4026531840), before any file of `/proc` has taken one. Heeded
/// where `/proc/1/ns/net` may not be looked at.
const FIRST_INODES: std::ops::RangeInclusive<u64> = 4_026_531_833..=4_026_532_047;
/// Bytes of one `/proc/net/stat/nf_conntrack`: a row of 150 bytes for each possible processor.
const STAT_BYTES_MAX: usize = 1 << 20;
/// Bytes of one small file of a process.
const SMALL_BYTES_MAX: usize = 4_096;
/// Of a process's start time: `sysconf(_SC_CLK_TCK)`, 100 on every machine of today.
const TICKS_PER_SECOND: i64 = 100;

/// A namespace, and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Which.
    pub netns: Netns,
    /// Its name, where it has one, with its path.
    pub named: Option<PathBuf>,
    /// A process in it, the oldest one looked at.
    pub process: Option<Process>,
    /// Uptime from which it has been there at least, microseconds; none: not known.
    pub since_us: Option<i64>,
}

/// A process in a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Its name (`comm`), as it calls itself.
    pub name: String,
    /// What it belongs to.
    pub belongs: Belongs,
}

/// What a process belongs to, as its control group says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Belongs {
    /// A container, by its id, and its pod's where it has one.
    Container {
        /// 12 to 64 hex digits.
        id: String,
        /// UID of the pod.
        pod: Option<String>,
    },
    /// A unit of systemd.
    Unit(String),
    /// Neither.
    Nothing,
}

/// What there is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Known {
    /// By inode.
    pub places: Vec<Place>,
    /// Namespaces beyond [`PLACES_MAX`].
    pub left_out: usize,
    /// Processes whose namespace may not be looked at.
    pub hidden: usize,
}

impl Place {
    /// Its name for people: `netns "red"`, `container 3f2a… (nginx)`, `nginx (pid 12)`.
    pub fn name(&self) -> Option<String> {
        if let Some(named) = &self.named {
            return named.file_name().map(|name| name.to_string_lossy().into_owned());
        }
        let process = self.process.as_ref()?;
        Some(match &process.belongs {
            Belongs::Container { id, .. } => format!("{} ({})", id.get(..12).unwrap_or(id), process.name),
            Belongs::Unit(unit) => unit.clone(),
            Belongs::Nothing => format!("{} (pid {})", process.name, process.pid),
        })
    }

    /// It has not been there, for all that is known, when this was said: another may have had its inode.
    pub fn is_younger_than(&self, said: Now) -> bool {
        // A container's first process starts its namespace a moment after itself, and clocks are read one after another.
        self.since_us.is_some_and(|since| since > said.uptime_us.saturating_add(SECOND_US))
    }

    /// The path by which it is entered.
    fn door(&self) -> Option<PathBuf> {
        let by_process = || Some(PathBuf::from(format!("/proc/{}/ns/net", self.process.as_ref()?.pid)));
        self.named.clone().or_else(by_process)
    }
}

/// The namespace of this process.
pub fn own() -> io::Result<Netns> {
    let inode = std::fs::metadata("/proc/self/ns/net")?.ino();
    Ok(Netns { inode, initial: is_initial(inode), born_us: None })
}

/// The namespace that this thread is in, which may be another.
pub fn here() -> io::Result<Netns> {
    let inode = std::fs::metadata("/proc/thread-self/ns/net")?.ino();
    Ok(Netns { inode, initial: is_initial(inode), born_us: None })
}

/// It is the one that the machine booted with.
fn is_initial(inode: u64) -> bool {
    match std::fs::metadata("/proc/1/ns/net") {
        // In a container process 1 is its own first one, and lives in its namespace.
        Ok(metadata) => metadata.ino() == inode && (FIRST_INODES.contains(&inode) || !in_container()),
        Err(_) => FIRST_INODES.contains(&inode),
    }
}

/// Process 1 here is not the machine's: there is another pid namespace around.
fn in_container() -> bool {
    /// `PROC_PID_INIT_INO`
    const FIRST_PID_NAMESPACE: u64 = 4_026_531_836;
    std::fs::metadata("/proc/self/ns/pid").is_ok_and(|metadata| metadata.ino() != FIRST_PID_NAMESPACE)
}

/// All that can be found, by names and by processes: a millisecond for a few hundred processes.
pub fn known() -> Known {
    let mut found = Finding::default();
    if let Ok(own) = own() {
        found.enter(own.inode);
    }
    for directory in DIRECTORIES {
        names(Path::new(directory), &mut found);
    }
    processes(&mut found);
    found.conclude()
}

/// The one with this inode, or why there is none.
pub fn find(inode: u64) -> Result<Place, String> {
    let known = known();
    let hidden = known.hidden;
    known.places.into_iter().find(|place| place.netns.inode == inode).ok_or_else(|| {
        let mut why = format!("no namespace has inode {inode} any more: its container has ended");
        if hidden > 0 {
            let _ = write!(
                why,
                ", or is among the {hidden} processes whose namespace may not be looked at (needs CAP_SYS_PTRACE)"
            );
        }
        why
    })
}

/// The one with this inode or name, or why there is none.
pub fn named(word: &str) -> Result<Place, String> {
    if let Ok(inode) = word.parse() {
        return find(inode);
    }
    let is_called = |place: &Place| {
        place.named.as_ref().and_then(|path| path.file_name()).is_some_and(|name| name == word)
    };
    let known = known();
    let names =
        || known.places.iter().filter_map(|place| Some(place.named.as_ref()?.file_name()?.to_string_lossy()));
    known.places.iter().find(|place| is_called(place)).cloned().ok_or_else(|| {
        let names: Vec<_> = names().collect();
        let there = if names.is_empty() { "none has a name".to_owned() } else { names.join(", ") };
        format!("no network namespace is called {word:?} (there are: {there}); give a name of `ip netns`, or an inode")
    })
}

/// Namespaces while they are looked for.
#[derive(Debug, Default)]
struct Finding {
    places: BTreeMap<u64, Place>,
    /// Oldest process, start time in microseconds of uptime.
    oldest: BTreeMap<u64, (i64, u32)>,
    left_out: std::collections::BTreeSet<u64>,
    hidden: usize,
}

impl Finding {
    fn enter(&mut self, inode: u64) -> Option<&mut Place> {
        if !self.places.contains_key(&inode) && self.places.len() >= PLACES_MAX {
            if self.left_out.len() < PROCESSES_MAX {
                self.left_out.insert(inode);
            }
            return None;
        }
        let new = || Place {
            netns: Netns { inode, initial: is_initial(inode), born_us: None },
            named: None,
            process: None,
            since_us: None,
        };
        Some(self.places.entry(inode).or_insert_with(new))
    }

    fn conclude(mut self) -> Known {
        for (inode, (started_us, pid)) in self.oldest {
            let Some(place) = self.places.get_mut(&inode) else { continue };
            place.process = process(pid);
            let named = place.since_us;
            place.since_us = Some(named.map_or(started_us, |named| named.min(started_us)));
        }
        for place in self.places.values_mut() {
            place.netns.born_us = place.since_us.filter(|_| !place.netns.initial);
        }
        let places = self.places.into_values().collect();
        Known { places, left_out: self.left_out.len(), hidden: self.hidden }
    }
}

/// Namespaces that are held by a name. The name's file is the namespace itself, and its time the one at which it was
/// given its name.
fn names(directory: &Path, found: &mut Finding) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    let now = clock::now();
    for entry in entries.flatten().take(NAMES_MAX) {
        let path = entry.path();
        let Ok(metadata) = std::fs::metadata(&path) else { continue };
        if !is_namespace(&path) {
            continue;
        }
        let written_us =
            metadata.mtime().saturating_mul(SECOND_US).saturating_add(metadata.mtime_nsec() / 1_000);
        let age_us = now.wall.0.saturating_sub(written_us);
        if let Some(place) = found.enter(metadata.ino())
            && place.named.is_none()
        {
            place.named = Some(path);
            place.since_us = Some(now.uptime_us.saturating_sub(age_us));
        }
    }
}

/// A name whose namespace was unmounted is an empty file.
fn is_namespace(path: &Path) -> bool {
    /// `NSFS_MAGIC`
    const NSFS: u32 = 0x6e73_6673;
    rustix::fs::statfs(path).is_ok_and(|found| u32::try_from(found.f_type).is_ok_and(|kind| kind == NSFS))
}

/// Namespaces that processes are in.
fn processes(found: &mut Finding) {
    let Ok(entries) = std::fs::read_dir("/proc") else { return };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    for pid in pids.take(PROCESSES_MAX) {
        let inode = match std::fs::metadata(format!("/proc/{pid}/ns/net")) {
            Ok(metadata) => metadata.ino(),
            Err(error) => {
                // One that has ended in the meantime, or a zombie, is in no namespace.
                found.hidden += usize::from(error.kind() == io::ErrorKind::PermissionDenied);
                continue;
            }
        };
        if found.enter(inode).is_none() {
            continue;
        }
        let Some(started_us) = started_us(pid) else { continue };
        let oldest = found.oldest.entry(inode).or_insert((started_us, pid));
        if started_us < oldest.0 {
            *oldest = (started_us, pid);
        }
    }
}

/// When a process was started, microseconds of uptime: field 22 of `/proc/PID/stat`, behind the name in brackets.
fn started_us(pid: u32) -> Option<i64> {
    let bytes = reading::read(&format!("/proc/{pid}/stat"), SMALL_BYTES_MAX).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let (_, behind) = text.rsplit_once(')')?;
    let ticks: i64 = behind.split_whitespace().nth(19)?.parse().ok()?;
    ticks.checked_mul(SECOND_US / TICKS_PER_SECOND)
}

/// What a process is called and belongs to; none if it has ended.
pub fn process(pid: u32) -> Option<Process> {
    let name = reading::read(&format!("/proc/{pid}/comm"), SMALL_BYTES_MAX).ok()?;
    let groups = reading::read(&format!("/proc/{pid}/cgroup"), SMALL_BYTES_MAX).unwrap_or_default();
    let name = String::from_utf8_lossy(&name).trim_end_matches('\n').to_owned();
    Some(Process { pid, name, belongs: belongs(&String::from_utf8_lossy(&groups)) })
}

/// What the paths of control groups say: `…/docker-3f2a….scope`, `/kubepods/burstable/pod8b…/3f2a…`,
/// `/system.slice/nginx.service`.
fn belongs(groups: &str) -> Belongs {
    let paths = || groups.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    for path in paths() {
        let parts = || path.split('/').rev();
        if let Some(id) = parts().find_map(container_id) {
            return Belongs::Container { id: id.to_owned(), pod: parts().find_map(pod_uid) };
        }
    }
    let unit = |part: &&str| [".service", ".scope"].iter().any(|ending| part.ends_with(ending));
    let found = paths().find_map(|path| path.split('/').rev().find(unit));
    found.map_or(Belongs::Nothing, |unit| Belongs::Unit(unit.to_owned()))
}

/// 64 hex digits, alone or between a runtime's name and `.scope`.
fn container_id(part: &str) -> Option<&str> {
    let part = part.strip_suffix(".scope").unwrap_or(part);
    let id = part.rsplit(['-', ':']).next()?;
    (id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(id)
}

/// `pod8b1f….slice`, with `_` for `-` where systemd made the name.
fn pod_uid(part: &str) -> Option<String> {
    let part = part.strip_suffix(".slice").unwrap_or(part);
    let (_, uid) = part.rsplit_once("pod")?;
    let uid = uid.replace('_', "-");
    let shaped = uid.len() >= 32 && uid.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    shaped.then_some(uid)
}

/// Runs on a thread of its own that has entered a namespace, and waits for it. An error is a sentence that says what to
/// do. Everything that `work` starts is in the namespace too; this thread stays where it is.
pub fn inside<T: Send>(place: &Place, work: impl FnOnce() -> T + Send) -> Result<T, String> {
    let door = place.door().ok_or("it has neither a name nor a process by which it could be entered")?;
    let shown = door.display().to_string();
    let held = File::open(&door).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!("{shown} is gone: the namespace ended in the meantime"),
        io::ErrorKind::PermissionDenied => {
            format!("{shown} may not be opened: needs CAP_SYS_PTRACE (and CAP_SYS_ADMIN to enter)")
        }
        _ => format!("{shown} cannot be opened: {}", reading::words(&error)),
    })?;
    // What was found under this path may have been another one.
    if held.metadata().is_ok_and(|metadata| metadata.ino() != place.netns.inode) {
        return Err(format!("{shown} is another namespace by now: the one that was meant has ended"));
    }
    std::thread::scope(|scope| {
        let entered = std::thread::Builder::new().name("namespace".to_owned()).spawn_scoped(scope, || {
            move_into_link_name_space(held.as_fd(), Some(LinkNameSpaceType::Network))
                .map_err(cannot_enter)?;
            Ok(work())
        });
        match entered {
            Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(error) => Err(format!("no thread could be started: {}", reading::words(&error))),
        }
    })
}

fn cannot_enter(error: rustix::io::Errno) -> String {
    match error {
        rustix::io::Errno::PERM => {
            "it cannot be entered (EPERM): needs CAP_SYS_ADMIN, and RestrictNamespaces= of the \
                                    unit must allow net"
                .to_owned()
        }
        other => format!("it cannot be entered: {}", reading::errno(other.raw_os_error())),
    }
}

/// One look at the table of a namespace: not entered where a process is in it. A table that is not there (the
/// namespace has ended, or tracks nothing) gives a sample in which nothing is known.
pub fn sample(place: &Place, now: Now) -> Sample {
    let from = |path: &str| reading::read(path, STAT_BYTES_MAX).ok();
    let own = own().is_ok_and(|own| own.inode == place.netns.inode);
    let stat = if own {
        from("/proc/self/net/stat/nf_conntrack")
    } else if let Some(process) = &place.process {
        from(&format!("/proc/{}/net/stat/nf_conntrack", process.pid))
    } else {
        inside(place, || from("/proc/thread-self/net/stat/nf_conntrack")).ok().flatten()
    };
    // A process number may be another process by now.
    let stat = stat.filter(|_| own || place.process.is_none() || still_in(place));
    let read =
        stat.map(|text| parse(CounterDialect::Stat, "stat/nf_conntrack", &text).0).and_then(|c| c.stat);
    let count =
        read.and_then(|stat| stat.entries).or_else(|| own.then(|| netlink::number("count")).flatten());
    Sample {
        at: now,
        netns: place.netns,
        count,
        // One limit for all; only the initial namespace can change it.
        max: netlink::number("max"),
        drop: read.and_then(|stat| stat.drop),
        early_drop: read.and_then(|stat| stat.early_drop),
        insert_failed: read.and_then(|stat| stat.insert_failed),
        chain_too_long: read.and_then(|stat| stat.chain_too_long),
        new: None,
    }
}

/// Its process is still in it.
fn still_in(place: &Place) -> bool {
    let Some(process) = &place.process else { return false };
    std::fs::metadata(format!("/proc/{}/ns/net", process.pid))
        .is_ok_and(|metadata| metadata.ino() == place.netns.inode)
}

/// Polls the tables of all namespaces that are known; once a second is cheap enough.
#[derive(Debug, Default)]
pub struct Sampler {
    known: Known,
}

impl Sampler {
    /// A sampler that knows what there is now.
    pub fn new() -> Self {
        Self { known: known() }
    }

    /// Looks anew at which namespaces there are. Every few seconds is often enough, and after a line that names one
    /// that is not known.
    pub fn look(&mut self) {
        let before = std::mem::replace(&mut self.known, known());
        // An age that is reckoned from two clocks differs by microseconds each time: it stays what it was, so that one
        // namespace is not taken for two.
        for place in &mut self.known.places {
            let same = before.places.iter().find(|of| of.netns.inode == place.netns.inode);
            if let Some((was, is)) = same.and_then(|of| of.since_us).zip(place.since_us)
                && was.abs_diff(is) < SECOND_US.unsigned_abs()
            {
                place.since_us = Some(was);
                place.netns.born_us = same.and_then(|of| of.netns.born_us);
            }
        }
    }

    /// Which there are.
    pub fn known(&self) -> &Known {
        &self.known
    }

    /// One sample of each.
    pub fn samples(&self, now: Now) -> Vec<Sample> {
        self.known.places.iter().map(|place| sample(place, now)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "3f2a9c4be1d07785aa61d9c2f0b14e5d6c7788990011223344556677889900aa";
    const POD: &str = "8b1f6a52-93c4-4c0e-9a75-0d2c4f4f7b10";

    #[test]
    fn a_control_group_names_container_pod_or_unit_whatever_runs_it() {
        let container =
            |pod: Option<&str>| Belongs::Container { id: ID.to_owned(), pod: pod.map(str::to_owned) };
        let slice = POD.replace('-', "_");
        for (groups, wanted) in [
            (format!("0::/system.slice/docker-{ID}.scope\n"), container(None)),
            (format!("12:pids:/docker/{ID}\n0::/\n"), container(None)),
            (format!("4:memory:/kubepods/burstable/pod{POD}/{ID}\n"), container(Some(POD))),
            (
                format!(
                    "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{slice}.slice/cri-containerd-{ID}.scope\n"
                ),
                container(Some(POD)),
            ),
            (format!("0::/machine.slice/libpod-{ID}.scope/container\n"), container(None)),
            (format!("0::/kubepods-pod{slice}.slice:cri-containerd:{ID}\n"), container(Some(POD)).clone()),
            ("0::/system.slice/nginx.service\n".to_owned(), Belongs::Unit("nginx.service".to_owned())),
            ("9:name=systemd:/\n0::/\n".to_owned(), Belongs::Nothing),
            (String::new(), Belongs::Nothing),
        ] {
            let found = belongs(&groups);
            // containerd without systemd writes slice and id into one part, where the pod is not told apart.
            let same_container = matches!(
                (&found, &wanted),
                (Belongs::Container { id, .. }, Belongs::Container { id: other, .. }) if id == other
            );
            assert!(
                found == wanted || groups.contains(":cri-containerd:") && same_container,
                "{groups}: {found:?}"
            );
        }
    }

    #[test]
    fn a_namespace_that_came_after_the_line_is_told() {
        let netns = Netns { inode: 4_026_532_281, initial: false, born_us: None };
        let at = |since_us| Place { netns, named: None, process: None, since_us };
        let said = Now { uptime_us: 100 * SECOND_US, wall: crate::model::time::WallTime(0) };
        assert!(at(Some(102 * SECOND_US)).is_younger_than(said));
        assert!(!at(Some(100 * SECOND_US)).is_younger_than(said));
        assert!(!at(None).is_younger_than(said));
    }

    #[test]
    fn this_process_is_in_a_namespace_that_is_known() {
        let (own, known) = (own().unwrap(), known());
        let place = known.places.iter().find(|place| place.netns.inode == own.inode).unwrap();
        assert_eq!(place.netns, own);
        assert!(place.since_us.is_some_and(|since| since >= 0 && since <= clock::now().uptime_us));
        let sample = sample(place, clock::now());
        assert_eq!(sample.netns, own);
    }
}
