//! The only room that touches the world, and it owns every thread.

pub mod capture;
pub mod configured;
pub mod deliver;
pub mod follow;
pub mod live;
pub mod output;
pub mod progress;
pub mod read;
pub mod store;
pub mod textfile;
pub mod zone;
