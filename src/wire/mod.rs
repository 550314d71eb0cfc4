//! Our own formats, versioned; the only room that knows serde.
//!
//! | name | what |
//! |---|---|
//! | `conntriage.report/1` | [`report`]: what `analyze` and `incidents show` print |
//! | `conntriage.incidents/1` | [`incidents`]: what `incidents list` prints |
//! | `conntriage.bundle/1` | [`bundle`]: the manifest of an evidence bundle |
//! | `conntriage.owners/1` | [`owners`]: whose the busiest addresses and sockets were |
//! | `conntriage.signals/1` | [`signals`]: what `scan` prints and `analyze` reads |
//! | `conntriage.samples/1` | [`samples`]: counters once a second, in a bundle |
//! | `conntriage.state/1` | [`state`]: what `watch` remembers; nobody else reads it |
//!
//! Additive change keeps the number.

mod mirror;
mod value;

pub mod attempt;
pub mod bundle;
pub mod incidents;
pub mod metrics;
pub mod notice;
pub mod owners;
pub mod queue;
pub mod report;
pub mod samples;
pub mod signals;
pub mod state;

/// Formats with a JSON Schema, by the names `conntriage schema NAME` takes.
pub const SCHEMAS: [&str; 5] = ["report", "incidents", "bundle", "signals", "samples"];

/// The JSON Schema of a format, pretty-printed with a final line end; none for a name not among [`SCHEMAS`].
pub fn schema(name: &str) -> Option<String> {
    match name {
        "report" => Some(report::schema()),
        "incidents" => Some(incidents::schema()),
        "bundle" => Some(bundle::schema()),
        "signals" => Some(signals::schema()),
        "samples" => Some(samples::schema()),
        _ => None,
    }
}
