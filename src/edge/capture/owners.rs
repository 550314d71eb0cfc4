//! Whose the busiest sources are: the process, unit or container behind an address while it holds the table.
//!
//! Two ways. An address of this namespace: the sockets between it and the peer, by `/proc/net/tcp` and the open files
//! of the processes. A connection in TIME_WAIT belongs to nobody any more; who has others to the same peer made it.
//! An address of another namespace: the namespace that has it, read from outside (`/proc/PID/net/fib_trie`), and what
//! its processes belong to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::net::IpAddr;
use std::time::Instant;

use super::namespaces::{self, Belongs, Known, Place, Process};
use super::reading;
use crate::model::census::{Pair, Peer};
use crate::model::flow::L4;
use crate::model::live::clock::Now;
use crate::parse::counters::{CounterDialect, parse};
use crate::parse::proc_sockets::socket;
use crate::wire::owners::{Holder, Owner, Owners};

/// Pairs and sources that are looked for.
pub const WANTED_MAX: usize = 64;
/// Sockets of one pair by whose inode its process is looked for.
const INODES_MAX: usize = 32;
/// Owners of one pair that are told.
const OWNERS_PER_PAIR_MAX: usize = 4;
/// Lines of one list of sockets.
const LINES_MAX: usize = 4_000_000;
/// Between two looks at the clock.
const LINES_BETWEEN: usize = 4_096;
/// Open files of one process that are looked at, and processes.
const FILES_MAX: usize = 262_144;
const PROCESSES_MAX: usize = 65_536;
/// Bytes of a list of addresses.
const ADDRESSES_BYTES_MAX: usize = 1 << 20;

/// The lists, by protocol. (UDP sockets that are not connected have no peer, and answer for their source alone.)
const LISTS: [(&str, L4); 4] = [
    ("/proc/thread-self/net/tcp", L4::TCP),
    ("/proc/thread-self/net/tcp6", L4::TCP),
    ("/proc/thread-self/net/udp", L4::UDP),
    ("/proc/thread-self/net/udp6", L4::UDP),
];

/// Finds the owners of the busiest pairs of a table, busiest first. Of the namespace that this thread is in. Nothing is
/// done after the deadline; what was not reached is told.
pub fn owners(pairs: &[Pair], known: &Known, now: Now, deadline: Instant) -> Owners {
    let wanted: Vec<Pair> = pairs.iter().copied().take(WANTED_MAX).collect();
    let mut found = Owners { taken_at: Some(now.wall), ..Owners::default() };
    let mut sockets = Sockets::of(&wanted);
    for (path, l4) in LISTS {
        if let Err(why) = sockets.read(path, l4, deadline) {
            found.not_known.push((path.to_owned(), why));
        }
    }
    let holders = sockets.holders(deadline, &mut found.not_known);
    let mut left: BTreeSet<IpAddr> = wanted.iter().map(|pair| pair.source).collect();
    for pair in &wanted {
        let Some(tally) = sockets.pairs.get(pair).filter(|tally| !tally.states.is_empty()) else { continue };
        let of = tally.owners(pair, &holders);
        if !of.is_empty() {
            left.remove(&pair.source);
        }
        found.owners.extend(of);
    }
    elsewhere(&mut left, known, deadline, &mut found);
    for address in left {
        let why = "no process of this namespace has sockets with it, and no other namespace of this machine that can \
                   be looked into has the address";
        found.not_known.push((address.to_string(), why.to_owned()));
    }
    found
}

/// Sockets of the wanted pairs.
struct Sockets {
    pairs: BTreeMap<Pair, Tally>,
}

/// Sockets of one pair.
#[derive(Debug, Default)]
struct Tally {
    states: BTreeMap<&'static str, u64>,
    inodes: BTreeSet<u64>,
}

/// Who holds a socket, by its inode.
type Holders = BTreeMap<u64, Process>;

impl Sockets {
    fn of(wanted: &[Pair]) -> Self {
        Self { pairs: wanted.iter().map(|pair| (*pair, Tally::default())).collect() }
    }

    fn read(&mut self, path: &str, l4: L4, deadline: Instant) -> Result<(), String> {
        let file = reading::open(path).map_err(|error| reading::why(path, &error))?;
        let lines = BufReader::with_capacity(64 * 1024, file).lines();
        for (at, line) in lines.take(LINES_MAX).enumerate() {
            if at % LINES_BETWEEN == 0 && Instant::now() >= deadline {
                return Err(format!("no time was left after {at} lines"));
            }
            let line = line.map_err(|error| reading::why(path, &error))?;
            let Some(socket) = socket(&line) else { continue };
            let peer = Peer { address: socket.remote.0, port: Some(socket.remote.1), l4 };
            let Some(tally) = self.pairs.get_mut(&Pair { source: socket.local.0, peer }) else { continue };
            *tally.states.entry(socket.state).or_insert(0) += 1;
            if socket.inode != 0 && tally.inodes.len() < INODES_MAX {
                tally.inodes.insert(socket.inode);
            }
        }
        Ok(())
    }

    /// Who holds the sockets: a walk over the open files of all processes, ended as soon as each is found.
    fn holders(&self, deadline: Instant, not_known: &mut Vec<(String, String)>) -> Holders {
        let mut wanted: BTreeSet<u64> =
            self.pairs.values().flat_map(|tally| tally.inodes.iter().copied()).collect();
        let mut holders = Holders::new();
        let Ok(entries) = std::fs::read_dir("/proc") else { return holders };
        let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let mut refused = 0u64;
        for pid in pids.take(PROCESSES_MAX) {
            if wanted.is_empty() {
                return holders;
            }
            if Instant::now() >= deadline {
                let why = format!(
                    "no time was left to look at the open files of all processes ({pid} was reached)"
                );
                not_known.push(("sockets".to_owned(), why));
                return holders;
            }
            match sockets_of(pid, &wanted) {
                Ok(inodes) if inodes.is_empty() => {}
                Ok(inodes) => {
                    let Some(process) = namespaces::process(pid) else { continue };
                    for inode in inodes {
                        wanted.remove(&inode);
                        holders.insert(inode, process.clone());
                    }
                }
                Err(error) => refused += u64::from(error.kind() == std::io::ErrorKind::PermissionDenied),
            }
        }
        if !wanted.is_empty() && refused > 0 {
            let why = format!(
                "the open files of {refused} processes may not be looked at: needs CAP_SYS_PTRACE and \
                 CAP_DAC_READ_SEARCH, or root"
            );
            not_known.push(("sockets".to_owned(), why));
        }
        holders
    }
}

/// Which of these sockets a process has open.
fn sockets_of(pid: u32, wanted: &BTreeSet<u64>) -> std::io::Result<Vec<u64>> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd"))?;
    let inode = |entry: std::fs::DirEntry| {
        let target = std::fs::read_link(entry.path()).ok()?;
        target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    };
    Ok(entries.flatten().take(FILES_MAX).filter_map(inode).filter(|inode| wanted.contains(inode)).collect())
}

impl Tally {
    /// The processes that hold sockets of the pair, those with the most first.
    fn owners(&self, pair: &Pair, holders: &Holders) -> Vec<Owner> {
        let mut by_owner: BTreeMap<(Belongs, String), (u64, &Process)> = BTreeMap::new();
        for process in self.inodes.iter().filter_map(|inode| holders.get(inode)) {
            let key = (process.belongs.clone(), process.name.clone());
            by_owner.entry(key).or_insert((0, process)).0 += 1;
        }
        let mut owners: Vec<(u64, &Process)> = by_owner.into_values().collect();
        owners.sort_by_key(|(sockets, process)| (std::cmp::Reverse(*sockets), process.pid));
        let states: BTreeMap<String, u64> =
            self.states.iter().map(|(word, n)| ((*word).to_owned(), *n)).collect();
        let alone = owners.len() == 1;
        let over = self.states.get("TIME_WAIT").copied().unwrap_or(0);
        let told = owners.into_iter().take(OWNERS_PER_PAIR_MAX).map(|(sockets, process)| {
            let mut from =
                format!("{sockets} of the sockets between the two that were looked at are its own");
            if over > 0 {
                let _ = write!(from, "; {over} in TIME_WAIT belong to nobody any more");
                from += if alone { ", and nobody else has sockets to this peer" } else { "" };
            }
            owner(pair.source, Some(pair.peer), process, states.clone(), from)
        });
        told.collect()
    }
}

fn owner(
    address: IpAddr,
    peer: Option<Peer>,
    process: &Process,
    sockets: BTreeMap<String, u64>,
    from: String,
) -> Owner {
    let (kind, name, id, pod) = who(process);
    Owner { address, peer, kind: kind.to_owned(), name, id, pod, process: Some(process.pid), sockets, from }
}

/// Who is in a namespace that is not the machine's own.
pub(super) fn holder(place: &Place) -> Option<Holder> {
    if place.netns.initial {
        return None;
    }
    let inode = place.netns.inode;
    let named = place.named.as_ref().map(|named| (named.display().to_string(), place.name()));
    let Some(process) = &place.process else {
        let (path, name) = named?;
        return Some(Holder {
            inode,
            kind: "namespace".to_owned(),
            name: name?,
            id: None,
            pod: None,
            process: None,
            from: format!("{path} holds it, and no process is in it"),
        });
    };
    let (kind, name, id, pod) = who(process);
    let name = match named {
        Some((_, Some(called))) => format!("{name} in {called}"),
        _ => name,
    };
    let from = "the oldest process in it that was looked at, and that process's control group".to_owned();
    Some(Holder { inode, kind: kind.to_owned(), name, id, pod, process: Some(process.pid), from })
}

fn who(process: &Process) -> (&'static str, String, Option<String>, Option<String>) {
    match &process.belongs {
        Belongs::Container { id, pod } => ("container", process.name.clone(), Some(id.clone()), pod.clone()),
        Belongs::Unit(unit) => ("unit", format!("{} ({unit})", process.name), None, None),
        Belongs::Nothing => ("process", process.name.clone(), None, None),
    }
}

/// Addresses that another namespace of this machine has.
fn elsewhere(left: &mut BTreeSet<IpAddr>, known: &Known, deadline: Instant, found: &mut Owners) {
    let here = namespaces::here().map_or(0, |here| here.inode);
    for place in known.places.iter().filter(|place| place.netns.inode != here) {
        if left.is_empty() {
            return;
        }
        if Instant::now() >= deadline {
            found
                .not_known
                .push(("namespaces".to_owned(), "no time was left to look into all of them".to_owned()));
            return;
        }
        let Some(process) = &place.process else { continue };
        let held = addresses(process.pid);
        for address in left.iter().copied().filter(|address| held.contains(address)).collect::<Vec<_>>() {
            left.remove(&address);
            let from = format!(
                "it is an address of the network namespace {} that this process is in",
                place.netns.inode
            );
            let mut owner = owner(address, None, process, BTreeMap::new(), from);
            if owner.kind == "process" {
                "namespace".clone_into(&mut owner.kind);
                owner.name = place.name().unwrap_or(owner.name);
                owner.id = Some(place.netns.inode.to_string());
            }
            found.owners.push(owner);
        }
    }
}

/// The addresses of the namespace of a process, those that every namespace has left out.
fn addresses(pid: u32) -> BTreeSet<IpAddr> {
    let mut addresses = BTreeSet::new();
    for (name, dialect) in [("fib_trie", CounterDialect::FibTrie), ("if_inet6", CounterDialect::IfInet6)] {
        if let Ok(bytes) = reading::read(&format!("/proc/{pid}/net/{name}"), ADDRESSES_BYTES_MAX) {
            let (counters, _, _) = parse(dialect, name, &bytes);
            addresses.extend(counters.addresses.into_iter().map(|local| local.address));
        }
    }
    addresses.retain(|address| !address.is_loopback());
    addresses
}
