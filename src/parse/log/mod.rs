//! Dialects of logs. One file per header shape; `header` is their table and what they have in common, `speech` what
//! stands behind a header: who speaks, and the words. `lines` reads the family of shapes that may be mixed line by
//! line in one file, `export` the journal's export format. `time` reads stamps, `repeat` and `loss` the sentences that
//! log daemons write themselves, `recall` is what a line may refer to.

mod bare;
mod console;
mod dmesg;
pub mod dmesg_json;
mod escapes;
pub mod export;
mod glued;
mod header;
mod journal_entry;
mod journal_short;
pub mod journal_verbose;
mod json_leaves;
pub mod json_lines;
pub mod kmsg;
pub mod lines;
mod logread;
mod loss;
mod months;
mod pieces;
mod quoted;
mod recall;
mod repeat;
mod rfc3164;
mod rfc3339;
mod rfc5424;
mod rsyslog_debug;
pub(super) mod rsyslog_json;
mod separators;
mod speech;
pub mod time;
pub mod wrapped_lines;
mod year_first;
