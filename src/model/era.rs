//! What each kernel era prints, is called, and defaults to. Tables, no logic.
//!
//! Sources: `nf_conntrack_core.c`, `nf_conntrack_standalone.c`, the `nf_conntrack_proto_*` trackers and `lib/ratelimit.c` of 2.4.21,
//! 2.6.9, 2.6.18, 2.6.32, 3.10, 3.18, 4.10, 4.14, 4.18 (el8), 5.4 and 6.18.

use super::flow::{L4, Reply, State};
use super::signal::{Limiter, Wording};

/// Eras of the rate limiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Era {
    /// Token bucket: 2.4.21 to 2.6.18.
    A,
    /// Fixed window, `__ratelimit`: 2.6.26 to 2.6.32.
    B,
    /// Fixed window, `net_ratelimit`: 2.6.33 to 4.9.
    C,
    /// As C; text doubled: 4.10 to 6.x.
    D,
    /// Tokens that never miscount: 6.18.
    E,
}

/// The era that wordings and limiters point at; none where they say nothing. Of several the narrowest wins.
pub fn era(wordings: &[Wording], limiters: &[Limiter]) -> Option<Era> {
    if wordings.contains(&Wording::NfDoubledNetns) {
        return Some(Era::E);
    }
    for limiter in limiters {
        match limiter {
            Limiter::Net | Limiter::Printk => return Some(Era::A),
            Limiter::Ratelimit => return Some(Era::B),
            Limiter::NetRatelimit => {}
        }
    }
    for wording in wordings {
        match wording {
            Wording::MaximumLimit | Wording::IpPeriod | Wording::Container => return Some(Era::A),
            Wording::NfPlain => return Some(Era::C),
            Wording::NfDoubled => return Some(Era::D),
            Wording::NfPeriod if limiters.contains(&Limiter::NetRatelimit) => return Some(Era::C),
            Wording::NfPeriod => return Some(Era::B),
            Wording::NfDoubledNetns | Wording::Expectation => {}
        }
    }
    limiters.contains(&Limiter::NetRatelimit).then_some(Era::C)
}

/// A kernel release as far as defaults depend on it: `2.6.18`, `3.10.0`, `6.18.44`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Release(pub u16, pub u16, pub u16);

/// The era of a release. Distribution kernels keep the release they started from (el8 is 4.18).
pub fn era_of_release(release: Release) -> Era {
    if release < Release(2, 6, 26) {
        Era::A
    } else if release < Release(2, 6, 33) {
        Era::B
    } else if release < Release(4, 10, 0) {
        Era::C
    } else if release < Release(6, 18, 0) {
        Era::D
    } else {
        Era::E
    }
}

/// What the tracker is called: prefix of keys, name of the module, of its files and of its slab cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Names {
    /// `ip_conntrack`: 2.4 to 2.6.18.
    Ip,
    /// `nf_conntrack`: from 2.6.18 on, and alone from 4.10 on.
    Nf,
}

impl Names {
    /// The names of an era.
    pub fn of(era: Era) -> Self {
        match era {
            Era::A => Self::Ip,
            Era::B | Era::C | Era::D | Era::E => Self::Nf,
        }
    }

    /// Module, and first part of every slab cache.
    pub fn module(self) -> &'static str {
        match self {
            Self::Ip => "ip_conntrack",
            Self::Nf => "nf_conntrack",
        }
    }

    /// What stands in front of a bare setting's name: `tcp_timeout_time_wait`, `max`, `count`, `buckets`.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Ip => "net.ipv4.netfilter.ip_conntrack_",
            Self::Nf => "net.netfilter.nf_conntrack_",
        }
    }

    /// The limit's key. 2.4 has this one only under `Ip`; later `ip_conntrack` kernels have both.
    pub fn max_key(self) -> &'static str {
        match self {
            Self::Ip => "net.ipv4.ip_conntrack_max",
            Self::Nf => "net.netfilter.nf_conntrack_max",
        }
    }

    /// The file that lists the table.
    pub fn table_file(self) -> &'static str {
        match self {
            Self::Ip => "/proc/net/ip_conntrack",
            Self::Nf => "/proc/net/nf_conntrack",
        }
    }

    /// The file of the per-processor counters.
    pub fn stat_file(self) -> &'static str {
        match self {
            Self::Ip => "/proc/net/stat/ip_conntrack",
            Self::Nf => "/proc/net/stat/nf_conntrack",
        }
    }
}

/// Where `early_drop` looks for an entry that is not assured before it gives a packet up
/// (`early_drop`, `early_drop_list` in `nf_conntrack_core.c`, `ip_conntrack_core.c`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EarlyDrop {
    /// The packet's own chain (2.4 to 2.6.18).
    OwnChain,
    /// Whole chains, until eight entries were looked at (2.6.32 to 4.6).
    EightEntries,
    /// One bucket, eight times the same (4.7 to 4.19).
    OneBucket,
    /// Eight buckets (4.20 on, and el8).
    EightBuckets,
}

/// How early drop looks in an era; none where the era alone does not tell (D spans two ways).
pub fn early_drop(era: Era) -> Option<EarlyDrop> {
    match era {
        Era::A => Some(EarlyDrop::OwnChain),
        Era::B | Era::C => Some(EarlyDrop::EightEntries),
        Era::D => None,
        Era::E => Some(EarlyDrop::EightBuckets),
    }
}

/// How early drop looks in a release. (el8 is a 4.18 that carries the form of 4.20.)
pub fn early_drop_of_release(release: Release) -> EarlyDrop {
    if release < Release(2, 6, 26) {
        EarlyDrop::OwnChain
    } else if release < Release(4, 7, 0) {
        EarlyDrop::EightEntries
    } else if release < Release(4, 20, 0) {
        EarlyDrop::OneBucket
    } else {
        EarlyDrop::EightBuckets
    }
}

/// The bare name of the timeout that governs an entry, without the era's prefix; none for protocols and states that
/// have none of their own, and for offloaded entries.
pub fn timeout_name(l4: L4, state: Option<State>, replied: Reply) -> Option<&'static str> {
    if replied == Reply::Offloaded {
        return None;
    }
    Some(match (l4, state) {
        (L4::TCP, Some(State::SynSent | State::SynSent2)) => "tcp_timeout_syn_sent",
        (L4::TCP, Some(State::SynRecv)) => "tcp_timeout_syn_recv",
        (L4::TCP, Some(State::Established)) => "tcp_timeout_established",
        (L4::TCP, Some(State::FinWait)) => "tcp_timeout_fin_wait",
        (L4::TCP, Some(State::CloseWait)) => "tcp_timeout_close_wait",
        (L4::TCP, Some(State::LastAck)) => "tcp_timeout_last_ack",
        (L4::TCP, Some(State::TimeWait)) => "tcp_timeout_time_wait",
        (L4::TCP, Some(State::Close)) => "tcp_timeout_close",
        (L4::UDP, _) if replied == Reply::Assured => "udp_timeout_stream",
        (L4::UDP, _) => "udp_timeout",
        (L4::ICMP, _) => "icmp_timeout",
        (L4::ICMPV6, _) => "icmpv6_timeout",
        (L4::GRE, _) if replied == Reply::Assured => "gre_timeout_stream",
        (L4::GRE, _) => "gre_timeout",
        (L4::SCTP, Some(State::Established)) => "sctp_timeout_established",
        (L4::TCP | L4::SCTP | L4::DCCP, _) => return None,
        _ => "generic_timeout",
    })
}

/// Default of a timeout in seconds by its bare name (`tcp_timeouts`, `udp_timeouts` … of the `nf_conntrack_proto_*`
/// trackers). The UDP stream timeout went from 180 s to 120 s in 5.0, SCTP's from five days to 210 s later still:
/// without an era the older, longer one is given.
pub fn default_timeout(era: Option<Era>, name: &str) -> Option<u64> {
    let newest = era == Some(Era::E);
    Some(match name {
        "tcp_timeout_syn_sent" | "tcp_timeout_fin_wait" | "tcp_timeout_time_wait" => 120,
        "tcp_timeout_syn_recv" | "tcp_timeout_close_wait" => 60,
        "tcp_timeout_established" => 432_000,
        "tcp_timeout_last_ack" | "udp_timeout" | "icmp_timeout" | "icmpv6_timeout" | "gre_timeout" => 30,
        "tcp_timeout_close" => 10,
        "tcp_timeout_max_retrans" | "tcp_timeout_unacknowledged" => 300,
        "udp_timeout_stream" => {
            if newest {
                120
            } else {
                180
            }
        }
        "gre_timeout_stream" => 180,
        "generic_timeout" => 600,
        "sctp_timeout_established" => {
            if newest {
                210
            } else {
                432_000
            }
        }
        _ => return None,
    })
}

/// Bare names of the timeouts that [`default_timeout`] knows.
pub const TIMEOUTS: [&str; 18] = [
    "tcp_timeout_syn_sent",
    "tcp_timeout_syn_recv",
    "tcp_timeout_established",
    "tcp_timeout_fin_wait",
    "tcp_timeout_close_wait",
    "tcp_timeout_last_ack",
    "tcp_timeout_time_wait",
    "tcp_timeout_close",
    "tcp_timeout_max_retrans",
    "tcp_timeout_unacknowledged",
    "udp_timeout",
    "udp_timeout_stream",
    "icmp_timeout",
    "icmpv6_timeout",
    "gre_timeout",
    "gre_timeout_stream",
    "generic_timeout",
    "sctp_timeout_established",
];

/// A key without the prefixes that eras set before it, whichever of them it has: `nf_conntrack_max`,
/// `net.ipv4.netfilter.ip_conntrack_max` and `net/netfilter/nf_conntrack_max` are `max`.
pub fn bare_key(key: &str) -> &str {
    let key = ["net.ipv4.netfilter.", "net/ipv4/netfilter/", "net.netfilter.", "net/netfilter/"]
        .into_iter()
        .chain(["net.ipv4.", "net/ipv4/", "net.", "net/"])
        .find_map(|prefix| key.strip_prefix(prefix))
        .unwrap_or(key);
    key.strip_prefix("nf_conntrack_").or_else(|| key.strip_prefix("ip_conntrack_")).unwrap_or(key)
}

/// Limit and buckets that a kernel sets at load, by memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DefaultSize {
    /// With more memory than this, in bytes.
    pub memory_above_bytes: u64,
    /// Hash buckets.
    pub buckets: u64,
    /// Entries allowed.
    pub max: u64,
}

const GIB: u64 = 1 << 30;

/// Default sizes of an era (`nf_conntrack_init_start`), largest first. A limit is eight times the buckets to 2.6.18, four
/// times to 5.14, and as many from 5.15 on; below the last size buckets follow memory ([`buckets_by_memory`]) and that
/// ratio stays.
pub fn default_sizes(era: Era) -> &'static [DefaultSize] {
    const fn size(memory_above_bytes: u64, buckets: u64, max: u64) -> DefaultSize {
        DefaultSize { memory_above_bytes, buckets, max }
    }
    const A: [DefaultSize; 1] = [size(GIB, 8_192, 65_536)];
    const B: [DefaultSize; 1] = [size(GIB, 16_384, 65_536)];
    const C: [DefaultSize; 2] = [size(4 * GIB, 65_536, 262_144), size(GIB, 16_384, 65_536)];
    const E: [DefaultSize; 2] = [size(4 * GIB, 262_144, 262_144), size(GIB, 65_536, 65_536)];
    match era {
        Era::A => &A,
        Era::B => &B,
        Era::C | Era::D => &C,
        Era::E => &E,
    }
}

/// Buckets of a machine with no more memory than the last of [`default_sizes`]: one for each 16 KiB, over the bytes of a
/// bucket's head. Both widths of a pointer are given, the 64-bit one first. The kernel counts pages that `MemTotal`
/// leaves out, so the truth lies up to a tenth above.
pub fn buckets_by_memory(era: Era, memory_bytes: u64) -> [u64; 2] {
    // `struct list_head` to 2.6.18, `struct hlist_head` (half of it) after.
    let head = if era == Era::A { 16 } else { 8 };
    [memory_bytes / 16_384 / head, memory_bytes / 16_384 / (head / 2)]
}

/// Entries for each bucket where `hashsize=` was given at load, in every version.
pub const MAX_PER_BUCKET_GIVEN: u64 = 8;

/// What kube-proxy gives a node for each processor that it may run on (`--conntrack-max-per-core`).
pub const KUBE_PROXY_PER_CORE: u64 = 32_768;
/// And at least (`--conntrack-min`).
pub const KUBE_PROXY_FLOOR: u64 = 131_072;
/// And at most, from 1.36 on (2026; kubernetes#137002).
pub const KUBE_PROXY_CAP: u64 = 1_048_576;
/// What it sets two timeouts to, by their bare names: a node is known by the pair.
pub const KUBE_PROXY_TIMEOUTS: [(&str, u64); 2] =
    [("tcp_timeout_established", 86_400), ("tcp_timeout_close_wait", 3_600)];

/// Limits that boxes at customers' premises are shipped with, from old ones to those of today.
pub const SHIPPED_LIMITS: std::ops::RangeInclusive<u64> = 1_024..=16_384;

/// Bytes of one entry, without extensions, where no slab cache tells: 304 (2.6.18), 320 (3.10 to 4.x), 256 (6.18).
pub fn entry_bytes(era: Option<Era>) -> u64 {
    match era {
        Some(Era::A | Era::B) => 304,
        Some(Era::E) => 256,
        Some(Era::C | Era::D) | None => 320,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_timeout_has_a_default_in_every_era() {
        for name in TIMEOUTS {
            for era in [None, Some(Era::A), Some(Era::B), Some(Era::C), Some(Era::D), Some(Era::E)] {
                assert!(default_timeout(era, name).is_some(), "{name} in {era:?}");
            }
        }
    }

    #[test]
    fn keys_of_all_eras_have_one_bare_name() {
        for key in [
            "max",
            "nf_conntrack_max",
            "ip_conntrack_max",
            "net.nf_conntrack_max",
            "net.netfilter.nf_conntrack_max",
            "net.ipv4.ip_conntrack_max",
            "net.ipv4.netfilter.ip_conntrack_max",
            "net/netfilter/nf_conntrack_max",
        ] {
            assert_eq!(bare_key(key), "max", "{key}");
        }
        assert_eq!(bare_key("net.ipv4.tcp_tw_reuse"), "tcp_tw_reuse");
    }
}
