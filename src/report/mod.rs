//! The report view → text (and later markdown, HTML, mail). Pure functions from one view.

pub mod escape;
pub mod spell;
pub mod text;
