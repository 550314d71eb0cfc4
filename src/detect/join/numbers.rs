//! The kernel's record numbers: a gap is a loss, a restart is another boot, within a piece and where two are joined.

use crate::model::piece::{Loss, LossKind, Numbers, Piece};
use crate::model::time::Moment;

/// What lies between two numbered records that follow one another.
enum Between {
    /// Nothing.
    Nothing,
    /// So many records were lost.
    Missing(u64),
    /// The numbers began again: another boot.
    Restart,
}

fn between(before: &Moment, behind: &Moment) -> Between {
    let (Some(last), Some(next)) = (before.seq, behind.seq) else { return Between::Nothing };
    if next < last || (next == last && behind.since_boot_us < before.since_boot_us) {
        return Between::Restart;
    }
    match next.saturating_sub(last).saturating_sub(1) {
        0 => Between::Nothing,
        missing => Between::Missing(missing),
    }
}

/// The numbers of a moment's record, if it has one.
pub(crate) fn of(moment: &Moment) -> Option<Numbers> {
    moment.seq.map(|_| Numbers { first: *moment, boots_before: 0, last: *moment })
}

/// Goes on from the last numbered record of a piece to further ones. A restart is counted at once, since everything
/// numbered behind the cut stands behind it; a loss is handed back, since it has its place among the further losses.
/// `further.boots_before` counts from the cut.
pub(crate) fn pass(piece: &mut Piece, mut further: Numbers) -> Option<Loss> {
    let Some(known) = &mut piece.numbers else {
        further.boots_before = further.boots_before.saturating_add(piece.boots_of_all);
        piece.numbers = Some(further);
        return None;
    };
    let before = std::mem::replace(&mut known.last, further.last);
    match between(&before, &further.first) {
        Between::Nothing => None,
        Between::Restart => {
            piece.restarts = piece.restarts.saturating_add(1);
            piece.boots = piece.boots.saturating_add(1);
            None
        }
        Between::Missing(count) => Some(Loss {
            moment: further.first,
            host: None,
            // Numbered records carry no wall time, so no year turns.
            rollover: 0,
            boot_index: piece.boots_of(None, true).saturating_add(further.boots_before),
            count: Some(count),
            kind: LossKind::KernelRecords,
        }),
    }
}
