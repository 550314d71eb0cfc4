//! The first lines of everything that these cases are told, held against their law, and shown to be read.

use std::collections::{BTreeMap, BTreeSet};

use crate::case::Case;
use crate::first_lines::{self, Head};
use crate::run::Outcome;

/// Heads of one cause that are shown, at most.
const SHOWN: usize = 6;

/// What is wrong with them, each thing once, with the first case that shows it.
pub(crate) fn judge(cases: &[Case], outcomes: &[Outcome]) -> Vec<String> {
    let mut seen: BTreeSet<&Head> = BTreeSet::new();
    let mut out = Vec::new();
    for outcome in outcomes {
        for head in outcome.heads.iter().filter(|head| seen.insert(head)) {
            let case = cases[outcome.case].name;
            out.extend(
                first_lines::wrong(head).iter().map(|wrong| format!("{case} {}: {wrong}", outcome.seed)),
            );
        }
    }
    out
}

/// Prints them, a few of each cause, those of different cases first.
pub(crate) fn show(cases: &[Case], outcomes: &[Outcome]) {
    let mut by_cause: BTreeMap<(bool, &str), Vec<(&str, &Head)>> = BTreeMap::new();
    for outcome in outcomes {
        let case = cases[outcome.case].name;
        for head in &outcome.heads {
            let shown = by_cause.entry((head.is_finding, head.slug)).or_default();
            if shown.len() < SHOWN && shown.iter().all(|(other, _)| *other != case) {
                shown.push((case, head));
            }
        }
    }
    for ((is_finding, slug), heads) in by_cause {
        println!("\n== {slug}{}", if is_finding { " (finding)" } else { "" });
        for (case, head) in heads {
            println!("-- {case}");
            head.lines.iter().for_each(|line| println!("{:>3}  {line}", line.chars().count() + 1));
        }
    }
}
