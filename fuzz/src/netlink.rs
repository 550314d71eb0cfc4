//! Messages of a ctnetlink dump: a walk over any bytes ends, looks at nothing beyond them, and whatever it takes for an
//! entry is read back from its line as the same entry.

use conntriage::model::flow::Flow;
use conntriage::model::fold::{FlowSink, Part, TableItem};
use conntriage::model::time::WallTime;
use conntriage::parse::table::ctnetlink::{Asked, Message, ends, messages, write};
use conntriage::parse::table::{self, TableDialect};

#[derive(Default)]
struct Flows(Vec<Flow>);

impl Part for Flows {
    fn join(self, _: Self) -> Self {
        self
    }
}

impl FlowSink for Flows {
    type Part = Self;

    fn take(&mut self, item: &TableItem) {
        match item {
            TableItem::Flow(flow) => self.0.push(flow.clone()),
            other => panic!("{other:?}"),
        }
    }

    fn finish(self) -> Self {
        self
    }
}

/// Holds the properties against one datagram. Its own first header says whose question it answers.
pub fn hold(datagram: &[u8]) {
    let word = |at: usize| {
        datagram.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_ne_bytes)
    };
    let asked = Asked { sequence: word(8), port: word(12), now: WallTime(1_790_000_000_000_000) };
    ends(datagram, asked);
    let mut said = 0;
    for message in messages(datagram, asked) {
        said += 1;
        if let Message::Entry(entry) = message {
            let mut text = Vec::new();
            write(&entry, &mut text);
            let mut flows = Flows::default();
            table::block(TableDialect::ConntrackList, &text, 0, &mut flows);
            assert_eq!(flows.0, [entry.flow], "{}", String::from_utf8_lossy(&text));
        }
    }
    // Every message has 16 bytes at least, and says two things at most.
    assert!(said <= datagram.len() / 8 + 1);
}
