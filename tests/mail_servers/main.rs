//! Mail on its way: to relays that go wrong, to a real MTA, through a full table, and with processes that are killed on the
//! way. Names begin with the fault that is made.

#![allow(clippy::disallowed_methods, reason = "tests run programs and read files")]

#[path = "../common/mod.rs"]
mod common;
mod exim;
mod faults;
mod full;
mod killed;
mod kit;
mod locked;
mod units;
