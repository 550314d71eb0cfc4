//! `nft -j list ruleset`: the same facts as [`super::nft`], found by the names of the objects' members. A whole JSON reader
//! is not needed for that: a string before a colon is a name, any other is a value, and text in a comment stays a value.
//! Which traffic a rule takes out of tracking is not read here: that there is such a rule is.

use super::{Head, Line, Reading};
use crate::model::blemish::BlemishKind;
use crate::model::rules::{Rules, is_container_chain, is_kube_chain};

/// Bytes of a name or value that are looked at.
const WORD_BYTES_MAX: usize = 32;

pub(super) fn looks_like(head: &Head<'_>) -> bool {
    let packed: String = head
        .lines
        .iter()
        .take(4)
        .flat_map(|line| line.chars())
        .filter(|c| !c.is_whitespace())
        .take(16)
        .collect();
    packed.starts_with("{\"nftables\":[")
}

/// What one rule holds.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "one for each thing that may stand in a rule")]
struct Holds {
    states: bool,
    invalid: bool,
    drops: bool,
    masquerade: bool,
    source: bool,
    destination: bool,
    redirect: bool,
    untracks: bool,
    limits: bool,
    offloads: bool,
    helper: bool,
    zone: bool,
    synproxy: bool,
    kube: bool,
    containers: bool,
}

/// Every rule is a record.
pub(super) fn read(text: &[u8], reading: &mut Reading<'_>) {
    let mut rules = Rules { from: vec!["nft"], ..Rules::default() };
    let mut rule: Option<Holds> = None;
    let mut keys: [&[u8]; 2] = [b"", b""];
    let mut depth = 0i64;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        at += 1;
        match byte {
            b'{' | b'[' => depth = depth.saturating_add(1),
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let length = string(text.get(at..).unwrap_or_default());
                let word = text.get(at..at + length).unwrap_or_default();
                let word = word.get(..WORD_BYTES_MAX).unwrap_or(word);
                at = at.saturating_add(length).saturating_add(1);
                let behind = text.get(at..).unwrap_or_default().trim_ascii_start();
                if !behind.starts_with(b":") {
                    value(word, keys, rule.as_mut());
                } else if word == b"rule" {
                    rules_add(rule.replace(Holds::default()), &mut rules);
                } else if [&b"chain"[..], b"table", b"set", b"map"].contains(&word) && depth <= 3 {
                    rules_add(rule.take(), &mut rules);
                } else {
                    key(word, rule.as_mut());
                    keys = [keys[1], word];
                }
            }
            _ => {}
        }
    }
    rules_add(rule, &mut rules);
    if depth != 0 {
        let end = Line { offset: text.len() as u64, raw: b"", text: Ok("") };
        reading.damage(BlemishKind::Truncated, &end);
    }
    // Hundreds of rules may stand in one line; a record is never less than a line.
    reading.records = u64::from(rules.rules > 0);
    reading.counters.rules = Some(rules);
}

/// Length of a string up to its closing quote.
fn string(text: &[u8]) -> usize {
    let mut escaped = false;
    text.iter()
        .position(|byte| {
            let ends = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            ends
        })
        .unwrap_or(text.len())
}

fn key(word: &[u8], rule: Option<&mut Holds>) {
    let Some(rule) = rule else { return };
    match word {
        b"masquerade" => rule.masquerade = true,
        b"snat" => rule.source = true,
        b"dnat" => rule.destination = true,
        b"redirect" => rule.redirect = true,
        b"notrack" => rule.untracks = true,
        b"ct count" | b"meter" => rule.limits = true,
        b"flow" => rule.offloads = true,
        b"ct helper" => rule.helper = true,
        b"synproxy" => rule.synproxy = true,
        b"drop" | b"reject" => rule.drops = true,
        _ => {}
    }
}

fn value(word: &[u8], keys: [&[u8]; 2], rule: Option<&mut Holds>) {
    let Some(rule) = rule else { return };
    match (keys, word) {
        ([b"ct", b"key"], b"state" | b"status") => rule.states = true,
        ([b"ct", b"key"], b"zone") => rule.zone = true,
        ([b"ct", b"key"], b"helper") => rule.helper = true,
        ([b"jump" | b"goto", b"target"], chain) => {
            let chain = std::str::from_utf8(chain).unwrap_or_default();
            rule.kube |= is_kube_chain(chain);
            rule.containers |= is_container_chain(chain);
        }
        (_, b"invalid") => rule.invalid = true,
        _ => {}
    }
}

fn rules_add(rule: Option<Holds>, rules: &mut Rules) {
    let Some(rule) = rule else { return };
    for (count, holds) in [
        (&mut rules.rules, true),
        (&mut rules.states, rule.states),
        (&mut rules.invalid_dropped, rule.states && rule.invalid && rule.drops),
        (&mut rules.nat.masquerade, rule.masquerade),
        (&mut rules.nat.source, rule.source),
        (&mut rules.nat.destination, rule.destination),
        (&mut rules.nat.redirect, rule.redirect),
        (&mut rules.untracked_rules, rule.untracks),
        (&mut rules.limits, rule.limits),
        (&mut rules.offloaded, rule.offloads),
        (&mut rules.helpers, rule.helper),
        (&mut rules.zones, rule.zone),
        (&mut rules.synproxy, rule.synproxy),
        (&mut rules.kube_services, rule.kube),
        (&mut rules.containers, rule.containers),
    ] {
        *count = count.saturating_add(u64::from(holds));
    }
}
