//! One kernel message → what it says about connection tracking. The whole grammar of a message is matched, from its
//! first byte to its last, never a substring: quoted text, prose and other functions' suppression lines say nothing.
//!
//! Messages without a number are a table of texts; those with one are regular expressions, each tried only on
//! messages that begin as it does. Sources: `init_conntrack` and `ip_conntrack_alloc` (2.4 to 2.6.18),
//! `__nf_conntrack_alloc` (2.6.18 on), `nf_ct_expect_related_report`, `net_ratelimit`, `__printk_ratelimit` and
//! `___ratelimit`, `tcp_conn_request`, `neigh_alloc`. Headers and the `[seconds]` bracket are not this file's concern.

mod evidence;

pub(crate) use evidence::{command, named, told};

use std::sync::LazyLock;

use regex::bytes::{Captures, Regex};

use crate::model::blemish::BlemishKind;
use crate::model::signal::{Capacity, Limiter, NamespaceWord, RelatedKind, Signal, Subject, Table, Wording};
use crate::parse::packet;

/// What a kernel message (text behind the header, `[seconds]` already taken off) says; none: nothing about us.
pub fn signal(message: &[u8]) -> Option<Signal> {
    read(message).ok().flatten()
}

/// As [`signal`], but a message of a known grammar with a number that the kernel cannot have printed there is told
/// apart (`ImpossibleNumber`) from one that says nothing about us.
pub fn read(message: &[u8]) -> Result<Option<Signal>, BlemishKind> {
    let message = message.trim_ascii();
    if let Some(packet) = packet::read(message) {
        return Ok(Some(Signal::Packet(packet)));
    }
    if evidence::ends_as_a_link_message(message) {
        return Ok(evidence::of_a_link(message));
    }
    if !FIRST_BYTES.contains(message.first().unwrap_or(&0)) {
        return Ok(None);
    }
    if let Some((_, meaning)) = FIXED.iter().find(|(text, _)| *text == message) {
        return Ok(Some(meaning.signal()));
    }
    for grammar in GRAMMARS.iter().filter(|grammar| grammar.may_begin(message)) {
        if let Some(captures) = grammar.regex.captures(message) {
            return (grammar.read)(&captures).map(Some);
        }
    }
    Ok(None)
}

/// First bytes of every text below: most kernel messages are dismissed by theirs.
const FIRST_BYTES: &[u8] = b"inNp_TDOLPUkaBbxoIt";

/// What a text without numbers means.
#[derive(Clone, Copy)]
enum Meaning {
    Full(Table, Wording),
    Related(RelatedKind),
}

impl Meaning {
    fn signal(self) -> Signal {
        match self {
            Self::Full(table, wording) => full(table, wording, NamespaceWord::Unnamed),
            Self::Related(kind) => related(kind),
        }
    }
}

/// Texts without numbers. Where a final period was printed by some kernels only and tells them apart, both stand here.
const FIXED: &[(&[u8], Meaning)] = &[
    (b"nf_conntrack: table full, dropping packet", Meaning::Full(Table::Conntrack, Wording::NfPlain)),
    (b"nf_conntrack: table full, dropping packet.", Meaning::Full(Table::Conntrack, Wording::NfPeriod)),
    (
        b"nf_conntrack: nf_conntrack: table full, dropping packet",
        Meaning::Full(Table::Conntrack, Wording::NfDoubled),
    ),
    (
        b"nf_conntrack: nf_conntrack: table full, dropping packet.",
        Meaning::Full(Table::Conntrack, Wording::NfDoubled),
    ),
    (b"ip_conntrack: table full, dropping packet.", Meaning::Full(Table::Conntrack, Wording::IpPeriod)),
    (b"ip_conntrack: table full, dropping packet", Meaning::Full(Table::Conntrack, Wording::IpPeriod)),
    (b"nf_conntrack: expectation table full", Meaning::Full(Table::Expectation, Wording::Expectation)),
    (b"ip_conntrack: falling back to vmalloc.", Meaning::Related(RelatedKind::Vmalloc)),
    (b"nf_conntrack: falling back to vmalloc.", Meaning::Related(RelatedKind::Vmalloc)),
    // tcp_check_oom, tcp_out_of_resources; until 2.6.32 both limits share the second text.
    (b"TCP: too many orphaned sockets", Meaning::Related(RelatedKind::OrphanedSockets)),
    (b"Out of socket memory", Meaning::Related(RelatedKind::OrphanedSockets)),
    // tcp_check_oom, 3.x on.
    (b"TCP: out of memory -- consider tuning tcp_mem", Meaning::Related(RelatedKind::TcpMemory)),
    // nf_conntrack_init and its forerunners; from 3.x on without any text.
    (b"Unable to create ip_conntrack_hash", Meaning::Related(RelatedKind::AllocationFailed)),
    (b"Unable to create nf_conntrack_hash", Meaning::Related(RelatedKind::AllocationFailed)),
    (b"Unable to create ip_conntrack slab cache", Meaning::Related(RelatedKind::AllocationFailed)),
    (b"Unable to create nf_conn slab cache", Meaning::Related(RelatedKind::AllocationFailed)),
    (b"Unable to create ip_expect slab cache", Meaning::Related(RelatedKind::AllocationFailed)),
    (b"nf_conntrack_alloc: Can't alloc conntrack.", Meaning::Related(RelatedKind::AllocationFailed)),
    // br_netfilter_init, br_init (3.18 on).
    (b"Bridge firewalling registered", Meaning::Related(RelatedKind::BridgeTracked)),
    (
        b"bridge: filtering via arp/ip/ip6tables is no longer available by default. Update your scripts to load br_netfilter if you need this.",
        Meaning::Related(RelatedKind::BridgeUntracked),
    ),
];

/// A message with numbers.
struct Grammar {
    /// It begins with one of these.
    begins: &'static [&'static [u8]],
    /// The whole of it.
    regex: Regex,
    /// What it means.
    read: fn(&Captures<'_>) -> Result<Signal, BlemishKind>,
}

impl Grammar {
    fn may_begin(&self, message: &[u8]) -> bool {
        self.begins.iter().any(|start| message.starts_with(start))
    }
}

/// The pattern of a [`Grammar`], before it is compiled.
type Pattern = (&'static [&'static [u8]], &'static str, fn(&Captures<'_>) -> Result<Signal, BlemishKind>);

const CONNTRACK: &[&[u8]] = &[b"nf_conntrack", b"ip_conntrack"];

const PATTERNS: &[Pattern] = &[
    // `printk: %d messages suppressed.`, `net_ratelimit: %d callbacks suppressed`; the end may be cut by a terminal.
    (
        &[b"NET: ", b"printk: ", b"__ratelimit: ", b"net_ratelimit: "],
        r"^(NET|printk|__ratelimit|net_ratelimit): (-?[0-9]+) (?:messages|callbacks) suppress(?:ed?|ed\.)?$",
        suppression,
    ),
    // 6.18 names the network namespace by its inode, a `%u`.
    (
        &[b"nf_conntrack: "],
        r"^nf_conntrack: (?:nf_conntrack: )?table full in netns ([0-9]+), dropping packet\.?$",
        full_in_namespace,
    ),
    // OpenVZ `CT %d: `, Virtuozzo `VPS %s `.
    (
        CONNTRACK,
        r"^(?:ip|nf)_conntrack: (?:nf_conntrack: )?(?:CT|VPS|VE)[ #]?([0-9A-Za-z][0-9A-Za-z_.-]{0,63}):? table full, dropping packet\.?$",
        full_in_container,
    ),
    (
        &[b"ip_conntrack: maximum limit"],
        r"^ip_conntrack: maximum limit of ([0-9]+) entries exceeded\.?$",
        maximum_limit,
    ),
    // 2.4.21 and 2.6.9, one limit for each helper.
    (
        &[b"ip_conntrack: max number"],
        r"^ip_conntrack: max number of expected connections -?[0-9]+ of \S+ reached for [0-9]{1,3}(?:\.[0-9]{1,3}){3}->[0-9]{1,3}(?:\.[0-9]{1,3}){3}$",
        helper_limit,
    ),
    // Blanks of any kind: mail archives wrap this line. Before 2.4.20 or so it had no version.
    (
        CONNTRACK,
        r"^(?:ip|nf)_conntrack (?:version \S+ )?\(([0-9]+)\s+buckets, ([0-9]+)\s+max\)(?: - ([0-9]+) bytes per conntrack)?$",
        capacity,
    ),
    (
        &[b"TCP", b"possible SYN", b"Possible SYN"],
        r"^(?:TCP(?:v6)?: )?(?:[A-Za-z0-9_]+: )?[Pp]ossible SYN flooding on (?:ctid [0-9]+, )?port (?:\[[0-9A-Fa-f:.%]+\]:|[0-9.]+:)?([0-9]+)\. (?:Sending cookies|Dropping request)\.(?: {1,2}Check SNMP counters\.)?$",
        syn_flood,
    ),
    // The backlog is full and there are no cookies; the port is the stranger's, not ours.
    (&[b"TCP: drop open request"], r"^TCP: drop open request from [0-9A-Fa-f:.]+(?:/[0-9]+)?$", |_| {
        Ok(related(RelatedKind::SynFlood))
    }),
    // OpenVZ appends ` (CT0)`.
    (
        &[b"TCP: time wait", b"DCCP: time wait"],
        r"^(?:TCP|DCCP): time wait bucket table overflow(?: \(CT[0-9]+\))?$",
        |_| Ok(related(RelatedKind::TimeWaitOverflow)),
    ),
    (&[b"TCP: too many"], r"^TCP: too many (?:of )?orphaned sockets(?: \([^()]{1,40}\))?$", |_| {
        Ok(related(RelatedKind::OrphanedSockets))
    }),
    (
        &[b"neighbour", b"Neighbour"],
        r"^(?:neighbour: [a-z0-9_]+: neighbor table overflow!|[Nn]eighbour table overflow[.!]?)$",
        |_| Ok(related(RelatedKind::NeighbourOverflow)),
    ),
    (&[b"Linux version "], r"^Linux version [0-9]+\.[0-9]+\S* \(\S+@\S+\) \(.+$", |_| {
        Ok(related(RelatedKind::BootBegins))
    }),
];

static GRAMMARS: LazyLock<Vec<Grammar>> = LazyLock::new(|| {
    let compiled = |&(begins, pattern, read): &Pattern| {
        let regex = regex::bytes::RegexBuilder::new(pattern).unicode(false).build();
        // A pattern that does not compile is a fault of this file; a test compiles them all.
        regex.ok().map(|regex| Grammar { begins, regex, read })
    };
    PATTERNS.iter().chain(evidence::PATTERNS).filter_map(compiled).collect()
});

fn full(table: Table, wording: Wording, namespace: NamespaceWord) -> Signal {
    Signal::Full(Subject { table, wording, namespace })
}

fn related(kind: RelatedKind) -> Signal {
    Signal::Related { kind, capacity: None, port: None, about: None }
}

/// The number in a group. Groups hold digits and a sign only, so what fails here is its size.
fn number<T: std::str::FromStr>(captures: &Captures<'_>, group: usize) -> Result<T, BlemishKind> {
    text(captures, group).parse().map_err(|_| BlemishKind::ImpossibleNumber)
}

fn text<'a>(captures: &Captures<'a>, group: usize) -> &'a str {
    captures.get(group).and_then(|found| std::str::from_utf8(found.as_bytes()).ok()).unwrap_or_default()
}

fn suppression(captures: &Captures<'_>) -> Result<Signal, BlemishKind> {
    let limiter = match text(captures, 1) {
        "NET" => Limiter::Net,
        "printk" => Limiter::Printk,
        "__ratelimit" => Limiter::Ratelimit,
        _ => Limiter::NetRatelimit,
    };
    let count: i32 = number(captures, 2)?;
    Ok(Signal::Suppressed { limiter, count: i64::from(count) })
}

fn full_in_namespace(captures: &Captures<'_>) -> Result<Signal, BlemishKind> {
    let inode: u32 = number(captures, 1)?;
    Ok(full(Table::Conntrack, Wording::NfDoubledNetns, NamespaceWord::Inode(u64::from(inode))))
}

#[expect(clippy::unnecessary_wraps, reason = "one signature for all readers of a grammar")]
fn full_in_container(captures: &Captures<'_>) -> Result<Signal, BlemishKind> {
    Ok(full(Table::Conntrack, Wording::Container, NamespaceWord::Container(text(captures, 1).into())))
}

fn maximum_limit(captures: &Captures<'_>) -> Result<Signal, BlemishKind> {
    let _limit: u32 = number(captures, 1)?;
    Ok(full(Table::Conntrack, Wording::MaximumLimit, NamespaceWord::Unnamed))
}

#[expect(clippy::unnecessary_wraps, reason = "one signature for all readers of a grammar")]
fn helper_limit(_: &Captures<'_>) -> Result<Signal, BlemishKind> {
    Ok(full(Table::Expectation, Wording::Expectation, NamespaceWord::Unnamed))
}

fn capacity(captures: &Captures<'_>) -> Result<Signal, BlemishKind> {
    let buckets: u32 = number(captures, 1)?;
    let max: u32 = number(captures, 2)?;
    let entry_bytes = match captures.get(3) {
        Some(_) => Some(u64::from(number::<u32>(captures, 3)?)),
        None => None,
    };
    let capacity = Capacity { buckets: u64::from(buckets), max: u64::from(max), entry_bytes };
    Ok(Signal::Related { kind: RelatedKind::Capacity, capacity: Some(capacity), port: None, about: None })
}

fn syn_flood(captures: &Captures<'_>) -> Result<Signal, BlemishKind> {
    let port = number(captures, 1)?;
    Ok(Signal::Related { kind: RelatedKind::SynFlood, capacity: None, port: Some(port), about: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert_eq!(GRAMMARS.len(), PATTERNS.len() + evidence::PATTERNS.len());
    }

    #[test]
    fn every_text_and_pattern_begins_with_a_first_byte() {
        let begins = PATTERNS.iter().chain(evidence::PATTERNS).flat_map(|pattern| pattern.0.iter().copied());
        for start in FIXED.iter().map(|fixed| fixed.0).chain(begins) {
            assert!(FIRST_BYTES.contains(&start[0]), "{}", start.escape_ascii());
        }
    }

    #[test]
    fn a_negative_count_is_a_count_and_an_impossible_one_is_damage() {
        let negative = Signal::Suppressed { limiter: Limiter::NetRatelimit, count: -5 };
        assert_eq!(signal(b"net_ratelimit: -5 callbacks suppressed"), Some(negative));
        assert_eq!(
            read(b"net_ratelimit: 4294967296 callbacks suppressed"),
            Err(BlemishKind::ImpossibleNumber)
        );
        assert_eq!(signal(b"net_ratelimit: 4294967296 callbacks suppressed"), None);
    }

    #[test]
    fn a_namespace_is_its_inode() {
        let found = signal(b"nf_conntrack: nf_conntrack: table full in netns 4026532281, dropping packet");
        let Some(Signal::Full(subject)) = found else { panic!("{found:?}") };
        assert_eq!(subject.namespace, NamespaceWord::Inode(4_026_532_281));
    }
}
