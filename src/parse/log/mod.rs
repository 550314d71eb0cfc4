//! Dialects of logs. One file per header shape, `time` for stamps, `lines` for the family of shapes that may be
//! mixed line by line in one file, `export` for the journal's export format.

pub mod export;
pub mod lines;
pub mod time;
