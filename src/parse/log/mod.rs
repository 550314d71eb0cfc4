//! Dialects of logs. One file per header shape; `header` is their table and what they have in common, `speech` what
//! stands behind a header: who speaks, and the words. `lines` reads the family of shapes that may be mixed line by
//! line in one file, `export` the journal's export format. `time` reads stamps, `repeat` and `loss` the sentences that
//! log daemons write themselves, `recall` is what a line may refer to.

mod bare;
mod dmesg;
pub mod export;
mod header;
mod journal_entry;
mod journal_short;
pub mod journal_verbose;
mod json_leaves;
pub mod json_lines;
mod kmsg;
pub mod lines;
mod loss;
mod pieces;
mod recall;
mod repeat;
mod rfc3164;
mod rfc3339;
mod rfc5424;
mod separators;
mod speech;
pub mod time;
pub mod wrapped_lines;
