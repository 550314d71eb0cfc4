//! What a report answers.

use conntriage::model::report::Report;

/// What a case asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected {
    /// The slugs that are right, the best one first. More than one only where the catalogue has no slug of its own.
    pub(crate) right: &'static [&'static str],
    /// Verdicts that are right beside it, where what is asked for is a finding: they are passed over.
    pub(crate) beside: &'static [&'static str],
}

/// A verdict.
pub(crate) const fn verdict(right: &'static [&'static str]) -> Expected {
    Expected { right, beside: &[] }
}

/// A finding, beside verdicts that do not contradict it.
pub(crate) const fn finding(right: &'static [&'static str], beside: &'static [&'static str]) -> Expected {
    Expected { right, beside }
}

/// Verdicts that name no cause: where they stand, a finding is what the report answers.
const NAMES_NO_CAUSE: [&str; 2] = ["no-incident", "insufficient-evidence"];

/// The causes of a report in the order in which it gives them: what was answered, what comes second, and so on.
///
/// - The body is that of the incident that certainly cost most packets; where there is no incident, that of the table
///   with the most entries. Its verdict stands first, its runners-up follow in their order, then the findings.
/// - Where there is no incident and the verdict names no cause (`no-incident`, `insufficient-evidence`), the findings
///   stand before it: a look-alike counts while no verdict says otherwise. So a table of which there is nothing to say is
///   answered `no-incident` only by a report without findings.
/// - No cause stands twice.
pub(crate) fn answers(report: &Report) -> Vec<&'static str> {
    // The earlier of two that cost the same.
    let incident = report.incidents.iter().rev().max_by_key(|view| view.incident.drops.low);
    let table = report.snapshots.iter().rev().max_by_key(|view| view.facts.listed.max(view.facts.count));
    let findings: Vec<&str> = report.findings.iter().map(|finding| finding.cause.0).collect();
    let body = incident.map(|view| &view.body).or(table.map(|view| &view.body));
    let said: Vec<&str> = body.map_or(Vec::new(), |body| {
        let runners_up = body.runners_up.iter().map(|runner_up| runner_up.cause.0);
        std::iter::once(body.verdict.cause.0).chain(runners_up).collect()
    });
    let open = incident.is_none() && said.first().is_none_or(|cause| NAMES_NO_CAUSE.contains(cause));
    let order = if open { [findings, said] } else { [said, findings] };
    let mut out: Vec<&'static str> = Vec::new();
    for cause in order.into_iter().flatten() {
        if !out.contains(&cause) {
            out.push(cause);
        }
    }
    out
}

/// The place of the right answer: 0 is first; none: it is not there.
pub(crate) fn place(answers: &[&'static str], expected: Expected) -> Option<usize> {
    shown(answers, expected).iter().position(|cause| expected.right.contains(cause))
}

/// The answers without the verdicts that may stand beside what is asked for.
pub(crate) fn shown(answers: &[&'static str], expected: Expected) -> Vec<&'static str> {
    answers.iter().copied().filter(|cause| !expected.beside.contains(cause)).collect()
}
