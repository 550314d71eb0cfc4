//! `iptables -L`, with or without `-n`, `-v`, `--line-numbers`: one table in columns. What the tracker is used for is told
//! in words there (`ctstate RELATED,ESTABLISHED`); remarks stand between `/*` and `*/`.

use super::{Head, Reading};
use crate::model::blemish::BlemishKind;
use crate::model::rules::{Rules, is_container_chain, is_kube_chain};

pub(super) fn looks_like(head: &Head<'_>) -> bool {
    is_chain(head.first()) && head.lines.get(1).is_some_and(|line| is_header(line) || is_chain(line))
}

fn is_chain(line: &str) -> bool {
    line.starts_with("Chain ")
        && line.ends_with(')')
        && (line.contains(" (policy ") || line.contains(" references)"))
}

fn is_header(line: &str) -> bool {
    ["target", "prot", "opt", "source", "destination"].iter().all(|name| line.contains(name))
}

/// Every rule is a record.
pub(super) fn read(text: &[u8], reading: &mut Reading<'_>) {
    let mut rules = Rules { from: vec!["iptables"], ..Rules::default() };
    let mut in_chain = false;
    reading.each_line(text, |text, line, reading| {
        if is_chain(text) {
            in_chain = true;
        } else if in_chain && !is_header(text) {
            reading.records += 1;
            one(text, &mut rules);
        } else if !in_chain && !text.starts_with("Table: ") && !text.starts_with('#') {
            reading.damage(BlemishKind::Unrecognised, line);
        }
    });
    reading.counters.rules = Some(rules);
}

/// Words of a rule without its remarks.
fn words(line: &str) -> Vec<&str> {
    let mut remark = false;
    let words = line.split_whitespace().filter(|word| {
        let was = remark;
        remark = (remark || *word == "/*") && *word != "*/";
        !was && !remark
    });
    words.collect()
}

fn one(line: &str, rules: &mut Rules) {
    let words = words(line);
    // In front of the target stand a number, packets and bytes; without a target the protocol moves up.
    let is_count =
        |word: &&&str| word.trim_end_matches(['K', 'M', 'G', 'T']).bytes().all(|b| b.is_ascii_digit());
    let target = words.iter().find(|word| !is_count(word)).copied().unwrap_or_default();
    let has = |word: &str| words.contains(&word);
    let states = ["state", "ctstate"].iter().find_map(|name| {
        let at = words.iter().position(|word| word == name)?;
        words.get(at + 1).copied()
    });
    let invalid = states.is_some_and(|states| states.split(',').any(|state| state == "INVALID"));
    let untracks = target == "NOTRACK" || (target == "CT" && (has("NOTRACK") || has("notrack")));
    for (count, holds) in [
        (&mut rules.rules, true),
        (&mut rules.states, states.is_some()),
        (&mut rules.invalid_dropped, invalid && ["DROP", "REJECT"].contains(&target)),
        (&mut rules.nat.masquerade, target == "MASQUERADE"),
        (&mut rules.nat.source, target == "SNAT"),
        (&mut rules.nat.destination, target == "DNAT"),
        (&mut rules.nat.redirect, target == "REDIRECT"),
        (&mut rules.untracked_rules, untracks),
        (&mut rules.limits, has("#conn") || words.iter().any(|word| word.starts_with("#conn/"))),
        (&mut rules.helpers, target == "CT" && has("helper")),
        (&mut rules.zones, target == "CT" && has("zone")),
        (&mut rules.synproxy, target == "SYNPROXY"),
        (&mut rules.kube_services, is_kube_chain(target)),
        (&mut rules.containers, is_container_chain(target)),
    ] {
        *count = count.saturating_add(u64::from(holds));
    }
    if untracks {
        rules.untrack(line.trim());
        super::untracked::ports(line, rules);
    }
}
