//! What fixes it, as values. Every number is computed from the table at hand; every command carries the key names of
//! that kernel. What must never be printed is in [`guard`].

mod connections;
mod delete;
mod established;
mod expectations;
pub(crate) mod guard;
mod limit;
mod notrack;
mod syn;
mod time_wait;

pub(crate) use connections::reuse_connections;
pub(crate) use delete::{delete_established_to, delete_time_wait};
pub(crate) use established::established_timeout;
pub(crate) use expectations::expectation_limit;
pub(crate) use limit::{more_buckets, raise_limit};
pub(crate) use notrack::{Refusal, notrack};
pub(crate) use syn::{shorter_handshake, stop_before_tracking, synproxy};
pub(crate) use time_wait::shorter_time_wait;

use std::net::IpAddr;

use crate::model::diagnosis::Command;

/// A command on the host itself.
pub(crate) fn here(line: String, undo: Option<String>) -> Command {
    Command { line, place: "this host".to_owned(), undo }
}

/// A line of a file or of a program's configuration.
pub(crate) fn in_file(line: &str, place: &str) -> Command {
    Command { line: line.to_owned(), place: place.to_owned(), undo: None }
}

/// `conntrack` selects IPv4 unless told otherwise.
pub(crate) fn family(address: IpAddr) -> &'static str {
    match address.to_canonical() {
        IpAddr::V4(_) => "",
        IpAddr::V6(_) => "-f ipv6 ",
    }
}

/// Writes a setting now and keeps it, in the way of that kernel: (now, kept).
pub(crate) fn set(kernel: &super::kernel::Kernel, bare: &str, value: u64, old: Option<u64>) -> Vec<Command> {
    let key = kernel.key(bare);
    let undo = old.map(|old| format!("sysctl -w {key}={old}"));
    let mut commands = vec![here(format!("sysctl -w {key}={value}"), undo)];
    let file = limit::settings_file(kernel);
    commands.push(Command { line: format!("{key} = {value}"), place: file.to_owned(), undo: None });
    commands
}
