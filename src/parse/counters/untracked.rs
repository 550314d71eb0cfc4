//! Which ports a rule names that takes traffic out of tracking, in the spellings of `iptables-save` (`--sport 80`), of
//! `iptables -L` (`spt:80`, `multiport dports 80,443`) and of `nft` (`tcp dport { 80, 443 }`). Ports given by the name of
//! a service, and those that a rule excludes, are not read.

use crate::model::rules::Rules;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Source,
    Destination,
}

/// Adds the ports of one such rule.
pub(super) fn ports(rule: &str, rules: &mut Rules) {
    let mut side = None;
    let mut excluded = false;
    for word in rule.split([' ', '\t', ',', '{', '}']).filter(|word| !word.is_empty()) {
        if let Some((found, rest)) = named(word) {
            // `! --dport 80`, `dpt:!80`
            let not = excluded || rest.starts_with('!');
            side = (!not).then_some(found);
            excluded = false;
            let range = rest.trim_start_matches([':', '!']);
            if let Some(range) = span(range).filter(|_| !not) {
                add(range, found, rules);
            }
            continue;
        }
        match (word, side, span(word)) {
            ("!" | "!=", ..) => (side, excluded) = (None, true),
            ("=" | "==", ..) => {}
            (_, Some(side), Some(range)) => add(range, side, rules),
            _ => (side, excluded) = (None, false),
        }
    }
}

/// A word that says which port follows, and what stands behind it in the same word.
fn named(word: &str) -> Option<(Side, &str)> {
    const NAMES: [(&str, Side); 14] = [
        ("--source-ports", Side::Source),
        ("--destination-ports", Side::Destination),
        ("--source-port", Side::Source),
        ("--destination-port", Side::Destination),
        ("--sports", Side::Source),
        ("--dports", Side::Destination),
        ("--sport", Side::Source),
        ("--dport", Side::Destination),
        ("sports", Side::Source),
        ("dports", Side::Destination),
        ("sport", Side::Source),
        ("dport", Side::Destination),
        ("spts", Side::Source),
        ("dpts", Side::Destination),
    ];
    if let Some(found) = NAMES.iter().find_map(|(name, side)| {
        word.strip_prefix(name)
            .filter(|rest| rest.is_empty() || rest.starts_with(':'))
            .map(|rest| (*side, rest))
    }) {
        return Some(found);
    }
    let short = [("spt:", Side::Source), ("dpt:", Side::Destination)];
    short.iter().find_map(|(name, side)| Some((*side, word.strip_prefix(name)?)))
}

/// `80`, `1024:65535`, `6000-6063`
fn span(word: &str) -> Option<(u16, u16)> {
    let (first, last) = word.split_once([':', '-']).unwrap_or((word, word));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    Some((digits(first)?, digits(last)?))
}

fn add((first, last): (u16, u16), side: Side, rules: &mut Rules) {
    let ports = match side {
        Side::Source => &mut rules.untracked_from,
        Side::Destination => &mut rules.untracked_to,
    };
    ports.extend(first..=last);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source ports, destination ports.
    fn read(rule: &str) -> (Vec<u16>, Vec<u16>) {
        let mut rules = Rules::default();
        ports(rule, &mut rules);
        (rules.untracked_from.into_iter().collect(), rules.untracked_to.into_iter().collect())
    }

    #[test]
    fn ports_are_read_in_every_spelling() {
        for (rule, from, to) in [
            ("-A OUTPUT -p tcp -m tcp --sport 6000 -j CT --notrack", vec![6_000], vec![]),
            ("-A PREROUTING -p tcp -m multiport --dports 80,443 -j NOTRACK", vec![], vec![80, 443]),
            ("CT  6 -- 0.0.0.0/0 0.0.0.0/0 tcp dpt:3128 CT notrack", vec![], vec![3_128]),
            ("CT  6 -- 0.0.0.0/0 0.0.0.0/0 tcp spts:80:82 CT notrack", vec![80, 81, 82], vec![]),
            ("NOTRACK tcp -- 0.0.0.0/0 0.0.0.0/0 multiport dports 80,443", vec![], vec![80, 443]),
            ("tcp sport 6000 notrack", vec![6_000], vec![]),
            (
                "ip saddr 192.0.2.0/24 tcp dport { 80, 443, 8000-8001 } counter notrack",
                vec![],
                vec![80, 443, 8_000, 8_001],
            ),
            ("tcp dport 80 tcp sport 1024-1025 notrack", vec![1_024, 1_025], vec![80]),
        ] {
            assert_eq!(read(rule), (from, to), "{rule}");
        }
    }

    #[test]
    fn what_names_no_port_or_excludes_one_gives_none() {
        for rule in [
            "-A PREROUTING -i lo -j CT --notrack",
            "-A PREROUTING -p tcp ! --dport 80 -j CT --notrack",
            "tcp dport != 80 notrack",
            "CT 6 -- 0.0.0.0/0 0.0.0.0/0 tcp dpt:!80 CT notrack",
            "tcp dport http notrack",
            "udp sport 99999 notrack",
            "",
        ] {
            assert_eq!(read(rule), (vec![], vec![]), "{rule}");
        }
    }
}
