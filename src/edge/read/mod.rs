//! Reading: paths → streams → what `parse` understands, summed up by whatever sinks the caller hands in.
//!
//! [`walk`] finds the files, [`open`] opens them without ever blocking on one, [`decode`] unpacks ([`packing`] knows how,
//! [`gzip`] and [`lz4`] to the last member, [`bounded`] how far), [`archive`] goes through the members of tar files,
//! [`bundles`] tells what was saved together, [`blocks`] cuts streams at line ends, `logs` reads a log from its beginning
//! (or its end), [`journal`] the journal's own files by position, [`identity`] names streams by content, [`looks`] does the work on all cores. Files are read
//! by `read`, never mapped: a mapped file counts as memory, and dies of SIGBUS when somebody truncates it.

pub mod ahead;
pub mod archive;
pub mod blocks;
pub mod bounded;
pub mod bundles;
pub mod decode;
pub mod gzip;
pub mod identity;
pub mod journal;
mod logs;
pub mod looks;
pub mod lz4;
pub mod one;
pub mod open;
pub mod packing;
pub mod walk;

pub use looks::{FirstLook, TableLook, first_look, look_at_notes, second_look};
