//! What speaks for the verdict and against it, and why other causes lost.

use crate::model::diagnosis::{Evidence, RunnerUp};

use super::super::phrase::cause;
use super::super::scene::Scene;
use super::page::Page;

pub(super) fn set_evidence(scene: &Scene<'_>, evidence: &[Evidence], page: &mut Page) {
    if evidence.is_empty() {
        return;
    }
    page.heading(cause::evidence_title(evidence));
    for fact in evidence {
        set_fact(scene, fact, page);
    }
}

/// One fact, with its sign and where it was read.
pub(super) fn set_fact(scene: &Scene<'_>, fact: &Evidence, page: &mut Page) {
    page.item(4, cause::sign(fact), &cause::fact(scene, fact).ticked());
}

pub(super) fn set_runners_up(scene: &Scene<'_>, runners_up: &[RunnerUp], page: &mut Page) {
    if runners_up.is_empty() {
        return;
    }
    page.heading("Why not another cause");
    for runner_up in runners_up {
        page.item(4, "·", &cause::runner_up(scene, runner_up).ticked());
    }
}
