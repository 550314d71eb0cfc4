//! `--what-if KEY=VALUE`: what is to be tried in thought. Settings of the tracker, by any name they ever had, and three
//! deeds done to traffic. All of one call are one scenario.

use std::net::IpAddr;

use crate::model::census::{Pair, Peer};
use crate::model::era::{TIMEOUTS, bare_key};
use crate::model::flow::L4;
use crate::model::scenario::Deed;

/// A part of a scenario that makes no sense, in words.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ScenarioError {
    /// No key, or no value.
    #[error("--what-if {0}: not KEY=VALUE, e.g. net.netfilter.nf_conntrack_max=262144 or remove=192.0.2.1")]
    Form(String),
    /// A setting whose value is no number.
    #[error("--what-if {key}={value}: {value} is not a whole number")]
    NotANumber {
        /// As typed.
        key: String,
        /// As typed.
        value: String,
    },
    /// A key that no answer is known for.
    #[error(
        "--what-if {key}: not a setting this program can answer for; the nearest it can is {nearest}. Known are {} \
         (with nf_conntrack_ or ip_conntrack_ and net.… in front or without); and remove=ADDRESS, \
         reuse=ADDRESS:PORT, notrack=SOURCE>ADDRESS:PORT",
        known_settings().join(", ")
    )]
    Unknown {
        /// As typed.
        key: String,
        /// What may have been meant.
        nearest: &'static str,
    },
    /// A limit of 0.
    #[error(
        "--what-if {0}: 0 is no limit at all, and the table grows until memory is out; give a number of entries"
    )]
    NoLimit(String),
    /// One setting, two values.
    #[error("--what-if {0}: this setting is given twice; all --what-if of one call are one scenario")]
    SettingTwice(String),
    /// One deed twice.
    #[error("--what-if {0}: given twice; all --what-if of one call are one scenario")]
    DeedTwice(String),
    /// `remove=` without an address.
    #[error(
        "--what-if remove={0}: not an IP address; give the source whose flows are to go, e.g. remove=192.0.2.1"
    )]
    NotASource(String),
    /// `reuse=` without a peer.
    #[error(
        "--what-if reuse={0}: not ADDRESS:PORT; give the peer whose connections are to be used again, e.g. \
         reuse=192.0.2.2:3128 or reuse=[2001:db8::2]:3128"
    )]
    NotAPeer(String),
    /// `reuse=` of a protocol that has no connections to keep open.
    #[error("--what-if reuse={0}: only TCP connections can be kept open and used again")]
    NoConnections(String),
    /// `notrack=` without a pair.
    #[error(
        "--what-if notrack={0}: not SOURCE>ADDRESS:PORT, e.g. 'notrack=192.0.2.1>192.0.2.2:3128' (in quotes: a shell \
         takes > for itself; SOURCE,ADDRESS:PORT needs none; /udp behind the port for UDP)"
    )]
    NotAPair(String),
}

/// What was typed, checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scenario {
    /// Settings as typed, with their values.
    pub settings: Vec<(String, u64)>,
    /// What is done to traffic.
    pub deeds: Vec<Deed>,
}

/// All parts together, checked.
pub fn parse(texts: &[String]) -> Result<Scenario, ScenarioError> {
    let Scenario { mut settings, mut deeds } = Scenario::default();
    for text in texts {
        match part(text)? {
            Part::Setting(key, value) => {
                if settings.iter().any(|(other, _)| bare_key(other) == bare_key(&key)) {
                    return Err(ScenarioError::SettingTwice(key));
                }
                settings.push((key, value));
            }
            Part::Deed(deed) if deeds.contains(&deed) => {
                return Err(ScenarioError::DeedTwice(deed.to_string()));
            }
            Part::Deed(deed) => deeds.push(deed),
        }
    }
    Ok(Scenario { settings, deeds })
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Setting(String, u64),
    Deed(Deed),
}

fn part(text: &str) -> Result<Part, ScenarioError> {
    let form = || ScenarioError::Form(text.to_owned());
    let (key, value) = text.split_once('=').ok_or_else(form)?;
    let (key, value) = (key.trim(), value.trim());
    if key.is_empty() || value.is_empty() {
        return Err(form());
    }
    match key {
        "remove" => {
            address(value).map(Deed::Remove).ok_or_else(|| ScenarioError::NotASource(value.to_owned()))
        }
        "reuse" => reused(value).map(Deed::Reuse),
        "notrack" => pair(value).map(Deed::Untrack).ok_or_else(|| ScenarioError::NotAPair(value.to_owned())),
        _ => return setting(key, value),
    }
    .map(Part::Deed)
}

fn setting(key: &str, value: &str) -> Result<Part, ScenarioError> {
    let bare = bare_key(key);
    if !known_settings().contains(&bare) {
        return Err(ScenarioError::Unknown { key: key.to_owned(), nearest: nearest(bare) });
    }
    let number = || ScenarioError::NotANumber { key: key.to_owned(), value: value.to_owned() };
    let number = value.parse().map_err(|_| number())?;
    if bare == LIMIT && number == 0 {
        return Err(ScenarioError::NoLimit(format!("{key}={value}")));
    }
    Ok(Part::Setting(key.to_owned(), number))
}

/// One address has one form here, as in a table.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// `ADDRESS:PORT`, `[ADDRESS]:PORT`, with `/tcp` or `/udp` behind.
fn peer(text: &str) -> Option<Peer> {
    let (end, l4) = match text.rsplit_once('/') {
        Some((end, "tcp")) => (end, L4::TCP),
        Some((end, "udp")) => (end, L4::UDP),
        Some(_) => return None,
        None => (text, L4::TCP),
    };
    let (host, port) = end.rsplit_once(':')?;
    // Without brackets the last group of an IPv6 address would be taken for a port.
    if host.contains(':') && !host.starts_with('[') {
        return None;
    }
    let port = port.parse::<u16>().ok().filter(|port| *port > 0)?;
    Some(Peer { address: address(host)?, port: Some(port), l4 })
}

fn reused(text: &str) -> Result<Peer, ScenarioError> {
    let peer = peer(text).ok_or_else(|| ScenarioError::NotAPeer(text.to_owned()))?;
    if peer.l4 == L4::TCP { Ok(peer) } else { Err(ScenarioError::NoConnections(text.to_owned())) }
}

fn pair(text: &str) -> Option<Pair> {
    let (source, end) = text.split_once(['>', ','])?;
    Some(Pair { source: address(source.trim())?, peer: peer(end.trim())? })
}

/// Bare name of the limit.
const LIMIT: &str = "max";

/// Bare names of the settings that can be tried in thought.
fn known_settings() -> Vec<&'static str> {
    std::iter::once(LIMIT).chain(TIMEOUTS).collect()
}

/// The known key that a word is most like: one that holds it, else the one fewest edits away.
fn nearest(word: &str) -> &'static str {
    let word: String = word.chars().take(64).collect();
    let holds = |name: &&&str| name.contains(word.as_str()) || word.contains(**name);
    let known: Vec<&'static str> = known_settings().into_iter().chain(Deed::KEYS).collect();
    let mut nearest = known.iter().filter(holds).min_by_key(|name| name.len().abs_diff(word.len()));
    nearest = nearest.or_else(|| known.iter().min_by_key(|name| edits(&word, name)));
    nearest.copied().unwrap_or(LIMIT)
}

/// Characters to insert, delete or replace to make one word the other (Levenshtein).
fn edits(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (at, left) in a.chars().enumerate() {
        let mut corner = at;
        let mut before = at + 1;
        let mut next = vec![before];
        for (right, above) in b.chars().zip(row.iter().skip(1)) {
            before = (corner + usize::from(left != right)).min(before + 1).min(above + 1);
            corner = *above;
            next.push(before);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Result<Scenario, ScenarioError> {
        parse(&[text.to_owned()])
    }

    #[test]
    fn a_setting_may_be_named_in_any_form_and_is_kept_as_typed() {
        for key in ["max", "nf_conntrack_max", "net.netfilter.nf_conntrack_max", "net.ipv4.ip_conntrack_max"]
        {
            assert_eq!(one(&format!("{key} = 262144")).unwrap().settings, [(key.to_owned(), 262_144)]);
        }
        for name in TIMEOUTS {
            for prefix in
                ["", "nf_conntrack_", "net.netfilter.nf_conntrack_", "net.ipv4.netfilter.ip_conntrack_"]
            {
                assert!(one(&format!("{prefix}{name}=30")).is_ok(), "{prefix}{name}");
            }
        }
    }

    #[test]
    fn a_setting_without_an_answer_is_refused_with_what_is_known_and_the_nearest() {
        for (key, nearest) in [
            ("net.netfilter.nf_conntrack_maxx", "max"),
            ("tcp_timeout_timewait", "tcp_timeout_time_wait"),
            ("established", "tcp_timeout_established"),
            ("nf_conntrack_udp_timeout_streams", "udp_timeout_stream"),
            ("removed", "remove"),
            ("re-use", "reuse"),
            ("no-track", "notrack"),
        ] {
            let refused = one(&format!("{key}=1")).unwrap_err();
            assert_eq!(refused, ScenarioError::Unknown { key: key.to_owned(), nearest });
            let said = refused.to_string();
            assert!(said.starts_with(&format!("--what-if {key}: ")), "{said}");
            for known in
                ["max, tcp_timeout_syn_sent", "sctp_timeout_established", "notrack=SOURCE>ADDRESS:PORT"]
            {
                assert!(said.contains(known), "{said}");
            }
        }
    }

    #[test]
    fn no_limit_and_one_setting_or_deed_twice_are_no_scenario() {
        assert_eq!(one("max=0"), Err(ScenarioError::NoLimit("max=0".to_owned())));
        let twice = |a: &str, b: &str| parse(&[a.to_owned(), b.to_owned()]).unwrap_err();
        let settings = twice("max=1000", "net.netfilter.nf_conntrack_max=2000");
        assert!(matches!(settings, ScenarioError::SettingTwice(_)));
        let deeds = twice("remove=192.0.2.1", "remove=::ffff:192.0.2.1");
        assert_eq!(deeds, ScenarioError::DeedTwice("remove=192.0.2.1".to_owned()));
    }

    #[test]
    fn deeds_are_read_as_they_are_shown() {
        for text in [
            "remove=192.0.2.1",
            "remove=2001:db8::1",
            "reuse=192.0.2.2:3128",
            "reuse=[2001:db8::2]:443",
            "notrack=192.0.2.1>192.0.2.2:3128",
            "notrack=192.0.2.1>192.0.2.2:53/udp",
            "notrack=2001:db8::1>[2001:db8::2]:443",
        ] {
            let Scenario { settings, deeds } = one(text).unwrap();
            assert!(settings.is_empty());
            assert_eq!(deeds[0].to_string(), text);
        }
        let same = one("notrack=192.0.2.1,192.0.2.2:3128/tcp").unwrap();
        assert_eq!(same, one("notrack = 192.0.2.1 > 192.0.2.2:3128").unwrap());
    }

    #[test]
    fn what_is_no_address_peer_or_pair_is_refused_with_an_example() {
        for (text, word) in [
            ("remove=web8", "not an IP address"),
            ("remove=192.0.2.1:80", "not an IP address"),
            ("reuse=192.0.2.2", "not ADDRESS:PORT"),
            ("reuse=192.0.2.2:0", "not ADDRESS:PORT"),
            ("reuse=2001:db8::2:443", "not ADDRESS:PORT"),
            ("reuse=192.0.2.2:53/udp", "only TCP connections"),
            ("notrack=192.0.2.1", "a shell takes > for itself"),
            ("notrack=192.0.2.1>192.0.2.2", "not SOURCE>ADDRESS:PORT"),
            ("notrack=192.0.2.1>192.0.2.2:80/sctp", "not SOURCE>ADDRESS:PORT"),
            ("max=many", "many is not a whole number"),
            ("max=-1", "not a whole number"),
            ("max", "not KEY=VALUE"),
            ("=3", "not KEY=VALUE"),
            ("max=", "not KEY=VALUE"),
        ] {
            let said = one(text).unwrap_err().to_string();
            assert!(said.starts_with("--what-if ") && said.contains(word), "{text}: {said}");
        }
    }
}
