//! `nft list ruleset` (also `-a`), and the files it is loaded from: which rules use the tracker. One line is one rule.
//!
//! ```text
//! table inet filter {
//!         chain input {
//!                 type filter hook input priority filter; policy drop;
//!                 ct state established,related accept
//! ```
//!
//! Rules of the older `iptables` back end are not in such a list; those of the newer one are, some of them as
//! `xt match "conntrack"`.

use super::{Head, Reading};
use crate::model::blemish::BlemishKind;
use crate::model::rules::{Rules, is_container_chain, is_kube_chain};

/// Blocks within blocks that are followed.
const DEPTH_MAX: usize = 16;

/// What a block holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Table,
    Chain,
    /// Sets, maps, flowtables and the like: no rules.
    Other,
}

/// Begins a table; in front of it stand at most remarks and commands that clear the old rules.
pub(super) fn looks_like(head: &Head<'_>) -> bool {
    let in_front = |line: &&&str| {
        line.starts_with('#')
            || ["flush ", "define ", "destroy ", "delete ", "add table ", "include "]
                .iter()
                .any(|word| line.starts_with(word))
    };
    head.lines.iter().find(|line| !in_front(line)).is_some_and(|line| {
        let words: Vec<&str> = without_remark(line).split_whitespace().collect();
        words.first() == Some(&"table") && matches!(words.len(), 3..=4) && words.last() == Some(&"{")
    })
}

/// Every line with rules is a record.
pub(super) fn read(text: &[u8], reading: &mut Reading<'_>) {
    let mut rules = Rules { from: vec!["nft"], ..Rules::default() };
    let mut blocks: Vec<Block> = Vec::new();
    reading.each_line(text, |text, line, reading| {
        let text = without_remark(text).trim();
        if text == "}" {
            if blocks.pop().is_none() {
                reading.damage(BlemishKind::BrokenFraming, line);
            }
            return;
        }
        let inside = blocks.last().copied();
        if inside == Some(Block::Other) && !text.ends_with("= {") {
            return;
        }
        let first = text.split_whitespace().next().unwrap_or_default();
        let opens = text.ends_with('{') && inside != Some(Block::Chain);
        if opens {
            if blocks.len() >= DEPTH_MAX {
                return reading.damage(BlemishKind::LineTooLong, line);
            }
            blocks.push(match first {
                "table" => Block::Table,
                "chain" => Block::Chain,
                _ => Block::Other,
            });
        } else if let (Some(Block::Table), Some(body)) = (inside, one_line_chain(text)) {
            reading.records += 1;
            for rule in body.split(';') {
                one(rule.trim(), &mut rules);
            }
        } else if inside == Some(Block::Chain) {
            reading.records += one(text, &mut rules);
        }
    });
    if !blocks.is_empty() {
        let end = super::Line { offset: text.len() as u64, raw: b"", text: Ok("") };
        reading.damage(BlemishKind::Truncated, &end);
    }
    reading.counters.rules = Some(rules);
}

fn one_line_chain(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("chain ").filter(|_| line.ends_with('}'))?;
    Some(rest.split_once('{')?.1.trim_end_matches('}'))
}

/// What stands behind a `#`: a handle, or a remark. Within quotes it is text.
fn without_remark(line: &str) -> &str {
    let mut quoted = false;
    let end = line.char_indices().find(|(_, c)| {
        quoted ^= *c == '"';
        *c == '#' && !quoted
    });
    end.map_or(line, |(end, _)| line.get(..end).unwrap_or(line)).trim_end()
}

/// Words of a rule; what stands in quotes is one word, with its quote in front.
fn words(rule: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = rule.trim_start();
    while !rest.is_empty() {
        let length = match rest.strip_prefix('"') {
            Some(quoted) => quoted.find('"').map_or(rest.len(), |end| end + 2),
            None => rest.find(char::is_whitespace).unwrap_or(rest.len()),
        };
        let (word, behind) = rest.split_at_checked(length).unwrap_or((rest, ""));
        out.push(word);
        rest = behind.trim_start();
    }
    out
}

/// Counts a rule; 0 for the lines of a chain that are none.
fn one(rule: &str, rules: &mut Rules) -> u64 {
    let words = words(rule);
    match words.first() {
        None | Some(&("type" | "policy" | "comment" | "devices")) => return 0,
        Some(_) => {}
    }
    let has = |word: &str| words.contains(&word);
    let pair = |a: &str, b: &str| words.windows(2).any(|two| two == [a, b]);
    let extension = |kind: &str, name: &str| {
        words
            .windows(3)
            .any(|three| matches!(three, ["xt", k, n] if *k == kind && n.trim_matches('"') == name))
    };
    // `ct status dnat` asks, `dnat to` does.
    let does = |word: &str| {
        words.iter().enumerate().any(|(at, found)| {
            *found == word
                && at.checked_sub(1).and_then(|at| words.get(at)).is_none_or(|before| *before != "status")
        })
    };
    let states = pair("ct", "state")
        || pair("ct", "status")
        || extension("match", "conntrack")
        || extension("match", "state");
    let invalid = words
        .iter()
        .any(|word| word.trim_matches(['{', '}', ',']).split(',').any(|state| state == "invalid"));
    let drops = has("drop") || has("reject") || words.iter().any(|word| word.trim_end_matches(',') == "drop");
    let untracks = has("notrack") || extension("target", "NOTRACK");
    let counts = [
        (&mut rules.rules, true),
        (&mut rules.states, states),
        (&mut rules.invalid_dropped, states && invalid && drops),
        (&mut rules.nat.masquerade, does("masquerade") || extension("target", "MASQUERADE")),
        (&mut rules.nat.source, does("snat") || extension("target", "SNAT")),
        (&mut rules.nat.destination, does("dnat") || extension("target", "DNAT")),
        (&mut rules.nat.redirect, does("redirect") || extension("target", "REDIRECT")),
        (&mut rules.untracked_rules, untracks),
        (
            &mut rules.limits,
            pair("ct", "count")
                || has("meter")
                || extension("match", "connlimit")
                || extension("match", "hashlimit"),
        ),
        (&mut rules.offloaded, pair("flow", "add") || pair("flow", "offload")),
        (&mut rules.helpers, pair("ct", "helper")),
        (&mut rules.zones, pair("ct", "zone")),
        (&mut rules.synproxy, has("synproxy") || extension("target", "SYNPROXY")),
        (&mut rules.kube_services, words.iter().any(|word| is_kube_chain(word))),
        (&mut rules.containers, words.iter().any(|word| is_container_chain(word))),
    ];
    for (count, holds) in counts {
        *count = count.saturating_add(u64::from(holds));
    }
    if untracks {
        rules.untrack(rule);
        super::untracked::ports(rule, rules);
    }
    1
}
