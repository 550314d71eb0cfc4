//! The kernel's ring.
use std::sync::Arc;

use super::Options;
use super::bell::Bell;
use super::hand::Hand;
use crate::model::fold::RecordSink;
use crate::model::live::position::{Place, Position};

pub(super) fn run<S: RecordSink + Default>(
    position: Option<Position>,
    _: &Options,
    _: &Arc<Bell>,
    hand: Hand<S>,
) {
    let position = position.unwrap_or(Position { stream: 0, place: Place::Stream });
    hand.end(position, Some("is not built yet".to_owned()), super::LAST_PATIENCE);
}
