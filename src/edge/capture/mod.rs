//! Capturing: the evidence of a full table, taken while it is full.
//!
//! [`netlink`] dumps the table, [`procfs`] where that is not to be had; [`facts`] reads what stands beside it, [`reading`]
//! says in words why something could not be read; [`namespaces`] finds and enters the namespace that is full and polls
//! all of them; [`owners`] says whose the busiest sources are; [`bundle`] keeps it all; [`mod@take`] does it in the order in
//! which it is of use: what changes at once first, the table next, the rest last.

pub mod bundle;
pub mod check;
pub mod clock;
pub mod destination;
pub mod facts;
pub mod health;
pub mod identity;
pub mod namespaces;
pub mod netlink;
pub mod owners;
mod procfs;
mod programs;
pub mod reading;
mod take;

pub use take::{Captured, Order, TABLE, TABLE_OF_PROC, busiest_owners, take};
