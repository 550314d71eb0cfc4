//! Our own formats, versioned; the only room that knows serde.

pub mod bundle;
pub mod report;
pub mod signals;

/// The JSON Schema of one of the formats, by its short name.
pub fn schema(name: &str) -> Option<String> {
    (name == "report").then(report::schema)
}
