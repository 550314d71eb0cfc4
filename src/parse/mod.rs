//! Bytes → values, total: any bytes give values and blemishes. Opens nothing, never panics.

pub mod counters;
pub mod journal_file;
pub mod json;
pub mod json_frames;
pub mod kernel;
pub mod log;
pub mod packet;
pub mod proc_sockets;
pub mod programs;
pub mod sniff;
pub mod table;
