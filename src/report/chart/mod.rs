//! Pictures: built as shapes, each in a [`drawing::Role`]; written as SVG with classes (a page decides the colours) or
//! with colours of its own (a mail, a rasteriser).

pub mod drawing;
pub(super) mod grid;
pub(super) mod label;
pub mod svg;
pub mod timeline;
