//! Records → runs (scan, join) → incidents (conclude).

pub mod conclude;
pub mod interval;
pub mod join;
pub mod live;
pub mod scan;
