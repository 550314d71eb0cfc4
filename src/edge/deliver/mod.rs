//! Messages leave the machine's outbox: into files ([`eml`]), into the hands of a local MTA ([`sendmail`], of which [`mta`]
//! tells what it really is), to a relay ([`smtp`], in a process of its own for each attempt: [`attempt`]), or, where programs
//! are told, to an address of theirs ([`http`]).

pub mod attempt;
mod child;
pub mod eml;
pub mod examine;
pub mod http;
pub mod mta;
pub mod secret;
pub mod sendmail;
pub mod smtp;
