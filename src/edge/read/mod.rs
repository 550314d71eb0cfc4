//! Reading: paths → streams → what `parse` understands, summed up by whatever sinks the caller hands in.
//!
//! [`walk`] finds the files, [`open`] opens them without ever blocking on one, [`decode`] unpacks ([`gzip`] member by
//! member), [`blocks`] cuts streams at line ends, [`identity`] names streams by content, [`looks`] does the work on all
//! cores. Files are read by `read`, never mapped: a mapped file counts as memory, and dies of SIGBUS when somebody
//! truncates it.

pub mod ahead;
pub mod blocks;
pub mod decode;
pub mod gzip;
pub mod identity;
pub mod looks;
pub mod one;
pub mod open;
pub mod walk;

pub use looks::{FirstLook, TableLook, first_look, second_look};
