//! Popular advice that does nothing, by family of causes, with the reason.

mod limits;
mod one_way;

pub(crate) use limits::*;
pub(crate) use one_way::*;
