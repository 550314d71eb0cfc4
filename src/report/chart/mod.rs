//! Pictures: built as shapes, each in a [`drawing::Role`]; written as SVG with classes (a page decides the colours) or
//! with colours of its own, or as PNG (a mail).

pub mod drawing;
pub(super) mod grid;
pub(super) mod label;
pub mod png;
pub mod svg;
pub mod timeline;
