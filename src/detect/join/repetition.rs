//! `last message repeated` at the head of a piece: what it repeats stands at the end of the piece before.

use super::event::Said;
use super::{Counting, event};
use crate::model::piece::{HEAD_REPETITIONS_MAX, HeadRepetition, Loss, LossKind, Piece};
use crate::model::signal::Signal;

/// What a repetition comes to.
enum Meaning {
    /// What came before it is not known yet.
    Open,
    /// It repeats this.
    Again(Signal),
    /// It repeats something that is no signal.
    Nothing,
    /// It will never be known.
    Lost,
}

fn meaning(left: &Piece, repetition: &HeadRepetition) -> Meaning {
    let within_reach = left.repetitions_behind < HEAD_REPETITIONS_MAX as u64;
    match &left.last_record {
        None if within_reach => Meaning::Open,
        Some(last) if within_reach && last.host == repetition.key.host => {
            last.signal.clone().map_or(Meaning::Nothing, Meaning::Again)
        }
        _ => Meaning::Lost,
    }
}

/// Understands a repetition that stands right behind a piece, and counts it there. Its rollovers and
/// restarts are those of the piece.
pub(crate) fn settle(into: &mut Counting<'_>, repetition: HeadRepetition) {
    let meaning = meaning(into.piece, &repetition);
    let boots = into.piece.boots_of(repetition.key.host.as_deref(), false);
    let boot_index = boots.saturating_add(repetition.restarts);
    into.piece.repetitions_behind = into.piece.repetitions_behind.saturating_add(1);
    match meaning {
        Meaning::Nothing => {}
        Meaning::Open => into.piece.head_repetitions.push(repetition),
        Meaning::Again(signal) => {
            let HeadRepetition { key, moment, rollover, times, raw, .. } = &repetition;
            let said = Said { key, moment: *moment, rollover: *rollover, boot_index, raw };
            event::again(into, &said, &signal, *times);
        }
        Meaning::Lost => {
            let HeadRepetition { key, moment, rollover, times, .. } = repetition;
            let kind = LossKind::UnknownRepetition;
            let loss = Loss { moment, host: key.host, rollover, boot_index, count: Some(times), kind };
            event::lose(into.piece, loss);
        }
    }
}
