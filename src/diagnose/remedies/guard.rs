//! Command lines that this program never prints, because they cut more than they cure.

use crate::model::diagnosis::Remedy;

/// Why a line must not be printed; none: it may.
pub(crate) fn forbidden(line: &str) -> Option<&'static str> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let has = |word: &str| words.contains(&word);
    let sets = |key: &str, value: &str| {
        let packed: String = line.split_whitespace().collect();
        packed.contains(&format!("{key}={value}")) && !packed.contains(&format!("{key}={value}0"))
    };
    let exact = |key: &str| {
        let packed: String = line.split_whitespace().collect();
        packed
            .split_once(key)
            .is_some_and(|(_, tail)| tail.strip_prefix('=').is_some_and(|value| value.starts_with('0')))
    };
    let conntrack = has("conntrack");
    if conntrack && (has("-F") || has("--flush")) {
        return Some("flushes every connection of the host");
    }
    if conntrack && (has("-D") || has("--delete")) && line.contains("UNREPLIED") {
        return Some("conntrack-tools 1.4.7 ignores this filter and deletes the whole table");
    }
    if sets("tcp_tw_recycle", "1") {
        return Some("breaks visitors behind NAT; gone since 4.12");
    }
    if has("hping") || has("hping3") || has("hping2") {
        return Some("forged resets need a sequence number within the window");
    }
    if line.contains("use-vc") {
        return Some("makes a 120 s assured entry of each lookup");
    }
    if exact("bridge-nf-call-iptables") {
        return Some("breaks services and network policy of containers");
    }
    if exact("nf_conntrack_max") || exact("ip_conntrack_max") {
        return Some("no limit at all: ends in lack of memory");
    }
    if notrack(&words) && !addressed(&words) {
        return Some("untracks everybody's traffic on that port");
    }
    None
}

fn notrack(words: &[&str]) -> bool {
    words.contains(&"--notrack") || words.contains(&"NOTRACK") || words.contains(&"notrack")
}

/// Both addresses stand in it; or one and `--syn` (a proxy for handshakes to one server); or, of UDP, one machine's
/// address with the port at that same end, which is one service and nobody else's traffic.
fn addressed(words: &[&str]) -> bool {
    let (source, destination, syn) = match words.first() {
        Some(&"nft") => ("saddr", "daddr", ""),
        _ => ("-s", "-d", "--syn"),
    };
    let has = |word: &str| words.contains(&word);
    let both = has(source) && has(destination);
    both || (has(destination) && !syn.is_empty() && has(syn)) || one_service(words, source, destination)
}

/// `-p udp -d 192.0.2.1 --dport 53`, `-p udp -s 192.0.2.1 --sport 53`, and the same of nft. No prefix, no name.
fn one_service(words: &[&str], source: &str, destination: &str) -> bool {
    let behind = |word: &str| {
        let place = words.iter().position(|other| *other == word)?;
        words.get(place + 1).copied()
    };
    let udp = words.contains(&"udp");
    let machine = |word: &str| {
        let address = behind(word).and_then(|address| address.parse::<std::net::IpAddr>().ok());
        address.is_some_and(|address| !address.is_unspecified())
    };
    let port = |old: &str, new: &str| {
        [old, new].into_iter().any(|word| behind(word).is_some_and(|port| port.parse::<u16>().is_ok()))
    };
    udp && ((machine(destination) && port("--dport", "dport"))
        || (machine(source) && port("--sport", "sport")))
}

/// A remedy all of whose lines may be printed.
pub(crate) fn allowed(remedy: &Remedy) -> bool {
    remedy.commands.iter().all(|command| {
        forbidden(&command.line).is_none()
            && command.undo.as_deref().is_none_or(|undo| forbidden(undo).is_none())
    })
}

/// Mid-stream pickup is switched off: never beside a deletion, after which every session would be refused.
pub(crate) fn forbids_pickup(remedy: &Remedy) -> bool {
    remedy.commands.iter().any(|c| c.line.split_whitespace().collect::<String>().contains("tcp_loose=0"))
}

/// Deletes entries.
pub(crate) fn deletes(remedy: &Remedy) -> bool {
    remedy.commands.iter().any(|c| {
        let mut words = c.line.split_whitespace();
        words.next() == Some("conntrack") && words.any(|word| word == "-D" || word == "--delete")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cuts_more_than_it_cures_is_refused() {
        for line in [
            "conntrack -F",
            "conntrack -f ipv6 --flush",
            "conntrack -D -p tcp -u UNREPLIED",
            "conntrack --delete -u UNREPLIED",
            "sysctl -w net.ipv4.tcp_tw_recycle=1",
            "net.ipv4.tcp_tw_recycle = 1",
            "hping3 -R -p 80 192.0.2.1",
            "echo 'options use-vc' >> /etc/resolv.conf",
            "sysctl -w net.bridge.bridge-nf-call-iptables=0",
            "sysctl -w net.netfilter.nf_conntrack_max=0",
            "net.ipv4.ip_conntrack_max = 0",
            "iptables -t raw -A PREROUTING -p tcp --dport 80 -j CT --notrack",
            "iptables -t raw -A PREROUTING -p tcp -d 192.0.2.1 --dport 80 -j NOTRACK",
            "iptables -t raw -A PREROUTING -p udp --dport 53 -j CT --notrack",
            "iptables -t raw -A PREROUTING -p udp -d 0.0.0.0/0 --dport 53 -j CT --notrack",
            "iptables -t raw -A PREROUTING -p udp -d 192.0.2.0/24 --dport 53 -j CT --notrack",
            "iptables -t raw -A PREROUTING -p udp -d 192.0.2.1 -j CT --notrack",
            "iptables -t raw -A OUTPUT -p udp -s 192.0.2.1 --dport 53 -j CT --notrack",
            "nft add rule ip raw prerouting udp dport 53 notrack",
            "nft add rule ip raw prerouting ip daddr 192.0.2.1 tcp dport 80 notrack",
        ] {
            assert!(forbidden(line).is_some(), "{line}");
        }
    }

    #[test]
    fn what_selects_narrowly_is_let_through() {
        for line in [
            "conntrack -D -p tcp --state TIME_WAIT -s 192.168.1.38 -d 192.168.1.107 --dport 3128",
            "sysctl -w net.ipv4.tcp_tw_recycle=0",
            "sysctl -w net.netfilter.nf_conntrack_max=65536",
            "iptables -t raw -A OUTPUT -p tcp -s 192.0.2.1 -d 192.0.2.2 --dport 80 -j NOTRACK",
            "iptables -t raw -A PREROUTING -p tcp -d 192.0.2.1 --dport 443 --syn -j CT --notrack",
            "iptables -t raw -A PREROUTING -p udp -d 192.0.2.1 --dport 53 -j CT --notrack",
            "iptables -t raw -A OUTPUT -p udp -s 192.0.2.1 --sport 53 -j CT --notrack",
            "nft add rule ip no_tracking made_here ip saddr 192.0.2.1 udp sport 53 notrack",
            "nft add rule ip no_tracking before ip saddr 192.0.2.1 ip daddr 192.0.2.2 udp dport 4789 notrack",
        ] {
            assert_eq!(forbidden(line), None, "{line}");
        }
    }
}
