//! What must hold whatever bytes are read, one module for each family of parsers. The targets hand their bytes to one of
//! these functions and do nothing else, so that what was found can be turned into a test word for word.

pub mod archives;
pub mod counters;
pub mod dice;
pub mod journal_file;
pub mod lines;
pub mod messages;
pub mod netlink;
pub mod records;
pub mod signals;
pub mod streams;
pub mod tables;

#[path = "../../tests/journal_files/writer.rs"]
#[allow(dead_code, reason = "a test's own file")]
pub mod writer;
