//! What ends the report: look-alikes, assumptions, gaps, inputs.

use crate::model::diagnosis::Finding;

use super::super::escape;
use super::super::phrase::read;
use super::super::scene::Scene;
use super::page::{Page, Style};
use super::table::{Fit, Table};
use super::wrap::Indent;
use super::{remedies, why};

pub(super) fn set(scene: &Scene<'_>, page: &mut Page) {
    for finding in &scene.report.findings {
        set_finding(scene, finding, page);
    }
    set_assumptions(scene, page);
    set_gaps(scene, page);
    set_inputs(scene, page);
}

fn set_finding(scene: &Scene<'_>, finding: &Finding, page: &mut Page) {
    let title = match &finding.host {
        Some(host) => format!("{}: also found", escape::text(host)),
        None => "Also found".to_owned(),
    };
    page.banner(&title, finding.cause.0);
    page.paragraph(Style::Plain, Indent::all(2), &scene.all_prose(&finding.summary));
    for fact in &finding.evidence {
        why::set_fact(scene, fact, page);
    }
    remedies::set(scene, &finding.remedies, page);
}

fn set_assumptions(scene: &Scene<'_>, page: &mut Page) {
    if scene.report.assumptions.is_empty() {
        return;
    }
    page.banner("Assumed", "");
    for assumption in &scene.report.assumptions {
        page.item(2, "·", &read::assumption(scene, assumption).ticked());
    }
}

fn set_gaps(scene: &Scene<'_>, page: &mut Page) {
    if scene.report.gaps.is_empty() {
        return;
    }
    page.banner("Not known", "");
    for missing in read::missing(scene) {
        page.item(2, "·", &missing.text.ticked());
        if let Some(command) = missing.command {
            remedies::set_command(command, remedies::Copied::Shell, 6, page);
        }
    }
}

/// What may happen to the columns of inputs.
const FITS: [Fit; 5] = [Fit::Path(32), Fit::Cut(12), Fit::Number, Fit::Number, Fit::Optional];

fn set_inputs(scene: &Scene<'_>, page: &mut Page) {
    if scene.report.inputs.is_empty() {
        return;
    }
    page.banner("Inputs", "");
    let columns: Vec<(&'static str, Fit)> = read::TITLES.into_iter().zip(FITS).collect();
    let mut table = Table::new(&columns);
    let (rows, rest) = read::shown(scene.report);
    for input in rows {
        table.row_with_note(read::cells(scene, input).into(), read::note(input));
    }
    table.set(page, 2);
    if let Some(text) = rest {
        page.paragraph(Style::Dim, Indent::all(2), &text);
    }
}
