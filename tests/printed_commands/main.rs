//! Every command line that a report prints under "What to do", given to the real programs: `nft`, `iptables`, `conntrack`,
//! `sysctl`, `sed`, `ss`, `ip`. Each remedy has a network namespace and an `/etc` of its own, in which its lines are typed in
//! their order, and then its undo lines, the last first: no line is refused, and what was done is undone.
//!
//! What deletes entries is typed into a real table: that of the case, put into the kernel by `conntrack -R`. As many must go
//! as the report said.
//!
//! Lines of programs that are not here (services, clusters, switches) are only read by the shell, without being run, and
//! nothing is ever written that is one for all namespaces.

#![allow(
    dead_code,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a test program, which uses some of what makes the labelled cases"
)]

#[path = "../cases/answer.rs"]
mod answer;
#[path = "../cases/case.rs"]
mod case;
#[path = "../common/mod.rs"]
mod common;
#[path = "../cases/draw.rs"]
mod draw;
#[path = "../cases/field/mod.rs"]
mod field;
#[path = "../first_lines/mod.rs"]
mod first_lines;
#[path = "../cases/flow.rs"]
mod flow;
#[path = "../cases/kernel.rs"]
mod kernel;
#[path = "../cases/life.rs"]
mod life;
#[path = "../model/limiter.rs"]
mod limiter;
#[path = "../cases/neighbours.rs"]
mod neighbours;
#[path = "../cases/noise.rs"]
mod noise;
#[path = "../cases/own/mod.rs"]
mod own;
#[path = "../owned/mod.rs"]
mod owned;
#[path = "../cases/possible.rs"]
mod possible;
#[path = "../cases/run.rs"]
mod run;
#[path = "../cases/scene.rs"]
mod scene;
#[path = "../cases/write.rs"]
mod write;

mod collect;
mod line;
mod room;
mod table;

use std::collections::BTreeSet;

use collect::Printed;
use line::Step;

/// Remedies that all cases and samples print, at least: fewer, and the collecting is broken.
const REMEDIES_MIN: usize = 150;
/// Remedies that delete entries of a table that was put into the kernel, at least.
const DELETIONS_MIN: usize = 8;

#[test]
fn every_printed_command_is_taken_by_the_program_it_is_for() {
    if let Err(why) = room::possible() {
        return common::skip("every_printed_command_is_taken_by_the_program_it_is_for", &why);
    }
    let mut printed = collect::of_samples();
    printed.extend(collect::of_cases());
    let mut seen = BTreeSet::new();
    // The same lines of another table are the same lines, but for those that delete.
    printed.retain(|remedy| remedy.table.is_some() || seen.insert(format!("{:?}", remedy.lines)));
    assert!(printed.len() >= REMEDIES_MIN, "only {} remedies were found", printed.len());
    let results = run::each(printed.len(), |at| judge(&printed[at]));
    let counted = results.iter().filter(|(_, counted)| *counted).count();
    let wrong: Vec<&String> = results.iter().flat_map(|(wrong, _)| wrong).collect();
    for line in &wrong {
        eprintln!("WRONG: {line}");
    }
    assert!(
        wrong.is_empty(),
        "{} of {} remedies are refused or do something else",
        wrong.len(),
        printed.len()
    );
    assert!(counted >= DELETIONS_MIN, "only {counted} deletions were counted");
}

/// What is wrong with a remedy, and whether the entries it deletes were counted.
fn judge(remedy: &Printed) -> (Vec<String>, bool) {
    let said = |what: &str| format!("{}: {}: {what}", remedy.from, remedy.id);
    let mut steps = Vec::new();
    let mut undo: Vec<Step> = Vec::new();
    for line in &remedy.lines {
        match line::step(line) {
            Ok(step) => steps.extend(step),
            Err(why) => return (vec![said(&why)], false),
        }
        match line::undo(line) {
            Ok(step) => undo.extend(step),
            Err(why) => return (vec![said(&why)], false),
        }
    }
    undo.reverse();
    if steps.is_empty() {
        return (Vec::new(), false);
    }
    let outcome = room::typed(&steps, &undo, remedy.table.as_deref());
    let mut wrong: Vec<String> = outcome.refused.iter().map(|why| said(why)).collect();
    let deletes = steps.iter().any(Step::deletes);
    let loaded = outcome.loaded.is_some();
    if let (Some((before, after)), Some(freed), true) = (outcome.loaded, remedy.freed, deletes) {
        let meant = remedy.table.as_ref().map_or(0, |table| table.lines().count() as u64);
        if before != meant {
            wrong.push(said(&format!("only {before} of {meant} entries could be put into the kernel")));
        }
        let gone = before.saturating_sub(after);
        if gone != freed {
            wrong.push(said(&format!("frees {gone} of {before} entries, and the report said {freed}")));
        }
    }
    if let Some(left) = outcome.left.filter(|_| !undo.is_empty()) {
        wrong.push(said(&format!("after its undo lines there is still: {left}")));
    }
    (wrong, loaded && deletes)
}
