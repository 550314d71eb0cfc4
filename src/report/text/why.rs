//! What speaks for the verdict and against it, and why other causes lost.

use std::fmt::Write as _;

use crate::model::diagnosis::{Evidence, RunnerUp};

use super::super::scene::Scene;
use super::super::words;
use super::page::Page;

/// Inputs that a fact names.
const SOURCES_SHOWN: usize = 2;

pub(super) fn set_evidence(scene: &Scene<'_>, evidence: &[Evidence], page: &mut Page) {
    if evidence.is_empty() {
        return;
    }
    let has_both = evidence.iter().any(|e| e.speaks_for == Some(false));
    page.heading(if has_both { "Evidence (+ for, − against)" } else { "Evidence" });
    for fact in evidence {
        set_fact(scene, fact, page);
    }
}

/// One fact, with its sign and where it was read.
pub(super) fn set_fact(scene: &Scene<'_>, fact: &Evidence, page: &mut Page) {
    let mark = match fact.speaks_for {
        Some(true) => "+",
        Some(false) => "−",
        None => "·",
    };
    let mut text = scene.say(&fact.fact);
    // A fact put together from many inputs names none of them: the JSON report lists them all.
    if (1..=SOURCES_SHOWN).contains(&fact.from.len()) {
        let _ = write!(text, " [{}]", scene.input_names(&fact.from));
    }
    page.item(4, mark, &text);
}

pub(super) fn set_runners_up(scene: &Scene<'_>, runners_up: &[RunnerUp], page: &mut Page) {
    if runners_up.is_empty() {
        return;
    }
    page.heading("Why not another cause");
    for runner_up in runners_up {
        let head = words::cause_and_confidence(runner_up.cause, runner_up.confidence);
        page.item(4, "·", &format!("{head}: {}", scene.say(&runner_up.why_not)));
    }
}
