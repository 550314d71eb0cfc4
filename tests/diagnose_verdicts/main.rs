//! The diagnosis held against synthetic tables whose cause is known, look-alikes included.

mod addresses;
mod beside;
mod cases;
mod churn;
mod commands;
mod correlation;
mod datagrams;
#[path = "../first_lines/mod.rs"]
mod first_lines;
mod guards;
mod hints;
mod lasting;
mod limits;
mod lookalikes;
mod metamorphic;
mod nobody;
mod on_call;
mod one_way;
mod rate;
mod replays;
mod table;
mod told;
mod web8;
mod world;
