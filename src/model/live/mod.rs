//! What a watcher of a running machine sees, remembers and decides: values that pass between the threads of `edge`, the
//! policy in `steer` and the wiring in `app`.
//!
//! Reading order: the clocks ([`clock`]), one look at the counters ([`sample`]), what may happen ([`event`]), what is
//! then to be done ([`intent`]), what must not be forgotten over a restart ([`life`]), and what a person may choose
//! ([`policy`]).

pub mod attempt;
pub mod clock;
pub mod config;
pub mod event;
pub mod gap;
pub mod intent;
pub mod life;
pub mod message;
pub mod numbers;
pub mod policy;
pub mod position;
pub mod sample;
pub mod source;
