//! Records in byte order → a piece. Nothing is inferred.

use crate::model::fold::RecordSink;
use crate::model::piece::Piece;
use crate::model::record::Record;

/// The sink that sums records up.
#[derive(Debug, Default)]
pub struct Scan {
    piece: Piece,
}

impl RecordSink for Scan {
    type Part = Piece;

    fn take(&mut self, record: &Record<'_>) {
        self.piece.records += u64::from(record.moment.offset < u64::MAX);
    }

    fn finish(self) -> Piece {
        self.piece
    }
}
