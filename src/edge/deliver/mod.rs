//! Messages leave the machine's outbox: into files ([`eml`]), or into the hands of a local MTA ([`sendmail`]).

pub mod eml;
pub mod sendmail;
