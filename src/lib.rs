//! conntriage: says who filled the connection-tracking table, how, since when, and what it cost.
//! (The architecture page is written when the rooms stand.)

#[macro_use]
pub mod model;

pub mod parse;

pub mod wire;

pub mod detect;

pub mod census;

pub mod diagnose;

pub mod report;

#[allow(clippy::disallowed_methods, reason = "the one room that touches the world")]
pub mod edge;

pub mod cli;

pub mod app;
