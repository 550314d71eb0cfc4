//! The diagnosis held against synthetic tables whose cause is known, look-alikes included.

mod beside;
mod cases;
mod churn;
mod commands;
mod correlation;
mod metamorphic;
mod nobody;
mod rate;
mod table;
mod web8;
mod world;
