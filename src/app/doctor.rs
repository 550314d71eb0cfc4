//! `doctor`: what the program can and cannot see and do here, and why.

use crate::cli::exit::Exit;
use crate::edge::output;
use crate::edge::{capture::health, capture::health::Verdict};
use crate::report::escape;

/// Examines, prints, answers.
pub fn run() -> anyhow::Result<Exit> {
    let rows = health::examine();
    let line = |row: &health::Row| {
        let (what, said) = (escape::text(&row.what), escape::text(&row.said));
        format!("{:<7} {what:<28} {said}\n", row.verdict.word())
    };
    let text = rows.iter().map(line).collect::<Vec<_>>().concat();
    output::to_stdout(&text)?;
    let any = |verdict: Verdict| rows.iter().any(|row| row.verdict == verdict);
    Ok(if any(Verdict::Fails) {
        Exit::Failed
    } else if any(Verdict::Unknown) {
        Exit::Partial
    } else {
        Exit::Done
    })
}
