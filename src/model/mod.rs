//! Nouns and the field's constants. No room stands below this one: it imports nothing of the crate
//! but itself, opens nothing, knows no format and no clock.
//!
//! Reading order: how a log line is understood ([`time`], [`signal`], [`record`]), what is summed up
//! of a log ([`run`], [`piece`]), what a set of logs amounts to ([`incident`]); how a table entry is
//! understood ([`flow`]), what is summed up of a table ([`census`]); what else was found beside them
//! ([`counters`] with [`sockets`], [`rules`], [`machine`]; [`input`]); what is said about it all ([`sentence`], [`diagnosis`], [`report`]);
//! what a watcher of a running machine sees and remembers ([`live`]).

pub mod time;

pub mod signal;

pub mod packets;

pub mod tally;

mod rows;

pub mod record;

pub mod run;

pub mod piece;

pub mod incident;

pub mod flow;

pub mod census;

pub mod counters;

pub mod sockets;

pub mod rules;

pub mod machine;

pub mod input;

pub mod sentence;

pub mod scenario;

pub mod diagnosis;

pub mod report;
pub mod shared;

pub mod live;

pub mod fold;

pub mod blemish;
pub mod bundle;

pub mod address_kind;

pub mod era;

pub mod services;

pub mod words;
