//! Messages leave the machine's outbox: into files ([`eml`]), into the hands of a local MTA ([`sendmail`], of which [`mta`]
//! tells what it really is), to a relay ([`smtp`]), or, where programs are told, to an address of theirs ([`http`]); the last two
//! in a process of its own for each attempt ([`attempt`], and from within [`inside`]).

pub mod attempt;
mod child;
pub mod eml;
pub mod examine;
pub mod http;
pub mod inside;
pub mod mta;
pub mod secret;
pub mod sendmail;
pub mod smtp;
mod tls;

pub use child::Bound;
