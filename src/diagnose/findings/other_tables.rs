//! L5: other tables and limits of the kernel that say they are full: sockets, neighbours, TCP's memory, the packet
//! filter's own tables, zones of Open vSwitch, IPVS. Each has its own cure, and none is the tracker's.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::diagnosis::{Effect, Evidence, Finding, Remedy};
use crate::model::incident::{Around, Host, Incident};
use crate::model::sentence::{Sentence, Word, noun};
use crate::model::signal::RelatedKind;
use crate::sentence;

use super::super::causes::OTHER_KERNEL_TABLE;
use super::super::evidence::{Cited, supports};
use super::super::facts::Case;
use super::super::remedies::here;

/// Lines that are such a table's own.
const LINES: [RelatedKind; 7] = [
    RelatedKind::NeighbourOverflow,
    RelatedKind::TcpMemory,
    RelatedKind::OrphanedSockets,
    RelatedKind::TimeWaitOverflow,
    RelatedKind::ZoneLimit,
    RelatedKind::HashlimitFull,
    RelatedKind::IpvsNoDestination,
];

/// Protocol counters that say the same as a line: name, and the line's kind.
const COUNTERS: [(&str, RelatedKind); 3] = [
    ("TcpExtTCPTimeWaitOverflow", RelatedKind::TimeWaitOverflow),
    ("TcpExtTCPAbortOnMemory", RelatedKind::OrphanedSockets),
    ("TcpExtTCPMemoryPressures", RelatedKind::TcpMemory),
];

/// From lines around the incidents, and from those of hosts without any; once for each host.
pub(crate) fn of_lines(hosts: &[Host], incidents: &[Incident], apart: &[(usize, Around)]) -> Vec<Finding> {
    let mut out = Vec::new();
    for (index, host) in hosts.iter().enumerate() {
        // A line near two incidents stands in both.
        let mut told: BTreeSet<(RelatedKind, &str, i64)> = BTreeSet::new();
        let mut found: BTreeMap<RelatedKind, Vec<&Around>> = BTreeMap::new();
        let near = incidents.iter().filter(|i| i.host == index).flat_map(|i| &i.around);
        let apart = apart.iter().filter(|(host, _)| *host == index).map(|(_, around)| around);
        for around in near.chain(apart) {
            let at = around.at.map_or(0, |at| at.0);
            if LINES.contains(&around.kind) && told.insert((around.kind, &around.from, at)) {
                found.entry(around.kind).or_default().push(around);
            }
        }
        if found.is_empty() {
            continue;
        }
        let mut finding = empty(Some(host.name.clone()));
        for kind in LINES {
            let Some(lines) = found.get(&kind) else { continue };
            let Some(first) = lines.first() else { continue };
            finding.summary.extend([what(kind), cure(kind)]);
            let count = lines.iter().fold(0u64, |sum, around| sum.saturating_add(around.count));
            let mut fact = first.fact.clone();
            fact = fact.with("(").with(Word::Count(count, noun::LINE)).with(")");
            finding.evidence.push(Evidence {
                from: lines
                    .iter()
                    .map(|around| around.from.clone())
                    .collect::<BTreeSet<_>>()
                    .into_iter()
                    .collect(),
                ..supports("line-of-another-table", fact).value("lines", count as f64)
            });
            finding.remedies.push(remedy(kind));
        }
        out.push(finding);
    }
    out
}

/// From protocol counters beside a table.
pub(super) fn find(case: &Case<'_>) -> Option<Finding> {
    let mut finding = empty(None);
    for (name, kind) in COUNTERS {
        let Some(times) = case.counters.protocol.get(name).copied().filter(|times| *times > 0) else {
            continue;
        };
        finding.summary.extend([what(kind), cure(kind)]);
        finding.evidence.push(
            supports(
                "counter-of-another-table",
                sentence![Word::Code(format!("{name} = {times}")), "since boot"],
            )
            .value("times", times as f64)
            .read_in_table(case),
        );
        finding.remedies.push(remedy(kind));
    }
    (!finding.evidence.is_empty()).then_some(finding)
}

fn empty(host: Option<Box<str>>) -> Finding {
    Finding {
        host,
        cause: OTHER_KERNEL_TABLE,
        summary: Vec::new(),
        evidence: Vec::new(),
        remedies: Vec::new(),
    }
}

/// What was full.
fn what(kind: RelatedKind) -> Sentence {
    match kind {
        RelatedKind::NeighbourOverflow => {
            "the table of neighbours (ARP, NDP) was full: packets to more machines of this network were lost"
        }
        RelatedKind::TcpMemory => {
            "TCP as a whole was at the limit of its memory: sockets were pressed or cut"
        }
        RelatedKind::OrphanedSockets => {
            "closed sockets that still had data to send were cut: too many of them, or no memory"
        }
        RelatedKind::TimeWaitOverflow => {
            "more sockets were in TIME_WAIT than tcp_max_tw_buckets allows: the rest was closed at once"
        }
        RelatedKind::ZoneLimit => {
            "Open vSwitch refused connections of a zone at its own limit, which is not the table's"
        }
        RelatedKind::HashlimitFull => {
            "a table of the filter's hashlimit was full: its rule no longer matched new addresses"
        }
        _ => "IPVS had no server left for a service: connections to it were refused",
    }
    .into()
}

/// What cures it.
fn cure(kind: RelatedKind) -> Sentence {
    match kind {
        RelatedKind::NeighbourOverflow => {
            "look for a sweep of the own network first; else raise gc_thresh1, gc_thresh2 and gc_thresh3"
        }
        RelatedKind::TcpMemory => "find the sockets whose buffers are full (ss -tm) before raising tcp_mem",
        RelatedKind::OrphanedSockets => {
            "find peers that vanish while they are sent to; then raise tcp_max_orphans"
        }
        RelatedKind::TimeWaitOverflow => {
            "leave it: the tracker's entries stay all the same; look for many short connections"
        }
        RelatedKind::ZoneLimit => "raise the limit of that zone, or look at who is in it",
        RelatedKind::HashlimitFull => "give that rule a larger table (--hashlimit-htable-max)",
        _ => "look at the servers behind it (health checks, weights); it is not the connection table",
    }
    .into()
}

/// A command, and how it is taken back.
type Line = (&'static str, Option<&'static str>);

fn remedy(kind: RelatedKind) -> Remedy {
    let (id, title, lines, side): (&'static str, &'static str, &[Line], &'static str) = match kind {
        RelatedKind::NeighbourOverflow => (
            "neighbour-table",
            "give the table of neighbours room for the machines of the own networks",
            &[
                ("ip neigh | awk '{print $3, $NF}' | sort | uniq -c | sort -rn | head", None),
                (
                    "sysctl -w net.ipv4.neigh.default.gc_thresh3=8192",
                    Some("sysctl -w net.ipv4.neigh.default.gc_thresh3=1024"),
                ),
                (
                    "sysctl -w net.ipv4.neigh.default.gc_thresh2=4096",
                    Some("sysctl -w net.ipv4.neigh.default.gc_thresh2=512"),
                ),
                (
                    "sysctl -w net.ipv4.neigh.default.gc_thresh1=1024",
                    Some("sysctl -w net.ipv4.neigh.default.gc_thresh1=128"),
                ),
            ],
            "a sweep of a large network fills any size: such a table only shows it",
        ),
        RelatedKind::TcpMemory => (
            "tcp-memory",
            "see who holds TCP's memory",
            &[
                ("cat /proc/net/sockstat", None),
                ("sysctl net.ipv4.tcp_mem", None),
                ("ss -tmn state established", None),
            ],
            "more memory for TCP is taken from everything else",
        ),
        RelatedKind::OrphanedSockets => (
            "orphans",
            "see how many sockets have lost their process",
            &[("cat /proc/net/sockstat", None), ("sysctl net.ipv4.tcp_max_orphans", None)],
            "each of them holds up to 64 KiB that is never swapped",
        ),
        RelatedKind::TimeWaitOverflow => (
            "time-wait-sockets",
            "see how many sockets wait, and who opens so many short connections",
            &[("ss -s", None), ("sysctl net.ipv4.tcp_max_tw_buckets", None)],
            "a larger number here does nothing for the connection table",
        ),
        RelatedKind::ZoneLimit => (
            "zone-limits",
            "see the limits of the zones and who is at his",
            &[("ovs-appctl dpctl/ct-get-limits", None)],
            "a zone without a limit takes the room of the others",
        ),
        RelatedKind::HashlimitFull => (
            "hashlimit-table",
            "see which rule it is and how large its table may be",
            &[("iptables-save | grep hashlimit", None), ("ls /proc/net/ipt_hashlimit", None)],
            "a larger table takes more memory for each address",
        ),
        _ => (
            "ipvs-servers",
            "see the servers of the service and their weights",
            &[("ipvsadm -Ln", None), ("ipvsadm -Ln --stats", None)],
            "a server that is put back by hand may be one that a health check took out",
        ),
    };
    Remedy {
        id,
        title: title.into(),
        commands: lines
            .iter()
            .map(|(line, undo)| here((*line).to_owned(), undo.map(ToOwned::to_owned)))
            .collect(),
        effect: Effect { note: "does nothing to the connection table".into(), ..Effect::default() },
        side_effects: vec![side.into()],
        persists: false,
    }
}
