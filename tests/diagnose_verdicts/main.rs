//! The diagnosis held against synthetic tables whose cause is known, look-alikes included.

mod addresses;
mod beside;
mod cases;
mod commands;
mod correlation;
mod guards;
mod hints;
mod metamorphic;
mod nobody;
mod rate;
mod table;
mod web8;
mod world;
