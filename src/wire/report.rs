//! `conntriage.report/1` (DESIGN §4).

use crate::model::report::Report;
use crate::model::sentence::Sentence;

/// The report as JSON, pretty-printed, with a final line end. `spell` turns sentences into plain words.
pub fn to_json(report: &Report, spell: &dyn Fn(&Sentence) -> String) -> String {
    let _ = (report, spell);
    String::new()
}

/// Its JSON Schema.
pub fn schema() -> String {
    String::new()
}
