//! Counters and settings beside a table. One file per source; what they share is the reading of lines and the book of
//! what was damaged. A further source is one file and one row of [`FORMS`].
//!
//! A value that cannot be read is damage and stays unknown. It never becomes a zero.

mod allowances;
mod boot;
mod configured;
mod conntrack_stats;
mod fib_trie;
mod hostname;
mod if_inet6;
mod ifconfig;
mod ip_addr;
mod iptables;
mod iptables_list;
mod memory;
mod modules;
mod netstat;
mod nft;
mod nft_json;
mod processors;
mod single;
mod slabinfo;
mod snmp;
mod sockstat;
mod ss;
mod stat;
mod sysctl;
mod tally;
mod uname;
mod untracked;
mod uptime;

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::model::blemish::{Blemish, BlemishKind};
use crate::model::counters::{Counters, LocalAddress};

/// Bytes of one such input that are read; they are small by nature.
pub const BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes of a damaged line that are kept.
const RAW_BYTES_MAX: usize = 200;
/// Lines of a head that are looked at to recognise it.
const SNIFF_LINES_MAX: usize = 64;
/// Addresses that are kept of one input.
const ADDRESSES_MAX: usize = 16_384;

/// Forms of counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CounterDialect {
    /// `sysctl -a`, or `key = value` in general; all eras.
    Sysctl,
    /// The same lines in a file that is read at boot: `/etc/sysctl.conf`, `sysctl.d`.
    SysctlConf,
    /// `options nf_conntrack hashsize=…` of `modprobe.d`.
    ModprobeConf,
    /// Shell assignments of `/etc/sysconfig/iptables-config` and `/etc/default/ufw`.
    FirewallConf,
    /// One setting in a file of its own: `/proc/sys/…`, `conntrack -C`.
    Single,
    /// `/proc/net/stat/nf_conntrack`, `/proc/net/stat/ip_conntrack`.
    Stat,
    /// `conntrack -S`, old and new.
    ConntrackStats,
    /// `/proc/slabinfo`, 1.x and 2.x, and `vmstat -m`.
    Slabinfo,
    /// `ip -o addr`, `ip addr`, `ip -br addr`.
    IpAddr,
    /// `ifconfig -a`, old and new.
    Ifconfig,
    /// `hostname -I`.
    HostnameI,
    /// `/proc/net/fib_trie`.
    FibTrie,
    /// `/proc/net/if_inet6`.
    IfInet6,
    /// `uname -a`.
    Uname,
    /// `/proc/version`.
    Version,
    /// `uptime`, `/proc/uptime`.
    Uptime,
    /// `lsmod`, `/proc/modules`.
    Modules,
    /// `/proc/meminfo`.
    Meminfo,
    /// `free`.
    Free,
    /// `/proc/cpuinfo`.
    Cpuinfo,
    /// `lscpu`.
    Lscpu,
    /// `nproc`.
    Nproc,
    /// `/proc/cmdline`.
    Cmdline,
    /// `/etc/os-release`.
    OsRelease,
    /// `/proc/net/sockstat` and its IPv6 twin.
    Sockstat,
    /// `/proc/net/snmp`, `/proc/net/netstat`.
    Snmp,
    /// `/proc/net/snmp6`.
    Snmp6,
    /// `nstat -az`.
    Nstat,
    /// `ss -tanp` and its kin.
    Ss,
    /// `ss -s`.
    SsSummary,
    /// `netstat -anp` and its kin.
    Netstat,
    /// `nft list ruleset`.
    Nft,
    /// `nft -j list ruleset`.
    NftJson,
    /// `iptables-save`.
    IptablesSave,
    /// `iptables -L`.
    IptablesList,
    /// `ethtool -S`.
    Allowances,
}

/// The head of an input.
struct Head<'a> {
    /// Its first lines that are not blank.
    lines: &'a [&'a str],
    /// Where it stands. Heeded only where the content says nothing, or less than all.
    path: &'a str,
}

impl Head<'_> {
    fn first(&self) -> &str {
        self.lines.first().copied().unwrap_or_default()
    }

    /// The path ends so, with or without an ending of its own (`nproc.txt`).
    fn is_called(&self, name: &str) -> bool {
        let path = self.path.strip_suffix(".txt").or(self.path.strip_suffix(".out")).unwrap_or(self.path);
        path.strip_suffix(name).is_some_and(|front| front.is_empty() || front.ends_with(['/', '!']))
    }
}

/// One row of the list: its name in the report, how it is told, how it is read.
struct Form {
    dialect: CounterDialect,
    name: &'static str,
    looks_like: fn(&Head<'_>) -> bool,
    read: fn(&[u8], &mut Reading<'_>),
}

/// Every form. Where two fit, the earlier one is taken: those with a header of their own stand first, those that are
/// told by most of their lines or by their path last.
#[rustfmt::skip]
static FORMS: [Form; 36] = {
    use CounterDialect as D;
    const fn form(
        dialect: D, name: &'static str, looks_like: fn(&Head<'_>) -> bool, read: fn(&[u8], &mut Reading<'_>),
    ) -> Form {
        Form { dialect, name, looks_like, read }
    }
    [
        form(D::Stat, "proc-stat-conntrack", stat::looks_like, stat::read),
        form(D::ConntrackStats, "conntrack-stats", conntrack_stats::looks_like, conntrack_stats::read),
        form(D::Slabinfo, "slabinfo", slabinfo::looks_like, slabinfo::read),
        form(D::IpAddr, "ip-addr", ip_addr::looks_like, ip_addr::read),
        form(D::Ifconfig, "ifconfig", ifconfig::looks_like, ifconfig::read),
        form(D::FibTrie, "fib-trie", fib_trie::looks_like, fib_trie::read),
        form(D::IfInet6, "if-inet6", if_inet6::looks_like, if_inet6::read),
        form(D::Nft, "nft", nft::looks_like, nft::read),
        form(D::NftJson, "nft-json", nft_json::looks_like, nft_json::read),
        form(D::IptablesSave, "iptables-save", iptables::looks_like, iptables::read),
        form(D::IptablesList, "iptables-list", iptables_list::looks_like, iptables_list::read),
        form(D::SsSummary, "ss-summary", ss::is_summary, ss::read_summary),
        form(D::Ss, "ss", ss::looks_like, ss::read),
        form(D::Netstat, "netstat", netstat::looks_like, netstat::read),
        form(D::Sockstat, "sockstat", sockstat::looks_like, sockstat::read),
        form(D::Snmp, "proc-snmp", snmp::looks_like, snmp::read),
        form(D::Snmp6, "proc-snmp6", snmp::is_snmp6, snmp::read_snmp6),
        form(D::Nstat, "nstat", snmp::is_nstat, snmp::read_nstat),
        form(D::Allowances, "ethtool-stats", allowances::looks_like, allowances::read),
        form(D::Meminfo, "meminfo", memory::is_meminfo, memory::read_meminfo),
        form(D::Free, "free", memory::is_free, memory::read_free),
        form(D::Cpuinfo, "cpuinfo", processors::is_cpuinfo, processors::read_cpuinfo),
        form(D::Lscpu, "lscpu", processors::is_lscpu, processors::read_lscpu),
        form(D::Modules, "modules", modules::looks_like, modules::read),
        form(D::OsRelease, "os-release", boot::is_os_release, boot::read_os_release),
        form(D::ModprobeConf, "modprobe-conf", configured::is_modprobe, configured::read_modprobe),
        form(D::FirewallConf, "firewall-conf", configured::is_firewall, configured::read_firewall),
        form(D::Uname, "uname", uname::looks_like, uname::read),
        form(D::Uptime, "uptime", uptime::looks_like, uptime::read),
        form(D::Cmdline, "proc-cmdline", boot::is_cmdline, boot::read_cmdline),
        form(D::Version, "proc-version", uname::is_version, uname::read_version),
        form(D::Nproc, "nproc", processors::is_nproc, processors::read_nproc),
        form(D::HostnameI, "hostname-i", hostname::looks_like, hostname::read),
        form(D::Single, "proc-sys", single::looks_like, single::read),
        form(D::SysctlConf, "sysctl-conf", configured::is_sysctl, configured::read_sysctl),
        form(D::Sysctl, "sysctl", sysctl::looks_like, sysctl::read),
    ]
};

impl CounterDialect {
    /// Every form, in the order in which they are tried.
    pub fn all() -> impl Iterator<Item = Self> {
        FORMS.iter().map(|form| form.dialect)
    }

    /// Its name in the report.
    pub fn name(self) -> &'static str {
        self.form().map_or("counters", |form| form.name)
    }

    fn form(self) -> Option<&'static Form> {
        FORMS.iter().find(|form| form.dialect == self)
    }
}

/// The head of an input looks like counters. A file that holds one bare number says nothing of what it counts: there,
/// and only where the content does not decide, its path does.
pub fn sniff(head: &[u8], path: &str) -> Option<CounterDialect> {
    all_that_fit(head, path).into_iter().next()
}

/// Every form that a head could be; the first one is taken.
pub fn all_that_fit(head: &[u8], path: &str) -> Vec<CounterDialect> {
    let lines: Vec<&str> = lines(head)
        .filter_map(|line| line.text.ok())
        .filter(|text| !text.trim().is_empty())
        .take(SNIFF_LINES_MAX)
        .collect();
    if lines.is_empty() {
        return Vec::new();
    }
    let head = Head { lines: &lines, path };
    FORMS.iter().filter(|form| (form.looks_like)(&head)).map(|form| form.dialect).collect()
}

/// Reads a whole input that stands at `path`. Returns what it says, how many records (keys, rows) it has, and what was
/// wrong.
pub fn parse(
    dialect: CounterDialect,
    path: &str,
    text: &[u8],
) -> (Counters, u64, Vec<(BlemishKind, Blemish)>) {
    let mut reading = Reading { path, counters: Counters::default(), records: 0, damaged: BTreeMap::new() };
    let read = text.get(..BYTES_MAX).unwrap_or(text);
    if let Some(form) = dialect.form() {
        (form.read)(read, &mut reading);
    }
    if read.len() < text.len() {
        reading.damage(BlemishKind::Truncated, &Line { offset: BYTES_MAX as u64, raw: b"", text: Ok("") });
    }
    (reading.counters, reading.records, reading.damaged.into_iter().collect())
}

/// What an input has said so far.
#[derive(Debug)]
struct Reading<'a> {
    path: &'a str,
    counters: Counters,
    records: u64,
    damaged: BTreeMap<BlemishKind, Blemish>,
}

impl Reading<'_> {
    /// Notes a damaged line.
    fn damage(&mut self, kind: BlemishKind, line: &Line<'_>) {
        let raw = line.raw.get(..RAW_BYTES_MAX).unwrap_or(line.raw);
        let first = || Blemish { count: 0, first_offset: line.offset, first_raw: raw.into() };
        self.damaged.entry(kind).or_insert_with(first).count += 1;
    }

    /// Every line of text that is not blank; what is no text is damage.
    fn each_line(&mut self, text: &[u8], mut take: impl FnMut(&str, &Line<'_>, &mut Self)) {
        for line in lines(text) {
            match line.text {
                Ok(text) if text.trim().is_empty() => {}
                Ok(text) => take(text, &line, self),
                Err(kind) => self.damage(kind, &line),
            }
        }
    }

    /// Keeps an address of the host, once.
    fn own(&mut self, address: IpAddr, interface: Option<&str>, line: &Line<'_>) {
        let local = LocalAddress { address, interface: interface.map(Into::into) };
        if self.counters.addresses.len() >= ADDRESSES_MAX {
            self.damage(BlemishKind::LineTooLong, line);
        } else {
            self.counters.addresses.push(local);
        }
    }
}

/// One line.
#[derive(Debug, Clone, Copy)]
struct Line<'a> {
    offset: u64,
    raw: &'a [u8],
    /// Without trailing blanks; damaged if it is not text.
    text: Result<&'a str, BlemishKind>,
}

/// Lines with their places. A line with a NUL, or that is not UTF-8, is no text.
fn lines(text: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let mut offset = 0u64;
    text.split(|byte| *byte == b'\n').map(move |raw| {
        let at = offset;
        offset = offset.saturating_add(raw.len() as u64).saturating_add(1);
        let text = std::str::from_utf8(raw).ok().filter(|text| !text.contains('\0')).map(str::trim_end);
        Line { offset: at, raw, text: text.ok_or(BlemishKind::Unrecognised) }
    })
}

/// A number of decimal digits alone. (`parse` takes a sign, too.)
fn decimal(word: &str) -> Option<u64> {
    word.bytes().all(|byte| byte.is_ascii_digit()).then(|| word.parse().ok())?
}

#[cfg(test)]
mod tests;
