//! `conntriage.signals/1`: pieces as JSON lines, what `scan` prints and `analyze` reads. `read(write(p)) == p`.
//!
//! A line is an object; its first key is `schema`. It mirrors the model's structs field by field ([`super::mirror`] says how,
//! `fields` says which), so that a field added to the model and forgotten here does not compile. Raw bytes are written
//! as text with one character per byte (U+0000 to U+00FF), moments as arrays.
//!
//! Who writes such lines may be a stranger: unknown keys and other versions are refused, and so is what holds more than
//! a piece may hold (`limits`). Reading takes memory in proportion to the line.

mod fields;
mod limits;
mod packets;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::mirror::Mirror;
use crate::model::input::{Hints, LOG_DIALECTS, LogStream};
use crate::model::piece::Piece;

/// Name and version of the format.
const SCHEMA: &str = "conntriage.signals/1";

/// One log, summed up: nothing inferred. Moments are arrays [offset, stamp, precision µs, µs since boot, record number].
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Line {
    /// Name and version of this format.
    #[schemars(extend("const" = "conntriage.signals/1"))]
    schema: String,
    /// Name of the log by its content.
    id: Box<str>,
    dialect: String,
    hints: <Hints as Mirror>::Wire,
    piece: <Piece as Mirror>::Wire,
}

/// Only what says which format it is.
#[derive(Deserialize)]
struct Head {
    schema: String,
}

/// One line of JSON, without line end, for one stream.
pub fn write(stream: &LogStream) -> String {
    let line = Line {
        schema: SCHEMA.to_owned(),
        id: stream.id.clone(),
        dialect: stream.dialect.to_owned(),
        hints: stream.hints.to_wire(),
        piece: stream.piece.to_wire(),
    };
    // Strings, numbers, lists and objects with text keys can always be written.
    serde_json::to_string(&line).unwrap_or_default()
}

/// Reads one line.
pub fn read(line: &[u8]) -> Result<LogStream, String> {
    let line: Line = serde_json::from_slice(line).map_err(|error| explain(line, &error))?;
    if line.schema != SCHEMA {
        return Err(other_schema(&line.schema));
    }
    let dialect = LOG_DIALECTS.iter().find(|name| **name == line.dialect);
    let dialect =
        dialect.ok_or_else(|| format!("unknown dialect of a log: {:?}", shortened(&line.dialect)))?;
    let hints = Hints::from_wire(line.hints).map_err(|error| format!("hints: {error}"))?;
    let piece = Piece::from_wire(line.piece).map_err(|error| format!("piece: {error}"))?;
    limits::check(&piece)?;
    Ok(LogStream { id: line.id, hints, dialect, piece })
}

/// Another version is told as such, whatever else differs in it.
fn explain(line: &[u8], error: &serde_json::Error) -> String {
    match serde_json::from_slice::<Head>(line) {
        Ok(head) if head.schema != SCHEMA => other_schema(&head.schema),
        _ => format!("not a line of {SCHEMA}: {error}"),
    }
}

fn other_schema(schema: &str) -> String {
    format!("the line is of {:?}; this version reads {SCHEMA}", shortened(schema))
}

fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}

/// Its JSON Schema, of one line.
pub fn schema() -> String {
    super::value::schema_of::<Line>()
}

/// The head of an input looks like lines of this format.
pub fn looks_like(head: &[u8]) -> bool {
    head.starts_with(br#"{"schema":"conntriage.signals/1""#)
}
