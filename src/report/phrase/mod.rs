//! What the report says about a fact, in words, before anybody lays it out: every format takes its phrases and its
//! numbers from here, so that they cannot differ.

pub(super) mod around;
pub(super) mod cause;
pub(super) mod cost;
pub(super) mod holds;
pub(super) mod opening;
pub(super) mod read;
pub(super) mod remedy;
pub(super) mod source;
pub(super) mod table;
pub(super) mod when;
