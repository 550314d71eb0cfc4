//! Evidence lines that name things (peers, limits, programs), in words.

use crate::model::flow::L4;
use crate::model::piece::Mark;
use crate::model::sentence::{Sentence, Word, noun};
use crate::model::signal::{About, RelatedKind};
use crate::sentence;

/// What the lines of a mark say.
pub(super) fn words(kind: RelatedKind, mark: &Mark) -> Sentence {
    let named = Named(mark);
    match kind {
        RelatedKind::TcpMemory => "TCP ran out of its memory".into(),
        RelatedKind::AllocationFailed => {
            "the tracker did not get its memory: packets are lost without a full table".into()
        }
        RelatedKind::HelpersUnassigned => "the tracker came into use".into(),
        RelatedKind::BridgeTracked => "bridged packets are tracked, too (br_netfilter was loaded)".into(),
        RelatedKind::BridgeUntracked => "bridged packets are not tracked until br_netfilter is loaded".into(),
        RelatedKind::HashlimitFull => named.value(
            "a table of hashlimit was full at",
            noun::ENTRY,
            ": it is the packet filter's, not the tracker's",
        ),
        RelatedKind::ZoneLimit => match named.values().next() {
            Some(zone) => {
                sentence!["Open vSwitch refused entries beyond the limit of zone", Word::Number(zone)]
            }
            None => "Open vSwitch refused entries beyond the limit of a zone".into(),
        },
        RelatedKind::IpvsNoDestination => {
            named.peers("IPVS had no server for", "IPVS had no server for a service")
        }
        RelatedKind::LinkChanged => named.names("the link changed of", "a link of a bond changed"),
        RelatedKind::PortForwarding => named
            .names("ports of a bridge came up (links, containers, guests):", "a port of a bridge came up"),
        RelatedKind::RulesReloaded => named
            .names("rules of the packet filter were replaced by", "rules of the packet filter were replaced"),
        RelatedKind::LimitSet => named.value("kube-proxy set the limit to", noun::ENTRY, ""),
        RelatedKind::SettingRefused => match named.abouts().next() {
            Some(About { value: Some(value), name: Some(name), .. }) => sentence![
                "systemd-sysctl could not set",
                Word::Untrusted(name.as_bytes().into()),
                "to",
                Word::Number(*value)
            ],
            _ => "systemd-sysctl could not set a limit of the tracker".into(),
        },
        RelatedKind::Failover => named.names("keepalived went to", "keepalived changed its state"),
        RelatedKind::EntriesInjected => {
            named.value("conntrackd added", noun::ENTRY, "of another machine to the table")
        }
        RelatedKind::PortsExhausted => {
            let sentence = named.peers("a program of this host found no free local port towards", "");
            if sentence.0.is_empty() {
                named.names("a program of this host found no free local port for", "no local port was free")
            } else {
                sentence
            }
        }
        RelatedKind::UpstreamTimeout => named.peers(
            "a program of this host waited in vain for",
            "a program of this host waited in vain for its upstream",
        ),
        RelatedKind::Victim => {
            named.names("programs of this host waited in vain:", "programs of this host waited in vain")
        }
        RelatedKind::LinesThrottled => named.lost(),
        // Kinds of which the caller speaks itself, and sums of packets, which are no lines.
        _ => Sentence::default(),
    }
}

/// What the lines of a mark name.
struct Named<'a>(&'a Mark);

impl<'a> Named<'a> {
    fn abouts(&self) -> impl Iterator<Item = &'a About> + use<'a> {
        self.0.about.keys()
    }

    fn values(&self) -> impl Iterator<Item = u64> + use<'a> {
        self.abouts().filter_map(|about| about.value)
    }

    /// The greatest value that is named, between words.
    fn value(
        &self,
        before: &'static str,
        noun: crate::model::sentence::Noun,
        behind: &'static str,
    ) -> Sentence {
        let Some(value) = self.values().max() else { return sentence![before, "an unknown number"] };
        let sentence = sentence![before, Word::Count(value, noun)];
        if behind.is_empty() { sentence } else { sentence.with(behind) }
    }

    /// Lines that were dropped, and whose.
    fn lost(&self) -> Sentence {
        let lines =
            |(about, times): (&About, &u64)| about.value.map_or(0, |value| value.saturating_mul(*times));
        let lost = self.0.about.iter().map(lines).fold(0u64, u64::saturating_add);
        let sentence = if lost > 0 {
            sentence![
                "a log daemon dropped at least",
                Word::Count(lost, noun::LINE),
                "of programs that wrote too many"
            ]
        } else {
            sentence!["a log daemon dropped lines of programs that wrote too many"]
        };
        let names = self.names("", "");
        if names.0.is_empty() { sentence } else { Sentence([sentence.with(":").0, names.0].concat()) }
    }

    fn peers(&self, before: &'static str, none: &'static str) -> Sentence {
        let peers = self.abouts().filter_map(|about| about.peer);
        let words = peers.map(|(address, port)| Word::Endpoint(address, port, L4::TCP)).collect();
        listed(before, words, none)
    }

    fn names(&self, before: &'static str, none: &'static str) -> Sentence {
        let names = self.abouts().filter_map(|about| about.name.as_ref());
        let words = names.map(|name| Word::Untrusted(name.as_bytes().into())).collect();
        listed(before, words, none)
    }
}

fn listed(before: &'static str, words: Vec<Word>, none: &'static str) -> Sentence {
    if words.is_empty() {
        return if none.is_empty() { Sentence::default() } else { none.into() };
    }
    let mut sentence = if before.is_empty() { Sentence::default() } else { before.into() };
    for (at, word) in words.into_iter().enumerate() {
        if at > 0 {
            sentence = sentence.with(",");
        }
        sentence = sentence.with(word);
    }
    sentence
}
