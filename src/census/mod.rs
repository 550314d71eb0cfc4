//! Flows → census, in two looks: who holds the table, and how the leaders hold it (FOLDS.md §B).

use std::net::IpAddr;

use crate::model::census::{Census, LeaderKey};
use crate::model::fold::{FlowSink, Part, TableItem};

/// First look, one worker.
#[derive(Debug, Default)]
pub struct WhoSink {}
/// First look, a part of a table.
#[derive(Debug, Default)]
pub struct WhoPart {}
/// Second look, one worker.
#[derive(Debug, Default)]
pub struct HowSink {}
/// Second look, a part of a table.
#[derive(Debug, Default)]
pub struct HowPart {}

impl Part for WhoPart {
    fn join(self, _right: Self) -> Self {
        self
    }
}

impl Part for HowPart {
    fn join(self, _right: Self) -> Self {
        self
    }
}

impl FlowSink for WhoSink {
    type Part = WhoPart;
    fn take(&mut self, _item: &TableItem) {}
    fn finish(self) -> WhoPart {
        WhoPart::default()
    }
}

impl FlowSink for HowSink {
    type Part = HowPart;
    fn take(&mut self, _item: &TableItem) {}
    fn finish(self) -> HowPart {
        HowPart::default()
    }
}

impl HowSink {
    /// A worker of the second look, which describes exactly these keys.
    pub fn new(leaders: &[LeaderKey]) -> Self {
        let _ = leaders;
        Self::default()
    }
}

/// The keys the second look describes: the leaders of each tally, and every local address.
pub fn leaders(who: &WhoPart, local: &[IpAddr]) -> Vec<LeaderKey> {
    let _ = (who, local);
    Vec::new()
}

/// Both looks together.
pub fn census(who: WhoPart, how: HowPart) -> Census {
    let _ = (who, how);
    Census::default()
}
