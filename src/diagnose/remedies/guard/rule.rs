//! A rule of the packet filter as far as the guard asks: which packets, and what becomes of them. Both languages.

use std::net::IpAddr;

use super::line::{behind, words};

/// What a rule selects and does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Rule<'a> {
    pub(super) protocol: Option<&'a str>,
    pub(super) source: Option<&'a str>,
    pub(super) destination: Option<&'a str>,
    pub(super) source_port: Option<&'a str>,
    pub(super) port: Option<&'a str>,
    /// Whether it is about first packets of TCP connections.
    pub(super) handshakes: Handshakes,
    /// It passes ICMP errors about packets that are too large.
    pub(super) too_big: bool,
    loopback: bool,
    verdict: Verdict,
}

/// First packets of TCP connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Handshakes {
    /// These and all others.
    #[default]
    Too,
    /// These only.
    Only,
    /// All others.
    Not,
}

impl Handshakes {
    fn of(not: bool, only: bool) -> Self {
        match (not, only) {
            (true, _) => Self::Not,
            (false, true) => Self::Only,
            (false, false) => Self::Too,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Verdict {
    Accept,
    Untrack,
    #[default]
    Other,
}

impl<'a> Rule<'a> {
    /// None: the line adds no rule.
    pub(super) fn of(line: &'a str) -> Option<Self> {
        let words = words(line);
        let is = |word: &str| words.iter().any(|w| *w == word || w.ends_with(&format!("/{word}")));
        let adds = |options: &[&str]| words.iter().any(|word| options.contains(word));
        // A line of a nftables file adds a rule without saying so.
        let iptables = (is("iptables") || is("ip6tables")) && adds(&["-A", "-I", "--append", "--insert"]);
        let nft = adds(&["saddr", "daddr", "notrack", "icmp", "icmpv6"])
            && !iptables
            && !adds(&["-D", "delete", "conntrack"]);
        if iptables { Some(Self::iptables(line, &words)) } else { nft.then(|| Self::nft(line, &words)) }
    }

    fn iptables(line: &str, words: &[&'a str]) -> Self {
        let has = |word: &str| words.contains(&word);
        let target = behind(words, &["-j", "--jump"]);
        Self {
            protocol: behind(words, &["-p", "--protocol"]),
            source: behind(words, &["-s", "--source"]),
            destination: behind(words, &["-d", "--destination"]),
            source_port: behind(words, &["--sport", "--source-port"]),
            port: behind(words, &["--dport", "--destination-port"]),
            handshakes: Handshakes::of(line.contains("! --syn"), has("--syn")),
            too_big: has("fragmentation-needed") || has("packet-too-big"),
            loopback: line.contains("-i lo") || line.contains("-o lo"),
            verdict: match target {
                Some("ACCEPT") => Verdict::Accept,
                Some("NOTRACK") => Verdict::Untrack,
                Some("CT") if has("--notrack") => Verdict::Untrack,
                _ => Verdict::Other,
            },
        }
    }

    fn nft(line: &str, words: &[&'a str]) -> Self {
        let has = |word: &str| words.contains(&word);
        let protocol = ["tcp", "udp", "sctp"].into_iter().find(|name| has(name));
        Self {
            protocol,
            source: behind(words, &["saddr"]),
            destination: behind(words, &["daddr"]),
            source_port: behind(words, &["sport"]),
            port: behind(words, &["dport"]),
            handshakes: Handshakes::of(line.contains("!= syn"), line.contains("== syn")),
            too_big: has("frag-needed")
                || has("packet-too-big")
                || (has("destination-unreachable") && !has("code")),
            loopback: line.contains("ifname lo") || line.contains("ifname \"lo\""),
            verdict: if has("notrack") {
                Verdict::Untrack
            } else if has("accept") {
                Verdict::Accept
            } else {
                Verdict::Other
            },
        }
    }

    /// It takes packets out of tracking.
    pub(super) fn untracks(&self) -> bool {
        self.verdict == Verdict::Untrack
    }

    /// It lets packets through.
    pub(super) fn accepts(&self) -> bool {
        self.verdict == Verdict::Accept
    }

    /// A rule that untracks takes more than the one traffic; none: both ends are named, or one end and its handshakes, or
    /// one service: over UDP of any machine or group, else of the host itself, whose addresses are `own`.
    pub(super) fn too_wide(&self, own: impl Fn(IpAddr) -> bool) -> Option<&'static str> {
        let both = self.source.is_some() && self.destination.is_some();
        let handshakes = self.destination.is_some() && self.handshakes == Handshakes::Only;
        if self.is_loopback() {
            return Some("breaks redirects and containers: addresses are translated on loopback, too");
        }
        let service = self.service().is_some_and(|machine| self.protocol == Some("udp") || own(machine));
        (!(both || handshakes || service)).then_some("untracks everybody's traffic on that port")
    }

    /// The machine whose one service the rule is about: its address, no prefix, with a port at that same end.
    fn service(&self) -> Option<IpAddr> {
        let of = |end: Option<&str>, port: Option<&str>| {
            let machine = end?.parse::<IpAddr>().ok()?.to_canonical();
            (port?.parse::<u16>().is_ok() && !machine.is_unspecified()).then_some(machine)
        };
        of(self.destination, self.port).or_else(|| of(self.source, self.source_port))
    }

    pub(super) fn is_loopback(&self) -> bool {
        let local = |end: Option<&str>| end.is_some_and(|end| end.starts_with("127.") || end == "::1");
        self.loopback || local(self.source) || local(self.destination)
    }

    /// It is about what is sent to a multicast group, which never answers from its own address.
    pub(super) fn is_to_a_group(&self) -> bool {
        let address = self.destination.and_then(|end| end.parse::<IpAddr>().ok());
        address.is_some_and(|address| address.is_multicast())
    }

    /// The other rule is about the answers to these packets. Tunnels send to one port in both directions.
    pub(super) fn is_mirrored_by(&self, other: &Self) -> bool {
        let ends = (self.source, self.destination) == (other.destination, other.source);
        let ports = (self.source_port, self.port) == (other.port, other.source_port);
        let tunnel =
            self.protocol == Some("udp") && (self.source_port, self.port) == (other.source_port, other.port);
        ends && self.protocol == other.protocol && (ports || tunnel)
    }

    /// The other rule selects the same packets, but for handshakes.
    pub(super) fn selects_as(&self, other: &Self) -> bool {
        (self.protocol, self.source, self.destination, self.source_port, self.port)
            == (other.protocol, other.source, other.destination, other.source_port, other.port)
    }
}
