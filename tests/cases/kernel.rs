//! Kernels that cases run on: what they are called, what they default to.

use conntriage::model::era::Era;

use crate::draw::Draw;
use crate::limiter::Dice;

/// What the lines of a table end with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    /// `ip_conntrack`.
    Ip,
    /// 2.6.32: `secmark=`.
    Old,
    /// With `CONFIG_NF_CONNTRACK_ZONES`: `zone=` on every line.
    Zoned,
    /// Without it, `zone=` only where there is one (conntrack(8)).
    Plain,
}

/// A kernel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Kernel {
    pub(crate) era: Era,
    pub(crate) release: &'static str,
    /// Behind the release in `uname -a`.
    pub(crate) build: &'static str,
    /// Entries that a default limit allows for each bucket.
    pub(crate) per_bucket: u64,
    /// Buckets (with their offsets) that early drop looks at for one packet, as an exponent: P(drop) =
    /// exp(−this · share of entries that may go · limit ÷ buckets).
    pub(crate) looks: f64,
    /// Seconds that a UDP stream is kept.
    pub(crate) udp_stream: u64,
}

const fn kernel(era: Era, release: &'static str, build: &'static str, per_bucket: u64, looks: f64) -> Kernel {
    let udp_stream = match era {
        Era::D | Era::E => 120,
        _ => 180,
    };
    Kernel { era, release, build, per_bucket, looks, udp_stream }
}

pub(crate) const EL5: Kernel =
    kernel(Era::A, "2.6.18-274.el5", "#1 SMP Fri Jul 8 17:36:59 EDT 2011 x86_64 GNU/Linux", 8, 2.0);
pub(crate) const EL6: Kernel =
    kernel(Era::B, "2.6.32-642.el6.x86_64", "#1 SMP Wed Apr 13 00:51:26 EDT 2016 x86_64 GNU/Linux", 4, 8.0);
pub(crate) const EL7: Kernel =
    kernel(Era::C, "3.10.0-1160.el7.x86_64", "#1 SMP Mon Oct 19 16:18:59 UTC 2020 x86_64 GNU/Linux", 4, 8.0);
pub(crate) const V4_15: Kernel = kernel(
    Era::D,
    "4.15.0-213-generic",
    "#224-Ubuntu SMP Mon Jun 19 13:30:12 UTC 2023 x86_64 GNU/Linux",
    4,
    2.0,
);
/// A home router's.
pub(crate) const V4_19: Kernel =
    kernel(Era::D, "4.19.183", "#1 SMP PREEMPT Thu Jun 1 12:00:00 UTC 2023 armv7l GNU/Linux", 4, 2.0);
pub(crate) const EL8: Kernel =
    kernel(Era::D, "4.18.0-553.el8.x86_64", "#1 SMP Fri May 24 12:05:10 UTC 2024 x86_64 GNU/Linux", 4, 16.0);
pub(crate) const V5_4: Kernel = kernel(
    Era::D,
    "5.4.0-216-generic",
    "#236-Ubuntu SMP Fri Apr 11 19:53:21 UTC 2025 x86_64 GNU/Linux",
    4,
    16.0,
);
pub(crate) const V6_1: Kernel =
    kernel(Era::D, "6.1.0-18-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 x86_64 GNU/Linux", 1, 16.0);
pub(crate) const V6_18: Kernel = kernel(Era::E, "6.18.2", "#1 SMP PREEMPT_DYNAMIC x86_64 GNU/Linux", 1, 16.0);

/// From RHEL 6 on.
pub(crate) const NF: [Kernel; 7] = [EL6, EL7, V4_15, EL8, V5_4, V6_1, V6_18];
/// Of today's hosts and container nodes.
pub(crate) const MODERN: [Kernel; 4] = [EL8, V5_4, V6_1, V6_18];

impl Kernel {
    /// The limit as it comes with the kernel on a machine with so many MiB of memory (`nf_conntrack_init_start`,
    /// `nf_conntrack_init`).
    pub(crate) fn default_max(&self, mebibytes: u64) -> u64 {
        let gibibytes = mebibytes as f64 / 1_024.0;
        let buckets = match self.era {
            Era::A if gibibytes > 1.0 => 8_192,
            Era::C | Era::D | Era::E if self.per_bucket == 1 && gibibytes > 4.0 => 262_144,
            Era::C | Era::D | Era::E if self.per_bucket == 1 && gibibytes > 1.0 => 65_536,
            Era::C | Era::D if gibibytes > 4.0 => 65_536,
            Era::B | Era::C | Era::D if gibibytes > 1.0 => 16_384,
            Era::A => mebibytes * 1_048_576 / 16_384 / 16,
            // Whole pages of them (`nf_ct_alloc_hashtable`).
            _ => (mebibytes * 1_048_576 / 16_384 / 8).next_multiple_of(512),
        };
        buckets * self.per_bucket
    }

    /// Names of a table's lines.
    pub(crate) fn names(&self) -> Names {
        match self.era {
            Era::A => Names::Ip,
            Era::B => Names::Old,
            _ => Names::Zoned,
        }
    }

    /// Front of the keys of its settings.
    pub(crate) fn prefix(&self) -> &'static str {
        if self.era == Era::A { "net.ipv4.netfilter.ip_conntrack_" } else { "net.netfilter.nf_conntrack_" }
    }

    /// The header of its statistics.
    pub(crate) fn columns(&self) -> &'static [&'static str] {
        match self.era {
            Era::A | Era::B => &COLUMNS_OLD,
            _ if self.per_bucket == 1 => &COLUMNS_NEW,
            _ => &COLUMNS_MIDDLE,
        }
    }

    /// One of a list.
    pub(crate) fn of(list: &[Self], dice: &mut Dice) -> Self {
        *dice.one(list)
    }
}

const COLUMNS_OLD: [&str; 16] = [
    "entries",
    "searched",
    "found",
    "new",
    "invalid",
    "ignore",
    "delete",
    "delete_list",
    "insert",
    "insert_failed",
    "drop",
    "early_drop",
    "icmp_error",
    "expect_new",
    "expect_create",
    "expect_delete",
];
const COLUMNS_MIDDLE: [&str; 17] = [
    "entries",
    "searched",
    "found",
    "new",
    "invalid",
    "ignore",
    "delete",
    "delete_list",
    "insert",
    "insert_failed",
    "drop",
    "early_drop",
    "icmp_error",
    "expect_new",
    "expect_create",
    "expect_delete",
    "search_restart",
];
const COLUMNS_NEW: [&str; 17] = [
    "entries",
    "clashres",
    "found",
    "new",
    "invalid",
    "ignore",
    "delete",
    "chainlength",
    "insert",
    "insert_failed",
    "drop",
    "early_drop",
    "icmp_error",
    "expect_new",
    "expect_create",
    "expect_delete",
    "search_restart",
];
