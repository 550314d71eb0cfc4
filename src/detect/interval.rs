//! The drop interval of an incident from its runs (FOLDS.md §C).
