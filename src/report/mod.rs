//! The report view → text, Markdown, HTML. Pure functions from one view.
//!
//! [`escape`] makes bytes of strangers safe, [`spell`] makes words of values, [`phrase`] says a fact in words for all
//! formats. [`text`] lays out for a terminal; [`document`] puts the same facts into sections and blocks, which
//! [`html`] and [`markdown`] print. [`chart`] builds pictures and writes them as SVG.

pub mod chart;
mod document;
pub mod escape;
pub mod html;
pub mod mail;
pub mod markdown;
mod phrase;
mod scene;
pub mod spell;
pub mod text;
mod words;
