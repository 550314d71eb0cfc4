//! Lines of other programs that are evidence, by their tags. Any user can write under any tag, so what they say is
//! never more than evidence: no such line counts a drop or opens an incident.
//!
//! Sources: kube-proxy `conntrack.go` and `sysctls.go` (its words of several years), systemd `sysctl.c`, audit
//! (`audit_log_nfcfg`, as journald writes it), firewalld and dockerd, keepalived `vrrp.c` (1.x and 2.x), conntrackd
//! `cache.c`, nginx `ngx_http_upstream.c`, haproxy `proto_tcp.c`, klog, BIND `resolver.c`, chrony `reference.c`, sshd.

use std::net::IpAddr;
use std::sync::LazyLock;

use regex::bytes::{Captures, Regex, RegexBuilder};

use super::kernel::{command, named, told};
use crate::model::signal::{About, RelatedKind, Signal};

/// A program that is listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// kube-proxy, alone or within k3s and its kin.
    KubeProxy,
    /// systemd-sysctl.
    Sysctl,
    /// The kernel's audit records, as journald or auditd passes them on.
    Audit,
    /// systemd, of its units.
    Systemd,
    /// dockerd.
    Dockerd,
    /// keepalived.
    Keepalived,
    /// conntrackd.
    Conntrackd,
    /// nginx.
    Nginx,
    /// haproxy.
    Haproxy,
    /// kubelet.
    Kubelet,
    /// named (BIND).
    Named,
    /// chronyd.
    Chronyd,
    /// sshd.
    Sshd,
}

impl Program {
    /// By the tag of its lines.
    pub fn named(tag: &[u8]) -> Option<Self> {
        Some(match tag {
            b"kube-proxy" | b"k3s" | b"rke2" | b"hyperkube" => Self::KubeProxy,
            b"systemd-sysctl" => Self::Sysctl,
            b"audit" => Self::Audit,
            b"systemd" => Self::Systemd,
            b"dockerd" => Self::Dockerd,
            b"Keepalived_vrrp" | b"Keepalived" => Self::Keepalived,
            b"conntrackd" | b"conntrack-tools" => Self::Conntrackd,
            b"nginx" => Self::Nginx,
            b"haproxy" => Self::Haproxy,
            b"kubelet" => Self::Kubelet,
            b"named" => Self::Named,
            b"chronyd" => Self::Chronyd,
            b"sshd" | b"sshd-session" => Self::Sshd,
            _ => return None,
        })
    }
}

/// A grammar of one program: the whole of a message.
type Pattern = (Program, &'static str, fn(&Captures<'_>) -> Option<Signal>);

/// klog's header: `I1127 03:12:01.000001    7 `; a collector may have taken it off.
macro_rules! klog {
    ($behind:literal) => {
        concat!(r"^(?:[IWEF][0-9]{4} [0-9:.]{8,15} +[0-9]+ )?", $behind)
    };
}

/// nginx's: `2026/11/27 03:12:01 [crit] 812#812: *4411 `; through syslog the same.
macro_rules! nginx {
    ($behind:literal) => {
        concat!(
            r"^(?:[0-9/]{10} [0-9:]{8} )?\[(?:warn|error|crit|alert)\] [0-9]+#[0-9]+: (?:\*[0-9]+ )?",
            $behind
        )
    };
}

const PATTERNS: &[Pattern] = &[
    (
        Program::KubeProxy,
        klog!(
            r#"(?:conntrack|sysctls)\.go:[0-9]+\] (?:Setting nf_conntrack_max to |"Setting nf_conntrack_max" (?:nfConntrackMax|nf_conntrack_max)=|Set sysctl 'net/netfilter/nf_conntrack_max' to |"Set sysctl" entry="net/netfilter/nf_conntrack_max" value=)([0-9]{1,10})$"#
        ),
        |captures| {
            let value = Some(text(captures, 1).parse().ok()?);
            Some(told(RelatedKind::LimitSet, About { value, name: Some("kube-proxy".into()), peer: None }))
        },
    ),
    (
        Program::Sysctl,
        r"^Couldn't write '([0-9]{1,20})' to '((?:net/(?:netfilter/|ipv4/netfilter/|ipv4/)?(?:nf|ip)_conntrack)[a-z0-9_]{0,40})'(?:, ignoring)?: [ -~]{1,160}$",
        |captures| {
            let value = text(captures, 1).parse().ok();
            let key = text(captures, 2).replace('/', ".");
            Some(told(RelatedKind::SettingRefused, About { value, name: Some(key.into()), peer: None }))
        },
    ),
    (
        Program::Audit,
        r#"^(?:type=)?NETFILTER_CFG (?:msg=audit\([0-9.:]+\): )?table=[!-~]{1,64} family=[0-9]+ entries=[0-9]+(?: op=[a-z_]+)?(?: [a-z0-9]+=(?:"[^"]*"|[!-~]*))*$"#,
        |captures| Some(named(RelatedKind::RulesReloaded, command(captures))),
    ),
    // `Reloaded firewalld - …`, `Reloaded firewalld.service - firewalld - …`
    (
        Program::Systemd,
        r"^(?:Reloaded|Started|Stopped) (firewalld)(?:\.service)? - [ -~]{1,120}$",
        |captures| Some(named(RelatedKind::RulesReloaded, text(captures, 1))),
    ),
    (
        Program::Dockerd,
        r#"^(?:time="[^"]{1,64}" )?level=[a-z]+ msg="Firewalld reloaded"(?: [a-z_]+=[!-~]{1,64})*$"#,
        |_| Some(named(RelatedKind::RulesReloaded, "firewalld")),
    ),
    (
        Program::Keepalived,
        r"^((?:VRRP_Instance)?\([^()]{1,48}\)) (?:Entering|Transition to) (MASTER|BACKUP|FAULT) STATE(?: \(init\))?$",
        |captures| {
            Some(named(RelatedKind::Failover, &format!("{} {}", text(captures, 2), text(captures, 1))))
        },
    ),
    (Program::Conntrackd, r"^Committed ([0-9]{1,10}) new entries$", |captures| {
        let value = text(captures, 1).parse().ok();
        Some(told(RelatedKind::EntriesInjected, About { value, ..About::default() }))
    }),
    // EADDRNOTAVAIL: no local port was left towards that peer.
    (
        Program::Nginx,
        nginx!(
            r"connect\(\) to (\[[0-9A-Fa-f:.]+\]|[0-9.]+):([0-9]{1,5}) failed \(99: [^()]{1,80}\)(?: while connecting to upstream(?:, .*)?)?$"
        ),
        |captures| Some(with_peer(RelatedKind::PortsExhausted, text(captures, 1), text(captures, 2))),
    ),
    // ETIMEDOUT.
    (
        Program::Nginx,
        nginx!(
            r#"(?:upstream timed out|connect\(\) (?:to [!-~]{1,80} )?failed) \(110: [^()]{1,80}\) while connecting to upstream, (?:.*, )?upstream: "[a-z]{2,12}://(\[[0-9A-Fa-f:.]+\]|[0-9.]+):([0-9]{1,5})[^"]*"(?:, .*)?$"#
        ),
        |captures| Some(with_peer(RelatedKind::UpstreamTimeout, text(captures, 1), text(captures, 2))),
    ),
    (
        Program::Haproxy,
        r"^Connect\(\) failed for (?:backend|server) ([!-~]{1,200}): no free ports\.$",
        |captures| Some(named(RelatedKind::PortsExhausted, text(captures, 1))),
    ),
    (Program::Kubelet, klog!(r"[0-9A-Za-z_]+\.go:[0-9]+\] .*i/o timeout.*$"), |_| {
        Some(named(RelatedKind::Victim, "kubelet"))
    }),
    (Program::Named, r"^(?:[a-z-]+: (?:[a-z]+: )?)?timed out resolving '[!-~]{1,300}': [!-~]{1,80}$", |_| {
        Some(named(RelatedKind::Victim, "named"))
    }),
    (Program::Chronyd, r"^Can't synchronise: no [a-z ]{1,40}(?: \([ -~]{1,80}\))?$", |_| {
        Some(named(RelatedKind::Victim, "chronyd"))
    }),
    (Program::Sshd, r"^(?:fatal: )?Timeout before authentication for [ -~]{1,200}$", |_| {
        Some(named(RelatedKind::Victim, "sshd"))
    }),
];

/// The same, compiled.
type Grammar = (Program, Regex, fn(&Captures<'_>) -> Option<Signal>);

static GRAMMARS: LazyLock<Vec<Grammar>> = LazyLock::new(|| {
    let compiled = |&(program, pattern, read): &Pattern| {
        let regex = RegexBuilder::new(pattern).unicode(false).build();
        // A pattern that does not compile is a fault of this file; a test compiles them all.
        regex.ok().map(|regex| (program, regex, read))
    };
    PATTERNS.iter().filter_map(compiled).collect()
});

/// What a message of a program says, if it is evidence.
pub fn read(program: Program, message: &[u8]) -> Option<Signal> {
    let message = message.trim_ascii();
    let own = GRAMMARS.iter().filter(|(of, _, _)| *of == program);
    own.into_iter().find_map(|(_, regex, read)| read(&regex.captures(message)?))
}

fn text<'a>(captures: &Captures<'a>, group: usize) -> &'a str {
    captures.get(group).and_then(|found| std::str::from_utf8(found.as_bytes()).ok()).unwrap_or_default()
}

/// An address, in brackets if of IPv6, and a port. What is none is left out.
fn with_peer(kind: RelatedKind, address: &str, port: &str) -> Signal {
    let address: Option<IpAddr> = address.trim_start_matches('[').trim_end_matches(']').parse().ok();
    let peer = address.map(|address| (address, port.parse().ok()));
    told(kind, About { peer, ..About::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert_eq!(GRAMMARS.len(), PATTERNS.len());
    }

    #[test]
    fn a_peer_is_an_address_and_a_port() {
        let line = b"2026/11/27 03:12:01 [crit] 8#8: *4 connect() to [2001:db8::7]:3128 failed (99: Cannot assign requested address) while connecting to upstream, client: 10.0.0.5, server: x";
        let Some(Signal::Related { about: Some(about), .. }) = read(Program::Nginx, line) else { panic!() };
        assert_eq!(about.peer, Some(("2001:db8::7".parse().unwrap(), Some(3128))));
    }
}
