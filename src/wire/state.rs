//! `conntriage.state/1`: what `watch` writes into its own state, and nobody else reads: positions of sources, and what
//! the policy remembers. `read(write(x)) == x`.

mod memory;
mod position;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::mirror::Mirror;
use crate::model::live::intent::Notice;
use crate::model::live::life::Memory;
use crate::model::live::position::Position;

/// Writes a position.
pub fn write_position(position: &Position) -> String {
    write(position)
}

/// Reads one. An error says what is wrong.
pub fn read_position(json: &[u8]) -> Result<Position, String> {
    read(json)
}

/// Writes what the policy remembers.
pub fn write_memory(memory: &Memory) -> String {
    write(memory)
}

/// Reads it. An error says what is wrong.
pub fn read_memory(json: &[u8]) -> Result<Memory, String> {
    read(json)
}

/// Writes what a message is to tell.
pub fn write_notice(notice: &Notice) -> String {
    write(notice)
}

/// Reads it. An error says what is wrong.
pub fn read_notice(json: &[u8]) -> Result<Notice, String> {
    read(json)
}

fn write<T: Mirror>(value: &T) -> String
where
    T::Wire: Serialize,
{
    // Strings, numbers, lists and objects with text keys can always be written.
    serde_json::to_string(&value.to_wire()).unwrap_or_default()
}

fn read<T: Mirror>(json: &[u8]) -> Result<T, String>
where
    T::Wire: DeserializeOwned,
{
    T::from_wire(serde_json::from_slice(json).map_err(|error| error.to_string())?)
}
