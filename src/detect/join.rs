//! The join of pieces and of runs (FOLDS.md §A). Associative; the empty piece is neutral.

use crate::model::fold::Part;
use crate::model::piece::Piece;

impl Part for Piece {
    fn join(self, right: Self) -> Self {
        if self == Self::default() { right } else { self }
    }
}
