//! Reading: paths → streams → what `parse` understands, summed up by whatever sinks the caller hands in.
//!
//! [`walk`] finds the files, [`open`] opens them without ever blocking on one, [`decode`] unpacks ([`packing`] knows how,
//! [`bounded`] how far), [`archive`] goes through the members of tar files, [`blocks`] cuts streams at line ends, [`identity`] names streams by content, [`journal`] hands native journal files over by position, [`looks`] does the work on all cores. Files are read
//! by `read`, never mapped: a mapped file counts as memory, and dies of SIGBUS when somebody truncates it.

pub mod ahead;
pub mod archive;
pub mod blocks;
pub mod bounded;
pub mod decode;
pub mod identity;
pub mod journal;
pub mod looks;
pub mod lz4;
pub mod one;
pub mod open;
pub mod packing;
pub mod walk;

pub use looks::{FirstLook, TableLook, first_look, second_look};
