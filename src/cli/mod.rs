//! Arguments → plan. What was typed ([`args`]) is checked whole before anything is opened ([`plan`]); nothing deeper
//! in the house sees a flag. [`exit`] says what the program answers.

pub mod args;
pub mod config;
pub mod exit;
pub mod plan;
pub mod scenario;
