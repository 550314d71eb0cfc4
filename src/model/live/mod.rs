//! What a watcher of a running machine sees, remembers and decides: values that pass between the threads of `edge`, the
//! policy in `steer` and the wiring in `app`.

pub mod clock;
pub mod gap;
pub mod position;
pub mod sample;
pub mod source;
