//! Our own formats, versioned; the only room that knows serde.

pub mod bundle;
pub mod report;
pub mod signals;
