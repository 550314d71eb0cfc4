//! Records → runs (scan, join) → incidents (conclude). FOLDS.md §A and §C are the law of this room.

pub mod conclude;
pub mod interval;
pub mod join;
pub mod scan;
