//! Items of a table in words: what tests of table dialects compare.

use std::fmt::Write as _;
use std::net::IpAddr;

use conntriage::model::flow::{Flow, L4Part, Tuple};
use conntriage::model::fold::{FlowSink, Part, TableItem};

/// Items in words.
#[derive(Default)]
pub(crate) struct Said(pub(crate) Vec<String>);

impl Part for Said {
    fn join(mut self, right: Self) -> Self {
        self.0.extend(right.0);
        self
    }
}

impl FlowSink for Said {
    type Part = Self;
    fn take(&mut self, item: &TableItem) {
        self.0.push(match item {
            TableItem::Flow(flow) => entry(flow),
            TableItem::Expectation => "expectation".to_owned(),
            TableItem::Other => "of another list".to_owned(),
            TableItem::Listing => "-- another list --".to_owned(),
            TableItem::Shown(count) => format!("shown, says the tool: {count}"),
            TableItem::Damaged { kind, offset, raw } => {
                let raw = String::from_utf8_lossy(raw.get(..40).unwrap_or(raw)).into_owned();
                format!("damaged ({}) at {offset}: {raw:?}", kind.words())
            }
        });
    }
    fn finish(self) -> Self {
        self
    }
}

fn end(address: IpAddr, part: Option<u16>) -> String {
    part.map_or_else(|| address.to_string(), |part| format!("{address}#{part}"))
}

fn tuple(tuple: &Tuple) -> String {
    let (source, destination, more) = match tuple.l4 {
        L4Part::Ports { source, destination } | L4Part::Gre { source, destination } => {
            (Some(source), Some(destination), String::new())
        }
        L4Part::Icmp { kind, code, id } => (None, None, format!(" type {kind} code {code} id {id}")),
        L4Part::Absent => (None, None, String::new()),
    };
    format!("{} > {}{more}", end(tuple.source, source), end(tuple.destination, destination))
}

fn entry(flow: &Flow) -> String {
    let mut out =
        format!("{:?} {} ", flow.l3, flow.l4.name().map_or_else(|| flow.l4.0.to_string(), str::to_owned));
    write!(out, "{} ", flow.remaining.map_or_else(|| "untimed".to_owned(), |seconds| format!("{seconds} s")))
        .unwrap();
    if let Some(state) = flow.state {
        write!(out, "{state:?} ").unwrap();
    }
    write!(out, "{:?}: {} | {}", flow.replied, tuple(&flow.original), tuple(&flow.reply)).unwrap();
    if (flow.zones.original, flow.zones.reply) != (0, 0) {
        write!(out, ", zones {} and {}", flow.zones.original, flow.zones.reply).unwrap();
    }
    for (name, value) in [
        ("mark", flow.mark.filter(|mark| *mark != 0).map(u64::from)),
        ("age", flow.age_seconds),
        ("id", flow.id.map(u64::from)),
    ] {
        if let Some(value) = value {
            write!(out, ", {name} {value}").unwrap();
        }
    }
    for volume in [flow.original_volume, flow.reply_volume].into_iter().flatten() {
        write!(out, ", {}/{}", volume.packets, volume.bytes).unwrap();
    }
    out
}
