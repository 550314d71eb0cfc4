//! The report view → text (and later markdown, HTML, mail). Pure functions from one view.
//!
//! [`escape`] makes bytes of strangers safe, [`spell`] makes words of values, [`text`] lays them out.

pub mod escape;
pub mod mail;
pub mod spell;
pub mod text;
