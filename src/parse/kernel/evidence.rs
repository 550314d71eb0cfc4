//! Kernel messages beside those of the tracker's limit: memory, other tables, links, rules.
//!
//! Sources: `nf_conntrack_init` (2.6.18 to 3.10), `kmem_cache_create` (3.10), `nf_ct_set_auto_assign_helper_warned`
//! (3.5 to 5.x), `dsthash_alloc_init` (xt_hashlimit), `ovs_ct_commit`, `ip_vs_scheduler_err`, `bond_miimon_commit`,
//! `br_port_state_selection`, `audit_log_nfcfg`.

use std::net::IpAddr;
use std::sync::LazyLock;

use regex::bytes::{Captures, Regex};

use super::{Pattern, number, related, text};
use crate::model::blemish::BlemishKind;
use crate::model::signal::{About, RelatedKind, Signal};

/// As the patterns of the parent.
pub(super) const PATTERNS: &[Pattern] = &[
    // A namespace's slab cache, named by the address of its `struct net`.
    (
        &[b"kmem_cache_create("],
        r"^kmem_cache_create\((?:nf|ip)_conntrack(?:_[0-9a-f]{1,16})?\) failed with error -[0-9]{1,4}$",
        |_| Ok(related(RelatedKind::AllocationFailed)),
    ),
    // Blanks as the kernel's string constants leave them; `pr_info_once`.
    (
        &[b"nf_conntrack: "],
        r"^nf_conntrack: (?:default automatic helper assignment has been turned off for security reasons and CT-based  ?firewall rule not found|automatic helper assignment is deprecated and it will be removed soon)\. Use the iptables CT target to attach helpers instead\.$",
        |_| Ok(related(RelatedKind::HelpersUnassigned)),
    ),
    (&[b"xt_hashlimit: "], r"^xt_hashlimit: max count of ([0-9]+) reached$", |captures| {
        valued(RelatedKind::HashlimitFull, captures)
    }),
    (&[b"openvswitch: "], r"^openvswitch: zone: ([0-9]+) exceeds conntrack limit$", |captures| {
        valued(RelatedKind::ZoneLimit, captures)
    }),
    (
        &[b"IPVS: "],
        r"^IPVS: [a-z]{1,16}: (?:FWM [0-9]+ 0x[0-9A-Fa-f]+|[A-Z]{2,8} (?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)):([0-9]{1,5})) - no destination available$",
        no_destination,
    ),
    // Audit records come through the kernel's log where no auditd takes them.
    (
        &[b"audit: type=1325 ", b"type=1325 "],
        r#"^(?:audit: )?type=1325 audit\([0-9]+\.[0-9]+:[0-9]+\): table=[!-~]{1,64} family=[0-9]+ entries=[0-9]+(?: op=[a-z_]+)?(?: [a-z0-9]+=(?:"[^"]*"|[!-~]*))*$"#,
        |captures| Ok(named(RelatedKind::RulesReloaded, command(captures))),
    ),
];

/// A message whose first word is an interface, which may have any name, is told by its end.
pub(super) fn ends_as_a_link_message(message: &[u8]) -> bool {
    const ENDS: [&[u8]; 5] = [b"ing state", b"ing slave", b"ing it", b"duplex", b"duplex."];
    ENDS.iter().any(|end| message.ends_with(end))
}

/// What it says.
pub(super) fn of_a_link(message: &[u8]) -> Option<Signal> {
    if let Some(captures) = FORWARDING.as_ref().and_then(|regex| regex.captures(message)) {
        return Some(named(RelatedKind::PortForwarding, text(&captures, 1)));
    }
    let captures = LINK.as_ref().and_then(|regex| regex.captures(message))?;
    let slave = captures.get(2).or(captures.get(3)).map(|found| found.as_bytes()).unwrap_or_default();
    Some(named(RelatedKind::LinkChanged, std::str::from_utf8(slave).unwrap_or_default()))
}

/// `entering` until 3.x.
static FORWARDING: LazyLock<Option<Regex>> = LazyLock::new(|| {
    compiled(r"^[!-~]{1,15}: port [0-9]+\(([!-~]{1,15})\) enter(?:ed|ing) forwarding state$")
});

static LINK: LazyLock<Option<Regex>> = LazyLock::new(|| {
    compiled(
        r"^(?:bonding: )?([!-~]{1,15}): (?:\(slave ([!-~]{1,15})\): )?link status definitely (?:up|down)(?: for interface ([!-~]{1,15}))?(?:, (?:disabling (?:slave|it)|[0-9]+ Mbps (?:full|half) duplex))?\.?$",
    )
});

fn compiled(pattern: &str) -> Option<Regex> {
    regex::bytes::RegexBuilder::new(pattern).unicode(false).build().ok()
}

/// The program that an audit record names.
pub(crate) fn command<'a>(captures: &Captures<'a>) -> &'a str {
    let whole = text(captures, 0);
    let behind = whole.split_once(" comm=\"").map_or("", |(_, behind)| behind);
    behind.split('"').next().unwrap_or_default()
}

/// Evidence with a name.
pub(crate) fn named(kind: RelatedKind, name: &str) -> Signal {
    let short =
        name.char_indices().take_while(|(at, c)| at + c.len_utf8() <= crate::model::signal::NAME_BYTES_MAX);
    let name: String = short.map(|(_, c)| c).collect();
    told(kind, About { name: (!name.is_empty()).then(|| name.into()), ..About::default() })
}

/// Evidence with what it names.
pub(crate) fn told(kind: RelatedKind, about: About) -> Signal {
    let about = (about != About::default()).then(|| Box::new(about));
    Signal::Related { kind, capacity: None, port: None, about }
}

fn valued(kind: RelatedKind, captures: &Captures<'_>) -> Result<Signal, BlemishKind> {
    let value: u32 = number(captures, 1)?;
    Ok(told(kind, About { value: Some(u64::from(value)), ..About::default() }))
}

fn no_destination(captures: &Captures<'_>) -> Result<Signal, BlemishKind> {
    let written = if captures.get(1).is_some() { text(captures, 1) } else { text(captures, 2) };
    let peer = match written.parse::<IpAddr>() {
        Ok(address) => Some((address, Some(number(captures, 3)?))),
        Err(_) => None,
    };
    Ok(told(RelatedKind::IpvsNoDestination, About { peer, ..About::default() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_patterns_of_links_compile() {
        assert!(FORWARDING.is_some() && LINK.is_some());
    }
}
