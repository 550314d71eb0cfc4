//! Messages leave the machine's outbox: into files ([`eml`]), into the hands of a local MTA ([`sendmail`], of which [`mta`]
//! tells what it really is), or to a relay ([`smtp`], in a process of its own for each attempt: [`attempt`]).

pub mod attempt;
mod child;
pub mod eml;
pub mod examine;
pub mod mta;
pub mod secret;
pub mod sendmail;
pub mod smtp;
