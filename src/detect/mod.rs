//! Records → runs (scan, join) → incidents (conclude). The drop interval is in `interval`.

pub mod conclude;
pub mod interval;
pub mod join;
pub mod run;
pub mod scan;
